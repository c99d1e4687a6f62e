"""The web process that slow callers cannot stop: a connection takes one of the few threads only when its request is here.

gunicorn's thread worker gives each connection a thread at once and lets it wait there, so a handful of silent callers
stops everybody. Here the event loop collects headers and small bodies of many connections, with a time for each; only a
body too large to hold (a workbook, a message of customs) is read by the thread that serves it, under a deadline that
grows with what has arrived, and never by more than half of the threads.
"""

import errno
import re
import selectors
import socket
import struct
import threading
import time
from functools import partial
from typing import Any

from gunicorn.http.unreader import SocketUnreader  # type: ignore[import-untyped]
from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]

HEADER_SECONDS, BODY_SECONDS, SEND_SECONDS, FAREWELL_SECONDS = 10.0, 30.0, 30.0, 2.0
SPARE_SECONDS = 1.0  # for a thread that has been given all of a request and should not have to read any more
BODY_RATE = 64 << 10  # bytes a second beyond which a long body earns more time: 20 MB may take five minutes
HEADER_BYTES, HELD_BYTES = 32 << 10, 64 << 10  # of one connection, while no thread serves it
FULL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_LENGTH = re.compile(rb"^content-length:[ \t]*(\d{1,12})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_READ_BY_THREAD = re.compile(rb"^(transfer-encoding|expect|content-length:[ \t]*\d{13})", re.IGNORECASE | re.MULTILINE)


class PatientReader(SocketUnreader):
    """Reads for a thread, until a deadline; a caller who is slower counts as one who has gone."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.deadline = 0.0

    def chunk(self, size_hint: int | None = None) -> bytes:
        """What has arrived. Raises ConnectionResetError when nothing does in time."""
        patience = self.sock.gettimeout()  # finish_body may have set a shorter one
        left = self.deadline - time.monotonic()
        try:
            if left <= 0:
                raise TimeoutError
            self.sock.settimeout(left if patience is None else min(left, patience))
            data: bytes = super().chunk(size_hint)
        except TimeoutError:
            raise ConnectionResetError(errno.ECONNRESET, "too slow") from None
        finally:
            self.sock.settimeout(patience)
        self.deadline += len(data) / BODY_RATE
        return data


class Connection(TConn):
    """A connection with what has arrived of its next request."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.received = bytearray()
        self.header_end = self.wanted = 0
        self.large = self.leaving = False

    @property
    def busy(self) -> bool:
        """Whether a stopping process should still wait for it."""
        return bool(self.received) or self.leaving

    def begin(self) -> None:
        """Make the parser, reading patiently."""
        self.init()
        self.parser.unreader = PatientReader(self.sock)

    def is_here(self) -> bool:
        """Whether a thread can serve the request without waiting, or must be the one that waits (`large`)."""
        if not self.header_end:
            while self.received.startswith(b"\r\n"):  # between two requests; gunicorn would wait for a line behind it
                del self.received[:2]
            found = self.received.find(b"\r\n\r\n")
            if found < 0:
                return False
            self.header_end = found + 4
            self.timeout = time.monotonic() + BODY_SECONDS
            head = bytes(self.received[: self.header_end])
            length = _LENGTH.search(head)
            self.wanted = int(length[1]) if length else 0
            self.large = self.wanted > HELD_BYTES or _READ_BY_THREAD.search(head) is not None
        return self.large or len(self.received) >= self.header_end + self.wanted

    def hand_over(self) -> None:
        """Give the parser what has arrived, and the thread its time."""
        self.parser.unreader.unread(bytes(self.received))
        self.parser.unreader.deadline = time.monotonic() + (BODY_SECONDS if self.large else SPARE_SECONDS)
        self.received, self.header_end = bytearray(), 0
        self.data_ready = True


class PatientWorker(ThreadWorker):
    """gunicorn's thread worker, with an event loop that waits for requests instead of threads that do."""

    def init_process(self) -> None:
        """Before the loop."""
        self.large_places = threading.BoundedSemaphore(max(1, self.cfg.threads // 2))
        self.next_look = 0.0
        super().init_process()

    def accept(self, listener: Any) -> None:
        """Take a connection and wait for its request in the loop."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED):
                raise
            return
        # A caller who never reads the answer must not keep a thread either.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(SEND_SECONDS), 0))
        self.nr_conns += 1
        connection = Connection(self.cfg, client, address, listener.getsockname())
        connection.begin()
        self.wait_for(connection)
        if self.nr_conns >= self.worker_connections and len(self.pending_conns) > 1:
            self.drop(self.pending_conns[0])  # full: who has kept us waiting longest makes room

    def wait_for(self, connection: Connection) -> None:
        """Let the loop collect the next request of a connection."""
        connection.sock.setblocking(False)
        connection.timeout = time.monotonic() + HEADER_SECONDS
        self.pending_conns.append(connection)
        readable = partial(self.on_pending_socket_readable, connection)
        self.poller.register(connection.sock, selectors.EVENT_READ, readable)

    def drop(self, connection: Connection) -> None:
        """Close a connection that waits in the loop."""
        self.leave_loop(connection)
        self.nr_conns -= 1
        connection.close()

    def see_off(self, connection: Connection) -> None:
        """Close after the answer: say so, and let the caller read it. gunicorn waits for that where all others wait too."""
        try:
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.nr_conns -= 1
            connection.close()
            return
        connection.leaving = True
        self.wait_for(connection)
        connection.timeout = time.monotonic() + FAREWELL_SECONDS

    def leave_loop(self, connection: Connection) -> None:
        """Forget it as one that waits."""
        self.pending_conns.remove(connection)
        try:
            self.poller.unregister(connection.sock)
        except (OSError, KeyError, ValueError):
            pass

    def on_client_socket_readable(self, conn: Connection, client: Any) -> None:
        """A kept connection speaks again."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self.wait_for(conn)
        self.on_pending_socket_readable(conn, client)

    def on_pending_socket_readable(self, conn: Connection, client: Any) -> None:
        """Something has arrived: keep it, and give the connection to a thread when that is enough."""
        try:
            data = conn.sock.recv(HELD_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        conn.received += data
        if not data or (conn.leaving and len(conn.received) > HELD_BYTES):
            self.drop(conn)
        elif not conn.leaving:
            self.look_at(conn)

    def look_at(self, conn: Connection) -> None:
        """Hand the connection over if its request is here."""
        if conn.is_here():
            self.leave_loop(conn)
            conn.hand_over()
            self.enqueue_req(conn)
        elif not conn.header_end and len(conn.received) > HEADER_BYTES:
            self.leave_loop(conn)
            self.refuse(conn, TOO_LONG)
            self.see_off(conn)

    def refuse(self, conn: Connection, answer: bytes) -> None:
        """Say these few bytes if the caller takes them."""
        try:
            conn.sock.send(answer)
        except OSError:
            pass

    def murder_pending(self) -> None:
        """Close, once a second, who has had his time; when stopping, also who has not said anything yet."""
        now = time.monotonic()
        if now < self.next_look and self.alive:
            return
        self.next_look = now + 1.0
        for conn in [one for one in self.pending_conns if one.timeout <= now or not (self.alive or one.busy)]:
            self.drop(conn)

    def handle(self, conn: Connection) -> Any:
        """Serve a request; one with a large body only if other threads are left for everybody else."""
        if not conn.large:
            return super().handle(conn)
        if not self.large_places.acquire(blocking=False):
            self.refuse(conn, FULL)
            return False
        try:
            return super().handle(conn)
        finally:
            self.large_places.release()

    def finish_request(self, conn: Connection, fs: Any) -> None:
        """After an answer: wait in the loop for the next request, or for the caller to have read this one."""
        keep = not fs.cancelled() and fs.exception() is None and fs.result() is True
        conn.received = bytearray(conn.parser.unreader.take_buffered()) if keep else bytearray()
        if not keep:
            self.see_off(conn)
        elif conn.received:  # of a next request
            self.wait_for(conn)
            self.look_at(conn)
        else:
            super().finish_request(conn, fs)
