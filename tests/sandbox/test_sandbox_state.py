"""The state file: where it lives, what it survives, who may use it at once."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest

from conftest import SANDBOX
from wati.sandbox import (
    State,
    StateError,
    control,
    formats,
    history,
    ownership,
    seeding,
    state_path,
    store,
    transport,
    world,
)
from wati.sandbox.formats import epoch

SCRIPTS = Path(control.__file__).parents[2]
V1 = "/wati/api/v1"


def ids(path):
    with State(path).transaction() as tx:
        return [row["id"] for row in tx.rows("SELECT id FROM contacts ORDER BY number")] + [tx.new_uuid()]


def test_the_same_seed_gives_the_same_world(tmp_path):
    worlds = []
    for name, number in (("a", 7), ("b", 7), ("c", 8)):
        control.reset(tmp_path / name, now="2026-01-05T12:00:00Z", ids=number)
        worlds.append(ids(tmp_path / name))
    assert worlds[0] == worlds[1] != worlds[2]
    control.reset(tmp_path / "d")
    control.reset(tmp_path / "e")
    assert ids(tmp_path / "d") != ids(tmp_path / "e")


def test_ids_have_the_shapes_of_the_real_ones(state_file):
    found = ids(state_file)
    assert all(len(one) == 24 and int(one, 16) >= 0 for one in found[:-1])
    assert [len(part) for part in found[-1].split("-")] == [8, 4, 4, 4, 12]


def test_a_fixed_clock_stands_still_and_advances(state_file):
    assert control.advance(state_file, 0)["now"] == "2026-01-05T12:00:00.000Z"
    assert control.advance(state_file, 90)["now"] == "2026-01-05T12:01:30.000Z"
    assert control.advance(state_file, 0)["now"] == "2026-01-05T12:01:30.000Z"
    for wrong in (-1, float("nan"), float("inf"), 1e12):
        with pytest.raises(control.InvalidInput):
            control.advance(state_file, wrong)
    with pytest.raises(control.InvalidInput):
        control.reset(state_file, now="soon")


def test_without_a_fixed_time_the_clock_is_the_real_one(tmp_path):
    control.reset(tmp_path / "a")
    assert abs(formats.epoch(control.advance(tmp_path / "a", 3600)["now"]) - time.time() - 3600) < 5


def test_the_seed_is_valid_by_its_own_schema(state_file):
    with State(state_file).transaction() as tx:
        seed = world.default(tx.now)
    assert len(seed["contacts"]) == 57
    assert seeding.problems(seed) == []


def test_a_seed_adds_to_the_world(world):
    counts = control.seed(
        world.path,
        {
            "contacts": [{"whatsappNumber": "15550001111", "name": "Eve", "created": "2025-12-24"}],
            "messages": [
                {"whatsappNumber": "15550001111", "text": "hi", "age": 60},
                {
                    "whatsappNumber": "15550001111",
                    "text": "earlier",
                    "at": "2026-01-01T00:00:00Z",
                    "owner": True,
                },
            ],
            "templates": [{"elementName": "extra", "status": "APPROVED", "body": "Hi {{x}}"}],
            "operators": [{"email": "New@Example.com"}],
            "media": [{"fileName": "data/x.txt", "contentType": "text/plain", "base64": "aGk="}],
            "not_on_whatsapp": ["15550002222"],
        },
    )
    assert counts == {
        "contacts": 1, "messages": 2, "templates": 1, "operators": 1, "media": 1, "not_on_whatsapp": 1
    }  # fmt: skip
    assert [row["text"] for row in world.messages("15550001111")] == ["hi", "earlier"]
    sent = world.post(f"{V1}/sendSessionMessage/15550001111", data={"messageText": "hello"})
    assert sent.json()["ok"] is True
    assigned = world.post(f"{V1}/assignOperator?email=new@example.com&whatsappNumber=15550001111")
    assert assigned.json()["result"] is True
    assert world.get(f"{V1}/getMedia?fileName=data/x.txt").text == "hi"


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {"people": []},
        {"contacts": [{"name": "no number"}]},
        {"contacts": [{"whatsappNumber": "+1415"}]},
        {"contacts": [{"whatsappNumber": "15550001111", "created": "yesterday"}]},
        {"media": [{"fileName": "a", "contentType": "b", "base64": "?"}]},
    ],
)
def test_a_wrong_seed_changes_nothing(state_file, wrong):
    before = ids(state_file)[:-1]
    with pytest.raises(control.InvalidInput):
        control.seed(state_file, wrong)
    assert ids(state_file)[:-1] == before


# --- files ---


def test_a_file_is_made_on_first_use(tmp_path):
    control.log(tmp_path / "deep" / "down" / "sandbox.sqlite")
    assert (tmp_path / "deep" / "down" / "sandbox.sqlite").is_file()


def test_where_the_file_lives(tmp_path, monkeypatch):
    monkeypatch.setenv("WATI_SANDBOX_STATE", str(tmp_path / "named"))
    assert state_path() == str(tmp_path / "named")
    assert state_path(tmp_path / "given") == str(tmp_path / "given")
    monkeypatch.setenv("WATI_SANDBOX_STATE", "  ")
    home = tmp_path / "home"
    monkeypatch.setattr(os.path, "expanduser", lambda text: text.replace("~", str(home)))
    folders = {
        "linux": ".local/state",
        "darwin": "Library/Application Support",
        "win32": "AppData/Local",
    }
    variables = {"linux": "XDG_STATE_HOME", "darwin": "", "win32": "LOCALAPPDATA"}
    for variable in filter(None, variables.values()):
        monkeypatch.delenv(variable, raising=False)
    for platform, folder in folders.items():
        monkeypatch.setattr(sys, "platform", platform)
        old = home / folder / "wati-skill" / "sandbox.sqlite"
        assert Path(state_path()) == old
        if variable := variables[platform]:
            for useless in ("", " ", "relative/folder"):
                monkeypatch.setenv(variable, useless)
                assert Path(state_path()) == old
            new = tmp_path / platform / "wati-skill" / "sandbox.sqlite"
            monkeypatch.setenv(variable, str(tmp_path / platform))
            assert Path(state_path()) == new
            old.touch()  # what an earlier version wrote is still used
            assert Path(state_path()) == old
            new.touch()
            assert Path(state_path()) == new


def test_where_the_home_cannot_be_written_the_temporary_folder_serves(tmp_path, monkeypatch):
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, not a folder", encoding="utf-8")
    for variable in ("WATI_SANDBOX_STATE", "XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda text: text.replace("~", str(blocked)))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    found = Path(state_path())
    assert found.parent.parent == tmp_path
    assert found.name == "sandbox.sqlite"
    if hasattr(os, "getuid"):
        assert found.parent.name.endswith(str(os.getuid()))
        assert found.parent.stat().st_mode & 0o777 == 0o700
        # A link that someone else may have put there is not followed.
        found.parent.rmdir()
        found.parent.symlink_to(tmp_path, target_is_directory=True)
        with pytest.raises(StateError):
            state_path()


def test_asking_for_the_place_imports_no_database_and_no_http_client():
    code = (
        f"import sys; sys.path.insert(0, {str(SCRIPTS)!r})\n"
        "from wati.sandbox import StateError, state_path\n"
        "print(sorted({'httpx', 'jsonschema', 'sqlite3'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def break_version(path):
    with sqlite3.connect(path) as db:
        db.execute("UPDATE meta SET value = '0' WHERE key = 'schema'")
    db.close()


def break_tables(path):
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE connections")
    db.close()


def break_bytes(path):
    Path(path).write_bytes(b"not a database at all " * 100)


@pytest.mark.parametrize("damage", [break_version, break_bytes])
def test_an_old_or_damaged_file_names_the_way_out(state_file, damage):
    damage(state_file)
    with pytest.raises(StateError, match="reset"):
        transport(state_file)
    with pytest.raises(StateError, match="reset"):
        control.log(state_file)
    control.reset(state_file)
    assert control.log(state_file) == []


def test_a_damaged_file_is_kept_aside(state_file):
    break_bytes(state_file)
    control.reset(state_file)
    assert Path(f"{state_file}.damaged").read_bytes().startswith(b"not a database")


THEIRS = {
    "tables": "CREATE TABLE precious (x)",
    "a table meta": "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "our version in a table meta": (
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);"
        "INSERT INTO meta VALUES ('schema', '1')"
    ),
    "our tables and one more": f"{store._SCHEMA}; CREATE TABLE precious (x)",
    "our tables but one": store._SCHEMA.replace("CREATE TABLE strangers (number TEXT PRIMARY KEY);", ""),
    "our tables under their id": f"{store._SCHEMA}; PRAGMA application_id = 1",
    "no table yet": "PRAGMA user_version = 7",
    "a view": "CREATE VIEW precious AS SELECT 1",
    "a log": "PRAGMA journal_mode = WAL; CREATE TABLE meta (x); INSERT INTO meta VALUES (1)",
}


@pytest.mark.parametrize("theirs", THEIRS)
@pytest.mark.parametrize("left_open", [False, True])
def test_another_programs_database_is_left_alone(theirs, left_open, tmp_path, call):
    path = tmp_path / "their folder %20" / "database"
    path.parent.mkdir()
    db = sqlite3.connect(path)
    db.executescript(THEIRS[theirs])
    db.commit()
    if not left_open:
        db.close()

    def files():
        return {
            file.name: file.read_bytes() for file in path.parent.iterdir() if file.suffix != ".sqlite-shm"
        }

    before = files()
    for use in (control.log, control.reset, transport, lambda at: control.seed(at, {})):
        with pytest.raises(StateError, match="another program") as refused:
            use(path)
        assert "reset" not in str(refused.value)
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / "sandbox.py"), "reset", "--state", str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 3 and "reset" not in done.stdout
    hello = {"whatsappNumber": "14155551234", "messageText": "x"}
    run = call("send_session_message", hello, **SANDBOX, WATI_SANDBOX_STATE=str(path))
    assert (run.error["code"], run.error["outcome"]) == ("bad_setup", "not_sent")
    assert files() == before
    db.close()


@pytest.mark.parametrize("version", [1, 2])
def test_a_file_of_an_older_version_is_ours_and_names_the_way_out(version, tmp_path):
    path, schemas = tmp_path / "old", store._WITHOUT_ID
    assert len({*schemas, store._SCHEMA}) == 3 and "UNIQUE (account, name))" in schemas[0]
    with sqlite3.connect(path) as db:
        db.executescript(f"{schemas[version - 1]}; INSERT INTO meta VALUES ('schema', '{version}')")
    db.close()
    with pytest.raises(StateError, match=r"another version.*reset"):
        control.log(path)
    control.reset(path)
    assert control.log(path) == []
    with State(path).transaction() as tx:
        assert tx.count("PRAGMA application_id") == ownership.APPLICATION_ID


JOURNALS = {
    "with the id": f"CREATE TABLE x (x); PRAGMA application_id = {int.from_bytes(b'WaJo', 'big')}",
    "of the first version": "CREATE TABLE secret (x); CREATE TABLE sends (x); CREATE TABLE messages (x)",
    "empty": "",
}
NO_JOURNALS = {
    "tables": "CREATE TABLE precious (x)",
    "one table more": f"{JOURNALS['of the first version']}; CREATE TABLE precious (x)",
    "another id": f"{JOURNALS['of the first version']}; PRAGMA application_id = 1",
    "a log": "PRAGMA journal_mode = WAL; CREATE TABLE precious (x)",
}


@pytest.mark.parametrize("name", [*JOURNALS, *NO_JOURNALS, "a text", "a folder", "owners with a text"])
def test_a_fresh_world_forgets_the_sends_and_nothing_of_others(name, state_file):
    control.reset(state_file)
    sends, owners = Path(f"{state_file}-sends"), Path(f"{state_file}-sends-owners")
    if name == "a folder":
        sends.mkdir()
    elif name == "a text":
        sends.write_text("Dear diary")
    else:
        db = sqlite3.connect(sends)
        db.executescript({**JOURNALS, **NO_JOURNALS}.get(name, JOURNALS["empty"]))
        db.close()
    owners.write_text("precious" if name == "owners with a text" else "")
    before = sends.read_bytes() if sends.is_file() else None
    control.reset(state_file)
    if name in JOURNALS:
        assert not sends.exists() and not owners.exists()
    elif name == "owners with a text":
        assert owners.read_text() == "precious"
    else:
        assert (sends.read_bytes() if sends.is_file() else None) == before and sends.exists()
        assert {path.name for path in sends.parent.iterdir()} >= {sends.name}


@pytest.mark.skipif(os.name != "posix", reason="locks that a process loses are POSIX's")
def test_to_look_whose_it_is_frees_no_lock_of_another_thread(state_file):
    """POSIX frees all locks of a process when it closes any descriptor of the file."""
    control.reset(state_file)
    write = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"
    with State(state_file).transaction():
        ownership.claim(str(state_file), store._WITHOUT_ID)
        other = subprocess.run(
            [sys.executable, "-c", write, str(state_file)], capture_output=True, check=False
        )
    assert other.returncode == 1 and b"locked" in other.stderr


def test_no_device_is_taken_for_a_state_file():
    for use in (control.log, control.reset):
        with pytest.raises(StateError, match="device"):
            use(os.devnull)


def test_a_file_that_is_kept_aside_replaces_none(tmp_path):
    path = tmp_path / "state"
    for content in (b"first", b"second", b"third"):
        other = tmp_path / "other"  # another file, not other bytes in a file that is known as ours
        other.write_bytes(content)
        other.replace(path)
        Path(f"{path}-journal").write_bytes(content)
        control.reset(path)
    for name, content in (("", b"first"), ("-2", b"second"), ("-3", b"third")):
        assert Path(f"{path}.damaged{name}").read_bytes() == content
        assert Path(f"{path}.damaged{name}-journal").read_bytes() == content


@pytest.mark.parametrize("damage", [break_version, break_tables, break_bytes])
def test_a_file_that_breaks_under_a_running_mount_is_a_500_that_names_the_way_out(world, damage):
    damage(world.path)
    answer = world.get("/connections")
    assert answer.status_code == 500
    assert "reset" in answer.json()["error"]["message"]
    control.reset(world.path)
    assert world.get("/connections").status_code == 200


def test_a_folder_is_no_state_file(tmp_path):
    with pytest.raises(StateError, match="folder"):
        State(tmp_path)


def test_old_requests_are_forgotten(world, monkeypatch):
    from wati.sandbox import app

    monkeypatch.setattr(app, "_REQUESTS_KEPT", 5)
    for _ in range(8):
        world.get("/connections")
    assert [row["seq"] for row in world.requests()] == [4, 5, 6, 7, 8]


def test_ten_thousand_contacts_page_by_index(world):
    world.seed(contacts=[{"whatsappNumber": str(15550000000 + n)} for n in range(10_000)])
    with sqlite3.connect(world.path) as db:
        plan = db.execute(
            "EXPLAIN QUERY PLAN SELECT id FROM contacts WHERE account = 'x' "
            "ORDER BY last_updated DESC, id LIMIT 100 OFFSET 5000"
        ).fetchall()
    db.close()
    assert "contacts_newest" in str(plan)
    assert "TEMP B-TREE" not in str(plan)
    start = time.monotonic()
    seen = set()
    for number in range(1, 102):
        page = world.get(f"{V1}/getContacts", params={"pageSize": 100, "pageNumber": number}).json()
        seen |= {contact["id"] for contact in page["contact_list"]}
    assert len(seen) == 10_057
    assert time.monotonic() - start < 10


# --- several processes ---

HAMMER = """
import sys
sys.path.insert(0, sys.argv[1])
import httpx
from wati.sandbox import transport
key = {"Authorization": "Bearer sandbox"}
with httpx.Client(transport=transport(sys.argv[2]), base_url="https://api.maton.ai", headers=key) as api:
    for number in range(int(sys.argv[4])):
        path = "/wati/api/v1/sendSessionMessage/14155551234"
        answer = api.post(path, data={"messageText": f"{sys.argv[3]} {number}"})
        print(answer.status_code, flush=True)
"""


def hammer(path, name, count):
    command = [sys.executable, "-c", HAMMER, str(SCRIPTS), str(path), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def answers(process):
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    return out.split()


def test_two_processes_on_one_file_lose_and_double_nothing(state_file):
    both = [hammer(state_file, name, 150) for name in ("a", "b")]
    assert [answers(process) for process in both] == [["200"] * 150] * 2
    texts = Counter(row["text"] for row in control.log(state_file))
    assert texts == Counter(f"{name} {number}" for name in "ab" for number in range(150))
    sequence = [row["seq"] for row in control.log(state_file)]
    assert sequence == list(range(1, 301))
    assert len(control.requests(state_file)) == 300


def test_processes_that_create_the_file_at_once_make_one_world(tmp_path):
    path = tmp_path / "sandbox.sqlite"
    crowd = [hammer(path, str(number), 1) for number in range(4)]
    assert [answers(process) for process in crowd] == [["200"]] * 4
    with State(path).transaction() as tx:
        assert tx.count("SELECT COUNT(*) FROM contacts") == 57
    assert len(control.log(path)) == 4


def test_two_processes_share_the_limits(tmp_path):
    path = tmp_path / "sandbox.sqlite"
    control.reset(path)
    start = time.monotonic()
    both = [hammer(path, name, 200) for name in ("a", "b")]
    got = Counter(status for process in both for status in answers(process))
    seconds = time.monotonic() - start
    assert got["200"] + got["429"] == 400
    assert 10 <= got["200"] <= 10 * (int(seconds) + 2)
    assert got["429"] > 0
    assert len(control.log(path)) == got["200"]


def test_a_killed_process_leaves_its_deliveries_and_no_broken_file(state_file):
    for _ in range(3):
        before = len(control.log(state_file))
        process = hammer(state_file, "k", 100_000)
        assert process.stdout is not None
        for _ in range(20):
            process.stdout.readline()
        process.kill()
        heard = 20 + len(process.stdout.read().split())
        process.wait(timeout=10)
        process.stdout.close()
        delivered = len(control.log(state_file)) - before
        # The one that was under way may have happened without its answer.
        assert delivered - heard in (0, 1)


# --- time ---------------------------------------------------------------------------------------------------


def newest_by_john(path):
    with State(path).transaction() as tx:
        return history.rows(tx, "sandbox-main", "14155551234", limit=1)[0]["created"], tx.now


def test_the_times_of_a_fresh_world_do_not_move_while_it_is_read(tmp_path, monkeypatch):
    path, real = str(tmp_path / "w.sqlite"), time.time()
    seen = []
    for passed in (0, 1.7, 60, 3600, 11.9 * 3600):
        monkeypatch.setattr(time, "time", lambda passed=passed: real + passed)
        seen.append(newest_by_john(path)[0])
    assert len(set(seen)) == 1


def test_a_window_that_was_open_in_a_fresh_world_stays_open_for_days(tmp_path, monkeypatch):
    path, real = str(tmp_path / "w.sqlite"), time.time()
    for passed in (0, 13, 25, 24 * 30):
        monkeypatch.setattr(time, "time", lambda passed=passed: real + passed * 3600)
        with State(path).transaction() as tx:
            assert history.window_open(tx, "sandbox-main", "14155551234")
            assert not history.window_open(tx, "sandbox-main", "14155555678")


def test_a_row_that_is_seeded_later_has_its_age(tmp_path, monkeypatch):
    path, real = str(tmp_path / "w.sqlite"), time.time()
    newest_by_john(path)
    monkeypatch.setattr(time, "time", lambda: real + 5 * 3600)
    row = {"whatsappNumber": "14155551234", "text": "a minute ago", "age": 60, "floating": True}
    control.seed(path, {"messages": [row]})
    created, now = newest_by_john(path)
    assert epoch(created) == pytest.approx(now - 60, abs=1)
