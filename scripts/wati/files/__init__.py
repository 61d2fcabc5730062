"""Files in and out, only inside WATI_FILE_ROOTS: uploads, downloads, WhatsApp's limits for media.

May import: wire, contract.
"""
