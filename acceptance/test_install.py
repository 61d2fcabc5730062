"""OpenClaw's own command installs the skill: by name from a registry, from a folder, from git."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from registry import Registry
from users import User

NEXT = "99.0.0"


@pytest.fixture
def user(new_user: Callable[..., User], registry: Registry, bundle: dict[str, bytes], version: str) -> User:
    """A user of the test's registry, where the bundle is published."""
    registry.versions[version] = dict(bundle)
    return new_user(OPENCLAW_CLAWHUB_URL=registry.url)


def lock(user: User) -> dict[str, str]:
    """The locked version of each skill."""
    document = json.loads((user.workspace / ".clawhub" / "lock.json").read_text(encoding="utf-8"))
    return {name: entry["version"] for name, entry in document["skills"].items()}


def files(folder: Path) -> dict[str, bytes]:
    """The files in a folder, without those that OpenClaw keeps there for itself."""
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    visible = [path for path in paths if not path.parts[0].startswith(".")]
    return {path.as_posix(): (folder / path).read_bytes() for path in visible}


def test_the_command_installs_exactly_what_was_published(
    user: User, registry: Registry, bundle: dict[str, bytes], version: str
) -> None:
    done = user.openclaw("skills", "install", "wati").succeeded()
    assert f"Installed wati@{version}" in done.stdout, done
    assert registry.seen == [
        "GET /api/v1/skills/wati/install",
        "POST /api/v1/skills/-/security-verdicts",
        "GET /api/v1/download",
        "GET /api/v1/skills/wati/verify",
    ]
    assert files(user.installed) == bundle
    assert lock(user) == {"wati": version}


def test_what_is_installed_is_verified_and_updated(user: User, registry: Registry, version: str) -> None:
    user.openclaw("skills", "install", "wati").succeeded()
    verified = user.openclaw("skills", "verify", "wati", "--json").json
    assert (verified["ok"], verified["version"]) == (True, version)
    assert verified["openclaw"]["resolution"]["source"] == "installed"
    registry.versions[NEXT] = {**registry.versions[version], "references/new.md": b"# New\n"}
    updated = user.openclaw("skills", "update", "wati").succeeded()
    assert f"{version} -> {NEXT}" in updated.stdout, updated
    assert files(user.installed) == registry.versions[NEXT]
    assert lock(user) == {"wati": NEXT}


def test_scripts_that_ran_do_not_block_an_update(user: User, registry: Registry, version: str) -> None:
    # OpenClaw updates a folder only if it is unchanged, and Python by default leaves its bytecode there.
    user.openclaw("skills", "install", "wati").succeeded()
    for name in ("get_contacts", "sandbox", "tools"):
        user.script(user.installed, name, "--help", MATON_API_KEY="sandbox").succeeded()
    user.script(user.installed, "get_contacts", MATON_API_KEY="sandbox").succeeded()
    registry.versions[NEXT] = {**registry.versions[version], "references/new.md": b"# New\n"}
    user.openclaw("skills", "update", "wati").succeeded()
    assert lock(user) == {"wati": NEXT}


def test_a_malicious_verdict_blocks_the_installation(user: User, registry: Registry) -> None:
    registry.verdict = "malicious"
    done = user.openclaw("skills", "install", "wati").failed()
    assert "Blocked" in done.stdout, done
    assert "GET /api/v1/download" not in registry.seen
    assert not user.installed.exists()


def test_a_malicious_verdict_blocks_an_update(
    user: User, registry: Registry, bundle: dict[str, bytes], version: str
) -> None:
    user.openclaw("skills", "install", "wati").succeeded()
    registry.versions[NEXT] = {**bundle, "references/new.md": b"# New\n"}
    registry.verdict = "malicious"
    done = user.openclaw("skills", "update", "wati").failed()
    assert "Blocked" in done.stdout, done
    assert files(user.installed) == bundle
    assert lock(user) == {"wati": version}
    user.openclaw("skills", "verify", "wati", "--json").failed()


def test_a_local_folder_is_installed(user: User, committed: Path, registry: Registry) -> None:
    user.openclaw("skills", "install", str(committed)).succeeded()
    assert files(user.installed) == files(committed)
    assert registry.seen == []


def test_a_git_repository_is_installed(user: User, repository: Path, registry: Registry) -> None:
    user.openclaw("skills", "install", f"git:{repository.as_uri()}").succeeded()
    assert files(user.installed) == files(repository)
    assert registry.seen == []
