"""What an endpoint is, what its answers mean and how a call can fail: data and pure functions.

Imports no other room. `--help` loads only a declaration, so nothing heavy is imported before it is needed.
"""
