"""A sandbox of its own process and database, and a small portal that only listens."""

import base64
import http.client
import itertools
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from lxml import etree
from psycopg import sql

from declarations import published
from declarations.published import DXP
from portal.folders import ROOT
from tests.conftest import free_ports, until
from tests.sandbox.papers import Paper, Party, Trade, cast, envelope, message, registry, sign

TOKEN = "token-of-the-tests"
_serials = itertools.count(1)


class Answer(NamedTuple):
    """One document's answer as the portal reads it."""

    message: str
    receiver: str
    keys: dict[str, str]
    status: str
    time: str
    info: str


class Bill(NamedTuple):
    """A tax bill, or with no lines a notice about one, as the portal reads it."""

    message: str
    receiver: str
    head: dict[str, str]
    lines: list[dict[str, str]]


@dataclass
class Listener:
    """The portal's side: takes receipts over HTTP, checks them against the published structure, keeps what they say."""

    port: int = 0
    reply: int = 200
    bodies: list[bytes] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    bills: list[Bill] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def take(self, body: bytes, authorization: str) -> int:
        """Read one receipt message."""
        if self.reply != 200:
            return self.reply
        if authorization != f"Bearer {TOKEN}":
            self.faults.append("token")
        outer = etree.fromstring(body, etree.XMLParser(strip_cdata=False))
        self._valid(outer, "DxpMsg")
        inner = etree.fromstring(base64.b64decode(outer.findtext(f"{{{DXP}}}Data") or ""))
        name = etree.QName(inner).localname
        self._valid(inner, name)
        receiver = outer.findtext(f".//{{{DXP}}}ReceiverId") or ""
        self.bodies.append(body)
        for node in inner:
            if name in ("CEB816Message", "CEB818Message"):
                head, *lines = [{etree.QName(one).localname: one.text or "" for one in part} for part in node]
                self.bills.append(Bill(name, receiver, head, lines))
                continue
            texts = {etree.QName(child).localname: child.text or "" for child in node}
            status, time, info = (texts.pop(tag) for tag in ("returnStatus", "returnTime", "returnInfo"))
            self.answers.append(Answer(name, receiver, texts, status, time, info))
        return 200

    def _valid(self, root: etree._Element, name: str) -> None:
        schema = published.schema(name)
        if not schema.validate(root):
            self.faults.append(str(schema.error_log))

    def of(self, paper: Paper) -> list[Answer]:
        """The answers to a document, by its number, in customs' order of time."""
        tag = paper.kind.key[1]
        found = [a for a in self.answers if a.message == paper.kind.receipt and a.keys.get(tag) == paper.head[tag]]
        return sorted(found, key=lambda answer: answer.time)

    def bills_of(self, paper: Paper) -> list[Bill]:
        """Bill and notices of a list, in customs' order of time."""
        numbers = {answer.keys.get("invtNo") for answer in self.of(paper)} - {None}
        found = [bill for bill in self.bills if bill.head["invtNo"] in numbers]
        return sorted(found, key=lambda bill: bill.head["returnTime"])

    def statuses(self, paper: Paper) -> list[str]:
        """Only the statuses of these answers."""
        return [answer.status for answer in self.of(paper)]


@dataclass
class Sandbox:
    """A running sandbox process."""

    url: str
    port: int
    receipts_port: int
    settings: dict[str, str]
    process: "subprocess.Popen[bytes] | None" = None

    def environment(self) -> dict[str, str]:
        """What the process is told."""
        return {
            **os.environ,
            "SANDBOX_DATABASE_URL": self.url,
            "GATEWAY_TOKEN": TOKEN,
            "SANDBOX_PORT": str(self.port),
            "RECEIPTS_URL": f"http://127.0.0.1:{self.receipts_port}/customs/receive/",
            **{f"SANDBOX_{name.upper()}": value for name, value in self.settings.items()},
        }

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """One of the sandbox's commands."""
        command = [sys.executable, "-m", "declarations.sandbox", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment(), capture_output=True, text=True, check=False, timeout=60
        )

    def start(self) -> None:
        """Start serving; returns when it answers."""
        command = [sys.executable, "-m", "declarations.sandbox", "serve"]
        self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment())
        until(self.healthy, seconds=30, what="the sandbox answers")

    def healthy(self) -> bool:
        """Whether it answers."""
        try:
            return self.get("/health")[0] == 200
        except OSError:
            return False

    def kill(self) -> None:
        """Kill it without warning."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(15)

    def get(self, path: str) -> tuple[int, str]:
        """Ask for a page."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()

    def post(self, body: bytes, *, token: str = TOKEN, path: str = "/dxp") -> tuple[int, str]:
        """Bring bytes to the gateway."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            connection.request("POST", path, body, {"Authorization": f"Bearer {token}"})
            response = connection.getresponse()
            return response.status, response.read().decode()

    def file(self, *papers: Paper, sender: Party | None = None, cop_msg_id: str = "") -> str:
        """Sign and send documents of one kind by their usual filer; the message as sent."""
        who = {"Order": "platform", "Payment": "payment", "Logistics": "courier", "Inventory": "warehouse"}
        by = sender or cast()[who[papers[0].kind.wrapper]]
        text = sign(message(list(papers), by), by)
        assert self.post(envelope(text, by, cop_msg_id=cop_msg_id)) == (200, "OK")
        return text

    def file_trade(self, *trades: Trade) -> None:
        """The four documents of each trade, each kind in one message, one after the other."""
        for name in ("order", "payment", "waybill", "inventory"):
            self.file(*[getattr(one, name) for one in trades])

    def load(self, folder: Path, **limits: str | None) -> None:
        """Load the registry with other limits of guarantees."""
        file = folder / "registry.json"
        file.write_text(registry(**limits), encoding="utf-8")
        loaded = self.run("load", str(file))
        assert loaded.returncode == 0, loaded.stderr

    def rows(self, question: str, *values: object) -> list[tuple[object, ...]]:
        """Look into its database."""
        with psycopg.connect(self.url) as connection:
            return connection.execute(question, values or None).fetchall()


@pytest.fixture(scope="session")
def listener() -> Iterator[Listener]:
    """The listening portal of all tests."""
    portal = Listener()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = portal.take(body, self.headers["Authorization"])
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    portal.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield portal
    server.shutdown()
    assert not portal.faults, portal.faults


def _sandbox(folder: Path, port: int, **settings: str) -> Sandbox:
    database = f"customs_{uuid.uuid4().hex}"
    url = urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{database}"))
    sandbox = Sandbox(
        url, free_ports(1)[0], port, {"delay": "0", "repeat": "0", "shuffle": "no", "release": "no", **settings}
    )
    sandbox.load(folder)
    with psycopg.connect(url) as connection:  # one listener hears them all: no two give the same list number
        connection.execute("SELECT setval('filing_number', %s)", [next(_serials) * 1_000_000])
    return sandbox


def _end(sandbox: Sandbox) -> None:
    if sandbox.process is not None and sandbox.process.poll() is None:
        sandbox.kill()
    with closing(psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)) as connection:
        database = urlsplit(sandbox.url).path.lstrip("/")
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))


@pytest.fixture(scope="session")
def customs(listener: Listener, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox that answers at once and in order; shared, every test brings its own numbers."""
    sandbox = _sandbox(tmp_path_factory.mktemp("customs"), listener.port)
    try:
        sandbox.start()
        yield sandbox
        assert sandbox.stop() == 0
    finally:
        _end(sandbox)


@pytest.fixture(scope="session")
def releasing(listener: Listener, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox that takes a list all the way to release without a pause; shared, every test brings its own buyers."""
    sandbox = _sandbox(tmp_path_factory.mktemp("releasing"), listener.port, release="0")
    try:
        sandbox.start()
        yield sandbox
        assert sandbox.stop() == 0
    finally:
        _end(sandbox)


@pytest.fixture
def make_customs(
    listener: Listener, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Sandbox]]:
    """Further sandboxes, each with a database of its own, by settings."""
    made: list[Sandbox] = []

    def make(**settings: str) -> Sandbox:
        made.append(_sandbox(tmp_path, listener.port, **settings))
        return made[-1]

    yield make
    listener.reply = 200
    for sandbox in made:
        _end(sandbox)
