"""What the endpoint scripts share: from the command line to the JSON document on stdout."""

__version__ = "1.0.0"
