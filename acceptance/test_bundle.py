"""What a registry gets: exactly the listed files, small, nothing that its rules reject. It runs alone."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from registry import Registry
from users import User

from static_rules import RULES, Rule, findings

LISTED = (Path(__file__).parent / "bundle.txt").read_text(encoding="utf-8").split()
# 700 kB until 1.1.0 learned to check templates, receivers and lists before a send, to look, to speak MCP, to
# run campaigns, to show the sandbox in a browser, and to probe a live account.
MOST_BYTES = 1_850_000


def differences(paths: Iterable[str]) -> list[str]:
    """Every file that is only in the bundle or only in bundle.txt. List in bundle.txt what is to ship."""
    shipped, listed = set(paths), set(LISTED)
    assert shipped and listed
    extra = [f"ships, but is not in bundle.txt: {path}" for path in sorted(shipped - listed)]
    return extra + [f"is in bundle.txt, but does not ship: {path}" for path in sorted(listed - shipped)]


def dry_run(user: User, registry: Registry, folder: Path) -> int:
    """How many files `clawhub skill publish --dry-run` would take of a folder."""
    said = user.publish(folder, registry.url, "--dry-run").json
    assert (said["status"], said["slug"]) == ("would-publish", "wati")
    return int(said["fileCount"])


def test_exactly_the_listed_files_are_published(bundle: dict[str, bytes]) -> None:
    assert differences(bundle) == []


def test_the_dry_run_says_the_same(user: User, registry: Registry, publishable: Path) -> None:
    assert dry_run(user, registry, publishable) == len(LISTED)
    assert registry.versions == {}


def test_a_clone_has_the_same_files_to_publish(user: User, registry: Registry, committed: Path) -> None:
    assert dry_run(user, registry, committed) == len(LISTED)


def test_the_bundle_is_what_is_committed_and_small(bundle: dict[str, bytes], committed: Path) -> None:
    changed = [path for path, content in bundle.items() if (committed / path).read_bytes() != content]
    # The bundle leaves out the parts about the repository. Everything else is as committed.
    assert changed == ["README.md"]
    readme = (committed / "README.md").read_text(encoding="utf-8").splitlines()
    shipped = bundle["README.md"].decode("utf-8").splitlines()
    assert len(shipped) < len(readme)
    assert set(shipped) < set(readme)
    assert sum(map(len, bundle.values())) <= MOST_BYTES


def test_make_package_builds_the_same(user: User, repository: Path, bundle: dict[str, bytes]) -> None:
    builder = str(repository / "dev" / "package.py")
    user.run([sys.executable, builder, "--output", str(user.home / "dist")]).succeeded()
    [archive] = (user.home / "dist").glob("*[0-9].zip")
    with zipfile.ZipFile(archive) as packed:
        assert {name: packed.read(name) for name in packed.namelist()} == bundle


def test_the_bundle_runs_by_itself(user: User, unpacked: Path) -> None:
    user.variables["MATON_API_KEY"] = "sandbox"
    contacts = user.script(unpacked, "get_contacts", '{"name": "Jane"}').json["data"]["contact_list"]
    assert [contact["fullName"] for contact in contacts] == ["Jane Smith"]
    media = "data/images/9b2e6c1e-2f6d-4a8b-9c3d-1e5f7a9b0c2d.jpg"
    user.script(unpacked, "get_media", json.dumps({"fileName": media}), "--output", "x.jpg").succeeded()
    assert (user.home / "x.jpg").read_bytes().startswith(b"\xff\xd8")
    assert len(user.script(unpacked, "tools", "--format", "mcp").json["tools"]) == 36
    assert user.script(unpacked, "sandbox", "log").json["data"] == []


def test_no_static_rule_fires(bundle: dict[str, bytes]) -> None:
    assert findings(bundle) == []


# Each of the tests above finds its fault.


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_finds_its_sample(rule: Rule) -> None:
    path = "sample" + rule.suffixes[0]
    found = [finding.split(":")[0] for finding in findings({path: rule.sample.encode()})]
    assert rule.name in found


def test_a_file_that_should_not_ship_is_found(user: User, registry: Registry, copy: Path) -> None:
    (copy / "notes.txt").write_text("to do\n", encoding="utf-8")
    (copy / "LICENSE").unlink()
    user.publish(copy, registry.url, "--version", "99.0.0").succeeded()
    assert differences(registry.versions["99.0.0"]) == [
        "ships, but is not in bundle.txt: notes.txt",
        "is in bundle.txt, but does not ship: LICENSE",
    ]


def test_without_clawhubignore_more_files_are_published(user: User, registry: Registry, copy: Path) -> None:
    (copy / ".clawhubignore").unlink()
    assert dry_run(user, registry, copy) > len(LISTED)


def test_a_plugin_manifest_is_rejected(user: User, registry: Registry, copy: Path) -> None:
    (copy / "openclaw.plugin.json").write_text("{}", encoding="utf-8")
    done = user.publish(copy, registry.url, "--dry-run").failed()
    assert "looks like a plugin" in done.stdout + done.stderr, done
