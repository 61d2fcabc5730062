"""Build what a registry gets: the bundle, the same files as a folder, and a list of them.

usage: python dev/package.py [--allow-dirty] [--output FOLDER]

FOLDER (by default dist/) receives:

    wati-VERSION.zip          the bundle
    wati-VERSION/wati/        the same files, for `clawhub skill publish`
    wati-VERSION.files.json   each file with its size and hash
    wati-VERSION-plugin/      an Agent Plugin: the same files in skills/wati, with plugin.json and mcp.json
    wati-VERSION-plugin.zip   the same plugin

The bundle has the files that git tracks, except those in .clawhubignore and those whose path has a step that
begins with a dot. README.md loses the parts between its repository markers, which are about files that the
bundle does not have. Equal files give equal bytes, on any machine and at any time. With uncommitted changes,
nothing is built (exit 1), because no one could build that bundle again. --allow-dirty takes the checkout as
it is, with new files that git does not ignore.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import plugin

ROOT = Path(__file__).resolve().parent.parent
IGNORED = ".clawhubignore"

README = "README.md"
BEGIN = "<!-- repository:begin -->\n"
END = "<!-- repository:end -->\n"

# The earliest time that a ZIP can store, and the system of its file modes: the same for every builder.
EPOCH = (1980, 1, 1, 0, 0, 0)
UNIX = 3
# By git's modes of regular files, because permissions in the working folder depend on the builder's umask.
PERMISSIONS = {"100644": 0o644, "100755": 0o755}


class PackageError(Exception):
    """The bundle cannot be built; the message says why."""


def git(root: Path, *arguments: str) -> str:
    """What git prints. Raises PackageError with git's own message."""
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        raise PackageError("git is not installed") from None
    if done.returncode:
        raise PackageError(done.stderr.decode("utf-8", "replace").strip())
    return done.stdout.decode("utf-8")


def published(root: Path) -> dict[str, int]:
    """The permissions of every published file by its path (with slashes), sorted. New files are included."""

    def listed(*options: str) -> set[str]:
        return set(filter(None, git(root, "ls-files", "-z", *options).split("\0")))

    files = dict.fromkeys(listed("--others", "--exclude-standard"), "100644")
    for line in listed("--cached", "--stage"):
        facts, _, path = line.partition("\t")
        files[path] = facts.split(" ")[0]
    ignored = listed("--cached", "--ignored", f"--exclude-from={root / IGNORED}")
    ignored |= listed("--others", "--ignored", f"--exclude-from={root / IGNORED}")
    kept = {path: mode for path, mode in sorted(files.items()) if path not in ignored and not is_hidden(path)}
    if odd := sorted(path for path, mode in kept.items() if mode not in PERMISSIONS):
        raise PackageError(f"only regular files can be published: {', '.join(odd)}")
    return {path: PERMISSIONS[mode] for path, mode in kept.items() if (root / path).is_file()}


def is_hidden(path: str) -> bool:
    return any(step.startswith(".") for step in path.split("/"))


def read(root: Path, path: str) -> bytes:
    """The bytes of a file in the bundle."""
    content = (root / path).read_bytes()
    return without_repository(content.decode("utf-8")).encode("utf-8") if path == README else content


def without_repository(text: str) -> str:
    """`text` without the parts between the markers. Raises PackageError unless the markers are in pairs."""
    kept, *parts = text.split(BEGIN)
    for part in parts:
        _, marker, rest = part.partition(END)
        if not marker or END in rest:
            raise PackageError(f"{README}: each {BEGIN.strip()} needs one {END.strip()} after it")
        kept += rest
    if END in kept:
        raise PackageError(f"{README}: {END.strip()} without {BEGIN.strip()}")
    return kept


def version(root: Path) -> str:
    """The version of the package in `root`, which may not be the one that this process can import."""
    text = (root / "scripts" / "wati" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        raise PackageError("scripts/wati/__init__.py has no __version__")
    return found[1]


def digest(content: bytes) -> dict[str, Any]:
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def build(root: Path, output: Path, *, allow_dirty: bool = False) -> dict[str, Any]:
    """Write the bundle, its list and the plugin into `output`. Returns the list. Raises PackageError."""
    if not allow_dirty and (changes := git(root, "status", "--porcelain").rstrip()):
        raise PackageError(f"the checkout has uncommitted changes (--allow-dirty takes them):\n{changes}")
    name = f"wati-{version(root)}"
    modes = published(root)
    contents = {path: read(root, path) for path in modes}
    if "SKILL.md" not in contents:
        raise PackageError("there is no SKILL.md to publish")
    output.mkdir(parents=True, exist_ok=True)
    archive = output / f"{name}.zip"
    write_archive(archive, contents, modes)
    write_folder(output / name / "wati", contents)
    plugged, plugged_modes = plugin.around(contents, modes, version(root))
    write_archive(output / f"{name}-plugin.zip", plugged, plugged_modes)
    write_folder(output / f"{name}-plugin", plugged)
    listing = {
        "name": "wati",
        "version": version(root),
        "bundle": {"path": archive.name, **digest(archive.read_bytes())},
        "files": [{"path": path, **digest(content)} for path, content in contents.items()],
    }
    text = json.dumps(listing, indent=2, ensure_ascii=False) + "\n"
    (output / f"{name}.files.json").write_text(text, encoding="utf-8", newline="\n")
    return listing


def write_archive(archive: Path, contents: Mapping[str, bytes], modes: Mapping[str, int]) -> None:
    # Not compressed, because zlib's output differs between versions.
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as bundle:
        for path, content in contents.items():
            entry = zipfile.ZipInfo(path, EPOCH)
            entry.create_system = UNIX
            entry.external_attr = (0o100000 | modes[path]) << 16
            bundle.writestr(entry, content)


def write_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write the files into `folder`. An older build is removed."""
    if folder.exists():
        shutil.rmtree(folder)
    for path, content in contents.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0], allow_abbrev=False)
    parser.add_argument("--allow-dirty", action="store_true", help="include uncommitted changes")
    parser.add_argument("--output", metavar="FOLDER", type=Path, default=root / "dist")
    options = parser.parse_args(arguments)
    try:
        listing = build(root, options.output, allow_dirty=options.allow_dirty)
    except PackageError as error:
        print(f"package.py: {error}", file=sys.stderr)
        return 1
    bundle = listing["bundle"]
    print(f"{options.output / bundle['path']}: {len(listing['files'])} files, {bundle['size']} bytes")
    print(f"sha256 {bundle['sha256']}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
