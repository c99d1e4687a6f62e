"""The serving process: gateway, clerk, officer and courier together, one set per database, until told to stop."""

import logging
import signal
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from random import Random
from types import FrameType

import psycopg

from declarations.sandbox import customs, release, settings, store
from declarations.sandbox.answers import BEIJING
from declarations.sandbox.delivery import Courier
from declarations.sandbox.gateway import Gateway
from declarations.sandbox.messages import Broken
from declarations.sandbox.store import Connection
from declarations.sandbox.worker import Worker

log = logging.getLogger("sandbox")

IDLE_SECONDS = 0.5
LOCK_SECONDS = 3.0  # a killed predecessor's lock lasts until PostgreSQL notices


class AlreadyServing(Exception):
    """Another sandbox works on the same database."""


def serve(
    *, url: str, host: str, port: int, token: str, receipts_url: str, overrides: Mapping[str, str]
) -> None:  # fmt: skip
    """Serve until SIGTERM or SIGINT. Raises OSError (port), psycopg.OperationalError, AlreadyServing, BadSetting."""
    store.prepare(url)
    with closing(store.connect(url)) as own:
        _be_the_only_one(own)
        seed = settings.load(own, datetime.now(BEIJING).date(), overrides).seed
        own.rollback()
        dice = Random(seed or None)  # noqa: S311  (chance for a demonstration)
        courier = Worker("courier", url, Courier(receipts_url, token).step)
        officer = Worker("officer", url, _officer(overrides, dice, courier))
        clerk = Worker("clerk", url, _clerk(overrides, dice, courier, officer))
        gateway = Gateway((host, port), url=url, token=token, overrides=overrides, dice=dice, arrived=clerk.call)
        workers = (clerk, officer, courier)
        for worker in workers:
            worker.start()

        def stop(number: int, frame: FrameType | None) -> None:
            threading.Thread(target=gateway.shutdown, daemon=True).start()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        log.info("sandbox listens on http://%s:%s", host, gateway.server_port)
        try:
            gateway.serve_forever(poll_interval=0.2)
        finally:
            gateway.server_close()
            for worker in workers:
                worker.stop()
            for worker in workers:
                worker.join(timeout=5)


def _clerk(
    overrides: Mapping[str, str], dice: Random, courier: Worker, officer: Worker
) -> Callable[[Connection], float]:
    """The step that decides the oldest kept message."""

    def step(connection: Connection) -> float:
        with connection.transaction():
            inbound = store.next_kept(connection)
            if inbound is None:
                return IDLE_SECONDS
            now = datetime.now(UTC)
            current = settings.load(connection, now.astimezone(BEIJING).date(), overrides)
            try:
                with connection.transaction():
                    outcome = customs.decide(connection, inbound, at=now, settings=current, dice=dice)
                    store.decided(connection, inbound["id"], outcome)
            except psycopg.OperationalError:
                raise
            except Exception as error:
                place = "".join(traceback.format_tb(error.__traceback__))  # not its text: that may be personal
                log.error("message %s cannot be decided: %s\n%s", inbound["id"], type(error).__name__, place)
                fault = Broken("3999", type(error).__name__)
                customs.refuse_whole(connection, inbound, fault, b"", at=now, settings=current, dice=dice)
                store.decided(connection, inbound["id"], type(error).__name__, "failed")
        courier.call()
        officer.call()
        return 0.0

    return step


def _officer(overrides: Mapping[str, str], dice: Random, courier: Worker) -> Callable[[Connection], float]:
    """The step that takes lists further on their way to release."""

    def step(connection: Connection) -> float:
        try:
            with connection.transaction():
                store.decide_alone(connection)
                now = datetime.now(UTC)
                current = settings.load(connection, now.astimezone(BEIJING).date(), overrides)
                done = release.take_due_further(connection, at=now, settings=current, dice=dice)
                due = store.next_due(connection) if current.release else None
        except psycopg.OperationalError:
            raise
        except Exception as error:
            place = "".join(traceback.format_tb(error.__traceback__))  # not its text: that may be personal
            log.error("lists cannot be taken further: %s\n%s", type(error).__name__, place)
            return IDLE_SECONDS
        if done:
            courier.call()
        return IDLE_SECONDS if due is None else min(max((due - datetime.now(UTC)).total_seconds(), 0), IDLE_SECONDS)

    return step


def _be_the_only_one(connection: Connection) -> None:
    end = time.monotonic() + LOCK_SECONDS
    while True:
        row = connection.execute("SELECT pg_try_advisory_lock(%s) AS held", [store.SERVING]).fetchone()
        connection.commit()
        if row is not None and row["held"]:
            return
        if time.monotonic() > end:
            raise AlreadyServing
        time.sleep(0.1)
