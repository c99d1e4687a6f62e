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
from accounts.onboarding.agency import AgencyForm, take_on
from accounts.onboarding.certificate_change import CertificateChangeForm, change_certificate
from accounts.onboarding.effects import open_account
from accounts.onboarding.forms import AccountForm


@dataclass(frozen=True)
class PaperSlot:
    """A paper a kind asks for."""

    name: str
    label: Any
    note: Any = ""
    required: bool = True


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

CERTIFICATE_AGENCY = Kind(
    "certificate_agency",
    _("加密证书代办"),
    AgencyForm,
    papers=(
        PaperSlot("business_licence", _("营业执照"), _("加盖公章的扫描件或照片")),
        PaperSlot("authorisation", _("代办委托书"), _("写明委托事项和期限，加盖公章，法定代表人签字")),
        PaperSlot("registration_form", _("业务登记表"), _("上海制卡中心的《业务登记表》，加盖公章")),
        PaperSlot("legal_identity", _("法定代表人身份证件"), _("正反面，加盖公章")),
        PaperSlot("operator_identity", _("经办人身份证件"), _("正反面，加盖公章")),
    ),
    effect=take_on,
    promised_days=5,
)

CERTIFICATE_CHANGE = Kind(
    "certificate_change",
    _("更换加签证书"),
    CertificateChangeForm,
    papers=(),
    effect=change_certificate,
    titled_by="serial",
)

KINDS: tuple[Kind, ...] = (ACCOUNT, CERTIFICATE_AGENCY, CERTIFICATE_CHANGE)
_BY_NAME = {kind.name: kind for kind in KINDS}


def kind_named(name: str) -> Kind:
    """The kind of that name. Raises KeyError for one that is not in the catalogue."""
    return _BY_NAME[name]
