"""Fixtures: the real tools, a clean copy of what is committed, new users, and the servers for the tools."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from loopback import served
from model import ScriptedModel
from registry import Registry
from toolbox import Toolbox, open_toolbox
from users import User

ROOT = Path(__file__).resolve().parent.parent


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout


def pytest_report_header() -> str:
    uncommitted = len(_git("status", "--porcelain").splitlines())
    note = f"; {uncommitted} uncommitted changes are not in it" if uncommitted else ""
    return f"tested: commit {_git('rev-parse', '--short', 'HEAD').strip()}{note}"


@pytest.fixture(scope="session")
def toolbox() -> Toolbox:
    return open_toolbox()


@pytest.fixture(scope="session")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is committed, as a fresh clone in a folder with the skill's name. Tests must not change it."""
    folder = tmp_path_factory.mktemp("committed")
    _git("archive", "--prefix=wati/", "--output", str(folder / "wati.zip"), "HEAD")
    shutil.unpack_archive(folder / "wati.zip", folder)
    return folder / "wati"


@pytest.fixture
def copy(committed: Path, tmp_path: Path) -> Path:
    """A copy of `committed` that a test may change."""
    return shutil.copytree(committed, tmp_path / "copy" / "wati")


@pytest.fixture
def repository(copy: Path) -> Path:
    """A git repository of that copy."""
    return _commit(copy)


def _commit(folder: Path) -> Path:
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "all"]):
        who = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "core.autocrlf=false"]
        subprocess.run(["git", "-C", str(folder), *who, *command], check=True)
    return folder


@pytest.fixture(scope="session")
def publishable(committed: Path, version: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `make package` writes for a registry. Tests must not change it."""
    clone = _commit(shutil.copytree(committed, tmp_path_factory.mktemp("clone") / "wati"))
    dist = tmp_path_factory.mktemp("dist")
    builder = [sys.executable, str(clone / "dev" / "package.py"), "--output", str(dist)]
    subprocess.run(builder, check=True, capture_output=True)
    return dist / f"wati-{version}" / "wati"


@pytest.fixture
def new_user(toolbox: Toolbox, tmp_path: Path) -> Callable[..., User]:
    homes = itertools.count()

    def make(**variables: str) -> User:
        home = tmp_path / f"home{next(homes)}"
        home.mkdir()
        return User(home, toolbox, variables)

    return make


@pytest.fixture
def user(new_user: Callable[..., User]) -> User:
    return new_user()


@pytest.fixture
def registry() -> Iterator[Registry]:
    registry = Registry()
    with served(registry):
        yield registry


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    model = ScriptedModel()
    with served(model):
        yield model


@pytest.fixture(scope="session")
def version(committed: Path) -> str:
    catalogue = yaml.safe_load((committed / "skill.yaml").read_text(encoding="utf-8"))
    return str(catalogue["version"])


@pytest.fixture(scope="session")
def bundle(
    toolbox: Toolbox, publishable: Path, version: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """What the registry has after `clawhub skill publish`: the bytes of each path."""
    registry = Registry()
    with served(registry):
        publisher = User(tmp_path_factory.mktemp("publisher"), toolbox)
        publisher.publish(publishable, registry.url, "--version", version).succeeded()
    assert list(registry.versions) == [version]
    return registry.versions[version]


@pytest.fixture(scope="session")
def unpacked(bundle: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle as a folder, without the rest of the project. Tests must not change it."""
    folder = tmp_path_factory.mktemp("unpacked") / "wati"
    for path, content in bundle.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder
