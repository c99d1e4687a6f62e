"""The applicant's pages: from the first visit to the desk of one's own enterprise, and nobody else's business."""

import re
from collections.abc import Callable

import pytest
from django import forms
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import reverse
from lxml import html

from accounts.cast import Cast
from accounts.models import Application, ApplicationState, AuditEntry, Enterprise, Membership, Paper, User
from accounts.onboarding import applications, pages
from accounts.onboarding.comparing import twins_of
from accounts.onboarding.kinds import Kind, PaperSlot
from accounts.roles import MemberRole
from portal.tenancy import acting_as
from tests.accounts.papers import PDF, jpeg, png, sent
from tests.pages.test_markup import assert_alive, assert_named, assert_nothing_inline

pytestmark = pytest.mark.django_db

NEW = "/applications/account/new/"
GOOD = {
    "name": "上海桐溪岸贸易有限公司",
    "credit_code": "913101150000930090",
    "customs_code": "312226DM77",
    "registration_customs": "2",
    "legal_representative": "季明岚",
    "contact_name": "宋归帆",
    "contact_phone": "13800001234",
    "contact_email": "contact@example.org",
    "website": "",
}


class Applicant:
    """Somebody at the pages: sends the form as the last page had it, with what they change."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.page: html.HtmlElement = html.fromstring("<html/>")
        self.text = ""
        self.status = 0

    def open(self, address: str) -> "Applicant":
        return self.read(self.client.get(address, follow=True))

    def read(self, answer: HttpResponse) -> "Applicant":
        self.status, self.text = answer.status_code, answer.content.decode()
        self.page = html.fromstring(answer.content)
        if self.status in (200, 409):
            for holds in (assert_nothing_inline, assert_named, assert_alive):
                holds(self.page, answer.wsgi_request.path)
        return self

    @property
    def form(self) -> html.HtmlElement:
        """The form to fill in."""
        return next(one for one in self.page.forms if one.get("enctype"))

    def press(self, do: str, **cells: object) -> "Applicant":
        """Fill in and press a button of the form."""
        kept = {name: value or "" for name, value in self.form.form_values() if name != "csrfmiddlewaretoken"}
        return self.read(self.client.post(self.form.get("action"), kept | cells | {"do": do}, follow=True))

    def said_at(self, name: str) -> str:
        """What a reader of the screen is told at an input."""
        ids = " ".join(self.page.xpath(f"//*[@name='{name}']/@aria-describedby")).split()
        return " ".join(self.page.get_element_by_id(one).text_content().strip() for one in ids)

    def is_wrong(self, name: str) -> bool:
        return self.page.xpath(f"//*[@name='{name}']/@aria-invalid") == ["true"]

    def value(self, name: str) -> str:
        return self.form.fields[name] or ""


@pytest.fixture
def visitor(client_of: Callable[[str], Client]) -> Applicant:
    """Signed in, of no enterprise."""
    return Applicant(client_of("stranger"))


@pytest.fixture
def second(cast: Cast) -> User:
    return User.objects.create(username="staff_two", name="复核员", is_staff=True, password=make_password(None))


def the_one() -> Application:
    return Application.objects.get()


def staff_do(move: Callable[..., object], staff: User, **said: object) -> None:
    one = the_one()
    with acting_as(enterprise_id=None, user_id=staff.pk, role="portal_staff"):
        move(one, staff=staff, version=one.version, **said)


def handed_in(visitor: Applicant) -> Applicant:
    visitor.open(NEW).press("submit", **GOOD, paper_business_licence=sent(PDF, "执照.pdf"))
    assert the_one().state == ApplicationState.SUBMITTED
    return visitor


def told_what_is_wrong(visitor: Applicant) -> None:
    """Each at its field, and what was typed is kept."""
    visitor.press("submit", **GOOD | {"contact_phone": "123", "customs_code": "330126DM77"})
    assert visitor.status == 200 and visitor.page.xpath("//section[@class='errsum' and @data-focus]//li/a")
    assert "请填手机号" in visitor.said_at("contact_phone") and visitor.is_wrong("contact_phone")
    assert "31 开头" in visitor.said_at("customs_code")
    assert "请上传营业执照" in visitor.said_at("paper_business_licence")
    assert not visitor.is_wrong("name") and visitor.value("customs_code") == "330126DM77"

    # Corrected, but what was called a scan is a program: nothing is handed in, all that was typed is kept.
    visitor.press("submit", **GOOD, paper_business_licence=sent(b"MZ" + b"\0" * 99, "执照.pdf"))
    assert "EXE" in visitor.said_at("paper_business_licence") and visitor.is_wrong("paper_business_licence")
    assert visitor.value("customs_code") == GOOD["customs_code"]
    assert the_one().state == ApplicationState.DRAFT and not Paper.objects.exists()


def sent_back_twice(visitor: Applicant, staff: User) -> None:
    """Each time with a word at its place; corrected, and handed in again."""
    staff_do(applications.send_back, staff, remarks={"website": "请补网站"}, reason="资料不全")
    visitor.open("/applications/")
    assert "退回补正" in visitor.text and "去补正" in visitor.text
    visitor.open(reverse("application", args=[the_one().pk]))
    assert "第 1 次提交被退回补正" in visitor.text and "资料不全" in visitor.text
    assert "审核意见：请补网站" in visitor.said_at("website") and visitor.is_wrong("website")
    assert not visitor.is_wrong("name") and visitor.value("name") == GOOD["name"]
    visitor.press("save", website="https://shop.example.org")
    assert "请补网站" in visitor.said_at("website"), "until it is handed in again"
    visitor.press("submit")
    staff_do(applications.send_back, staff, remarks={"business_licence": "看不清"}, reason="")
    visitor.open(reverse("application", args=[the_one().pk]))
    assert "看不清" in visitor.said_at("paper_business_licence") and "请补网站" not in visitor.said_at("website")
    assert "第 1 次提交" in visitor.text and "第 2 次提交" in visitor.text
    visitor.press("submit", paper_business_licence=sent(PDF, "扫描件.pdf"))
    first = visitor.open(reverse("application_version", args=[the_one().pk, 1])).text
    assert "清晰的执照.jpg" in first and "请补网站" in first and "扫描件.pdf" not in first


def test_from_the_first_visit_to_the_desk(cast: Cast, visitor: Applicant, second: User) -> None:
    staff = cast.users["staff"]
    visitor.open("/")
    assert "申请企业开户" in visitor.text
    visitor.open("/applications/")
    assert "还没有提出过申请" in visitor.text
    assert visitor.page.xpath("//nav[@id='menu']//li/a/@href") == ["/", "/applications/"]
    assert visitor.page.xpath(f"//a[@href='{NEW}']")

    # Looked at, nothing is kept, and what is known of them need not be typed; saved half, all of it is there again.
    visitor.open(NEW)
    known = cast.users["stranger"]
    assert (visitor.value("contact_name"), visitor.value("contact_email")) == (known.name, known.email)
    assert not Application.objects.exists()
    visitor.press("save", name=GOOD["name"], contact_phone="123")
    assert "已暂存，尚未提交" in visitor.text and not visitor.is_wrong("contact_phone")
    assert (visitor.value("name"), visitor.value("contact_phone")) == (GOOD["name"], "123")
    assert visitor.open(NEW).value("contact_phone") == "123", "leads to the one that is open"

    told_what_is_wrong(visitor)

    # A paper, another in its place, and handed in.
    visitor.press("save", paper_business_licence=sent(png(), "执照.png"))
    assert "执照.png" in visitor.text
    visitor.press("submit", paper_business_licence=sent(jpeg(), "清晰的执照.jpg"))
    assert "已提交，通常 1 个工作日内答复" in visitor.text and "等待工作人员审核" in visitor.text
    assert "清晰的执照.jpg" in visitor.text and "执照.png" not in visitor.text
    assert "138****1234" in visitor.text and GOOD["contact_phone"] not in visitor.text

    sent_back_twice(visitor, staff)

    # Approved by two: the applicant is the administrator, and the page leads on to what has to be prepared.
    staff_do(applications.approve, staff)
    assert "等待另一位工作人员复核" in visitor.open(reverse("application", args=[the_one().pk])).text
    staff_do(applications.approve, second)
    visitor.open(reverse("application", args=[the_one().pk]))
    assert "已开户" in visitor.text and visitor.page.xpath("//div[@class='acts']/a[@href='/preparation/']")
    visitor.open("/")
    assert "工作台" in visitor.text and GOOD["name"] in visitor.text
    assert visitor.page.xpath("//nav[@id='menu']//a[@href='/applications/']")
    assert Membership.objects.get(user=cast.users["stranger"]).roles == [MemberRole.ADMINISTRATOR]


@pytest.fixture
def newcomer(cast: Cast) -> Enterprise:
    """An enterprise whose account has just been opened."""
    one = Enterprise.objects.create(
        name="上海桐溪岸贸易有限公司", credit_code="913101150000930090", customs_code="312226DM77"
    )
    Membership.objects.create(user=cast.users["stranger"], enterprise=one, roles=[MemberRole.ADMINISTRATOR])
    return one


def offered(applicant: Applicant, section: str) -> list[str]:
    """What stands in a section of the list."""
    applicant.open("/applications/")
    return [one.text for one in applicant.page.xpath(f"//section[@aria-labelledby='{section}']//b")]


def test_the_list_says_what_can_be_applied_for_now_and_why_the_rest_cannot(
    newcomer: Enterprise, visitor: Applicant
) -> None:
    assert offered(visitor, "can") == ["企业类型登记", "电子口岸 IC 卡或 Ikey"]
    assert offered(visitor, "later") == [
        "电商企业类型备案", "加密证书", "加密证书代办", "申报传输 ID（进口）", "申报传输 ID（出口）", "担保金账户",
    ]  # fmt: skip
    assert (
        "等第 3 项“电子口岸 IC 卡或 Ikey”核验之后" in visitor.text and "银行保函约需 1 个月，可以提前办" in visitor.text
    )
    assert not visitor.page.xpath("//section[@aria-labelledby='later']//a[contains(@class, 'btn')]")
    assert offered(visitor, "held") == ["企业开户", "企业资料变更"]
    assert "快递业务经营许可证" not in visitor.text, "papers that may not apply are not listed"
    newcomer.types = ["payment"]
    newcomer.save(update_fields=["types"])
    newcomer.evidence.create(item="ic_card", number="8931000417")
    assert offered(visitor, "can") == ["电商企业类型备案"]
    assert "担保金账户" not in offered(visitor, "later"), "who pays no tax gives no guarantee"
    assert offered(visitor, "held") == ["企业开户", "企业资料变更", "企业类型登记", "电子口岸 IC 卡或 Ikey"]
    for item in ("type_filing", "signing_certificate"):
        newcomer.evidence.create(item=item, number="1")
    assert "加密证书代办" in offered(visitor, "held") and "到期换发，或遗失、损坏补办" in visitor.text


def test_each_approval_says_what_follows_and_leads_there(cast: Cast, newcomer: Enterprise, visitor: Applicant) -> None:
    for kind, words, leads_to in (
        ("types", "下一步照清单办理接入准备", "/preparation/"),
        ("ic_card", "已经生效，不需要再办", "/preparation/"),
        ("service", "就可以申请页面上线", "/services/"),
        ("page_go_live", "已经上线", "/"),
    ):
        one = Application.objects.create(
            enterprise=newcomer, applicant=cast.users["stranger"], kind=kind, state=ApplicationState.APPROVED,
            content=applications._packed(applications.kind_named(kind), {}),
        )  # fmt: skip
        visitor.open(reverse("application", args=[one.pk]))
        assert words in visitor.text, kind
        assert visitor.page.xpath(f"//div[@class='acts']/a[@href='{leads_to}']"), kind
        assert "已经生效" not in visitor.text or kind in ("ic_card", "types")


def test_refused_it_says_why_and_how_to_begin_again(cast: Cast, visitor: Applicant) -> None:
    handed_in(visitor)
    staff_do(applications.refuse, cast.users["staff"], reason="与海关备案不符")
    visitor.open(reverse("application", args=[the_one().pk]))
    assert "与海关备案不符" in visitor.text and "重新申请" in visitor.text
    assert not any(form.get("enctype") for form in visitor.page.forms)
    visitor.open(NEW)
    assert "已带入上一次申请填写的内容" in visitor.text and visitor.value("name") == GOOD["name"]
    visitor.press("save")
    assert Application.objects.count() == 2


def test_taken_back_it_waits_for_nobody(cast: Cast, visitor: Applicant) -> None:
    handed_in(visitor)
    one = the_one()
    address = reverse("application", args=[one.pk])
    visitor.read(visitor.client.post(address, {"do": "withdraw", "version": one.version}, follow=True))
    assert "申请已撤回" in visitor.text and "重新申请" in visitor.text
    assert the_one().state == ApplicationState.WITHDRAWN
    assert AuditEntry.objects.filter(action="application_withdrawn").count() == 1
    assert visitor.open(NEW).value("contact_phone") == GOOD["contact_phone"]


def test_of_two_windows_the_slower_one_keeps_what_was_typed(visitor: Applicant) -> None:
    visitor.open(NEW)
    slow = visitor.page
    visitor.press("save", name="甲公司", contact_name="宋归帆")
    for _both in ("a window of the empty form", "a window of the form that is there"):
        visitor.page = slow
        visitor.press("submit", name="乙公司", contact_name="宋归帆", paper_business_licence=sent(PDF))
        assert visitor.status == 409
        assert "在别处更新过" in visitor.text and "请重新选择" in visitor.text
        assert visitor.value("name") == "乙公司" and "现在保存的是：甲公司" in visitor.said_at("name")
        assert "现在保存的是" not in visitor.said_at("contact_phone")
        assert applications.typed_in(the_one())["name"] == ["甲公司"] and not Paper.objects.exists()
        slow = html.fromstring(visitor.text.replace(f'value="{the_one().version}"', 'value="1"'))
    visitor.page = html.fromstring(visitor.text)
    visitor.press("save")
    assert applications.typed_in(the_one())["name"] == ["乙公司"]


def test_what_is_typed_too_late_is_shown_and_changes_nothing(visitor: Applicant) -> None:
    visitor.open(NEW).press("save", **GOOD)
    late = visitor.page
    visitor.press("submit", paper_business_licence=sent(PDF))
    visitor.page = late
    visitor.press("save", name="乙公司")
    assert visitor.status == 409 and "没有生效" in visitor.text
    assert "乙公司" in visitor.text and GOOD["name"] in visitor.text
    assert applications.typed_in(the_one())["name"] == [GOOD["name"]]
    for nonsense in ("", "x", "-1", "9" * 5000):
        address = reverse("application", args=[the_one().pk])
        assert visitor.client.post(address, {"do": "withdraw", "version": nonsense}).status_code == 409
    assert the_one().state == ApplicationState.SUBMITTED


def test_thirty_megabytes_are_answered_and_the_rest_is_kept(visitor: Applicant) -> None:
    visitor.open(NEW).press("submit", **GOOD, paper_business_licence=sent(b"%PDF-1.7" + b"x" * (30 << 20)))
    assert visitor.status == 200
    assert "文件有 30.0 MB，超过 10 MB。请降低扫描分辨率" in visitor.said_at("paper_business_licence")
    assert visitor.value("name") == GOOD["name"] and not Paper.objects.exists()
    answer = visitor.client.post(NEW, data=b"", content_type="text/plain", CONTENT_LENGTH=str(65 << 20))
    assert answer.status_code == 413 and "每份不超过 10 MB" in answer.content.decode()


def test_nobody_is_told_that_a_credit_code_is_in_use(cast: Cast, visitor: Applicant) -> None:
    taken = cast.enterprises["merchant"]
    visitor.open(NEW).press(
        "submit", **GOOD | {"credit_code": taken.credit_code, "customs_code": taken.customs_code},
        paper_business_licence=sent(PDF),
    )  # fmt: skip
    assert the_one().state == ApplicationState.SUBMITTED
    pages = visitor.text + visitor.open("/applications/").text + visitor.open("/").text
    assert taken.name not in pages


def test_a_paper_is_a_download_and_on_record(cast: Cast, visitor: Applicant) -> None:
    handed_in(visitor)
    paper = Paper.objects.get()
    answer = visitor.client.get(reverse("paper", args=[the_one().pk, paper.pk]))
    assert answer.content == PDF and answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"].startswith("attachment; filename")
    assert answer["X-Content-Type-Options"] == "nosniff" and "no-store" in answer["Cache-Control"]
    entry = AuditEntry.objects.get(action="paper_downloaded")
    assert (entry.user, entry.subject) == (cast.users["stranger"], f"paper {paper.pk}")


def others(cast: Cast) -> list[str]:
    return ["merchant_administrator", "merchant_filer", "neighbour_filer", "staff", "other"]


def test_for_everybody_else_there_is_nothing(
    cast: Cast, visitor: Applicant, client_of: Callable[[str], Client]
) -> None:
    handed_in(visitor)
    pk, paper = the_one().pk, Paper.objects.get().pk
    cast.users["other"] = User.objects.create(username="other", name="另一位")  # type: ignore[index]
    asked = [
        reverse("application", args=[pk]), reverse("application_version", args=[pk, 1]),
        reverse("paper", args=[pk, paper]),
    ]  # fmt: skip
    for who in others(cast):
        client = client_of(who)
        for address in asked:
            answer = client.get(address)
            missing = client.get(re.sub(r"\d+", "987654321", address))
            assert answer.status_code == missing.status_code == 404, (who, address)
        for do in ("save", "submit", "withdraw", "remove:business_licence"):
            assert client.post(asked[0], {"do": do, "version": the_one().version}).status_code == 404, (who, do)
        if who != "staff":
            assert str(pk) not in re.findall(r"/applications/(\d+)/", client.get("/applications/").content.decode())
    assert the_one().state == ApplicationState.SUBMITTED and Paper.objects.get().replaced is False
    visitor_of_none = Client()
    for address in [*asked, NEW, "/applications/"]:
        assert visitor_of_none.get(address).status_code == 302


def test_a_paper_is_found_under_its_own_application_only(cast: Cast, visitor: Applicant) -> None:
    handed_in(visitor)
    one, paper = the_one(), Paper.objects.get()
    staff_do(applications.refuse, cast.users["staff"], reason="与海关备案不符")
    visitor.open(NEW).press("save")
    newer = Application.objects.exclude(pk=one.pk).get()
    assert visitor.client.get(reverse("paper", args=[newer.pk, paper.pk])).status_code == 404


def test_a_member_applies_for_another_enterprise_by_themselves(client_of: Callable[[str], Client], cast: Cast) -> None:
    filer = Applicant(client_of("merchant_filer"))
    filer.open("/applications/")
    assert filer.page.xpath(f"//a[@href='{NEW}']")
    filer.open(NEW).press("save", name="另一家")
    one = the_one()
    assert (one.enterprise, one.applicant) == (None, cast.users["merchant_filer"])
    assert Applicant(client_of("merchant_administrator")).open(reverse("application", args=[one.pk])).status == 404
    assert client_of("merchant_filer").get("/applications/no_such/new/").status_code == 404


def test_a_member_of_several_is_told_whose_applications_these_are(
    client_of: Callable[[str], Client], cast: Cast, second: User
) -> None:
    filer = Applicant(client_of("merchant_filer"))
    filer.open(NEW).press("submit", **GOOD, paper_business_licence=sent(PDF))
    assert "切换企业" not in filer.open("/applications/").page.find(".//main").text_content()
    staff_do(applications.approve, cast.users["staff"])
    staff_do(applications.approve, second)
    filer.open("/applications/")
    assert "通过之后的申请在该企业名下" in filer.text and filer.page.xpath("//main//a[@href='/enterprise/']")
    address = reverse("application", args=[the_one().pk])
    assert filer.client.get(address).status_code == 404
    filer.client.post("/enterprise/", {"enterprise": the_one().enterprise_id})
    assert "已开户" in filer.open(address).text


def test_administrators_of_the_enterprise_see_what_it_applied_for(
    client_of: Callable[[str], Client], cast: Cast
) -> None:
    """As every application of an enterprise: whichever administrator began it, the others go on with it."""
    one = Application.objects.create(
        enterprise=cast.enterprises["merchant"], applicant=cast.users["merchant_finance"], kind="account",
        content=applications._packed(applications.kind_named("account"), {"name": ["甲"]}),
    )  # fmt: skip
    administrator = Applicant(client_of("merchant_administrator")).open(reverse("application", args=[one.pk]))
    administrator.press("save", name="乙")
    assert applications.typed_in(the_one())["name"] == ["乙"]
    for who in ("merchant_finance", "merchant_filer", "neighbour_filer"):
        assert client_of(who).get(reverse("application", args=[one.pk])).status_code == 404


def test_the_pages_ask_no_more_of_the_database_for_more_rows(
    visitor: Applicant, cast: Cast, django_assert_max_num_queries: Callable
) -> None:
    Application.objects.bulk_create(
        Application(
            applicant=cast.users["stranger"], kind="account", content=b"", state=ApplicationState.WITHDRAWN,
            title=f"第 {number} 家",
        )
        for number in range(120)
    )  # fmt: skip
    with django_assert_max_num_queries(20):
        visitor.open("/applications/")
    assert len(visitor.page.xpath("//tbody/tr")) == 50 and visitor.page.xpath("//a[contains(@href, 'before=')]")


def test_an_address_of_a_kind_leads_to_where_one_stands(cast: Cast, visitor: Applicant) -> None:
    def leads_to() -> str:
        return visitor.client.get("/applications/account/").headers["Location"]

    assert leads_to() == NEW
    handed_in(visitor)
    one = reverse("application", args=[the_one().pk])
    assert leads_to() == one
    staff_do(applications.refuse, cast.users["staff"], reason="与海关备案不符")
    assert leads_to() == one, "there the reason stands, and the way to apply again"
    visitor.open(NEW).press("save")
    assert leads_to() == reverse("application", args=[Application.objects.latest("pk").pk]) != one


class EverySort(forms.Form):
    """A field of every sort a kind may have."""

    day = forms.DateField(label="日期", help_text="照证填写")
    types = forms.MultipleChoiceField(
        label="类型", choices=[("a", "甲"), ("b", "乙")], widget=forms.CheckboxSelectMultiple, help_text="可以多选"
    )
    one = forms.ChoiceField(
        label="方式", choices=[("x", "自办"), ("y", "代办")], widget=forms.RadioSelect, required=False
    )
    agreed = forms.BooleanField(label="同意", required=False)
    words = forms.CharField(label="说明", widget=forms.Textarea, max_length=500)


SORTS = Kind(
    "every_sort", "各式申请", EverySort, papers=(PaperSlot("a", "甲材料", required=False), PaperSlot("b", "乙材料")),
    effect=lambda application, cleaned, staff: None,
)  # fmt: skip


def test_a_field_of_every_sort_is_drawn_with_its_words_and_what_is_said_at_it(rf: RequestFactory) -> None:
    typed = {"day": ["昨天"], "types": ["b"], "one": ["y"], "agreed": ["on"], "words": ["<b>"]}
    said = {name: ["不对"] for name in (*EverySort.base_fields, "a")}
    request = rf.get("/")
    request.user = User.objects.create(username="x")
    context = {
        "kind": SORTS,
        "inputs": pages.inputs(SORTS, typed, problems=said, remarks={"types": "请补正", "one": "请核对"}),
        "drawers": pages.drawers(SORTS, (), problems=said, remarks={}),
        "faults": pages.faults(SORTS, said),
        "action": "/",
    }
    text = render_to_string("accounts/onboarding/form.html", context, request)
    page = html.fromstring(text)
    for holds in (assert_nothing_inline, assert_named, assert_alive):
        holds(page, "every sort")
    assert page.xpath("//input[@name='day']/@value") == ["昨天"]
    assert page.xpath("//input[@name='types' and @checked]/@value") == ["b"]
    assert page.xpath("//input[@name='one' and @checked]/@value") == ["y"]
    assert page.xpath("//input[@name='agreed' and @checked]") and page.findtext(".//textarea").strip() == "<b>"
    group = page.xpath("//fieldset[legend]")[0]
    heard = [page.get_element_by_id(one).text_content() for one in group.get("aria-describedby").split()]
    assert "不对" in heard[0] and "请补正" in heard[1] and heard[2] == "可以多选"
    words = [(label, words) for label, words, _remark in pages.read(SORTS, typed)]
    assert words == [("日期", "昨天"), ("类型", "乙"), ("方式", "代办"), ("同意", "是"), ("说明", "<b>")]


def test_a_paper_is_taken_out_again_and_what_is_typed_is_kept(visitor: Applicant) -> None:
    visitor.open(NEW).press("save", paper_business_licence=sent(PDF, "放错的.pdf"))
    assert "放错的.pdf" in visitor.text
    visitor.press("remove:business_licence", name="甲公司")
    assert "放错的.pdf" not in visitor.text and visitor.value("name") == "甲公司"
    assert Paper.objects.get().replaced and AuditEntry.objects.filter(action="paper_removed").count() == 1
    visitor.press("remove:no_such_slot")
    assert visitor.status == 200 and AuditEntry.objects.filter(action="paper_removed").count() == 1


@pytest.mark.parametrize("first", ["x" * 100, "a\0b", "913101150000930012"])
def test_of_a_field_sent_twice_the_last_one_counts_for_everybody(cast: Cast, visitor: Applicant, first: str) -> None:
    victim = cast.enterprises["merchant"].credit_code
    sent_twice = GOOD | {"credit_code": [first, f"{victim}\0"], "paper_business_licence": sent(PDF, "执照.pdf")}
    assert visitor.client.post(NEW, sent_twice | {"do": "submit"}).status_code == 302
    submission = the_one().submissions.get()
    assert applications.typed_in(submission)["credit_code"] == [victim]
    assert submission.numbers == [victim, GOOD["customs_code"]]
    with acting_as(enterprise_id=None, user_id=cast.users["staff"].pk, role="portal_staff"):
        assert [one.other for one in twins_of(the_one(), submission)] == [cast.enterprises["merchant"]]


def test_what_was_kept_twice_says_the_last_number_as_its_form_does() -> None:
    assert applications.numbers_in({"credit_code": ["1", " 2 "], "customs_code": ["3", " "]}) == {"credit_code": "2"}


def test_a_value_typed_is_a_value_and_no_markup(visitor: Applicant) -> None:
    visitor.open(NEW).press("save", name='"><script>alert(1)</script>\0', contact_name="x" * 999)
    assert "<script>alert(1)" not in visitor.text and visitor.value("contact_name") == "x" * 999
    visitor.press("submit")
    assert visitor.is_wrong("contact_name") and visitor.is_wrong("registration_customs")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM accounts_auditentry WHERE details::text LIKE '%script%'")
        assert cursor.fetchone() == (0,)
