"""Who stands at the pages and before the queue in several of these files."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.access import Actor
from accounts.cast import Cast
from accounts.models import Application, User
from tests.accounts.connecting import Way, serve
from tests.accounts.reviewing import a_person, handed_in


@pytest.fixture
def way(cast: Cast, newcomer: Actor, client_of: Callable[[str], Client]) -> Way:
    return Way(cast, newcomer, client_of("stranger"))


@pytest.fixture
def served(way: Way) -> Way:
    """With a service, so that the way to production is open."""
    serve(way.enterprise, "merchant", "1210")
    return way


@pytest.fixture
def second(cast: Cast) -> User:
    """Another of the staff."""
    return a_person("staff_two", "复核员", is_staff=True, is_superuser=True)


@pytest.fixture
def staff(client_of: Callable[[str], Client]) -> Client:
    return client_of("staff")


@pytest.fixture
def applied(cast: Cast) -> Application:
    return handed_in(cast.users["stranger"])
