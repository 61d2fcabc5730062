"""The block list's file: what is added and taken out, and that everything else stays as it was."""

from __future__ import annotations

import os
import stat
import threading
from functools import partial
from pathlib import Path

import pytest

from wati.contract.blocked import Blocked, entries
from wati.files import block_list
from wati.files.block_list import with_receiver, without_receiver

JOHN, JANE = "14155551234", "14155555678"
SPELLED = ("525512345678", "5215512345678")

ADDED = [  # (the file, whom, what it becomes)
    ("", JOHN, f"{JOHN}\n"),
    (f"{JANE}\n", JOHN, f"{JANE}\n{JOHN}\n"),
    (f"{JANE}", JOHN, f"{JANE}\n{JOHN}\n"),
    (f"{JANE}\r\n# why\r\n", JOHN, f"{JANE}\r\n# why\r\n{JOHN}\r\n"),
    (f"{JANE},  {JOHN} \n", JOHN, None),
    (f"\ufeff{JOHN}\r\n", JOHN, None),
    ("\ufeff", JOHN, f"\ufeff{JOHN}\n"),
    (f"# {JOHN}\n", JOHN, f"# {JOHN}\n{JOHN}\n"),
    (f"  # {JOHN}", JOHN, f"  # {JOHN}\n{JOHN}\n"),
    (f"{SPELLED[0]}\n", SPELLED[1], None),
    (f"{SPELLED[1]}\n", SPELLED[0], None),
    ("1415*\n", JOHN, f"1415*\n{JOHN}\n"),
    ("US.abc\n", "US.ABC", None),
]


@pytest.mark.parametrize(("text", "receiver", "expected"), ADDED)
def test_whoever_is_added_is_blocked_once(text: str, receiver: str, expected: str | None) -> None:
    found = with_receiver(text, receiver)
    assert found == (text if expected is None else expected)
    assert with_receiver(found, receiver) == found


REMOVED = [
    (f"{JOHN}\n", JOHN, ""),
    (f"# why\n{JOHN}\n{JANE}\n", JOHN, f"# why\n{JANE}\n"),
    (f"# why\r\n{JANE}\r\n{JOHN}", JOHN, f"# why\r\n{JANE}\r\n"),
    (f"{JANE}, {JOHN} ,1416*\r{JOHN}\r", JOHN, f"{JANE},1416*\r"),
    (f"\ufeff{JOHN}\n{JANE}\n", JOHN, f"\ufeff{JANE}\n"),
    (f"{SPELLED[0]},{SPELLED[1]}\n\n", SPELLED[1], "\n"),
    (f" , {JOHN},\n{JANE}\n", JOHN, f"{JANE}\n"),
    (f"# {JOHN}\n1415*\n", JOHN, f"# {JOHN}\n1415*\n"),
    (f"{JANE}\n \n\n", JOHN, f"{JANE}\n \n\n"),
]


@pytest.mark.parametrize(("text", "receiver", "expected"), REMOVED)
def test_whoever_is_taken_out_is_gone_and_nobody_else(text: str, receiver: str, expected: str) -> None:
    assert without_receiver(text, receiver) == expected


@pytest.mark.parametrize("text", [case[0] for case in ADDED + REMOVED])
def test_the_guard_reads_what_was_written(text: str, tmp_path: Path) -> None:
    """By the code that the guard itself uses, in a file."""
    path = tmp_path / "blocked.txt"
    path.write_bytes(text.encode())
    before = entries(f"@{path}")
    block_list.change(str(path), partial(with_receiver, receiver=SPELLED[0]))
    assert SPELLED[1] in Blocked(entries(f"@{path}"))
    assert set(before) <= set(entries(f"@{path}"))
    block_list.change(str(path), partial(without_receiver, receiver=SPELLED[1]))
    assert entries(f"@{path}") == [each for each in before if each not in SPELLED]


def test_the_file_keeps_its_mode_and_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_text(f"{JANE}\n")
    if os.name != "nt":
        real.chmod(0o640)
        link.symlink_to(real)
    path = link if os.name != "nt" else real
    assert block_list.change(str(path), partial(with_receiver, receiver=JOHN))
    assert real.read_text() == f"{JANE}\n{JOHN}\n"
    assert os.name == "nt" or (link.is_symlink() and stat.S_IMODE(real.stat().st_mode) == 0o640)
    assert not block_list.change(str(path), partial(with_receiver, receiver=JOHN))
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted({real.name, path.name})


def test_of_many_at_once_nobody_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "blocked.txt"
    path.write_text("# kept\n")
    numbers = [str(14155550000 + n) for n in range(24)]

    def add(some: list[str]) -> None:
        for number in some:
            block_list.change(str(path), partial(with_receiver, receiver=number))

    threads = [threading.Thread(target=add, args=(numbers[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(entries(f"@{path}")) == numbers and path.read_text().startswith("# kept\n")


def test_a_file_that_cannot_be_written_stays_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "blocked.txt"
    path.write_text(f"{JANE}\n")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        block_list.change(str(path), partial(with_receiver, receiver=JOHN))
    assert path.read_text() == f"{JANE}\n" and [each.name for each in tmp_path.iterdir()] == ["blocked.txt"]
