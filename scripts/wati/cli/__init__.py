"""The command line of every script: flags, `--help`, one document on stdout, an exit code."""
