"""The desk of staff over the exchange: what stands still until a person looks at it, and the button to go on.

A message sent that waits (step 6 of the walk), one received that cannot be read (step 9), an answer on a document nobody
here has. How far each came and why it stands, never what is in it: the bytes are out of reach of the role of staff.
"""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.access import Bystander, address_of
from accounts.actions import Action
from accounts.admin import ReadOnly
from accounts.audit import record
from accounts.models import User
from declarations.kinds import kind
from declarations.models import Inbound, InboundState, Outbound, OutboundState, Receipt
from declarations.published import codes
from portal.logs import without_quotations
from portal.sentences import speak

#: Which rows of each table wait for a person; the same as `/health/` counts, and the answers nobody asked for.
WAITING: dict[type[Model], Q] = {
    Outbound: Q(state__in=[OutboundState.PENDING, OutboundState.SIGNED]) & ~Q(needs_person=""),
    Inbound: Q(state=InboundState.STUCK),
    Receipt: Q(document=None),
}


class Waiting(ReadOnly):
    """The rows of a table that wait for a person, and no others."""

    search_fields: ClassVar[tuple[str, ...]] = ()
    list_select_related = ("enterprise",)
    show_full_result_count = False
    ordering = ("id",)

    @admin.display(description=_("企业"), empty_value="—")
    def whose(self, row: Any) -> Any:
        """The enterprise, if it is known."""
        return row.enterprise

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Only what waits."""
        return super().get_queryset(request).filter(WAITING[self.model])

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Who may change a row may let it go on."""
        meta = self.model._meta
        return request.user.has_perm(f"{meta.app_label}.change_{meta.model_name}")

    def go_on(self, request: HttpRequest, chosen: QuerySet, **values: Any) -> None:
        """Set these values on each chosen row that still waits, and write down who did."""
        assert isinstance(request.user, User)
        count = 0
        for row in chosen.order_by("pk"):
            if self.get_queryset(request).filter(pk=row.pk).update(not_before=timezone.now(), **values):
                staff = Bystander(user=request.user, enterprise=row.enterprise, address=address_of(request))
                record(staff, Action.RETRY, f"{self.model._meta.model_name} {row.pk}")
                count += 1
        told = gettext("%(count)s 份已放回队列，几秒后见结果；仍不行的会带着原因回到这里")
        self.message_user(request, told % {"count": count}, messages.SUCCESS if count else messages.WARNING)


@admin.register(Outbound)
class OutboundAdmin(Waiting):
    """Messages to customs that cannot leave until somebody has put something right."""

    list_display = fields = (
        "number", "whose", "of_kind", "documents", "how_far", "why", "tries", "made", "signed", "guid_shown",
    )  # fmt: skip
    search_fields = ("guid", "enterprise__name", "enterprise__customs_code")
    actions = ("send_again",)

    @admin.action(description=_("再发一次"), permissions=["retry"])
    def send_again(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Due now, its failures forgotten: signed bytes go out unchanged, and customs knows them by their guid."""
        self.go_on(request, queryset, needs_person="", failures=0)

    @admin.display(description=_("编号"), ordering="id")
    def number(self, message: Outbound) -> int:
        """Its number."""
        return message.pk

    @admin.display(description=_("单证"))
    def of_kind(self, message: Outbound) -> str:
        """What kind of documents it carries."""
        return str(kind(message.kind).label)

    @admin.display(description=_("份数"))
    def documents(self, message: Outbound) -> int:
        """How many."""
        return message.document_count

    @admin.display(description=_("状态"))
    def how_far(self, message: Outbound) -> str:
        """How far it has come."""
        return message.get_state_display()

    @admin.display(description=_("原因"))
    def why(self, message: Outbound) -> str:
        """Why it waits."""
        return without_quotations(speak(message.needs_person))

    @admin.display(description=_("尝试次数"))
    def tries(self, message: Outbound) -> int:
        """How often it was tried."""
        return message.attempts

    @admin.display(description=_("生成时间"), ordering="created_at")
    def made(self, message: Outbound) -> Any:
        """When its documents were filed."""
        return message.created_at

    @admin.display(description=_("加签时间"), empty_value="—")
    def signed(self, message: Outbound) -> Any:
        """When it was signed, if it was."""
        return message.signed_at

    @admin.display(description=_("报文编号"))
    def guid_shown(self, message: Outbound) -> str:
        """What customs knows it by."""
        return message.guid


@admin.register(Inbound)
class InboundAdmin(Waiting):
    """Messages of customs that cannot be read; their bytes are kept."""

    list_display = fields = ("number", "received", "message_shown", "whose", "why", "tries", "size", "print_shown")
    search_fields = ("guid", "sha256", "enterprise__name", "enterprise__customs_code")
    actions = ("read_again",)

    @admin.action(description=_("再读一次"), permissions=["retry"])
    def read_again(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Due now, as if it had just arrived."""
        self.go_on(request, queryset, state=InboundState.STORED, attempts=0)

    @admin.display(description=_("编号"), ordering="id")
    def number(self, inbound: Inbound) -> int:
        """Its number."""
        return inbound.pk

    @admin.display(description=_("收到时间"), ordering="received_at")
    def received(self, inbound: Inbound) -> Any:
        """When it arrived."""
        return inbound.received_at

    @admin.display(description=_("报文"), empty_value="—")
    def message_shown(self, inbound: Inbound) -> str | None:
        """Its name, if that much could be read."""
        return inbound.message or None

    @admin.display(description=_("原因"))
    def why(self, inbound: Inbound) -> str:
        """Why it cannot be read."""
        return without_quotations(speak(inbound.last_error))

    @admin.display(description=_("尝试次数"))
    def tries(self, inbound: Inbound) -> int:
        """How often it was tried."""
        return inbound.attempts

    @admin.display(description=_("字节数"))
    def size(self, inbound: Inbound) -> int:
        """How long it is."""
        return inbound.byte_count

    @admin.display(description=_("报文指纹（SHA-256）"))
    def print_shown(self, inbound: Inbound) -> str:
        """By what the exported file can be known."""
        return inbound.sha256


@admin.register(Receipt)
class ReceiptAdmin(Waiting):
    """Answers of customs on documents that are not here; kept, so that nothing customs says is lost."""

    list_display = fields = ("number", "received", "whose", "of_kind", "said", "said_at", "inbound_shown")
    search_fields = ("code", "enterprise__name", "enterprise__customs_code")

    @admin.display(description=_("编号"), ordering="id")
    def number(self, receipt: Receipt) -> int:
        """Its number."""
        return receipt.pk

    @admin.display(description=_("收到时间"), ordering="received_at")
    def received(self, receipt: Receipt) -> Any:
        """When it arrived."""
        return receipt.received_at

    @admin.display(description=_("单证"))
    def of_kind(self, receipt: Receipt) -> str:
        """What kind of document it answers on."""
        return str(kind(receipt.kind).label)

    @admin.display(description=_("海关回执代码"))
    def said(self, receipt: Receipt) -> str:
        """The code, with customs' own word for it."""
        return f"{receipt.code} {codes('return_status').get(receipt.code, '')}".strip()

    @admin.display(description=_("海关处理时间"), ordering="customs_time")
    def said_at(self, receipt: Receipt) -> Any:
        """When customs said so."""
        return receipt.customs_time

    @admin.display(description=_("来件编号"))
    def inbound_shown(self, receipt: Receipt) -> int:
        """The arrival it stood in."""
        return receipt.inbound_id
