"""The send journal: who was sent what. It refuses repeats, and finds out what became of a send."""
