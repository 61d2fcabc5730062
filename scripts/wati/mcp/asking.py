"""What a person is asked before a send or a deletion, and the proof that an answer belongs to it."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from typing import TYPE_CHECKING, Any

from wati.contract.failures import Failure
from wati.output.rendering import on_one_line, render, shorten

if TYPE_CHECKING:
    from wati.calls.session import Session
    from wati.contract.call import Call, Part

FORM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "confirm": {
            "type": "boolean",
            "title": "Do it",
            "description": "Yes: it is done now. No: nothing happens.",
        }
    },
    "required": ["confirm"],
}
MOST_TEXTS = 3  # receivers whose texts are shown
LONGEST_TEXT = 600  # characters of each
MOST_NOTES = 5  # warnings of the dry run
VALID_SECONDS = 600.0


def needs_person(call: Call, *, every_send: bool) -> bool:
    """Whether a call waits for a person's yes, if there is one who can be asked."""
    endpoint, options = call.endpoint, call.options
    if options.dry_run:
        return False
    is_final = endpoint.effect in ("send", "delete")
    return endpoint.confirms != "none" or (is_final and (every_send or options.again))


def question(call: Call, data: dict[str, Any]) -> str:
    """What the person reads: from the arguments, and the `data` of the call's dry run."""
    facts = data.get("preflight", {})
    if call.endpoint.effect == "delete":
        lines = [f"Delete the connection {data['confirm']} from Maton for good?"]
    elif "add" in facts:
        lines = [f"Add {facts['add']} contacts to WATI, and update {facts['update']}?"]
    elif call.endpoint.effect == "write":
        lines = [f"Let {data['confirm']}, who wants no more messages, be messaged again?"]
    elif "campaigns" in facts:
        lines = [_campaign(each) for each in facts["campaigns"]] or ["Wait for campaigns, and send them?"]
        lines += [_first(each) for each in facts.get("texts", [])[:MOST_TEXTS]]
    else:
        count = int(data.get("confirm", 1))
        template = call.arguments.get("template_name")
        what = f"the template {template}" if template else "a message"
        lines = [f"Send {what} to {count} receiver{'' if count == 1 else 's'}?"]
        lines += ["Also to those who have this message already."] if call.options.again else []
        lines += _texts(call, facts)
        lines += [f"Connection: {facts['connection']}"] if "connection" in facts else []
    lines += [f"Note: {warning}" for warning in data.get("warnings", [])[:MOST_NOTES]]
    # A customer's name must not look like a line of ours.
    return "\n".join(on_one_line(line) for line in lines)


def _campaign(one: dict[str, Any]) -> str:
    count = one["receivers"]
    if "template_name" not in one:
        return f"Run {one['name']}: add or update {count} contact{'' if count == 1 else 's'}?"
    to = f"to {count} receiver{'' if count == 1 else 's'}"
    return f"Run {one['name']}: send the template {one['template_name']} {to}?"


def _first(one: dict[str, Any]) -> str:
    """One of a plan's first receivers, and what they read; without a text, it is everyone's."""
    number = one["whatsappNumber"]
    who = _who(number, {number: one.get("name")})
    return f"To {who}: {_quoted(one['text'])}" if "text" in one else f"To {who}"


def _texts(call: Call, facts: dict[str, Any]) -> list[str]:
    """The first receivers, and what each will read."""
    template = facts.get("template", {})
    names = {call.arguments.get("whatsappNumber"): facts.get("receiver"), **facts.get("names", {})}
    if texts := template.get("texts"):
        first = list(texts.items())[:MOST_TEXTS]
        shown = [f"To {_who(number, names)}: {_quoted(text)}" for number, text in first]
        return [*shown, "…"] if len(texts) > MOST_TEXTS else shown
    own = {name: value for name, value in call.arguments.items() if name != "whatsappNumber"}
    numbers = [number for number in names if number][:MOST_TEXTS]
    return [*(f"To {_who(number, names)}" for number in numbers), f"Text: {_quoted(template or own)}"]


def _who(number: str, names: dict[str, Any]) -> str:
    name = names.get(number)
    return f"{_quoted(name)} ({number})" if name else number


def _quoted(value: Any) -> str:
    """A text, or what there is of a message, as JSON: in it, nothing can pass for another line."""
    if isinstance(value, dict) and len(value) == 1:
        (value,) = value.values()
    if isinstance(value, str):
        return render(shorten(value, LONGEST_TEXT))
    return shorten(render(value), LONGEST_TEXT)


def bound(session: Session, call: Call) -> Call:
    """The call, for the bytes that its files have now. Raises Failure if one cannot be read."""
    from wati.files import copies

    if call.endpoint.parts is None:
        return call
    parts: list[Part] = call.endpoint.parts(call.arguments, session.files)
    try:
        return call.replace(seen=copies.digest(parts))
    finally:
        for part in parts:
            part.content.close()


def fingerprint(call: Call) -> str:
    """What a yes is for: the tool, its arguments and flags, and the bytes of its files."""
    said = [call.endpoint.name, dict(call.arguments), vars(call.options), call.seen]
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=list).encode()).hexdigest()


class Seal:
    """Seals the state that a client keeps between the question and the answer; each opens once."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._used: dict[str, float] = {}  # nonce: when it expires, by a clock that nobody can set

    def seal(self, fingerprint: str, confirm: str) -> str:
        """`confirm`: the value that the person says yes to; it has no dot."""
        head = f"{secrets.token_hex(16)}.{time.monotonic() + VALID_SECONDS:.0f}.{confirm}"
        return f"{head}.{self._mac(head, fingerprint)}"

    def open(self, state: str, fingerprint: str) -> str:
        """The value. Raises `confirmation_required` if the state is not ours or this call's, old or used."""
        head, _, mac = state.rpartition(".")
        if not hmac.compare_digest(mac.encode(), self._mac(head, fingerprint).encode()):
            raise changed()
        nonce, until, confirm = head.split(".")
        now = time.monotonic()
        self._used = {used: expires for used, expires in self._used.items() if expires > now}
        if float(until) < now or nonce in self._used:
            raise not_asked("The answer is too old, or was used already.")
        self._used[nonce] = float(until)
        return confirm

    def _mac(self, head: str, fingerprint: str) -> str:
        return hmac.new(self._key, f"{head}.{fingerprint}".encode(), hashlib.sha256).hexdigest()


def not_asked(why: str) -> Failure:
    return Failure(
        "confirmation_required", f"{why} Nothing was sent.", hint="Call the tool again to ask again."
    )


def changed() -> Failure:
    return not_asked(
        "The answer is for another call: the arguments or a file have changed since the question."
    )


def declined() -> Failure:
    hint = "Do not try again: ask the user what they want instead."
    return Failure("confirmation_required", "The person said no. Nothing was sent.", hint=hint)


def cannot_be_asked() -> Failure:
    message = "This server asks a person before every send (--ask sends), and this client cannot be asked."
    hint = "Use a client with elicitation, or ask the person who runs the server."
    return Failure("confirmation_required", message, hint=hint)


def wrong_value(given: str) -> Failure:
    message = f"run.confirm is {given!r}, which is not the value that the dry run shows."
    return Failure("confirmation_required", message)
