"""证书与加签: what an enterprise signs with in each environment, and its consent to cloud signing.

Administrators deal with it, developers look. Every file is judged in ``enrolment``; a view shows what it said.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import consent, enrolment, key_proof
from accounts.access import Actor, MemberRequest, closed_because, require_role
from accounts.certificate_alarms import ALARMS, days_left
from accounts.certificates import CertificateRefused, spelled
from accounts.credential_forms import CertificateForm, EnvironmentForm, Pkcs12Form, ProofForm
from accounts.credentials import present_environment
from accounts.models import Credential, KeyRequest
from accounts.pkcs12 import WrongPassword
from accounts.roles import EnterpriseState, Environment, KeyPlace, MemberRole
from portal.looks import Look

looks = require_role(MemberRole.ADMINISTRATOR, MemberRole.DEVELOPER)
decides = require_role(MemberRole.ADMINISTRATOR)


@dataclass(frozen=True, slots=True)
class Shown:
    """A certificate as the page shows it."""

    credential: Credential
    subject: str
    issuer: str
    look: Look
    days: int
    ends_soon: bool
    may_be_used: bool
    #: Whether nobody has shown yet that the enterprise has its key.
    needs_proof: bool
    #: Whether staff have to agree to its use, and whether they are asked already.
    needs_approval: bool
    is_asked: bool

    @classmethod
    def of(cls, credential: Credential, now: datetime, asked: set[str]) -> "Shown":
        """A certificate read anew: what it says of itself is not kept a second time."""
        read = x509.load_pem_x509_certificate(credential.certificate.encode())
        days = days_left(credential, now)
        return cls(
            credential,
            spelled(read.subject),
            spelled(read.issuer),
            look_of(credential, now),
            days,
            0 <= days < max(ALARMS),
            not credential.active and now <= credential.not_after and not key_proof.needs_proof(credential),
            now <= credential.not_after and key_proof.needs_proof(credential),
            not credential.active and enrolment.needs_approval(credential),
            credential.environment == Environment.PRODUCTION and credential.serial in asked,
        )


def look_of(credential: Credential, now: datetime) -> Look:
    """In use, expired, stopped, replaced, or kept ready; what hinders most is said first."""
    if now > credential.not_after:
        return Look("bad" if credential.active else "idle", "x-circle", _("已到期"))
    if credential.active:
        if credential.key_place == KeyPlace.DEVICE:
            return Look("warn", "exclamation-triangle", _("使用中，平台不能加签"))
        return Look("ok", "check-circle", _("使用中"))
    if key_proof.needs_proof(credential):
        return Look("warn", "exclamation-triangle", _("待验证"))
    if credential.stopped:
        return Look("idle", "slash-circle", _("已停用"))
    if credential.ended_at:
        return Look("idle", "arrow-repeat", _("已替换"))
    return Look("info", "pause-circle", _("待启用"))


@dataclass(frozen=True, slots=True)
class Part:
    """One environment on the page."""

    environment: str
    label: str
    is_present: bool
    credentials: Sequence[Shown]
    requests: Sequence[KeyRequest]

    @property
    def in_use(self) -> Shown | None:
        """The certificate messages are signed with."""
        return next((one for one in self.credentials if one.credential.active), None)


def parts_of(actor: Actor) -> list[Part]:
    """Both environments, that of this portal first; never mixed."""
    now, here = timezone.now(), present_environment()
    own = Credential.objects.filter(enterprise=actor.enterprise).order_by("-active", "-created", "-pk")
    asked = enrolment.asked_serials_of(actor)
    shown = [Shown.of(credential, now, asked) for credential in own.select_related("enterprise")]
    requests = enrolment.open_requests_of(actor)
    return [
        Part(
            str(one.value),
            str(one.label),
            one == here,
            [each for each in shown if each.credential.environment == one],
            [each for each in requests if each.environment == one],
        )
        for one in sorted(Environment, key=lambda one: one != here)
    ]


@require_http_methods(["GET", "HEAD"])
@looks
def credentials(request: MemberRequest) -> HttpResponse:
    """Everything at a glance."""
    context = {
        "parts": parts_of(request.actor),
        "consent": consent.consent_of(request.actor),
        "may_decide": request.actor.may(MemberRole.ADMINISTRATOR),
        "may_add": may_add(request.actor),
    }
    return render(request, "accounts/credentials/list.html", context)


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@decides
def new_credential(request: MemberRequest) -> HttpResponse:
    """Three ways to register a certificate: alone, with its key, or for a key made here."""
    refuse_while_closed(request.actor)
    environment = EnvironmentForm(request.POST if request.method == "POST" else request.GET).chosen
    way = request.POST.get("way", "")
    certificate = CertificateForm(*sent(request, way, "certificate"), label_suffix="", prefix="certificate")
    pkcs12 = Pkcs12Form(*sent(request, way, "pkcs12"), label_suffix="", prefix="pkcs12")
    made: Credential | KeyRequest | None = None
    if request.method == "POST":
        if way == "certificate" and certificate.is_valid():
            made = by_certificate(request.actor, environment, certificate)
        elif way == "pkcs12" and pkcs12.is_valid():
            made = by_pkcs12(request.actor, environment, pkcs12)
        elif way == "key":
            made = by_key(request, environment)
            if made is None:
                return redirect("credentials")
    if made is not None:
        messages.success(request, said_of(made))
        if isinstance(made, Credential) and key_proof.needs_proof(made):
            return redirect("key_proof", pk=made.pk)
        return redirect("credentials")
    for form in (certificate, pkcs12):
        point_out(form)
    wanted = certificate["request"].value() if way == "certificate" else request.GET.get("request")
    context = {
        "environment": environment,
        "label": Environment(environment).label,
        "is_test": environment == Environment.SANDBOX,
        "certificate": certificate,
        "pkcs12": pkcs12,
        "answered": asked_for(request.actor, environment, wanted),
        "key_open": any(one.environment == environment for one in enrolment.open_requests_of(request.actor)),
    }
    return render(request, "accounts/credentials/new.html", context)


@require_POST
@decides
def change_credential(request: MemberRequest, pk: int) -> HttpResponse:
    """Put a certificate to use, ask staff for that, or stop it."""
    credential = get_object_or_404(Credential, pk=pk, enterprise=request.actor.enterprise)
    said = {"serial": credential.serial}
    if request.POST.get("do") == "stop":
        if enrolment.stop(request.actor, credential):
            messages.success(request, _("证书 %(serial)s 已停用，不再用它加签") % said)
        return redirect("credentials")
    refuse_while_closed(request.actor)
    try:
        if request.POST.get("do") == "ask":
            enrolment.ask_for_change(request.actor, credential, request.POST.get("reason", ""))
            messages.success(request, _("已申请改用证书 %(serial)s，审核期间现在的证书照常使用") % said)
            return redirect("credentials")
        enrolment.put_to_use(request.actor, credential)
        messages.success(request, _("证书 %(serial)s 已启用") % said)
    except enrolment.NotPossible as problem:
        messages.error(request, str(problem))
    return redirect("credentials")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@decides
def prove_key(request: MemberRequest, pk: int) -> HttpResponse:
    """The text to sign with the key of a certificate registered alone, and what was signed with it, to hand in."""
    own = Credential.objects.select_related("enterprise")
    credential = get_object_or_404(own, pk=pk, enterprise=request.actor.enterprise)
    if not key_proof.needs_proof(credential):
        return redirect("credentials")
    refuse_while_closed(request.actor)
    form = ProofForm(request.POST if request.method == "POST" else None, label_suffix="")
    if form.is_valid():
        try:
            key_proof.prove(request.actor, credential, form.cleaned_data["signature"])
            messages.success(request, _("证书 %(serial)s 的密钥已验证，可以启用") % {"serial": credential.serial})
            return redirect("credentials")
        except key_proof.NotProved as problem:
            form.add_error("signature", str(problem))
    point_out(form)
    text = key_proof.text_to_sign(credential)
    context = {
        "credential": credential,
        "label": credential.get_environment_display(),
        "text": text,
        "command": key_proof.command_for(text),
        "until": timezone.localdate() + timedelta(days=1),
        "form": form,
    }
    return render(request, "accounts/credentials/proof.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@looks
def key_request(request: MemberRequest, pk: int) -> HttpResponseBase:
    """The certificate request of a key made here, to download; posted to, the key is given up."""
    if request.method == "POST":
        return drop_key(request, pk)
    asked = get_object_or_404(KeyRequest, pk=pk, enterprise=request.actor.enterprise, closed=False)
    if not asked.request:
        raise Http404
    name = f"{request.actor.enterprise.customs_code}-{asked.environment}-{asked.pk}.csr"
    headers = {"Content-Disposition": content_disposition_header(True, name)}
    return HttpResponse(asked.request, content_type="application/pkcs10", headers=headers)


@decides
def drop_key(request: MemberRequest, pk: int) -> HttpResponse:
    """Give the key up."""
    asked = get_object_or_404(KeyRequest, pk=pk, enterprise=request.actor.enterprise, closed=False)
    if enrolment.drop_key(request.actor, asked):
        messages.success(request, _("已放弃这个密钥。此后签发给它的证书不能在本平台加签"))
    return redirect("credentials")


@require_http_methods(["GET", "HEAD", "POST"])
@looks
def signing_consent(request: MemberRequest) -> HttpResponseBase:
    """The text that is agreed to, who agreed and when, and those before; agree or take it back."""
    if request.method == "POST":
        return decide_on_consent(request)
    standing = consent.consent_of(request.actor)
    version = standing.text_version if standing else consent.PRESENT_TEXT
    context = {
        "consent": standing,
        "version": version,
        "text": consent.TEXTS.get(version, ()),
        "earlier": consent.earlier_consents_of(request.actor),
        "may_decide": request.actor.may(MemberRole.ADMINISTRATOR),
        "may_add": may_add(request.actor),
    }
    return render(request, "accounts/credentials/consent.html", context)


@decides
def decide_on_consent(request: MemberRequest) -> HttpResponse:
    """Agree, or take it back."""
    if request.POST.get("do") == "revoke":
        if consent.revoke(request.actor):
            messages.success(request, _("已撤销云加签同意，此后的报文不再加签，等在本平台"))
        return redirect("signing_consent")
    refuse_while_closed(request.actor)
    if not request.POST.get("agreed"):
        messages.error(request, _("请先勾选“已阅读并同意”"))
    elif consent.give(request.actor, request.POST.get("version", "")):
        messages.success(request, _("已同意云加签，等待加签的报文几分钟内自动发送"))
    else:
        messages.error(request, _("没有办理：已经同意过，或文本刚有更新。请看过本页最新内容"))
    return redirect("signing_consent")


# --- parts of the above --------------------------------------------------------------------------------------------------


def may_add(actor: Actor) -> bool:
    """Whether this member may register and use certificates, and agree: an administrator, unless suspended."""
    return actor.may(MemberRole.ADMINISTRATOR) and actor.enterprise.state != EnterpriseState.SUSPENDED


def refuse_while_closed(actor: Actor) -> None:
    """A suspended enterprise may stop and revoke, and begin nothing."""
    if not may_add(actor):
        raise PermissionDenied(closed_because(actor.enterprise))


def sent(request: HttpRequest, way: str, wanted: str) -> tuple[Any, Any]:
    """What was sent, for the one form of the page that it was sent with."""
    return (request.POST, request.FILES) if request.method == "POST" and way == wanted else (None, None)


def by_certificate(actor: Actor, environment: str, form: forms.Form) -> Credential | None:
    """Register it, or say at its field why not."""
    answered = asked_for(actor, environment, form.cleaned_data["request"])
    if form.cleaned_data["request"] and answered is None:
        form.add_error("file", _("这个密钥已不再等待证书，请回到“证书与加签”看最新情况"))
        return None
    try:
        return enrolment.register_certificate(actor, environment, form.cleaned_data["file"], request=answered)
    except CertificateRefused as refused:
        form.add_error("file", str(refused))
        return None


def by_pkcs12(actor: Actor, environment: str, form: forms.Form) -> Credential | None:
    """Register it, or say at its field why not."""
    found = form.cleaned_data
    try:
        return enrolment.register_pkcs12(actor, environment, found["file"], found["password"])
    except WrongPassword as refused:
        form.add_error("password", str(refused))
    except CertificateRefused as refused:
        form.add_error("file", str(refused))
    return None


def by_key(request: MemberRequest, environment: str) -> KeyRequest | None:
    """Ask for a key, or say why not."""
    try:
        return enrolment.ask_for_key(request.actor, environment)
    except enrolment.NotPossible as problem:
        messages.error(request, str(problem))
        return None


def asked_for(actor: Actor, environment: str, number: Any) -> KeyRequest | None:
    """The open request of that number, if it is one's own and of this environment."""
    found = [one for one in enrolment.open_requests_of(actor) if str(one.pk) == str(number or "")]
    return found[0] if found and found[0].environment == environment and found[0].request else None


def said_of(made: Credential | KeyRequest) -> str:
    """What the page says of what has come in."""
    if isinstance(made, KeyRequest):
        return _("加签服务正在制作密钥，几秒后刷新本页，下载证书请求")
    made.refresh_from_db()
    said = {"serial": made.serial}
    if made.active:
        return _("证书 %(serial)s 已登记并启用") % said
    if made.key_place == KeyPlace.DEVICE:
        return _("证书 %(serial)s 已登记，待验证。它的密钥在企业自己的设备上，本平台不能用它加签") % said
    if enrolment.needs_approval(made):
        return _("证书 %(serial)s 已登记，尚未启用；改用它须经平台审核，请在列表中提交申请") % said
    return _("证书 %(serial)s 已登记，尚未启用；在列表中点“启用”即可改用它") % said


def point_out(form: forms.Form) -> None:
    """Tell a reader of the screen which field is wrong."""
    for name in form.errors:
        if name in form.fields:
            form.fields[name].widget.attrs |= {
                "aria-invalid": "true",
                "data-focus": True,
                "aria-describedby": f"{form[name].id_for_label}_error",
            }
