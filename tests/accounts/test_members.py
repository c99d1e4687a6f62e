"""Members of an enterprise: invited, joined, given roles, removed; by the pages as the people themselves, and by SQL."""

import io
import logging
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection, transaction
from django.db.utils import DatabaseError
from django.test import Client
from django.utils import timezone
from lxml import html

from accounts import members
from accounts.access import ENTERPRISE_IN_SESSION
from accounts.cast import PASSWORD, Cast
from accounts.models import AuditEntry, Invitation, Membership
from accounts.roles import EnterpriseState, MemberRole
from portal.logs import DiscreetFormatter
from portal.tenancy import acting_as
from tests.pages.test_markup import assert_alive, assert_named, assert_nothing_inline

pytestmark = pytest.mark.django_db

Clients = Callable[[str], Client]
ADMINISTRATOR, FILER, FINANCE, VIEWER = "administrator", "filer", "finance", "viewer"


@pytest.fixture
def admin(client_of: Clients) -> Client:
    """The administrator of the merchant."""
    return client_of("merchant_administrator")


@pytest.fixture
def invite(admin: Client, django_capture_on_commit_callbacks: Any) -> Callable[..., str]:
    """Invite by the page; the link in the letter."""

    def send(email: str, *roles: str, client: Client = admin) -> str:
        with django_capture_on_commit_callbacks(execute=True):
            answer = client.post("/members/", {"email": email, "roles": roles or (FILER,)})
        assert answer.status_code == 302, said(answer)
        return link_in(mail.outbox[-1].body)

    return send


def link_in(letter: str) -> str:
    """The address in a letter, as far as it is ours."""
    (link,) = re.findall(r"http://testserver(/invitations/[\w-]+/)", letter)
    return link


def said(answer: Any) -> str:
    """What a page says, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def of(cast: Cast, username: str, enterprise: str = "merchant") -> Membership:
    return Membership.objects.get(user=cast.users[username], enterprise=cast.enterprises[enterprise])


def told(cast: Cast) -> list[tuple[str, str]]:
    """The deeds about members, in order."""
    words = ("member_", "invitation_")
    entries = AuditEntry.objects.filter(enterprise=cast.enterprises["merchant"]).order_by("id")
    return [(one.action, one.subject) for one in entries if one.action.startswith(words)]


# --- invited and joined -------------------------------------------------------------------------------------------------


def test_somebody_is_invited_signs_in_and_joins(cast: Cast, admin: Client, invite: Any, no_failures: None) -> None:
    link = invite("Stranger@Example.org", FILER, FINANCE)
    (letter,) = mail.outbox
    assert letter.to == ["stranger@example.org"]
    assert cast.enterprises["merchant"].name in letter.subject + letter.body and "申报员、财务" in letter.body
    assert "stranger@example.org" in said(admin.get("/members/"))

    guest = Client()
    page = guest.get(link)
    assert page.status_code == 200
    assert "加入 上海栗光屿国际贸易有限公司" in said(page) and "s***@example.org" in said(page)
    assert "stranger@example.org" not in page.content.decode()
    assert guest.post(link)["Location"] == f"/login/?next={link}"
    signed_in = guest.post("/login/", {"username": "stranger", "password": PASSWORD, "next": link})
    assert signed_in["Location"] == link
    assert "接受邀请" in said(guest.get(link))
    joined = guest.post(link, follow=True)
    assert joined.redirect_chain == [("/", 302)]
    assert "已加入 上海栗光屿国际贸易有限公司，现在代表这家企业" in said(joined)
    assert of(cast, "stranger").roles == [FILER, FINANCE]
    assert guest.session[ENTERPRISE_IN_SESSION] == cast.enterprises["merchant"].pk
    assert guest.get("/order/").status_code == 200
    number = Invitation.objects.get().pk
    assert told(cast) == [("member_invited", f"invitation {number}"), ("member_joined", "stranger")]


def test_the_link_stands_in_the_letter_alone(cast: Cast, admin: Client, invite: Any) -> None:
    token = invite("stranger@example.org").split("/")[2]
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE t::text LIKE %s', [f"%{token}%"])
            assert cursor.fetchone() == (0,), table
    assert token not in admin.get("/members/").content.decode()
    for entry in AuditEntry.objects.filter(action="member_invited"):
        assert "@" not in f"{entry.subject} {entry.details}"


def test_an_invitation_is_used_once(cast: Cast, client_of: Clients, invite: Any) -> None:
    link, guest = invite("stranger@example.org"), client_of("stranger")
    assert guest.post(link).status_code == 302
    again = guest.post(link)
    assert again.status_code == 410 and "这份邀请已经用过" in said(again)
    for other in (Client(), client_of("neighbour_filer")):
        page = other.get(link)
        assert page.status_code == 410 and "栗光屿" not in said(page) and "***" not in said(page)
    assert told(cast)[-1] == ("member_joined", "stranger") and len(told(cast)) == 2


def test_an_invitation_expires(cast: Cast, admin: Client, client_of: Clients, invite: Any) -> None:
    link, guest = invite("stranger@example.org"), client_of("stranger")
    Invitation.objects.update(expires=timezone.now() - timedelta(hours=1))
    for answer in (guest.get(link), guest.post(link)):
        assert answer.status_code == 410 and "这份邀请已过期" in said(answer)
    assert not Membership.objects.filter(user=cast.users["stranger"]).exists()
    assert "已过期" in said(admin.get("/members/"))


def test_an_invitation_works_for_its_address_only(cast: Cast, client_of: Clients, invite: Any) -> None:
    link, other = invite("stranger@example.org"), client_of("neighbour_filer")
    for answer in (other.get(link), other.post(link)):
        assert answer.status_code == 403 and "发给了另一个邮箱" in said(answer)
        assert "栗光屿" not in said(answer) and "***" not in said(answer) and "申报员" not in said(answer)
    assert Membership.objects.filter(user=cast.users["neighbour_filer"]).count() == 1
    assert client_of("stranger").post(link).status_code == 302


def test_a_revoked_invitation_is_over(cast: Cast, admin: Client, client_of: Clients, invite: Any) -> None:
    link = invite("stranger@example.org")
    number = Invitation.objects.get().pk
    assert admin.post(f"/members/invitations/{number}/revoke/").status_code == 302
    guest = client_of("stranger")
    assert guest.get(link).status_code == guest.post(link).status_code == 410
    assert "这份邀请已失效" in said(guest.get(link))
    assert "已被接受或撤销" in said(admin.post(f"/members/invitations/{number}/revoke/", follow=True))
    assert "已被接受或撤销" in said(admin.post(f"/members/invitations/{number}/resend/", follow=True))
    assert [action for action, _subject in told(cast)] == ["member_invited", "invitation_revoked"]


def test_inviting_again_renews_the_invitation(
    cast: Cast, admin: Client, client_of: Clients, invite: Any, django_capture_on_commit_callbacks: Any
) -> None:
    first, second = invite("stranger@example.org", FILER), invite("STRANGER@example.org", VIEWER)
    waiting = Invitation.objects.get(revoked_at=None)
    with django_capture_on_commit_callbacks(execute=True):
        admin.post(f"/members/invitations/{waiting.pk}/resend/")
    third = link_in(mail.outbox[-1].body)
    guest = client_of("stranger")
    assert len({first, second, third}) == len(mail.outbox) == 3
    assert [guest.post(link).status_code for link in (first, second, third)] == [410, 410, 302]
    assert of(cast, "stranger").roles == [VIEWER]


def test_the_link_stands_in_no_line_of_the_log(invite: Any, client_of: Clients) -> None:
    """Refusals are logged with their address; the key in it is not."""
    link, heard = invite("stranger@example.org"), io.StringIO()
    handler = logging.StreamHandler(heard)
    handler.setFormatter(DiscreetFormatter("%(message)s"))
    logging.getLogger("django.request").addHandler(handler)
    try:
        client_of("neighbour_filer").get(link)
    finally:
        logging.getLogger("django.request").removeHandler(handler)
    assert heard.getvalue() == "Forbidden: /invitations/…/\n"


@pytest.mark.parametrize("token", ["x", "0" * 43, "..", "%F0%9F%98%80", "a" * 3000, "' OR 1=1 --"])
def test_garbage_leads_nowhere(cast: Cast, client_of: Clients, token: str) -> None:
    for client in (Client(), client_of("stranger"), client_of("merchant_administrator")):
        for answer in (client.get(f"/invitations/{token}/"), client.post(f"/invitations/{token}/")):
            assert answer.status_code == 404


def test_who_belongs_here_is_not_invited_again(cast: Cast, admin: Client) -> None:
    page = admin.post("/members/", {"email": "Merchant_Viewer@example.org", "roles": [ADMINISTRATOR]})
    assert page.status_code == 200 and "merchant_viewer@example.org 已是本企业成员" in said(page)
    assert not Invitation.objects.exists() and of(cast, "merchant_viewer").roles == [VIEWER]


def test_who_is_invited_and_belongs_here_meanwhile_keeps_their_roles(
    cast: Cast, client_of: Clients, invite: Any
) -> None:
    link = invite("stranger@example.org", VIEWER)
    Membership.objects.create(
        user=cast.users["stranger"], enterprise=cast.enterprises["merchant"], roles=[ADMINISTRATOR]
    )
    assert client_of("stranger").post(link).status_code == 302
    assert of(cast, "stranger").roles == [ADMINISTRATOR]


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ({"email": "", "roles": [FILER]}, "请填写邮箱"),
        ({"email": "nobody", "roles": [FILER]}, "邮箱的写法不对"),
        ({"email": "a@b.c\r\nBcc: x@y.z", "roles": [FILER]}, "邮箱的写法不对"),
        ({"email": "x" * 250 + "@example.org", "roles": [FILER]}, "254"),
        ({"email": "new@example.org"}, "请至少选一个角色"),
        ({"email": "new@example.org", "roles": ["owner"]}, "没有这个角色"),
        ({"email": "new@example.org", "roles": [FILER, "staff"]}, "没有这个角色"),
    ],
)
def test_what_is_wrong_with_an_invitation_is_said(admin: Client, typed: dict[str, Any], why: str) -> None:
    page = admin.post("/members/", typed)
    assert page.status_code == 200 and why in said(page)
    assert not Invitation.objects.exists() and not mail.outbox


@pytest.mark.parametrize("email", ["X@İSTANBUL.com", "x@ΑΒΣ.gr", "x@ſub.example.org", "x@例子.中国", "x@STRASSE.ẞ.de"])
def test_an_address_of_any_script_is_taken_or_refused(admin: Client, invite: Any, email: str) -> None:
    page = admin.post("/members/", {"email": email, "roles": [FILER]})
    assert page.status_code == 302 or "邮箱的写法不对" in said(page)


def test_nobody_is_pestered_through_us(admin: Client, invite: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for _turn in range(members.MOST_TO_AN_ADDRESS):
        invite("stranger@example.org")
    page = admin.post("/members/", {"email": "stranger@example.org", "roles": [FILER]})
    assert "24 小时内已向 stranger@example.org 发出 5 次邀请" in said(page)
    assert len(mail.outbox) == members.MOST_TO_AN_ADDRESS
    monkeypatch.setattr(members, "MOST_A_DAY", members.MOST_TO_AN_ADDRESS)
    page = admin.post("/members/", {"email": "another@example.org", "roles": [FILER]})
    assert "本企业 24 小时内已发出 5 份邀请" in said(page)


def test_a_letter_that_cannot_be_sent_undoes_nothing_and_names_nobody_in_the_log(
    admin: Client, settings: Any, caplog: pytest.LogCaptureFixture, django_capture_on_commit_callbacks: Any
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    with django_capture_on_commit_callbacks(execute=True):
        assert admin.post("/members/", {"email": "new@example.org", "roles": [FILER]}).status_code == 302
    assert Invitation.objects.count() == 1
    assert "could not be sent: ConnectionRefusedError" in caplog.text and "new@example.org" not in caplog.text


def test_an_enterprise_that_may_not_file_may_have_members(cast: Cast, admin: Client, invite: Any) -> None:
    merchant = cast.enterprises["merchant"]
    for state in (EnterpriseState.DRAFT, EnterpriseState.SUSPENDED):
        merchant.state = state
        merchant.save()
        assert invite(f"{state}@example.org")


# --- roles --------------------------------------------------------------------------------------------------------------


def test_roles_count_from_the_next_request_on(cast: Cast, admin: Client, client_of: Clients) -> None:
    viewer, membership = client_of("merchant_viewer"), of(cast, "merchant_viewer")
    assert viewer.get("/order/new/").status_code == 403
    page = admin.post(f"/members/{membership.pk}/", {"roles": [FILER, VIEWER]}, follow=True)
    assert "的角色已保存，立即生效" in said(page)
    assert viewer.get("/order/new/").status_code == 200
    assert admin.post(f"/members/{membership.pk}/", {"roles": [VIEWER]}).status_code == 302
    assert viewer.get("/order/new/").status_code == 403
    entries = AuditEntry.objects.filter(action="member_roles", subject="merchant_viewer").order_by("id")
    assert [one.details for one in entries] == [
        {"before": [VIEWER], "after": [FILER, VIEWER]}, {"before": [FILER, VIEWER], "after": [VIEWER]},
    ]  # fmt: skip


def test_the_same_roles_again_are_no_deed(cast: Cast, admin: Client) -> None:
    membership = of(cast, "merchant_viewer")
    assert admin.post(f"/members/{membership.pk}/", {"roles": [VIEWER]}).status_code == 302
    assert told(cast) == []


@pytest.mark.parametrize("roles", [[], ["owner"], [VIEWER, "staff"]])
def test_only_roles_of_the_table_are_given(cast: Cast, admin: Client, roles: list[str]) -> None:
    membership = of(cast, "merchant_viewer")
    page = admin.post(f"/members/{membership.pk}/", {"roles": roles})
    assert page.status_code == 200 and ("没有这个角色" in said(page) or "请至少选一个角色" in said(page))
    assert of(cast, "merchant_viewer").roles == [VIEWER]


def test_the_last_administrator_stays(cast: Cast, admin: Client) -> None:
    own = of(cast, "merchant_administrator")
    assert "唯一的管理员" in said(admin.get(f"/members/{own.pk}/"))
    assert "唯一的管理员，不能移除" in said(admin.get(f"/members/{own.pk}/remove/"))
    assert "唯一的管理员" in said(admin.post(f"/members/{own.pk}/", {"roles": [FILER]}))
    assert "唯一的管理员" in said(admin.post(f"/members/{own.pk}/remove/", follow=True))
    assert of(cast, "merchant_administrator").active and told(cast) == []
    other = of(cast, "merchant_viewer")
    admin.post(f"/members/{other.pk}/", {"roles": [ADMINISTRATOR]})
    cast.users["merchant_viewer"].is_active = False  # switched off by staff: no administrator either
    cast.users["merchant_viewer"].save()
    assert "唯一的管理员" in said(admin.post(f"/members/{own.pk}/remove/", follow=True))
    cast.users["merchant_viewer"].is_active = True
    cast.users["merchant_viewer"].save()
    assert admin.post(f"/members/{own.pk}/", {"roles": [FILER]})["Location"] == "/"
    assert admin.get("/members/").status_code == 403
    assert admin.get("/order/new/").status_code == 200


# --- removed and back ---------------------------------------------------------------------------------------------------


def test_who_is_removed_is_out_at_the_next_request(cast: Cast, admin: Client, client_of: Clients) -> None:
    filer, membership = client_of("merchant_filer"), of(cast, "merchant_filer")
    assert filer.get("/order/").status_code == 200
    asked = admin.get(f"/members/{membership.pk}/remove/")
    assert "顾知微 将立即不能再查看或办理" in said(asked) and of(cast, "merchant_filer").active
    assert "顾知微 已移除，立即生效" in said(admin.post(f"/members/{membership.pk}/remove/", follow=True))
    assert filer.get("/order/").status_code == 404
    assert "还没有加入企业" in said(filer.get("/"))
    assert told(cast) == [("member_removed", "merchant_filer")]
    assert "已被移除；请先恢复再改角色" in said(admin.post(f"/members/{membership.pk}/", {"roles": [FILER]}))
    admin.post(f"/members/{membership.pk}/remove/")
    assert len(told(cast)) == 1


def test_who_was_removed_is_let_back_in_or_invited_again(
    cast: Cast, admin: Client, client_of: Clients, invite: Any
) -> None:
    filer, membership = client_of("merchant_filer"), of(cast, "merchant_filer")
    admin.post(f"/members/{membership.pk}/remove/")
    assert "已恢复为成员" in said(admin.post(f"/members/{membership.pk}/restore/", follow=True))
    assert filer.get("/order/new/").status_code == 200
    admin.post(f"/members/{membership.pk}/remove/")
    link = invite("merchant_filer@example.org", VIEWER)
    assert filer.get("/order/").status_code == 404
    assert filer.post(link).status_code == 302
    assert filer.get("/order/").status_code == 200 and filer.get("/order/new/").status_code == 403
    assert Membership.objects.filter(user=cast.users["merchant_filer"]).count() == 1


def test_nothing_is_done_for_another_enterprise_than_it_was_meant_for(
    cast: Cast, admin: Client, client_of: Clients
) -> None:
    """Of two enterprises one removes its member, who is about to send a form for it: it is not filed for the other."""
    user = cast.users["merchant_filer"]
    Membership.objects.create(user=user, enterprise=cast.enterprises["neighbour"], roles=[FILER])
    filer = client_of("merchant_filer")
    assert cast.enterprises["merchant"].name in said(filer.get("/order/new/"))
    admin.post(f"/members/{of(cast, 'merchant_filer').pk}/remove/")
    sent = filer.post("/order/new/", {"do": "draft", "lines": "0"}, follow=True)
    assert sent.redirect_chain == [("/enterprise/", 302)]
    assert "不能再代表刚才的企业，这一步没有做。现在代表 上海苔岭雀电子商务有限公司" in said(sent)
    assert not AuditEntry.objects.filter(action="draft_saved").exists()
    assert cast.enterprises["neighbour"].name in said(filer.get("/order/new/"))


def test_a_form_opened_in_ones_only_enterprise_is_not_sent_for_one_joined_since(
    cast: Cast, admin: Client, client_of: Clients
) -> None:
    filer, neighbour = client_of("merchant_filer"), cast.enterprises["neighbour"]
    filer.get("/order/new/")
    Membership.objects.create(user=cast.users["merchant_filer"], enterprise=neighbour, roles=[FILER])
    admin.post(f"/members/{of(cast, 'merchant_filer').pk}/remove/")
    sent = filer.post("/order/new/", {"do": "draft", "lines": "0"}, follow=True)
    assert "这一步没有做。现在代表 上海苔岭雀电子商务有限公司" in said(sent)
    admin.post(f"/members/{of(cast, 'merchant_filer').pk}/restore/")
    assert neighbour.name in said(filer.get("/order/new/")), "who was let back in acts for whom they chose meanwhile"


def test_a_form_opened_before_one_belonged_nowhere_is_not_sent_afterwards(cast: Cast, admin: Client) -> None:
    user, browser = cast.users["merchant_filer"], Client(enforce_csrf_checks=True)
    browser.force_login(user)
    page = browser.get("/order/new/").content.decode()
    opened = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[0]
    admin.post(f"/members/{of(cast, 'merchant_filer').pk}/remove/")
    assert browser.get("/").status_code == 200
    Membership.objects.create(user=user, enterprise=cast.enterprises["neighbour"], roles=[FILER])
    old = {"do": "draft", "lines": "0", "csrfmiddlewaretoken": opened}
    assert browser.post("/order/new/", old).status_code == 403


def test_a_fragment_asked_for_after_the_removal_leads_to_the_page_of_switching(
    cast: Cast, admin: Client, client_of: Clients
) -> None:
    user = cast.users["merchant_filer"]
    Membership.objects.create(user=user, enterprise=cast.enterprises["neighbour"], roles=[FILER])
    filer = client_of("merchant_filer")
    filer.get("/order/")
    admin.post(f"/members/{of(cast, 'merchant_filer').pk}/remove/")
    answer = filer.get("/order/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Redirect"]) == (204, "/enterprise/")


def test_who_was_removed_may_still_sign_out(cast: Cast, admin: Client, client_of: Clients) -> None:
    user = cast.users["merchant_filer"]
    Membership.objects.create(user=user, enterprise=cast.enterprises["neighbour"], roles=[FILER])
    filer = client_of("merchant_filer")
    filer.get("/order/")
    admin.post(f"/members/{of(cast, 'merchant_filer').pk}/remove/")
    assert filer.post("/logout/")["Location"] == "/login/"
    assert filer.get("/order/").status_code == 302


def test_a_form_opened_for_one_enterprise_is_not_sent_for_another(cast: Cast) -> None:
    user = cast.users["merchant_filer"]
    Membership.objects.create(user=user, enterprise=cast.enterprises["neighbour"], roles=[FILER])
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user)

    def token(path: str) -> str:
        return re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get(path).content.decode())[0]

    opened = token("/order/new/")
    chosen = {"enterprise": cast.enterprises["neighbour"].pk, "csrfmiddlewaretoken": token("/enterprise/")}
    switched = browser.post("/enterprise/", chosen, follow=True)
    assert "现在代表 上海苔岭雀电子商务有限公司" in said(switched)
    old = {"do": "draft", "lines": "0", "csrfmiddlewaretoken": opened}
    assert browser.post("/order/new/", old).status_code == 403
    new = {"do": "draft", "lines": "0", "csrfmiddlewaretoken": token("/order/new/")}
    assert browser.post("/order/new/", new).status_code == 302


def test_who_belongs_to_several_sees_for_which_they_act_and_switches_on_every_page(
    cast: Cast, client_of: Clients
) -> None:
    one = client_of("merchant_filer").get("/order/").content.decode()
    assert 'class="menu firms"' not in one and cast.enterprises["merchant"].name in one
    Membership.objects.create(
        user=cast.users["merchant_filer"], enterprise=cast.enterprises["neighbour"], roles=[VIEWER]
    )
    filer = client_of("merchant_filer")
    for path in ("/", "/order/", "/uploads/", "/enterprise/", "/password/"):
        bar = filer.get(path).content.decode().split('class="menu firms"')[1].split("</details>")[0]
        assert cast.enterprises["merchant"].name in bar.split("</summary>")[0]
        assert f'value="{cast.enterprises["neighbour"].pk}"' in bar and "上海苔岭雀电子商务有限公司" in bar


def test_its_pages_are_sound_markup(cast: Cast, admin: Client, client_of: Clients, invite: Any) -> None:
    link = invite("stranger@example.org")
    admin.post(f"/members/{of(cast, 'merchant_finance').pk}/remove/")
    pages = {
        "/members/": admin.get("/members/"),
        "errors": admin.post("/members/", {"email": "x"}),
        "visitor": Client().get(link),
        "addressee": client_of("stranger").get(link),
        "other": client_of("neighbour_filer").get(link),
    }
    for username in ("merchant_viewer", "merchant_finance", "merchant_administrator"):
        pk = of(cast, username).pk
        pages |= {address: admin.get(address) for address in (f"/members/{pk}/", f"/members/{pk}/remove/")}
    Invitation.objects.update(revoked_at=timezone.now())
    pages["over"] = Client().get(link)
    for address, answer in pages.items():
        page = html.fromstring(answer.content)
        assert_nothing_inline(page, address)
        assert_named(page, address)
        assert_alive(page, address)


# --- whose --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["filer", "finance", "viewer", "developer"])
def test_only_administrators_see_and_change_members(cast: Cast, client_of: Clients, role: str) -> None:
    client, membership = client_of(f"merchant_{role}"), of(cast, "merchant_viewer")
    assert client.get("/members/").status_code == 403
    assert "/members/" not in client.get("/").content.decode()
    assert client.post("/members/", {"email": "new@example.org", "roles": [FILER]}).status_code == 403
    for path in ("", "remove/"):
        assert client.get(f"/members/{membership.pk}/{path}").status_code == 403
    for path in ("", "remove/", "restore/"):
        assert client.post(f"/members/{membership.pk}/{path}", {"roles": [ADMINISTRATOR]}).status_code == 403
    assert told(cast) == []


def test_anothers_member_or_invitation_is_not_there(cast: Cast, admin: Client) -> None:
    other = of(cast, "neighbour_filer", "neighbour")
    invited = Invitation.objects.create(
        enterprise=cast.enterprises["neighbour"], email="x@example.org", roles=[FILER], token_hash=b"1" * 16,
        invited_by=cast.users["neighbour_filer"], expires=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    for pk in (other.pk, 987654321, 10**30):
        assert admin.get(f"/members/{pk}/").status_code == 404
        for path in ("", "remove/", "restore/"):
            assert admin.post(f"/members/{pk}/{path}", {"roles": [VIEWER]}).status_code == 404
    for pk in (invited.pk, 987654321, 10**30):
        for path in ("resend/", "revoke/"):
            assert admin.post(f"/members/invitations/{pk}/{path}").status_code == 404
    other.refresh_from_db()
    assert (other.active, other.roles) == (True, [FILER])
    body = said(admin.get("/members/"))
    assert "苏隔墙" not in body and "x@example.org" not in body


def test_an_invitation_of_staff_is_shown_without_their_name(cast: Cast, admin: Client) -> None:
    Invitation.objects.create(
        enterprise=cast.enterprises["merchant"], email="new@example.org", roles=[FILER], token_hash=b"1" * 16,
        invited_by=cast.users["staff"], expires=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    body = said(admin.get("/members/"))
    assert "new@example.org" in body and "平台工作人员" in body and "平台值班" not in body


# --- staff ---------------------------------------------------------------------------------------------------------------


def test_staff_invite_the_first_administrator_of_an_enterprise(
    cast: Cast, client_of: Clients, django_capture_on_commit_callbacks: Any
) -> None:
    staff, venue = client_of("staff"), cast.enterprises["venue"]
    assert staff.get("/admin/accounts/invitation/add/").status_code == 200
    typed = {"enterprise": venue.pk, "email": "Stranger@example.org", "roles": [ADMINISTRATOR]}
    assert staff.post("/admin/accounts/invitation/add/", typed).status_code == 200, "no reason"
    typed["reason"] = "新开监管场所"
    with django_capture_on_commit_callbacks(execute=True):
        assert staff.post("/admin/accounts/invitation/add/", typed).status_code == 302
    guest = client_of("stranger")
    assert guest.post(link_in(mail.outbox[-1].body)).status_code == 302
    assert guest.get("/members/").status_code == 200
    assert of(cast, "stranger", "venue").roles == [ADMINISTRATOR]
    entry = AuditEntry.objects.get(action="member_invited")
    assert (entry.user, entry.enterprise) == (cast.users["staff"], venue)
    assert entry.details["reason"] == "新开监管场所"
    another = typed | {"email": "another@example.org"}
    refused = staff.post("/admin/accounts/invitation/add/", another)
    assert refused.status_code == 200 and "管理员由企业自己增加" in said(refused)
    assert staff.post("/admin/accounts/invitation/add/", another | {"roles": [VIEWER]}).status_code == 302
    again = staff.post("/admin/accounts/invitation/add/", typed)
    assert again.status_code == 200 and "已是本企业成员" in said(again)


def test_staff_are_told_what_is_wrong_and_take_back_what_was_sent(
    cast: Cast, client_of: Clients, django_capture_on_commit_callbacks: Any
) -> None:
    staff, address = client_of("staff"), "/admin/accounts/invitation/"
    good = {"enterprise": cast.enterprises["venue"].pk, "email": "new@example.org", "roles": [VIEWER]}
    good["reason"] = "企业来函"
    for wrong in ({"email": "nobody"}, {"roles": ["owner"]}, {"roles": []}, {"enterprise": ""}, {"enterprise": 10**30}):
        assert staff.post(f"{address}add/", good | wrong).status_code == 200
    assert not Invitation.objects.exists()
    with django_capture_on_commit_callbacks(execute=True):
        assert staff.post(f"{address}add/", good).status_code == 302
    link, chosen = link_in(mail.outbox[-1].body), [Invitation.objects.get().pk]
    assert "new@example.org" in said(staff.get(f"{address}{chosen[0]}/change/"))
    pressed = {"action": "revoke", "_selected_action": chosen}
    assert "已撤销 1 份邀请" in said(staff.post(address, pressed, follow=True))
    assert "已被接受或撤销" in said(staff.post(address, pressed, follow=True))
    assert Client().get(link).status_code == 410


# --- the wall, by SQL ---------------------------------------------------------------------------------------------------


def as_member(cast: Cast, username: str) -> Any:
    actor = cast.actor(username)
    return acting_as(enterprise_id=actor.enterprise.pk, user_id=actor.user.pk)


def outcome(sql: str, *values: object) -> int | str:
    """How many rows a statement wrote, or the word by which PostgreSQL refused it."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.rowcount
    except DatabaseError as error:
        return "denied" if "permission denied" in str(error) else "policy" if "row-level" in str(error) else str(error)


INVITE = """INSERT INTO accounts_invitation (enterprise_id, email, roles, token_hash, invited_by_id, expires)
VALUES (%s, 'new@example.org', '{viewer}', 'x', %s, now() + interval '1 day')"""


def test_no_session_but_an_administrators_gives_roles_whatever_it_sends(cast: Cast) -> None:
    merchant, neighbour = cast.enterprises["merchant"].pk, cast.enterprises["neighbour"].pk
    for username in ("merchant_filer", "merchant_viewer", "merchant_developer"):
        with as_member(cast, username):
            own = cast.users[username].pk
            assert outcome("UPDATE accounts_membership SET roles = '{administrator}' WHERE user_id = %s", own) == 0
            assert outcome("UPDATE accounts_membership SET active = false") == 0
            assert outcome(INVITE, merchant, own) == "policy"
    with as_member(cast, "merchant_administrator"):
        own = cast.users["merchant_administrator"].pk
        assert outcome("UPDATE accounts_membership SET active = true") == 5
        assert outcome("UPDATE accounts_membership SET enterprise_id = %s", neighbour) == "denied"
        assert outcome("UPDATE accounts_membership SET user_id = %s", own) == "denied"
        assert outcome("DELETE FROM accounts_membership") == "denied"
        assert outcome(INVITE, neighbour, own) == "policy"
        assert outcome(INVITE, merchant, cast.users["merchant_filer"].pk) == "policy"
        assert outcome(INVITE, merchant, own) == 1
        insert = (
            "INSERT INTO accounts_membership (user_id, enterprise_id, roles, active) VALUES (%s, %s, '{viewer}', true)"
        )
        assert outcome(insert, cast.users["stranger"].pk, merchant) == "denied"


def test_a_member_of_two_rules_where_they_are_administrator_only(cast: Cast) -> None:
    user = cast.users["merchant_administrator"]
    Membership.objects.create(user=user, enterprise=cast.enterprises["neighbour"], roles=[VIEWER])
    raise_ = "UPDATE accounts_membership SET roles = '{administrator}' WHERE user_id = %s AND enterprise_id = %s"
    for acting in ("merchant", "neighbour"):
        with acting_as(enterprise_id=cast.enterprises[acting].pk, user_id=user.pk):
            assert outcome(raise_, user.pk, cast.enterprises["neighbour"].pk) == 0


def test_a_removed_administrator_rules_no_more(cast: Cast) -> None:
    with as_member(cast, "merchant_administrator"):
        Membership.objects.filter(user=cast.users["merchant_administrator"]).update(active=False)
        assert outcome("UPDATE accounts_membership SET active = true") == 0


def test_an_invitation_is_accepted_by_its_function_alone(cast: Cast, invite: Any) -> None:
    invite("stranger@example.org", ADMINISTRATOR)
    accepted = "UPDATE accounts_invitation SET accepted_at = now(), accepted_by_id = %s"
    with as_member(cast, "merchant_administrator"):
        assert outcome(accepted, cast.users["stranger"].pk) == "denied"
        assert outcome("UPDATE accounts_invitation SET expires = now() + interval '1 year'") == "denied"
        assert outcome("UPDATE accounts_invitation SET token_hash = 'mine'") == "denied"
        assert outcome("DELETE FROM accounts_invitation") == "denied"
    with as_member(cast, "merchant_filer"):
        assert outcome("UPDATE accounts_invitation SET revoked_at = now()") == 0
    with as_member(cast, "neighbour_filer"), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM accounts_invitation")
        assert cursor.fetchone() == (0,)
    with acting_as(enterprise_id=None, user_id=cast.users["stranger"].pk), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM accounts_invitation_accept('guess')")
        assert cursor.fetchone() == (0,)
    with as_member(cast, "merchant_administrator"):
        assert outcome("UPDATE accounts_invitation SET revoked_at = now()") == 1
        assert outcome("UPDATE accounts_invitation SET revoked_at = NULL") == 0


def test_roles_are_words_of_the_table() -> None:
    assert members.in_order(["viewer", "administrator"]) == [ADMINISTRATOR, VIEWER]
    assert members.in_order(MemberRole.values) == MemberRole.values
    for wrong in ([], ["owner"], [""]):
        with pytest.raises(members.Refused):
            members.in_order(wrong)


def test_who_was_removed_does_not_come_back_by_an_invitation_of_before(
    cast: Cast, admin: Client, client_of: Clients, invite: Callable[..., str]
) -> None:
    viewer = of(cast, "merchant_viewer")
    viewer.roles = [ADMINISTRATOR]
    viewer.save()
    link = invite("stranger@example.org", ADMINISTRATOR, client=client_of("merchant_viewer"))
    assert admin.post(f"/members/{viewer.pk}/remove/").status_code == 302
    client_of("stranger").post(link)
    assert not Membership.objects.filter(user=cast.users["stranger"]).exists()
