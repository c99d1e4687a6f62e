"""加密证书代办 after it was taken on, as the applicant and staff read it: where it is, since when, and what comes next.

From the implementation guide of the Shanghai platform, chapter 6, 4.6, and chapter 5, 1.5: the platform hands the papers in
at the card centre and fetches the certificate there; the centre takes some five working days, free. For the other steps
the guide names no days.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Application, ApplicationState, ErrandStage, ErrandStep
from accounts.models.errands import OVER, WAY
from portal.calendar import last_of_working_days
from portal.looks import Look

#: 办理时效：5 个工作日左右.
DAYS_AT_CENTRE = 5
TAKEN_ON = gettext_lazy("已受理")
LOOKS = {
    ErrandStage.AT_CENTRE: ("info", "hourglass-split"),
    ErrandStage.READY: ("info", "hourglass-split"),
    ErrandStage.HANDED_OVER: ("ok", "check-circle"),
    ErrandStage.FAILED: ("bad", "x-circle"),
}
#: What is going on once it has come so far, and who does it; "" is taken on and no more.
GOING_ON: Mapping[str, Any] = {
    "": gettext_lazy("平台工作人员整理材料，送上海制卡中心"),
    ErrandStage.AT_CENTRE: gettext_lazy("上海制卡中心办理，约 5 个工作日，无费用"),
    ErrandStage.READY: gettext_lazy("证书已办好，平台工作人员领取后与经办人联系交付"),
    ErrandStage.HANDED_OVER: gettext_lazy("证书已交经办人，请到“证书与加签”登记，登记之后才能用它加签"),
    ErrandStage.FAILED: gettext_lazy("这次没有办成，原因消除后可以重新申请"),
}


@dataclass(frozen=True)
class Mark:
    """One step on the track: made, or still to come."""

    look: Look
    about: str
    day: date | None = None
    note: str = ""
    #: When it should come to the next one.
    expected: date | None = None
    is_latest: bool = False


@dataclass(frozen=True)
class Errand:
    """One errand: when it was taken on, and the steps made since."""

    taken_on: datetime
    steps: Sequence[ErrandStep]

    @property
    def stage(self) -> str:
        """How far it has come; empty for taken on and no more."""
        return self.steps[-1].stage if self.steps else ""

    @property
    def is_over(self) -> bool:
        """Whether nothing comes any more."""
        return self.stage in OVER

    @property
    def has_failed(self) -> bool:
        """Whether it came to nothing."""
        return self.stage == ErrandStage.FAILED

    @property
    def next_stage(self) -> ErrandStage | None:
        """What comes next, if all goes well."""
        return None if self.is_over else WAY[len(self.steps)]

    @property
    def earliest(self) -> date:
        """The first day the next step can have been made on."""
        return self.steps[-1].day if self.steps else timezone.localtime(self.taken_on).date()

    @property
    def look(self) -> Look:
        """How far it has come."""
        return (
            Look(*LOOKS[ErrandStage(self.stage)], word_of(self.stage))
            if self.stage
            else Look("info", "hourglass-split", word_of(""))
        )

    @property
    def next_step(self) -> str:
        """What is going on now, or is to be done."""
        return str(GOING_ON[self.stage])

    @property
    def expected(self) -> date | None:
        """When the card centre should be ready; None where it has nothing to do."""
        if self.stage != ErrandStage.AT_CENTRE:
            return None
        return last_of_working_days(self.earliest + timedelta(days=1), DAYS_AT_CENTRE)

    @property
    def track(self) -> list[Mark]:
        """Every step, made and to come, in their order."""
        latest = len(self.steps)
        made = [(timezone.localtime(self.taken_on).date(), "", "")]
        made += [(step.day, step.stage, step.note) for step in self.steps]
        found = []
        for number, (day, stage, note) in enumerate(made):
            is_latest = number == latest
            look = self.look if is_latest else Look("ok", "check-circle", word_of(stage))
            about = self.next_step if is_latest else ""
            found.append(Mark(look, about, day, note, self.expected if is_latest else None, is_latest))
        if not self.is_over:
            found += [Mark(Look("idle", "circle", word_of(stage)), _about_later(stage)) for stage in WAY[latest:]]
        return found


def word_of(stage: str) -> str:
    """What a stage is called."""
    return str(ErrandStage(stage).label if stage else TAKEN_ON)


def _about_later(stage: ErrandStage) -> str:
    return str(GOING_ON[stage]) if stage == ErrandStage.AT_CENTRE else ""


def errand_of(application: Application) -> Errand | None:
    """How far the errand of an application has come; None until it is taken on."""
    if application.state != ApplicationState.APPROVED:
        return None
    return Errand(application.state_at, sorted(application.errand_steps.all(), key=lambda step: step.number))


def others_going_on(application: Application, cleaned: Mapping[str, Any]) -> list[str]:
    """What staff should see before they take on another for the same enterprise."""
    found = Application.objects.filter(
        enterprise=application.enterprise, kind=application.kind, state=ApplicationState.APPROVED
    ).exclude(errand_steps__stage__in=OVER)
    told = _("本企业 %(day)s 受理的代办还没有办结，请核实是否重复")
    days = [timezone.localtime(one.state_at) for one in found.exclude(pk=application.pk)]
    return [told % {"day": date_format(day, "Y-m-d")} for day in days]
