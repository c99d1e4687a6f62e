"""Where messages come in: an HTTP server that keeps the bytes first, says 200, and leaves the deciding to a worker.

200 is said to a repeat of the same CopMsgId too; it is answered again and counts once. 400, 401 and 413 will not get better
by trying again, 503 will.
"""

import hmac
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from urllib.parse import parse_qs

import psycopg

from declarations.sandbox import authority, delivery, page, settings, store
from declarations.sandbox.answers import BEIJING
from declarations.sandbox.messages import Broken, address
from declarations.sandbox.store import Connection

log = logging.getLogger("sandbox")

BODY_LIMIT = 10_000_000  # bytes; the XML reader takes no longer text
FORM_LIMIT = 64 * 1024  # a request for a certificate is some 2 KB
LENGTH_DIGITS = 18  # no number of bytes has more


class Gateway(ThreadingHTTPServer):
    """The server with what its handlers need. Raises OSError when the port is taken."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, where: tuple[str, int], *, url: str, token: str, overrides: Mapping[str, str], dice: Random,
        arrived: Callable[[], None],
    ) -> None:  # fmt: skip
        self.url, self.token, self.overrides, self.dice, self.arrived = url, token, overrides, dice, arrived
        super().__init__(where, Window)

    def settings_now(self, connection: Connection) -> settings.Settings:
        """The settings of today."""
        return settings.load(connection, datetime.now(BEIJING).date(), self.overrides)


class Window(BaseHTTPRequestHandler):
    """One caller's connection, kept open between requests, with a database connection of its own."""

    server: Gateway
    protocol_version = "HTTP/1.1"
    server_version = "sandbox"
    sys_version = ""
    timeout = 75
    disable_nagle_algorithm = True

    def setup(self) -> None:
        """Begin a connection."""
        super().setup()
        self._database: Connection | None = None

    def finish(self) -> None:
        """End a connection and give the database connection back."""
        self._drop()
        super().finish()

    def do_GET(self) -> None:
        """The page, and whether all is well."""
        self._answer_with({"/": self._page, "/health": self._health}.get(self.path.partition("?")[0], self._nothing))

    def do_POST(self) -> None:
        """A message, or a request for a certificate."""
        self._answer_with({"/dxp": self._take, page.CERTIFY: self._certify}.get(self.path, self._nothing))

    def log_message(self, format: str, *args: object) -> None:
        """Requests are counted on the page, not logged line by line."""

    def _answer_with(self, step: Callable[[], tuple[int, str, str]]) -> None:
        try:
            status, kind, text = step()
        except psycopg.OperationalError as error:
            log.warning("gateway: database away (%s)", type(error).__name__)
            self._drop()
            self.close_connection = True
            status, kind, text = 503, "text/plain", "数据库暂不可用"
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", "default-src 'none'")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def _take(self) -> tuple[int, str, str]:
        if refused := self._too_long(BODY_LIMIT):
            return refused
        length = self.headers["Content-Length"]
        given = self.headers.get("Authorization", "").encode("utf-8", "replace")
        if not hmac.compare_digest(given, f"Bearer {self.server.token}".encode()):
            self._discard(int(length))
            return self._refuse(HTTPStatus.UNAUTHORIZED, "令牌不符")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            return self._refuse(HTTPStatus.BAD_REQUEST, "报文不完整")
        try:
            sender = address(body)
        except Broken as fault:
            return 400, "text/plain", f"{fault.code} {fault.text}"
        now = datetime.now(UTC)
        number, new, same = store.keep(
            self.database, sender=sender.sender, cop_msg_id=sender.cop_msg_id, digest=sender.digest, body=body, at=now
        )
        if not same:
            return 400, "text/plain", "0999 此CopMsgId已用于另一报文"
        if not new:
            with self.database.transaction():
                current = self.server.settings_now(self.database)
                delivery.send_again(self.database, number, at=now, settings=current, dice=self.server.dice)
        self.server.arrived()
        return 200, "text/plain", "OK"

    def _certify(self) -> tuple[int, str, str]:
        if refused := self._too_long(FORM_LIMIT):
            return refused
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode("ascii", "replace"))
        try:
            with self.database.transaction():
                issued = authority.issue(self.database, form.get("request", [""])[0], datetime.now(UTC))
        except authority.BadRequest as fault:
            return 400, "text/plain", str(fault)
        return 200, "application/x-pem-file", issued

    def _too_long(self, limit: int) -> tuple[int, str, str] | None:
        """The answer to a body that is longer, or of which it is not said how long it is."""
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit():
            return self._refuse(HTTPStatus.LENGTH_REQUIRED, "缺少Content-Length")
        if len(length) > LENGTH_DIGITS:
            return self._refuse(HTTPStatus.BAD_REQUEST, "Content-Length不可信")
        if int(length) > limit:
            self._discard(int(length))
            return self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"内容超过{limit}字节")
        return None

    def _discard(self, length: int) -> None:
        """Read a body for nothing: closed with bytes unread, the connection would be reset and the answer lost.

        Much too long a body is not read; its sender sees the reset.
        """
        left = length if length <= 4 * BODY_LIMIT else 0
        while left > 0 and (part := self.rfile.read(min(left, 65536))):
            left -= len(part)

    def _refuse(self, status: int, text: str) -> tuple[int, str, str]:
        """Answer without having kept the body; the connection is not used any further."""
        self.close_connection = True
        return status, "text/plain", text

    def _page(self) -> tuple[int, str, str]:
        with self.database.transaction():
            current = self.server.settings_now(self.database)
            return 200, "text/html", page.render(store.counts(self.database), current)

    def _health(self) -> tuple[int, str, str]:
        with self.database.transaction():
            self.database.execute("SELECT 1")
        return 200, "text/plain", "OK"

    def _nothing(self) -> tuple[int, str, str]:
        self.close_connection = True
        return 404, "text/plain", "没有此地址"

    @property
    def database(self) -> Connection:
        """This connection's database connection, opened when first needed."""
        if self._database is None or self._database.closed:
            self._database = store.connect(self.server.url)
        return self._database

    def _drop(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None
