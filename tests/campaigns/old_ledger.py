"""A ledger of version 1, as the package made it then, with a job in the middle of its work."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg

from wati.campaigns.database import APPLICATION_ID

# {key}: how a number that counts up is declared.
TABLES = """
CREATE TABLE jobs (
    id {key} NOT NULL, place VARCHAR NOT NULL, name VARCHAR NOT NULL, kind VARCHAR NOT NULL,
    state VARCHAR NOT NULL, content VARCHAR NOT NULL, plan JSON NOT NULL, summary JSON NOT NULL,
    digest VARCHAR NOT NULL, head_count INTEGER NOT NULL, round INTEGER NOT NULL, planned_at FLOAT NOT NULL,
    started_at FLOAT, ended_at FLOAT, problem VARCHAR NOT NULL, PRIMARY KEY (id), UNIQUE (place, name)
);
CREATE TABLE ledger_version (version INTEGER NOT NULL);
CREATE TABLE pace (
    place VARCHAR NOT NULL, next_at FLOAT NOT NULL, paused_until FLOAT NOT NULL, PRIMARY KEY (place)
);
CREATE TABLE workers (
    id {key} NOT NULL, place VARCHAR NOT NULL, name VARCHAR NOT NULL, beats INTEGER NOT NULL,
    seen_at FLOAT NOT NULL, state VARCHAR NOT NULL, PRIMARY KEY (id), UNIQUE (name)
);
CREATE TABLE job_rows (
    job INTEGER NOT NULL, position INTEGER NOT NULL, chunk INTEGER NOT NULL, receiver VARCHAR NOT NULL,
    person VARCHAR NOT NULL, name VARCHAR NOT NULL, content JSON NOT NULL, message VARCHAR NOT NULL,
    zone VARCHAR NOT NULL, state VARCHAR NOT NULL, reason VARCHAR NOT NULL, detail VARCHAR NOT NULL,
    worker INTEGER, claimed_at FLOAT, settled_at FLOAT, answered VARCHAR NOT NULL,
    message_id VARCHAR NOT NULL, send INTEGER, delivery VARCHAR NOT NULL, delivery_code VARCHAR NOT NULL,
    delivered_at FLOAT, reply VARCHAR NOT NULL, looked_at FLOAT, PRIMARY KEY (job, position),
    FOREIGN KEY(job) REFERENCES jobs (id), FOREIGN KEY(worker) REFERENCES workers (id)
);
CREATE INDEX job_rows_message ON job_rows (message);
CREATE INDEX job_rows_people ON job_rows (person, settled_at);
CREATE UNIQUE INDEX job_rows_person ON job_rows (job, person) WHERE state != 'left_out';
CREATE INDEX job_rows_state ON job_rows (job, state, chunk);
"""
_ROW = (
    "INSERT INTO job_rows VALUES (1, {position}, 0, '1415555000{position}', '1415555000{position}', 'Ann', "
    "'{{\"customParams\": []}}', 'm{position}', '', '{state}', '', '', {worker}, NULL, NULL, '', '', NULL, "
    "'', '', NULL, '', NULL)"
)
ROWS = (
    "INSERT INTO ledger_version VALUES (1)",
    "INSERT INTO workers (place, name, beats, seen_at, state) VALUES ('sandbox', 'old', 3, 5.0, 'working')",
    "INSERT INTO jobs (place, name, kind, state, content, plan, summary, digest, head_count, round, "
    "planned_at, problem) "
    "VALUES ('sandbox', 'spring', 'campaign', 'running', 'c', '{\"a\": [1]}', '{}', 'd', 3, 0, 1.0, '')",
    "INSERT INTO pace VALUES ('sandbox', 7.0, 0.0)",
    _ROW.format(position=0, state="accepted", worker=1),
    _ROW.format(position=1, state="claimed", worker=1),
    _ROW.format(position=2, state="planned", worker="NULL"),
)


def make(address: str) -> None:
    if "://" in address:
        with psycopg.connect(address) as db:
            for statement in (TABLES.format(key="SERIAL"), *ROWS):
                db.execute(statement.encode())
        return
    Path(address).parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(address)) as db, db:
        db.executescript(TABLES.format(key="INTEGER"))
        for statement in ROWS:
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
