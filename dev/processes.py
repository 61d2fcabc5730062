"""Run commands in turn and print their cost: seconds of CPU, seconds on the clock, the largest peak in bytes.

usage: processes.py <COMMANDS      (a JSON list of lists of words; exit 1 if a command fails)

This is a separate, small program because on Linux, the peak of a process is at least that of its parent.
"""

import json
import os
import sys
import time


def main() -> int:
    cpu, peak = 0.0, 0
    nowhere = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    began = time.monotonic()
    for command in json.load(sys.stdin):
        pid = os.posix_spawn(command[0], command, os.environ, file_actions=nowhere)
        _, status, usage = os.wait4(pid, 0)
        if status:
            print(f"failed: {command}", file=sys.stderr)
            return 1
        cpu += usage.ru_utime + usage.ru_stime
        peak = max(peak, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
    print(json.dumps([cpu, time.monotonic() - began, peak]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
