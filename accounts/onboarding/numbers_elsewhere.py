"""Who else keeps the numbers of an enterprise as text, and what becomes of it when they change.

Follows along, by the function of migration 0023: what names the enterprise and goes on with it.

- services of others, and its own, whose lists it clears (``Service.clearance_code``);
- evidence of others whose tax it guarantees (``Evidence.number`` of a guarantee by an agent).

Ends, as it was given to the old number by somebody who is not we; its administrators are told to get another.

- certificates in use that name codes, and none of the new ones: customs would refuse what they sign. None of these is put
  to use again (``enrolment.put_to_use``, ``certificate_change.why_not_this``);
- keys asked for, whose request for a certificate names the old customs code.

Stays, and whom it concerns is told to write the new number.

- applications that are not decided yet and name it: only who typed them may change them, the gate refuses them;
- mandates, which know both parties by row: but lists name them by code.

Stays as it was, for ever: documents, bills, holds of the guarantee, the record of deeds, versions handed in. What is under
way keeps the change waiting (``numbers.why_not_these``), lists of others that name it included; of what waits for a list
staff and its administrators are told before and after, as no list can follow it any more. What others filed about the enterprise under the old number they
find under it, and the enterprise no longer does. Connections, transmission numbers and short codes are numbers of their own.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.access import Bystander
from accounts.actions import Action
from accounts.audit import record
from accounts.certificates import named_otherwise
from accounts.codes import as_code
from accounts.models import (
    Application,
    Credential,
    Enterprise,
    Evidence,
    KeyRequest,
    Mandate,
    MandateState,
    Service,
    User,
)
from accounts.models.applications import ENDED
from accounts.models.preparation import GuaranteeKind
from accounts.notices import notify_members
from accounts.onboarding.typed import typed_in
from accounts.roles import MemberRole
from portal.sentences import keep

#: The kinds of application that name another enterprise by its customs code, and the field of each.
NAMING: Mapping[str, str] = {"service": "clearance_code", "guarantee": "agent_code"}
#: Who knows what names some codes and waits for a list: how many of what. Filled by the folder above that knows documents.
waiting_for_lists: list[Callable[[Collection[str]], list[tuple[int, Any]]]] = []


@dataclass(frozen=True)
class Elsewhere:
    """What names an enterprise by numbers that are about to change, found while they are still in force."""

    enterprise: Enterprise
    was: Mapping[str, str]
    now: Mapping[str, str]
    #: Those of others that follow along.
    services: list[Service]
    guaranteed: list[Evidence]
    #: Those of its own that end.
    certificates: list[Credential]
    keys: list[KeyRequest]
    #: Those that somebody has to change.
    applications: list[Application]
    partners: list[int]
    #: What was filed under them and waits for a list, which could not name them any more: how many of each kind.
    unfollowed: list[tuple[int, Any]]

    @classmethod
    def of(cls, enterprise: Enterprise, now: Mapping[str, str]) -> Self:
        """Everything there is."""
        was = {name: str(getattr(enterprise, name)) for name in now}
        moves = was["customs_code"] != now["customs_code"]
        old = was["customs_code"]
        services = Service.objects.filter(clearance_code=old, ended=None).exclude(enterprise=enterprise)
        agent = Evidence.objects.filter(
            item="guarantee", variety=GuaranteeKind.AGENT, number=old, replaced=False, ended=None
        )
        asked = KeyRequest.objects.filter(enterprise=enterprise, closed=False)
        return cls(
            enterprise, was, now,
            services=list(services.select_related("enterprise")) if moves else [],
            guaranteed=list(agent.select_related("enterprise")) if moves else [],
            certificates=_naming_others(enterprise, now.values()),
            keys=list(asked) if moves else [],
            applications=_open_and_naming(old) if moves else [],
            partners=_partners(enterprise),
            unfollowed=without_list(code for name, code in was.items() if code != now[name]),
        )  # fmt: skip

    def in_words(self) -> list[str]:
        """What the approval brings beside the change, in sentences for staff."""
        told = []
        if self.services:
            told.append(_("%(count)s 项由它通关的其他企业的服务随之改用新编码") % {"count": len(self.services)})
        if self.guaranteed:
            told.append(_("%(count)s 家由它代缴税款的企业的担保凭证随之改用新编码") % {"count": len(self.guaranteed)})
        if self.certificates:
            serials = _("、").join(one.serial for one in self.certificates)
            told.append(_("签发给原代码的证书随之停用，登记新证书之前不能申报：%(serials)s") % {"serials": serials})
        if self.keys:
            told.append(_("%(count)s 份没有办完的证书请求写着原编码，随之作废") % {"count": len(self.keys)})
        if self.applications:
            told.append(_("%(count)s 份没有办结的申请填了原编码，会通知申请人改填") % {"count": len(self.applications)})
        return told + words_of(self.unfollowed)

    def warn(self) -> None:
        """Tell its administrators what should have its list first."""
        if self.unfollowed:
            _tell(
                self.enterprise.pk, _LISTS_FIRST, reverse("home"), count=sum(count for count, _kind in self.unfollowed)
            )

    def tell(self, application: Application, staff: User) -> None:
        """Write down what was done, and tell the administrators of whom it concerns."""
        self._write_down(application, staff)
        changed = [name for name in self.now if self.was[name] != self.now[name]]
        said = {
            "name": self.enterprise.name,
            "was": " / ".join(self.was[name] for name in changed),
            "now": " / ".join(self.now[name] for name in changed),
        }
        _tell(self.enterprise.pk, _CHANGED, reverse("enterprise_profile"), **said)
        if self.unfollowed:
            _tell(self.enterprise.pk, _NO_LISTS, reverse("home"), count=sum(count for count, _kind in self.unfollowed))
        if self.certificates or self.keys:
            serials = ", ".join(one.serial for one in self.certificates) or "-"
            _tell(self.enterprise.pk, _CERTIFICATES, reverse("credentials"), serials=serials)
        for pk in sorted({one.enterprise_id for one in self.services}):
            _tell(pk, _SERVICES, reverse("services"), **said)
        for pk in sorted({one.enterprise_id for one in self.guaranteed}):
            _tell(pk, _GUARANTEED, reverse("preparation"), **said)
        for pk in self.partners:
            _tell(pk, _PARTNERS, reverse("mandates"), **said)
        for one in self.applications:
            assert one.enterprise_id is not None
            _tell(one.enterprise_id, _APPLICATIONS, reverse("application", args=[one.pk]), **said)

    def _write_down(self, application: Application, staff: User) -> None:
        """One entry for the change, one for each certificate that ended, one with each enterprise whose rows followed."""
        own = Bystander(user=staff, enterprise=self.enterprise)
        numbers = {"was": list(self.was.values()), "now": list(self.now.values())}
        subject = f"enterprise {self.enterprise.pk}"
        record(own, Action.NUMBERS_CHANGED, subject, application=application.pk, **numbers)
        for one in self.certificates:
            details = {"environment": one.environment, "application": application.pk}
            record(own, Action.CREDENTIAL_STOPPED, one.serial, **details)
        for key in self.keys:
            record(own, Action.KEY_DROPPED, key.environment, application=application.pk)
        following: list[Service | Evidence] = [*self.services, *self.guaranteed]
        for row in following:
            who = Bystander(user=staff, enterprise=row.enterprise)
            codes = {"was": self.was["customs_code"], "now": self.now["customs_code"]}
            record(who, Action.NUMBERS_FOLLOWED, f"{row._meta.model_name} {row.pk}", **codes)


def without_list(codes: Iterable[str]) -> list[tuple[int, Any]]:
    """What names one of these codes and waits for a list: how many of each kind."""
    wanted = set(codes)
    return [found for ask in waiting_for_lists for found in ask(wanted)] if wanted else []


def words_of(unfollowed: Iterable[tuple[int, Any]]) -> list[str]:
    """The same in sentences for staff."""
    told = _("%(count)s 票写着现在代码的%(kind)s还没有放行的清单，变更后清单对不上它们；请企业先把清单办结，或推迟变更")
    return [told % {"count": count, "kind": kind} for count, kind in unfollowed]


def _naming_others(enterprise: Enterprise, codes: Iterable[str]) -> list[Credential]:
    """The certificates in use that name codes, and none of these."""
    in_use = Credential.objects.filter(enterprise=enterprise, active=True).order_by("pk")
    own = set(codes)
    return [one for one in in_use if named_otherwise(one, own)]


def _open_and_naming(code: str) -> list[Application]:
    """The applications that are not at an end and name it."""
    found = Application.objects.filter(kind__in=NAMING, enterprise__isnull=False).exclude(state__in=ENDED)
    # As the field will read it: what is only saved stands as it was typed.
    return [one for one in found.order_by("pk") if code in map(as_code, typed_in(one).get(NAMING[one.kind], ()))]


def _partners(enterprise: Enterprise) -> list[int]:
    """The other parties of its mandates that are in force, or may come to be."""
    running = Mandate.objects.filter(
        Q(principal=enterprise) | Q(agent=enterprise),
        state__in=(MandateState.PROPOSED, MandateState.ACCEPTED),
        last_day__gte=timezone.localdate(),
    )
    parties = {pk for pair in running.values_list("principal_id", "agent_id") for pk in pair}
    return sorted(parties - {enterprise.pk})


def _tell(enterprise: int, text: str, page: str, **said: Any) -> None:
    notify_members(enterprise, keep(text, **said), roles=[MemberRole.ADMINISTRATOR], address=page)


_CHANGED = gettext_noop(
    "本企业的代码已由 %(was)s 变更为 %(now)s，即时生效。已申报的单证仍用原代码；请在本企业的系统和模板中改用新代码"
)
_LISTS_FIRST = gettext_noop(
    "%(count)s 票单证写着本企业现在的代码，还没有放行的清单。代码变更后清单对不上它们，请尽快把清单办结；来不及的，请联系平台推迟变更"
)
_NO_LISTS = gettext_noop(
    "%(count)s 票单证写着本企业原来的代码，还没有放行的清单，用新代码申报的清单对不上它们，怎样处理请联系平台"
)
_CERTIFICATES = gettext_noop(
    "签发给原代码的证书已停用：%(serials)s；没有办完的证书请求也已作废。请在“证书与加签”登记签发给新代码的证书"
)
_SERVICES = gettext_noop(
    "通关服务企业“%(name)s”的代码已由 %(was)s 变更为 %(now)s，本企业的服务已随之更新，不用重新申请。今后申报请填新代码"
)
_GUARANTEED = gettext_noop(
    "代缴税款的“%(name)s”的代码已由 %(was)s 变更为 %(now)s，本企业的担保凭证已随之更新。今后申报请填新代码"
)
_PARTNERS = gettext_noop("委托的另一方“%(name)s”的代码已由 %(was)s 变更为 %(now)s，委托照旧有效。今后申报请填新代码")
_APPLICATIONS = gettext_noop(
    "“%(name)s”的代码已由 %(was)s 变更为 %(now)s。本企业没有办结的申请填了原代码，请改填；已提交的，可以撤回后改填"
)
