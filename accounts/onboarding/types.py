"""企业类型登记: the types an enterprise is registered under, each with the licence it needs.

The form says the whole of what is wanted: it begins filled with what is in force, and what is no longer ticked is given up.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Application, Enterprise, Licence, Paper, Qualification, Service, User
from accounts.onboarding.forms import asked_later, belonging
from accounts.onboarding.papers_on_file import OnFile
from accounts.onboarding.services import tell_whom_it_cleared
from accounts.onboarding.turns import HELD, NOW, Turn
from accounts.roles import Depot, EnterpriseType
from portal.widgets import DayInput

INTERNET_PAYMENT = "互联网支付"  # untranslated: as the licence has it
INTERNATIONAL = "国际快递"  # untranslated: as the licence has it
#: Who may run a venue beside what they are: nobody applies for a venue alone.
MAY_RUN_VENUE = frozenset({EnterpriseType.DIRECT_LOGISTICS, EnterpriseType.WAREHOUSE})
#: What the columns of a licence begin with → the type they are for.
GROUPS: Mapping[str, EnterpriseType] = {
    "express": EnterpriseType.BONDED_LOGISTICS,
    "international": EnterpriseType.DIRECT_LOGISTICS,
    "payment": EnterpriseType.PAYMENT,
}
#: Which paper of the registration shows each licence.
PAPERS: Mapping[str, str] = {
    "express": "express_licence",
    "international": "international_licence",
    "payment": "payment_licence_copy",
}
#: What a licence says, as it is asked for and as it is kept.
SAID = ("number", "scope", "valid_from", "valid_to")
#: Who knows what is under way that nobody could look after once an enterprise has some types alone: (enterprise, the types
#: that stay) → how many of what. Filled by the folders above, which know documents, as they are started.
holding: list[Callable[[Enterprise, Collection[str]], list[tuple[int, Any]]]] = []

_EXPRESS, _INTERNATIONAL, _PAYMENT = (
    Licence.EXPRESS.label,
    Licence.INTERNATIONAL_EXPRESS.label,
    gettext_lazy("金融或支付许可证"),
)


def _number(licence: Any) -> forms.CharField:
    return forms.CharField(
        label=format_lazy("{}{}{}", licence, gettext_lazy("："), gettext_lazy("编号")), max_length=60, required=False
    )


def _scope(licence: Any, note: Any = "") -> forms.CharField:
    return forms.CharField(
        label=format_lazy("{}{}{}", licence, gettext_lazy("："), gettext_lazy("业务范围")),
        max_length=300,
        required=False,
        help_text=note,
    )


def _day(licence: Any, which: Any, note: Any = "") -> forms.DateField:
    label = format_lazy("{}{}{}", licence, gettext_lazy("："), which)
    return forms.DateField(label=label, required=False, widget=DayInput(), help_text=note)


class TypesForm(forms.Form):
    """Which types, whose depot, and the licences. Columns of a type that is not ticked are left out."""

    types = forms.MultipleChoiceField(
        label=gettext_lazy("企业类型"),
        choices=EnterpriseType.choices,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy(
            "勾选企业今后的全部类型，取消勾选的即放弃。电商平台：境内经营交易网站；电商企业：境外商家的境内代理人；"
            "支付企业：银行或支付机构；直购物流企业：承运直购进口（9610）的国际快递、邮政，可以报关；"
            "保税物流企业：派送保税进口（1210）的国内快递、邮政；保税仓储企业：区内仓储和报关；"
            "监管场所经营人：只能与直购物流企业或保税仓储企业同时登记"
        ),
    )
    depot = forms.ChoiceField(
        label=gettext_lazy("直购物流的库"),
        choices=(
            ("", gettext_lazy("不做直购物流")),
            *Depot.choices,
        ),
        required=False,
        help_text=gettext_lazy("自有库须同时勾选监管场所经营人；用公共库的，由公共库的经营企业登记"),
    )
    international_number = _number(_INTERNATIONAL)
    international_scope = _scope(_INTERNATIONAL, gettext_lazy("须含“国际快递”"))
    international_valid_from = _day(_INTERNATIONAL, gettext_lazy("有效期自"))
    international_valid_to = _day(_INTERNATIONAL, gettext_lazy("有效期至"), gettext_lazy("最后一天仍可申报"))
    operator_number = forms.CharField(
        label=gettext_lazy("进出境快件运营人登记编号"),
        max_length=60,
        required=False,
    )
    express_number = _number(_EXPRESS)
    express_scope = _scope(_EXPRESS)
    express_valid_from = _day(_EXPRESS, gettext_lazy("有效期自"))
    express_valid_to = _day(_EXPRESS, gettext_lazy("有效期至"), gettext_lazy("最后一天仍可申报"))
    payment_licence = forms.ChoiceField(
        label=gettext_lazy("支付企业的许可证"),
        choices=(
            ("", gettext_lazy("不做支付")),
            (Licence.FINANCE.value, gettext_lazy("银行：金融许可证（金融业务许可证）")),
            (Licence.PAYMENT.value, gettext_lazy("非银行支付机构：支付业务许可证（第三方支付牌照）")),
        ),
        required=False,
    )
    payment_number = _number(_PAYMENT)
    payment_scope = _scope(_PAYMENT, gettext_lazy("支付业务许可证的业务类型须含“互联网支付”；金融许可证可不填"))
    payment_valid_from = _day(_PAYMENT, gettext_lazy("有效期自"))
    payment_valid_to = _day(_PAYMENT, gettext_lazy("有效期至"), gettext_lazy("证上写长期有效的不填；最后一天仍可申报"))

    giving_up = asked_later(
        forms.BooleanField(
            label=gettext_lazy("确认放弃取消勾选的类型"),
            required=False,
            help_text=gettext_lazy("通过后，所放弃类型的服务随即终止，许可证不再使用；通过之前一切照旧"),
        )
    )

    def clean(self) -> dict[str, Any]:
        """The rules between the types, and of each licence."""
        cleaned = super().clean() or self.cleaned_data
        types = set(cleaned.get("types", ()))
        if types:
            self._check_venue(types)
        for group, of_type in GROUPS.items():
            if of_type in types:
                self._check_licence(group)
            else:
                self._leave_out(group)
        if EnterpriseType.DIRECT_LOGISTICS in types:
            self._require("operator_number")
        else:
            self._leave_out("operator")
        return cleaned

    def _check_venue(self, types: set[str]) -> None:
        venue, direct = EnterpriseType.VENUE in types, EnterpriseType.DIRECT_LOGISTICS in types
        depot = self.cleaned_data.get("depot")
        if venue and not types & MAY_RUN_VENUE:
            self.add_error(
                "types",
                _("不能单独登记监管场所：公共监管场所由平台与园区开设；自有库请同时勾选直购物流企业或保税仓储企业"),
            )
        if direct and not depot:
            self.add_error("depot", _("请选择直购物流用自有库还是公共库"))
        elif direct and depot == Depot.OWN and not venue:
            self.add_error("types", _("用自有库的直购物流企业还要勾选监管场所经营人"))
        elif direct and depot == Depot.PUBLIC and venue and EnterpriseType.WAREHOUSE not in types:
            self.add_error("types", _("用公共库的直购物流企业不勾选监管场所经营人，由公共库的经营企业登记"))
        elif depot and not direct:
            self.cleaned_data["depot"] = ""

    def _check_licence(self, group: str) -> None:
        cleaned, today = self.cleaned_data, timezone.localdate()
        which = cleaned.get("payment_licence") if group == "payment" else ""
        if group == "payment":
            self._require("payment_licence")
        self._require(f"{group}_number", f"{group}_valid_from")
        if group != "payment":
            self._require(f"{group}_valid_to")
        if which != Licence.FINANCE:
            self._require(f"{group}_scope")
        scope = cleaned.get(f"{group}_scope") or ""
        if which == Licence.PAYMENT and scope and INTERNET_PAYMENT not in scope:
            self.add_error(
                "payment_scope", _("业务类型里没有“互联网支付”，不能申报支付单；请换含互联网支付的许可证，并照证填写")
            )
        if group == "international" and scope and INTERNATIONAL not in scope:
            self.add_error("international_scope", _("业务范围里没有国际快递；请换含国际快递的许可证，并照证填写"))
        first, last = cleaned.get(f"{group}_valid_from"), cleaned.get(f"{group}_valid_to")
        if first and first > today:
            self.add_error(
                f"{group}_valid_from",
                _("%(day)s 起才有效，请在生效后再提交；现在可以先保存") % {"day": first.isoformat()},
            )
        if first and last and last < first:
            self.add_error(f"{group}_valid_to", _("早于有效期的第一天，请照证核对"))

    def _require(self, *names: str) -> None:
        for name in names:
            if not self.cleaned_data.get(name) and name not in self.errors:
                self.add_error(name, _("勾选了这一类型，请填写这一栏"))

    def _leave_out(self, group: str) -> None:
        for name in [one for one in self.fields if one.startswith(f"{group}_")]:
            self.errors.pop(name, None)
            self.cleaned_data[name] = None if "_valid_" in name else ""


#: What is asked of one type alone is drawn while that type is ticked.
OF_TYPE = {**GROUPS, "depot": EnterpriseType.DIRECT_LOGISTICS, "operator": EnterpriseType.DIRECT_LOGISTICS}
for _name, _field in TypesForm.base_fields.items():
    if _of_type := OF_TYPE.get(_name.partition("_")[0]):
        belonging(_field, "types", _of_type.value)


# --- what is in force -----------------------------------------------------------------------------------------------------


def in_force(enterprise: Enterprise) -> dict[str, Sequence[str]]:
    """What a registration begins with: the types, the depot and the licences there are; nothing for who has none."""
    if not enterprise.types:
        return {}
    typed: dict[str, Sequence[str]] = {"types": list(enterprise.types), "depot": [enterprise.depot]}
    for one in (held for held in enterprise.licences_in_force if not held.ended):
        if one.licence == Licence.EXPRESS_OPERATOR:
            typed["operator_number"] = [one.number]
            continue
        group = group_of(one.licence)
        if group == "payment":
            typed["payment_licence"] = [one.licence]
        for name in SAID:
            value = getattr(one, name)
            typed[f"{group}_{name}"] = [str(value) if value else ""]
    return typed


def group_of(licence: str) -> str:
    """What the columns of a licence begin with."""
    if licence in (Licence.FINANCE, Licence.PAYMENT):
        return "payment"
    return "express" if licence == Licence.EXPRESS else "international"


def registered(enterprise: Enterprise, group: str) -> OnFile | None:
    """The licence that is valid today, with the paper it rests on: it serves wherever the licence has to be shown."""
    one = _licence(enterprise, group)
    return _on_file(one, group) if one and one.is_valid_on(timezone.localdate()) else None


def unchanged(enterprise: Enterprise, group: str, cleaned: Mapping[str, Any]) -> OnFile | None:
    """The licence in force with its paper, if it is the one that was typed."""
    one = _licence(enterprise, group)
    return _on_file(one, group) if one and _says(one, group, cleaned) else None


def _licence(enterprise: Enterprise, group: str) -> Qualification | None:
    wanted = [one for one in Licence if one != Licence.EXPRESS_OPERATOR and group_of(one) == group]
    return next((one for one in enterprise.licences_in_force if one.licence in wanted), None)


def _on_file(one: Qualification, group: str) -> OnFile | None:
    held = Paper.objects.filter(application=one.application_id, slot=PAPERS[group], replaced=False)
    paper = held.defer("content").first() if one.application_id else None
    words = f"{one.get_licence_display()} {one.number}"
    if one.valid_to:
        words = _("%(licence)s，有效期至 %(day)s") % {"licence": words, "day": one.valid_to.isoformat()}
    return OnFile(paper, words) if paper else None


def _says(one: Qualification | None, group: str, cleaned: Mapping[str, Any]) -> bool:
    try:
        licence, said = _licence_of(group, cleaned), _said(group, cleaned)
    except (KeyError, ValueError):  # asked while the form is not yet right
        return False
    return (
        one is not None
        and one.ended is None  # what was ended counts again only as it is registered anew
        and one.licence == licence
        and all((getattr(one, name) or None) == (said[name] or None) for name in SAID)
    )


# --- whose turn it is, and what stands in the way -----------------------------------------------------------------------------------------------


def turn(enterprise: Enterprise) -> Turn:
    """First of all: without a type nobody knows what else is needed."""
    return HELD if enterprise.types else NOW


def why_not_these(application: Application, cleaned: Mapping[str, Any]) -> dict[str, list[str]]:
    """The gate: no new licence is out of date; types are given up knowingly, and only once nothing is under way by them."""
    enterprise = application.enterprise
    assert enterprise is not None
    return _run_out(enterprise, cleaned) | _why_not_give_up(enterprise, cleaned)


def _run_out(enterprise: Enterprise, cleaned: Mapping[str, Any]) -> dict[str, list[str]]:
    """The licences out of date, but for the one in force: it stops filing by its type alone, and no change of others."""
    found, today = {}, timezone.localdate()
    for group, of_type in GROUPS.items():
        last = cleaned[f"{group}_valid_to"]
        if of_type not in cleaned["types"] or not last or last >= today:
            continue
        if not _says(_licence(enterprise, group), group, cleaned):
            told = _("已于 %(day)s 到期，请先换证，再填新证的有效期") % {"day": last.isoformat()}
            found[f"{group}_valid_to"] = [told]
    return found


def _why_not_give_up(enterprise: Enterprise, cleaned: Mapping[str, Any]) -> dict[str, list[str]]:
    lost = _given_up(enterprise, cleaned["types"])
    if not lost:
        return {}
    if held := [found for ask in holding for found in ask(enterprise, cleaned["types"])]:
        told = _("还有 %(count)s 票%(kind)s没有办结，请等海关办结后再放弃这一类型")
        return {"types": [told % {"count": count, "kind": kind} for count, kind in held]}
    if cleaned["giving_up"]:
        return {}
    given_up = _("、").join(str(EnterpriseType(one).label) for one in lost)
    text = _("将放弃%(types)s。确认请勾选") % {"types": given_up}
    if ending := _services_of(enterprise, lost):
        services = _("、").join(f"{one.get_enterprise_type_display()} {one.mode} {one.district}" for one in ending)
        text = _("将放弃%(types)s，通过后这些服务随即终止：%(services)s。确认请勾选") % {
            "types": given_up, "services": services,
        }  # fmt: skip
    return {"giving_up": [text]}


def _given_up(enterprise: Enterprise, wanted: Collection[str]) -> list[str]:
    return [one.value for one in EnterpriseType if one in enterprise.types and one not in wanted]


def _services_of(enterprise: Enterprise, types: Collection[str]) -> list[Service]:
    return list(Service.objects.filter(enterprise=enterprise, enterprise_type__in=types, ended=None))


# --- what an approval changes ---------------------------------------------------------------------------------------------


def register_types(application: Application, cleaned: Mapping[str, Any], staff: User) -> None:
    """The types are those that were ticked; each new licence takes the place of the one before it.

    What is given up takes its services and licences along: nothing is filed, and nobody is reminded, by them any more.
    """
    assert application.enterprise_id is not None
    enterprise = Enterprise.objects.select_for_update().get(pk=application.enterprise_id)
    lost = _given_up(enterprise, cleaned["types"])
    enterprise.types = [one.value for one in EnterpriseType if one in cleaned["types"]]
    enterprise.depot = cleaned["depot"]
    enterprise.save(update_fields=["types", "depot"])
    ending = _services_of(enterprise, lost)
    Service.objects.filter(pk__in=[one.pk for one in ending]).update(ended=timezone.now())
    tell_whom_it_cleared(enterprise, ending)
    for group, of_type in GROUPS.items():
        if of_type in lost:
            _end(enterprise, [one for one in Licence if one != Licence.EXPRESS_OPERATOR and group_of(one) == group])
        elif of_type in cleaned["types"] and not _says(_licence(enterprise, group), group, cleaned):
            _keep(enterprise, application, _licence_of(group, cleaned), _said(group, cleaned))
    operator = {"number": cleaned["operator_number"]}
    if EnterpriseType.DIRECT_LOGISTICS in lost:
        _end(enterprise, [Licence.EXPRESS_OPERATOR])
    elif EnterpriseType.DIRECT_LOGISTICS in cleaned["types"] and not any(
        one.licence == Licence.EXPRESS_OPERATOR and one.number == operator["number"] and one.ended is None
        for one in enterprise.licences_in_force
    ):
        _keep(enterprise, application, Licence.EXPRESS_OPERATOR, operator)


def _licence_of(group: str, cleaned: Mapping[str, Any]) -> Licence:
    if group == "payment":
        return Licence(cleaned["payment_licence"])
    return Licence.EXPRESS if group == "express" else Licence.INTERNATIONAL_EXPRESS


def _said(group: str, cleaned: Mapping[str, Any]) -> dict[str, Any]:
    return {name: cleaned[f"{group}_{name}"] for name in SAID}


def _keep(enterprise: Enterprise, application: Application, licence: Licence, said: Mapping[str, Any]) -> None:
    # A bank that becomes a payment institution, or the other way round, no longer files by its old licence.
    _end(
        enterprise, (Licence.FINANCE, Licence.PAYMENT) if licence in (Licence.FINANCE, Licence.PAYMENT) else (licence,)
    )
    Qualification.objects.create(enterprise=enterprise, application=application, licence=licence, **said)


def _end(enterprise: Enterprise, licences: Collection[Licence]) -> None:
    Qualification.objects.filter(enterprise=enterprise, licence__in=licences, replaced=False).update(replaced=True)
