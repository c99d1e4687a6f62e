"""Whoever is named to pay tax for another is one who can, answers the same to strangers whatever it is, and hears of it."""

from datetime import timedelta
from html import unescape

import pytest
from django.utils import timezone

from accounts.cast import Cast
from accounts.models import Application, Enterprise, Evidence, Membership, Notice
from accounts.models.preparation import GuaranteeKind
from accounts.onboarding import applications, surety
from accounts.onboarding.applications import NotPossible
from accounts.onboarding.kinds import GUARANTEE
from accounts.roles import EnterpriseState, MemberRole
from portal.sentences import speak
from portal.tenancy import acting_as

pytestmark = pytest.mark.django_db

NOBODY = "未找到可以代缴的企业，请核对对方的海关十位编码，或由对方先办妥担保"


def begun(cast: Cast) -> Application:
    """An application of the merchant for a guarantee."""
    merchant, user = cast.enterprises["merchant"], cast.users["merchant_administrator"]
    with acting_as(enterprise_id=merchant.pk, user_id=user.pk):
        return applications.begin(GUARANTEE, by=user, enterprise=merchant)


def told(cast: Cast, code: str, one: Application | None = None) -> dict[str, list[str]]:
    """What the merchant hears when it names that enterprise, behind its wall."""
    merchant, user = cast.enterprises["merchant"], cast.users["merchant_administrator"]
    one = one or begun(cast)
    typed = {"variety": ["agent"], "number": [""], "amount": [""], "valid_to": [""], "agent_code": [code]}
    with acting_as(enterprise_id=merchant.pk, user_id=user.pk):
        found = applications.submit(one, typed, by=user, version=one.version)
    return {name: [str(text) for text in texts] for name, texts in found.items()}


def approve(cast: Cast, one: Application) -> bool:
    """By two of the staff, behind theirs."""
    done = False
    for name in ("staff", "reviewer"):
        with acting_as(enterprise_id=None, user_id=cast.users[name].pk, role="portal_staff"):
            done = applications.approve(one, staff=cast.users[name], version=one.version)
    return done


def remarks(cast: Cast, code: str) -> str:
    with acting_as(enterprise_id=None, user_id=cast.users["staff"].pk, role="portal_staff"):
        return surety.remark(code)


def security_of(cast: Cast, key: str, **values: object) -> None:
    """Its guarantee becomes that."""
    Evidence.objects.filter(enterprise=cast.enterprises[key], item="guarantee").update(**values)


@pytest.mark.parametrize("key", ["platform", "warehouse", "direct_logistics"])
def test_one_that_is_open_and_gives_security_may_be_named(cast: Cast, key: str) -> None:
    assert told(cast, cast.enterprises[key].customs_code) == {}


def test_all_that_is_wrong_with_another_is_one_sentence(cast: Cast) -> None:
    """Unknown, suspended, not yet open, of a type that pays none: a stranger learns nothing of which it is."""
    one = begun(cast)
    warehouse = Enterprise.objects.filter(pk=cast.enterprises["warehouse"].pk)
    code = warehouse.get().customs_code
    assert told(cast, "312246DM99", one) == {"agent_code": [NOBODY]}
    for state in (EnterpriseState.SUSPENDED, EnterpriseState.DRAFT):
        warehouse.update(state=state)
        assert told(cast, code, one) == {"agent_code": [NOBODY]}
    warehouse.update(state=EnterpriseState.APPROVED)
    for key in ("payment", "bonded_logistics"):
        assert told(cast, cast.enterprises[key].customs_code, one) == {"agent_code": [NOBODY]}
    assert "这是本企业的编码" in told(cast, cast.enterprises["merchant"].customs_code, one)["agent_code"][0]
    security_of(cast, "warehouse", replaced=True)  # its own affair: staff are asked
    assert told(cast, code, one) == {}


@pytest.mark.parametrize(
    "values",
    [
        {"replaced": True},
        {"variety": GuaranteeKind.AGENT, "amount": None},
        {"amount": 0},
        {"variety": GuaranteeKind.LETTER, "valid_to": timezone.localdate() - timedelta(days=1)},
    ],
    ids=["none", "guaranteed for itself", "nothing left of it", "ended"],
)
def test_who_has_no_security_of_its_own_is_not_approved(cast: Cast, values: dict[str, object]) -> None:
    one = begun(cast)
    code = cast.enterprises["warehouse"].customs_code
    assert told(cast, code, one) == {}
    security_of(cast, "warehouse", **values)
    assert "没有在有效期内的担保，不能通过" in remarks(cast, code)
    with pytest.raises(NotPossible, match="没有在有效期内的担保"):
        approve(cast, one)
    assert not Evidence.objects.filter(enterprise=cast.enterprises["merchant"], variety="agent").exists()


def test_one_suspended_meanwhile_is_not_approved(cast: Cast) -> None:
    one = begun(cast)
    warehouse = cast.enterprises["warehouse"]
    assert told(cast, warehouse.customs_code, one) == {}
    Enterprise.objects.filter(pk=warehouse.pk).update(state=EnterpriseState.SUSPENDED)
    assert "未登记、未开通" in remarks(cast, warehouse.customs_code)
    with pytest.raises(NotPossible):
        approve(cast, one)


def test_a_letter_on_its_last_day_still_counts_and_staff_see_name_limit_and_day(cast: Cast, client_of) -> None:
    one = begun(cast)
    warehouse, today = cast.enterprises["warehouse"], timezone.localdate()
    security_of(cast, "warehouse", variety=GuaranteeKind.LETTER, number="BH-1", amount=3000, valid_to=today)
    assert told(cast, warehouse.customs_code, one) == {}
    said = f"代缴企业“{warehouse.name}”：银行保函 BH-1，额度 3,000.00 元，有效期至 {today}"
    assert remarks(cast, warehouse.customs_code) == said
    page = client_of("staff").get(f"/admin/accounts/application/{one.pk}/change/")
    assert said in unescape(page.content.decode())
    assert approve(cast, one)


def test_who_is_named_hears_of_it_when_it_is_approved(cast: Cast) -> None:
    one = begun(cast)
    warehouse, merchant = cast.enterprises["warehouse"], cast.enterprises["merchant"]
    heads = {
        role: Membership.objects.create(user=cast.users[name], enterprise=warehouse, roles=[role]).user
        for role, name in ((MemberRole.ADMINISTRATOR, "stranger"), (MemberRole.FINANCE, "merchant_finance"))
    }
    assert told(cast, warehouse.customs_code, one) == {}
    Notice.objects.all().delete()
    assert approve(cast, one)
    said = f"“{merchant.name}”（{merchant.customs_code}）登记由本企业代缴税款，已审核通过；有异议请拨打服务热线"
    for user in heads.values():
        assert said in [speak(told.text) for told in Notice.objects.filter(user=user, enterprise=warehouse)]
    assert said not in [speak(told.text) for told in Notice.objects.filter(user=cast.users["warehouse_filer"])]
    held = Evidence.objects.get(enterprise=merchant, item="guarantee", replaced=False)
    assert (held.variety, held.number) == ("agent", warehouse.customs_code)
