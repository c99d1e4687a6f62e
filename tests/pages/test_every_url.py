"""Every URL, asked by everybody: the answer is the declared one, and another's thing is as if it were not there.

The URLs are those of the resolver, so a new page without a policy fails here before anybody sees it.
"""

import logging
import re
from collections import Counter
from collections.abc import Iterator
from http.cookies import SimpleCookie

import pytest
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.test.client import ClientHandler
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django import DjangoDbBlocker

from tests.pages.policies import GET, POLICIES, POST, Ask
from tests.pages.world import Asker, World, standing

#: What differs from one answer to the next without saying anything: the form token and the request's number.
_TOKEN = re.compile(rb'name="csrfmiddlewaretoken" value="\w+"')
#: Every row of every table of ours that the present transaction has tried to write, kept or rolled back.
WRITES = """
SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables
WHERE schemaname = 'public' AND n_tup_ins + n_tup_upd + n_tup_del > 0
"""


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Thousands of refusals need no line each."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with standing(django_db_blocker) as world:
        yield world


def urls(resolver: URLResolver | None = None, namespace: str = "", before: str = "") -> Iterator[str]:
    """The keys of all URLs there are: name with namespace, or the route of one that has no name."""
    for one in (resolver or get_resolver()).url_patterns:
        route = before + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from urls(one, f"{namespace}{one.namespace}:" if one.namespace else namespace, route)
        elif isinstance(one, URLPattern):
            yield f"{namespace}{one.name}" if one.name else route


def written() -> dict[str, int]:
    """How many rows were written so far, by table."""
    with connection.cursor() as cursor:
        cursor.execute(WRITES)
        return dict(cursor.fetchall())


def fingerprint() -> dict[str, str]:
    """Every table of ours as it is now: its number of rows and a hash of all of them."""
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(
                f"SELECT count(*) || md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) FROM \"{table}\" t"
            )
            found[table] = cursor.fetchone()[0]
    return found


class Browser:
    """Somebody's browser, without the test client's copies of every context: thousands of pages are asked for."""

    def __init__(self, client: Client) -> None:
        self.cookies = {name: morsel.value for name, morsel in client.cookies.items()}
        self.factory = RequestFactory()
        self.handler = ClientHandler(enforce_csrf_checks=client.handler.enforce_csrf_checks)
        self.handler.load_middleware()

    def ask(self, method: str, ask: Ask) -> HttpResponse:
        """One request; cookies given in answer are forgotten."""
        self.factory.cookies = SimpleCookie(self.cookies)
        request = self.factory.get(ask.address) if method == GET else self.factory.post(ask.address, dict(ask.data))
        request._dont_enforce_csrf_checks = not self.handler.enforce_csrf_checks
        return self.handler.get_response(request)

    def try_out(self, method: str, ask: Ask) -> HttpResponse:
        """One request, whose writes are rolled back."""
        with transaction.atomic():
            answer = self.ask(method, ask)
            transaction.set_rollback(True)
        return answer


def face(answer: HttpResponse, ask: Ask) -> tuple[int, bytes, tuple[tuple[str, str], ...]]:
    """The answer as the asker can tell it from another; the address they themselves asked for does not count."""
    body = _TOKEN.sub(b"", answer.content).replace(ask.address.encode(), b"...")
    headers = {name: value for name, value in answer.headers.items() if name not in ("X-Request-ID", "Expires")}
    if "Content-Length" in headers:
        headers["Content-Length"] = "..."
    return answer.status_code, body, tuple(sorted(headers.items()))


class Walk:
    """Asks every URL as everybody and gathers what is not as declared."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.faults: list[str] = []
        self.requests = 0
        self.seen: Counter[int] = Counter()
        self.browsers = {asker.name: Browser(world.client(asker)) for asker in world.askers()}
        self.before = written()

    def go(self, asker: Asker, name: str) -> None:
        """One asker at one URL by both methods: first what must change nothing, then what they may do."""
        for policy in POLICIES[name]:
            for method in (GET, POST):
                asks = [(ask, policy.answer(asker, method, ask)) for ask in policy.asks(name, self.world, asker)]
                if all(expected == 405 for _ask, expected in asks):
                    asks = asks[:1]
                refused = [(ask, expected) for ask, expected in asks if expected >= 400]
                self.compare(
                    asker, method, [(ask, self.send(asker, method, ask, expected)) for ask, expected in refused]
                )
                if changed := self.changed():
                    self.faults.append(f"{asker} {method} {name}: refused, yet wrote {changed}")
                for ask, expected in asks:
                    if expected < 400:
                        self.send(asker, method, ask, expected)
                self.changed()

    def send(self, asker: Asker, method: str, ask: Ask, expected: int) -> HttpResponse:
        """One request; its status is as declared."""
        browser = self.browsers[asker.name]
        answer = browser.ask(method, ask) if expected >= 400 else browser.try_out(method, ask)
        self.requests += 1
        self.seen[answer.status_code] += 1
        if answer.status_code != expected:
            self.faults.append(
                f"{asker} {method} {ask.address} ({ask.whose or 'page'}): {answer.status_code}, declared {expected}"
            )
        elif asker.is_anonymous and expected == 302 and not answer["Location"].startswith(("/login/", "/")):
            self.faults.append(f"{asker} {method} {ask.address}: leads to {answer['Location']}")
        return answer

    def changed(self) -> list[str]:
        """The tables written to since last asked."""
        before, self.before = self.before, written()
        return sorted(table for table, count in self.before.items() if count != before.get(table, 0))

    def compare(self, asker: Asker, method: str, answers: list[tuple[Ask, HttpResponse]]) -> None:
        """Another's and a missing thing cannot be told apart."""
        missing = {ask.place: face(answer, ask) for ask, answer in answers if ask.whose == "missing"}
        for ask, answer in answers:
            if answer.status_code != 404 or ask.whose not in ("other", "crossed"):
                continue
            if face(answer, ask) != missing[ask.place]:
                self.faults.append(f"{asker} {method} {ask.address} ({ask.whose}): told apart from a missing one")


def test_every_url_has_a_policy_and_every_policy_a_url(db: None) -> None:
    there = set(urls())
    assert there - POLICIES.keys() == set(), "declare in tests/pages/policies.py who may ask for these"
    assert POLICIES.keys() - there == set(), "policies of pages that are no more"


def test_everybody_gets_the_declared_answer_and_nobody_anothers(world: World, capsys: pytest.CaptureFixture) -> None:
    walk = Walk(world)
    askers, names = world.askers(), sorted(POLICIES)
    for asker in askers:
        before = fingerprint()
        for name in names:
            walk.go(asker, name)
        after = fingerprint()
        walk.faults += [f"{asker.name}: left {table} changed" for table in before if before[table] != after[table]]
    leaks = len(walk.faults)
    with capsys.disabled():
        print(
            f"\n{len(names)} urls x 2 methods x {len(askers)} actors = {walk.requests} requests, {leaks} leaks"
            f" {dict(sorted(walk.seen.items()))}"
        )
    assert walk.faults == []
    assert walk.requests >= 5000


def test_the_filter_of_the_application_alone_keeps_enterprises_apart(world: World) -> None:
    """The same questions with the wall taken down: each of the two layers holds by itself."""
    walk = Walk(world)
    own_pages = [name for name in POLICIES if ":" not in name and not name.startswith("admin")]
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT relname FROM pg_class WHERE relrowsecurity AND relname ~ '^(declarations|ledger)_'")
            for (table,) in cursor.fetchall():
                cursor.execute(f'CREATE POLICY none_at_all ON "{table}" TO portal_web USING (true) WITH CHECK (true)')
        for asker in world.askers():
            if asker.name in ("merchant_filer", "payment_filer", "bonded_logistics_filer"):
                for name in own_pages:
                    walk.go(asker, name)
        transaction.set_rollback(True)
    assert walk.faults == []


def test_every_post_is_refused_without_the_token_of_its_form(world: World) -> None:
    faults = []
    for asker in world.askers():
        if asker.name not in ("", "merchant_filer", "staff"):
            continue
        browser = Browser(world.client(asker, enforce_csrf_checks=True))
        before = written()
        for name in sorted(POLICIES):
            for ask in POLICIES[name][0].asks(name, world, asker):
                answer = browser.ask(POST, ask)
                shut = name == "receive" or (name.startswith("admin") and not asker.is_staff)
                if answer.status_code != (POLICIES[name][0].answer(asker, POST, ask) if shut else 403):
                    faults.append(f"{asker.name or 'anonymous'} {ask.address}: {answer.status_code}")
        assert {table for table, count in written().items() if count != before.get(table, 0)} == set()
    assert faults == []
