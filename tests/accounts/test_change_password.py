"""One's own password: changed with the old one, on record, this session kept."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, User
from tests.cast import prove

pytestmark = pytest.mark.django_db
OLD, NEW = "oyster-cabinet-17", "lantern-meadow-42"


def posted(old: str = OLD, new: str = NEW, again: str = NEW) -> dict[str, str]:
    """What the form sends."""
    return {"old_password": old, "new_password1": new, "new_password2": again}


@pytest.fixture
def client(cast, client_of):
    """A clerk whose password is known."""
    user = cast.users["merchant_filer"]
    user.set_password(OLD)
    user.save()
    return client_of("merchant_filer")


def test_it_changes_the_password_and_keeps_the_session(client):
    assert client.post(reverse("change_password"), posted()).headers["Location"] == reverse("home")
    assert User.objects.get(username="merchant_filer").check_password(NEW)
    page = client.get(reverse("home"))
    assert page.status_code == 200 and "密码已修改" in page.content.decode()
    entry = AuditEntry.objects.get(action="password_changed")
    assert entry.user.username == "merchant_filer" and NEW not in str(entry.details)


@pytest.mark.parametrize(
    "wrong",
    [
        posted(old="other"),
        posted(again="different-words-1"),
        posted("", "", ""),
        posted(new="1234567890", again="1234567890"),
    ],
)
def test_it_refuses_what_is_wrong_at_its_field(wrong, client):
    page = client.post(reverse("change_password"), wrong)
    assert page.status_code == 200 and 'aria-invalid="true"' in page.content.decode()
    assert User.objects.get(username="merchant_filer").check_password(OLD)
    assert not AuditEntry.objects.filter(action="password_changed").exists()


def test_guesses_of_the_old_password_are_counted(client, no_failures):
    for _guess in range(5):
        assert "密码不对" in client.post(reverse("change_password"), posted(old="other")).content.decode()
    assert "尝试次数过多" in client.post(reverse("change_password"), posted()).content.decode()
    assert User.objects.get(username="merchant_filer").check_password(OLD)


def test_staff_have_the_same_page_and_set_no_other_staffs(cast, client_of):
    assert client_of("staff").get("/admin/password_change/")["Location"] == "/password/"
    helper = User.objects.create(username="helper", is_staff=True)
    helper.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user"]))
    desk = Client()
    desk.force_login(helper)
    prove(desk)
    for whom, status in (("staff", 403), ("merchant_filer", 200)):
        address = f"/admin/accounts/user/{cast.users[whom].pk}/password/"
        assert desk.get(address).status_code == status, whom
