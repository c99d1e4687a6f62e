"""The embedded servers: shared while anybody uses them, gone when nobody does, and clear words when they cannot run."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from portal import launch, services
from portal.folders import ROOT
from portal.servers import Postgres, Redis, Server, ServiceError, socket_folder
from tests.conftest import own_environment, processes_of, until

USE = "import sys; from portal import services; services.attach(durable=False); print('attached', flush=True); sys.stdin.read()"


@pytest.fixture
def data() -> Iterator[Path]:
    """A short path: sockets lie below a folder named after it."""
    home = Path(tempfile.mkdtemp(prefix="portal-own-"))
    yield home / "data"
    until(lambda: not processes_of(home / "data"), what="servers have gone")
    shutil.rmtree(home)
    shutil.rmtree(socket_folder(home / "data"), ignore_errors=True)


class User:
    """Another process that uses the servers until told to go."""

    def __init__(self, data: Path, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USE],
            cwd=ROOT,
            env=own_environment(data, **environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def attached(self) -> "User":
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "attached\n"
        return self

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)


def keeper(data: Path, name: str) -> int:
    return services._holder(data / "run" / f"{name}.keeper")


def can_connect(data: Path) -> bool:
    try:
        psycopg.connect(Postgres(data).url("portal")).close()
    except psycopg.OperationalError:
        return False
    return True


def test_it_shares_servers_and_the_last_user_stops_them(data: Path) -> None:
    users = [User(data) for _ in range(3)]
    for user in users:
        user.attached()
    first = keeper(data, "pg"), keeper(data, "redis")
    assert all(first)
    assert sum("postgres" in process.name() for process in processes_of(data) if process.ppid() == first[0]) == 1
    users[0].go()
    users[1].go()
    assert can_connect(data)
    assert (keeper(data, "pg"), keeper(data, "redis")) == first
    users[2].go()
    until(lambda: not keeper(data, "pg") and not keeper(data, "redis"), what="keepers end")
    until(lambda: not processes_of(data), what="servers end")
    assert not can_connect(data)
    assert "database system is shut down" in (data / "log" / "pg.log").read_text()


def test_it_keeps_its_files_to_their_owner_and_takes_the_folder_of_sockets_away(data: Path) -> None:
    (data / "log").mkdir(parents=True)
    (data / "log" / "redis.log").touch(0o644)
    before = os.umask(0o022)
    try:
        program = USE.replace("durable=False", "")
        user = subprocess.Popen(
            [sys.executable, "-c", program], cwd=ROOT, env=own_environment(data), stdin=subprocess.PIPE, text=True
        )
        until(lambda: can_connect(data) and list(data.glob("redis/**/*.aof")), what="servers")
    finally:
        os.umask(before)
    files = [*data.glob("log/*"), *(path for path in data.glob("redis/**/*") if path.is_file())]
    assert len(files) > 3
    assert {path.name for path in files if path.stat().st_mode & 0o077} == set()
    assert socket_folder(data).is_dir()
    user.communicate("")
    until(lambda: not processes_of(data), what="servers end")
    assert not socket_folder(data).exists()
    again = User(data).attached()  # and comes back with the next user
    assert can_connect(data)
    again.go()


def test_it_starts_again_after_its_keeper_was_killed(data: Path) -> None:
    one = User(data).attached()
    killed = keeper(data, "pg")
    connection = psycopg.connect(Postgres(data).url("portal"))  # a client that does not leave by itself
    os.kill(killed, signal.SIGKILL)
    another = User(data).attached()
    assert keeper(data, "pg") not in (0, killed)
    assert can_connect(data)
    connection.close()
    one.go()
    assert can_connect(data)
    another.go()


def test_it_starts_again_when_attached_again(data: Path) -> None:
    program = "; ".join(
        [
            "import os, signal, psycopg",
            "from portal import services",
            "services.attach(durable=False)",
            "pid = services._holder(services.data_folder() / 'run' / 'pg.keeper')",
            "os.kill(pid, signal.SIGKILL)",
            "os.waitpid(pid, 0)",
            "services.attach(durable=False)",
            "psycopg.connect(os.environ['DATABASE_URL']).close()",
        ]
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=own_environment(data), check=True, timeout=60)


def test_it_restarts_a_server_that_ended_by_itself(data: Path) -> None:
    user = User(data).attached()
    (server,) = [one for one in psutil.Process(keeper(data, "pg")).children() if one.name() == "postgres"]
    server.kill()
    server.wait(10)
    until(lambda: can_connect(data), what="PostgreSQL is back")
    user.go()


def test_it_does_not_start_what_the_environment_names(data: Path) -> None:
    outside = os.environ["DATABASE_URL"]
    user = User(data, DATABASE_URL=outside).attached()
    assert not keeper(data, "pg")
    assert not (data / "pg").exists()
    assert keeper(data, "redis")
    user.go()


def test_it_counts_an_empty_address_as_none(data: Path) -> None:
    user = User(data, DATABASE_URL="", REDIS_URL=" ").attached()
    assert keeper(data, "pg")
    assert keeper(data, "redis")
    user.go()


def test_it_makes_the_sandbox_a_database_of_its_own(data: Path) -> None:
    user = User(data).attached()
    with psycopg.connect(Postgres(data).url("customs")) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("customs",)
        assert connection.execute("SELECT datlocprovider FROM pg_database WHERE datname = 'customs'").fetchone() == (
            "b",
        )
    user.go()


def manage(data: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env=own_environment(data, **environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def assert_one_sentence(result: "subprocess.CompletedProcess[str]", *words: str) -> None:
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr


def test_it_says_that_programs_are_missing(data: Path) -> None:
    assert_one_sentence(manage(data, PORTAL_PG_BIN="/nowhere"), "PORTAL_PG_BIN=/nowhere", "DATABASE_URL")
    assert_one_sentence(manage(data, PORTAL_REDIS_BIN="/nowhere"), "PORTAL_REDIS_BIN=/nowhere", "REDIS_URL")


def test_it_says_that_the_data_is_of_another_version(data: Path) -> None:
    (data / "pg").mkdir(parents=True)
    (data / "pg" / "PG_VERSION").write_text("15\n")
    assert_one_sentence(manage(data), "made by PostgreSQL 15", "PORTAL_PG_BIN", "PORTAL_DATA")


def test_it_says_that_the_folder_is_no_folder(data: Path) -> None:
    data.write_text("")
    assert_one_sentence(manage(data), str(data), "PORTAL_DATA")
    data.unlink()


def test_it_says_that_the_disk_is_full(data: Path) -> None:
    class Greedy(Redis):
        needs_mib = 1 << 40

    data.mkdir()
    with pytest.raises(ServiceError, match=r"disk holding .* is full: free some space"):
        Greedy(data).start(keep_open=0)


@pytest.mark.parametrize("server", [Postgres, Redis])
def test_it_finds_the_programs_of_the_wheels(server: type[Server], tmp_path: Path) -> None:
    assert Path(server(tmp_path).command()[0]).is_file()


root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")


AS_NOBODY = {"user": launch.NOBODY, "group": launch.NOBODY, "extra_groups": []}


def readable_python() -> tuple[str, dict[str, str]]:
    """A Python that nobody may run, with our packages: the one in use, or the system's when that is closed to others."""
    packages = {"PYTHONPATH": f"{ROOT}{os.pathsep}{sysconfig.get_path('purelib')}"}
    system = shutil.which(f"python{sys.version_info.major}.{sys.version_info.minor}", path="/usr/local/bin:/usr/bin")
    for python, more in ((sys.executable, {}), (system or sys.executable, packages)):
        command = [python, "-c", "import portal.servers"]
        try:
            subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env={**os.environ, **more}, **AS_NOBODY)
        except (OSError, subprocess.CalledProcessError):
            continue
        return python, more
    pytest.skip("THE ORDINARY USER IS NOT TESTED: this folder or its Python is closed to others")


def as_nobody(data: Path) -> "subprocess.CompletedProcess[str]":
    """Attach as the ordinary user nobody, and say what manage.py would."""
    program = (
        "import sys; from portal import services\n"
        "try: services.attach()\n"
        "except services.ServiceError as error: sys.exit(str(error))"
    )
    python, more = readable_python()
    return subprocess.run(
        [python, "-c", program],
        cwd=ROOT,
        env=own_environment(data, **more),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        **AS_NOBODY,
    )


@root_only
def test_it_runs_for_an_ordinary_user(data: Path) -> None:
    data.parent.chmod(0o711)
    data.mkdir()
    os.chown(data, launch.NOBODY, launch.NOBODY)
    result = as_nobody(data)
    assert result.returncode == 0, result.stderr
    assert (data / "pg").stat().st_uid == launch.NOBODY


@root_only
def test_it_says_that_the_folder_may_not_be_written(data: Path) -> None:
    data.parent.chmod(0o711)
    assert_one_sentence(as_nobody(data), "Cannot write to", "PORTAL_DATA")  # its parent belongs to root


@root_only
def test_it_becomes_nobody_where_no_namespace_is_allowed(data: Path) -> None:
    data.mkdir()
    (data / "log").mkdir()

    class NoNamespace(Postgres):
        def ways(self) -> tuple[str, ...]:
            return ("nobody",)

    server = NoNamespace(data, durable=False)
    try:
        server.start(keep_open=os.open(os.devnull, os.O_RDONLY))
        assert psutil.Process(server.child.pid).uids().real == launch.NOBODY if server.child else False
        assert can_connect(data)
    finally:
        server.stop()
        shutil.rmtree(server.home.parent)


def test_it_says_that_the_login_may_not_make_roles(data: Path) -> None:
    user = User(data).attached()  # plays the server elsewhere, of a database administrator
    server = Postgres(data)
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE ROLE tenant LOGIN")
        connection.execute("CREATE DATABASE outside OWNER tenant")
    outside = server.url("outside").replace("portal@", "tenant@")
    command = [sys.executable, "manage.py", "migrate"]
    environment = own_environment(data, DATABASE_URL=outside)
    refused = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert_one_sentence(refused, "may not create the roles", "CREATE ROLE portal_web NOLOGIN", "TO tenant")
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        for role in ("portal_web", "portal_staff", "portal_gateway"):
            connection.execute(f"CREATE ROLE {role} NOLOGIN")
            connection.execute(f"GRANT {role} TO tenant")
    subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True, timeout=60)
    user.go()


def test_it_says_that_a_database_elsewhere_does_not_answer(data: Path) -> None:
    command = [sys.executable, "manage.py", "migrate"]
    environment = own_environment(
        data, DATABASE_URL="postgres://nobody@127.0.0.1:1/none", REDIS_URL="redis://127.0.0.1:1"
    )
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert_one_sentence(result, "does not answer", "DATABASE_URL")
    assert not (data / "pg").exists()
    assert not (data / "redis").exists()
