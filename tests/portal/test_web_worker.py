"""Slow callers: silent connections, headers and bodies that drip, pipelines; everybody else is served meanwhile."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.folders import ROOT
from portal.web_worker import Connection
from tests.conftest import free_ports, until

APP = """
def application(environ, start_response):
    body = environ["wsgi.input"].read()
    text = f"{environ['PATH_INFO']} {len(body)}".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))])
    return [text]
"""
CROWD = 60  # several times as many as there are threads


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A web process of ours before an application that only counts: one process of two threads."""
    folder = tmp_path_factory.mktemp("web")
    (folder / "counting.py").write_text(APP)
    (folder / "quick.py").write_text(
        "from portal.gunicorn_settings import *\nfrom portal import web_worker\n"
        "web_worker.HEADER_SECONDS, web_worker.BODY_SECONDS = 1.5, 1.5\n"
    )
    (number,) = free_ports(1)
    log = (folder / "log").open("wb")
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", "python:quick", "counting:application"],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": f"{folder}:{ROOT}",
            "PORTAL_PORT": str(number),
            "PORTAL_WEB_PROCESSES": "1",
            "PORTAL_WEB_THREADS": "2",
        },
        stdout=log,
        stderr=log,
    )
    try:
        until(lambda: answers(number), what=lambda: (folder / "log").read_text())
        yield number
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(12) == 0
        log.close()
        assert "Traceback" not in Path(folder / "log").read_text()


def answers(port: int) -> bool:
    try:
        return get(port) == "/here 0"
    except OSError:
        return False


def get(port: int, body: bytes | None = None) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("POST" if body else "GET", "/here", body)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def crowd(port: int, opening: bytes) -> list[socket.socket]:
    """Many callers who say this and then nothing more."""
    callers = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(CROWD)]
    for caller in callers:
        caller.sendall(opening)
    return callers


@pytest.mark.parametrize(
    "opening",
    [
        b"",
        b"\r\n\r\n",
        b"GET /here HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"POST /here HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\nabc",
        b"POST /here HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\nabc",
        b"POST /here HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        b"GET /here HTTP/1.1\r\nHost: x\r\n\r\nGET /here HTTP/1.1\r\n",
    ],
    ids=["silent", "blank", "header", "small-body", "large-body", "chunked", "pipelined"],
)
def test_it_serves_others_while_a_crowd_keeps_it_waiting_and_sends_the_crowd_away(port: int, opening: bytes) -> None:
    callers = crowd(port, opening)
    began = time.monotonic()
    assert get(port) == "/here 0"
    assert get(port, b"x" * 1000) == "/here 1000"
    assert time.monotonic() - began < 1.4, "waited for the crowd"
    for caller in callers:
        try:
            while caller.recv(65536):
                pass
        except ConnectionResetError:
            pass
        caller.close()
    assert time.monotonic() - began < 8
    assert get(port, b"x" * 900_000) == "/here 900000"


def test_a_long_body_earns_its_time(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as caller:
        caller.sendall(b"POST /here HTTP/1.1\r\nHost: x\r\nContent-Length: 600000\r\nConnection: close\r\n\r\n")
        for _ in range(6):
            caller.sendall(b"x" * 100_000)
        assert b"".join(iter(lambda: caller.recv(65536), b"")).endswith(b"/here 600000")


def test_it_keeps_connections_and_answers_a_pipeline_in_order(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    for size in (0, 10, 100_000, 0):
        connection.request("POST", "/here", b"x" * size)
        assert connection.getresponse().read().decode() == f"/here {size}"
    connection.close()
    with socket.create_connection(("127.0.0.1", port), timeout=5) as caller:
        caller.sendall(
            b"".join(
                b"POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%s\r\n%s"
                % (number, number, b"Connection: close\r\n" if number == 3 else b"", b"x" * number)
                for number in range(4)
            )
        )
        told = b""
        while part := caller.recv(65536):
            told += part
    assert [line for line in told.decode().split("\r\n") if line.startswith("/")] != []
    assert [told.index(b"/%d %d" % (number, number)) for number in range(4)] == sorted(
        told.index(b"/%d %d" % (number, number)) for number in range(4)
    )


def test_it_refuses_endless_headers(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as caller:
        caller.sendall(b"GET / HTTP/1.1\r\nX: " + b"a" * 60_000)
        assert caller.recv(100).startswith(b"HTTP/1.1 431")


def test_it_knows_when_a_request_is_here() -> None:
    near, far = socket.socketpair()
    with near, far:
        connection = Connection(None, near, None, None)
        for text, here, large in [
            (b"GET / HTTP/1.1\r\n", False, False),
            (b"GET / HTTP/1.1\r\n\r\n", True, False),
            (b"\r\nGET / HTTP/1.1\r\n\r\n", True, False),
            (b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\nx", False, False),
            (b"POST / HTTP/1.1\r\ncontent-length:2 \r\n\r\nxy", True, False),
            (b"POST / HTTP/1.1\r\nContent-Length: 99999\r\n\r\n", True, True),
            (b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999\r\n\r\n", True, True),
            (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", True, True),
            (b"POST / HTTP/1.1\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n", True, True),
        ]:
            connection.received, connection.header_end, connection.large = bytearray(text), 0, False
            assert (connection.is_here(), connection.large) == (here, large), text
