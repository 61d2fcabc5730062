"""What the far side knows: connections, templates, contacts, conversations and their 24-hour windows.

May import output and the rooms below it.
"""
