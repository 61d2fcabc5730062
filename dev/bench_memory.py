"""What memory the MCP server holds after many calls: a read, a wrong call and a send in turn.

usage: bench_memory.py [CALLS]...      (default 1000 4000 10000)

The far side takes everything and keeps nothing. Each send is another message, so each is in the journal. This
needs a POSIX system, for its command ps.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from discarding import discarding
from mcp_calls import Server

DEFAULT = (1000, 4000, 10_000)
NUMBER = "14155551234"


def tool_call(count: int) -> tuple[str, dict[str, Any], bool]:
    """The `count`-th call: the tool, its arguments, and whether it succeeds."""
    message = {"whatsappNumber": NUMBER, "messageText": f"Your order {count} is ready."}
    return [
        ("get_contacts", {"pageSize": 10, "pageNumber": 1}, True),
        ("get_contacts", {"page_size": 10}, False),
        ("send_session_message", message, True),
    ][count % 3]


def resident(process: int) -> int:
    """The memory of a process that is in RAM, in bytes."""
    command = ["ps", "-o", "rss=", "-p", str(process)]
    return int(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout) * 1024


def environment(url: str, folder: str) -> dict[str, str]:
    own = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    journal = str(Path(folder, "sends.sqlite"))
    return {**own, "MATON_BASE_URL": url, "MATON_API_KEY": "key-of-a-bench", "WATI_JOURNAL": journal}


def main(arguments: Sequence[str]) -> None:
    marks = sorted(map(int, arguments)) or DEFAULT
    print("\nMemory of the MCP server\n\n| after calls | resident, MB | seconds |\n|---:|---:|---:|")
    with (
        tempfile.TemporaryDirectory() as folder,
        discarding() as url,
        Server(environment(url, folder)) as server,
    ):
        began = time.monotonic()
        for count in range(1, marks[-1] + 1):
            tool, arguments_, succeeds = tool_call(count)
            document = server.call(tool, arguments_)
            assert document["ok"] is succeeds, document
            if count in marks:
                held, seconds = resident(server.process.pid) / 1e6, time.monotonic() - began
                print(f"| {count:,} | {held:.1f} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
