"""The document of a result or a failure, redacted and of a readable length; and tables of items.

May import files and the rooms below it.
"""
