"""The pages of the preparation: the list of what to see to, and the customs offices where."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import Actor, MemberRequest, PortalRequest, require_role
from accounts.models import Application, Enterprise
from accounts.models.applications import ENDED
from accounts.onboarding.applications import why_suspended
from accounts.onboarding.checklist import Checklist, ItemState, application_page, chart, checklist
from accounts.onboarding.connection import why_not_proved
from accounts.onboarding.expiry import FIRST_REMINDER
from accounts.onboarding.interfaces import needed_by, proofs_of
from accounts.onboarding.kinds import TEST_ACCESS, TYPES
from accounts.onboarding.offices import counters_of, offices_for
from accounts.onboarding.services import active
from accounts.roles import EnterpriseState, MemberRole


@require_safe
@require_role(MemberRole.ADMINISTRATOR, MemberRole.VIEWER)
def preparation(request: MemberRequest) -> HttpResponse:
    """What has to be there before the enterprise is connected: how far it is, until when, and what comes next."""
    actor = request.actor
    may_apply = actor.may(MemberRole.ADMINISTRATOR) and not why_suspended(actor.enterprise)
    shown = checklist(actor.enterprise, today=timezone.localdate(), may_apply=may_apply)
    context = {
        "list": shown,
        "chart": chart(shown),
        "stages": _stages(shown, actor),
        "todo": _todo(shown),
        "ending": {
            one.pk for one in shown.licences if one.valid_to and (one.valid_to - shown.today).days <= FIRST_REMINDER
        },
    }
    return render(request, "accounts/preparation/list.html", context)


def _todo(shown: Checklist) -> str:
    """What has to be done about what comes next, and by whom."""
    if shown.next is None:
        return ""
    if not shown.next.number and shown.next.state == ItemState.NOT_STARTED:
        return _("由企业管理员登记，登记后才知道要准备哪些")
    return {
        ItemState.NOT_STARTED: _("请按“怎样办、在哪里”办理，办好后由企业管理员填写凭证"),
        ItemState.LAPSED: _("原来的凭证已失效，重新办好后由企业管理员提交"),
        ItemState.UNDER_WAY: _("已开始填写，办好后由企业管理员提交"),
        ItemState.SUBMITTED: _("已提交，等平台核验"),
        ItemState.RETURNED: _("由企业管理员照意见改正后再提交"),
    }[shown.next.state]


def _stages(shown: Checklist, actor: Actor) -> list[tuple[str, str, str]]:
    """The way to going live: (word, done or now or neither, where it is seen to)."""
    enterprise = actor.enterprise
    counted = {"verified": shown.verified, "needed": len(shown.needed)}
    by_system = _goes_by_system(enterprise)
    is_tested = by_system and not why_not_proved(enterprise)
    # The others who look here do not see the page of the system.
    connection = reverse("connection") if actor.may(MemberRole.ADMINISTRATOR, MemberRole.DEVELOPER) else ""
    way = [
        (_("企业开户"), True, ""),
        (TYPES.label, bool(enterprise.types), application_page(TYPES.name)),
        (_("前期准备 %(verified)s/%(needed)s") % counted, shown.is_whole, "#items"),
        (_("服务开通"), bool(active(enterprise)), reverse("services")),
        *([(_testing(enterprise, is_tested=is_tested), is_tested, connection)] if by_system else []),
        (_("上线"), enterprise.state != EnterpriseState.DRAFT, connection if by_system else reverse("services")),
    ]
    present = next((number for number, (_word, is_done, _place) in enumerate(way) if not is_done), None)
    return [
        (str(word), "done" if is_done else "now" if number == present else "", place)
        for number, (word, is_done, place) in enumerate(way)
    ]


def _goes_by_system(enterprise: Enterprise) -> bool:
    """Whether it connects a system of its own: whoever files by page has nothing to test."""
    asked = Application.objects.filter(enterprise=enterprise, kind=TEST_ACCESS.name).exclude(state__in=ENDED)
    return enterprise.connections.filter(ended=None).exists() or asked.exists()


def _testing(enterprise: Enterprise, *, is_tested: bool) -> str:
    """The stage of the joint test, in words: how many interfaces are proved, once there is a test environment to prove them."""
    if not enterprise.connections.filter(ended=None).exists():
        return _("联调（已申请调试）")
    wanted, proved = needed_by(enterprise), proofs_of(enterprise)
    counted = {"proved": sum(one.name in proved for one in wanted), "needed": len(wanted)}
    return _("联调 %(proved)s/%(needed)s") % counted if is_tested else _("联调中 %(proved)s/%(needed)s") % counted


@require_safe
def offices(request: HttpRequest | PortalRequest) -> HttpResponse:
    """Every customs office with its counters, found by area, address or name; for everybody, also before there is an account."""
    asked = request.GET.get("q", "").strip()[:60]
    actor = getattr(request, "actor", None)
    base = "base.html" if actor else "base_public.html"
    found = offices_for(asked)
    context = {"found": found, "counters": counters_of(found), "asked": asked, "base": base}
    return render(request, "accounts/preparation/offices.html", context)
