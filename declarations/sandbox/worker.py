"""A thread that goes on: it does one step after the other on a connection of its own and outlives the database's absence."""

import logging
import threading
from collections.abc import Callable
from contextlib import closing

import psycopg

from declarations.sandbox import store
from declarations.sandbox.store import Connection

log = logging.getLogger("sandbox")

RECONNECT_SECONDS = 1.0


class Worker(threading.Thread):
    """Calls `step(connection)` until told to stop; the step says how many seconds to wait, 0 for at once."""

    def __init__(self, name: str, url: str, step: Callable[[Connection], float]) -> None:
        super().__init__(name=name, daemon=True)
        self.url, self.step = url, step
        self.ended, self.called = threading.Event(), threading.Event()

    def run(self) -> None:
        """Work until `stop`, connecting anew when the database was away."""
        while not self.ended.is_set():
            try:
                with closing(store.connect(self.url)) as connection:
                    while not self.ended.is_set():
                        self._rest(self.step(connection))
            except psycopg.OperationalError as error:
                log.warning("%s: database away (%s)", self.name, type(error).__name__)
                self._rest(RECONNECT_SECONDS)

    def call(self) -> None:
        """There is something to do: do not wait any longer."""
        self.called.set()

    def stop(self) -> None:
        """End after the present step."""
        self.ended.set()
        self.called.set()

    def _rest(self, seconds: float) -> None:
        if seconds > 0:
            self.called.wait(seconds)
        self.called.clear()
