"""Which servers this process uses, and that they run as long as anybody uses them.

`attach()` is called before settings are read, by every entry (manage.py, wsgi.py, celery.py, the tests). For each server
that the environment does not name it holds a shared lock for the life of the process and makes sure that a *keeper* runs:

    users lock     shared, held by every process that uses the server; the keeper takes it exclusively = nobody is left
    keeper lock    held by the one keeper; who holds it can be asked of the kernel
    server lock    inherited by the server: an earlier one (its keeper was killed) has gone when it is free

The keeper (`python -m portal.services keeper pg`) starts the server as its child, says ready, waits until nobody uses it,
stops it and ends. Killed without warning, its server ends by the kernel's signal (launch.py) and the next `attach` starts anew.
"""

import ctypes
import errno
import fcntl
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit, urlunsplit

from portal.folders import ROOT, data_folder
from portal.launch import PR_SET_PDEATHSIG
from portal.servers import PAGES, SERVERS, Postgres, Redis, ServiceError, explain, private_folder

__all__ = ["ServiceError", "attach", "broker_url", "database_url", "detach", "die_with_parent", "redis_url"]

ATTACH_SECONDS = 90
LOOK_SECONDS = 0.2  # how often a keeper looks whether anybody is left

_held: dict[tuple[Path, str], int] = {}  # (data folder, server) → descriptor of its users lock
_keepers: list[subprocess.Popen[bytes]] = []  # keepers we started, so that they are reaped


# --- addresses ---------------------------------------------------------------------------------------------------


def _outside(variable: str, own: str) -> str:
    """The address given in the environment; ours (set by a parent process) counts as none."""
    given = os.environ.get(variable, "").strip()
    return "" if given == own else given


def database_url(process: str = "") -> str:
    """DATABASE_URL, or the address of the embedded PostgreSQL.

    The web process has a login of its own, which can take on the plain roles and nothing else: WEB_DATABASE_URL, or the
    one of the embedded server. With DATABASE_URL alone it logs in as everybody does and only takes on the plain role.
    """
    own = Postgres(data_folder())
    given = _outside("DATABASE_URL", own.url("portal"))
    if process == "web":
        return os.environ.get("WEB_DATABASE_URL", "").strip() or given or own.url("portal", PAGES)
    return given or own.url("portal")


def _redis_base() -> str:
    own = Redis(data_folder()).url()
    return _outside("REDIS_URL", own) or own


def redis_url(database: int) -> str:
    """REDIS_URL with a database number: 0 broker, 1 cache, 2 locks."""
    base = urlsplit(_redis_base())
    if base.scheme == "unix":
        return f"unix://{base.path}?db={database}"
    return urlunsplit(base._replace(path=f"/{database}"))


def broker_url() -> str:
    """REDIS_URL in the spelling of Celery."""
    base = urlsplit(_redis_base())
    return f"redis+socket://{base.path}?virtual_host=0" if base.scheme == "unix" else redis_url(0)


# --- the user's side ---------------------------------------------------------------------------------------------


def attach(*, durable: bool = True) -> None:
    """Make sure that PostgreSQL and Redis are there until this process ends, and name them in os.environ.

    A server named by DATABASE_URL or REDIS_URL is used as it is and the embedded one not started. Calling again is cheap
    and revives a server whose keeper was killed. Raises ServiceError with one sentence when a server cannot run.
    `durable=False` (tests) trades safety against power cuts for speed.
    """
    data = _own_data_folder()
    database, broker = Postgres(data), Redis(data)
    if not _outside("DATABASE_URL", database.url("portal")):
        _hold(data, "pg", durable)
        os.environ["DATABASE_URL"] = database.url("portal")
        if not os.environ.get("SANDBOX_DATABASE_URL"):
            os.environ["SANDBOX_DATABASE_URL"] = database.url("customs")
    if not _outside("REDIS_URL", broker.url()):
        _hold(data, "redis", durable)
        os.environ["REDIS_URL"] = broker.url()


def detach(*, wait: bool = False) -> None:
    """Give the servers up before the process ends; the last user's keeper then stops them.

    `wait` for those keepers that this process started.
    """
    for descriptor in _held.values():
        os.close(descriptor)
    _held.clear()
    while wait and _keepers:
        _keepers.pop().wait(ATTACH_SECONDS)


def _own_data_folder() -> Path:
    data = data_folder()
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(data, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "not writable")
    except OSError as error:
        raise explain(error, data) from error
    for name in ("log", "run"):
        private_folder(data / name)
    return data


def _hold(data: Path, name: str, durable: bool) -> None:
    """Take the shared lock and wait for a keeper that is ready, starting one when there is none."""
    deadline = time.monotonic() + ATTACH_SECONDS
    run = data / "run"
    if (data, name) not in _held:
        _held[data, name] = _lock_shared(run / f"{name}.users", deadline)
    keeper: subprocess.Popen[bytes] | None = None
    try:
        while not _ready(run, name):
            if keeper is None and not _holder(run / f"{name}.keeper"):
                keeper = _start_keeper(name, durable)
            elif keeper is not None and keeper.poll() is not None:
                if keeper.returncode:  # zero: another process's keeper was faster
                    assert keeper.stderr is not None
                    raise ServiceError(
                        keeper.stderr.read().decode(errors="replace").strip() or f"{name} does not start."
                    )
                keeper = None
            if time.monotonic() > deadline:
                raise ServiceError(f"{name} does not get ready within {ATTACH_SECONDS} s: see {data / 'log'}.")
            time.sleep(0.02)
    except ServiceError:
        os.close(_held.pop((data, name)))
        raise


def _lock_shared(path: Path, deadline: float) -> int:
    """A descriptor holding the lock; waits while a keeper that found nobody left stops its server."""
    descriptor = _open(path)
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise ServiceError(f"{path} stays locked: an earlier server does not stop.") from None
            time.sleep(0.02)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise explain(error, path) from error


def _holder(path: Path) -> int:
    """The process id of the keeper holding the lock file, 0 when there is none."""
    descriptor = _open(path)
    try:
        question = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = struct.unpack("hhqqi4x", fcntl.fcntl(descriptor, fcntl.F_GETLK, question))
        return 0 if kind == fcntl.F_UNLCK else int(pid)
    finally:
        os.close(descriptor)


def _ready(run: Path, name: str) -> bool:
    """Whether the very keeper that holds the lock has said ready (a killed one may have left its word)."""
    pid = _holder(run / f"{name}.keeper")
    try:
        return bool(pid) and (run / f"{name}.ready").read_text() == str(pid)
    except FileNotFoundError:
        return False


def _start_keeper(name: str, durable: bool) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "portal.services", "keeper", name, *([] if durable else ["fast"])]
    keeper = subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    _keepers.append(keeper)
    return keeper


def die_with_parent(number: signal.Signals) -> None:
    """Ask the kernel for this signal when our parent process dies (for forks that never pass launch.py)."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)


# --- the keeper's side -------------------------------------------------------------------------------------------


class _Stop(Exception):
    """Somebody asked the keeper to end."""


def _stop(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise _Stop


def keep(name: str, *, durable: bool) -> None:
    """Run one server until nobody uses it."""
    data = data_folder()
    run = data / "run"
    keeper_lock = _open(run / f"{name}.keeper")
    try:
        fcntl.lockf(keeper_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return  # another keeper is there
    server = SERVERS[name](data, durable=durable)
    ready = run / f"{name}.ready"
    ready.unlink(missing_ok=True)
    users_lock = _open(run / f"{name}.users")
    sockets_lock = _open(run / "sockets")
    try:
        fcntl.flock(sockets_lock, fcntl.LOCK_SH)
        server_lock = _wait_for_the_earlier_server(run / f"{name}.server")
        server.start(keep_open=server_lock)
        _say_ready(ready, data / "log" / "keeper.log")
        while not _nobody_left(users_lock):
            if not server.alive():
                print(f"{name} ended by itself, starting it again", file=sys.stderr, flush=True)
                server.start(keep_open=server_lock)
            time.sleep(LOOK_SECONDS)
    except _Stop:
        pass
    finally:
        ready.unlink(missing_ok=True)
        server.stop()
        _remove_if_last(server.sockets, sockets_lock)
        os.close(keeper_lock)  # before the users lock, which goes with the process: who gets that one finds no keeper


def _remove_if_last(sockets: Path, lock: int) -> None:
    """Remove the folder of the sockets when the keeper of the other server has not got it or has gone as well.

    Every keeper holds the lock shared from before it makes the folder. Of two that end together one gets it alone:
    asking for it gives up one's own share first.
    """
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    shutil.rmtree(sockets, ignore_errors=True)
    os.close(lock)


def _nobody_left(users_lock: int) -> bool:
    try:
        fcntl.flock(users_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait_for_the_earlier_server(path: Path) -> int:
    """The lock the server will inherit; free once every process of an earlier one has gone."""
    descriptor = _open(path)
    deadline = time.monotonic() + ATTACH_SECONDS / 2
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise ServiceError(f"An earlier server holding {path} does not stop: end it, then try again.") from None
            time.sleep(0.02)


def _say_ready(ready: Path, log: Path) -> None:
    draft = ready.with_suffix(".draft")
    draft.write_text(str(os.getpid()))
    draft.rename(ready)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, sys.stderr.fileno())  # who started us stops listening now
    os.close(descriptor)


def main() -> int:
    """`python -m portal.services keeper NAME [fast]`."""
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    try:
        keep(sys.argv[2], durable="fast" not in sys.argv[3:])
    except ServiceError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(explain(error, data_folder()), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
