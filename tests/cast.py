"""The people of the tests: a pytest plugin (`pytest_plugins = ["tests.cast"]` in conftest.py).

def test_it_lists(client_of, cast):
    response = client_of("merchant_filer").get("/order/")
"""

from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils.translation import override

from accounts.access import PROVEN_IN_SESSION, Actor
from accounts.cast import Cast, load_cast
from accounts.models import Enterprise, Membership
from accounts.roles import EnterpriseState, EnterpriseType, MemberRole


@pytest.fixture(autouse=True)
def in_chinese() -> Iterator[None]:
    """Every test begins in Chinese, whatever language the last page of the one before was answered in."""
    with override(settings.LANGUAGE_CODE):
        yield


def people(*, credentials: bool = False) -> Cast:
    """Everybody of accounts/cast.py, made now; keys only for who asks, as they take a second."""
    return load_cast(credentials=credentials)


@pytest.fixture
def cast(db: None) -> Cast:
    """Everybody, without keys."""
    return people()


@pytest.fixture
def cast_with_keys(db: None) -> Cast:
    """Everybody, each enterprise with a certificate to sign with."""
    return people(credentials=True)


@pytest.fixture
def newcomer(cast: Cast) -> Actor:
    """The administrator of a merchant with an account and a type, not yet open for filing."""
    enterprise = Enterprise.objects.create(
        name="上海桐溪岸贸易有限公司", credit_code="913101150000930090", customs_code="312226DM77",
        types=[EnterpriseType.MERCHANT], state=EnterpriseState.DRAFT,
    )  # fmt: skip
    membership = Membership.objects.create(
        user=cast.users["stranger"], enterprise=enterprise, roles=[MemberRole.ADMINISTRATOR]
    )
    return Actor.of(membership)


@pytest.fixture
def client_of(cast: Cast) -> Callable[[str], Client]:
    """A signed-in client for a user name of the cast."""

    def signed_in(username: str) -> Client:
        client = Client()
        client.force_login(cast.users[username])
        prove(client)
        return client

    return signed_in


def prove(client: Client) -> None:
    """Let the session of this client be one in which the second factor was shown."""
    session = client.session
    session[PROVEN_IN_SESSION] = True
    session.save()


@pytest.fixture
def no_failures() -> Iterator[None]:
    """Nobody has failed to sign in yet, and nobody has afterwards."""
    cache.clear()
    yield
    cache.clear()


#: The tables of the books that nobody empties.
NEVER_EMPTIED = (
    "account", "discrepancy", "entry", "guarantee", "hold", "taxbill", "taxbillline", "taxbillnotice", "taxrule",
    "transfer",
)  # fmt: skip


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> None:
    """Let tests that really commit be cleaned up by TRUNCATE, which record and books refuse to everybody else."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_auditentry DISABLE TRIGGER accounts_audit_not_emptied")
        cursor.execute("ALTER TABLE accounts_auditseal DISABLE TRIGGER accounts_seal_not_emptied")
        for table in NEVER_EMPTIED:
            cursor.execute(f"ALTER TABLE ledger_{table} DISABLE TRIGGER ledger_{table}_not_emptied")
