"""Names read as they are written, whoever typed them: staff in the admin, and people naming their own passkeys."""

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from accounts.cast import Cast
from accounts.models import Announcement, AuthenticatorApp, Passkey, User
from tests.accounts.test_passkeys import Device, browser, options, said

pytestmark = pytest.mark.django_db

Clients = Callable[[str], Client]
REFUSED = "名称中有换行、控制字符或看不见的字符，请删去后重新填写"
#: A direction turned, a bell, a character of no width, a line broken, a mark that joins.
BAD = ["夏\u202e山青", "夏\x07山青", "夏\u200b山青", "夏\r\n山青", "夏\u2028山青"]
GOOD = ["夏山青", "O'Neill-Şahin (上海)", "📦 仓库"]
bad_and_good = pytest.mark.parametrize(
    ("name", "is_good"), [*((one, False) for one in BAD), *((one, True) for one in GOOD)]
)


def no_members(**said: str) -> dict[str, str]:
    """The form of a user's page, of somebody in no enterprise."""
    return {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0", **said}


@bad_and_good
def test_staff_name_a_user(cast: Cast, client_of: Clients, name: str, is_good: bool) -> None:
    staff, other = client_of("staff"), cast.users["merchant_filer"]
    secret = "a-long-and-odd-phrase-7"
    made = no_members(username="brought_in", name=name, email="b@example.org", password1=secret, password2=secret)
    answer = staff.post("/admin/accounts/user/add/", made | {"usable_password": "true"})
    assert (answer.status_code == 302) == is_good == User.objects.filter(username="brought_in", name=name).exists()
    page = f"/admin/accounts/user/{other.pk}/change/"
    form = dict(
        re.findall(
            r'<input type="(?:text|email)" name="([^"]+)"[^>]* value="([^"]*)"', staff.get(page).content.decode()
        )
    )
    fields = {"username": other.username, "email": other.email, "is_active": "on", "date_joined_0": "", **form}
    changed = staff.post(page, no_members(**(fields | {"name": name})))
    if not is_good:
        assert REFUSED in answer.content.decode() and REFUSED in changed.content.decode()
    other.refresh_from_db()
    assert (other.name == name) == is_good


@bad_and_good
def test_staff_title_an_announcement(client_of: Clients, name: str, is_good: bool) -> None:
    now = timezone.localtime()
    said = {"title": name, "text": "第一段\n第二段", "since_0": f"{now:%Y-%m-%d}", "since_1": "08:00:00"}
    answer = client_of("staff").post("/admin/accounts/announcement/add/", said)
    assert (answer.status_code == 302) == is_good == Announcement.objects.filter(title=name).exists()
    assert (REFUSED in answer.content.decode()) != is_good


@pytest.mark.usefixtures("cast", "no_failures")
@bad_and_good
def test_somebody_names_a_passkey(name: str, is_good: bool) -> None:
    AuthenticatorApp.objects.all().delete()
    client, address = browser("merchant_filer"), "/second-factor/passkey/"
    answer = client.post(address, {"passkey": Device().make(options(client.get(address))), "name": name})
    assert Passkey.objects.filter(name=name).exists() == is_good
    if not is_good:
        assert said(answer) == REFUSED and not Passkey.objects.exists()
        again = client.post(address, {"passkey": Device().make(options(answer)), "name": "办公室电脑"})
        assert not said(again) and Passkey.objects.get().name == "办公室电脑"
