"""A Python that is too old: the usual document with what is needed, and never a traceback."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT

SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))
# What an old Python reads before it is refused.
READ_FIRST = [*SCRIPTS, ROOT / "scripts" / "wati" / "__init__.py", ROOT / "scripts" / "wati" / "too_old.py"]
OLD = ["3.6", "3.7", "3.8", "3.9"]

# Runs a script as a Python of another version would: only what `sys.version_info` says is changed.
PRETEND = """
import runpy, sys
version, script, *sys.argv[1:] = sys.argv[1:]
sys.version_info = (*map(int, version.split(".")), 1, "final", 0)
runpy.run_path(script, run_name="__main__")
"""


def test_all_scripts_are_tried() -> None:
    assert len(SCRIPTS) == 40


@pytest.mark.parametrize("path", READ_FIRST, ids=lambda path: path.name)
def test_python_3_6_can_read_what_comes_first(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 6))
    futures = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    # A syntax error in Python 3.6. Without it, annotations that only type checkers know need quotes.
    assert not any(node.module == "__future__" for node in futures)


def assert_refused(done: subprocess.CompletedProcess[str], version: str) -> None:
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout.endswith("}\n")
    document = json.loads(done.stdout)
    error = document["error"]
    assert document["ok"] is False and error["code"] == "bad_setup" and error["source"] == "setup"
    assert f"Python {version}." in error["message"] and "3.10" in error["message"]
    assert all(way in error["hint"] for way in ("uv", "python.org", "brew"))
    assert f"Python {version}." in error["problems"][0]["problem"]


def pretend(version: str, script: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PRETEND, version, str(script), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_says_what_it_needs(script: Path) -> None:
    assert_refused(pretend("3.9", script, "{}"), "3.9")


@pytest.mark.parametrize("version", OLD)
def test_every_old_version_is_named_whatever_the_arguments(version: str) -> None:
    for words in ([], ["--help"], ["no", "JSON"]):
        assert_refused(pretend(version, SCRIPTS[0], *words), version)


@pytest.mark.parametrize("module", ["wati", "wati.calls.session", "get_contacts"])
def test_an_import_says_what_it_needs(module: str) -> None:
    lines = [
        "import sys",
        "sys.version_info = (3, 9, 6, 'final', 0)",
        f"sys.path.insert(0, {str(ROOT / 'scripts')!r})",
        f"try: import {module}",
        "except ImportError as error: print(error)",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Python 3.9.6" in done.stdout and "3.10" in done.stdout and "uv" in done.stdout


def interpreter(version: str) -> str:
    """A real Python of that version, "" if there is none."""
    found = shutil.which(f"python{version}") or ""
    done = found and subprocess.run([found, "-V"], capture_output=True, text=True, check=False)
    return found if done and done.stdout.startswith(f"Python {version}.") else ""


@pytest.mark.parametrize("version", OLD)
def test_a_real_old_python(version: str) -> None:
    python = interpreter(version)
    if not python:
        pytest.skip(f"NOT RUN: there is no Python {version} here")
    for script in SCRIPTS:
        command = [python, "-B", str(script)]
        assert_refused(subprocess.run(command, capture_output=True, text=True, check=False), version)
    lines = f"import sys; sys.path.insert(0, {str(ROOT / 'scripts')!r}); import wati"
    done = subprocess.run([python, "-B", "-c", lines], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "ImportError: This is Python" in done.stderr
