"""Between check and use, and in the middle of a file: nothing else leaves, nothing half comes or is lost."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from conftest import KEY, ROOT, Run
from recording import JPEG, Answer, FarSide
from wati.contract.failures import Failure
from wati.files import folder
from wati.files import uploads as files
from wati.files.folder import Folder
from wati.files.uploads import Files, windows_problem

MEDIA = {"fileName": "data/images/photo.jpg"}
POSIX = os.name == "posix"
BY_STEPS = pytest.mark.skipif(not POSIX, reason="Windows opens no folder step by step")
LINKS = pytest.mark.skipif(not POSIX, reason="links need a privilege on Windows")
MINE, SECRET = b"Phone\n14155551234\n", b"Phone\n14155550666\n"

UPLOADS = {
    "send_session_file": ({"whatsappNumber": "14155551234"}, "file", []),
    "send_template_message_csv": (
        {"template_name": "t", "broadcast_name": "b"},
        "whatsapp_numbers_csv",
        ["--confirm", "1"],
    ),
}


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """inside/ is the root; outside/ holds the same names with another content."""
    for place, content in (("inside", MINE), ("outside", SECRET)):
        (tmp_path / place / "deep").mkdir(parents=True)
        (tmp_path / place / "deep" / "a.csv").write_bytes(content)
    return tmp_path


@pytest.fixture(params=UPLOADS)
def send(request: pytest.FixtureRequest, call: Callable[..., Run]) -> Callable[..., Run]:
    """Upload a file below inside/ with each of the two scripts, confirmed."""
    arguments, member, flags = UPLOADS[request.param]

    def run(path: object, **environment: str | None) -> Run:
        environment = {"WATI_FILE_ROOTS": "inside", **environment}
        return call(request.param, {**arguments, member: str(path)}, *flags, **environment)

    return run


@pytest.fixture
def fetch(call: Callable[..., Run]) -> Callable[..., Run]:
    return lambda *flags, **environment: call("get_media", MEDIA, *flags, **environment)


def refused(run: Run, far_side: FarSide, code: str) -> str:
    """Asserts that a file stopped the run before anything left; returns what was said of it."""
    assert run.exit == 2 and run.error["code"] == code, run.text
    assert far_side.requests == []
    (problem,) = run.error["problems"]
    return str(problem["problem"])


def uploaded(far_side: FarSide) -> list[bytes]:
    return [part.content for request in far_side.to("/wati/") for part in request.parts]


def left_behind(place: Path) -> dict[str, bytes]:
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


# --- a step of the path is swapped -------------------------------------------------------------------------


def swap(world: Path) -> None:
    """A folder inside becomes a link to the one outside."""
    (world / "inside" / "deep").rename(world / "inside" / "kept")
    (world / "inside" / "deep").symlink_to(world / "outside" / "deep")


def swap_back(world: Path) -> None:
    (world / "inside" / "deep").unlink()
    (world / "inside" / "kept").rename(world / "inside" / "deep")


class Switch:
    """Runs `act` the first time that it is asked to."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act: Callable[[], None] | None = act

    def __call__(self) -> None:
        if self._act is not None:
            act, self._act = self._act, None
            act()


@pytest.fixture
def closed_above(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As macOS is for a sandboxed program: no O_PATH, and / may not be opened for reading."""
    monkeypatch.setattr(folder, "_STEP", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    really = os.open

    def refusing(path: Any, *arguments: Any, **options: Any) -> int:
        if path == "/":
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        return really(path, *arguments, **options)

    monkeypatch.setattr(os, "open", refusing)


@BY_STEPS
@pytest.mark.usefixtures("closed_above")
def test_a_folder_above_that_may_not_be_opened_is_no_obstacle(
    send: Callable[..., Run], fetch: Callable[..., Run], world: Path, far_side: FarSide
) -> None:
    assert send("inside/deep/a.csv").exit == 0
    assert uploaded(far_side) == [MINE]
    far_side.always(Answer(body=JPEG, content_type="image/jpeg"), to="/wati/api/v1/getMedia")
    assert fetch("--output", "inside/photo.jpg", WATI_FILE_ROOTS="inside").exit == 0
    assert (world / "inside" / "photo.jpg").read_bytes() == JPEG


@BY_STEPS
@pytest.mark.usefixtures("closed_above")
def test_a_link_leads_nowhere_without_steps_either(
    send: Callable[..., Run], world: Path, far_side: FarSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    descend = folder._descend

    def once_it_is_swapped(path: str) -> int:
        swap(world)
        return descend(path)

    monkeypatch.setattr(folder, "_descend", once_it_is_swapped)
    refused(send("inside/deep/a.csv"), far_side, "file_unreadable")


@BY_STEPS
def test_a_folder_that_becomes_a_link_once_it_was_checked(
    send: Callable[..., Run], world: Path, far_side: FarSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Swapped just for the moment of opening, so that no look before or after can see it."""
    descend = folder._descend

    def while_it_is_swapped(path: str) -> int:
        swap(world)
        try:
            return descend(path)
        finally:
            swap_back(world)

    monkeypatch.setattr(folder, "_descend", while_it_is_swapped)
    assert "not a folder" in refused(send("inside/deep/a.csv"), far_side, "file_unreadable")
    monkeypatch.setattr(folder, "_descend", descend)
    assert send("inside/deep/a.csv").exit == 0
    assert uploaded(far_side) == [MINE]


@BY_STEPS
@pytest.mark.parametrize("kind", ["link", "pipe", "device", "another's"])
def test_a_file_that_is_something_else_when_it_is_opened(
    kind: str, send: Callable[..., Run], world: Path, far_side: FarSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only just then: before and after, it is the harmless file that was looked at."""
    path, kept = world / "inside" / "deep" / "a.csv", world / "inside" / "kept"
    really_open, writers = Folder.open, []

    def while_it_is_another(self: Folder, name: str, flags: int) -> int:
        path.rename(kept)
        if kind == "pipe":
            os.mkfifo(path)
            writers.append(os.open(path, os.O_RDWR | os.O_NONBLOCK))
        elif kind == "another's":
            os.link(world / "outside" / "deep" / "a.csv", path)
        else:
            path.symlink_to("/dev/zero" if kind == "device" else world / "outside" / "deep" / "a.csv")
        try:
            descriptor = really_open(self, name, flags)
            assert kind in ("pipe", "another's"), "a link was followed"
            return descriptor
        finally:
            path.unlink()
            kept.rename(path)

    monkeypatch.setattr(Folder, "open", while_it_is_another)
    run = send("inside/deep/a.csv")
    for writer in writers:
        os.close(writer)
    assert run.exit == 2 and run.error["code"] in ("file_unreadable", "file_not_allowed"), run.text
    assert far_side.requests == []


@BY_STEPS
def test_a_file_that_has_one_name_only_while_it_is_measured(
    send: Callable[..., Run], world: Path, far_side: FarSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another's file, moved in and given its own name back once it was read."""
    path, its_own = world / "inside" / "deep" / "a.csv", world / "outside" / "deep" / "a.csv"
    measure, status = os.fstat, Folder.status
    moves_in = Switch(lambda: its_own.replace(path))
    measured: list[int] = []

    def once_it_was_read(self: Folder, name: str) -> os.stat_result | None:
        if measured:
            os.link(path, its_own)
        else:
            moves_in()
        return status(self, name)

    def measuring(descriptor: int) -> os.stat_result:
        measured.append(descriptor)
        return measure(descriptor)

    monkeypatch.setattr(Folder, "status", once_it_was_read)
    monkeypatch.setattr(files.os, "fstat", measuring)
    assert "hard links" in refused(send("inside/deep/a.csv"), far_side, "file_not_allowed")
    assert len(measured) == 2


@BY_STEPS
@pytest.mark.parametrize("force", [[], ["--force"]], ids=["new", "over another"])
@pytest.mark.parametrize("moment", ["before it is begun", "while it comes"])
def test_a_download_whose_folder_becomes_a_link(
    moment: str,
    force: list[str],
    fetch: Callable[..., Run],
    world: Path,
    far_side: FarSide,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (world / "outside" / "deep" / "photo.jpg").write_bytes(SECRET)
    if force:
        (world / "inside" / "deep" / "photo.jpg").write_bytes(MINE)
    before = left_behind(world / "outside")
    if moment == "while it comes":

        def body() -> Iterator[bytes]:
            swap(world)
            yield JPEG

        far_side.will(Answer(body=body(), content_type="image/jpeg"))
    else:
        enter = files.Download.__enter__
        swaps = Switch(lambda: swap(world))

        def after_a_swap(self: files.Download) -> files.Download:
            swaps()
            return enter(self)

        monkeypatch.setattr(files.Download, "__enter__", after_a_swap)
    run = fetch("--output", "inside/deep/photo.jpg", *force, WATI_FILE_ROOTS="inside")
    assert run.exit == 2 and run.error["code"] == "file_not_allowed", run.text
    assert left_behind(world / "outside") == before
    kept = {"a.csv": MINE, **({"photo.jpg": MINE} if force else {})}
    assert left_behind(world / "inside" / "kept") == kept
    assert len(far_side.requests) == (1 if moment == "while it comes" else 0)


@BY_STEPS
def test_a_folder_that_never_stands_still(world: Path) -> None:
    """A true race: whatever the moment, what is read is from inside, and what is written lands there."""
    inside = Files([str(world / "inside")])
    end = threading.Event()

    def restless() -> None:
        while not end.is_set():
            swap(world)
            swap_back(world)

    swapper = threading.Thread(target=restless)
    swapper.start()
    seen = set()
    try:
        for _ in range(500):
            with suppress(Failure):
                seen.add(
                    inside.part("file", str(world / "inside" / "deep" / "a.csv"), "$").content.open().read()
                )
            with (
                suppress(Failure),
                inside.download(str(world / "inside" / "deep" / "new"), force=True) as coming,
            ):
                coming.handle.write(b"new")
                coming.commit()
    finally:
        end.set()
        swapper.join()
    assert seen <= {MINE}
    assert left_behind(world / "outside") == {"deep/a.csv": SECRET}
    assert set(left_behind(world / "inside")) <= {"deep/a.csv", "deep/new"}


# --- further names -----------------------------------------------------------------------------------------


def test_a_file_with_a_further_name_may_be_another_s(
    send: Callable[..., Run], world: Path, far_side: FarSide
) -> None:
    innocent = world / "inside" / "innocent.csv"
    os.link(world / "outside" / "deep" / "a.csv", innocent)
    said = refused(send(innocent), far_side, "file_not_allowed")
    assert "hard links" in said and "copy" in said
    shutil.copy(innocent, world / "inside" / "copy.csv")
    assert send("inside/copy.csv").exit == 0
    (world / "outside" / "deep" / "a.csv").unlink()
    assert send(innocent).exit == 0, "its last name is its own"
    assert uploaded(far_side) == [SECRET, SECRET]


def test_overwriting_takes_the_name_and_leaves_the_content_to_its_other_names(
    fetch: Callable[..., Run], world: Path
) -> None:
    os.link(world / "outside" / "deep" / "a.csv", world / "inside" / "photo.jpg")
    assert fetch("--output", "inside/photo.jpg", "--force", WATI_FILE_ROOTS="inside").exit == 0
    assert (world / "inside" / "photo.jpg").read_bytes() == JPEG
    assert (world / "outside" / "deep" / "a.csv").read_bytes() == SECRET


# --- what is no file ---------------------------------------------------------------------------------------


@pytest.fixture
def specials(world: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A named pipe and a socket, by short names: a socket's path has at most about 100 characters."""
    if not POSIX:
        pytest.skip("pipes and sockets with names are POSIX's")
    monkeypatch.chdir(world / "inside")
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        monkeypatch.chdir(world)
        yield ["inside/pipe", "inside/socket"]


def test_what_is_no_file_is_neither_opened_nor_overwritten(
    send: Callable[..., Run],
    fetch: Callable[..., Run],
    specials: list[str],
    far_side: FarSide,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[str] = []
    really_open = Folder.open

    def recording(self: Folder, name: str, flags: int) -> int:
        opened.append(name)
        return really_open(self, name, flags)

    monkeypatch.setattr(Folder, "open", recording)
    for path in specials:
        assert "regular" in refused(send(path), far_side, "file_unreadable")
        for flags in ([], ["--force"]):
            run = fetch("--output", path, *flags, WATI_FILE_ROOTS="inside")
            said = refused(run, far_side, "file_not_allowed")
            assert ("regular" in said) is bool(flags)
        assert os.path.exists(path) and not os.path.isfile(path)
    assert opened == []


@pytest.mark.skipif(sys.platform != "linux", reason="/proc and /dev/fd as links are Linux's")
def test_the_kernel_s_files_do_not_leave(send: Callable[..., Run], world: Path, far_side: FarSide) -> None:
    for path in ("/proc/self/environ", "/proc/self/mem", "/proc/version", "/proc/self/root/etc/passwd"):
        refused(send(path), far_side, "file_not_allowed")
    for path in ("/proc/self/environ", "/proc/self/mem", "/proc/version", "/proc/kmsg", "/proc/self/fd/0"):
        run = send(path, WATI_FILE_ROOTS="/")
        assert run.exit == 2 and run.error["code"] == "file_unreadable", run.text
    reading, writing = os.pipe()
    with open(world / "outside" / "deep" / "a.csv", "rb") as outside, open(reading), open(writing, "w"):
        for shown in (f"/dev/fd/{outside.fileno()}", f"/proc/self/fd/{outside.fileno()}"):
            assert "outside" in refused(send(shown), far_side, "file_not_allowed")
        refused(send(f"/dev/fd/{reading}", WATI_FILE_ROOTS="/"), far_side, "file_unreadable")
    assert far_side.requests == []


@LINKS
def test_a_root_of_everything_is_still_no_way_to_what_is_hidden(
    send: Callable[..., Run], world: Path, far_side: FarSide
) -> None:
    hidden = world / "inside" / ".ssh" / "a.csv"
    hidden.parent.mkdir()
    hidden.write_bytes(SECRET)
    (world / "inside" / "link.csv").symlink_to(hidden)
    for path in (hidden, "inside/link.csv", "inside/deep/../.ssh/a.csv"):
        assert "hidden" in refused(send(path, WATI_FILE_ROOTS=os.sep), far_side, "file_not_allowed")
    for roots in (os.sep, f"inside{os.pathsep}{os.sep}", f"inside{os.pathsep}inside/deep"):
        assert send("inside/deep/a.csv", WATI_FILE_ROOTS=roots).exit == 0
    assert uploaded(far_side) == [MINE] * 3


def test_names_mean_their_letters(
    send: Callable[..., Run], world: Path, far_side: FarSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tilde, a variable and a pattern are names like any other: nobody expands them here."""
    monkeypatch.setenv("HOME", str(world / "inside" / "deep"))
    monkeypatch.setenv("USERPROFILE", str(world / "inside" / "deep"))
    for path in ("inside/~/a.csv", "inside/$HOME/a.csv", "inside/%HOME%/a.csv", "inside/deep/?.csv"):
        run = send(path)
        assert run.exit == 2 and run.error["code"] in ("file_unreadable", "file_not_allowed"), run.text
    refused(send("~/a.csv"), far_side, "file_not_allowed")
    # Nor is an empty entry the current folder, as it would be in PATH.
    for roots in (f"inside{os.pathsep}", f"{os.pathsep}inside", f"inside{os.pathsep} {os.pathsep}"):
        run = send("outside/deep/a.csv", WATI_FILE_ROOTS=roots)
        assert "outside" in refused(run, far_side, "file_not_allowed")
    assert far_side.requests == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has one letter for both cases")
def test_the_case_of_a_root_matters_where_it_matters_to_the_system(
    send: Callable[..., Run], world: Path, far_side: FarSide
) -> None:
    twin = world / "INSIDE"
    if twin.exists():
        pytest.skip("this file system takes both cases for one")
    twin.mkdir()
    (twin / "a.csv").write_bytes(SECRET)
    assert "outside" in refused(send("INSIDE/a.csv"), far_side, "file_not_allowed")


DEVICES = [
    "NUL",
    "nul.txt",
    "a/Con",
    "a\\COM1.csv",
    "LPT9 .txt",
    "aux.",
    "CONIN$",
    "COM¹",
    "nul:",
    "x/NUL:s/y",
]
STREAMS = ["a.txt:stream", "a.txt::$DATA", "C:\\in\\a.csv:x", "in:side/a.csv"]
DROPPED = ["a.csv.", "a.csv ", "in./a.csv", "in /a.csv", ".. /a.csv", ".../a.csv", ".env."]
PLAIN = [
    "a.csv",
    "C:\\in\\a.csv",
    "..\\a.csv",
    "./a.csv",
    "\\\\server\\share\\a.csv",
    "console.txt",
    "com10",
    "nul-a",
]
WINDOWS = (
    [(n, "device") for n in DEVICES] + [(n, "stream") for n in STREAMS] + [(n, "drops") for n in DROPPED]
)


@pytest.mark.parametrize(("path", "said"), [*WINDOWS, *((path, "") for path in PLAIN)], ids=repr)
def test_what_windows_would_open_in_place_of_a_name(path: str, said: str) -> None:
    problem = windows_problem(path)
    assert said in problem and bool(problem) is bool(said)


@pytest.mark.skipif(os.name != "nt", reason="the rule for names is Windows's; its words are tried above")
@pytest.mark.parametrize("path", ["inside/deep/a.csv::$DATA", "inside/deep/a.csv.", "inside/NUL"])
def test_windows_names_are_refused(
    path: str, send: Callable[..., Run], fetch: Callable[..., Run], world: Path, far_side: FarSide
) -> None:
    refused(send(path), far_side, "file_not_allowed")
    refused(fetch("--output", path, WATI_FILE_ROOTS="inside"), far_side, "file_not_allowed")


# --- a file that changes -----------------------------------------------------------------------------------


def resize(path: Path, data: bytes) -> None:
    """As within one tick of a coarse clock: the time of the change does not show it."""
    status = path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def grow(path: Path) -> None:
    resize(path, MINE + SECRET)


def shrink(path: Path) -> None:
    resize(path, MINE[:6])


def rewrite(path: Path) -> None:
    path.write_bytes(MINE[::-1])
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("change", [grow, rewrite, shrink])
def test_a_file_that_changes_while_it_is_read_is_not_sent(
    change: Callable[[Path], None],
    send: Callable[..., Run],
    world: Path,
    far_side: FarSide,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measure = os.fstat
    changes = Switch(lambda: change(world / "inside" / "deep" / "a.csv"))

    def and_then_it_changes(descriptor: int) -> os.stat_result:
        status = measure(descriptor)
        changes()
        return status

    monkeypatch.setattr(files.os, "fstat", and_then_it_changes)
    assert "changed" in refused(send("inside/deep/a.csv"), far_side, "file_unreadable")


@pytest.mark.parametrize("change", [grow, rewrite, shrink, Path.unlink])
def test_what_was_read_is_sent_whatever_becomes_of_the_file(
    change: Callable[[Path], None],
    send: Callable[..., Run],
    world: Path,
    far_side: FarSide,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from wati.reads import connections

    look_up = connections.only_active

    def while_it_changes(call: Any) -> str:
        change(world / "inside" / "deep" / "a.csv")
        return look_up(call)

    monkeypatch.setattr(connections, "only_active", while_it_changes)
    assert send("inside/deep/a.csv").exit == 0
    assert uploaded(far_side) == [MINE]


def test_a_file_that_nobody_could_receive_is_not_even_read(
    send: Callable[..., Run], world: Path, far_side: FarSide
) -> None:
    with (world / "inside" / "deep" / "a.csv").open("r+b") as file:
        file.truncate(1 << 40)
    assert "larger" in refused(send("inside/deep/a.csv"), far_side, "file_unreadable")


# --- downloads, whatever the file system can do ------------------------------------------------------------


class Missing:
    """What a file system refuses: files without a name, hard links, or links to an open file."""

    def __init__(self, *what: str) -> None:
        self.what = what

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        really_open, link = Folder.open, Folder.link
        nameless = getattr(os, "O_TMPFILE", None)

        def opening(folder: Folder, name: str, flags: int) -> int:
            if "nameless" in self.what and nameless and flags & nameless == nameless:
                raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
            return really_open(folder, name, flags)

        def linking(folder: Folder, source: str, name: str) -> None:
            if "links" in self.what or ("proc" in self.what and source.startswith("/proc/")):
                raise OSError(errno.EPERM, os.strerror(errno.EPERM))
            link(folder, source, name)

        monkeypatch.setattr(Folder, "open", opening)
        monkeypatch.setattr(Folder, "link", linking)


SYSTEMS = {
    "all": Missing(),
    "no nameless files": Missing("nameless"),
    "no links": Missing("links"),
    "no links to open files": Missing("proc"),
    "neither": Missing("nameless", "links"),
}


@pytest.fixture(params=SYSTEMS)
def _system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    SYSTEMS[request.param].install(monkeypatch)


@pytest.mark.usefixtures("_system")
def test_a_download_appears_whole_and_alone(fetch: Callable[..., Run], tmp_path: Path) -> None:
    umask = os.umask(0o027)
    try:
        assert fetch().exit == 0
        assert left_behind(tmp_path) == {"photo.jpg": JPEG}
        assert fetch().error["code"] == "file_not_allowed"
        (tmp_path / "photo.jpg").write_bytes(MINE)
        assert fetch("--force").exit == 0
        assert fetch("--force", "--output", "new").exit == 0
    finally:
        os.umask(umask)
    assert left_behind(tmp_path) == {"photo.jpg": JPEG, "new": JPEG}
    if POSIX:
        assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("photo.jpg", "new")} == {0o640}


@pytest.mark.usefixtures("_system")
def test_a_name_taken_at_the_last_moment_is_kept(
    fetch: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken when everything was looked at: only the system itself can still refuse."""
    in_place = Folder.is_in_place

    def and_then_it_is_taken(self: Folder) -> bool:
        (tmp_path / "photo.jpg").write_bytes(MINE)
        return in_place(self)

    monkeypatch.setattr(Folder, "is_in_place", and_then_it_is_taken)
    run = fetch()
    assert run.exit == 2 and run.error["code"] == "file_not_allowed"
    assert "--force" in run.error["problems"][0]["problem"]
    assert left_behind(tmp_path) == {"photo.jpg": MINE}


@pytest.mark.usefixtures("_system")
@pytest.mark.parametrize("force", [[], ["--force"]], ids=["new", "over another"])
def test_a_download_that_breaks_leaves_what_was_there(
    force: list[str], fetch: Callable[..., Run], far_side: FarSide, tmp_path: Path, pauses: list[float]
) -> None:
    before = {"photo.jpg": MINE} if force else {}
    for name, content in before.items():
        (tmp_path / name).write_bytes(content)
    far_side.always(Answer(body=JPEG * 100, content_type="image/jpeg", cut=50), to="/wati/")
    assert fetch(*force).exit == 6
    assert left_behind(tmp_path) == before


@pytest.mark.usefixtures("_system")
@pytest.mark.parametrize("force", [[], ["--force"]], ids=["new", "over another"])
def test_a_last_step_that_fails_leaves_what_was_there(
    force: list[str], fetch: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {"photo.jpg": MINE} if force else {}
    for name, content in before.items():
        (tmp_path / name).write_bytes(content)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Folder, "link", full)
    monkeypatch.setattr(Folder, "replace", full)
    run = fetch(*force)
    assert run.exit == 2 and "No space left" in run.error["message"]
    assert left_behind(tmp_path) == before


def holds_nameless_files(folder: Path) -> bool:
    with suppress(AttributeError, OSError):
        os.close(os.open(folder, os.O_TMPFILE | os.O_WRONLY))
        return True
    return False


@BY_STEPS
def test_a_download_is_where_the_answer_says_or_nowhere(
    fetch: Callable[..., Run], world: Path, far_side: FarSide
) -> None:
    def body() -> Iterator[bytes]:
        (world / "inside" / "deep").rename(world / "inside" / "kept")
        (world / "inside" / "deep").mkdir()
        yield JPEG

    far_side.will(Answer(body=body(), content_type="image/jpeg"))
    run = fetch("--output", "inside/deep/photo.jpg", WATI_FILE_ROOTS="inside")
    assert run.exit == 2 and run.error["code"] == "file_not_allowed"
    assert "moved" in run.error["problems"][0]["problem"]
    assert left_behind(world / "inside") == {"kept/a.csv": MINE}


@pytest.mark.skipif(not POSIX, reason="SIGKILL is POSIX's")
@pytest.mark.parametrize("force", [[], ["--force"]], ids=["new", "over another"])
def test_a_download_that_is_killed_leaves_nothing(
    force: list[str], far_side: FarSide, tmp_path: Path
) -> None:
    before = {"photo.jpg": MINE} if force else {}
    for name, content in before.items():
        (tmp_path / name).write_bytes(content)
    sent = threading.Event()

    def body() -> Iterator[bytes]:
        yield JPEG * 100
        sent.set()
        yield from iter(lambda: JPEG, b"")  # until the reader is gone

    far_side.will(Answer(body=body(), content_type="image/jpeg", drip=0.001))
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("MATON_", "WATI_"))}
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "scripts" / "get_media.py"), json.dumps(MEDIA), *force],
        env={**environ, "MATON_API_KEY": KEY, "MATON_BASE_URL": far_side.url},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert sent.wait(30)
    finally:
        process.kill()
        stdout, stderr = process.communicate()
    assert process.returncode == -9 and (stdout, stderr) == (b"", b"")
    found = left_behind(tmp_path)
    if not holds_nameless_files(tmp_path):  # there the part keeps its hidden name, never the file's
        found = {name: content for name, content in found.items() if not name.endswith(".part")}
    assert found == before
