"""Reads the arguments as JSON and reports every problem with them at once.

May import: wire, contract.
"""
