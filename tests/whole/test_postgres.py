"""The server that other tests use: what its docstring promises."""

from __future__ import annotations

import psycopg
import pytest

from postgres import PASSWORD, Server, guarded


def test_each_database_is_new_and_takes_any_password_but_for_the_guarded_user(postgres: Server) -> None:
    first, second = postgres.database(), postgres.database()
    assert first != second and PASSWORD in first
    with psycopg.connect(first) as db:
        db.execute("CREATE TABLE one (a int)")
    with psycopg.connect(second) as db, pytest.raises(psycopg.errors.UndefinedTable):
        db.execute("SELECT * FROM one")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(guarded(first))


def test_what_was_committed_survives_a_crash_and_a_pause_keeps_connections(own_postgres: Server) -> None:
    address = own_postgres.database()
    with psycopg.connect(address, autocommit=True) as db:
        db.execute("CREATE TABLE one (a int)")
        own_postgres.stop()
        with pytest.raises(psycopg.OperationalError):
            db.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(address)
    own_postgres.start()
    with psycopg.connect(address, autocommit=True) as db:
        with own_postgres.paused(), pytest.raises(psycopg.errors.ConnectionTimeout):
            psycopg.connect(address, connect_timeout=1)
        assert db.execute("SELECT count(*) FROM one").fetchone() == (0,)
