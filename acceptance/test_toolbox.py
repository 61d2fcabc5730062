"""The tools are fetched once; an interrupted installation starts over; NOT RUN if they are not available."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, TimeoutError
from pathlib import Path

import pytest
from browser import programs
from toolbox import HERE, NOT_RUN, NotRun, provide, server_packages
from users import Done


def toolbox(cache: Path, **variables: str) -> Done:
    environment = {"HOME": str(cache), "ACCEPTANCE_CACHE": str(cache), **variables}
    command = [sys.executable, str(HERE / "toolbox.py")]
    done = subprocess.run(
        command, env=environment, capture_output=True, encoding="utf-8", timeout=120, check=False
    )
    return Done(command, done.returncode, done.stdout, done.stderr)


def test_without_npm_it_is_not_run(tmp_path: Path) -> None:
    done = toolbox(tmp_path, PATH=str(tmp_path))
    assert done.exit == NOT_RUN, done
    assert "NOT RUN: acceptance: there is no npm on PATH" in done.stderr


def test_with_the_registry_out_of_reach_it_is_not_run(tmp_path: Path) -> None:
    done = toolbox(tmp_path, PATH=os.environ["PATH"], npm_config_registry="http://127.0.0.1:9/")
    assert done.exit == NOT_RUN, done
    assert "ECONNREFUSED" in done.stderr


def test_without_the_server_s_packages_its_tests_are_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "ACCEPTANCE_CACHE": str(tmp_path),
        "UV_DEFAULT_INDEX": "http://127.0.0.1:9/",
        "UV_NO_CONFIG": "1",
        "UV_HTTP_RETRIES": "0",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(NotRun, match="error sending request"):
        server_packages(HERE.parent / "scripts" / "mcp_server.py")


@pytest.mark.parametrize("user", [0, 1000])
def test_without_a_browser_its_tests_are_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: user)
    with pytest.raises(NotRun, match="no Chromium with its driver on PATH"):
        programs()


def test_what_apt_get_says_is_why_a_browser_s_tests_are_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apt = tmp_path / "apt-get"
    apt.write_text("#!/bin/sh\n[ $2 = update ] || { echo 'E: Unable to locate it' >&2; exit 100; }\n")
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(NotRun, match=r"apt-get install .* failed: E: Unable to locate it"):
        programs()


def test_an_interrupted_installation_starts_over(tmp_path: Path) -> None:
    def interrupt(folder: Path) -> None:
        (folder / "half").touch()
        raise KeyboardInterrupt

    def finish(folder: Path) -> None:
        (folder / "whole").touch()

    with pytest.raises(KeyboardInterrupt):
        provide(tmp_path, "tools", interrupt)
    assert list(tmp_path.rglob("half"))
    folder = provide(tmp_path, "tools", finish)
    assert [path.name for path in folder.iterdir()] == ["whole"]
    assert not list(tmp_path.rglob("half"))
    assert provide(tmp_path, "tools", interrupt) == folder


def test_of_two_processes_one_installs_and_the_other_waits(tmp_path: Path) -> None:
    installed, begun, may_end = [], threading.Event(), threading.Event()

    def install(folder: Path) -> None:
        installed.append(folder)
        begun.set()
        assert may_end.wait(30)

    with ThreadPoolExecutor() as pool:
        first = pool.submit(provide, tmp_path, "tools", install)
        assert begun.wait(30)
        second = pool.submit(provide, tmp_path, "tools", install)
        with pytest.raises(TimeoutError):
            second.result(timeout=0.5)
        may_end.set()
        assert first.result(timeout=30) == second.result(timeout=30) == installed[0]
    assert len(installed) == 1
