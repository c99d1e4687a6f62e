"""A worker of one line of the schedule, as the supervisor starts one, but told by a pipe when to begin, and measured.

    python -m declarations.bench.worker

It reads the name of a task from standard input, calls that task and answers with what it cost, until the pipe closes.
Starting the process and connecting to the database are not measured: the portal's workers do that once a day.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import django

os.environ["PORTAL_PROCESS"] = "worker"
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from django.db import connection  # noqa: E402

from declarations import tasks  # noqa: E402


def cost_of(task: str) -> dict[str, Any]:
    """Call the task; seconds on the clock and of the processor, and the most memory so far in MB, its children's apart."""
    connection.ensure_connection()
    before, began = os.times(), time.perf_counter()
    getattr(tasks, task)()
    wall, after = time.perf_counter() - began, os.times()
    return {
        "wall": wall,
        "cpu": sum(after[:4]) - sum(before[:4]),
        "memory": most_memory("self"),
        "child_memory": children.most,
    }


def most_memory(pid: str) -> float:
    """The most memory a process has had so far, in MB; 0 when it has gone. (What getrusage says begins with its parent's.)"""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0
    return next((int(line.split()[1]) * 1024 / 1e6 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)


class Children(threading.Thread):
    """Looks at the child processes every few milliseconds: they are gone before anybody could ask them."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most = 0.0

    def run(self) -> None:
        """Until the process ends."""
        while True:
            for listed in Path("/proc/self/task").glob("*/children"):
                try:
                    pids = listed.read_text(encoding="ascii").split()
                except OSError:
                    continue
                self.most = max([self.most, *map(most_memory, pids)])
            time.sleep(LOOK_SECONDS)


LOOK_SECONDS = 0.01
children = Children()


def main() -> None:
    """Answer until there is nobody to answer to."""
    children.start()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(cost_of(line.strip())), flush=True)


if __name__ == "__main__":
    main()
