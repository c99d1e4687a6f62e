"""The evidence of each item of the preparation: what is asked for, and how it comes into force.

A form cannot know whose it is, so what depends on the enterprise is the gate of the kind: asked when it is handed in, and of
staff again. What depends on other enterprises is asked at the approval alone, and told to staff only.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.dispatch import Signal
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.codes import check_customs_code, check_dxp_id
from accounts.models import Application, Enterprise, Evidence, User
from accounts.models.preparation import FiledType, GuaranteeKind, Medium, SigningWay
from accounts.onboarding import surety
from accounts.onboarding.forms import NOT_A_URL, CodeField
from accounts.onboarding.preparation import (
    ITEMS,
    VISIT_WITHIN,
    Item,
    always_visits,
    is_needed,
    item_of_kind,
    ticks_fit,
    ticks_of,
)
from accounts.onboarding.turns import HELD, NEVER, NOW, Turn, When, later
from accounts.onboarding.typed import enterprise_of
from portal.calendar import last_of_working_days
from portal.money import money
from portal.widgets import DayInput

Effect = Callable[[Application, Mapping[str, Any], User], None]

#: A guarantee is verified, in the transaction of its approval: ``evidence``, ``staff``. The books, which stand above accounts
#: and cannot be called from here, bring their limit to it (``ledger/limits.py``), or refuse with a ValidationError.
guarantee_verified = Signal()

#: How far the card centre has come with a card.
CARD_PROGRESS = (
    ("audited", gettext_lazy("审核通过，待付费")),
    ("paid", gettext_lazy("已付费，可退款")),
    ("done", gettext_lazy("已办结，不可退款")),
)


def _lies_in_the_past(day: date) -> None:
    if day > timezone.localdate():
        raise ValidationError(_("日期在将来，请核对"))


class CardForm(forms.Form):
    """电子口岸 IC 卡或 Ikey."""

    medium = forms.ChoiceField(label=gettext_lazy("介质"), choices=Medium.choices)
    number = forms.RegexField(
        r"^[0-9A-Za-z-]{6,40}\Z",
        label=gettext_lazy("卡号"),
        help_text=gettext_lazy("印在卡面或 Ikey 上，只有字母、数字和短横"),
        error_messages={"invalid": gettext_lazy("卡号不对，请对照卡面填写 6 到 40 位字母、数字")},
    )
    progress = forms.ChoiceField(
        label=gettext_lazy("制卡进度"),
        choices=CARD_PROGRESS,
        help_text=gettext_lazy("没有办结可以先保存，办结后再提交"),
    )

    def clean_progress(self) -> str:
        """Only what is finished is evidence; until then the form is kept unfinished."""
        progress: str = self.cleaned_data["progress"]
        if progress != "done":
            raise ValidationError(_("制卡中心还没有办结：请先保存，办结后改为“已办结”再提交"))
        return progress


class TypeFilingForm(forms.Form):
    """电商企业类型备案."""

    filed_types = forms.MultipleChoiceField(
        label=gettext_lazy("已勾选的类型"),
        choices=FiledType.choices,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("与关企合作平台上勾选的一致；那里的监管场所运营人，即本平台的监管场所经营人"),
    )
    website = forms.URLField(label=gettext_lazy("企业网址"), assume_scheme="https", error_messages=NOT_A_URL)
    filed_on = forms.DateField(label=gettext_lazy("网上提交日期"), widget=DayInput, validators=[_lies_in_the_past])
    visited_on = forms.DateField(
        label=gettext_lazy("现场验核日期"),
        widget=DayInput,
        required=False,
        validators=[_lies_in_the_past],
        help_text=gettext_lazy(
            "物流企业、支付企业须在网上提交后 10 个工作日内带许可证到注册地海关验核；其他企业只在海关要求时"
        ),
    )

    def clean(self) -> dict[str, Any]:
        """Nobody is verified before the filing."""
        cleaned = super().clean() or self.cleaned_data
        filed, visited = cleaned.get("filed_on"), cleaned.get("visited_on")
        if filed and visited and visited < filed:
            self.add_error("visited_on", _("现场验核不会早于网上提交，请核对两个日期"))
        return cleaned


class CertificateForm(forms.Form):
    """加密证书: with what the enterprise signs."""

    way = forms.ChoiceField(
        label=gettext_lazy("加签方式"),
        choices=SigningWay.choices,
        help_text=gettext_lazy(
            "在页面上申报的由本平台加签，上线前还要在“证书与加签”登记密钥在本平台的证书；卡和 Ikey 只供企业自己的系统加签"
        ),
    )
    number = forms.RegexField(
        r"^[0-9A-Za-z-]{6,60}\Z",
        label=gettext_lazy("证书编号"),
        required=False,
        help_text=gettext_lazy("用加密机时必填，申请传输 ID 时也要填它"),
        error_messages={"invalid": gettext_lazy("证书编号不对，请填 6 到 60 位字母、数字")},
    )

    def clean(self) -> dict[str, Any]:
        """The device has a certificate of its own."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("way") == SigningWay.DEVICE and not cleaned.get("number") and "number" not in self.errors:
            self.add_error("number", _("用加密机加签，请填写制卡中心给出的证书编号"))
        return cleaned


class TransmissionForm(forms.Form):
    """申报传输 ID."""

    dxp_id = CodeField(
        label=gettext_lazy("申报传输编号"),
        max_length=16,
        validators=[check_dxp_id],
        help_text=gettext_lazy("DXPENT 加 10 位数字；没有它不能向海关发送"),
    )


class GuaranteeForm(forms.Form):
    """担保金账户."""

    variety = forms.ChoiceField(label=gettext_lazy("担保方式"), choices=GuaranteeKind.choices)
    number = forms.CharField(
        label=gettext_lazy("账户或保函编号"), max_length=60, required=False, help_text=gettext_lazy("由他人代缴时不填")
    )
    amount = forms.DecimalField(
        label=gettext_lazy("担保额度（元）"),
        max_digits=15,
        decimal_places=2,
        min_value=Decimal("0.01"),
        required=False,
        help_text=gettext_lazy("由他人代缴时不填；额度须两人审核"),
    )
    valid_to = forms.DateField(
        label=gettext_lazy("保函有效期至"), widget=DayInput, required=False, help_text=gettext_lazy("保证金不填")
    )
    agent_code = CodeField(
        label=gettext_lazy("代缴企业海关编码"),
        max_length=10,
        required=False,
        validators=[check_customs_code],
        help_text=gettext_lazy(
            "只在由仓储、物流企业代缴时填写；清单的担保企业只能是清单上的电商平台、电商企业或物流企业之一"
        ),
    )

    def clean(self) -> dict[str, Any]:
        """Each kind has columns of its own; those of another kind are left out."""
        cleaned = super().clean() or self.cleaned_data
        variety = cleaned.get("variety")
        own = {
            GuaranteeKind.DEPOSIT.value: ("number", "amount"),
            GuaranteeKind.LETTER.value: ("number", "amount", "valid_to"),
            GuaranteeKind.AGENT.value: ("agent_code",),
        }.get(variety or "", ())
        for name in ("number", "amount", "valid_to", "agent_code"):
            if variety and name not in own:
                self.errors.pop(name, None)
                cleaned[name] = None if name in ("amount", "valid_to") else ""
            elif name in own and not cleaned.get(name) and name not in self.errors:
                self.add_error(name, _("请填写这一栏"))
        end = cleaned.get("valid_to")
        if end and end < timezone.localdate():
            self.add_error("valid_to", _("保函已于 %(day)s 到期，请换有效的保函") % {"day": end.isoformat()})
        return cleaned


# --- whose turn it is, and what stands in the way ------------------------------------------------------------------------


def turn_of(kind: str) -> Callable[[Enterprise], Turn]:
    """When the evidence of that kind of application is asked for: item after item, as each needs the one before."""

    def turn(enterprise: Enterprise) -> Turn:
        item = item_of_kind(kind)
        assert item is not None
        if not is_needed(item, enterprise.types):
            return NEVER
        held = held_by(enterprise)
        if kind in held:
            return HELD
        before = _waits_for(item, held)
        return later(_("等第 %(number)s 项“%(item)s”核验之后") % before) if before else NOW

    return turn


def turn_of_guarantee(enterprise: Enterprise) -> Turn:
    """The same, but for a bank's letter, which waits for nothing."""
    turn = turn_of("guarantee")(enterprise)
    return later(_("%(why)s；银行保函约需 1 个月，可以提前办") % {"why": turn.why}) if turn.why else turn


def turn_of_agency(enterprise: Enterprise) -> Turn:
    """The errand for the certificate: in its turn, and again for another."""
    turn = turn_of("signing_certificate")(enterprise)
    return Turn(When.HELD, _("到期换发，或遗失、损坏补办")) if turn == HELD else turn


def why_no_agency(application: Application, cleaned: Mapping[str, Any]) -> dict[str, list[str]]:
    """The gate of the errand: it is in its turn."""
    turn = turn_of_agency(enterprise_of(application))
    if turn == NEVER:
        return {"__all__": [_("本企业的类型不需要“%(item)s”，不用申请") % {"item": _("加密证书")}]}
    if turn.when == When.LATER:
        return {"__all__": [_("还不能代办：%(why)s") % {"why": turn.why}]}
    return {}


def why_not_yet(application: Application, cleaned: Mapping[str, Any]) -> dict[str, list[str]]:
    """The gate of every item: one this enterprise needs, with all before it verified."""
    item, types = item_of_kind(application.kind), enterprise_of(application).types
    assert item is not None
    if not is_needed(item, types):
        return {"__all__": [_("本企业的类型不需要“%(item)s”，不用申请") % {"item": item.label}]}
    before = _waits_for(item, held_by(enterprise_of(application)))
    told = _("第 %(number)s 项“%(item)s”还没有核验，后面要用它的结果；请先办好这一项")
    return {"__all__": [told % before]} if before else {}


def why_no_type_filing(application: Application, cleaned: Mapping[str, Any]) -> dict[str, list[str]]:
    """The gate of the type filing: its ticks are those of the enterprise's types, and who has to be visited was."""
    enterprise = enterprise_of(application)
    if not enterprise.types:
        return {"__all__": [_("企业还没有登记类型，不能核对勾选；请先办理“企业类型登记”")]}
    refused = why_not_yet(application, cleaned)
    if not ticks_fit(cleaned["filed_types"], enterprise.types, enterprise.depot):
        wanted = _("、").join(str(one.label) for one in ticks_of(enterprise.types, enterprise.depot))
        refused["filed_types"] = [
            _("勾选的类型与企业类型不符，应勾选：%(wanted)s。请先在关企合作平台改正，再照改正后的填写")
            % {"wanted": wanted}
        ]
    if always_visits(enterprise.types) and not cleaned["visited_on"]:
        refused["visited_on"] = [_("物流企业、支付企业须到注册地海关现场验核许可证；请先暂存，验核后填写日期再提交")]
    return refused


def transmission_remarks(application: Application, cleaned: Mapping[str, Any]) -> list[str]:
    """What staff should see of a transmission number: imports and exports are applied for apart, so one for both is rare."""
    others = Evidence.objects.filter(
        enterprise=enterprise_of(application), number=cleaned["dxp_id"], replaced=False, ended=None
    )
    if not others.filter(item__in=("dxp_import", "dxp_export")).exclude(item=application.kind).exists():
        return []
    return [_("进口和出口填了同一个编号；两者分开申请，请核对数据中心的通知")]


def why_no_guarantee(application: Application, cleaned: Mapping[str, Any]) -> dict[str, list[str]]:
    """The gate of the guarantee: a bank's letter waits for nothing, as it takes a month; who pays for another may."""
    item = item_of_kind(application.kind)
    assert item is not None
    if cleaned["variety"] == GuaranteeKind.LETTER and is_needed(item, enterprise_of(application).types):
        return {}
    refused = why_not_yet(application, cleaned)
    if cleaned["variety"] == GuaranteeKind.AGENT and (
        why := surety.why_not(enterprise_of(application), cleaned["agent_code"])
    ):
        refused["agent_code"] = [why]
    return refused


def visit_remarks(application: Application, cleaned: Mapping[str, Any]) -> list[str]:
    """What staff should see of a visit: customs asks for it within ten working days of the filing."""
    filed, visited = cleaned["filed_on"], cleaned["visited_on"]
    if not visited:
        return []
    until = last_of_working_days(filed + timedelta(days=1), VISIT_WITHIN)
    if visited <= until:
        return []
    words = {"visited": visited.isoformat(), "filed": filed.isoformat(), "until": until.isoformat()}
    return [
        _("%(visited)s 才现场验核，超过网上提交（%(filed)s）后 10 个工作日（到 %(until)s）；请核对海关是否受理") % words
    ]


def held_by(enterprise: Enterprise) -> set[str]:
    """The kinds of which the enterprise holds evidence that counts."""
    held = Evidence.objects.filter(enterprise=enterprise, replaced=False)
    return {one.item for one in held if counts(one, enterprise, timezone.localdate())}


def counts(held: Evidence, enterprise: Enterprise, today: date) -> bool:
    """Whether what is in force still shows what it was taken for."""
    return not why_lapsed(held, enterprise, today)


def why_lapsed(held: Evidence, enterprise: Enterprise, today: date) -> str:
    """Why it does not any more: voided, a letter past its last day, a filing of other types than those of now. Empty if it does."""
    if held.ended:
        return _("已作废：%(reason)s") % {"reason": held.end_reason}
    if not held.is_valid_on(today):
        return _("已于 %(day)s 到期") % {"day": held.valid_to}
    is_of_types = held.item == "type_filing" and enterprise.types
    if is_of_types and not ticks_fit(held.filed_types, enterprise.types, enterprise.depot):
        return _("企业类型变了，与备案时勾选的不符")
    return ""


def guarantee_remarks(application: Application, cleaned: Mapping[str, Any]) -> list[str]:
    """What staff should see of a guarantee: who pays instead, and the limit in force, which the approval replaces."""
    told = [surety.remark(cleaned["agent_code"])] if cleaned["variety"] == GuaranteeKind.AGENT else []
    held = Evidence.objects.filter(
        enterprise=enterprise_of(application), item=application.kind, replaced=False, ended=None
    )
    in_force = held.first()
    if in_force is None or in_force.amount is None:
        return told
    words = {"limit": money(in_force.amount), "since": timezone.localdate(in_force.since).isoformat()}
    if not cleaned["amount"]:
        return [*told, _("现行额度 %(limit)s 元（%(since)s 核验）；通过后企业不再有自己的额度") % words]
    words["wanted"] = money(cleaned["amount"])
    return [*told, _("现行额度 %(limit)s 元（%(since)s 核验）；通过后额度为 %(wanted)s 元，不是在其上增加") % words]


def _waits_for(item: Item, held: Collection[str]) -> dict[str, Any]:
    """The first item before this one that is not verified, as number and name; empty where there is none."""
    for number, before in enumerate(ITEMS, start=1):
        if before is item:  # of an item with several applications none waits for another
            break
        # What follows waits for the first of them.
        if before.kinds and before.kinds[0] not in held:
            return {"number": number, "item": before.label}
    return {}


# --- in force -----------------------------------------------------------------------------------------------------------


def in_force_of(kind: str) -> Callable[[Enterprise, str], Mapping[str, Sequence[str]]]:
    """What was verified last by that kind of application, as its form would send it."""

    def in_force(enterprise: Enterprise, topic: str) -> Mapping[str, Sequence[str]]:
        held = Evidence.objects.filter(enterprise=enterprise, item=kind, replaced=False, ended=None).first()
        if held is None:
            return {}
        says = {name: [text] for name, text in _columns(held).items()}
        return says | {"filed_types": held.filed_types} if kind == "type_filing" else says

    return in_force


def _columns(held: Evidence) -> dict[str, str]:
    if held.item == "ic_card":
        return {"medium": held.variety, "number": held.number, "progress": "done"}
    if held.item == "type_filing":  # its days are those of each filing
        return {"website": held.website}
    if held.item == "signing_certificate":
        return {"way": held.variety, "number": held.number}
    if held.item in ("dxp_import", "dxp_export"):
        return {"dxp_id": held.number}
    amount, end = str(held.amount or ""), held.valid_to.isoformat() if held.valid_to else ""
    number = "agent_code" if held.variety == GuaranteeKind.AGENT else "number"
    return {"variety": held.variety, number: held.number, "amount": amount, "valid_to": end}


def keep_card(application: Application, cleaned: Mapping[str, Any], staff: User) -> None:
    """The card is verified."""
    _keep(application, number=cleaned["number"], variety=cleaned["medium"])


def keep_type_filing(application: Application, cleaned: Mapping[str, Any], staff: User) -> None:
    """The filing is verified."""
    _keep(application, filed_types=cleaned["filed_types"], website=cleaned["website"])


def keep_certificate(application: Application, cleaned: Mapping[str, Any], staff: User) -> None:
    """The way of signing is verified."""
    _keep(application, number=cleaned["number"], variety=cleaned["way"])


def keep_transmission(application: Application, cleaned: Mapping[str, Any], staff: User) -> None:
    """The transmission number is verified; that of imports is what messages are sent under from now on."""
    enterprise, number = enterprise_of(application), cleaned["dxp_id"]
    others = Evidence.objects.filter(item__in=("dxp_import", "dxp_export"), number=number, replaced=False, ended=None)
    taken = Enterprise.objects.filter(dxp_id=number).exclude(pk=enterprise.pk).exists()
    if taken or others.exclude(enterprise=enterprise).exists():
        raise ValidationError(
            _("编号 %(number)s 已登记在另一家企业名下，请向数据分中心核实后退回") % {"number": number}
        )
    _keep(application, number=number)
    if application.kind == "dxp_import":
        enterprise.dxp_id = number
        enterprise.save(update_fields=["dxp_id"])


def keep_guarantee(application: Application, cleaned: Mapping[str, Any], staff: User) -> None:
    """The guarantee is verified, and the books follow it.

    The enterprise first, as whoever confirms a change of its limit takes it before the evidence too.
    """
    Enterprise.objects.select_for_update(no_key=True).get(pk=enterprise_of(application).pk)
    if cleaned["variety"] == GuaranteeKind.AGENT:
        surety.take_on(enterprise_of(application), cleaned["agent_code"])
    kept = _keep(
        application, variety=cleaned["variety"], number=cleaned["agent_code"] or cleaned["number"],
        amount=cleaned["amount"], valid_to=cleaned["valid_to"],
    )  # fmt: skip
    guarantee_verified.send(Evidence, evidence=kept, staff=staff)


def _keep(application: Application, **said: Any) -> Evidence:
    """In force from now on, in place of what was."""
    enterprise = enterprise_of(application)
    Evidence.objects.filter(enterprise=enterprise, item=application.kind, replaced=False).update(replaced=True)
    return Evidence.objects.create(enterprise=enterprise, item=application.kind, application=application, **said)
