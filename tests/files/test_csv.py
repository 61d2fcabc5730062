"""The CSV file of a bulk send: every record counted and checked, and the very bytes then sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import KEY, Run
from looping import looped
from recording import FarSide, reply

AT = "$.whatsapp_numbers_csv"
NAME = "send_template_message_csv"
ARABIC_INDIC = "".join(chr(0x0660 + int(digit)) for digit in "14155551234")
WATI_HEADER = b"Name,CountryCode,Phone,AllowBroadcast,AllowSMS,name,ordernumber"


@pytest.fixture
def send(call: Callable[..., Run], tmp_path: Path) -> Callable[..., Run]:
    """`send(data, *flags)`: the bytes as a file, sent with the flags."""

    def run(data: bytes, *flags: str, **environment: str | None) -> Run:
        (tmp_path / "list.csv").write_bytes(data)
        arguments = {"template_name": "t", "broadcast_name": "b", "whatsapp_numbers_csv": "list.csv"}
        return call(NAME, arguments, *flags, **environment)

    return run


def rows(count: int) -> bytes:
    return b"Phone\n" + b"".join(b"1415555%04d\n" % number for number in range(count))


COUNTED = {  # the file, and how many records --confirm has to repeat
    "LF": (b"Phone\n14155551234\n14155555678\n", 2),
    "CRLF": (b"Phone\r\n14155551234\r\n14155555678\r\n", 2),
    "CR": (b"Phone\r14155551234\r14155555678\r", 2),
    "no end of line": (b"Phone\n14155551234", 1),
    "BOM": (b"\xef\xbb\xbfPhone\r\n14155551234\r\n", 1),
    "blank lines": (b"\r\nPhone\r\n\r\n14155551234\r\n\r\n\r\n14155555678\r\n\r\n", 2),
    "lines of spaces and commas": (b"Name,Phone\n , \n,\nA,14155551234\n ,\n", 1),
    "quoted cells": (b'"Name","Phone"\n"Doe, John","14155551234"\n', 1),
    "doubled quotes": (b'Name,Phone\n"John ""Jo"" Doe",14155551234\n', 1),
    "a column per parameter": (WATI_HEADER + b"\r\nJohn,1,4155551234,TRUE,TRUE,John,12345\r\n", 1),
    "country codes with and without plus": (b"CountryCode,Phone\n+1,4155551234\n1,4155555678\n", 2),
    "an empty country code": (b"CountryCode,Phone\n,14155551234\n", 1),
    "spaces around numbers": (b"CountryCode,Phone\n +1 , 4155551234 \n", 1),
    "empty cells of the contact": (WATI_HEADER + b"\n,1,4155551234,,,John,1\n", 1),
    "other scripts": ("Name,Phone\nשרה 🙂,14155551234\n李,14155555678\n".encode(), 2),
    "two thousand": (rows(2000), 2000),
}


@pytest.mark.parametrize("case", COUNTED)
def test_records_are_counted_and_the_same_bytes_are_sent(
    case: str, send: Callable[..., Run], far_side: FarSide
) -> None:
    data, count = COUNTED[case]
    dry = send(data, "--dry-run", "--raw", MATON_API_KEY=None)
    assert dry.exit == 0, dry.text
    assert dry.data["confirm"] == str(count)
    assert dry.data["request"]["parts"][0]["bytes"] == len(data)
    for wrong in (count - 1, count + 1):
        assert send(data, "--confirm", str(wrong)).error["code"] == "confirmation_required"
    assert far_side.requests == []
    assert send(data, "--confirm", str(count)).exit == 0
    (sent,) = far_side.to("/wati/")
    (part,) = sent.parts
    assert part.content == data
    assert part.headers["content-disposition"] == (
        'form-data; name="whatsapp_numbers_csv"; filename="list.csv"'
    )
    assert part.headers["content-type"] == "text/csv"
    assert sent.pairs == [("template_name", "t"), ("broadcast_name", "b")]


def test_the_bytes_that_were_checked_are_sent_even_if_the_file_changes(
    send: Callable[..., Run], far_side: FarSide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wati.reads import connections

    look_up = connections.only_active

    def while_it_changes(call: Any) -> str:
        (tmp_path / "list.csv").write_bytes(rows(1000))
        return look_up(call)

    monkeypatch.setattr(connections, "only_active", while_it_changes)
    assert send(rows(2), "--confirm", "2").exit == 0
    assert far_side.to("/wati/")[0].parts[0].content == rows(2)
    assert (tmp_path / "list.csv").read_bytes() == rows(1000)


WRONG: dict[str, tuple[bytes, list[str], str]] = {  # the file, the places told, a word of what is said
    "header only": (b"Phone\n", [AT], "no receiver"),
    "header and blank lines": (b"Phone\r\n\r\n , \r\n", [AT], "no receiver"),
    "a BOM only": (b"\xef\xbb\xbf", [AT], "Phone"),
    "white space only": (b" \r\n\n", [AT], "Phone"),
    "no header": (b"14155551234\n14155555678\n", [AT], "Phone"),
    "no Phone": (b"Name,Number\nA,14155551234\n", [AT], "Phone"),
    "phone in lower case": (b"Name,phone\nA,14155551234\n", [AT], "Phone"),
    "a space before Phone": (b"Name, Phone\nA,14155551234\n", [AT], "Phone"),
    "semicolons": (b"Name;CountryCode;Phone\nA;1;4155551234\n", [AT], "commas"),
    "tabs": (b"Name\tPhone\nA\t14155551234\n", [AT], "commas"),
    "a column in another case": (b"countrycode,Phone\n1,4155551234\n", [AT], "must be written CountryCode"),
    "Latin-1": ("Name,Phone\nJosé,14155551234\n".encode("latin-1"), [AT], "UTF-8"),
    "UTF-16 without its mark": ("Name,Phone\nA,14155551234\n".encode("utf-16-le"), [AT], "UTF-16"),
    "a column twice": (b"Phone,name,name\n14155551234,a,b\n", [AT], "twice"),
    "Phone twice": (b"Phone,Phone\n14155551234,14155555678\n", [AT], "twice"),
    "a column without a name": (b"Phone,\n14155551234,x\n", [AT], "name"),
    "a control character in a column's name": (b"Phone,na\x1bme\n14155551234,x\n", [AT], "control"),
    "a line break in a column's name": (b'Phone,"na\nme"\n14155551234,x\n', [AT], "line break"),
    "an open quote": (b'Name,Phone\n"A,14155551234\n', [AT], "CSV"),
    "text after a quote": (b'Name,Phone\n"A"x,14155551234\n', [AT], "CSV"),
    "too few cells": (b"Name,Phone,name\nA,14155551234\n", [f"{AT}[0]"], "cells"),
    "too many cells": (b"Name,Phone\nA,14155551234,x\n", [f"{AT}[0]"], "cells"),
    "the same number twice": (rows(2) + b"14155550001\n", [f"{AT}[2].Phone"], "twice"),
    "the same number, split otherwise": (
        b"CountryCode,Phone\n1,4155551234\n+1,4155551234\n,14155551234\n",
        [f"{AT}[1].Phone", f"{AT}[2].Phone"],
        "twice",
    ),
    "no number": (b"Name,Phone\nA,\nB,14155551234\n", [f"{AT}[0].Phone"], "number"),
    "a plus": (b"Phone\n+14155551234\n", [f"{AT}[0].Phone"], "number"),
    "a plus twice": (b"CountryCode,Phone\n++1,4155551234\n", [f"{AT}[0].Phone"], "number"),
    "spaces within": (b"Phone\n1 415 555 1234\n", [f"{AT}[0].Phone"], "number"),
    "a spreadsheet's float": (b"Phone\n1.4155551234E+10\n", [f"{AT}[0].Phone"], "number"),
    "a formula": (b'Phone\n"=1+14155551234"\n', [f"{AT}[0].Phone"], "number"),
    "a leading zero": (b"Phone\n0014155551234\n", [f"{AT}[0].Phone"], "number"),
    "too short": (b"Phone\n141555\n", [f"{AT}[0].Phone"], "number"),
    "too long": (b"Phone\n1415555123456789\n", [f"{AT}[0].Phone"], "number"),
    "Arabic-Indic digits": (f"Phone\n{ARABIC_INDIC}\n".encode(), [f"{AT}[0].Phone"], "number"),
    "a contact id": (b"Phone\n5f9b2c1d4e6a7b8c9d0e1f2a\n", [f"{AT}[0].Phone"], "number"),
    "an empty value": (b"Phone,name\n14155551234,\n", [f"{AT}[0].name"], "blank"),
    "a blank value": (b"Phone,name\n14155551234,  \n", [f"{AT}[0].name"], "blank"),
    "four spaces": (b"Phone,name\n14155551234,a    b\n", [f"{AT}[0].name"], "four spaces"),
    "a line break in a value": (b'Phone,name\n14155551234,"a\nb"\n', [f"{AT}[0].name"], "line break"),
    "a tab in a value": (b"Phone,name\n14155551234,a\tb\n", [f"{AT}[0].name"], "tab"),
    "a line break in a Name": (b'Name,Phone\n"A\r\nB",14155551234\n', [f"{AT}[0].Name"], "line break"),
    "a control character": (b"Name,Phone\nA\x1b[31m,14155551234\n", [f"{AT}[0].Name"], "control"),
    "everywhere at once": (
        b"Name,Phone,name\nA,14155551234,x\nB,+1,y\nC,14155551234,\nD\n",
        [f"{AT}[1].Phone", f"{AT}[2].Phone", f"{AT}[2].name", f"{AT}[3]"],
        "",
    ),
}


SHOWN: dict[str, tuple[bytes, str, list[str]]] = {  # the file, the place, words of what is said
    "semicolons": (b"Name;Phone\nA;1\n", "", ["semicolons", '"Name,Phone"']),
    "semicolons in quotes": (b'"Name";"Phone"\n"A";"1"\n', "", ["semicolons"]),
    "tabs": (b"Name\tPhone\nA\t1\n", "", ["tabs", '"Name,Phone"']),
    "bars": (b"Name|Phone\nA|1\n", "", ["bars", '"Name,Phone"']),
    "sep=;": (b"sep=;\nPhone;name\n14155551234;A\n", "", ['"sep=;"', "remove that line"]),
    "sep=,": (b"sep=,\nPhone,name\n14155551234,A\n", "", ['"sep=,', "remove that line"]),
    "Windows-1252": (
        "Name,Phone\nAnn,14155551234\nJosé,14155555678\n".encode("cp1252"),
        "",
        ["line 3", "Windows-1252", "José,14155555678", "UTF-8"],
    ),
    "a workbook": (b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00\xa4\xff", "", ["Excel workbook"]),
    "an old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00\xff", "", ["Excel workbook"]),
    "columns without names": (b"Phone,name,,\n14155551234,A,,\n", "", ["2 columns without a name", "commas"]),
    "cells after the last column": (b"Phone,name\n14155551234,A,,\n", "[0]", ["4 cells", "at the end"]),
    "a comma in a value": (b"Phone,name\n14155551234,Doe, John\n", "[0]", ["3 cells", "quotation marks"]),
    "no header": (b"14155551234,A\n", "", ['"14155551234,A"', "names of the columns"]),
    "another name for the number": (b"Name,Mobile\nA,14155551234\n", "", ['not "Mobile"', "called Phone"]),
    "a rounded float": (b"Phone\n1.41556E+10\n", "[0].Phone", ['"1.41556E+10"', "rounded", "as text"]),
    "a rounded float with a comma": (b'Phone\n"1,41556E+10"\n', "[0].Phone", ['"1,41556E+10"', "rounded"]),
    "a whole float": (b"Phone\n1.4155551234E+10\n", "[0].Phone", ["use 14155551234"]),
    "decimals": (b"Phone\n14155551234.0\n", "[0].Phone", ['"14155551234.0"', "use 14155551234"]),
    "an apostrophe": (b"Phone\n'14155550101\n", "[0].Phone", ['"\'14155550101"', "use 14155550101"]),
    "an apostrophe and a plus": (b"Phone\n'+14155550101\n", "[0].Phone", ["use 14155550101"]),
    "a plus": (b"Phone\n+14155550101\n", "[0].Phone", ['"+14155550101"', "use 14155550101"]),
    "a plus and fillers": (b"Phone\n+1 (415) 555-0101\n", "[0].Phone", ["use 14155550101"]),
    "a trunk zero": (b"Phone\n+44 (0)20 7946 0958\n", "[0].Phone", ["use 442079460958"]),
    "00": (b"Phone\n004915123456789\n", "[0].Phone", ["without 00", "use 4915123456789"]),
    "hyphens after a country code": (
        b"CountryCode,Phone\n1,415-555-0101\n",
        "[0].Phone",
        ['"415-555-0101"', "use 4155550101"],
    ),
    "a plus after its country code": (
        b"CountryCode,Phone\n1,+14155550101\n",
        "[0].Phone",
        ["use 4155550101"],
    ),
    "letters": (b"Phone\n4155551O09\n", "[0].Phone", ['"4155551O09"', "digits only"]),
    "too short": (b"CountryCode,Phone\n1,12345\n", "[0].Phone", ["6 digits", "CountryCode 1", "7 to 15"]),
    "a country's name": (b"CountryCode,Phone\nUS,4155550101\n", "[0].Phone", ['CountryCode "US"']),
}
# Numbers whose digits alone may be somebody else's: none is suggested.
UNCERTAIN = [
    "+39 (0)6 1234567",
    "415-555-0101",
    "0151 23456789",
    "1.41556E+10",
    "415 555 O101",
    "(0)20 7946 0958",
    "+1",
    "00",
]


@pytest.mark.parametrize("case", SHOWN)
def test_what_is_wrong_with_a_file_is_shown_with_the_way_out(
    case: str, send: Callable[..., Run], far_side: FarSide
) -> None:
    data, place, said = SHOWN[case]
    run = send(data, "--confirm", "1")
    assert run.exit == 2 and run.error["code"] == "invalid_arguments", run.text
    (problem,) = [each["problem"] for each in run.error["problems"] if each["at"] == AT + place]
    assert [word for word in said if word not in problem] == [], problem
    assert far_side.requests == []


@pytest.mark.parametrize("phone", UNCERTAIN)
def test_a_number_that_is_not_certain_is_not_suggested(phone: str, send: Callable[..., Run]) -> None:
    (problem,) = send(f"Phone\n{phone}\n".encode(), "--confirm", "1").error["problems"]
    assert phone in problem["problem"] and "use " not in problem["problem"]
    conflict = send(b"CountryCode,Phone\n49,+14155550101\n", "--confirm", "1").error["problems"]
    assert "use " not in conflict[0]["problem"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_with_its_mark_is_read_and_sent_as_utf_8(
    encoding: str, send: Callable[..., Run], far_side: FarSide
) -> None:
    text = "Name,Phone\r\nZoë 🙂,14155551234\r\n"
    data = ("\ufeff" + text).encode(encoding)
    dry = send(data, "--dry-run", "--raw", MATON_API_KEY=None)
    assert dry.exit == 0 and dry.data["confirm"] == "1" and "UTF-8" in dry.document["notice"], dry.text
    run = send(data, "--confirm", "1")
    assert run.exit == 0 and "gets it as UTF-8" in run.document["notice"], run.text
    (sent,) = far_side.to("/wati/")
    (part,) = sent.parts
    assert part.content == text.encode()


# Files whose receivers another program could read otherwise than we do: then others would be messaged.
AMBIGUOUS: dict[str, tuple[bytes, list[str], str]] = {
    "a quote within a cell": (b'Name,Phone\nA"B,14155551234\n', [AT], "quotation mark"),
    "a quote after a space": (b'Phone,name\n14155551234, "a"\n', [AT], "quotation mark"),
    "a quote at the end of a cell": (b'Phone,name\n14155551234,5"\n', [AT], "quotation mark"),
    "a quote after a backslash": (b'name,Phone,a\n"x\\",14155551234,"y"\n', [AT], "backslash"),
    "a record within quotes that are none": (b'Phone,a,b\n14155551234,x"y,z"\n', [AT], "quotation mark"),
    "a header of two separators": (b"Phone;x,Phone\n4915155551234;y,14155551234\n", [AT], "separator"),
    "a header of bars": (b"Phone|x,Phone\n4915155551234|y,14155551234\n", [AT], "separator"),
    "a header that is a comment": (b"#x,Phone\n49151,14155551234\n", [AT], "comment"),
    "a separator declared": (b"sep=;\nPhone\n14155551234\n", [AT], "Phone"),
    "a header twice": (b"Name,Phone\nName,Phone\nA,14155551234\n", [f"{AT}[0].Phone"], "number"),
    "U+2028": ("Phone,a,b\n14155551234,x\u20284915155551234,y\n".encode(), [f"{AT}[0].a"], "line break"),
    "U+2029 in the header": ("Phone,a\u2029b\n14155551234,x\n".encode(), [AT], "line break"),
    "a form feed": (b"Phone,a\n14155551234,x\x0cy\n", [f"{AT}[0].a"], "control"),
    "U+0085": ("Phone,a\n14155551234,x\u0085y\n".encode(), [f"{AT}[0].a"], "control"),
    "two BOMs": ("\ufeff\ufeffPhone\n14155551234\n".encode(), [AT], "must be written Phone"),
    "a zero-width Phone": ("Phone,Pho\u200bne\n14155551234,49151\n".encode(), [AT], "must be written Phone"),
    "a fullwidth Phone": ("Phone,\uff30hone\n14155551234,49151\n".encode(), [AT], "must be written Phone"),
    "two words": (b"Country Code,Phone\n49,15155551234\n", [AT], "must be written CountryCode"),
    "zero width in a number": ("Phone\n1415\u200b5551234\n".encode(), [f"{AT}[0].Phone"], "number"),
    "zero width in a country code": (
        "CountryCode,Phone\n1\u200d,4155551234\n".encode(),
        [f"{AT}[0].Phone"],
        "number",
    ),
    "a fullwidth digit": ("Phone\n\uff114155551234\n".encode(), [f"{AT}[0].Phone"], "number"),
    "a fullwidth country code": (
        "CountryCode,Phone\n\uff11,4155551234\n".encode(),
        [f"{AT}[0].Phone"],
        "number",
    ),
    "a superscript digit": ("Phone\n1415555123\u2074\n".encode(), [f"{AT}[0].Phone"], "number"),
    "a country code of zeros": (b"CountryCode,Phone\n00,14155551234\n", [f"{AT}[0].Phone"], "number"),
    "a country code too long": (
        b"CountryCode,Phone\n14155,551234\n",
        [f"{AT}[0].CountryCode"],
        "country code",
    ),
}
WRONG |= AMBIGUOUS

RIVALS = [
    "whatsappNumber",
    "WhatsApp",
    "WHATSAPP_NUMBER",
    "Mobile",
    "mobile no.",
    "Mobile Phone",
    "Cell",
    "Tel.",
]
RIVALS += ["Phone Number", "PhoneNumber", "phone_number", "Phone 2", "waId", "wa_id", "WAID", "wa", "MSISDN"]
RIVALS += ["Telephone", "contact number", "ContactPhone", "Customer Phone", "Number", "number", "numbers"]
RIVALS += ["Whats App", "What\u00adsApp", "\uff4dobile", "Mob\u200bile", "Dial Code", "phoneCode", "CC"]


@looped("column", RIVALS, ids=ascii)
@looped("allowed", [None, "1*"], ids=["everybody", "1*"])
def test_a_second_column_that_could_be_the_number_is_refused_always(
    allowed: str | None, column: str, call: Callable[..., Run], far_side: FarSide, tmp_path: Path
) -> None:
    """WATI documents no names of columns: whom such a file would message is anybody's guess."""
    visible = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in column)
    arguments = {"template_name": "t", "broadcast_name": "b", "whatsapp_numbers_csv": "list.csv"}
    for rows in (f"Phone,{column}\n14155551234,49151\n", f"{column},Phone\n49151,14155551234\n"):
        (tmp_path / "list.csv").write_text(rows, encoding="utf-8")
        for flags in (["--confirm", "1"], ["--dry-run"]):
            run = call(NAME, arguments, *flags, WATI_ALLOWED_RECIPIENTS=allowed)
            assert run.exit == 2 and run.error["code"] == "invalid_arguments", run.text
            # A dry run looks further, and finds that there is no such template either.
            problem, *further = run.error["problems"]
            assert problem["at"] == AT and (further == [] or flags == ["--dry-run"])
            assert '"Phone"' in problem["problem"] and f'"{visible}"' in problem["problem"]
    assert far_side.writes == []


def test_a_parameter_s_column_is_no_rival(send: Callable[..., Run], far_side: FarSide) -> None:
    columns = ["1", "2", "name", "ordernumber", "order_number", "country", "city", "code", "contact"]
    columns += ["to", "customer", "phone_model", "mobile_plan", "email", "wallet", "invoice_no", "promo_code"]
    data = ",".join(["Phone", *columns]) + "\n" + ",".join(["14155551234", *("x" * len(columns))]) + "\n"
    assert send(data.encode(), "--confirm", "1").exit == 0
    assert far_side.to("/wati/")[0].parts[0].content == data.encode()


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_is_refused_with_every_place(
    case: str, send: Callable[..., Run], far_side: FarSide
) -> None:
    data, places, said = WRONG[case]
    for flags, key in ((["--confirm", "1"], KEY), (["--confirm", "2"], KEY), (["--dry-run"], None)):
        run = send(data, *flags, MATON_API_KEY=key)
        assert run.exit == 2 and run.error["code"] == "invalid_arguments", run.text
        assert [problem["at"] for problem in run.error["problems"]] == places
        assert all(said in problem["problem"] for problem in run.error["problems"])
    assert far_side.requests == []


def test_the_line_of_the_file_is_told(send: Callable[..., Run]) -> None:
    data = b'Name,Phone,name\n\n"A\nB",14155551234,x\nC,,y\nD,14155551234,z\nE,14155551111\n'
    problems = send(data, "--confirm", "4").error["problems"]
    assert [problem["at"] for problem in problems] == [
        *(f"{AT}[0].Name", f"{AT}[1].Phone", f"{AT}[2].Phone", f"{AT}[3]"),
    ]
    assert [problem["problem"].rpartition(" (")[2] for problem in problems] == [
        *("line 3)", "line 5)", "line 6)", "line 7)"),
    ]
    assert "is empty" in problems[1]["problem"] and "already in line 3" in problems[2]["problem"]


def test_records_are_checked_where_the_header_shows_what_is_meant(send: Callable[..., Run]) -> None:
    run = send(b"name,phone\nA,\nB,4155551O09\nC,14155551234\n", "--confirm", "3")
    places = [problem["at"] for problem in run.error["problems"]]
    assert places == [AT, f"{AT}[0].Phone", f"{AT}[1].Phone"]


@pytest.mark.parametrize(
    ("info", "is_known"),
    [
        ("2 of 3 records accepted", False),
        ("0 of 3 records accepted", False),
        ("3 of 3 records accepted", True),
        ("1 of 2 servers", True),
        ("queued", True),
        (f"{'9' * 5000} of {'9' * 5000} records", True),
        ("", True),
    ],
)
def test_where_fewer_are_counted_than_listed_each_is_in_doubt(
    info: str, is_known: bool, send: Callable[..., Run], far_side: FarSide
) -> None:
    far_side.always(reply({"result": True, "info": info}), to="/wati/api/v1/sendTemplateMessageCSV")
    run = send(rows(3), "--confirm", "3")
    assert len(far_side.writes) == 1
    if is_known:
        assert run.exit == 0 and run.document["outcome"] == "accepted"
        return
    assert run.exit == 7 and run.error["code"] == "outcome_unknown", run.text
    assert info[:6] in run.error["message"] and run.error["outcome"] == "unknown"


def test_an_empty_file_is_unreadable(send: Callable[..., Run], far_side: FarSide) -> None:
    run = send(b"", "--confirm", "0")
    assert run.exit == 2 and run.error["code"] == "file_unreadable"
    assert far_side.requests == []


def test_a_nul_byte_is_refused_by_every_python(send: Callable[..., Run], far_side: FarSide) -> None:
    run = send(b"Name,Phone\nA\x00,14155551234\n", "--confirm", "1")
    assert run.exit == 2 and run.error["code"] == "invalid_arguments"
    assert far_side.requests == []


def test_a_huge_cell_is_refused(send: Callable[..., Run], far_side: FarSide) -> None:
    run = send(b"Phone,name\n14155551234," + b"x" * 200_000 + b"\n", "--confirm", "1")
    assert run.exit == 2 and run.error["code"] == "invalid_arguments"
    assert len(run.text) < 2000
    assert far_side.requests == []


def test_wrong_arguments_and_a_wrong_file_come_at_once(
    call: Callable[..., Run], far_side: FarSide, tmp_path: Path
) -> None:
    (tmp_path / "list.csv").write_bytes(b"Phone\n+1\n")
    run = call(NAME, {"template_name": "", "whatsapp_numbers_csv": "list.csv", "broadcast": "b"})
    assert {problem["at"] for problem in run.error["problems"]} == {
        "$.template_name",
        "$.broadcast_name",
        "$.broadcast",
        f"{AT}[0].Phone",
    }
    assert far_side.requests == []
