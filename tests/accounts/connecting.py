"""An enterprise that connects its system: what it types, and its administrator at the pages with staff at the desk."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from django.test import Client
from django.urls import reverse
from django.utils import timezone
from lxml import html

from accounts.access import Actor
from accounts.cast import Cast, give_evidence, give_licences
from accounts.credentials import make_credential
from accounts.models import (
    Application,
    Connection,
    Enterprise,
    Service,
    User,
)
from accounts.onboarding import applications
from accounts.onboarding.interfaces import needed_by, prove
from accounts.roles import Environment
from portal.tenancy import acting_as
from tests.accounts.papers import png, sent
from tests.pages.test_markup import assert_alive, assert_named, assert_nothing_inline

PAGE = reverse("connection")
TODAY = timezone.localdate().isoformat()
TEST = {
    "source_addresses": "1.1.1.1\n8.8.8.0/28",
    "callback": "https://TEST-erp.example.org:443/receipts",
    "contact_name": "唐接口",
    "contact_phone": "13800001234",
    "contact_email": "api@example.org",
}
LIVE = {
    "source_addresses": "9.9.9.9",
    "callback": "https://erp.example.org/receipts",
    "signing_confirmed": "on",
}


def serve(enterprise: Enterprise, of_type: str, mode: str, *, clearance: str = "312246DM06") -> Service:
    """A service in force."""
    return Service.objects.create(
        enterprise=enterprise, enterprise_type=of_type, mode=mode, district="2216",
        clearance_code=clearance, clearance_name="通关服务企业",
    )  # fmt: skip


@contextmanager
def as_staff(user: User) -> Iterator[None]:
    with acting_as(enterprise_id=None, user_id=user.pk, role="portal_staff"):
        yield


class Way:
    """The administrator at the pages, and staff at the desk."""

    def __init__(self, cast: Cast, actor: Actor, client: Client) -> None:
        self.cast, self.actor, self.client = cast, actor, client

    @property
    def enterprise(self) -> Enterprise:
        return Enterprise.objects.get(pk=self.actor.enterprise.pk)

    def page(self) -> str:
        answer = self.client.get(PAGE)
        assert answer.status_code == 200
        page = html.fromstring(answer.content)
        for holds in (assert_nothing_inline, assert_named, assert_alive):
            holds(page, PAGE)
        return " ".join(page.xpath("//main")[0].text_content().split())

    def next_step(self) -> str:
        page = html.fromstring(self.client.get(PAGE).content)
        return " ".join(page.xpath("//*[contains(concat(' ', @class, ' '), ' next ')]")[0].text_content().split())

    def begin(self, what: str) -> Application:
        """Press a button of the page."""
        offered = html.fromstring(self.client.get(PAGE).content).xpath("//button[@name='apply']/@value")
        assert what in offered, offered
        answer = self.client.post(PAGE, {"apply": what})
        assert re.fullmatch(r"/applications/[0-9]+/", answer["Location"])
        return self.latest()

    def latest(self) -> Application:
        return Application.objects.filter(enterprise=self.actor.enterprise).latest("id")

    def hand_in(self, one: Application, said: dict[str, str], *, paper: bool = False) -> str:
        """Fill in the form as it stands and hand it in; what the page says."""
        form = html.fromstring(self.client.get(f"/applications/{one.pk}/").content).forms
        cells = dict(next(each for each in form if each.get("enctype")).form_values())
        cells = {name: value or "" for name, value in cells.items()} | said | {"do": "submit"}
        cells.pop("csrfmiddlewaretoken", None)
        if paper:
            cells["paper_screenshot"] = sent(png(), "回执.png", "image/png")
        return self.client.post(f"/applications/{one.pk}/", cells, follow=True).content.decode()

    def approve(self, one: Application | None = None) -> None:
        staff = self.cast.users["staff"]
        with as_staff(staff):
            one = Application.objects.get(pk=(one or self.latest()).pk)
            assert applications.approve(one, staff=staff, version=one.version)

    def send_back(self, one: Application, **remarks: str) -> None:
        staff = self.cast.users["staff"]
        with as_staff(staff):
            one = Application.objects.get(pk=one.pk)
            applications.send_back(one, staff=staff, version=one.version, remarks=remarks, reason="")

    def connect(self) -> Connection:
        """Be given test access."""
        self.hand_in(self.begin("test_access:"), TEST)
        self.approve()
        return Connection.objects.get(enterprise=self.enterprise, environment="sandbox", ended=None)

    def make_ready(self) -> None:
        """Everything else an enterprise needs to file in production."""
        give_licences(self.enterprise)
        give_evidence(self.enterprise)
        make_credential(self.enterprise, Environment.PRODUCTION)

    def prove_all(self) -> None:
        """By calls, as the interfaces themselves will."""
        for one in needed_by(self.enterprise):
            prove(self.enterprise, one.name, message="TEST-0001", day=timezone.localdate())
        self.make_ready()


def proof(name: str, **said: str) -> dict[str, str]:
    return {"interface": name, "message_number": "TEST-20260001", "day": TODAY, "returned": "2 新增申报成功", **said}
