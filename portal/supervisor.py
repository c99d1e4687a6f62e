"""All processes of the portal under one parent: web, worker, beat and, but for production, the sandbox customs.

`manage.py up` and `manage.py demo` use it. A child that dies is started again; SIGTERM of the parent stops all in
order; when the parent is killed without warning the kernel stops the children (launch.py).
"""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType

from portal import services
from portal.celery import LINES
from portal.folders import ROOT, data_folder
from portal.servers import ServiceError, launched, private_log

READY_SECONDS = 90
STOP_SECONDS = 15
LOOK_SECONDS = 0.2
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0  # before a dead child is started again; doubles while it keeps dying
LOG_BYTES = 10 << 20
WORKER_OPTIONS = (
    *("--pool", "prefork", "--concurrency", "1", "--loglevel", "INFO"),
    *("--without-gossip", "--without-mingle"),  # the workers have nothing to tell each other
)


@dataclass
class Child:
    """One process of the portal: how it is started, and what has become of it."""

    name: str
    command: list[str]
    environment: dict[str, str]
    is_ready: Callable[[], bool]
    stop_signal: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    wait: float = FIRST_WAIT
    starts: int = field(default=0)

    def alive(self) -> bool:
        """Whether it runs."""
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """Starts, watches and stops the processes.

    Use as a context manager: entering starts all and waits until each is ready; leaving stops all. Must be entered in
    the main thread, and the process must have called `services.attach()`. `sandbox=False` leaves customs to the real one.
    """

    def __init__(self, *, port: int, sandbox_port: int, token: str, sandbox: bool = True) -> None:
        self.port, self.sandbox_port, self.sandbox = port, sandbox_port, sandbox
        self.data = data_folder()
        self.run = self.data / "run"
        self.children = self._children(token)
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None
        self._lock: int | None = None

    @property
    def address(self) -> str:
        """Where the pages are."""
        return f"http://127.0.0.1:{self.port}"

    # --- the processes -------------------------------------------------------------------------------------------

    def _children(self, token: str) -> list[Child]:
        """In order of starting; stopped in the opposite one."""
        python = sys.executable
        shared = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "portal.settings"),
            "PORTAL_DATA": str(self.data),
            "PORTAL_PORT": str(self.port),
            "SANDBOX_PORT": str(self.sandbox_port),
            "PYTHONUNBUFFERED": "1",
        }
        sandbox = {**shared, "GATEWAY_TOKEN": token, "RECEIPTS_URL": f"{self.address}/customs/receive/"}
        celery = [python, "-m", "celery", "-A", "portal.celery"]
        pretended_customs = Child(
            "sandbox",
            [python, "-m", "declarations.sandbox", "serve", "--port", str(self.sandbox_port)],
            sandbox,
            lambda: _listens(self.sandbox_port),
        )
        return [
            *([pretended_customs] if self.sandbox else []),
            Child(
                "web",
                [python, "-m", "gunicorn", "-c", "python:portal.gunicorn_settings", "portal.wsgi:application"],
                {**shared, "PORTAL_PROCESS": "web"},
                lambda: _answers(self.port),
            ),
            *(self._worker(line, celery, shared) for line in LINES),
            Child(
                "beat",
                [*celery, "beat", "--schedule", str(self.run / "beat"), "--pidfile=", "--loglevel", "WARNING"],
                {**shared, "PORTAL_PROCESS": "beat"},
                lambda: True,
            ),
        ]

    def _worker(self, line: str, celery: list[str], shared: dict[str, str]) -> Child:
        """The worker of one line of the schedule."""
        ready = self.run / f"{line}.ready"
        return Child(
            f"worker-{line}",
            [*celery, "worker", *WORKER_OPTIONS, "--queues", line, "--hostname", f"{line}@%h"],
            {**shared, "PORTAL_PROCESS": "worker", "PORTAL_READY_FILE": str(ready)},
            ready.exists,
        )

    def _start(self, child: Child) -> None:
        path = self.data / "log" / f"{child.name}.log"
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        if ready := child.environment.get("PORTAL_READY_FILE"):
            Path(ready).unlink(missing_ok=True)
        with private_log(path) as log:
            child.process = subprocess.Popen(
                launched("plain", child.stop_signal, child.command),
                cwd=ROOT,
                env=child.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches us only; we stop the others in order
            )
        child.started = time.monotonic()
        child.starts += 1

    # --- starting ------------------------------------------------------------------------------------------------

    def check_free(self) -> None:
        """Raise ServiceError when the data folder or a port is taken; asked before any long preparation."""
        if self._lock is None:
            self._lock = os.open(self.run / "supervisor", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ServiceError(
                f"The portal of {self.data} runs already: use it, end it, or set PORTAL_DATA to another folder."
            ) from error
        _refuse_taken(self.port, "PORTAL_PORT")
        if self.sandbox:
            _refuse_taken(self.sandbox_port, "SANDBOX_PORT")

    def start(self) -> None:
        """Start every process; a taken port is refused before anything is started."""
        self.check_free()
        for child in self.children:
            self._start(child)
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._watcher.start()

    def wait_ready(self) -> None:
        """Wait until every process does its work; raise ServiceError with the end of its log when one does not."""
        deadline = time.monotonic() + READY_SECONDS
        for child in self.children:
            while not (child.alive() and child.is_ready()):
                if child.starts > 2 or time.monotonic() > deadline:
                    raise ServiceError(f"The process {child.name} does not start: {self._last_words(child)}")
                if self._stopping.wait(0.05):
                    return

    def _last_words(self, child: Child) -> str:
        path = self.data / "log" / f"{child.name}.log"
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-3:] if path.exists() else []
        return f"{' | '.join(line.strip() for line in lines if line.strip())} (see {path})"

    # --- watching ------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Start dead children again, and the servers when their keeper was killed."""
        next_look_at_servers = 0.0
        while not self._stopping.wait(LOOK_SECONDS):
            now = time.monotonic()
            if now >= next_look_at_servers:
                next_look_at_servers = now + 2
                try:
                    services.attach()
                except ServiceError as error:
                    print(error, file=sys.stderr, flush=True)
            for child in self.children:
                if child.alive():
                    if now - child.started > LONGEST_WAIT:
                        child.wait = FIRST_WAIT
                elif now - child.started >= child.wait:
                    code = child.process.returncode if child.process else None
                    print(f"{child.name} ended ({code}), starting it again", file=sys.stderr, flush=True)
                    child.wait = min(child.wait * 2, LONGEST_WAIT)
                    self._start(child)

    def wait(self) -> None:
        """Stay until SIGTERM, SIGINT or the end of the terminal."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._end)
        self._stopping.wait()

    def _end(self, *_: object) -> None:
        self._stopping.set()

    # --- stopping ------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Stop every process, all at the same time (each stands being stopped at any moment); by force if need be."""
        self._stopping.set()
        if self._watcher is not None:
            self._watcher.join()
        for child in reversed(self.children):
            if child.process is not None and child.alive():
                child.process.send_signal(child.stop_signal)
        deadline = time.monotonic() + STOP_SECONDS
        for child in self.children:
            if child.process is not None:
                try:
                    child.process.wait(max(0.1, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    os.killpg(child.process.pid, signal.SIGKILL)
                    child.process.wait()
            if ready := child.environment.get("PORTAL_READY_FILE"):
                Path(ready).unlink(missing_ok=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> "Supervisor":
        """Start all and wait until they are ready."""
        try:
            self.start()
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop all."""
        self.stop()


def _refuse_taken(port: int, variable: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ServiceError(
                f"Port {port} is in use by another program ({error.strerror}): end that one, or set {variable} to a free port."
            ) from error


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _answers(port: int) -> bool:
    """Whether the web process has loaded: any answer that is not an error of ours."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/health/")
        return connection.getresponse().status < 600
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
