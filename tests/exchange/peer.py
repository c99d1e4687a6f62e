"""A gateway that behaves as told: a real HTTP server in a thread of the test."""

import socket
import struct
import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from declarations.exchange import envelope

#: Take the message and break the connection without a word; or take it and stay silent.
RESET, HANG = "reset", "hang"


class Peer(ThreadingHTTPServer):
    """Answers each request by the next of ``manners`` (a status, RESET or HANG), afterwards always 200."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.manners: deque[int | str] = deque()
        self.bodies: list[bytes] = []
        self.tokens: list[str] = []
        self.awake = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/dxp"

    @property
    def letters(self) -> list[envelope.Terminal]:
        """Everything that arrived, opened."""
        return [envelope.unwrap(body) for body in self.bodies]

    @property
    def counted(self) -> Counter[str]:
        """CopMsgId → how often it arrived."""
        return Counter(letter.message_id for letter in self.letters)

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection broken on purpose is no news."""


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Peer

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.tokens.append(self.headers.get("Authorization", ""))
        manner = self.server.manners.popleft() if self.server.manners else 200
        if manner == HANG:
            self.server.awake.wait(10)
            self.close_connection = True
        elif manner == RESET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
        else:
            self.send_response(int(manner))
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, *_words: object) -> None:
        """Quiet."""


@contextmanager
def listening() -> Iterator[Peer]:
    """A peer while the block runs."""
    with Peer() as peer:
        thread = threading.Thread(target=peer.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield peer
        finally:
            peer.awake.set()
            peer.shutdown()
            thread.join()
