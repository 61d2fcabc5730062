"""Asks a live account what the sandbox assumes, and says what is different.

A *question* is a request and the row of references/sandbox.md that its answer settles: data.
"""
