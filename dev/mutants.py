"""Makes small changes to the code, one at a time, and prints those that no test notices.

usage: python dev/mutants.py [--seconds N] [--each N] [--survivors] [ROOM | ROOM/FILE.py ...]

The tests of the rooms run once, which shows what each of them runs. Then each mutant is tried in a fork, in
which the code is replaced, with the tests that ran its lines; the processes that these start see it, too, in
a copy of the repository. What was found is kept in .mutants.json: the next run goes on with the rest, until
the code changes. Needs a system with fork.

--seconds: after how long no other mutant is tried (1800, the first run of the tests included). --each: for
how many seconds of tests a mutant is tried, the quickest first (20). --survivors: tries those that survived
again, after new tests.

Why not mutmut: it changes neither tables nor properties, and here most rules are in these. Why not
cosmic-ray: it starts pytest anew for each mutant, with all tests.
"""

from __future__ import annotations

import _thread
import argparse
import difflib
import json
import os
import random
import shutil
import sys
import tempfile
import threading
import time
import types
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from forks import in_a_fork
from mutations import Mutant, mutants, put_in

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / ".mutants.json"
ROOMS = ("contract", "journal", "reads", "wire", "files")
# Which tests look at a room, besides those in the folder of its name.
ALSO = {"contract": ("journal/test_same.py",), "reads": ("journal/test_looking.py", "scripts")}
QUIET = ("-q", "-s", "-p", "no:xdist", "-p", "no:cacheprovider", "--rootdir", ".", "-o", "addopts=")
SLOWER = 5  # times as long as usual is too long: what never ends was noticed


class Trial:
    """A plugin for pytest that tries mutants of some files in place of a run of the tests."""

    def __init__(self, files: Sequence[Path], ends: float, each: float, *, again: bool) -> None:
        self.files, self.ends, self.each, self.again = files, ends, each, again
        self.names = {str(file) for file in files}
        self.ran: dict[tuple[str, int], set[str]] = defaultdict(set)
        self.seconds: Counter[str] = Counter()
        self.failed: set[str] = set()
        self.test = ""

    def trace(self, frame: types.FrameType, event: str, _: object) -> Any:
        if frame.f_code.co_filename not in self.names:
            return None
        self.ran[frame.f_code.co_filename, frame.f_lineno].add(self.test)
        return self.trace

    def traced(self, start: Callable[..., int]) -> Callable[..., int]:
        def run(act: Callable[..., object], arguments: tuple[object, ...]) -> None:
            sys.settrace(self.trace)
            act(*arguments)

        return lambda act, arguments: start(run, (act, arguments))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration
        if report.failed:
            self.failed.add(report.nodeid)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.items = {item.nodeid: item for item in session.items}
        self.measured()
        kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
        for file in self.files:
            self.try_file(file, kept)
        return True

    def run(self, tests: Sequence[str], *, to_the_end: bool = False) -> int:
        for test, following in zip(tests, [*tests[1:], ""], strict=True):
            self.test = test
            item = self.items[test]
            item.ihook.pytest_runtest_protocol(item=item, nextitem=self.items.get(following))
            if self.failed and not to_the_end:
                return 1
        return 0

    def measured(self) -> None:
        """Which tests run which lines, how long each takes, and which fail."""
        found = Path("ran.json")

        def run() -> int:
            sys.settrace(self.trace)
            threading.settrace(self.trace)
            _thread.start_new_thread = self.traced(_thread.start_new_thread)  # by Worker, not by threading
            self.run(list(self.items), to_the_end=True)
            sys.settrace(None)
            ran = [[*place, sorted(tests)] for place, tests in self.ran.items()]
            found.write_text(json.dumps([ran, self.seconds, sorted(self.failed)]), encoding="utf-8")
            return 0

        if in_a_fork(run, 3600) != 0:
            raise SystemExit("The tests did not run.")
        ran, self.seconds, failed = json.loads(found.read_text(encoding="utf-8"))
        self.ran = {(name, line): set(tests).difference(failed) for name, line, tests in ran}
        print(f"{len(self.items)} tests. These fail, so they are left out: {failed}", flush=True)

    def tests_of(self, mutant: Mutant, file: Path) -> list[str]:
        """The tests that ran its lines, quickest first, as many as take `each` seconds."""
        found = {
            test
            for (name, line), tests in self.ran.items()
            if name == str(file) and (not mutant.lines or line in mutant.lines)
            for test in tests
        }
        in_order = sorted(found, key=lambda test: (self.seconds[test], test))
        took = accumulate(self.seconds[test] for test in in_order)
        return [
            test
            for test, so_far in zip(in_order, took, strict=True)
            if so_far - self.seconds[test] < self.each
        ]

    def outcome(self, mutant: Mutant, file: Path) -> str:
        if not (tests := self.tests_of(mutant, file)):
            return "not run"

        def run() -> int:
            put_in(mutant, file)
            return self.run(tests)

        before = file.read_bytes()
        file.write_text(mutant.text, encoding="utf-8")
        for compiled in file.parent.glob(f"__pycache__/{file.stem}.*"):  # perhaps of the same second and size
            compiled.unlink()
        code = in_a_fork(run, SLOWER * (10 + sum(self.seconds[test] for test in tests)))
        file.write_bytes(before)
        return "survived" if code == 0 else "killed"

    def try_file(self, file: Path, kept: dict[str, str]) -> None:
        before, name = file.read_text(encoding="utf-8"), "/".join(file.parts[-2:])
        counts: Counter[str] = Counter()
        if self.outcome(Mutant(before, frozenset(), at_import=False), file) != "survived":
            raise SystemExit(f"The tests fail without a mutant of {name}, so none of them can be tried.")
        found = list(mutants(before))
        random.Random(0).shuffle(found)  # a run that is cut short has looked everywhere
        for mutant in found:
            pair = before.splitlines(), mutant.text.splitlines()
            diff = "\n".join(difflib.unified_diff(*pair, name, name, n=2, lineterm=""))
            if diff not in kept or (self.again and kept[diff] != "killed"):
                if time.monotonic() > self.ends:
                    counts["not tried"] += 1
                    continue
                kept[diff] = self.outcome(mutant, file)
                KEPT.write_text(json.dumps(kept, indent=0), encoding="utf-8")
            counts[kept[diff]] += 1
            if kept[diff] != "killed":
                print(f"\n{kept[diff]}:\n{diff}", flush=True)
        print(f"\n{name}: {dict(counts)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--seconds", type=float, default=1800)
    parser.add_argument("--each", type=float, default=20)
    parser.add_argument("--survivors", action="store_true")
    parser.add_argument("what", nargs="*", default=ROOMS)
    given = parser.parse_args()
    ends = time.monotonic() + given.seconds
    with tempfile.TemporaryDirectory(prefix="mutants-") as place:
        tree = Path(place).resolve() / "tree"
        tempfile.tempdir = os.environ["TMPDIR"] = str(tree.with_name("tmp"))
        os.mkdir(tempfile.tempdir)
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".*", "__pycache__", "dist"))
        os.chdir(tree)
        named = [each if each.endswith(".py") else f"{each}/*.py" for each in given.what]
        files = [file for each in named for file in sorted((tree / "scripts" / "wati").glob(each))]
        if not files:
            raise SystemExit(
                f"No code has one of these names: {', '.join(given.what)}. Try: journal/rules.py"
            )
        rooms = dict.fromkeys(file.parent.name for file in files)
        where = [f"tests/{each}" for room in rooms for each in (room, *ALSO.get(room, ()))]
        sys.exit(pytest.main([*QUIET, *where], [Trial(files, ends, given.each, again=given.survivors)]))


if __name__ == "__main__":
    main()
