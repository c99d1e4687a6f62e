"""What every test stands on: throw-away servers (made by portal/settings_test.py) and, for walks, the whole portal."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from portal import services
from portal.folders import ROOT
from portal.servers import socket_folder

pytest_plugins = ["tests.cast"]

# What a portal of its own must not take over from this process.
OURS = (
    "DATABASE_URL", "REDIS_URL", "SANDBOX_DATABASE_URL", "PORTAL_DATA", "PORTAL_TEST_DATA", "PORTAL_TEST_EMBEDDED",
    "PORTAL_PROCESS",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What walks through the whole portal comes first and stays with one worker; other files go to whoever is free."""
    for item in items:
        walks = "stack" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("stack" if walks else item.location[0]))
    items.sort(key=lambda item: "stack" not in getattr(item, "fixturenames", ()))


def pytest_unconfigure() -> None:
    """Stop the servers of the tests and remove their folder."""
    services.detach(wait=True)
    if folder := os.environ.get("PORTAL_TEST_DATA"):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(socket_folder(Path(folder)), ignore_errors=True)


def until(true: Callable[[], object], *, seconds: float = 20, what: str = "") -> None:
    """Wait until `true()` is; fail with `what` when it does not become so in time."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not true():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s: {what or true}")
        pause.wait(0.02)


def own_environment(data: Path, **more: str) -> dict[str, str]:
    """The environment of a portal with a data folder of its own."""
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    return {**kept, "DJANGO_SETTINGS_MODULE": "portal.settings", "PORTAL_DATA": str(data), **more}


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def processes_of(data: Path) -> list[psutil.Process]:
    """The living processes whose environment names the data folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("PORTAL_DATA") == str(data) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


@dataclass
class Stack:
    """A whole portal with a data folder of its own: pages, worker, beat, sandbox."""

    data: Path
    port: int
    sandbox_port: int
    environment: Mapping[str, str]
    process: "subprocess.Popen[str] | None" = None
    output: Path = field(init=False)

    def __post_init__(self) -> None:
        self.output = self.data.with_name(f"{self.data.name}.out")

    @property
    def address(self) -> str:
        """Where the pages are, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """`manage.py up`, until every process is ready."""
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=ROOT,
                env=self.environment,
                stdout=output,
                stderr=output,
                text=True,
            )
        process = self.process
        until(
            lambda: self.address in self.output.read_text() or process.poll() is not None,
            seconds=120,
            what="the portal is up",
        )
        assert process.poll() is None, self.said()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(60)

    def manage(self, *command: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run a command of manage.py against this portal."""
        result = subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert not check or result.returncode == 0, result.stdout + result.stderr
        return result

    def said(self) -> str:
        """What the portal and its processes wrote; for the message of a failed test."""
        logs = [self.output, *sorted((self.data / "log").glob("*.log"))]
        return "\n".join(
            f"--- {path.name}\n{path.read_text(errors='replace')[-3000:]}" for path in logs if path.exists()
        )


def make_stack(data: Path) -> Stack:
    """A portal not yet started, on free ports."""
    port, sandbox_port = free_ports(2)
    environment = own_environment(data, PORTAL_PORT=str(port), SANDBOX_PORT=str(sandbox_port))
    return Stack(data, port, sandbox_port, environment)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The whole real portal, started once for all tests that walk through it."""
    home = Path(tempfile.mkdtemp(prefix="portal-stack-"))
    portal = make_stack(home / "data")
    try:
        portal.start()
        yield portal
        assert portal.stop() == 0, portal.said()
    finally:
        if portal.process is not None and portal.process.poll() is None:
            portal.process.kill()
        shutil.rmtree(home, ignore_errors=True)
        shutil.rmtree(socket_folder(home / "data"), ignore_errors=True)
