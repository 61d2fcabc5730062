"""The document: what is shown of a result or a failure, redacted, of a readable length; and tables of items.

May import: arguments, files, wire, contract.
"""
