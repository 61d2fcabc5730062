"""The command line of every script: flags, `--help`, one document on stdout, an exit code.

May import every other room.
"""
