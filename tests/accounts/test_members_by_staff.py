"""What staff may do with members on their desk, who is told of it, and who does not come back after it."""

from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test import Client

from accounts import members
from accounts.access import Actor, Bystander
from accounts.cast import Cast
from accounts.models import AuditEntry, Invitation, Membership, Notice, User
from portal.sentences import speak
from portal.tenancy import acting_as

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.accounts.pages")]

ADMINISTRATOR, FILER, VIEWER = "administrator", "filer", "viewer"
WHY = "企业来函"
OF_NOBODY = {"memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}


@pytest.fixture
def staff(client_of: Any) -> Client:
    return client_of("staff")


def of(cast: Cast, username: str) -> Membership:
    return Membership.objects.get(user=cast.users[username], enterprise=cast.enterprises["merchant"])


def told(user: User) -> list[str]:
    """The inbox of somebody, in order."""
    return [speak(one.text) for one in Notice.objects.filter(user=user).order_by("id")]


def change(staff: Client, membership: Membership, **values: Any) -> Any:
    """The page of a membership, sent; without ``active`` it is taken away."""
    data = {
        "user": membership.user_id,
        "enterprise": membership.enterprise_id,
        "roles": membership.roles,
        "reason": WHY,
    } | values
    return staff.post(f"/admin/accounts/membership/{membership.pk}/change/", data)


def change_user(staff: Client, user: User, **values: Any) -> Any:
    """The page of a user, sent; without ``is_active`` they are switched off."""
    data = {"username": user.username, "name": user.name, "email": user.email} | OF_NOBODY | {"reason": WHY} | values
    return staff.post(f"/admin/accounts/user/{user.pk}/change/", data)


def invited_by(membership: Membership, email: str = "stranger@example.org") -> str:
    """The token of an invitation an administrator sent."""
    return members.invite(by=Actor.of(membership), email=email, roles=[ADMINISTRATOR])[1]


def second_administrator(cast: Cast) -> Membership:
    viewer = of(cast, "merchant_viewer")
    viewer.roles = [ADMINISTRATOR]
    viewer.save()
    return viewer


# --- who may be a member ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("username", ["staff", "reviewer", "auditor"])
def test_nobody_of_the_platform_is_made_a_member(cast: Cast, staff: Client, username: str) -> None:
    user, merchant = cast.users[username], cast.enterprises["merchant"]
    roles = {"roles": [ADMINISTRATOR], "active": "on"}
    lines = {"TOTAL_FORMS": 1, "INITIAL_FORMS": 0} | {f"0-{name}": value for name, value in roles.items()}
    answers = [
        staff.post("/admin/accounts/membership/add/", {"user": user.pk, "enterprise": merchant.pk} | roles),
        staff.post(
            f"/admin/accounts/enterprise/{merchant.pk}/change/",
            {"state": "approved", "credentials-TOTAL_FORMS": 0, "credentials-INITIAL_FORMS": 0}
            | {f"memberships-{name}": value for name, value in ({"0-user": user.pk} | lines).items()},
        ),
        change_user(
            staff, user, is_active="on", is_staff="on",
            **{f"memberships-{name}": value for name, value in ({"0-enterprise": merchant.pk} | lines).items()},
        ),
    ]  # fmt: skip
    for answer in answers:
        assert answer.status_code == 200 and "平台工作人员和审计员不能成为企业成员" in answer.content.decode()
    assert not Membership.objects.filter(user=user).exists()


def test_a_member_is_made_staff_only_when_they_are_a_member_no_more(cast: Cast, staff: Client) -> None:
    one = of(cast, "merchant_viewer")
    line = {"TOTAL_FORMS": 1, "INITIAL_FORMS": 1, "0-id": one.pk, "0-enterprise": one.enterprise_id, "0-roles": VIEWER}
    line["0-reason"] = WHY
    rights = {"is_active": "on", "is_staff": "on"} | {f"memberships-{name}": value for name, value in line.items()}
    refused = change_user(staff, one.user, **rights, **{"memberships-0-active": "on"})
    assert "请先取消其成员资格" in refused.content.decode()
    one.user.refresh_from_db()
    assert not one.user.is_staff
    assert change_user(staff, one.user, **rights).status_code == 302
    one.user.refresh_from_db()
    one.refresh_from_db()
    assert one.user.is_staff and not one.active


@pytest.mark.parametrize("username", ["reviewer", "auditor"])
def test_nobody_of_the_platform_joins_by_an_invitation(
    cast: Cast, client_of: Any, username: str, no_failures: None
) -> None:
    user = cast.users[username]
    token = invited_by(of(cast, "merchant_administrator"), user.email)
    answer = client_of(username).post(f"/invitations/{token}/", follow=True)
    assert answer.status_code in (200, 403, 404)
    with pytest.raises(members.Refused, match="平台工作人员和审计员不能"):
        members.accept(user=user, token=token)
    with acting_as(enterprise_id=None, user_id=user.pk), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM accounts_invitation_accept(%s)", [members._hash_of(token)])
        assert cursor.fetchone() is None
    assert not Membership.objects.filter(user=user).exists()


# --- who is told --------------------------------------------------------------------------------------------------------


def test_the_administrators_read_whom_staff_let_in_changed_or_removed(cast: Cast, staff: Client) -> None:
    administrator, stranger = cast.users["merchant_administrator"], cast.users["stranger"]
    enterprise = cast.enterprises["merchant"]
    data = {"user": stranger.pk, "enterprise": enterprise.pk, "roles": [FILER], "active": "on", "reason": WHY}
    assert staff.post("/admin/accounts/membership/add/", data).status_code == 302
    words = f"平台工作人员变更了成员 {stranger} 的资格或角色，请在成员表中核对"
    assert told(administrator)[-1] == words
    assert Notice.objects.filter(user=administrator).latest("id").address == "/members/"
    assert words not in told(stranger) and words not in told(cast.users["merchant_filer"])
    change(staff, of(cast, "stranger"), roles=[VIEWER], active="on")
    change(staff, of(cast, "stranger"))
    assert told(administrator).count(words) == 3
    change(staff, of(cast, "stranger"))  # as it was: nothing to tell
    assert told(administrator).count(words) == 3


def test_the_old_address_is_told_when_staff_write_another(
    cast: Cast, staff: Client, django_capture_on_commit_callbacks: Any
) -> None:
    user = cast.users["merchant_administrator"]
    old = user.email
    with django_capture_on_commit_callbacks(execute=True):
        assert change_user(staff, user, is_active="on", name="改了姓名").status_code == 302
    assert not mail.outbox
    with django_capture_on_commit_callbacks(execute=True):
        assert change_user(staff, user, is_active="on", email="other@example.net").status_code == 302
    (letter,) = mail.outbox
    assert letter.to == [old] and "已改用另一个邮箱" in letter.body and "other@" not in letter.body
    assert "您的账号邮箱已改为 o***@example.net" in told(user)[-1]
    assert Notice.objects.filter(user=user).latest("id").is_warning


def test_what_staff_do_with_an_account_is_told_at_once_and_says_why(
    cast: Cast, staff: Client, django_capture_on_commit_callbacks: Any
) -> None:
    """Another address, another password, no second factor: each takes an account in hand."""
    head, filer = cast.users["merchant_administrator"], cast.users["merchant_filer"]
    password = {"usable_password": "true", "password1": "a quiet harbour 9", "password2": "a quiet harbour 9"}
    there, reset = f"/admin/accounts/user/{filer.pk}/password/", {"action": "reset_second_factor"}
    reset["_selected_action"] = str(filer.pk)

    def do(reason: str) -> list[str]:
        pages = [
            change_user(staff, filer, is_active="on", email="other@example.net", reason=reason),
            staff.post(there, password | {"reason": reason}),
            staff.post("/admin/accounts/user/", reset | {"reason": reason}, follow=True),
        ]
        return [page.content.decode() for page in pages if page.status_code == 200]

    for reason in ("", " ", "x"):
        refused = do(reason)
        assert len(refused) == 3 and "请在操作旁写明重置的原因" in refused[2], reason
        filer.refresh_from_db()
        assert told(head) == told(filer) == [] and filer.email != "other@example.net" and not mail.outbox
    old = filer.email
    with django_capture_on_commit_callbacks(execute=True):
        do("本人持证件到场")
    filer.refresh_from_db()
    assert filer.email == "other@example.net" and filer.check_password("a quiet harbour 9")
    assert [letter.to for letter in mail.outbox] == [[old]]
    for words in ("账号邮箱", "登录密码", "二次验证"):
        assert any(words in text and f"成员 {filer}" in text for text in told(head)), words
    assert len(told(filer)) == 3 and Notice.objects.filter(user=filer, is_warning=True).count() == 3
    deeds = AuditEntry.objects.filter(subject=f"accounts.user {filer.pk}", details__reason="本人持证件到场")
    assert [one.action for one in deeds.order_by("id")] == ["staff_change", "staff_change", "second_factor_removed"]
    assert told(cast.users["neighbour_filer"]) == told(cast.users["merchant_viewer"]) == []


def test_a_name_is_changed_without_a_reason(cast: Cast, staff: Client) -> None:
    filer = cast.users["merchant_filer"]
    assert change_user(staff, filer, is_active="on", name="改了姓名", reason="").status_code == 302
    assert told(filer) == told(cast.users["merchant_administrator"]) == []


def test_who_took_the_administrator_away_puts_nobody_in_their_place(cast: Cast, client_of: Any, staff: Client) -> None:
    head, stranger = of(cast, "merchant_administrator"), cast.users["stranger"]
    assert change(staff, head, roles=[ADMINISTRATOR]).status_code == 302  # no longer active
    anew = {
        "user": stranger.pk, "enterprise": head.enterprise_id, "roles": [ADMINISTRATOR], "active": "on", "reason": WHY,
    }  # fmt: skip
    page, invited = "/admin/accounts/membership/add/", "/admin/accounts/invitation/add/"
    letter = {"enterprise": head.enterprise_id, "email": "new@example.org", "roles": [ADMINISTRATOR], "reason": WHY}
    assert "请由另一位同事办理" in staff.post(page, anew).content.decode()
    assert "请由另一位同事办理" in staff.post(invited, letter).content.decode()
    assert not Membership.objects.filter(user=stranger).exists()
    assert client_of("reviewer").post(page, anew).status_code == 302
    assert Membership.objects.get(user=stranger).roles == [ADMINISTRATOR]


# --- who makes an administrator -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["membership", "other_roles", "back", "enterprise_page", "user_page", "new_user"])
def test_staff_make_an_administrator_only_where_there_is_none(
    cast: Cast, client_of: Any, staff: Client, way: str
) -> None:
    merchant, head = cast.enterprises["merchant"], of(cast, "merchant_administrator")
    stranger, viewer = cast.users["stranger"], of(cast, "merchant_viewer")
    line = {"0-roles": [ADMINISTRATOR], "0-active": "on", "0-reason": WHY, "TOTAL_FORMS": 1, "INITIAL_FORMS": 0}
    if way == "back":
        Membership.objects.filter(pk=viewer.pk).update(active=False, roles=[ADMINISTRATOR])

    def do(staff: Client = staff) -> Any:
        data: dict[str, Any] = {
            "user": stranger.pk,
            "enterprise": merchant.pk,
            "roles": [ADMINISTRATOR],
            "active": "on",
        }
        if way == "membership":
            return staff.post("/admin/accounts/membership/add/", data | {"reason": WHY})
        if way in ("other_roles", "back"):
            return change(staff, viewer, roles=[ADMINISTRATOR, VIEWER], active="on")
        if way == "enterprise_page":
            page, more = f"/admin/accounts/enterprise/{merchant.pk}/change/", line | {"0-user": stranger.pk}
            data = {"state": "approved", "credentials-TOTAL_FORMS": 0, "credentials-INITIAL_FORMS": 0}
            return staff.post(page, data | {f"memberships-{name}": value for name, value in more.items()})
        more = line | {"0-enterprise": merchant.pk}
        if way == "new_user":
            person = {"username": "newcomer", "name": "新来者", "usable_password": "false"}
            return staff.post(
                "/admin/accounts/user/add/", person | {f"memberships-{name}": value for name, value in more.items()}
            )
        return change_user(
            staff, stranger, is_active="on", **{f"memberships-{name}": one for name, one in more.items()}
        )

    def rulers() -> set[str]:
        found = Membership.objects.filter(enterprise=merchant, active=True, roles__contains=[ADMINISTRATOR])
        return set(found.values_list("user__username", flat=True))

    refused = do()
    assert refused.status_code == 200 and "管理员由企业自己增加" in refused.content.decode()
    assert rulers() == {"merchant_administrator"}
    assert change(staff, head, roles=[ADMINISTRATOR, FILER], active="on").status_code == 302, "who is one stays one"
    User.objects.filter(pk=head.user_id).update(is_active=False)  # nobody is left who could let anybody in
    assert do(client_of("reviewer")).status_code == 302, "not by who has just changed its members"
    assert len(rulers() - {"merchant_administrator"}) == 1
    deed = AuditEntry.objects.filter(subject__startswith="accounts.membership").latest("id")
    assert deed.details["reason"] == WHY


def test_no_membership_is_changed_without_a_word(cast: Cast, staff: Client) -> None:
    viewer = of(cast, "merchant_viewer")
    refused = change(staff, viewer, roles=[FILER], active="on", reason="")
    assert refused.status_code == 200 and "变更成员请写明原因" in refused.content.decode()
    assert of(cast, "merchant_viewer").roles == [VIEWER] and told(viewer.user) == []


# --- who does not come back ---------------------------------------------------------------------------------------------


def is_open(token: str) -> bool:
    return Invitation.objects.filter(token_hash=members._hash_of(token), revoked_at=None, accepted_at=None).exists()


def test_who_staff_removed_does_not_come_back_by_an_invitation_of_before(
    cast: Cast, staff: Client, client_of: Any
) -> None:
    one, other = of(cast, "merchant_administrator"), second_administrator(cast)
    by_one, by_other = invited_by(one), invited_by(other, "kept@example.org")
    change(staff, one)
    assert not is_open(by_one) and is_open(by_other)
    assert client_of("stranger").post(f"/invitations/{by_one}/").status_code == 410
    assert not Membership.objects.filter(user=cast.users["stranger"]).exists()


def test_whose_account_is_switched_off_lets_nobody_in(cast: Cast, staff: Client) -> None:
    one = of(cast, "merchant_administrator")
    token = invited_by(one)
    change_user(staff, one.user, is_active="on", name="改了姓名")
    assert is_open(token)
    change_user(staff, one.user)
    assert not is_open(token)


def test_who_rules_no_more_lets_nobody_in(cast: Cast, client_of: Any) -> None:
    one, other = of(cast, "merchant_administrator"), second_administrator(cast)
    by_one, by_other = invited_by(one), invited_by(other, "kept@example.org")
    admin = client_of("merchant_administrator")
    assert admin.post(f"/members/{one.pk}/", {"roles": [ADMINISTRATOR, FILER]}).status_code == 302
    assert is_open(by_one)
    assert admin.post(f"/members/{one.pk}/", {"roles": [FILER]}).status_code == 302  # by themselves
    assert not is_open(by_one) and is_open(by_other)


def test_who_removes_themselves_lets_nobody_in(cast: Cast, client_of: Any) -> None:
    one, _other = of(cast, "merchant_administrator"), second_administrator(cast)
    token = invited_by(one)
    assert client_of("merchant_administrator").post(f"/members/{one.pk}/remove/").status_code == 302
    assert not is_open(token)


@pytest.mark.parametrize("sender", ["administrator", "demoted", "switched_off", "staff"])
def test_an_invitation_counts_while_its_sender_may_invite(cast: Cast, sender: str) -> None:
    one, stranger = of(cast, "merchant_administrator"), cast.users["stranger"]
    if sender == "staff":
        by = Bystander(cast.users["staff"], cast.enterprises["merchant"])
        token = members.invite(by=by, email=stranger.email, roles=[VIEWER])[1]
    else:
        token = invited_by(one)
    if sender == "demoted":
        Membership.objects.filter(pk=one.pk).update(roles=[VIEWER])
    if sender == "switched_off":
        User.objects.filter(pk=one.user_id).update(is_active=False)
    with acting_as(enterprise_id=None, user_id=stranger.pk):
        if sender in ("administrator", "staff"):
            assert members.accept(user=stranger, token=token) == cast.enterprises["merchant"]
        else:
            with pytest.raises(members.Refused, match="现在不能接受"):
                members.accept(user=stranger, token=token)


# --- what is no number --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["abc", "-1", "9" * 30, "", "²"])
def test_a_word_where_a_number_belongs_is_refused_at_its_field(staff: Client, wrong: str, no_failures: None) -> None:
    wanted = {"user": wrong, "enterprise": wrong, "roles": [FILER], "active": "on", "email": "x@example.org"}
    for table in ("membership", "invitation"):
        answer = staff.post(f"/admin/accounts/{table}/add/", wanted)
        assert answer.status_code == 200 and "enterprise" in answer.context["adminform"].form.errors
        assert staff.get(f"/admin/accounts/{table}/add/", wanted).status_code == 200
    assert not Membership.objects.filter(user__username="staff").exists()


def test_a_row_chosen_by_its_number_stands_in_the_field_again(cast: Cast, staff: Client) -> None:
    merchant = cast.enterprises["merchant"]
    answer = staff.post("/admin/accounts/membership/add/", {"enterprise": merchant.pk})
    assert f'<option value="{merchant.pk}" selected>' in answer.content.decode()
