"""Staff before the queue of applications: who they are, what was handed in, and the buttons they press."""

import html
from datetime import datetime

from django.contrib.auth.models import Permission
from django.test import Client

from accounts.cast import Cast
from accounts.models import Application, User
from accounts.onboarding import applications
from accounts.onboarding.kinds import ACCOUNT
from portal.personal import pack
from tests.accounts.test_admin import INLINE
from tests.accounts.test_applications import GOOD, as_applicant
from tests.cast import prove

QUEUE = "/admin/accounts/application/"
PDF = b"%PDF-1.7 a licence"
PERSONAL = ("宋归帆", "13800001234", "季明岚", "contact@example.org")


def a_person(username: str, name: str, **values: object) -> User:
    return User.objects.create(username=username, name=name, email=f"{username}@example.org", **values)


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    prove(client)
    return client


def handed_in(user: User, typed: dict[str, list[str]] | None = None, *, scan: str = "licence.pdf") -> Application:
    """An account applied for, whole; handed in once more if it was sent back."""
    with as_applicant(user):
        one = applications.begin(ACCOUNT, by=user, enterprise=None)
        if scan:
            one.papers.filter(replaced=False).update(replaced=True)
            one.papers.create(
                slot="business_licence", name=scan, media_type="application/pdf", size=len(PDF), sha256="0" * 64,
                content=pack(PDF, "accounts_paper.content"), uploaded_by=user,
            )  # fmt: skip
        assert applications.submit(one, typed or GOOD, by=user, version=one.version) == {}
    return one


def others(cast: Cast, *names: str) -> list[Application]:
    """Applications of other people, each for an enterprise of that name."""
    return [
        handed_in(a_person(f"visitor{number}", f"访客{number}"), GOOD | {"name": [name]})
        for number, name in enumerate(names)
    ]


def page_of(one: Application) -> str:
    return f"{QUEUE}{one.pk}/change/"


def seen(client: Client, one: Application) -> str:
    answer = client.get(page_of(one))
    assert answer.status_code == 200
    body = answer.content.decode()
    assert not INLINE.search(body), INLINE.search(body)
    return html.unescape(body)


def press(client: Client, one: Application, do: str, **said: str) -> str:
    """Press a button of the page as it is now; the page that comes of it."""
    version = said.pop("version", "") or str(Application.objects.get(pk=one.pk).version)
    data = {name.replace("__", "."): text for name, text in said.items()}
    answer = client.post(page_of(one), {"do": do, "version": version, **data}, follow=True)
    assert answer.status_code == 200
    body = answer.content.decode()
    assert not INLINE.search(body), INLINE.search(body)
    return html.unescape(body)


def listed(client: Client, query: str = "") -> list[str]:
    answer = client.get(QUEUE + query, follow=True)
    assert answer.status_code == 200
    assert not INLINE.search(answer.content.decode())
    return [one.title for one in answer.context["cl"].result_list]


def waiting_since(one: Application, moment: datetime) -> None:
    Application.objects.filter(pk=one.pk).update(state_at=moment)


def one_with(*rights: str) -> Client:
    user = a_person("_".join(rights) or "none", "同事", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    return browser_of(user)
