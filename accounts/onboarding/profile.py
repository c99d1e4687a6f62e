"""企业资料: what was approved of an enterprise stays known, and is changed by an approval alone (企业资料变更)."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Application, Enterprise, Paper, Profile, User
from accounts.models.profile import PERSONAL, sealed
from accounts.onboarding.forms import AccountForm, kept_if_blank, why_not_that_office
from accounts.onboarding.offices import OFFICES
from accounts.onboarding.papers_on_file import OnFile

#: What a business licence proves: none of it changes without one.
ON_THE_LICENCE = frozenset({"name", "legal_representative"})
#: The paper, as every kind asks for it.
LICENCE = "business_licence"


class ChangeForm(AccountForm):
    """企业资料变更: all but the two numbers by which everybody knows the enterprise; about persons only what changes."""

    credit_code = None  # type: ignore[assignment]
    customs_code = None  # type: ignore[assignment]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].help_text = gettext_lazy(
            "与营业执照及海关备案一致。统一社会信用代码和海关十位编码不在这里变更，办法见“企业资料”页"
        )
        for name in PERSONAL:
            kept_if_blank(self.fields[name])


def in_force(enterprise: Enterprise) -> dict[str, list[str]]:
    """What is in force, as the form of a change would send it: the form begins with it."""
    held = Profile.objects.filter(enterprise=enterprise).first()
    said = {"name": enterprise.name}
    if held:
        said |= {"registration_customs": held.registration_customs, "website": held.website}
        said |= {name: held.told(name) for name in PERSONAL}
    return {name: [said.get(name, "")] for name in ChangeForm.base_fields}


def why_no_change(application: Application, cleaned: Mapping[str, Any]) -> dict[str, list[str]]:
    """Something has to change, fit the customs code, and stand on the licence where that is what it is about."""
    enterprise = application.enterprise
    assert enterprise is not None
    whole = _whole(enterprise, cleaned)
    if unknown := [name for name in PERSONAL if not whole[name]]:
        return {name: [_("还没有登记，请填写")] for name in unknown}
    changed = _changed(enterprise, whole)
    if not changed and _licence(application) is None:  # a renewed licence is a change, too
        return {"__all__": [_("与现行资料完全相同，没有要变更的内容")]}
    if why := why_not_that_office(enterprise.customs_code, cleaned["registration_customs"]):
        return {"registration_customs": [why]}
    if changed & ON_THE_LICENCE and _licence(application) is None:
        return {LICENCE: [_("企业名称或法定代表人有变，请上传变更后的营业执照")]}
    return {}


def change_profile(application: Application, cleaned: Mapping[str, Any], staff: User) -> None:
    """It is in force from now on. Another customs office is that of another district."""
    assert application.enterprise_id is not None
    enterprise = Enterprise.objects.select_for_update().get(pk=application.enterprise_id)
    whole = _whole(enterprise, cleaned)
    moved = "registration_customs" in _changed(enterprise, whole)
    keep_profile(application, whole)
    enterprise.name = cleaned["name"]
    if moved and (office := OFFICES.get(cleaned["registration_customs"])) and office.district:
        enterprise.customs_district = office.district
    enterprise.save(update_fields=["name", "customs_district"])


def keep_profile(application: Application, cleaned: Mapping[str, Any]) -> None:
    """Keep what was approved, in the place of what was; without a new licence the one before stands behind it."""
    said: dict[str, Any] = {name: sealed(name, cleaned[name]) for name in PERSONAL}
    said |= {"registration_customs": cleaned["registration_customs"], "website": cleaned["website"]}
    if licence := _licence(application):
        said[LICENCE] = licence
    said |= {"application": application, "since": timezone.now()}
    Profile.objects.update_or_create(enterprise=application.enterprise, defaults=said)


def licence_on_file(enterprise: Enterprise, cleaned: Mapping[str, Any]) -> OnFile | None:
    """The business licence that stands behind what is in force: it serves wherever it has to be shown."""
    held = Profile.objects.filter(enterprise=enterprise).select_related("business_licence")
    kept = held.defer("business_licence__content").first()
    if kept is None or kept.business_licence is None:
        return None
    since = timezone.localdate(kept.business_licence.at).isoformat()
    return OnFile(kept.business_licence, _("企业资料中的营业执照，%(day)s 提交") % {"day": since})


def _whole(enterprise: Enterprise, cleaned: Mapping[str, Any]) -> dict[str, Any]:
    """What was typed, with what is in force where something about a person was left blank."""
    now = in_force(enterprise)
    return {**cleaned, **{name: cleaned[name] or now[name][0] for name in PERSONAL}}


def _changed(enterprise: Enterprise, whole: Mapping[str, Any]) -> set[str]:
    now = in_force(enterprise)
    return {name for name in ChangeForm.base_fields if [whole[name]] != now[name]}


def _licence(application: Application) -> Paper | None:
    return application.papers.filter(slot=LICENCE, replaced=False).defer("content").first()
