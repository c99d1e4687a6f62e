"""The catalogue of what can be applied for: description only.

A kind to add: write its form in ``forms.py`` and what its approval changes in ``effects.py``, and list it here. Pages,
papers, versions, the queue of staff and the audit come from the description.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import Application, User
from accounts.onboarding import services
from accounts.onboarding.effects import open_account
from accounts.onboarding.forms import AccountForm
from accounts.roles import EnterpriseType


@dataclass(frozen=True)
class PaperSlot:
    """A paper a kind asks for."""

    name: str
    label: Any
    note: Any = ""
    required: bool = True
    #: Where not always: whether what was typed calls for it, asked of the form as far as it is right.
    when: Callable[[Mapping[str, Any]], bool] | None = None

    def is_needed(self, cleaned: Mapping[str, Any]) -> bool:
        """Whether it has to be handed in with this."""
        return self.when(cleaned) if self.when else self.required


def _nothing(application: Application, cleaned: Mapping[str, Any]) -> dict[str, list[str]]:
    """Nothing stands in the way."""
    return {}


@dataclass(frozen=True)
class Kind:
    """What can be applied for: its words, its form, its papers, and what comes of it."""

    name: str
    label: Any
    form: type[forms.Form]
    papers: tuple[PaperSlot, ...]
    #: What the approval changes, called in its transaction: (application, cleaned form, staff). Raises ValidationError
    #: with a Chinese sentence for staff when it cannot be.
    effect: Callable[[Application, Mapping[str, Any], User], None]
    #: Working days staff promise to decide in.
    promised_days: int = 1
    #: Whether a second person of the staff has to agree.
    second_person: bool = False
    #: Applied for by whoever has no enterprise yet; all others by an administrator of the enterprise.
    without_enterprise: bool = False
    #: The field that names the application to staff.
    titled_by: str = ""
    #: What of the enterprise stands in the way, by field ("__all__" for none), asked when it is handed in and again when
    #: it is approved: (application, cleaned form).
    gate: Callable[[Application, Mapping[str, Any]], dict[str, list[str]]] = _nothing

    @property
    def words(self) -> dict[str, Any]:
        """What fields and papers are called, by name, in the order of the page."""
        fields = {name: field.label for name, field in self.form.base_fields.items()}
        return fields | {slot.name: slot.label for slot in self.papers}

    def title(self, cleaned: Mapping[str, Any]) -> str:
        """What staff call an application with these contents."""
        return str(cleaned.get(self.titled_by, ""))[:100]


ACCOUNT = Kind(
    "account",
    _("企业开户"),
    AccountForm,
    papers=(PaperSlot("business_licence", _("营业执照"), _("加盖公章的扫描件或照片")),),
    effect=open_account,
    second_person=True,
    without_enterprise=True,
    titled_by="name",
)


def _for(*types: EnterpriseType) -> Callable[[Mapping[str, Any]], bool]:
    return lambda cleaned: services.needs_licence(str(cleaned.get("service", "")), *types)


SERVICE = Kind(
    "service",
    _("服务开通"),
    services.ServiceForm,
    papers=(
        PaperSlot(
            "international_licence",
            _("国际快递资质"),
            _("直购物流企业上传，加盖公章的扫描件"),
            required=False,
            when=_for(EnterpriseType.DIRECT_LOGISTICS),
        ),
        PaperSlot(
            "express_licence",
            _("快递业务经营许可证"),
            _("保税物流企业上传，加盖公章的扫描件"),
            required=False,
            when=_for(EnterpriseType.BONDED_LOGISTICS),
        ),
        PaperSlot(
            "payment_licence",
            _("支付业务许可证或金融许可证"),
            _("支付企业上传，加盖公章的扫描件；银行上传金融许可证"),
            required=False,
            when=_for(EnterpriseType.PAYMENT),
        ),
    ),
    effect=services.activate,
    gate=services.why_no_service,
)

GO_LIVE = Kind(
    "page_go_live", _("页面上线"), services.GoLiveForm, papers=(), effect=services.go_live, gate=services.why_not_live
)

KINDS: tuple[Kind, ...] = (ACCOUNT, SERVICE, GO_LIVE)
_BY_NAME = {kind.name: kind for kind in KINDS}


def kind_named(name: str) -> Kind:
    """The kind of that name. Raises KeyError for one that is not in the catalogue."""
    return _BY_NAME[name]
