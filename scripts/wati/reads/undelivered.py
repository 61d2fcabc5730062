"""Why a message was not delivered: WhatsApp's codes in WATI's `failedDetail`, and what to do. Pure.

Codes and causes are Meta's (WhatsApp Cloud API, "Error codes"), what to do follows from them. That WATI shows
the code inside `failedDetail` was observed for 132000; for the others it is assumed.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_CODE = re.compile(r"(?<![0-9])(1[0-9]{5})(?![0-9])")


class Cause(NamedTuple):
    what: str
    do: str


_WAIT = "Send more slowly. Whoever still has to get it can be planned again."
CAUSES = {
    "130429": Cause("too many messages at once from this number", _WAIT),
    "130472": Cause("WhatsApp holds marketing back from this person, as part of an experiment", "Leave it."),
    "131026": Cause(
        "cannot be delivered: not on WhatsApp, an old app, or WhatsApp's terms not accepted",
        "Check the number with the customer; do not send again.",
    ),
    "131031": Cause("WhatsApp has locked the business account", "Look into WhatsApp Manager."),
    "131042": Cause(
        "a problem with the payment method", "Fix the payment in WhatsApp Manager, then plan again."
    ),
    "131047": Cause("the 24-hour window was closed", "Send an APPROVED template instead."),
    "131048": Cause(
        "too many recipients have blocked this number or reported it as spam",
        "Stop marketing, and look at the quality rating in WhatsApp Manager.",
    ),
    "131049": Cause(
        "this person got enough marketing for now, by WhatsApp's limit",
        "Wait at least a day; a plan leaves them out until then.",
    ),
    "131050": Cause(
        "this person has stopped marketing from this business",
        "Send no marketing; only they can allow it again. opt_out.py marks them.",
    ),
    "131053": Cause(
        "the file above the text could not be loaded", "Check the link and its type, then plan again."
    ),
    "131056": Cause("too many messages to this person in a short time", _WAIT),
    "132000": Cause(
        "the number of parameters is not that of the template", "Fix the parameters, then plan again."
    ),
    "132001": Cause("the template does not exist in this language", "Choose another template or language."),
    "132012": Cause("a parameter has the wrong form", "Fix the parameter, then plan again."),
    "132015": Cause(
        "the template is paused, because of its low quality", "Improve it, or choose another one."
    ),
    "132016": Cause("the template is disabled for good", "Choose another template."),
}
_UNKNOWN = Cause("", "WATI's words say more; if they do not, ask WATI's support.")


def code_of(detail: str) -> str:
    """WhatsApp's code in WATI's words; "" if there is none."""
    found = _CODE.search(detail)
    return found[1] if found else ""


def cause(code: str) -> Cause:
    return CAUSES.get(code, _UNKNOWN)
