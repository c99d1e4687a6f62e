"""企业代码变更: another credit code or customs code, when an authority gave the enterprise another.

One of the staff hands it in with the paper that shows it, another decides (``Kind.by_staff``): everybody knows an enterprise
by these two, so neither it nor a single one of us changes them. Who else keeps them: ``numbers_elsewhere.py``.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.credentials import change_in_turn
from accounts.models import Application, Enterprise, Paper, Profile, User
from accounts.models.applications import ENDED, WAITS_FOR_STAFF
from accounts.onboarding import types
from accounts.onboarding.forms import RegisteredForm, said_once
from accounts.onboarding.numbers_elsewhere import Elsewhere
from accounts.onboarding.offices import OFFICES
from accounts.onboarding.same_numbers import NUMBERS, open_with, taken
from accounts.onboarding.typed import enterprise_of
from accounts.roles import Environment

KIND = "enterprise_numbers"
#: The paper that shows each number.
PROOFS: Mapping[str, str] = {"credit_code": "business_licence", "customs_code": "customs_certificate"}
#: Who knows how many lists hold something of the guarantee of an enterprise: customs settles them under its code. Filled by
#: the folder above that keeps the books, as it is started.
guaranteed: list[Callable[[Enterprise], int]] = []
#: Who knows how many lists of others are under way that name an enterprise by one of some codes. Filled likewise.
naming: list[Callable[[Enterprise, Collection[str]], int]] = []


class NumbersForm(RegisteredForm):
    """企业代码变更: both numbers as they are to be, the office that registered it, and why."""

    name = None  # type: ignore[assignment]

    reason = said_once(
        forms.CharField(
            label=gettext_lazy("变更原因"),
            max_length=200,
            widget=forms.TextInput(attrs={"size": 50}),
            help_text=gettext_lazy("如：换发营业执照、迁址后重新备案；企业管理员看得到"),
        )
    )


def in_force(enterprise: Enterprise) -> dict[str, Sequence[str]]:
    """What is in force, as the form would send it."""
    held = Profile.objects.filter(enterprise=enterprise).first()
    office = held.registration_customs if held else ""
    return {**{name: [getattr(enterprise, name)] for name in NUMBERS}, "registration_customs": [office]}


def proposed(enterprise: Enterprise) -> Application | None:
    """The change that waits for a decision."""
    asked = Application.objects.filter(enterprise=enterprise, kind=KIND)
    return asked.exclude(state__in=ENDED).defer("content").first()


def why_not_these(application: Application, cleaned: Mapping[str, Any]) -> dict[str, list[str]]:
    """The gate: a number changes, nobody else has it, its paper is there, and nothing is under way by the old one."""
    enterprise = enterprise_of(application)
    changed = _changed(enterprise, cleaned)
    if not changed & set(NUMBERS):
        told = _("两个代码都与现行的相同，没有要变更的；只变注册地海关的，由企业在“企业资料变更”申请")
        return {"__all__": [told]}
    problems = taken(cleaned, but=enterprise)
    for name in NUMBERS:
        if name in changed and (others := _also_asked(application, cleaned[name])):
            told = _("另一份待审核的申请“%(name)s”也填了这个号码，请先办结那一份")
            problems.setdefault(name, []).extend(told % {"name": other} for other in others)
    for name, slot in PROOFS.items():
        if name in changed and _paper(application, slot) is None:
            label = NumbersForm.base_fields[name].label
            problems[slot] = [_("%(number)s有变，请上传写有新代码的材料") % {"number": label}]
    held = _held(enterprise, cleaned)
    return problems | {"__all__": held} if held else problems


def _changed(enterprise: Enterprise, cleaned: Mapping[str, Any]) -> set[str]:
    return {name for name, now in in_force(enterprise).items() if [cleaned[name]] != now}


def _also_asked(application: Application, number: str) -> list[str]:
    """The applications of others for this number that staff can decide on; what was sent back is shown beside the review."""
    found = open_with([number]).filter(application__state__in=WAITS_FOR_STAFF)
    others = found.exclude(application__enterprise=application.enterprise).select_related("application")
    return [str(one.application) for one in others.order_by("application_id")]


def _held(enterprise: Enterprise, cleaned: Mapping[str, Any]) -> list[str]:
    """What is under way by the old numbers: customs answers and settles it by them."""
    found = [one for ask in types.holding for one in ask(enterprise, ())]
    told = _("还有 %(count)s 票%(kind)s用现在的代码申报、没有办结，请企业等海关办结，或撤销后再变更")
    held = [told % {"count": count, "kind": kind} for count, kind in found]
    if lists := sum(ask(enterprise) for ask in guaranteed):
        told = _("还有 %(count)s 票清单占用这家企业的担保额度，海关按现在的代码核销，请等税款缴清、额度释放后再变更")
        held.append(told % {"count": lists})
    leaving = {getattr(enterprise, name) for name in NUMBERS if getattr(enterprise, name) != cleaned[name]}
    if others := sum(ask(enterprise, leaving) for ask in naming):
        told = _("其他企业还有 %(count)s 票清单写着要变更的代码、没有办结，请等海关办结，或由申报企业撤销后再变更")
        held.append(told % {"count": others})
    return held


def what_follows(application: Application, cleaned: Mapping[str, Any]) -> list[str]:
    """What staff should see: whom and what else the approval touches."""
    enterprise = enterprise_of(application)
    now = {name: cleaned[name] for name in NUMBERS}
    return Elsewhere.of(enterprise, now).in_words() if _changed(enterprise, cleaned) & set(NUMBERS) else []


def warn(enterprise: Enterprise, cleaned: Mapping[str, Any]) -> None:
    """Tell its administrators, while there is time, what no list could follow any more once this is approved."""
    Elsewhere.of(enterprise, {name: cleaned[name] for name in NUMBERS}).warn()


def change_numbers(application: Application, cleaned: Mapping[str, Any], staff: User) -> None:
    """They are in force from now on; what was filed keeps those it was filed under."""
    enterprise = enterprise_of(application)
    for environment in Environment:  # before the enterprise, as whoever waits for that may have this already
        change_in_turn(enterprise, environment)
    enterprise = Enterprise.objects.select_for_update().get(pk=enterprise.pk)
    # Whoever was filing at the gate is through now, and whoever files from now on waits.
    if held := _held(enterprise, cleaned):
        raise ValidationError(held)
    office = cleaned["registration_customs"]
    moved = "registration_customs" in _changed(enterprise, cleaned)
    elsewhere = Elsewhere.of(enterprise, {name: cleaned[name] for name in NUMBERS})
    with connection.cursor() as cursor:
        ending = [one.pk for one in elsewhere.certificates]
        cursor.execute("SELECT accounts_change_numbers(%s, %s::bigint[])", [application.pk, ending])
    enterprise.refresh_from_db()
    if any(getattr(enterprise, name) != cleaned[name] for name in NUMBERS):
        raise ValidationError(_("企业的代码没有变更：审核的内容与提出的不一致。请不予通过，由同事重新提出"))
    _keep_profile(application, office, moved=moved)
    if moved and (found := OFFICES.get(office)) and found.district:
        enterprise.customs_district = found.district
        enterprise.save(update_fields=["customs_district"])
    elsewhere.tell(application, staff)


def _keep_profile(application: Application, office: str, *, moved: bool) -> None:
    """The office, and the licence that shows the new number, in the place of those before."""
    said: dict[str, Any] = {"registration_customs": office} if moved else {}
    if licence := _paper(application, PROOFS["credit_code"]):
        said["business_licence"] = licence
    if said:
        said |= {"application": application, "since": timezone.now()}
        Profile.objects.update_or_create(enterprise=application.enterprise, defaults=said)


def _paper(application: Application, slot: str) -> Paper | None:
    return application.papers.filter(slot=slot, replaced=False).defer("content").first()
