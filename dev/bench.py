"""What one call costs: whole-process CPU time of get_contacts, side by side in one run on the served sandbox.

usage: bench.py [RUNS]      (default 15; the commands take turns, so that a machine's mood hits all alike)

The ratios are the figures to quote; the milliseconds depend on the machine. Needs a POSIX system, since only
there the operating system tells the CPU time of a process that has ended.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
CALL = [sys.executable, str(ROOT / "scripts" / "get_contacts.py")]

# The request of the page that the package replaces, as that page shows it.
SNIPPET = """
import urllib.request, os, json
req = urllib.request.Request('{url}/wati/api/v1/getContacts?pageSize=10&pageNumber=1')
req.add_header('Authorization', f'Bearer {{os.environ["MATON_API_KEY"]}}')
print(json.dumps(json.load(urllib.request.urlopen(req)), indent=2))
"""


def cpu_seconds(command: list[str], environment: dict[str, str]) -> float:
    """User and system time of one finished process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(url: str, environment: dict[str, str], runs: int) -> dict[str, list[float]]:
    rows = {
        "bare Python": [sys.executable, "-c", "pass"],
        "the page's urllib snippet": [sys.executable, "-c", SNIPPET.format(url=url)],
        "import httpx, nothing else": [sys.executable, "-c", "import httpx"],
        "get_contacts.py": [*CALL, '{"pageSize": 10, "pageNumber": 1}'],
        "get_contacts.py --help": [*CALL, "--help"],
    }
    times: dict[str, list[float]] = {name: [] for name in rows}
    for command in rows.values():  # once uncounted: it fills the caches of file system and bytecode
        cpu_seconds(command, environment)
    for _ in range(runs):
        for name, command in rows.items():
            times[name].append(cpu_seconds(command, environment))
    return times


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as folder:
        environment |= {"MATON_API_KEY": "sandbox", "WATI_SANDBOX_STATE": str(Path(folder, "state.sqlite"))}
        serve = [sys.executable, str(ROOT / "scripts" / "sandbox.py"), "serve", "--no-limits"]
        with subprocess.Popen(serve, env=environment, stdout=subprocess.PIPE, encoding="utf-8") as server:
            try:
                url = json.loads(server.stdout.readline())["data"]["url"] if server.stdout else ""
                times = measure(url, {**environment, "MATON_BASE_URL": url}, runs)
            finally:
                server.terminate()
    base = median(times["the page's urllib snippet"])
    print(f"CPU time of the whole process, median of {runs} runs in turn, Python {sys.version.split()[0]}\n")
    print(f"{'':28}{'ms':>7}{'to the snippet':>16}")
    for name, seconds in times.items():
        print(f"{name:28}{median(seconds) * 1000:7.1f}{median(seconds) / base:16.2f}")


if __name__ == "__main__":
    main()
