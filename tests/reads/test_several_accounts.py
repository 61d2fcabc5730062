"""An account with several ACTIVE connections: what was read without naming one says that Maton chose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from conftest import SANDBOX, Run
from recording import FarSide, reply
from wati.sandbox import control

LISTS = "/connections"
SECOND = {"connection_id": "second-shop", "status": "ACTIVE"}

READS: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "a contact": ("find_contact", {"name": "Jane Smith"}, []),
    "nobody": ("find_contact", {"name": "Zzz"}, []),
    "a conversation": ("conversation", {"whatsappNumber": "14155551234"}, []),
    "all contacts": ("get_contacts", {}, ["--all"]),
    "all messages": ("get_messages", {"whatsappNumber": "14155551234"}, ["--all"]),
    "all templates": ("get_message_templates", {}, ["--all"]),
}


@pytest.mark.parametrize("case", READS)
def test_what_several_accounts_could_have_answered_says_so(
    case: str, call: Callable[..., Run], state: str
) -> None:
    script, arguments, flags = READS[case]
    alone = call(script, arguments, *flags, **SANDBOX)
    assert alone.exit == 0 and "ACTIVE" not in alone.document.get("notice", "")
    control.seed(state, {"connections": [SECOND]})
    run = call(script, arguments, *flags, **SANDBOX)
    notice = run.document["notice"]
    assert run.exit == 0 and "sandbox-main" in notice and "second-shop" in notice and "--connection" in notice
    named = call(script, arguments, *flags, "--connection", "sandbox-main", **SANDBOX)
    assert named.exit == 0 and "ACTIVE" not in named.document.get("notice", "")
    assert control.requests(state)[-1]["path"] != LISTS, "a named connection needs no look"


def test_a_look_at_the_connections_that_fails_changes_nothing(
    call: Callable[..., Run], far_side: FarSide
) -> None:
    far_side.always(reply({"message": "down"}, 500), to=LISTS)
    found = {"id": "1", "wAid": "14155551234", "fullName": "Ann"}
    far_side.always(reply({"result": "success", "contact_list": [found]}), to="/wati/")
    run = call("find_contact", {"whatsappNumber": "14155551234"})
    assert run.exit == 0 and run.data["matches"] == 1 and len(far_side.to(LISTS)) == 1
