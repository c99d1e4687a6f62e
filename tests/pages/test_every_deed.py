"""Every action of every list and every button of staff, pressed by everybody: it works by its right and changes nothing without.

The actions are those of the admin site, the buttons those of the templates, so a new one without a line in ``deeds.py``
fails here before anybody presses it.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db.models import Q
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone
from lxml import html
from pytest_django import DjangoDbBlocker

from accounts.models import Application, User
from accounts.onboarding.typed import LABEL
from portal.personal import pack
from tests.cast import prove
from tests.pages.deeds import ACTIONS, PAGES, Deed
from tests.pages.policies import GET, POLICIES, POST, Ask, Staff
from tests.pages.test_every_url import Browser, written
from tests.pages.world import World, standing

#: Everybody who is not of the staff, and the one of them who only looks: what each is answered.
TURNED_AWAY = {
    "": 302, "stranger": 404, "merchant_administrator": 404, "merchant_filer": 404, "merchant_finance": 404,
    "merchant_viewer": 404, "merchant_developer": 404, "neighbour_filer": 404, "auditor": 403,
}  # fmt: skip
#: Pages of staff that do nothing when something is sent to them, or only what is one's own.
NO_DEED = re.compile(r"admin:(index|login|logout|app_list|password_change|\w+_(changelist|history))")
TEMPLATES = Path(__file__).parents[2] / "templates/admin"
#: Page → the templates of its buttons, where it has more than to save.
DRAWN_BY = {
    "accounts_application_change": ("accounts/application/review.html", "accounts/application/_errand.html"),
    "accounts_enterprise_profile": ("accounts/enterprise/profile.html",),
}
BUTTON = re.compile(r'name="do" value="(\w+)"')


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Hundreds of refusals need no line each."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with standing(django_db_blocker) as world:
        world.rows.update(
            {"idle_enterprise": str(world.cast.enterprises["venue"].pk), "errand": str(an_errand(world).pk)}
        )
        yield world


def an_errand(world: World) -> Application:
    """A certificate that staff have taken on to fetch."""
    by, content = world.cast.users["stranger"], pack(b"{}", LABEL)
    one = Application.objects.create(
        enterprise=world.cast.enterprises["venue"], applicant=by, kind="certificate_agency", state="approved", content=content
    )  # fmt: skip
    one.submissions.create(
        number=1, content=content, submitted_by=by, verdict="approved", decided_by=world.cast.users["reviewer"],
        decided_at=timezone.now(),
    )  # fmt: skip
    return one


@pytest.fixture(scope="module")
def desk(world: World) -> "Desk":
    return Desk(world)


class Desk:
    """One of the staff whose rights are given anew for every deed, and everybody else."""

    def __init__(self, world: World) -> None:
        self.hand = User.objects.create(username="hand", name="程帮手", email="hand@example.org", is_staff=True)
        client = Client()
        client.force_login(self.hand)
        prove(client)
        self.mine = Browser(client)
        askers = {one.name: one for one in world.askers()}
        self.others = {name: Browser(world.client(askers[name])) for name in TURNED_AWAY}
        for browser in (self.mine, *self.others.values()):
            browser.ask(GET, Ask("/admin/"))  # from now on a session writes nothing of its own

    def may(self, rights: Q) -> None:
        """These are the rights the hand has."""
        self.hand.user_permissions.set(Permission.objects.filter(rights))

    def press(self, browser: Browser, address: str, data: Mapping[str, Any]) -> tuple[HttpResponse, set[str]]:
        """What is answered, and the tables written to; nothing of it is kept."""
        before = written()
        answer = browser.try_out(POST, Ask(address, data=data))
        return answer, {table for table, count in written().items() if count != before.get(table, 0)}


def offered(page: bytes) -> dict[str, Any]:
    """What the forms of a page would send as they stand, without their buttons."""
    told: dict[str, Any] = {}
    for form in html.fromstring(page.decode()).xpath("//div[@id='content']//form[@method='post']"):
        for name, value in form.form_values():
            told.setdefault(name, []).append(value)
    return told


def asked_on(page: bytes) -> set[str]:
    """The names of everything that can be typed or chosen on a page."""
    return set(html.fromstring(page.decode()).xpath("//form//*[self::input or self::select or self::textarea]/@name"))


def faults_of(desk: Desk, address: str, data: Mapping[str, Any], deed: Deed) -> Iterator[str]:
    """What is not as declared when everybody sends this: those without the right, then who has it."""
    for name, expected in TURNED_AWAY.items():
        answer, tables = desk.press(desk.others[name], address, data)
        if answer.status_code != expected or tables:
            yield f"{name or 'anonymous'}: {answer.status_code}, declared {expected}, wrote {tables or 'nothing'}"
    to_look = Q(codename__startswith="view_")
    for who, rights in (("with nothing", Q(pk=None)), ("without the right", ~named(deed.right)), ("to look", to_look)):
        desk.may(rights)
        answer, tables = desk.press(desk.mine, address, data)
        if answer.status_code >= 500 or tables:
            yield f"staff {who}: {answer.status_code}, wrote {tables or 'nothing'}"
    desk.may(enough_for(deed))
    answer, tables = desk.press(desk.mine, address, data)
    if answer.status_code not in (200, 302) or deed.writes not in tables:
        yield f"staff by right: {answer.status_code}, wrote {tables or 'nothing'}, not {deed.writes}: {words_of(answer)}"


def words_of(answer: HttpResponse) -> str:
    """The complaints of a page."""
    if answer.status_code != 200:
        return answer.content.decode()[:200]
    lists = html.fromstring(answer.content.decode()).xpath(
        "//*[contains(@class, 'errorlist') or contains(@class, 'messagelist')]"
    )
    return " ".join(text.strip() for one in lists for text in one.itertext() if text.strip())


def named(right: str) -> Q:
    """A right by its name, as Django writes it."""
    app, _dot, codename = right.partition(".")
    return Q(content_type__app_label=app, codename=codename)


def enough_for(deed: Deed) -> Q:
    """What one of the staff needs to do it: its right, and to see everything."""
    return named(deed.right) | named(deed.beside) | Q(codename__startswith="view_")


def tables() -> dict[str, Any]:
    """Every table of the desk, by the name of Django."""
    return {model._meta.label_lower: desk for model, desk in admin.site._registry.items()}


@pytest.mark.django_db
def test_every_action_and_every_button_is_declared(world: World) -> None:
    request = RequestFactory().get("/admin/")
    request.user = world.cast.users["staff"]
    actions = {(table, name) for table, desk in tables().items() for name in desk.get_actions(request)}
    assert actions == set(ACTIONS), "declare in tests/pages/deeds.py who may do these"
    doing = {
        name.removeprefix("admin:")
        for name, policies in POLICIES.items()
        if name.startswith("admin:") and not NO_DEED.match(name)
        for policy in policies
        if isinstance(policy, Staff) and policy.post < 400
    }
    assert doing == {page for page, _button in PAGES}, "declare in tests/pages/deeds.py who may send these pages"
    found = {str(path.relative_to(TEMPLATES)): BUTTON.findall(path.read_text()) for path in TEMPLATES.rglob("*.html")}
    drawn = [(page, template) for page, templates in DRAWN_BY.items() for template in templates]
    assert {name for name, buttons in found.items() if buttons} == {one for _page, one in drawn}, (
        "say which page these draw"
    )
    buttons = {(page, button) for page, template in drawn for button in found[template]}
    assert buttons == {one for one in PAGES if one[1]}, "declare in tests/pages/deeds.py who may press these"


def test_an_action_of_a_list_works_by_its_right_alone(world: World, desk: Desk) -> None:
    faults = []
    for (table, name), deed in ACTIONS.items():
        app, _dot, model = table.partition(".")
        address = f"/admin/{app}/{model}/"
        data = {"action": name, "_selected_action": [world.rows[model]], **deed.said}
        desk.may(enough_for(deed))
        asked = desk.mine.try_out(POST, Ask(address, data=data))
        if asked.status_code == 200:  # a page between the action and its deed
            data = offered(asked.content) | {"sure": "1", "chosen": world.rows[model]} | data
        faults += [f"{table} {name}: {fault}" for fault in faults_of(desk, address, data, deed)]
    assert not faults, "\n".join(faults)


def test_to_delete_is_offered_where_it_is_declared_and_does_nothing_elsewhere(world: World, desk: Desk) -> None:
    faults = []
    desk.may(Q())
    for table in tables():
        app, _dot, model = table.partition(".")
        data = {"action": "delete_selected", "_selected_action": [world.rows[model]], "post": "yes"}
        answer, wrote = desk.press(desk.mine, f"/admin/{app}/{model}/", data)
        if bool(wrote) != ((table, "delete_selected") in ACTIONS) or answer.status_code >= 500:
            faults.append(f"{table}: {answer.status_code}, wrote {wrote or 'nothing'}")
    assert not faults, "\n".join(faults)


def test_a_button_of_staff_works_by_its_right_alone(world: World, desk: Desk) -> None:
    faults = []
    stranger = str(world.cast.users["stranger"].pk)
    for (page, button), deed in PAGES.items():
        address = address_of(page, world, deed)
        desk.may(enough_for(deed))
        shown = desk.mine.try_out(GET, Ask(address))
        rows = {"@enterprise": world.rows["enterprise"], "@stranger": stranger}
        typed = {name: rows.get(text, text) if isinstance(text, str) else text for name, text in deed.said.items()}
        if unknown := deed.said.keys() - asked_on(shown.content):
            faults.append(f"{page} {button}: the page does not ask for {sorted(unknown)}")
        data = offered(shown.content) | {"do": button} | typed
        faults += [f"{page} {button}: {fault}" for fault in faults_of(desk, address, data, deed)]
    assert not faults, "\n".join(faults)


def address_of(page: str, world: World, deed: Deed) -> str:
    """The page of the row of the world, or the one where a row is added."""
    if page.endswith("_add"):
        return reverse(f"admin:{page}")
    key = deed.of or ("user" if page == "auth_user_password_change" else page.split("_")[1])
    word = "id" if page == "auth_user_password_change" else "object_id"
    return reverse(f"admin:{page}", kwargs={word: world.rows[key]})
