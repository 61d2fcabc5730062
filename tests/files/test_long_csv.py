"""Long CSV files: every row checked and sent in flat memory, within the time of the call."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import KEY, ROOT, Run
from recording import FarSide
from sends import CSV, JOHN, TEMPLATE, World, make_world
from wati.contract import listed
from wati.contract.listed import Listed, Repeats
from wati.files import copies, csv_records, receivers_csv

AT = "$.whatsapp_numbers_csv"
NAME = "send_template_message_csv"
ROWS = 100_000
POSIX = os.name == "posix"


@pytest.fixture(scope="module")
def long_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["Name", "CountryCode", "Phone", "name", "ordernumber"])
        writer.writerows([f"Customer {n}", "1", f"415{n:07}", "Zoë", f"ORD-{n}"] for n in range(ROWS))
    return path


@pytest.fixture
def send(call: Callable[..., Run], tmp_path: Path) -> Callable[..., Run]:
    def run(data: bytes, *flags: str, **environment: str | None) -> Run:
        (tmp_path / "list.csv").write_bytes(data)
        return call(NAME, CSV, *flags, **environment)

    return run


def rows(count: int, *more: str) -> bytes:
    numbers = [*(f"1415{n:07}" for n in range(count)), *more]
    return ("Phone,name,ordernumber\n" + "".join(f"{number},Jo,1\n" for number in numbers)).encode()


# --- memory ------------------------------------------------------------------------------------------------


def peak_of(runs: list[list[str]], long_file: Path, far_side: FarSide, tmp_path: Path) -> int:
    """The most bytes that any of these runs over the long file took, each with its flags."""
    arguments = json.dumps({**TEMPLATE, "whatsapp_numbers_csv": long_file.name})
    command = [sys.executable, str(ROOT / "scripts" / f"{NAME}.py"), arguments, "--timeout", "200"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MATON_", "WATI_"))}
    ours = {
        "MATON_API_KEY": KEY,
        "MATON_BASE_URL": far_side.url,
        "WATI_JOURNAL": str(tmp_path / "sends.sqlite"),
    }
    # Measured by a small program: on Linux, the peak of a process is at least that of its parent.
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(ROOT / "dev" / "processes.py")],
        input=json.dumps([[*command, *flags] for flags in runs]).encode(),
        stdout=subprocess.PIPE,
        env={**clean, **ours},
        cwd=long_file.parent,
        timeout=300,
        check=True,
    )
    return int(json.loads(done.stdout)[2])


SEND = ["--confirm", str(ROWS)]


@pytest.mark.skipif(not POSIX, reason="only POSIX says what a process used")
@pytest.mark.parametrize(
    ("runs", "sent"),
    [([["--dry-run"]], 0), ([SEND, ["--skip-sent", *SEND]], 1)],
    ids=["dry run", "send, and nobody again"],
)
def test_a_long_file_takes_little_memory_from_end_to_end(
    runs: list[list[str]], sent: int, long_file: Path, far_side: FarSide, tmp_path: Path
) -> None:
    peak = peak_of(runs, long_file, far_side, tmp_path)
    assert peak <= 60e6, f"{peak / 1e6:.0f} MB"
    assert len(far_side.writes) == sent
    for request in far_side.writes:
        assert request.path == "/wati/api/v1/sendTemplateMessageCSV"
        assert request.parts[0].content == long_file.read_bytes()


# --- time --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flags", [["--confirm", str(ROWS)], ["--dry-run"]], ids=["send", "dry run"])
def test_reading_and_checking_count_in_the_time_of_the_call(
    flags: list[str], call: Callable[..., Run], far_side: FarSide, long_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "list.csv").write_bytes(long_file.read_bytes())
    began = time.monotonic()
    error = call(NAME, CSV, *flags, "--timeout", "0.3").error
    assert time.monotonic() - began < 2
    assert (error["code"], error["outcome"]) == ("timeout", "not_sent")
    assert "--timeout" in error["hint"] and "split" in error["hint"]
    assert far_side.requests == []


@pytest.mark.parametrize("moment", ["copied", "checked", "hashed"])
def test_whichever_pass_takes_too_long_sends_nothing(
    moment: str,
    send: Callable[..., Run],
    far_side: FarSide,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    real, ahead = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: real() + ahead[0])

    def late(module: Any, name: str) -> None:
        act = getattr(module, name)

        def slow(*arguments: Any) -> Iterator[Any]:
            ahead[0] = 1000
            return iter(act(*arguments))

        monkeypatch.setattr(module, name, slow)

    module: Any = {"copied": "wati.files.uploads", "checked": receivers_csv, "hashed": csv_records}[moment]
    name = {"copied": "chunks_of", "checked": "checked", "hashed": "parameters"}[moment]
    late(sys.modules[module] if isinstance(module, str) else module, name)
    run = send(rows(3), "--confirm", "3", WATI_JOURNAL=str(tmp_path / "sends.sqlite"))
    assert run.exit == 6 and run.error["outcome"] == "not_sent", run.text
    assert far_side.writes == []


def test_an_answer_in_the_last_moment_counts(
    send: Callable[..., Run], far_side: FarSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What reads the file afterwards does not mind that the time is over."""
    from wati.contract import verdicts

    real, ahead, judge = time.monotonic, [0.0], verdicts.judge
    monkeypatch.setattr(time, "monotonic", lambda: real() + ahead[0])

    def late(answer: Any, verdict: Any, receivers: Any, **options: Any) -> Any:
        if receivers:  # of the send, not of a read before it
            ahead[0] = 1000
            assert len(list(receivers)) == 3
        return judge(answer, verdict, receivers, **options)

    monkeypatch.setattr(verdicts, "judge", late)
    run = send(rows(3), "--confirm", "3")
    assert run.exit == 0 and run.document["outcome"] == "accepted", run.text
    assert len(far_side.writes) == 1


# --- bounds ------------------------------------------------------------------------------------------------


def test_more_rows_than_the_bound_are_a_problem(
    send: Callable[..., Run], far_side: FarSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert receivers_csv.MOST_ROWS == 1_000_000
    monkeypatch.setattr(receivers_csv, "MOST_ROWS", 50)
    assert send(rows(50), "--confirm", "50").exit == 0
    far_side.requests.clear()
    (problem,) = send(rows(51), "--confirm", "51").error["problems"]
    assert problem["at"] == AT and "more than 50 receivers; split" in problem["problem"]
    assert far_side.requests == []


def test_a_file_in_which_all_is_wrong_gets_a_bounded_list(
    send: Callable[..., Run], far_side: FarSide
) -> None:
    wrong = b"Phone\n" + b"".join(b"+1415%07d\n" % number for number in range(20_000))
    run = send(wrong, "--confirm", "20000")
    assert run.exit == 2 and run.error["message"].startswith("At least 5000 problems")
    assert len(run.text) < 40_000 and run.error["problems"][0]["at"] == f"{AT}[0].Phone"
    assert far_side.requests == []


def test_a_line_without_end_is_refused(
    send: Callable[..., Run], far_side: FarSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_records, "LONGEST_LINE", 100)
    (problem,) = send(b"Phone,a\n14155551234," + b"a," * 200, "--confirm", "1").error["problems"]
    assert "line of more than 100 characters" in problem["problem"]
    assert far_side.requests == []


# --- what is listed twice ----------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1 << 16, 3, 0], ids=["one round", "some rounds", "many rounds"])
@pytest.mark.parametrize("places", [1 << 26, 16], ids=["few meet", "most meet"])
def test_repeats_are_found_wherever_they_are(most: int, places: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listed, "_MOST_MET", most)
    monkeypatch.setattr(listed, "_PLACES", places)
    keys = ["a", "b", "", "c", "a", "", *map(str, range(40)), "b", "a", "7"]
    seen = Repeats()
    for key in keys:
        seen.add(key)
    assert sorted(seen.pairs(lambda: keys)) == [(0, 4), (0, 47), (1, 46), (13, 48)]


def test_a_number_in_the_first_row_and_in_the_last(send: Callable[..., Run], far_side: FarSide) -> None:
    (problem,) = send(rows(5000, "14150000000"), "--confirm", "5001").error["problems"]
    assert problem["at"] == f"{AT}[5000].Phone" and "already in line 2 (line 5002)" in problem["problem"]
    error = send(rows(5000, "5215512345678", "525512345678"), "--confirm", "5002").error
    assert error["code"] == "repeated_send" and far_side.requests == []
    (problem,) = error["problems"]
    assert problem["at"] == f"{AT}[5001].Phone" and f"5215512345678 ({AT}[5000].Phone)" in problem["problem"]


# --- what was checked is what is sent ----------------------------------------------------------------------


@pytest.mark.parametrize("size", [10, copies.IN_MEMORY + 1])
def test_a_copy_is_read_by_several_at_once(size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    copy = copies.Copy(lambda: None, [data[:100], data[100:]])
    assert copy.size == len(data)
    first, second = copy.open(), copy.open()
    assert first.read(3) == data[:3] and second.read(5) == data[:5] and first.read(4) == data[3:7]
    assert second.seek(-1, os.SEEK_END) == len(data) - 1 and second.read() == data[-1:]
    again = copy.replaced(iter([first.read()]))
    assert again.open().read() == data[7:]
    with pytest.raises(ValueError):
        copy.open().read()


def test_receivers_are_read_anew_for_each_use() -> None:
    found = Listed(lambda: ((f"[{n}]", str(n)) for n in range(5)), 5, [])
    assert len(found) == 5 and list(found) == list(found) == [(f"[{n}]", str(n)) for n in range(5)]
    assert found[0] == ("[0]", "0") and found[3] == ("[3]", "3") and found[:2] == [("[0]", "0"), ("[1]", "1")]


def test_a_large_file_is_sent_again_without_those_who_have_it(
    call: Callable[..., Run], tmp_path: Path
) -> None:
    """A copy too large for the memory, of which a row in the middle is left out."""
    world: World = make_world(tmp_path, call)
    header, mine = "Name,Phone,name,ordernumber\n", f"Jo,{JOHN},John,12345\n"
    others = [f'"Ann, {n}",1416{n:07},{"x" * 900},{n}\n' for n in range(1500)]
    (tmp_path / "list.csv").write_text(header + mine, encoding="utf-8")
    assert world.run(NAME, CSV, "--confirm", "1").exit == 0
    text = "".join([header, *others[:700], mine, *others[700:]])
    assert len(text) > copies.IN_MEMORY
    (tmp_path / "list.csv").write_text(text, encoding="utf-8")
    run = world.run(NAME, CSV, "--confirm", "1500", "--skip-sent")
    assert run.exit == 0 and run.data["counts"]["left_out"] == 1, run.text
    assert world.count[JOHN] == 1 and sum(world.count.values()) == 1501
