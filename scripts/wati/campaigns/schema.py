"""The tables of the ledger, one schema for SQLite and PostgreSQL, and the steps from older versions.

All times are epoch seconds by the clock of the database's machine (`database.now`).
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    false,
    text,
)

from wati.campaigns.records import Row

metadata = MetaData()

version = Table("ledger_version", metadata, Column("version", Integer, nullable=False))

jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("place", String, nullable=False),  # the far side: others' jobs are not seen
    Column("name", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("state", String, nullable=False),
    Column("content", String, nullable=False),
    Column("plan", JSON, nullable=False),
    Column("summary", JSON, nullable=False, default=dict),
    Column("digest", String, nullable=False, default=""),
    Column("head_count", Integer, nullable=False, default=0),
    Column("round", Integer, nullable=False, default=0),  # how often its chunks were given to the engine
    Column("planned_at", Float, nullable=False),
    Column("started_at", Float),
    Column("ended_at", Float),
    Column("problem", String, nullable=False, default=""),
    UniqueConstraint("place", "name"),
)

rows = Table(
    "job_rows",
    metadata,
    Column("job", ForeignKey("jobs.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("chunk", Integer, nullable=False),
    Column("receiver", String, nullable=False),
    Column("person", String, nullable=False),
    Column("name", String, nullable=False),
    Column("content", JSON, nullable=False),
    Column("message", String, nullable=False),  # the digest of what this person gets, from any job
    Column("zone", String, nullable=False, default=""),
    Column("state", String, nullable=False),
    Column("reason", String, nullable=False, default=""),
    Column("detail", String, nullable=False, default=""),
    Column("worker", ForeignKey("workers.id")),
    Column("claimed_at", Float),
    Column("settled_at", Float),
    Column("answered", String, nullable=False, default=""),
    Column("message_id", String, nullable=False, default=""),
    Column("send", Integer),
    # What the report has seen of it.
    Column("delivery", String, nullable=False, default=""),
    Column("delivery_code", String, nullable=False, default=""),
    Column("replied_at", Float),
    Column("reply", String, nullable=False, default=""),
    Column("looked_at", Float),
    Column("claim", Integer, nullable=False, server_default="0"),  # how often it was claimed
    Column("again", Boolean, nullable=False, server_default=false()),  # a person wants it sent once more
)
# One person is in a job once.
Index(
    "job_rows_person",
    rows.c.job,
    rows.c.person,
    unique=True,
    sqlite_where=text("state != 'left_out'"),
    postgresql_where=text("state != 'left_out'"),
)
Index("job_rows_state", rows.c.job, rows.c.state, rows.c.chunk)
Index("job_rows_message", rows.c.message)
_CLAIMED = text("state = 'claimed'")
Index("job_rows_worker", rows.c.worker, sqlite_where=_CLAIMED, postgresql_where=_CLAIMED)
Index("job_rows_people", rows.c.person, rows.c.settled_at)

workers = Table(
    "workers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("place", String, nullable=False),
    Column("name", String, nullable=False, unique=True),
    Column("beats", Integer, nullable=False, default=0),
    Column("seen_at", Float, nullable=False),
    Column("state", String, nullable=False),
    Column("locked", Boolean, nullable=False, server_default=false()),  # holds a lock while it lives
)

# The pace of all workers together: when the last requests left, and until when all of them pause.
pace = Table(
    "pace",
    metadata,
    Column("place", String, primary_key=True),
    Column("turns", JSON, nullable=False, default=list),
    Column("paused_until", Float, nullable=False, default=0.0),
    Column("pause", Float, nullable=False, default=0.0),  # how long it was meant to be
)

ROW = tuple(rows.c[name] for name in Row._fields)
