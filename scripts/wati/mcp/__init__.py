"""The MCP server: the tools of the catalogue for hosts that have nothing but tool calls.

May import every other room but cli.
"""
