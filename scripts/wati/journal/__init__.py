"""The send journal: who was sent what. It refuses repeats, and finds out what became of a send.

May import reads and the rooms below it.
"""
