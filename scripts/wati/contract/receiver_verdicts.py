"""What an answer means that is about several receivers, or names them. Pure functions, as in verdicts.py."""

from __future__ import annotations

from wati.contract.bodies import digits, is_number, leaves, member, member_is, numbers_of
from wati.contract.verdicts import (
    ACCEPTED,
    YES,
    Verdict,
    accepts,
    contradiction,
    rejection,
    said,
    says_yes,
    unknown,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from wati.contract.answer import Answer
    from wati.contract.types import Receivers


def bulk(answer: Answer, receivers: Receivers) -> Verdict:
    """v1 lists only failures: `result: true` accepts all receivers except those listed as invalid.

    `result: false` without a reason was observed although the messages went out (a connector's tests, three
    versions). So it is unknown, and so are the receivers that such an answer does not list.
    """
    from wati.contract.numbers import person

    errors = member(answer.json, "errors")
    entries: list[tuple[list[str], str]] = []  # the digits in an entry, and why it is listed
    for name, why in _INVALID.items():
        listed = member(errors, name) or []
        listed = listed if isinstance(listed, list) else [listed]
        entries += [(list(map(digits, leaves(entry))), why) for entry in listed]
    # WhatsApp may know the number by another spelling. Digits that were asked for come first.
    named = {key for own, _ in entries for leaf in own for key in (leaf, person(leaf))}
    by_digits: dict[str, str] = {}
    for key in (person, digits) if named else ():
        by_digits |= {known: number for _, number in receivers if (known := key(number)) in named}
    invalid: dict[str, str] = {}
    unmatched = False
    for own, why in entries:
        found = (by_digits.get(leaf) or by_digits.get(person(leaf)) for leaf in own)
        numbers = list(filter(None, found))
        invalid.update(dict.fromkeys(numbers, why))
        unmatched = unmatched or not numbers
    no = rejection(answer)
    if no and member_is(answer, "ok", False):
        return no
    if member_is(answer, "result", *YES):
        others = {n: errors[n] for n in errors if n not in _INVALID} if isinstance(errors, dict) else errors
        if unmatched or leaves(others):
            message = "WATI accepted, but lists errors that name no receiver."
            return _outcome_unknown(receivers, invalid, message)
        if against := contradiction(answer, beside="errors"):
            return _outcome_unknown(receivers, invalid, against)
        if not invalid:
            return ACCEPTED
        return _by_receiver(receivers, {number for _, number in receivers} - invalid.keys(), invalid)
    if not no:
        return unknown(answer)
    if member(errors, "error") or (errors is None and said(answer)):
        return no
    if len(invalid) == len(receivers):
        return _by_receiver(receivers, set(), invalid)
    if member(errors, "invalidCustomParameters"):
        message = "WATI rejected the call: `answer` lists the invalid parameters."
        return Verdict("rejected", "template_rejected", message)
    return _outcome_unknown(receivers, invalid, _NO_REASON)


def counted(answer: Answer, receivers: Receivers) -> Verdict:
    """v1 for a CSV names no receiver: if it counts fewer than the CSV has, every outcome is unknown.

    The wording is not documented. `4 of 5` is the sandbox's form; `4 out of 5` and `4/5` mean the same.
    """
    import re

    verdict = bulk(answer, receivers)
    count = re.search(r"\b([0-9]{1,7}) ?(?:of|out of|/) ?([0-9]{1,7})\b", said(answer))
    if verdict.outcome == "accepted" and count and int(count[1]) < int(count[2]) == len(receivers):
        return _outcome_unknown(receivers, {}, f"WATI took {count[0]} receivers and does not say which.")
    return verdict


# Both lists are empty in all published answers, so the form of an entry is not known.
_INVALID = {
    "invalidWhatsappNumbers": "WATI lists it as an invalid number",
    "invalidCustomParameters": "WATI lists it with invalid parameters",
}


def v2(answer: Answer, receivers: Receivers) -> Verdict:
    """v2 names every receiver and hides failures under `result: true`. A receiver not named is unknown."""
    rows = member(answer.json, "receivers")
    result = member(answer.json, "result")
    no = rejection(answer) if member_is(answer, "ok", False) or said(answer) else None
    if no and not any(map(accepts, rows if isinstance(rows, list) else [])):
        return no
    if not isinstance(rows, list) or not (no or result is False or says_yes(answer)):
        return unknown(answer)
    whose = _paired([_named(row) for row in rows], receivers)
    accepted: set[str] = set()
    rejected: dict[str, str] = {}
    for row in rows:
        number = whose.get(_named(row))
        if number is None:
            continue
        if why := errors(row):
            rejected[number] = why
        elif accepts(row):
            accepted.add(number)
    # A receiver with both a good and a bad row got something, so it is never reported as rejected.
    rejected = {number: why for number, why in rejected.items() if number not in accepted}
    if no:
        verdict = _outcome_unknown(receivers, rejected, f"{no.message} But it names receivers as accepted.")
    elif result is not False and (against := contradiction(answer)):
        verdict = _outcome_unknown(receivers, rejected, against)
    elif result is False and rejected.keys() != {number for _, number in receivers}:
        verdict = _outcome_unknown(receivers, rejected, _NO_REASON)
    else:
        verdict = _by_receiver(receivers, accepted, rejected)
    strangers = list(dict.fromkeys(name for row in rows if (name := _named(row)) not in whose))
    unpaired = {number for _, number in receivers} - set(whose.values()) if strangers else set()
    if unpaired:
        numbers = ", ".join(name for name in strangers[:_MOST_NAMED] if is_number(name)) or "someone"
        message = f"{verdict.message} The answer names {numbers}, whom nobody asked for."
        verdict = verdict.replace(message=message, unpaired=unpaired)
    return verdict.replace(answered=numbers_of({number: name for name, number in whose.items()}))


def named(body: Any, receivers: Receivers) -> dict[str, Any]:
    """The row of an answer of v2 about each receiver that it names."""
    rows = member(body, "receivers")
    rows = rows if isinstance(rows, list) else []
    whose = _paired([_named(row) for row in rows], receivers)
    return {whose[name]: row for row in rows if (name := _named(row)) in whose}


def errors(row: Any) -> str:
    """What a row of v2 says against its receiver; "" if nothing, or in a form that nobody knows."""
    listed = member(row, "errors")
    if listed:
        return "; ".join(leaves(listed)) if isinstance(listed, list) else ""
    return "has no WhatsApp account" if member(row, "isValidWhatsAppNumber") is False else ""


_MOST_NAMED = 5  # strangers in one message


def _named(row: Any) -> str:
    """Whom a row of v2 names: digits, or an id in small letters; "" if nobody."""
    return digits(str(member(row, "waId") or "")).lower()


def _paired(named: Sequence[str], receivers: Receivers) -> dict[str, str]:
    """Whose row it is, by what the row names.

    Someone may be named by another number than the one that was asked for: WATI answers with the number
    behind an id, and WhatsApp knows some numbers by another spelling. One row for one receiver is about that
    receiver. In bulk, the last two that are left over belong together if they are spellings of one number.
    """
    from wati.contract.numbers import same_person

    if len(receivers) == len(named) == 1:
        return {named[0]: receivers[0][1]}
    asked = {digits(number).lower(): number for _, number in receivers}
    whose = {name: asked[name] for name in named if name in asked}
    strangers, unanswered = set(named) - whose.keys(), set(asked.values()) - set(whose.values())
    if len(strangers) == len(unanswered) == 1:
        (stranger,), (number,) = strangers, unanswered
        if same_person(stranger, number):
            whose[stranger] = number
    return whose


def _by_receiver(receivers: Receivers, accepted: set[str], rejected: dict[str, str]) -> Verdict:
    groups = _groups(receivers, accepted, rejected)
    if len(groups["unknown"]) == len(receivers):
        return Verdict("unknown", "bad_answer", "The answer names none of the receivers.")
    if len(groups["accepted"]) == len(receivers):
        return ACCEPTED
    problems = [{"at": at, "problem": rejected[number]} for at, number in receivers if number in rejected]
    if len(groups["rejected"]) == len(receivers):
        message = "WATI accepted no receiver: " + "; ".join(sorted(set(rejected.values()))) + "."
        return Verdict("rejected", "invalid_recipient", message, problems=problems)
    counts = ", ".join(f"{len(numbers)} {outcome}" for outcome, numbers in groups.items() if numbers)
    message = f"Of {len(receivers)} receivers: {counts}."
    return Verdict("partial", "partial", message, receivers=groups, problems=problems)


_NO_REASON = (
    "WATI answered result: false without a reason; such answers have come for messages that went out."
)


def _outcome_unknown(receivers: Receivers, rejected: dict[str, str], message: str) -> Verdict:
    groups = _groups(receivers, set(), rejected) if rejected else None
    return Verdict("unknown", "outcome_unknown", message, receivers=groups)


def _groups(receivers: Receivers, accepted: set[str], rejected: dict[str, str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {"accepted": [], "rejected": [], "unknown": []}
    for _, number in receivers:
        group = "accepted" if number in accepted else "rejected" if number in rejected else "unknown"
        groups[group].append(number)
    return groups
