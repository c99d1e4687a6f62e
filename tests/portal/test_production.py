"""Where real enterprises file there is no pretended customs, and nothing that is for trying out."""

import os
import subprocess
import sys

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.models import User
from portal.folders import ROOT, data_folder
from portal.supervisor import Supervisor


def names(**options: bool) -> list[str]:
    """The processes a supervisor would start."""
    portal = Supervisor(port=1, sandbox_port=2, token="x", **options)
    assert portal.data == data_folder()
    return [child.name for child in portal.children]


def test_it_starts_no_sandbox():
    always = ["web", "worker-uploads", "worker-outbox", "worker-inbox", "worker-record", "beat"]
    assert names() == ["sandbox", *always]
    assert names(sandbox=False) == always


@pytest.mark.parametrize("word", ["prod", "Production", " production", "live"])
def test_a_word_that_is_only_nearly_production_starts_nothing(word):
    asked = [sys.executable, "manage.py", "check"]
    told = subprocess.run(asked, cwd=ROOT, env=os.environ | {"PORTAL_ENV": word}, capture_output=True, text=True)
    assert told.returncode != 0 and "it is demo or production" in told.stderr


@pytest.mark.parametrize("command", [["sandbox", "settings"], ["load_cast"], ["demo", "--once"]])
def test_it_refuses_commands_for_trying_out_in_one_sentence(db, settings, command):
    settings.PORTAL_ENV = "production"
    with pytest.raises(CommandError, match=rf"^PORTAL_ENV=production: `manage.py {command[0]}` is [^.\n]*\.$"):
        call_command(*command)
    assert not User.objects.exists()
