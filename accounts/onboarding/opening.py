"""What staff read before they open an enterprise for filing: what its readiness rests on, beside the tick or the addresses
it handed in. The gates (``services.why_not_live``, ``connection.why_no_production``) have asked the same; here it is seen.
"""

from collections.abc import Mapping
from typing import Any

from cryptography import x509
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.certificates import spelled
from accounts.credentials import present_environment
from accounts.models import Application, Credential, Enterprise, Evidence
from accounts.onboarding import interfaces, services
from accounts.roles import Environment

Cleaned = Mapping[str, Any]


def live_remarks(application: Application, cleaned: Cleaned) -> list[str]:
    """Of 页面上线: everything that is there, and the certificate the portal will sign with."""
    assert application.enterprise is not None
    return _readiness(application.enterprise, present_environment(), by_page=True)


def production_remarks(application: Application, cleaned: Cleaned) -> list[str]:
    """Of 系统上线: the same, with the certificate of production, and the proof of each interface."""
    assert application.enterprise is not None
    return [
        *_readiness(application.enterprise, Environment.PRODUCTION, by_page=False),
        *_proofs(application.enterprise),
    ]


def _readiness(enterprise: Enterprise, environment: str, *, by_page: bool) -> list[str]:
    steps = services.steps_of(enterprise, by_page=by_page)
    told = [
        _("%(step)s：%(note)s") % {"step": one.label, "note": one.note or _("已具备")} for one in steps if one.is_met
    ]
    in_use = enterprise.credentials.filter(environment=environment, active=True).first()
    return told + ([_certificate(in_use)] if in_use else [])


def _certificate(used: Credential) -> str:
    """Whose it says it is, who issued it, until when, and whether it is the one the preparation was verified with."""
    read = x509.load_pem_x509_certificate(used.certificate.encode())
    said = {
        "serial": used.serial, "subject": spelled(read.subject), "issuer": spelled(read.issuer),
        "until": timezone.localdate(used.not_after).isoformat(),
    }  # fmt: skip
    told = _("证书 %(serial)s：使用者 %(subject)s；发证机构 %(issuer)s；有效期至 %(until)s") % said
    held = Evidence.objects.filter(
        enterprise=used.enterprise, item="signing_certificate", replaced=False, ended=None
    ).first()
    if held is None or not held.number:
        return told
    if held.number.lstrip("0").lower() == used.serial.lstrip("0").lower():
        return _("%(certificate)s；与接入准备核验的编号一致") % {"certificate": told}
    return _("%(certificate)s；接入准备核验的编号是 %(number)s，请核对是不是同一张") % {
        "certificate": told,
        "number": held.number,
    }


def _proofs(enterprise: Enterprise) -> list[str]:
    proved = interfaces.proofs_of(enterprise)
    return [_proof(one, proved[one.name]) for one in interfaces.needed_by(enterprise) if one.name in proved]


def _proof(interface: interfaces.Interface, proof: interfaces.InterfaceProof) -> str:
    said = {
        "interface": interface.label, "message": proof.message_number, "day": proof.day.isoformat(),
        "by": _("第 %s 号申请") % proof.application_id if proof.application_id else _("接口调用"),
    }  # fmt: skip
    return _("接口“%(interface)s”：测试报文 %(message)s，%(day)s，凭证 %(by)s") % said
