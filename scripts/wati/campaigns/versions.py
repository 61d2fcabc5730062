"""The versions of the ledger's tables: makes them, and brings those of an older version up to date."""

from __future__ import annotations

import sqlalchemy as sql

from wati.campaigns import schema

# By the version that they lead to: statements that SQLite and PostgreSQL both understand.
STEPS: dict[int, tuple[str, ...]] = {
    # A row may be claimed more than once, and be sent again on purpose. A lock says at once that a worker
    # ended. The pace is by the last requests, and a clock that is set back makes no pause longer.
    2: (
        "ALTER TABLE job_rows ADD COLUMN claim INTEGER DEFAULT 0 NOT NULL",
        "ALTER TABLE job_rows ADD COLUMN again BOOLEAN DEFAULT FALSE NOT NULL",
        "CREATE INDEX job_rows_worker ON job_rows (worker) WHERE state = 'claimed'",
        "ALTER TABLE job_rows RENAME COLUMN delivered_at TO replied_at",
        "ALTER TABLE workers ADD COLUMN locked BOOLEAN DEFAULT FALSE NOT NULL",
        "DROP TABLE pace",
        "CREATE TABLE pace (place VARCHAR NOT NULL PRIMARY KEY, turns JSON NOT NULL, "
        "paused_until FLOAT NOT NULL, pause FLOAT NOT NULL)",
    ),
}
VERSION = max(STEPS)
_OURS = schema.version.name


class Unusable(Exception):
    """The database is another program's, or of another version."""


def is_current(connection: sql.Connection) -> bool:
    return _version(connection) == VERSION


def update(connection: sql.Connection) -> None:
    """Make the tables, or those changes that they lack. In a transaction that writes. Raises Unusable."""
    found = _version(connection)
    if found is None:
        theirs = {table.name for table in schema.metadata.sorted_tables} & set(_names(connection))
        if theirs:
            raise Unusable(f"another program's tables are there: {', '.join(sorted(theirs))}")
        schema.metadata.create_all(connection)
        connection.execute(schema.version.insert().values(version=VERSION))
        return
    if found > VERSION:
        raise Unusable("a newer version of this package has made it")
    for step in range(found + 1, VERSION + 1):
        for statement in STEPS[step]:
            connection.execute(sql.text(statement))
    connection.execute(schema.version.update().values(version=VERSION))


def _version(connection: sql.Connection) -> int | None:
    """The version of the tables; None if there are none."""
    if _OURS not in _names(connection):
        return None
    found: int | None = connection.execute(sql.select(schema.version.c.version)).scalar()
    if found is None:
        raise Unusable("it does not say of which version it is")
    return found


def _names(connection: sql.Connection) -> list[str]:
    return sql.inspect(connection).get_table_names()
