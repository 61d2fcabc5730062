"""What an endpoint is, what its answers mean and how a call can fail: data and pure functions.

Imports nothing of the other rooms. Loading a declaration is all that `--help` costs, so nothing heavy is
imported before it is needed.
"""
