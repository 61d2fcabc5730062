"""Durable jobs: campaigns, which send one template to many, and imports of contacts.

A plan is made once and never changes. The ledger has one row for each person of it, and is the truth. An
engine hands out the chunks; whatever it loses or does twice, a row is claimed before its request leaves, and
nobody is sent to again.
"""
