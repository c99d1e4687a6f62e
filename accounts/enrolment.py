"""Certificates come in, are put to use and stopped: each one function, one transaction, one entry in the record of deeds.

The file of a key is written before its row: no row is without its file, and a file without a row is harmless and swept
(``sweep_keys``). The pages write keys and never read one; keys asked for are made by the signing service (``make_wanted_keys``).
"""

import logging
import re
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.access import Actor, Bystander
from accounts.actions import Action
from accounts.audit import record
from accounts.certificates import (
    LEAST_BITS,
    Certificate,
    CertificateRefused,
    certificate_for,
    facts,
    public_key_of,
    request_for,
)
from accounts.credentials import change_in_turn, key_file, new_handle, private_pem, write_once
from accounts.key_proof import needs_proof
from accounts.models import Application, Credential, Enterprise, KeyRequest
from accounts.models.applications import WAITS_FOR_STAFF
from accounts.notices import notify, notify_members
from accounts.onboarding import applications
from accounts.onboarding.certificate_change import of_old_codes
from accounts.onboarding.kinds import CERTIFICATE_CHANGE
from accounts.pkcs12 import open_pkcs12
from accounts.roles import Environment, KeyPlace, MemberRole
from portal.sentences import keep

log = logging.getLogger(__name__)

#: A key file that no row names is left alone so long: whoever wrote it may not have committed yet.
ORPHANS_KEPT = timedelta(days=7)
#: So many PKCS#12 files are opened at once: each takes a process with some hundred megabytes.
READERS = 2
#: The first half of the key of PostgreSQL's advisory lock on each of their places.
READERS_LOCK = 0x9C12
#: Files of keys as they are named by ``credentials.new_handle``; nothing else in the folder is touched.
KEY_FILES = re.compile(r"[0-9a-f]{32}\.pem")


class NotPossible(Exception):
    """What was asked cannot be done now; the text says in Chinese why and what to do."""


# --- they come in --------------------------------------------------------------------------------------------------------


def register_certificate(
    actor: Actor, environment: str, data: bytes, *, request: KeyRequest | None = None
) -> Credential:
    """Register a certificate alone. With the key made here it belongs to, where there is one, it can sign here.

    Raises CertificateRefused; also when it is said to answer ``request`` and does not.
    """
    certificate = certificate_for(actor.enterprise, environment, data, now=timezone.now())
    made = _answered_by(certificate, actor, environment)
    if request is not None and (made is None or made.pk != request.pk):
        raise CertificateRefused(_("证书与本平台制作的密钥不是一对。请上传发证机构按下载的证书请求签发的证书"))
    if made is None:
        return _keep(actor, environment, certificate, handle=new_handle(), key_place=KeyPlace.DEVICE)
    assert made.handle is not None
    with transaction.atomic():
        KeyRequest.objects.filter(pk=made.pk).update(closed=True)
        return _keep(actor, environment, certificate, handle=made.handle, key_place=KeyPlace.MADE)


def register_pkcs12(actor: Actor, environment: str, data: bytes, password: str) -> Credential:
    """Register a certificate with its key, which is kept here from now on. Raises CertificateRefused."""
    handle = new_handle()
    _take_a_reader()
    opened = open_pkcs12(data, password, handle)
    certificate = certificate_for(actor.enterprise, environment, opened.certificate, now=timezone.now())
    write_once(key_file(handle), opened.kept_key)
    return _keep(actor, environment, certificate, handle=handle, key_place=KeyPlace.IMPORTED)


def _take_a_reader() -> None:
    """One of the few places at which files are opened, of all workers together; free again at the end of the transaction,
    however it ends. Raises CertificateRefused when all are taken."""
    with connection.cursor() as cursor:
        for place in range(READERS):
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [READERS_LOCK, place])
            if cursor.fetchone() == (True,):
                return
    raise CertificateRefused(_("现在有多个 PKCS#12 文件正在打开，请过半分钟再提交。文件和口令没有保存"))


@transaction.atomic
def _keep(actor: Actor, environment: str, certificate: Certificate, *, handle: str, key_place: str) -> Credential:
    """Write the row; the first certificate of an environment that can sign here is put to use at once."""
    change_in_turn(actor.enterprise, environment)
    _check_apart(actor, environment, certificate)
    try:
        with transaction.atomic():
            credential = Credential.objects.create(
                enterprise=actor.enterprise,
                environment=environment,
                serial=certificate.serial,
                certificate=certificate.pem,
                key_handle=handle,
                key_place=key_place,
                not_before=certificate.not_before,
                not_after=certificate.not_after,
                active=False,
            )
    except IntegrityError:
        said = {"serial": certificate.serial, "environment": Environment(environment).label}
        raise CertificateRefused(
            _("%(environment)s已登记过序列号 %(serial)s 的证书，不必重复登记。要换用它，请在列表中启用") % said
        ) from None
    record(actor, Action.CREDENTIAL_MADE, credential.serial, environment=environment, key=str(key_place))
    others = Credential.objects.filter(enterprise=actor.enterprise, environment=environment, active=True)
    if key_place != KeyPlace.DEVICE and not others.exists() and not needs_approval(credential):
        put_to_use(actor, credential)
    return credential


def _check_apart(actor: Actor, environment: str, certificate: Certificate) -> None:
    """Raise CertificateRefused for a key that signs in the other environment: who tries there could sign for real here."""
    others = Credential.objects.filter(enterprise=actor.enterprise).exclude(environment=environment)
    for one in others:
        if facts(x509.load_pem_x509_certificate(one.certificate.encode())).public_key == certificate.public_key:
            said = {"serial": one.serial, "other": Environment(one.environment).label}
            raise CertificateRefused(
                _("这个密钥已用于%(other)s的证书 %(serial)s。两个环境的密钥不能相同，请用另一个密钥的证书") % said
            )


# --- keys made here ------------------------------------------------------------------------------------------------------


def ask_for_key(actor: Actor, environment: str) -> KeyRequest:
    """Ask the signing service for a key. Raises NotPossible while another one is open."""
    try:
        with transaction.atomic():
            asked = KeyRequest.objects.create(enterprise=actor.enterprise, environment=environment, asked_by=actor.user)
    except IntegrityError:
        said = {"environment": Environment(environment).label}
        raise NotPossible(
            _("%(environment)s已有一个等待证书的密钥。请先登记它的证书，或放弃它再重新制作") % said
        ) from None
    record(actor, Action.KEY_ASKED, f"key_request {asked.pk}", environment=environment)
    return asked


@transaction.atomic
def drop_key(actor: Actor, request: KeyRequest) -> bool:
    """Give a key up that no certificate was registered for; its file is swept later. False when it is closed already."""
    if not KeyRequest.objects.filter(pk=request.pk, closed=False).update(closed=True):
        return False
    record(actor, Action.KEY_DROPPED, f"key_request {request.pk}", environment=request.environment)
    return True


def make_wanted_keys() -> int:
    """Make the keys asked for; the signing service does so, and nothing but the certificate request leaves it."""
    wanted = list(KeyRequest.objects.filter(handle=None, closed=False).order_by("id").values_list("pk", flat=True))
    return sum(_make_key(pk) for pk in wanted)


@transaction.atomic
def _make_key(pk: int) -> bool:
    asked = KeyRequest.objects.select_for_update(skip_locked=True, of=("self",)).select_related("enterprise")
    request = asked.filter(pk=pk, handle=None, closed=False).first()
    if request is None:
        return False
    key, handle = rsa.generate_private_key(public_exponent=65537, key_size=LEAST_BITS), new_handle()
    write_once(key_file(handle), private_pem(key, handle))
    request.handle, request.request = handle, request_for(request.enterprise, key)
    request.save(update_fields=["handle", "request"])
    service = Bystander(enterprise=request.enterprise)
    record(service, Action.KEY_MADE, f"key_request {request.pk}", environment=request.environment)
    told = keep(
        gettext_noop("%(environment)s的密钥已制作，请下载证书请求，向发证机构申请证书"),
        environment=Environment(request.environment).label,
    )
    notify([request.asked_by], told, address=reverse("credentials"), enterprise=request.enterprise)
    return True


def open_requests_of(actor: Actor) -> list[KeyRequest]:
    """The keys of the actor's enterprise that wait for their certificate, or to be made."""
    return list(KeyRequest.objects.filter(enterprise=actor.enterprise, closed=False).select_related("asked_by"))


def _answered_by(certificate: Certificate, actor: Actor, environment: str) -> KeyRequest | None:
    """The open request whose key the certificate is for."""
    for request in open_requests_of(actor):
        waits = request.environment == environment and request.request
        if waits and public_key_of(request.request) == certificate.public_key:
            return request
    return None


# --- in use, or not ------------------------------------------------------------------------------------------------------


def needs_approval(credential: Credential) -> bool:
    """Whether staff have to agree that it is put to use: an enterprise that files for real had another in force before."""
    others = Credential.objects.filter(enterprise=credential.enterprise, environment=credential.environment)
    had = others.exclude(pk=credential.pk).filter(Q(active=True) | Q(ended_at__isnull=False))
    return credential.environment == Environment.PRODUCTION and credential.enterprise.may_file and had.exists()


def ask_for_change(actor: Actor, credential: Credential, reason: str) -> None:
    """Hand in that this one is to sign from now on. Raises NotPossible: without a reason, or while another is decided on."""
    _check_time(credential, timezone.now())
    _check_proved(credential)
    typed = {"serial": [credential.serial], "reason": [reason]}
    one = applications.begin(CERTIFICATE_CHANGE, by=actor.user, enterprise=actor.enterprise)
    try:
        wrong = applications.submit(one, typed, by=actor.user, version=one.version, address=actor.address)
    except applications.Stale:
        raise NotPossible(_("已有一份更换证书的申请在审核中，请等审核结果，或先撤回它")) from None
    if wrong:
        raise NotPossible(" ".join(wrong.get("__all__", ())) or _("没有提交：请填写更换原因，最多 200 个字"))


def asked_serials_of(actor: Actor) -> set[str]:
    """The certificates that staff are asked to agree to."""
    waiting = Application.objects.filter(
        enterprise=actor.enterprise, kind=CERTIFICATE_CHANGE.name, state__in=WAITS_FOR_STAFF
    )
    return {serial for one in waiting for serial in applications.typed_in(one).get("serial", ())}


@transaction.atomic
def put_to_use(actor: Actor, credential: Credential) -> None:
    """Sign with this one from the next message on; the one in use gives way. Raises NotPossible when it may not sign now."""
    now = timezone.now()
    _check_time(credential, now)
    _check_proved(credential)
    change_in_turn(actor.enterprise, credential.environment)
    own = Credential.objects.filter(enterprise=actor.enterprise, environment=credential.environment)
    list(own.select_for_update().order_by("pk").values_list("pk"))  # staff, too, may be putting one of them to use
    # Its codes as they are now: they may have changed while this waited.
    if why := of_old_codes(Credential.objects.select_related("enterprise").get(pk=credential.pk)):
        raise NotPossible(why)
    if needs_approval(credential):
        raise NotPossible(
            _("已开通的企业更换生产环境的证书，须经平台审核。请填写原因提交申请，现在的证书审核期间照常使用")
        )
    replaced = own.filter(active=True).exclude(pk=credential.pk).update(active=False, ended_at=now, stopped=False)
    if own.filter(pk=credential.pk, active=False).update(active=True, ended_at=None, stopped=False):
        record(actor, Action.CREDENTIAL_USED, credential.serial, environment=credential.environment)
        another = gettext_noop("%(environment)s改用证书 %(serial)s 加签，原来的证书不再使用")
        first = gettext_noop("%(environment)s开始用证书 %(serial)s 加签")
        _tell(actor.enterprise, credential, another if replaced else first)


@transaction.atomic
def stop(actor: Actor, credential: Credential) -> bool:
    """Sign with it no more, at once, whatever then waits. False when it is not in use."""
    using = Credential.objects.filter(pk=credential.pk, enterprise=actor.enterprise, active=True)
    if not using.update(active=False, ended_at=timezone.now(), stopped=True):
        return False
    record(actor, Action.CREDENTIAL_STOPPED, credential.serial, environment=credential.environment)
    _tell(
        actor.enterprise,
        credential,
        gettext_noop("%(environment)s的证书 %(serial)s 已停用。启用另一个之前，报文不能加签，等在本平台"),
    )
    return True


def _tell(enterprise: Enterprise, credential: Credential, text: str) -> None:
    """The other administrators: their messages are signed otherwise from now on, or not at all."""
    said = {"environment": Environment(credential.environment).label, "serial": credential.serial}
    notify_members(enterprise, keep(text, **said), roles=[MemberRole.ADMINISTRATOR], address=reverse("credentials"))


def _check_time(credential: Credential, now: datetime) -> None:
    if now > credential.not_after:
        day = timezone.localtime(credential.not_after).strftime("%Y-%m-%d")
        raise NotPossible(
            _("证书 %(serial)s 已于 %(day)s 到期，不能启用。请登记新证书") % {"serial": credential.serial, "day": day}
        )


def _check_proved(credential: Credential) -> None:
    if needs_proof(credential):
        raise NotPossible(
            _("证书 %(serial)s 的密钥还没有验证，不能启用。请先在列表中点“去验证”") % {"serial": credential.serial}
        )


# --- files nobody names --------------------------------------------------------------------------------------------------


def sweep_keys(now: datetime) -> int:
    """Remove the keys that no certificate and no open request names; how many. Runs as the owner, who sees all rows."""
    waiting = KeyRequest.objects.filter(closed=False).values_list("handle", flat=True)
    named = {*Credential.objects.values_list("key_handle", flat=True), *waiting}
    removed = 0
    for file in settings.PORTAL_KEYS_DIR.glob("*.pem"):
        if not KEY_FILES.fullmatch(file.name) or file.stem in named:
            continue
        if now.timestamp() - file.stat().st_mtime > ORPHANS_KEPT.total_seconds():
            file.unlink(missing_ok=True)
            removed += 1
    if removed:
        log.info("%s signing keys that nothing names were removed", removed)
    return removed
