"""The send journal: who was sent what and what became of it; stops repeats, and looks for what is unknown.

May import: reads, output, arguments, files, wire, contract.
"""
