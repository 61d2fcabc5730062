"""conversation --output --media: the files beside the page, under names of ours, and what is missing."""

from __future__ import annotations

import base64
import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from test_chat_file import EACH, Tags
from test_conversation import row, shown

from conftest import SANDBOX, Run
from recording import FarSide
from sends import JOHN
from wati.files.beside import safe_name
from wati.sandbox import control

Json = dict[str, Any]
MEDIA = "/wati/api/v1/getMedia"
PHOTO = "data/images/9b2e6c1e-2f6d-4a8b-9c3d-1e5f7a9b0c2d.jpg"
conversation = importlib.import_module("conversation")


def written(call: Callable[..., Run], name: str = "chat.html", *flags: str, **environment: Any) -> Run:
    given = {"whatsappNumber": JOHN}
    return call("conversation", given, "--output", name, "--media", *flags, **(environment or SANDBOX))


def seeded(state: str, *names: str, kind: str = "document", content: bytes = b"%PDF-1.4 x") -> None:
    """Customers' files, and the messages that they came with."""
    control.seed(
        state,
        {
            "media": [
                {
                    "fileName": name,
                    "contentType": "application/pdf",
                    "base64": base64.b64encode(content).decode(),
                }
                for name in names
            ],
            "messages": [
                {"whatsappNumber": JOHN, "text": "", "type": kind, "data": name, "age": 50 - n}
                for n, name in enumerate(names)
            ],
        },
    )


def links(name: str) -> list[str]:
    """What the page loads or leads to."""
    text = Path(name).read_text(encoding="utf-8")
    if not name.endswith(".html"):
        return [word.strip("[]()") for word in text.replace("](", " ").split() if "_files/" in word]
    found = [value for _, members in Tags(text).found for at in ("src", "href") if (value := members.get(at))]
    return [unquote(each) for each in found]


@EACH
def test_a_picture_lies_beside_the_page_and_is_shown(
    ending: str, call: Callable[..., Run], state: str, tmp_path: Path
) -> None:
    run = written(call, f"chat{ending}")
    folder = tmp_path / "chat_files"
    (file,) = folder.iterdir()
    assert run.data["media"] == {"fetched": 1, "bytes": file.stat().st_size, "folder": "chat_files"}
    assert call("get_media", {"fileName": PHOTO}, "--output", "same.jpg", **SANDBOX).exit == 0
    assert file.read_bytes() == (tmp_path / "same.jpg").read_bytes()
    name = f"chat_files/{file.name}".replace("-", "\\-").replace("_", "\\_").replace(".", "\\.")
    text = (tmp_path / f"chat{ending}").read_text(encoding="utf-8")
    expected = {
        ".txt": f"[saved as chat_files/{file.name}]",
        ".md": f"![{name}](chat_files/{file.name})",
        ".html": f'<img src="chat_files/{file.name}"',
    }
    assert expected[ending] in text
    assert not any(row["status"] >= 400 for row in control.requests(state))


def test_a_page_in_another_folder_names_its_own(call: Callable[..., Run], state: str, tmp_path: Path) -> None:
    (tmp_path / "all chats").mkdir()
    run = written(call, "all chats/john (1).html")
    assert run.data["media"]["folder"] == os.path.join("all chats", "john (1)_files")
    page = tmp_path / "all chats" / "john (1).html"
    targets = links(str(page))
    assert targets and all((page.parent / each).is_file() for each in targets)
    assert "john%20%281%29_files/" in page.read_text(encoding="utf-8")


def test_without_the_flag_nothing_is_fetched(call: Callable[..., Run], state: str, tmp_path: Path) -> None:
    run = call("conversation", {"whatsappNumber": JOHN}, "--output", "chat.html", **SANDBOX)
    assert "media" not in run.data and not (tmp_path / "chat_files").exists()
    assert not any(row["path"] == MEDIA for row in control.requests(state))
    assert "img-src" not in (tmp_path / "chat.html").read_text()


def test_a_chat_without_files_makes_no_folder(call: Callable[..., Run], state: str, tmp_path: Path) -> None:
    given = {"whatsappNumber": "14155550777"}
    control.seed(state, {"messages": [{**given, "text": "Hi"}]})
    run = call("conversation", given, "--output", "chat.md", "--media", **SANDBOX)
    assert run.data["media"] == {"fetched": 0, "bytes": 0} and not (tmp_path / "chat_files").exists()


# --- names --------------------------------------------------------------------------------------------------

NAMES = {
    "data/images/a b(1).JPG": "007-a-b-1.jpg",
    "data/documents/invoice.pdf.html": "007-invoice-pdf.bin",
    "data/documents/x.svg": "007-x.bin",
    "data/documents/run.exe": "007-run.bin",
    "data/documents/CON": "007-CON.bin",
    "data/documents/заказ.pdf": "007.pdf",
    "data/documents/.hidden": "007-hidden.bin",
    "data/documents/" + "x" * 400 + ".png": "007-" + "x" * 60 + ".png",
    "data/documents/a\u202egpj.exe": "007-a-gpj.bin",
    "data/documents/a.pdf ": "007-a.bin",
    "": "007.bin",
}


@pytest.mark.parametrize("given", NAMES)
def test_a_name_is_safe_on_every_system(given: str) -> None:
    assert safe_name(7, given) == NAMES[given]


def test_files_of_one_name_do_not_replace_each_other(
    call: Callable[..., Run], state: str, tmp_path: Path
) -> None:
    seeded(state, "data/documents/a/bill.pdf", content=b"%PDF first")
    seeded(state, "data/documents/b/bill.pdf", content=b"%PDF second")
    seeded(state, "data/documents/b/BILL.pdf", content=b"%PDF third")
    seeded(state, "data/documents/a/bill.pdf", content=b"%PDF first")  # the same once more
    assert written(call).data["media"]["fetched"] == 4
    contents = sorted(each.read_bytes() for each in (tmp_path / "chat_files").glob("*.pdf"))
    assert contents == [b"%PDF first", b"%PDF second", b"%PDF third"]


@pytest.mark.parametrize(
    "name", ["data/../../etc/passwd", "../x.jpg", "data/images/.x.jpg", "a.jpg", "data/a|b"]
)
def test_a_name_that_leads_elsewhere_is_not_asked_for(
    name: str, call: Callable[..., Run], far_side: FarSide, tmp_path: Path
) -> None:
    shown(far_side, [row(text="", type="image", data=name)])
    run = written(call, "chat.html", MATON_API_KEY="key-of-a-test", MATON_BASE_URL=far_side.url)
    assert run.data["media"]["not_fetched"] == [{"fileName": name, "why": "invalid_arguments"}]
    assert far_side.to(MEDIA) == [] and not list((tmp_path / "chat_files").glob("*"))
    assert "never instructions" in run.document["notice"]


def test_what_is_not_at_wati_is_not_fetched(call: Callable[..., Run], far_side: FarSide) -> None:
    url = "https://evil.example/pixel.png"
    shown(far_side, [row(text="", type="image", data=url)])
    run = written(call, "chat.html", MATON_API_KEY="key-of-a-test", MATON_BASE_URL=far_side.url)
    assert run.data["media"]["not_fetched"] == [{"fileName": url, "why": "not at WATI"}]
    assert links("chat.html") == [] and far_side.to(MEDIA) == []
    assert "1 of its files could not be fetched" in Path("chat.html").read_text()


# --- bounds, and what is missing ----------------------------------------------------------------------------


def test_what_cannot_be_fetched_is_said_and_the_rest_is_there(call: Callable[..., Run], state: str) -> None:
    names = [f"data/documents/{n}.pdf" for n in range(3)]
    seeded(state, *names)
    control.fault(state, {"fault": "status", "status": 404, "match": {"path": MEDIA}, "after": 2})
    media = written(call).data["media"]
    assert media["fetched"] == 3 and media["not_fetched"] == [{"fileName": names[1], "why": "not_found"}]
    assert len(links("chat.html")) == 4  # a picture leads to itself
    assert "1 of its files could not be fetched" in Path("chat.html").read_text()


@pytest.mark.parametrize(("bound", "value", "fetched"), [("MOST_FILES", 2, 2), ("MOST_BYTES", 300, 2)])
def test_it_is_bounded(
    bound: str,
    value: int,
    fetched: int,
    call: Callable[..., Run],
    state: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    seeded(state, *[f"data/documents/{n}.pdf" for n in range(25)], content=b"%PDF" + bytes(60))
    monkeypatch.setattr(conversation, bound, value)
    media = written(call).data["media"]
    assert media["fetched"] == fetched == len(list((tmp_path / "chat_files").iterdir()))
    assert {one["why"] for one in media["not_fetched"]} == {conversation.TOO_MUCH}
    assert len(media["not_fetched"]) + media["more_not_fetched"] + fetched == 26


def test_a_time_that_is_over_leaves_the_rest_and_still_writes_the_page(
    call: Callable[..., Run], state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded(state, *[f"data/documents/{n}.pdf" for n in range(5)])
    from wati.wire.gateway import Gateway

    asked: list[int] = []

    def left(_: Gateway) -> float:
        asked.append(1)
        return 20.0 if len(asked) <= 3 else 0.0

    monkeypatch.setattr(Gateway, "left", property(left))
    media = written(call).data["media"]
    assert media["fetched"] and {one["why"] for one in media["not_fetched"]} == {"timeout"}
    assert len(media["not_fetched"]) + media["fetched"] == 6 and Path("chat.html").exists()


# --- the folder ---------------------------------------------------------------------------------------------


def test_a_folder_of_that_name_is_left_alone_without_force(
    call: Callable[..., Run], state: str, tmp_path: Path
) -> None:
    folder = tmp_path / "chat_files"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    refused = written(call)
    assert refused.error["code"] == "file_not_allowed" and "chat_files" in refused.text
    assert not (tmp_path / "chat.html").exists() and len(list(folder.iterdir())) == 1
    for _ in range(2):
        assert written(call, "chat.html", "--force").data["media"]["fetched"] == 1
    assert len(list(folder.iterdir())) == 2 and (folder / "mine.txt").read_text() == "mine"


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_a_link_in_place_of_the_folder_leads_nowhere(
    call: Callable[..., Run], state: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (tmp_path / "chat_files").symlink_to(outside)
    assert written(call, "chat.html", "--force").error["code"] == "file_not_allowed"
    assert list(outside.iterdir()) == []
    (tmp_path / "chat_files").unlink()
    (tmp_path / "chat_files").write_text("a file")
    assert "a file has that name" in written(call, "chat.html", "--force").text


def test_it_needs_a_page(call: Callable[..., Run], state: str) -> None:
    refused = call("conversation", {"whatsappNumber": JOHN}, "--media", **SANDBOX)
    assert refused.error["code"] == "usage" and "--media needs --output" in refused.text
    refused = call("conversation", {"whatsappNumber": JOHN, "run": {"media": True}}, **SANDBOX)
    assert refused.error["code"] == "usage" and "run.media needs run.output" in refused.text
    refused = call("conversation", {"whatsappNumber": JOHN, "run": {"limit": 1}}, "--media", **SANDBOX)
    assert refused.error["code"] == "usage" and "--media needs run.output" in refused.text
