"""The bundle that a registry gets: its files, its bytes, its version, and that it runs by itself."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import wati
from conftest import ROOT
from wati.sandbox import control

sys.path.insert(0, str(ROOT / "dev"))
package = importlib.import_module("package")

TOP_LEVEL = [
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "SKILL.md",
    "references",
    "requirements-campaigns.txt",
    "requirements-mcp.txt",
    "requirements.txt",
    "schemas",
    "scripts",
    "skill.yaml",
]
NAME = f"wati-{wati.__version__}"


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Callable[..., Path]:
    """`checkout(name, umask=…, mtime=…)`: a clean checkout of the files as they are, made elsewhere."""

    def make(name: str, *, umask: int = 0o022, mtime: float = 1e9) -> Path:
        folder = tmp_path / name
        listed = package.git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        before = os.umask(umask)
        try:
            for path in filter(None, listed.split("\0")):
                if not (ROOT / path).is_file():
                    continue
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / path, folder / path)
                os.utime(folder / path, (mtime, mtime))
            git(folder, "init", "--quiet")
            git(folder, "add", "--all")
            git(folder, "update-index", "--chmod=+x", "scripts/get_contacts.py")
            if os.name == "posix":
                (folder / "scripts" / "get_contacts.py").chmod(0o777 & ~umask)
            git(folder, "commit", "--quiet", "--message", "all")
        finally:
            os.umask(before)
        return folder

    return make


def contents(dist: Path) -> dict[str, bytes]:
    return {
        path.relative_to(dist).as_posix(): path.read_bytes() for path in dist.rglob("*") if path.is_file()
    }


def test_equal_files_give_equal_bytes(checkout: Callable[..., Path]) -> None:
    one, other = checkout("one"), checkout("other/deeper", umask=0o077, mtime=1.5e9)
    assert package.main([], one) == 0
    assert package.main([], other) == 0
    made = contents(one / "dist")
    in_folders = {path for path in made if path.startswith((f"{NAME}/wati/", f"{NAME}-plugin/"))}
    assert set(made) - in_folders == {f"{NAME}.files.json", f"{NAME}.zip", f"{NAME}-plugin.zip"}
    assert contents(other / "dist") == made
    # dist/ is ignored, so that a second build finds the checkout clean.
    assert package.main([], one) == 0
    assert contents(one / "dist") == made


def test_another_byte_gives_another_bundle(checkout: Callable[..., Path]) -> None:
    folder = checkout("one")
    before = package.build(folder, folder / "dist")
    with (folder / "SKILL.md").open("ab") as skill:
        skill.write(b"\n")
    after = package.build(folder, folder / "dist", allow_dirty=True)
    assert before["bundle"]["sha256"] != after["bundle"]["sha256"]


def test_uncommitted_changes_are_refused(
    checkout: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = checkout("one")
    (folder / "references" / "new.md").write_text("new", encoding="utf-8")
    assert package.main([], folder) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "references/new.md" in captured.err
    assert not (folder / "dist").exists()
    assert package.main(["--allow-dirty"], folder) == 0
    listing = json.loads((folder / "dist" / f"{NAME}.files.json").read_text(encoding="utf-8"))
    assert "references/new.md" in [file["path"] for file in listing["files"]]
    assert f"{len(listing['files'])} files" in capsys.readouterr().out


def test_an_older_build_leaves_nothing_behind(checkout: Callable[..., Path]) -> None:
    folder = checkout("one")
    for skill in (f"{NAME}/wati", f"{NAME}-plugin/skills/wati"):
        older = folder / "dist" / skill / "references" / "older.md"
        older.parent.mkdir(parents=True, exist_ok=True)
        older.touch()
        package.build(folder, folder / "dist")
        assert not older.exists()
        assert (older.parent / "setup.md").is_file()


def test_what_is_no_checkout_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert package.main([], tmp_path) == 1
    assert "git" in capsys.readouterr().err


@pytest.fixture
def bundle(checkout: Callable[..., Path], tmp_path: Path) -> tuple[dict[str, Any], Path]:
    """The list, and the folder where the bundle was unpacked."""
    folder = checkout("one")
    listing = package.build(folder, folder / "dist")
    with zipfile.ZipFile(folder / "dist" / f"{NAME}.zip") as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "wati")
        entries = archive.infolist()
    assert [entry.filename for entry in entries] == [file["path"] for file in listing["files"]]
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    modes = {entry.filename: oct(entry.external_attr >> 16) for entry in entries}
    assert modes["scripts/get_contacts.py"] == "0o100755"
    assert modes["SKILL.md"] == "0o100644"
    assert json.loads((folder / "dist" / f"{NAME}.files.json").read_text(encoding="utf-8")) == listing
    assert contents(folder / "dist" / NAME / "wati") == contents(tmp_path / "wati")
    return listing, tmp_path / "wati"


@pytest.fixture
def plugged(checkout: Callable[..., Path], tmp_path: Path) -> Path:
    """The root of the plugin, unpacked."""
    dist = checkout("one") / "dist"
    package.build(dist.parent, dist)
    with zipfile.ZipFile(dist / f"{NAME}-plugin.zip") as archive:
        archive.extractall(tmp_path / "plugin")
        modes = {entry.filename: oct(entry.external_attr >> 16) for entry in archive.infolist()}
    assert modes["skills/wati/scripts/get_contacts.py"] == "0o100755"
    assert modes["plugin.json"] == "0o100644"
    assert contents(dist / f"{NAME}-plugin") == contents(tmp_path / "plugin")
    assert contents(dist / NAME / "wati") == contents(tmp_path / "plugin" / "skills" / "wati")
    return tmp_path / "plugin"


def test_the_plugin_is_the_skill_with_two_manifests_around_it(plugged: Path) -> None:
    assert {path.name for path in plugged.iterdir()} == {"LICENSE", "mcp.json", "plugin.json", "skills"}
    assert [path.name for path in (plugged / "skills").iterdir()] == ["wati"]
    manifest = json.loads((plugged / "plugin.json").read_text(encoding="utf-8"))
    catalogue = yaml.safe_load((ROOT / "skill.yaml").read_text(encoding="utf-8"))
    # OpenClaw reads a plugin with any other $schema as one without servers.
    assert manifest.pop("$schema") == "https://agent-plugins.org/schemas/1.0.0/plugin.schema.json"
    assert manifest == {name: catalogue[name] for name in ("name", "version", "description", "license")}
    assert manifest["version"] == wati.__version__


def test_the_plugin_s_server_starts_with_the_variables_of_its_file(plugged: Path, tmp_path: Path) -> None:
    servers = json.loads((plugged / "mcp.json").read_text(encoding="utf-8"))
    assert servers.pop("$schema") == "https://agent-plugins.org/schemas/1.0.0/mcp.schema.json"
    ((name, server),) = servers.pop("mcpServers").items()
    assert (name, server["type"], server["command"], servers) == ("wati", "stdio", "uv", {})
    assert set(server) == {"type", "command", "args", "cwd"}
    # What a host does: two placeholders are replaced in args and cwd; the environment may be a bare one.
    data = tmp_path / "data"
    data.mkdir()
    places = {"PLUGIN_ROOT": str(plugged), "PLUGIN_DATA": str(data)}
    *options, script = [
        re.sub(r"\$\{(\w+)\}", lambda found: places[found[1]], word) for word in server["args"]
    ]
    assert server["cwd"] == "${PLUGIN_DATA}"
    assert options == ["run", "-q", "--env-file", str(data / "wati.env")]
    assert Path(script).is_file()
    (data / "wati.env").write_text("MATON_API_KEY=sandbox\n", encoding="utf-8")
    # uv itself: without a file, it says which one is missing; with one, the script has its variables.
    uv = shutil.which("uv", path=str(Path(sys.executable).parent))
    assert uv
    printing = [*options[:-2], "--no-project", "--python", sys.executable]
    show = [sys.executable, "-c", "import os; print(os.environ['MATON_API_KEY'])"]
    for file, said in ((data / "none.env", "none.env"), (data / "wati.env", "sandbox\n")):
        environ = {name: value for name, value in os.environ.items() if name != "MATON_API_KEY"}
        environ["UV_CACHE_DIR"] = str(tmp_path / "cache")
        command = [uv, *printing, "--env-file", str(file), *show]
        done = subprocess.run(command, env=environ, cwd=data, capture_output=True, text=True, check=False)
        assert (done.returncode == 0) is (file.name == "wati.env"), done.stderr
        assert said in done.stdout + done.stderr


def test_the_bundle_is_the_skill_and_nothing_else(bundle: tuple[dict[str, Any], Path]) -> None:
    listing, folder = bundle
    paths = [file["path"] for file in listing["files"]]
    assert paths == sorted(paths)
    assert sorted({path.split("/")[0] for path in paths}) == TOP_LEVEL
    # ClawHub drops whatever begins with a dot, and takes 10 MB a file and 50 in all; this is far below.
    assert not [path for path in paths if "/." in f"/{path}" or path.endswith((".pyc", ".sqlite"))]
    assert 0 < sum(file["size"] for file in listing["files"]) < listing["bundle"]["size"] < 2_000_000
    for file in listing["files"]:
        content = (folder / file["path"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file["size"], file["sha256"])
    unpacked = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert unpacked == set(paths)


def test_the_bundle_s_documents_name_only_what_it_has(bundle: tuple[dict[str, Any], Path]) -> None:
    _, folder = bundle
    documents = sorted(folder.rglob("*.md"))
    assert len(documents) > 10
    for document in documents:
        links = re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8"))
        missing = [link for link in links if "://" not in link and not (document.parent / link).exists()]
        assert missing == [], document.name


def test_the_bundle_s_readme_is_true_there(bundle: tuple[dict[str, Any], Path]) -> None:
    readme = (bundle[1] / "README.md").read_text(encoding="utf-8")
    whole = (ROOT / "README.md").read_text(encoding="utf-8")
    assert names_of_the_repository(whole) != []
    assert names_of_the_repository(readme) == []
    assert "repository:" not in readme
    # Nothing else is cut: whoever has the bundle only can install it, use it and read on.
    for heading in re.findall(r"(?m)^## .+$", whole):
        assert (heading in readme) is (heading != "## Demo"), heading
    files = re.findall(r"(?<![\w/.~-])(?:scripts|references|schemas)/[\w./-]*\w|requirements\.txt", readme)
    assert [name for name in files if not (bundle[1] / name).exists()] == []


def names_of_the_repository(text: str) -> list[str]:
    """What a reader of a document is shown that only the repository has, commands of make among it."""
    ignored = (ROOT / package.IGNORED).read_text(encoding="utf-8").splitlines()
    unpublished = [line for line in ignored if not line.startswith("#")]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = [name for names in re.findall(r"(?m)^\.PHONY: (.+)$", makefile) for name in names.split()]
    assert unpublished and targets
    names = rf"(?<![\w./-])({'|'.join(map(re.escape, unpublished))})"
    commands = rf"\bmake ({'|'.join(targets)})\b"
    visible = re.sub(r"<!-- .*? -->", "", text)
    return [found[0] for found in re.finditer(f"{names}|{commands}", visible)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none\n", "none\n"),
        (f"a\n{package.BEGIN}b\n{package.END}c\n", "a\nc\n"),
        (f"a\n{package.BEGIN}b\n{package.END}c\n{package.BEGIN}d\n{package.END}", "a\nc\n"),
    ],
)
def test_what_is_between_the_markers_is_cut(text: str, expected: str) -> None:
    assert package.without_repository(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        package.BEGIN,
        package.END,
        package.END + package.BEGIN,
        package.BEGIN * 2 + package.END,
        package.BEGIN + package.END * 2,
    ],
)
def test_markers_that_are_not_in_pairs_are_refused(text: str) -> None:
    with pytest.raises(package.PackageError, match="repository:"):
        package.without_repository(text)


def test_the_bundle_runs_by_itself(bundle: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    _, folder = bundle
    state = tmp_path / "state.sqlite"
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MATON_", "WATI_", "PYTHON"))
    }
    done = subprocess.run(
        [sys.executable, str(folder / "scripts" / "get_contacts.py"), '{"name": "Jane"}'],
        env={**kept, "MATON_API_KEY": "sandbox", "WATI_SANDBOX_STATE": str(state)},
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert json.loads(done.stdout)["data"]["contact_list"][0]["wAid"] == "14155555678"
    # The version reaches the far side.
    (request,) = control.requests(state)
    assert request["headers"]["user-agent"] == f"wati-skill/{wati.__version__}"


def test_the_version_is_read_from_its_one_place() -> None:
    assert package.version(ROOT) == wati.__version__


def test_the_changelog_begins_with_the_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    entries = re.findall(r"(?m)^## \[(.+?)\](?: - ([0-9]{4}-[0-9]{2}-[0-9]{2}))?$", text)
    assert len(entries) == len(re.findall(r"(?m)^## ", text)) >= 1
    released = [entry for entry in entries if entry[0] != "Unreleased"]
    assert released[0][0] == wati.__version__
    assert all(day for _, day in released)
    assert [day for _, day in released] == sorted((day for _, day in released), reverse=True)


def test_no_document_names_another_version_of_the_package() -> None:
    for name in ("README.md", "SKILL.md", "skill.yaml"):
        text = (ROOT / name).read_text(encoding="utf-8")
        named = re.findall(r"(?:wati[- /]v?|version: \"?)([0-9]+(?:\.[0-9]+)+)", text)
        assert set(named) <= {wati.__version__}, name
