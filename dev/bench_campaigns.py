"""What a campaign costs, beside the page's way: one POST a receiver.

usage: bench_campaigns.py [RECEIVERS]...      (default 10000 100000)

Without limits: the served sandbox has none, and the pace of campaigns is lifted. The far side's work is
in the seconds of both ways, and not in their CPU. The page's way is measured with 1,000 receivers, counted
as many times. Memory is what a worker has at most, less that of one that has nothing to do. This needs a
POSIX system.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "scripts"), str(Path(__file__).parent)]

from campaign_shop import Shop, planned
from wati.calls.session import Session
from wati.campaigns import pace
from wati.campaigns.database import Database
from wati.campaigns.ledger import Ledger
from wati.wire import pace as maton

DEFAULT = (10_000, 100_000)
FIRST = 14_155_000_000
CHUNK = 50
SAMPLE = 1000  # receivers of the page's way
LIMITED = (150, {"requests": 30, "seconds": 10})  # requests, and WATI's slowest plan
PAGE = """
import json, resource, sys, time, urllib.request
url, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
values = [{"name": "name", "value": "Jane"}, {"name": "ordernumber", "value": "12345"}]
body = {"template_name": "order_update", "broadcast_name": "page", "parameters": values}
began = time.monotonic()
for number in range(first, first + count):
    target = f"{url}/wati/api/v2/sendTemplateMessage?whatsappNumber={number}"
    request = urllib.request.Request(target, data=json.dumps(body).encode(), method="POST")
    request.add_header("Authorization", "Bearer sandbox")
    request.add_header("Content-Type", "application/json")
    assert json.load(urllib.request.urlopen(request))
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"seconds": time.monotonic() - began, "cpu": used.ru_utime + used.ru_stime, "peak": 0}))
"""


def work(address: str) -> None:
    """In a process of its own: work on all that runs, without a pace of ours; prints what it took."""
    import resource

    from wati.campaigns.durable import Durable
    from wati.campaigns.shift import Shift, worker_name

    if os.environ.get("BENCH_PACE") != "kept":
        pace.MOST_A_SECOND = maton.GATEWAY = (1_000_000, 1.0)
    name = worker_name()
    with (
        Session(os.environ) as session,
        closing(Ledger(Database(address), "sandbox")) as ledger,
        closing(Durable(ledger.database, ledger.place, name)) as engine,
    ):
        shift = Shift(session, ledger, engine, name, lambda _: None)
        began = time.monotonic()
        shift.work(lambda: not shift.running and time.monotonic() - began > 1.0)
        seconds = time.monotonic() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    size = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(json.dumps({"seconds": seconds, "cpu": used.ru_utime + used.ru_stime, "peak": size}))


class Bench:
    def __init__(self, folder: Path) -> None:
        self.shop = Shop(folder)
        self._next = FIRST

    def numbers(self, count: int) -> range:
        self._next += count
        return range(self._next - count, self._next)

    def start(self, **environ: str) -> subprocess.Popen[bytes]:
        own = {"MATON_API_KEY": "sandbox", "MATON_BASE_URL": self.shop.url}
        own |= {"WATI_SANDBOX_STATE": str(self.shop.state), **environ}
        command = [sys.executable, __file__, "--work", self.shop.address]
        return subprocess.Popen(command, env={**os.environ, **own}, stdout=subprocess.PIPE)

    def workers(self, count: int, **environ: str) -> list[dict[str, float]]:
        return [told(process) for process in [self.start(**environ) for _ in range(count)]]

    def page(self) -> dict[str, float]:
        some = self.numbers(SAMPLE)
        command = [sys.executable, "-c", PAGE, self.shop.url, str(some.start), str(len(some))]
        return told(subprocess.Popen(command, stdout=subprocess.PIPE))

    def campaign(self, count: int, workers: int = 1, chunk: int = CHUNK, **more: Any) -> dict[str, float]:
        environ = {"BENCH_PACE": "kept"} if "rate" in more else {}
        name = f"bench-{self._next}"
        job = planned(self.shop.ledger, name, self.numbers(count), chunk, **more)
        self.shop.ledger.course.start(job)
        began = time.monotonic()
        found = self.workers(workers, **environ)
        assert self.shop.ledger.claims.counts(job)["accepted"] == count
        return {
            "seconds": min(time.monotonic() - began, max(each["seconds"] for each in found)),
            "cpu": sum(each["cpu"] for each in found),
            "peak": max(each["peak"] for each in found),
        }


def told(process: subprocess.Popen[bytes]) -> dict[str, float]:
    out, _ = process.communicate()
    assert process.returncode == 0
    found: dict[str, float] = json.loads(out)
    return found


def main(arguments: Sequence[str]) -> None:
    if arguments[:1] == ["--work"]:
        return work(arguments[1])
    sizes = sorted(map(int, arguments)) or list(DEFAULT)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        with closing(bench.shop):
            print("\nCampaigns, without limits\n")
            print("| receivers | way | seconds | CPU, s | MB above an idle worker |")
            print("|---:|---|---:|---:|---:|")
            (idle,) = bench.workers(1)
            page = bench.page()
            for size in sizes:
                times = size / SAMPLE
                print(row(size, "a POST each", page["seconds"] * times, page["cpu"] * times))
                for workers in (1, 2) if size == sizes[0] else (1,):
                    ours = bench.campaign(size, workers)
                    way = f"a campaign, {workers} worker{'s' if workers > 1 else ''}"
                    above = f"{(ours['peak'] - idle['peak']) / 1e6:.0f}"
                    print(row(size, way, ours["seconds"], ours["cpu"], above), flush=True)
            print(f"An idle worker has {idle['peak'] / 1e6:.0f} MB.")
    # In a ledger of its own: the turns that others took just now count for the limit.
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        with closing(bench.shop):
            print(limited(bench))


def row(size: int, way: str, seconds: float, cpu: float, above: str = "") -> str:
    return f"| {size:,} | {way} | {seconds:.0f} | {cpu:.1f} | {above} |"


def limited(bench: Bench) -> str:
    """How much longer a campaign takes than WATI's slowest limit and our own of 8 a second make it."""
    requests, rate = LIMITED
    whole, rest = divmod(requests - 1, rate["requests"])
    least = whole * rate["seconds"] + rest / pace.MOST_A_SECOND[0]
    ours = bench.campaign(requests, chunk=1, rate=rate)
    of_limit = f"{rate['requests']} requests in {rate['seconds']} s, and 8 a second"
    return (
        f"\nWith limits ({of_limit}), {requests} requests take {ours['seconds']:.1f} s, "
        f"{ours['seconds'] / least:.2f} times the least ({least:.1f} s)."
    )


if __name__ == "__main__":
    main(sys.argv[1:])
