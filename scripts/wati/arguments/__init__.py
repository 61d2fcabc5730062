"""Arguments in: JSON from the command line, and every problem with it at once.

May import: wire, contract.
"""
