"""The page of staff about one application: what it shows, every move, who may, two at once."""

import re
import threading
from collections.abc import Callable

import pytest
from django.db import connections
from django.test import Client

from accounts.cast import Cast
from accounts.models import Application, ApplicationState, AuditEntry, Enterprise, Membership, Reminder, User
from accounts.onboarding import applications
from portal.personal import pack
from tests.accounts.reviewing import (
    PDF,
    PERSONAL,
    QUEUE,
    a_person,
    browser_of,
    handed_in,
    listed,
    one_with,
    others,
    page_of,
    press,
    seen,
)
from tests.accounts.test_applications import GOOD, as_applicant, as_staff
from tests.cast import people, prove

pytestmark = pytest.mark.django_db

# --- the page -----------------------------------------------------------------------------------------------------------


def test_the_page_shows_the_data_beside_the_papers_and_no_person(staff: Client, applied: Application) -> None:
    body = seen(staff, applied)
    for words in ("上海桐溪岸贸易有限公司", "913101150000930090", "312226DM77", "营业执照", "licence.pdf", "PDF"):
        assert words in body
    assert "宋**" in body and "138****1234" in body and "季**" in body and "c***@example.org" in body
    assert not [one for one in PERSONAL if one in body]
    assert "浦东" in body or "海关" in body  # the customs by its name, not its key


def test_what_is_masked_is_shown_for_a_reason_and_on_record(staff: Client, applied: Application) -> None:
    body = press(staff, applied, "uncover", why=" ", remark__name="名称与执照不符", reason="请改")
    assert "请写明显示个人信息的理由" in body and not [one for one in PERSONAL if one in body]
    assert "名称与执照不符" in body and not AuditEntry.objects.filter(action="uncover").exists()
    body = press(staff, applied, "uncover", why="打电话核对", remark__name="名称与执照不符", reason="请改")
    assert all(one in body for one in PERSONAL) and "名称与执照不符" in body and ">请改</textarea>" in body
    entry = AuditEntry.objects.get(action="uncover")
    assert (entry.user.username, entry.subject, entry.details) == (
        "staff", f"account {applied.pk}", {"reason": "打电话核对"},
    )  # fmt: skip
    assert not [one for one in PERSONAL if one in seen(staff, applied)]


def test_a_paper_leaves_as_a_file_and_on_record(cast: Cast, staff: Client, applied: Application) -> None:
    paper = applied.papers.get()
    answer = staff.get(f"{QUEUE}{applied.pk}/papers/{paper.pk}/")
    assert (answer.content, answer["Content-Type"]) == (PDF, "application/pdf")
    assert answer["Content-Disposition"] == 'attachment; filename="licence.pdf"'
    assert "no-store" in answer["Cache-Control"] and answer["X-Content-Type-Options"] == "nosniff"
    entry = AuditEntry.objects.get(action="paper_downloaded")
    assert (entry.subject, entry.details) == (f"account {applied.pk}", {"paper": paper.pk, "slot": "business_licence"})
    (other,) = others(cast, "乙公司")
    assert staff.get(f"{QUEUE}{other.pk}/papers/{paper.pk}/").status_code == 404
    assert staff.get(f"{QUEUE}{applied.pk}/papers/{10**30}/").status_code == 404


def test_a_paper_not_handed_in_yet_is_nobodys_business(staff: Client, applied: Application) -> None:
    press(staff, applied, "send_back", reason="请换材料")
    with as_applicant(applied.applicant):
        applied.papers.update(replaced=True)
        paper = applied.papers.create(
            slot="business_licence", name="next.pdf", media_type="text/html", size=1, sha256="0" * 64,
            content=pack(b"<script>", "accounts_paper.content"), uploaded_by=applied.applicant,
        )  # fmt: skip
    assert "next.pdf" not in seen(staff, applied)
    assert staff.get(f"{QUEUE}{applied.pk}/papers/{paper.pk}/").status_code == 404
    handed_in(applied.applicant, scan="")
    answer = staff.get(f"{QUEUE}{applied.pk}/papers/{paper.pk}/")
    assert answer["Content-Type"] == "application/octet-stream"


def test_a_paper_that_cannot_be_read_is_told_of(staff: Client, applied: Application) -> None:
    paper = applied.papers.get()
    applied.papers.update(content=b"\x00" * 80)
    answer = staff.get(f"{QUEUE}{applied.pk}/papers/{paper.pk}/", follow=True)
    assert "无法读取" in answer.content.decode()


def test_the_page_tells_what_changed_since_what_was_said(staff: Client, applied: Application) -> None:
    press(staff, applied, "send_back", remark__website="请补网站", remark__business_licence="请换清晰的扫描件")
    better = GOOD | {"website": ["https://shop.example.org"], "contact_name": ["宋归舟"], "registration_customs": ["3"]}
    handed_in(applied.applicant, better, scan="clear.pdf")
    body = seen(staff, applied)
    assert "与上一次相比改动 4 处" in body and "第 2 次提交" in body
    assert "上次要求：请补网站" in body and "上次要求：请换清晰的扫描件" in body
    assert "上一次未填" in body and "clear.pdf" in body and re.search(r"上一次：<a [^>]*>licence.pdf</a>", body)
    assert "上一次：<del>宋**</del> （遮挡后看不出差别）" in body
    assert "退回补正</b> · 平台值班" in body  # what was said of the first version
    assert body.count('class="changed"') == 3 and 'class="paper changed"' in body
    assert "上一次：<del>宋归帆</del>" in press(staff, applied, "uncover", why="核对联系人")


def test_a_third_version_is_compared_with_the_second_and_the_second_with_the_first(
    staff: Client, applied: Application
) -> None:
    for website in ("https://one.example.org", "https://two.example.org"):
        press(staff, applied, "send_back", reason="请核对网站")
        handed_in(applied.applicant, GOOD | {"website": [website]}, scan="")
    body = seen(staff, applied)
    assert "与上一次相比改动 1 处" in body and "<del>https://one.example.org" in body
    assert body.count("上一次未填") == 1
    press(staff, applied, "send_back", reason="请核对网站")
    handed_in(applied.applicant, GOOD | {"website": [website]}, scan="")
    assert "与上一次相同" in seen(staff, applied)


def test_the_page_warns_of_others_with_the_same_numbers(cast: Cast, staff: Client, applied: Application) -> None:
    assert "核对提示" not in seen(staff, applied)
    merchant = cast.enterprises["merchant"]
    user = a_person("visitor", "访客")
    twin = handed_in(user, GOOD | {"credit_code": [merchant.credit_code], "name": ["乙公司"]})
    body = seen(staff, twin)
    assert "统一社会信用代码与已开户企业相同" in body and merchant.name in body
    assert "海关十位编码与另一份未办结的申请相同" in body and page_of(applied) in body
    assert page_of(twin) in seen(staff, applied)
    press(staff, twin, "refuse", reason="重复")
    assert "核对提示" not in seen(staff, applied)


def test_the_page_tells_what_became_of_it(staff: Client, applied: Application) -> None:
    press(staff, applied, "take")
    press(staff, applied, "approve", reason="与原件一致")
    body = seen(staff, applied).split("<h2>经过</h2>")[1]
    assert [body.index(word) for word in ("初审通过", "接手审核", "提交申请")] == sorted(
        body.index(word) for word in ("初审通过", "接手审核", "提交申请")
    )
    assert "与原件一致" in body


# --- moves --------------------------------------------------------------------------------------------------------------


def test_two_of_the_staff_open_an_account(cast: Cast, staff: Client, second: User, applied: Application) -> None:
    body = press(staff, applied, "take")
    assert "已接手" in body and "经办人：平台值班" in body and 'value="take"' not in body
    assert "等另一位同事复核" in press(staff, applied, "approve")
    body = seen(staff, applied)
    assert re.search(r'value="approve" disabled aria-describedby="why-not"', body) and "由您初审" in body
    assert "须是两个人" in press(staff, applied, "approve", reason="一致")
    applied.refresh_from_db()
    assert applied.state == ApplicationState.SECOND
    other = browser_of(second)
    assert 'value="approve">复核通过' in seen(other, applied)
    assert "已通过，企业开户即时生效" in press(other, applied, "approve")
    assert Membership.objects.get(enterprise__customs_code="312226DM77").user == applied.applicant
    body = seen(staff, applied)
    assert "已通过" in body and 'name="do" value="approve"' not in body
    assert "刚刚被他人更新" in press(staff, applied, "send_back", reason="晚了")


def test_it_is_sent_back_with_a_remark_at_each_field(staff: Client, applied: Application) -> None:
    body = press(staff, applied, "send_back", reason=" ", remark__name="")
    assert "请写明意见" in body
    body = press(staff, applied, "send_back", reason="总的意见", remark__name="长" * 501, remark__website="请补")
    assert "意见最多 500 个字" in body and "长" * 501 in body and ">请补</textarea>" in body and "总的意见" in body
    applied.refresh_from_db()
    assert applied.state == ApplicationState.SUBMITTED
    body = press(staff, applied, "send_back", remark__name="与执照不符\r\n请改", remark__business_licence="不清晰\x00")
    assert "已退回补正" in body
    told = applied.submissions.get().remarks.values_list("field", "text")
    assert set(told) == {("name", "与执照不符\n请改"), ("business_licence", "不清晰")}
    assert listed(staff) == []


def test_it_is_refused_with_a_reason_and_not_without(staff: Client, applied: Application) -> None:
    assert "请写明意见" in press(staff, applied, "refuse")
    assert "意见最多 500 个字" in press(staff, applied, "refuse", reason="长" * 501)
    applied.refresh_from_db()
    assert applied.state == ApplicationState.SUBMITTED
    assert "不予通过" in press(staff, applied, "refuse", reason="冒用他人执照")
    applied.refresh_from_db()
    assert (applied.state, applied.submissions.get().reason) == (ApplicationState.REFUSED, "冒用他人执照")
    assert "冒用他人执照" in seen(staff, applied)


def test_of_two_who_have_it_open_one_moves_it_and_the_other_keeps_what_was_typed(
    staff: Client, second: User, applied: Application
) -> None:
    shown, other = str(applied.version), browser_of(second)
    press(staff, applied, "take", version=shown)
    body = press(other, applied, "send_back", version=shown, remark__name="与执照不符", reason="请改")
    assert "刚刚被他人更新" in body and "与执照不符" in body and ">请改</textarea>" in body
    applied.refresh_from_db()
    assert applied.state == ApplicationState.SUBMITTED
    assert f'name="version" value="{applied.version}"' in body  # it has been looked at now
    press(staff, applied, "refuse", reason="重复")
    body = press(other, applied, "send_back", version=str(applied.version), remark__name="与执照不符", reason="请改")
    assert "您写的意见没有提交" in body and "企业名称：与执照不符" in body and "审核意见：请改" in body


@pytest.mark.parametrize("do", ["approve", "refuse"])
def test_a_remark_is_not_lost_by_another_button(staff: Client, applied: Application, do: str) -> None:
    body = press(staff, applied, do, remark__name="与执照不符", reason="理由")
    assert "只有退回补正才会送达" in body and ">与执照不符</textarea>" in body
    applied.refresh_from_db()
    assert applied.state == ApplicationState.SUBMITTED


def test_what_was_typed_before_taking_it_on_stays(staff: Client, applied: Application) -> None:
    body = press(staff, applied, "take", remark__name="与执照不符", reason="请改")
    assert "已接手" in body and ">与执照不符</textarea>" in body and ">请改</textarea>" in body
    assert "已退回补正" in press(staff, applied, "send_back", remark__name="与执照不符")


@pytest.mark.parametrize("do", ["take", "approve", "send_back", "refuse"])
def test_no_move_without_the_version_that_was_seen(staff: Client, applied: Application, do: str) -> None:
    for version in ("", "x", "-1", "0", "９", "9" * 5000, "1.5", str(applied.version + 1)):
        answer = staff.post(page_of(applied), {"do": do, "version": version, "reason": "理由"})
        assert answer.status_code == 200 and "刚刚被他人更新" in answer.content.decode(), version
    assert Application.objects.get(pk=applied.pk).version == applied.version


@pytest.mark.parametrize("data", [{}, {"do": "x"}, {"do": "approve\x00"}, {"do": "uncover", "why": "\x00\x00\x00"}])
def test_a_post_that_makes_no_sense_moves_nothing(staff: Client, applied: Application, data: dict[str, str]) -> None:
    assert staff.post(page_of(applied), {"version": applied.version, **data}).status_code == 200
    assert Application.objects.get(pk=applied.pk).version == applied.version
    assert staff.post(f"{QUEUE}{10**30}/change/", data).status_code == 302
    assert staff.post(f"{QUEUE}x/change/", data).status_code == 302
    assert staff.post(f"{QUEUE}x%00/change/", data).status_code == 400


def test_a_number_that_was_taken_meanwhile_is_told_and_nothing_changes(
    cast: Cast, staff: Client, second: User, applied: Application
) -> None:
    press(staff, applied, "approve")
    Enterprise.objects.filter(pk=cast.enterprises["merchant"].pk).update(customs_code="312226DM77")
    body = press(browser_of(second), applied, "approve", reason="一致")
    assert "已用这个号码开户，请核对" in body and "核对提示" in body and ">一致</textarea>" in body
    applied.refresh_from_db()
    assert (applied.state, applied.submissions.get().verdict) == (ApplicationState.SECOND, "")


def test_nobody_approves_their_own(cast: Cast, staff: Client) -> None:
    own = handed_in(cast.users["staff"])
    assert "不能审核自己或自己企业提交的申请" in seen(staff, own)
    assert "不能审核自己或自己企业提交的申请" in press(staff, own, "approve")
    own.refresh_from_db()
    assert own.state == ApplicationState.SUBMITTED


def test_nobody_approves_what_their_enterprise_applies_for(cast: Cast, staff: Client, applied: Application) -> None:
    of_theirs = cast.enterprises["neighbour"]
    Application.objects.filter(pk=applied.pk).update(enterprise=of_theirs)
    Membership.objects.create(user=cast.users["staff"], enterprise=of_theirs, roles=["viewer"])
    assert "自己企业提交的申请" in press(staff, applied, "approve")
    applied.refresh_from_db()
    assert applied.state == ApplicationState.SUBMITTED


def test_after_a_decision_the_queue_is_as_it_was_narrowed(staff: Client, applied: Application) -> None:
    address = f"{page_of(applied)}?_changelist_filters=whose%3Dnobody"
    assert "?whose=nobody" in staff.get(address).content.decode()
    answer = staff.post(address, {"do": "approve", "version": applied.version})
    assert answer["Location"] == f"{QUEUE}?whose=nobody"


# --- who may ------------------------------------------------------------------------------------------------------------


def test_staff_without_the_right_see_nothing(applied: Application) -> None:
    none, paper = one_with(), applied.papers.get()
    for address in (QUEUE, page_of(applied), f"{QUEUE}{applied.pk}/papers/{paper.pk}/"):
        assert none.get(address).status_code == 403
        assert none.post(address, {"do": "take", "version": applied.version}).status_code in (403, 405)
    assert "申请" not in none.get("/admin/").content.decode()


def test_an_auditor_looks_and_does_nothing(applied: Application) -> None:
    auditor, paper = one_with("view_application"), applied.papers.get()
    assert listed(auditor) == [applied.title]
    body = seen(auditor, applied)
    assert "宋**" in body and "<textarea" not in body and 'name="do"' not in body
    assert auditor.get(f"{QUEUE}{applied.pk}/papers/{paper.pk}/").status_code == 200
    for do in ("take", "approve", "send_back", "refuse", "uncover"):
        answer = auditor.post(page_of(applied), {"do": do, "version": applied.version, "reason": "x", "why": "想看"})
        assert answer.status_code == 403
    auditor.post(QUEUE, {"action": "remind", "_selected_action": [applied.pk]})
    assert not Reminder.objects.exists() and not AuditEntry.objects.filter(action="uncover").exists()


def test_a_reviewer_needs_no_more_than_the_right_to_change(applied: Application) -> None:
    reviewer = one_with("change_application")
    assert "等另一位同事复核" in press(reviewer, applied, "approve")
    assert reviewer.get(f"{QUEUE}add/").status_code == 403
    assert reviewer.post(f"{QUEUE}{applied.pk}/delete/", {"post": "yes"}).status_code == 403


def test_for_everybody_else_there_is_nothing(client_of: Callable[[str], Client], applied: Application) -> None:
    paper = f"{QUEUE}{applied.pk}/papers/{applied.papers.get().pk}/"
    for address in (QUEUE, page_of(applied), paper):
        for username in ("merchant_administrator", "stranger"):
            assert client_of(username).get(address).status_code == 404
            assert client_of(username).post(address, {"do": "approve", "version": "2"}).status_code == 404
        assert Client().get(address)["Location"].startswith("/login/")


def test_a_move_needs_the_token_of_its_form(cast: Cast, applied: Application) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.users["staff"])
    prove(client)
    assert client.post(page_of(applied), {"do": "take", "version": applied.version}).status_code == 403


# --- really at once -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_eight_who_press_at_once_one_is_the_first_to_approve() -> None:
    cast = people()
    one = handed_in(cast.users["stranger"])
    colleagues = [a_person(f"colleague{n}", f"同事{n}", is_staff=True, is_superuser=True) for n in range(8)]
    gate, told = threading.Barrier(len(colleagues)), []

    def approve(user: User) -> None:
        try:
            client = browser_of(user)
            gate.wait(30)
            answer = client.post(page_of(one), {"do": "approve", "version": one.version})
            told.append(answer.status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=approve, args=(user,)) for user in colleagues]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(told) == [200] * 7 + [302]
    assert AuditEntry.objects.filter(action="application_first_approved").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_applications_with_the_same_numbers_decided_at_once_one_becomes_an_enterprise() -> None:
    cast = people()
    ones = others(cast, "甲公司", "乙公司")
    first, second = (a_person(f"colleague{n}", "同事", is_staff=True, is_superuser=True) for n in range(2))
    for one in ones:
        with as_staff(first):
            applications.approve(one, staff=first, version=one.version)
    gate, told = threading.Barrier(2), []

    def approve(one: Application) -> None:
        try:
            client = browser_of(second)
            gate.wait(30)
            told.append(client.post(page_of(one), {"do": "approve", "version": one.version}).status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=approve, args=(one,)) for one in ones]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(told) == [200, 302]
    assert Enterprise.objects.filter(customs_code="312226DM77").count() == 1
    states = Application.objects.values_list("state", flat=True)
    assert sorted(states) == [ApplicationState.APPROVED, ApplicationState.SECOND]
