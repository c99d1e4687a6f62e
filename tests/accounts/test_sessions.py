"""Where one is signed in: seen, ended one by one or all at once, and renewed whenever it matters."""

import time

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client

from accounts.cast import PASSWORD
from accounts.models import AuditEntry, Membership, UserSession
from accounts.roles import MemberRole
from portal.tenancy import acting_as

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cast", "no_failures")]
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
EDGE = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0"
WECHAT = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36 MicroMessenger/8.0"


def signed_in(username: str = "merchant_filer", *, agent: str = FIREFOX, address: str = "203.0.113.7") -> Client:
    """Somebody who has signed in by the page."""
    client = Client(headers={"User-Agent": agent}, REMOTE_ADDR=address)
    response = client.post("/login/", {"username": username, "password": PASSWORD})
    assert response["Location"] == "/", response.content
    return client


def key(client: Client) -> str:
    return client.cookies["sessionid"].value


def row(client: Client) -> int:
    return UserSession.objects.get(session_key=key(client)).pk


def works(client: Client) -> bool:
    return client.get("/enterprise/").status_code == 200


def test_it_lists_where_one_is_signed_in_and_nobody_else():
    desk, phone = signed_in(), signed_in(agent=WECHAT, address="203.0.113.8")
    signed_in("merchant_viewer", agent=EDGE, address="203.0.113.9")
    page = desk.get("/sessions/").content.decode()
    for shown in ("Firefox · Linux", "203.0.113.7", "微信 · Android", "203.0.113.8", "这台设备"):
        assert shown in page, shown
    assert "Edge" not in page and "203.0.113.9" not in page
    assert key(phone) not in page and key(desk) not in page


def test_it_ends_one_session():
    desk, phone = signed_in(), signed_in(agent=WECHAT)
    assert works(phone)
    response = desk.post("/sessions/", {"session": row(phone)})
    assert response["Location"] == "/sessions/"
    assert "已退出 1 处登录" in desk.get("/sessions/").content.decode()
    assert not works(phone) and works(desk)
    assert AuditEntry.objects.get(action="sessions_ended").details == {"count": 1}


def test_it_ends_all_other_sessions_of_ones_own():
    desk, others = signed_in(), [signed_in(), signed_in(agent=WECHAT)]
    colleague = signed_in("merchant_viewer")
    assert desk.post("/sessions/", {"do": "others"}).status_code == 302
    assert not any(works(one) for one in others)
    assert works(desk) and works(colleague)


@pytest.mark.parametrize(
    "data", [{}, {"session": "x"}, {"session": "9" * 40}, {"session": "-1"}, {"do": "all"}, {"session": "987654321"}]
)
def test_it_knows_no_session_that_is_not_ones_own(data):
    assert signed_in().post("/sessions/", data).status_code == 404


def test_it_ends_nothing_of_anothers_and_not_the_present_one_by_number():
    mine, other = signed_in(), signed_in("merchant_viewer")
    assert mine.post("/sessions/", {"session": row(other)}).status_code == 404
    assert mine.post("/sessions/", {"session": row(mine)}).status_code == 404
    assert works(mine) and works(other)


def test_it_walls_sessions_off_by_person(cast):
    mine, other = signed_in(), signed_in("merchant_viewer")
    actor = cast.actor("merchant_filer")
    with acting_as(enterprise_id=actor.enterprise.pk, user_id=actor.user.pk):
        assert list(UserSession.objects.values_list("session_key", flat=True)) == [key(mine)]
        assert UserSession.objects.filter(session_key=key(other)).delete()[0] == 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_table_privilege('portal_staff', 'accounts_usersession', 'SELECT')")
        assert cursor.fetchone() == (False,)


def test_it_forgets_a_session_at_sign_out_and_those_that_are_no_more():
    client = signed_in()
    client.post("/logout/")
    assert not UserSession.objects.exists()
    lost = signed_in()
    lost.session.delete()
    signed_in()
    assert UserSession.objects.count() == 1


def test_it_ends_all_others_with_the_old_password():
    desk, phone = signed_in(), signed_in()
    new = "lantern-meadow-42"
    before = key(desk)
    answer = desk.post("/password/", {"old_password": PASSWORD, "new_password1": new, "new_password2": new})
    assert answer.status_code == 302
    assert key(desk) != before and works(desk) and not works(phone)
    assert list(UserSession.objects.values_list("session_key", flat=True)) == [key(desk)]
    later = Client()
    later.post("/login/", {"username": "merchant_filer", "password": new})
    assert later.post("/sessions/", {"session": row(desk)}).status_code == 302
    assert not works(desk), "the row has followed the renewed key"


def test_it_renews_the_key_when_roles_change(cast):
    client = signed_in()
    assert works(client)
    before = key(client)
    assert works(client) and key(client) == before
    Membership.objects.filter(user=cast.users["merchant_filer"]).update(roles=[MemberRole.FINANCE])
    assert works(client) and key(client) != before
    stolen = Client()
    stolen.cookies["sessionid"] = before
    assert not works(stolen)
    assert row(client)


def test_it_renews_the_key_when_another_enterprise_is_chosen(cast):
    Membership.objects.create(
        user=cast.users["merchant_filer"], enterprise=cast.enterprises["platform"], roles=[MemberRole.VIEWER]
    )
    client = signed_in()
    works(client)
    before = key(client)
    client.post("/enterprise/", {"enterprise": cast.enterprises["platform"].pk})
    assert key(client) != before and row(client)


def test_it_notes_use_every_few_minutes_and_not_at_every_click():
    client = signed_in()
    works(client)
    UserSession.objects.update(last_used="2026-01-01T00:00Z", address="203.0.113.1")
    works(client)
    assert UserSession.objects.get().last_used.year == 2026 and UserSession.objects.get().address == "203.0.113.1"
    session = client.session
    session["seen"] = int(time.time()) - 3600
    session.save()
    ends = Session.objects.get(session_key=key(client)).expire_date
    works(client)
    prolonged = Session.objects.get(session_key=key(client)).expire_date - ends
    assert abs(prolonged.total_seconds()) < 2, "half a day after signing in it ends, however much it was used"
    found = UserSession.objects.get()
    assert found.address == "203.0.113.7" and found.last_used > found.begun


def test_it_takes_any_name_of_a_browser():
    for agent in ("", "x" * 5000, "<script>alert(1)</script>", "浏览器"):
        page = signed_in(agent=agent).get("/sessions/").content.decode()
        assert "未知设备" in page and "<script>alert" not in page


def test_it_shows_staff_theirs(client_of, cast):
    assert "没有记录到登录" in client_of("staff").get("/sessions/").content.decode()
