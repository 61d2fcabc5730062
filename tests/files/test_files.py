"""Files leave and enter this machine only below the roots, whole, and never over another."""

from __future__ import annotations

import errno
import io
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import ENDPOINTS, KEY, Run
from looping import looped
from recording import HEADS, JPEG, Answer, FarSide, reply
from wati.contract.failures import Failure
from wati.files.copies import CHUNK
from wati.files.uploads import Files

MEDIA = {"fileName": "data/images/photo.jpg"}
POSIX = os.name == "posix"


def upload(path: object) -> dict[str, Any]:
    return {"whatsappNumber": "14155551234", "file": str(path), "caption": "Here"}


def csv_upload(path: object) -> dict[str, Any]:
    return {"template_name": "t", "broadcast_name": "b", "whatsapp_numbers_csv": str(path)}


UPLOADS: dict[str, Callable[[object], dict[str, Any]]] = {
    "send_session_file": upload,
    "send_template_message_csv": csv_upload,
}
CONTENT = b"Phone\n14155551234\n"


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """inside/ is the root of most tests; beside it lies what must not be reached."""
    for name in ("inside/deep/a.csv", "inside/a.csv", "outside/a.csv", "inside-not/a.csv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CONTENT)
    return tmp_path


def refused(run: Run, far_side: FarSide, code: str) -> str:
    """Asserts that the run was refused over a file before anything left; returns what was said of it."""
    assert run.exit == (3 if code == "bad_setup" else 2), run.text
    assert run.error["code"] == code, run.text
    assert far_side.requests == []
    (problem,) = run.error["problems"]
    return str(problem["problem"])


# --- uploads -----------------------------------------------------------------------------------------------


@pytest.fixture(params=UPLOADS)
def send(request: pytest.FixtureRequest, call: Callable[..., Run]) -> Callable[..., Run]:
    """Upload a file with each of the two scripts; confirmed, so that only the file can stop it."""

    def run(path: object, **environment: str | None) -> Run:
        confirm = ["--confirm", "1"] if request.param == "send_template_message_csv" else []
        return call(request.param, UPLOADS[request.param](path), *confirm, **environment)

    return run


def uploaded(far_side: FarSide) -> list[tuple[str, bytes]]:
    """The file names and bytes that reached the far side."""
    parts = [part for request in far_side.to("/wati/") for part in request.parts]
    names = [part.headers["content-disposition"].partition('filename="')[2].rstrip('"') for part in parts]
    return list(zip(names, [part.content for part in parts], strict=True))


def test_the_current_folder_is_the_root_where_none_is_named(
    send: Callable[..., Run], world: Path, far_side: FarSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world / "inside")
    for roots in (None, "", " ", os.pathsep):
        assert send("a.csv", WATI_FILE_ROOTS=roots).exit == 0
        assert send(world / "inside" / "deep" / "a.csv", WATI_FILE_ROOTS=roots).exit == 0
        assert send("deep/../a.csv", WATI_FILE_ROOTS=roots).exit == 0
    assert uploaded(far_side) == [("a.csv", CONTENT)] * 12
    far_side.requests.clear()
    for path in (
        "../outside/a.csv",
        world / "outside" / "a.csv",
        "deep/../../outside/a.csv",
        "../inside-not/a.csv",
    ):
        assert "outside" in refused(send(path), far_side, "file_not_allowed")


def test_several_roots(send: Callable[..., Run], world: Path, far_side: FarSide) -> None:
    roots = os.pathsep.join([str(world / "inside"), "outside"])
    assert send("inside/a.csv", WATI_FILE_ROOTS=roots).exit == 0
    assert send(world / "outside" / "a.csv", WATI_FILE_ROOTS=roots).exit == 0
    assert len(uploaded(far_side)) == 2
    far_side.requests.clear()
    assert "outside" in refused(send("inside-not/a.csv", WATI_FILE_ROOTS=roots), far_side, "file_not_allowed")


def test_a_root_that_is_no_folder_is_a_wrong_setup(
    send: Callable[..., Run], world: Path, far_side: FarSide
) -> None:
    for wrong in ("missing", "inside/a.csv", "~", "inside/missing"):
        roots = os.pathsep.join(["inside", wrong])
        assert wrong in refused(send("inside/a.csv", WATI_FILE_ROOTS=roots), far_side, "bad_setup")


def test_roots_matter_to_no_script_without_files(call: Callable[..., Run]) -> None:
    assert call("get_contacts", {}, WATI_FILE_ROOTS="/missing").exit == 0


@pytest.mark.skipif(not POSIX, reason="links need a privilege on Windows")
def test_links_are_resolved_on_both_sides(send: Callable[..., Run], world: Path, far_side: FarSide) -> None:
    (world / "inside" / "in.csv").symlink_to(world / "inside" / "deep" / "a.csv")
    (world / "inside" / "out.csv").symlink_to(world / "outside" / "a.csv")
    (world / "inside" / "folder-out").symlink_to(world / "outside")
    (world / "inside" / "relative-out.csv").symlink_to("../outside/a.csv")
    (world / "inside" / "loop.csv").symlink_to("loop.csv")
    (world / "outside" / "back.csv").symlink_to(world / "inside" / "a.csv")
    (world / "linked-root").symlink_to(world / "inside")
    roots = {"WATI_FILE_ROOTS": "linked-root"}
    for path in ("linked-root/a.csv", "inside/a.csv", "linked-root/in.csv", "outside/back.csv"):
        assert send(path, **roots).exit == 0, path
    assert [content for _, content in uploaded(far_side)] == [CONTENT] * 4
    far_side.requests.clear()
    for path in ("out.csv", "folder-out/a.csv", "relative-out.csv", "folder-out/../outside/a.csv"):
        assert "outside" in refused(send(f"linked-root/{path}", **roots), far_side, "file_not_allowed")
    refused(send("linked-root/loop.csv", **roots), far_side, "file_unreadable")


def test_nothing_hidden_leaves(send: Callable[..., Run], world: Path, far_side: FarSide) -> None:
    for name in ("inside/.env", "inside/.ssh/id.csv", "inside/deep/.x/y/a.csv"):
        path = world / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CONTENT)
        said = refused(send(name, WATI_FILE_ROOTS="inside"), far_side, "file_not_allowed")
        assert "hidden" in said
    if POSIX:
        (world / "inside" / "innocent.csv").symlink_to(world / "inside" / ".env")
        said = refused(send("inside/innocent.csv", WATI_FILE_ROOTS="inside"), far_side, "file_not_allowed")
        assert "hidden" in said


def test_a_root_may_itself_lie_below_a_hidden_folder(
    send: Callable[..., Run], world: Path, far_side: FarSide
) -> None:
    path = world / ".cache" / "wati" / "a.csv"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    assert send(path, WATI_FILE_ROOTS=str(path.parent)).exit == 0
    for roots in ([world, path.parent], [path.parent, world]):
        assert send(path, WATI_FILE_ROOTS=os.pathsep.join(map(str, roots))).exit == 0
    assert len(uploaded(far_side)) == 3


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("missing.csv", "does not exist"),
        ("inside/missing/a.csv", "does not exist"),
        ("inside", "is a folder"),
        (".", "is a folder"),
        ("inside/", "is a folder"),
        ("inside/deep/..", "is a folder"),
        ("empty.csv", "is empty"),
        ("inside/a.csv/x", ""),
        ("x" * 300, ""),
        ("inside/a.csv/", ""),
        ("inside/a.csv/.", ""),
    ],
)
def test_what_cannot_be_read_is_named(
    path: str, said: str, send: Callable[..., Run], world: Path, far_side: FarSide
) -> None:
    (world / "empty.csv").touch()
    assert said in refused(send(path), far_side, "file_unreadable")


@pytest.mark.parametrize("path", ["https://example.com/a.pdf", "HTTP://example.com/a", "file:///etc/passwd"])
def test_an_address_is_not_a_file(path: str, send: Callable[..., Run], far_side: FarSide) -> None:
    said = refused(send(path), far_side, "file_unreadable")
    assert f'the address "{path}"' in said and "download it first" in said


def test_a_refused_file_is_named_with_the_folders_that_are_allowed(
    send: Callable[..., Run], world: Path, far_side: FarSide
) -> None:
    said = refused(send("../a.csv"), far_side, "file_not_allowed")
    assert str(world.parent / "a.csv") in said and str(world) in said
    said = refused(send(".hidden.csv"), far_side, "file_not_allowed")
    assert str(world / ".hidden.csv") in said


def test_a_tilde_that_no_shell_expanded_is_explained(
    send: Callable[..., Run], world: Path, far_side: FarSide
) -> None:
    said = refused(send("~/a.csv"), far_side, "file_unreadable")
    assert str(world / "~" / "a.csv") in said and "~ is not expanded" in said


@pytest.mark.skipif(not POSIX, reason="pipes and devices are POSIX's")
def test_pipes_and_devices_are_no_files(send: Callable[..., Run], world: Path, far_side: FarSide) -> None:
    os.mkfifo(world / "pipe.csv")
    assert "regular" in refused(send("pipe.csv"), far_side, "file_unreadable")
    for device in ("/dev/null", "/dev/zero", "/dev/tty"):
        refused(send(device), far_side, "file_not_allowed")
    assert "regular" in refused(send("/dev/zero", WATI_FILE_ROOTS="/dev"), far_side, "file_unreadable")


@pytest.mark.skipif(not POSIX, reason="modes are POSIX's")
def test_a_file_without_permission(send: Callable[..., Run], world: Path, far_side: FarSide) -> None:
    path = world / "inside" / "a.csv"
    path.chmod(0)
    try:
        path.open("rb").close()
    except PermissionError:
        assert "permission" in refused(send(path), far_side, "file_unreadable")
    else:  # root reads everything; test_processes.py tries it as another user
        assert send(path).exit == 0


@pytest.mark.parametrize("path", ["a\x00.csv", "a\n.csv", "\x1b[31m.csv", "\ud800.csv"], ids=ascii)
def test_broken_names_are_no_paths(
    path: str, each_upload: str, call: Callable[..., Run], far_side: FarSide
) -> None:
    run = call(each_upload, json.dumps(UPLOADS[each_upload](path)))
    assert run.exit == 2
    assert far_side.requests == []


@pytest.fixture(params=UPLOADS)
def each_upload(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("photo.JPG", "image/jpeg"),
        ("clip.mp4", "video/mp4"),
        ("note.ogg", "audio/ogg"),
        ("offer.pdf", "application/pdf"),
        ("sheet.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("archive.tar.gz", "application/octet-stream"),
        ("no-ending", "application/octet-stream"),
        ("page.html", "application/octet-stream"),
    ],
)
def test_the_content_type_is_told_by_our_own_table(
    name: str, content_type: str, call: Callable[..., Run], far_side: FarSide, tmp_path: Path
) -> None:
    data = HEADS.get(Path(name).suffix.lower(), b"") + bytes(range(256)) * 300
    (tmp_path / name).write_bytes(data)
    assert call("send_session_file", upload(name)).exit == 0
    (part,) = far_side.to("/wati/")[0].parts
    assert (part.headers["content-type"], part.content) == (content_type, data)


# --- downloads ---------------------------------------------------------------------------------------------


def left_behind(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture
def fetch(call: Callable[..., Run]) -> Callable[..., Run]:
    return lambda *flags, **environment: call("get_media", MEDIA, *flags, **environment)


def test_a_download_bears_the_media_s_own_name(fetch: Callable[..., Run], tmp_path: Path) -> None:
    run = fetch()
    assert run.data == {"file": "photo.jpg", "bytes": len(JPEG), "content_type": "image/jpeg"}
    assert (tmp_path / "photo.jpg").read_bytes() == JPEG
    assert left_behind(tmp_path) == ["photo.jpg"]


def test_output_names_the_file(fetch: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("a b.jpg", "sub/ü.jpg", str(tmp_path / "sub" / "absolute"), "sub/../up.jpg"):
        assert fetch("--output", name).data["file"] == name
        assert (tmp_path / name).read_bytes() == JPEG


def test_nothing_is_overwritten_without_force(
    fetch: Callable[..., Run], tmp_path: Path, far_side: FarSide
) -> None:
    for name, flags in (("photo.jpg", []), ("mine.txt", ["--output", "mine.txt"])):
        (tmp_path / name).write_bytes(b"mine")
        assert "--force" in refused(fetch(*flags), far_side, "file_not_allowed")
        assert (tmp_path / name).read_bytes() == b"mine"
    for name, flags in (("photo.jpg", []), ("mine.txt", ["--output", "mine.txt"])):
        assert fetch(*flags, "--force").exit == 0
        assert (tmp_path / name).read_bytes() == JPEG
    assert left_behind(tmp_path) == ["mine.txt", "photo.jpg"]


def test_a_name_that_is_taken_meanwhile_is_kept(
    fetch: Callable[..., Run], tmp_path: Path, far_side: FarSide
) -> None:
    def taken_meanwhile() -> Any:
        (tmp_path / "photo.jpg").write_bytes(b"mine")
        yield JPEG
        yield b""  # the end of a chunked body

    far_side.will(Answer(body=taken_meanwhile(), content_type="image/jpeg"))
    run = fetch()
    assert run.exit == 2 and run.error["code"] == "file_not_allowed"
    assert (tmp_path / "photo.jpg").read_bytes() == b"mine"
    assert left_behind(tmp_path) == ["photo.jpg"]


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("../photo.jpg", "outside"),
        ("/photo.jpg", "outside"),
        ("sub/../../photo.jpg", "outside"),
        (".photo.jpg", "hidden"),
        (".hidden/photo.jpg", "hidden"),
        ("sub", "folder"),
        ("sub/", "folder"),
        (".", "folder"),
        ("..", "folder"),
        ("new/", "folder"),
        ("missing/photo.jpg", "does not exist"),
        ("sub/a.txt/photo.jpg", ""),
        ("a\x00b", ""),
        ("a\nb", ""),
        ("\u202egpj.exe", ""),
    ],
    ids=ascii,
)
def test_output_stays_inside(
    output: str, said: str, fetch: Callable[..., Run], tmp_path: Path, far_side: FarSide
) -> None:
    (tmp_path / "sub" / ".hidden").mkdir(parents=True)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "sub" / "a.txt").write_bytes(b"mine")
    before = left_behind(tmp_path)
    for force in ([], ["--force"]):
        run = fetch("--output", output, *force)
        assert run.exit == 2, run.text
        assert run.error["code"] in ("file_not_allowed", "file_unreadable")
        assert said in run.error["problems"][0]["problem"]
        assert run.error["problems"][0]["at"] == "--output"
    assert left_behind(tmp_path) == before
    assert far_side.requests == []


def test_a_name_that_the_file_system_does_not_take(fetch: Callable[..., Run], tmp_path: Path) -> None:
    run = fetch("--output", "x" * 300)
    assert run.exit == 2 and run.error["code"] == "file_not_allowed"
    assert left_behind(tmp_path) == []


def test_downloads_obey_the_roots(fetch: Callable[..., Run], world: Path, far_side: FarSide) -> None:
    assert fetch("--output", "inside/new.jpg", WATI_FILE_ROOTS="inside").exit == 0
    far_side.requests.clear()
    for flags in ([], ["--output", "outside/new.jpg"], ["--output", "inside-not/new.jpg"]):
        refused(fetch(*flags, WATI_FILE_ROOTS="inside"), far_side, "file_not_allowed")
    assert "missing" in refused(fetch(WATI_FILE_ROOTS="missing"), far_side, "bad_setup")


@pytest.mark.skipif(not POSIX, reason="links need a privilege on Windows")
def test_output_does_not_follow_a_link_out(fetch: Callable[..., Run], world: Path, far_side: FarSide) -> None:
    (world / "inside" / "file").symlink_to(world / "outside" / "new.jpg")
    (world / "inside" / "taken").symlink_to(world / "outside" / "a.csv")
    (world / "inside" / "folder").symlink_to(world / "outside")
    for output in ("inside/file", "inside/taken", "inside/folder/new.jpg"):
        for force in ([], ["--force"]):
            refused(fetch("--output", output, *force, WATI_FILE_ROOTS="inside"), far_side, "file_not_allowed")
    assert left_behind(world / "outside") == ["a.csv"]
    assert (world / "outside" / "a.csv").read_bytes() == CONTENT


REFUSALS = {
    "closed in the middle": Answer(body=JPEG * 100, content_type="image/jpeg", cut=50),
    "empty": Answer(body=b"", content_type="image/jpeg"),
    "an error page": Answer(body=b"<html>Sign in</html>", content_type="text/html"),
    "a refusal": reply({"result": False, "info": "no such file"}),
    "not found": Answer(404, b"", content_type="text/plain"),
    "server error": Answer(500, b"<html></html>", content_type="text/html"),
    "hung up": Answer(hang_up="close"),
}


@pytest.mark.parametrize("case", REFUSALS)
@pytest.mark.parametrize("force", [[], ["--force"]], ids=["new", "over another"])
def test_a_download_that_fails_leaves_nothing(
    case: str,
    force: list[str],
    fetch: Callable[..., Run],
    far_side: FarSide,
    tmp_path: Path,
    pauses: list[float],
) -> None:
    if force:
        (tmp_path / "photo.jpg").write_bytes(b"mine")
    far_side.always(REFUSALS[case], to="/wati/")
    run = fetch(*force)
    assert run.exit in (4, 6), run.text
    assert left_behind(tmp_path) == (["photo.jpg"] if force else [])
    assert not force or (tmp_path / "photo.jpg").read_bytes() == b"mine"


def test_a_repeated_download_begins_anew(
    fetch: Callable[..., Run], far_side: FarSide, tmp_path: Path, pauses: list[float]
) -> None:
    far_side.will(Answer(body=b"x" * 5000, content_type="image/jpeg", cut=3000))
    assert fetch().data["bytes"] == len(JPEG)
    assert (tmp_path / "photo.jpg").read_bytes() == JPEG


def test_a_stalled_download_leaves_nothing(
    fetch: Callable[..., Run], far_side: FarSide, tmp_path: Path
) -> None:
    far_side.will(Answer(body=JPEG * 100, content_type="image/jpeg", cut=100, stall=20))
    run = fetch("--timeout", "0.3")
    assert run.exit == 6 and run.error["code"] == "timeout"
    assert left_behind(tmp_path) == []


@pytest.mark.skipif(not POSIX, reason="modes are POSIX's")
def test_a_download_is_not_for_everybody_to_write(fetch: Callable[..., Run], tmp_path: Path) -> None:
    umask = os.umask(0o022)
    try:
        fetch()
    finally:
        os.umask(umask)
    assert stat.S_IMODE((tmp_path / "photo.jpg").stat().st_mode) & 0o133 == 0


def test_every_script_with_files_is_tried() -> None:
    with_files = {name for name, e in ENDPOINTS.items() if e.parts is not None or "output" in e.flags}
    lists = {endpoint.name for endpoint in ENDPOINTS.values() if endpoint.items}  # tests/calls/test_lists.py
    assert len(lists) == 3 and with_files == {*UPLOADS, "get_media", *lists}


def test_a_disk_that_is_full_at_the_end_leaves_no_part_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.BytesIO):
        def close(self) -> None:
            was_open = not self.closed
            super().close()
            if was_open:  # not again when it is collected
                raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.chdir(tmp_path)
    with pytest.raises(Failure) as caught, Files(["."]).download("photo.jpg", force=False) as download:
        download.handle.close()
        download.handle = Full()
    assert caught.value.code == "file_not_allowed"
    assert "No space left" in caught.value.message
    assert list(tmp_path.iterdir()) == []


# --- the key -----------------------------------------------------------------------------------------------

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"]


@looped("flags", [["--confirm", "1"], ["--dry-run"]], ids=["send", "dry run"])
@looped("encoding", ENCODINGS)
@looped("first", [0, 1, 2, 20], ids=str)
@looped("name", UPLOADS)
def test_a_file_that_contains_the_key_stays_here(
    name: str,
    first: int,
    encoding: str,
    flags: list[str],
    call: Callable[..., Run],
    tmp_path: Path,
    far_side: FarSide,
) -> None:
    """`first`: how many of its letters are at the end of a piece that is read; 0 = all of them."""
    before, each = "Phone,name\n14155551234,", len("xx".encode(encoding)) - len("x".encode(encoding))
    if first:
        before += "x" * (CHUNK // each - len(before.encode(encoding)) // each - first)
        assert 0 < CHUNK - len(before.encode(encoding)) < len(KEY) * each
    (tmp_path / "a.csv").write_bytes(f"{before}{KEY}\n".encode(encoding))
    flags = [flag for flag in flags if name != "send_session_file" or flag == "--dry-run"]
    run = call(name, UPLOADS[name]("a.csv"), *flags)
    problem = run.error["problems"][0]["problem"]  # a dry run looks further
    assert run.error["code"] == "invalid_arguments" and "contains the API key" in problem
    assert far_side.writes == []


def test_a_key_with_quotes_is_found_in_a_csv(
    call: Callable[..., Run], tmp_path: Path, far_side: FarSide
) -> None:
    key = 'key"with"quotes-0123456789'
    cell = key.replace('"', '""')
    (tmp_path / "a.csv").write_text(f'Phone,name\n14155551234,"{cell}"\n', encoding="utf-8")
    run = call("send_template_message_csv", csv_upload("a.csv"), "--confirm", "1", MATON_API_KEY=key)
    assert "contains the API key" in refused(run, far_side, "invalid_arguments")


def test_what_only_resembles_the_key_is_sent(
    call: Callable[..., Run], tmp_path: Path, far_side: FarSide
) -> None:
    content = b"x" * (CHUNK - 5) + KEY[:-1].encode() + b"\n" + KEY[1:].encode()
    (tmp_path / "a.txt").write_bytes(content)
    assert call("send_session_file", upload("a.txt")).exit == 0
    assert far_side.writes[0].parts[0].content == content
