"""What the far side knows: connections, templates, contacts, conversations and their 24-hour windows."""
