"""The main job on the sandbox: find a customer, send a template, read the conversation, be rejected.

usage: python dev/demo.py

Needs no account and no network. Every script runs as a person would run it, with MATON_API_KEY=sandbox and a
fresh world in a temporary folder. Exits with 1 if a step does not end as expected.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 100

# Members shown of every document. Other members are shown only if a step names them.
FRAME = ("ok", "data", "error", "outcome", "sandbox", "notice")


class Step(NamedTuple):
    """One command. `expected`: its exit code. `shown`: the members of its document to show."""

    why: str
    script: str
    argument: str
    expected: int
    shown: str


STEPS = (
    Step(
        "Who is in the inbox? The first three contacts; `page.next` leads on.",
        "get_contacts",
        '{"pageSize": 3}',
        0,
        "contact_list wAid fullName page number size next",
    ),
    Step(
        "Jane's order is ready. Which template fits, is it APPROVED, and which parameters does it take?",
        "get_message_templates",
        '{"pageSize": 1}',
        0,
        "messageTemplates elementName status body customParams name ordernumber",
    ),
    Step(
        "Send it with exactly those parameters. Accepted does not yet mean delivered.",
        "send_template_message",
        '{"whatsappNumber": "14155555678", "template_name": "order_update", "broadcast_name": "order_update",'
        ' "parameters": [{"name": "name", "value": "Jane"}, {"name": "ordernumber", "value": "67890"}]}',
        0,
        "phone_number template_name validWhatsAppNumber",
    ),
    Step(
        "The conversation shows it, above what Jane wrote three days ago.",
        "get_messages",
        '{"whatsappNumber": "14155555678", "pageSize": 2}',
        0,
        "messages items created finalText text statusString",
    ),
    Step(
        "Send Jane free text. Her last message is older than 24 hours, so WATI rejects it, under\n"
        "   HTTP 200. The script says so, and what is possible instead.",
        "send_session_message",
        '{"whatsappNumber": "14155555678", "messageText": "Any questions about your order?"}',
        4,
        "code message hint http_status",
    ),
    Step(
        "What did the far side really do? The log of the sandbox has one message, and nothing else.",
        "sandbox",
        "log",
        0,
        "kind endpoint whatsappNumber text",
    ),
)


def run(step: Step, environment: dict[str, str]) -> tuple[int, Any]:
    """Run the script of a step. Returns its exit code and its JSON document."""
    command = [sys.executable, str(ROOT / "scripts" / f"{step.script}.py"), step.argument]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
    sys.stderr.write(done.stderr.decode("utf-8", "replace"))
    return done.returncode, json.loads(done.stdout)


def fresh_environment(folder: str) -> dict[str, str]:
    """The caller's environment, in which scripts can reach nothing but the sandbox."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MATON_", "WATI_"))}
    return {**kept, "MATON_API_KEY": "sandbox", "WATI_SANDBOX_STATE": os.path.join(folder, "sandbox.sqlite")}


def shorten(value: Any, shown: Collection[str]) -> Any:
    """`value` with the shown members only. "…" counts the others."""
    if isinstance(value, list):
        return [shorten(item, shown) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {name: shorten(member, shown) for name, member in value.items() if name in shown}
    left_out = len(value) - len(kept)
    return {**kept, "…": f"{left_out} more"} if left_out else kept


def layout(value: Any, margin: str = "") -> str:
    """JSON in which everything that fits on one line is on one line."""
    line = json.dumps(value, ensure_ascii=False)
    if len(margin) + len(line) <= WIDTH or not isinstance(value, (dict, list)):
        return line
    inner = margin + "  "
    if isinstance(value, list):
        opening, closing, members = "[", "]", [layout(item, inner) for item in value]
    else:
        opening, closing = "{", "}"
        members = [f'"{name}": {layout(member, inner)}' for name, member in value.items()]
    return f"{opening}\n{inner}" + f",\n{inner}".join(members) + f"\n{margin}{closing}"


def main(steps: Sequence[Step] = STEPS) -> int:
    """Run and show every step. Returns 1 at the first one that does not end as expected."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:  # the code page of a Windows console lacks characters
        reconfigure(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        environment = fresh_environment(folder)
        for number, step in enumerate(steps, start=1):
            print(f"{number}. {step.why}\n")
            print(f"$ python3 scripts/{step.script}.py {shlex.quote(step.argument)}")
            exit_code, document = run(step, environment)
            print(layout(shorten(document, {*FRAME, *step.shown.split()})))
            print(f"exit {exit_code}\n", flush=True)
            if exit_code != step.expected:
                print(f"The demo failed: expected exit {step.expected}.", file=sys.stderr)
                return 1
    print("All of this ran on the sandbox: no account, no network, and no one was messaged. … counts members")
    print("that are not shown. With a real key in MATON_API_KEY, these commands go to https://api.maton.ai.")
    print("\nTo look at an inbox like this one in a browser, and to answer as the customers, run")
    print("python3 scripts/sandbox.py, and open the address that it prints.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
