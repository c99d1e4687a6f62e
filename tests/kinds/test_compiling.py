"""The description is compiled when a process starts that will use it; a broken one keeps it from starting."""

import dataclasses
import os
import subprocess
import sys

import pytest
from django.apps import apps

from declarations import published, shape
from declarations.compiling import compile_all
from declarations.exchange import envelope
from declarations.kinds import KINDS
from portal.folders import ROOT

CACHES = (
    shape._checkers,
    shape._packers,
    shape._openers,
    shape._plan,
    shape._key_places,
    shape._said,
    shape.by_name,
    envelope._writer,
)


@pytest.mark.parametrize(("process", "kept"), [("web", len(KINDS)), ("worker", len(KINDS)), ("command", 0)])
def test_it_compiles_every_kind_in_the_processes_that_use_it(settings, process, kept):
    for cache in CACHES:
        cache.cache_clear()
    published._kept.__dict__.clear()
    settings.PORTAL_PROCESS = process
    apps.get_app_config("declarations").ready()
    assert {cache.cache_info().currsize for cache in CACHES} == {kept}
    assert len(published._kept.__dict__) == (len(published.messages()) if kept else 0)


@pytest.mark.parametrize(
    "broken",
    [{"sends": "CEB999Message"}, {"wrapper": ("Order",)}, {"key": ("no_such_field",)}],
    ids=lambda one: next(iter(one)),
)
def test_a_broken_description_raises(broken):
    with pytest.raises(Exception, match=r"CEB999|unpack|not in"):
        compile_all([dataclasses.replace(KINDS[0], **broken)])


def test_a_broken_description_stops_the_start():
    """The web process's own entry, in a process of its own whose published tables lack a message."""
    start = (
        "import declarations.published as published;"
        "published.xsd_text = lambda message: '<broken/>'; import portal.wsgi"
    )
    environment = {**os.environ, "PORTAL_PROCESS": "web", "DJANGO_SETTINGS_MODULE": "portal.settings_test"}
    ended = subprocess.run(
        [sys.executable, "-c", start], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "XMLSchemaParseError" in ended.stderr
