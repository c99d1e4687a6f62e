"""A worker of one line of the schedule, as the supervisor starts one, but told by a pipe when to begin, and measured.

    python -m declarations.bench.worker

It reads the name of a task from standard input, calls that task and answers with what it cost, until the pipe closes.
Starting the process and connecting to the database are not measured: the portal's workers do that once a day.
"""

import json
import os
import resource
import sys
import time
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
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
        "child_memory": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6,
    }


def main() -> None:
    """Answer until there is nobody to answer to."""
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(cost_of(line.strip())), flush=True)


if __name__ == "__main__":
    main()
