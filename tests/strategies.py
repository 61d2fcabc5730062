"""Generated values for property tests: what a schema of ours allows and the documented rules let by.

The rules (scripts/wati/validation.py, checks.py; SKILL.md) are written down here once more, on purpose: a
strategy that asked the code under test which values are valid could not find it wrong.
"""

from __future__ import annotations

import json
import string
import unicodedata
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

Json = dict[str, Any]

SCHEMAS: dict[str, Json] = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in (Path(__file__).parent.parent / "schemas").glob("*.json")
}


def fixed(examples: int) -> Callable[..., Any]:
    """The same examples at every run: what fails once fails again, and nothing is kept between runs."""
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),  # each example makes whole calls, over one far side
    )


# What gets lost on the way if anything is: each kind once, whole.
HARD = [
    "&#+%=?/\"'\\;:@,$!*()[]{}<>|^`~",
    "%2e%2e%2f..%2F../%00%0d%0aX:%20y%",
    "a+b c%20d%2Be&messageText=other#fragment",
    "👩‍👩‍👧‍👦 🇩🇪 👍🏽 🏴󠁧󠁢󠁥󠁮󠁧󠁿 𝄞",
    "שלום مرحبا \u200fabc\u200e \u202b عربي \u202c",
    "\u202egnp.exe\u202c \u2066x\u2069",
    "e\u0301 o\u0308 n\u0303 \u1112\u1161\u11ab",  # NFD
    "\u00e9 \u00f6 \u00f1 \ud55c \ufb01 \u212b \uff21",  # NFC, and what NFKC would change
    "\ufeffBOM before\ufeff and inside",
    "नमस्ते 李雷 สวัสดี ɐ z̴̢a̷l̶g̵o",
    "line\u2028separator \u2029 nbsp\u00a0 soft\u00adhyphen zero\u200bwidth",
    '{"ok": false, "error": {"code": "internal"}}',
    "</script><!-- ]]> ' OR 1=1; -- ${x} {{name}} $(id) `id`",
    "null",
    "0",
    " padded ",
]
LINES = "one\ntwo\r\nthree\tfour\n\n\nfive\u0301"

_BLANK = set("\u2800\u3164\uffa0\u115f\u1160")  # letters and symbols that show nothing


def _visible(text: str) -> bool:
    """A reader sees something of it: letters, digits, marks, punctuation or symbols."""
    return any(unicodedata.category(c)[0] in "LMNPS" and c not in _BLANK for c in text)


def texts(shortest: int = 1, longest: int = 1024, *, multiline: bool = False, spaces: bool = True) -> Any:
    """Text that may be sent: no control characters, no half of a surrogate pair, something to be seen."""
    sizes = {"min_size": max(1, shortest), "max_size": min(longest, 60)}
    hard = [text for text in [*HARD, *([LINES] if multiline else [])] if len(text) <= longest]
    # One alphabet each: a text of a union is drawn character by character, which takes ten times as long.
    made = st.text(st.characters(exclude_categories=("Cs", "Cc")), **sizes)
    if multiline:
        made |= st.text("\n\r\t aé👍", **sizes)
    made = made.filter(_visible)
    # The whole length, in one, two, three and four bytes each.
    full = st.sampled_from("x%é李👍").map(lambda character: character * longest)
    chosen = st.one_of(made, full, *([st.sampled_from(hard)] if hard else []))
    return chosen if spaces else chosen.filter(lambda text: "    " not in text)


# The patterns of receivers and addresses by hand: from_regex draws character by character.
_NUMBERS = st.integers(10**6, 10**15 - 1).map(str)
_IDS = st.text(string.hexdigits, min_size=24, max_size=24)
_SCOPED = st.builds(
    "{}.{}".format,
    st.text(string.ascii_uppercase, min_size=2, max_size=2),
    st.text(string.digits + string.ascii_letters, min_size=1, max_size=128),
)
_LABELS = st.text(f"-{string.digits}{string.ascii_letters}", min_size=1, max_size=20)
_ADDRESSES = st.builds(
    "{}@{}.{}".format,
    st.text(f"{string.digits}{string.ascii_letters}.!#$%&'*+/=?^_{{|}}~-", min_size=1, max_size=40),
    _LABELS,
    st.lists(_LABELS, min_size=1, max_size=3).map(".".join),
)
BY_HAND = {
    "^[0-9A-Za-z.!#$%&'*+/=?^_{|}~-]+@[0-9A-Za-z-]+([.][0-9A-Za-z-]+)+$": _ADDRESSES,
    "^[1-9][0-9]{6,14}$": _NUMBERS,
    "^([1-9][0-9]{6,14}|[0-9a-fA-F]{24}|[A-Z]{2}[.][0-9A-Za-z]{1,128})$": _NUMBERS | _IDS | _SCOPED,
}


def from_pattern(pattern: str, longest: int) -> Any:
    made = BY_HAND[pattern] if pattern in BY_HAND else st.from_regex(pattern, fullmatch=True)
    return made.filter(lambda text: len(text) <= longest)


def _steps_of_a_path() -> Any:
    step = st.text(
        st.characters(exclude_categories=("Cs", "Cc"), exclude_characters='/?#%*:|"<>\\'),
        min_size=1,
        max_size=20,
    ).filter(lambda step: step == step.strip() and not step.startswith("."))
    return st.lists(step, min_size=1, max_size=3).map(lambda steps: "/".join(["data", *steps]))


# Members whose rules go beyond their schema.
SPECIAL: dict[str, Callable[[], Any]] = {
    "fileName of get_media": lambda: _steps_of_a_path().filter(_visible),
    "createdDate": lambda: st.dates().map(lambda date: date.isoformat()),
}
# Where text may have lines: as SKILL.md says, texts for people to read; never a template's values.
MULTILINE = {
    "send_session_message.messageText",
    "send_session_file.caption",
    "send_interactive_buttons_message.body",
    "send_interactive_list_message.body",
    "add_contact.customParams.value",
    "update_contact_attributes.customParams.value",
}


@cache
def valid(name: str) -> Any:
    """Valid arguments of an endpoint. Its files are named only: a test makes them."""
    made = _value(SCHEMAS[name], name)
    return made.map(_with_fitting_header) if name == "send_interactive_buttons_message" else made


def _value(schema: Json, at: str) -> Any:
    kind = schema["type"]
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if kind == "object":
        return _object(schema, at)
    if kind == "array":
        # Three of each at most: ten rows are all that a list may have over its sections.
        sizes = {"min_size": schema.get("minItems", 0), "max_size": min(3, schema.get("maxItems", 3))}
        return st.lists(_value(schema["items"], at), **sizes, unique_by=_identity)
    if kind == "integer":
        return st.integers(schema["minimum"], schema["maximum"])
    assert kind == "string", f"no strategy for {kind}"
    member = at.rpartition(".")[2]
    if at == "get_media.fileName":
        return SPECIAL["fileName of get_media"]()
    if member in SPECIAL:
        return SPECIAL[member]()
    longest = schema.get("maxLength", 1024)
    if "pattern" in schema:
        return from_pattern(schema["pattern"], longest)
    is_value = at.startswith("send_template") and member == "value"
    text = texts(1, longest, multiline=at in MULTILINE, spaces=not is_value)
    return text if schema.get("minLength", 0) else text | st.just("")


def _object(schema: Json, at: str) -> Any:
    members = {name: _value(member, f"{at}.{name}") for name, member in schema["properties"].items()}
    needed = {name: members[name] for name in schema["required"]}
    optional = {name: made for name, made in members.items() if name not in needed}
    made = st.fixed_dictionaries(needed, optional=optional)
    if at == "get_contacts.attribute":
        made = made.filter(
            lambda one: "value" in one or one["operator"] in ("exist", "notExist", "valid", "invalid")
        )
    return made


def _identity(item: Any) -> str:
    """What may stand only once in a list: a receiver, the name of a parameter or an attribute, a title."""
    members = ("whatsappNumber", "name", "title", "text")
    own = next((item[name] for name in members if name in item), json.dumps(item))
    return str(own).lower() if "whatsappNumber" in item else str(own)


def _with_fitting_header(arguments: Json) -> Json:
    """A text header with its text, any other with its media, only a document with a file name."""
    if "header" not in arguments:
        return arguments
    header = arguments["header"]
    kind = header["type"].lower()
    media = {"url": "https://example.com/a%20b.jpg?x=1&y=2", **header.get("media", {})}
    if kind != "document":
        media.pop("fileName", None)
    fitting = {"text": header.get("text", "Title")} if kind == "text" else {"media": media}
    return {**arguments, "header": {"type": header["type"], **fitting}}
