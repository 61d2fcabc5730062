"""The watch over the folders of whoever runs the tests sees what it is for."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

import own_folders
from conftest import ENDPOINTS, KEY
from wati.cli.command import execute
from wati.contract.settings import Settings

HELLO = '{"whatsappNumber": "14155551234", "messageText": "x"}'


def test_a_send_without_a_journal_of_its_own_is_seen() -> None:
    environ = {"MATON_API_KEY": "sandbox"}
    assert execute(ENDPOINTS["send_session_message"], [HELLO], environ)[0] == 0
    assert any("home folder" in each for each in own_folders.left_behind())
    assert own_folders.left_behind() == []


@pytest.mark.skipif(os.name != "posix", reason="elsewhere there is no home but that of the variable")
def test_the_real_home_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    import pwd

    journal = os.path.expanduser(Settings({"MATON_API_KEY": KEY}).journal)
    assert journal.startswith(pwd.getpwuid(os.getuid()).pw_dir)
    with suppress(sqlite3.Error):
        sqlite3.connect(f"file:{journal}?mode=ro", uri=True).close()
    assert journal in " ".join(own_folders.left_behind())


def test_a_process_that_would_find_the_real_home_is_seen() -> None:
    subprocess.run([sys.executable, "-c", ""], env={}, check=True)
    assert "a process without HOME" in own_folders.left_behind()[0]
    subprocess.run([sys.executable, "-c", ""], check=True)
    assert own_folders.left_behind() == []


def test_a_folder_of_the_test_s_own_is_no_concern(tmp_path: Path) -> None:
    (tmp_path / "wati-skill").mkdir()
    (tmp_path / "wati-skill" / "a").touch()
    shutil.rmtree(tmp_path)
    assert own_folders.left_behind() == []
