"""The whole portal as one process tree: it starts, heals, ends in order, and leaves nothing behind when killed."""

import os
import shutil
import signal
import socket
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from portal.celery import LINES
from portal.servers import socket_folder
from tests.conftest import Stack, make_stack, processes_of, until

pytestmark = pytest.mark.slow


@pytest.fixture
def portal() -> Iterator[Stack]:
    """A portal of the test's own, not yet started."""
    home = Path(tempfile.mkdtemp(prefix="portal-own-"))
    portal = make_stack(home / "data")
    yield portal
    if portal.process is not None and portal.process.poll() is None:
        portal.process.kill()
        portal.process.wait()
    until(lambda: not processes_of(portal.data), what="every process has gone")
    shutil.rmtree(home)
    shutil.rmtree(socket_folder(home / "data"), ignore_errors=True)


def children(portal: Stack, word: str) -> list[psutil.Process]:
    """The living direct children of the supervisor whose command line holds the word."""
    assert portal.process is not None
    found = []
    for one in psutil.Process(portal.process.pid).children():
        try:
            if word in one.cmdline():
                found.append(one)
        except psutil.Error:  # it has just ended
            continue
    return found


def answers(portal: Stack) -> bool:
    try:
        with urllib.request.urlopen(f"{portal.address}/login/", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def test_it_heals_its_children_and_ends_in_order(portal: Stack) -> None:
    portal.start()
    until(lambda: answers(portal), what="the login page")
    workers, (web,) = children(portal, "worker"), children(portal, "gunicorn")
    assert len(workers) == len(LINES)
    worker = workers[0]
    orphans = worker.children() + web.children()
    assert len(orphans) == 3
    worker.kill()
    web.kill()
    until(lambda: not any(one.is_running() for one in orphans), what="pool processes end with their parents")
    until(lambda: set(children(portal, "worker")) - set(workers), what="a new worker")
    until(lambda: [one for one in children(portal, "gunicorn") if one != web], what="a new web process")
    until(lambda: answers(portal), what="the login page again")
    assert portal.stop() == 0, portal.said()
    until(lambda: not processes_of(portal.data), what="every process has gone")


def test_it_leaves_no_orphan_when_killed(portal: Stack) -> None:
    portal.start()
    assert len(processes_of(portal.data)) > 10  # keepers, servers, web, worker, pools
    assert portal.process is not None
    os.kill(portal.process.pid, signal.SIGKILL)
    portal.process.wait()
    until(lambda: not processes_of(portal.data), seconds=20, what=f"orphans: {processes_of(portal.data)}")
    assert "database system is shut down" in (portal.data / "log" / "pg.log").read_text()
    portal.start()  # and nothing is left that would keep it from starting again
    assert portal.stop() == 0


def test_commands_work_beside_it(stack: Stack) -> None:
    assert "[X]" in stack.manage("showmigrations", "accounts").stdout


def test_it_says_that_a_port_is_taken(portal: Stack) -> None:
    with socket.create_server(("127.0.0.1", portal.sandbox_port)):
        result = portal.manage("up", check=False)
    assert result.returncode == 1
    assert f"Port {portal.sandbox_port} is in use" in result.stderr
    assert "SANDBOX_PORT" in result.stderr
    assert "Traceback" not in result.stderr
