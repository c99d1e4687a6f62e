"""What each process asks of PostgreSQL when it connects."""

import json
import subprocess
import sys

import psycopg
import pytest

from portal import services
from portal.database import startup_options
from portal.folders import ROOT
from tests.conftest import own_environment

SETTINGS = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "application_name")


def limits(options: str) -> dict[str, str]:
    """The settings of a new connection with these options."""
    with psycopg.connect(services.database_url(), options=options) as connection:
        return {name: connection.execute(f"SHOW {name}").fetchone()[0] for name in SETTINGS}


@pytest.mark.parametrize(
    ("process", "lock", "statement", "idle"),
    [("web", "10s", "1min", "1min"), ("worker", "10s", "10min", "0"), ("command", "10s", "0", "0")],
)
def test_it_limits_what_may_take_long(process, lock, statement, idle):
    options = startup_options(process).replace("-c role=portal_web", "")  # the tests' cluster has the role only later
    found = limits(options)
    assert [found[name] for name in SETTINGS[:3]] == [lock, statement, idle]


def test_it_keeps_what_is_given_but_for_the_role():
    options = startup_options("web", " -c statement_timeout=5s -c role=postgres -c application_name=ours ")
    assert options.endswith("-c application_name=ours -c role=portal_web")
    found = limits(options.replace("-c role=postgres", "").replace("-c role=portal_web", ""))
    assert (found["statement_timeout"], found["lock_timeout"], found["application_name"]) == ("5s", "10s", "ours")


def test_the_settings_merge_them(tmp_path):
    url = "postgresql://somebody@/portal?options=-c%20search_path%3Dpublic&connect_timeout=7"
    say = "import json; from portal import settings; print(json.dumps(settings.DATABASES['default']['OPTIONS']))"
    environment = own_environment(
        tmp_path, DATABASE_URL=url, REDIS_URL="redis://localhost:1/0", PORTAL_PROCESS="web"
    )  # fmt: skip
    said = subprocess.run(
        [sys.executable, "-c", say], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    options = json.loads(said.stdout)
    assert options["connect_timeout"] in (7, "7")
    assert options["options"].split() == startup_options("web", "-c search_path=public").split()
