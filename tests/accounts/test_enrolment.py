"""证书与加签 as an administrator meets it: what is taken, what is refused and with which cure, which one signs."""

import base64
import os
import shutil
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from lxml import html

from accounts import credentials, enrolment
from accounts.cast import Cast
from accounts.credentials import key_file, make_credential, read_key
from accounts.models import Application, AuditEntry, Credential, Enterprise, KeyRequest, Membership, Notice
from accounts.onboarding import applications
from accounts.roles import EnterpriseState, KeyPlace, MemberRole
from portal.tenancy import acting_as
from tests.accounts import throwaway
from tests.accounts.throwaway import PASSWORD, Issued, a_name, a_p12, rsa_key
from tests.pages import test_markup

pytestmark = pytest.mark.django_db

PAGE, NEW = reverse("credentials"), reverse("new_credential")
NEIGHBOUR = "312246DM08"


@pytest.fixture(autouse=True)
def keys_dir(tmp_path, settings):
    settings.PORTAL_KEYS_DIR = tmp_path / "keys"
    read_key.cache_clear()
    yield settings.PORTAL_KEYS_DIR
    read_key.cache_clear()


@pytest.fixture
def administrator(client_of: Callable[[str], Client]) -> Client:
    return client_of("merchant_administrator")


def send(client: Client, way: str, content: bytes = b"", environment: str = "production", **more: str):
    """One of the three forms, sent."""
    data = {"way": way, "environment": environment}
    if way != "key":
        data[f"{way}-file"] = SimpleUploadedFile("own.cer", content)
    return client.post(NEW, data | {f"{way}-{name}": value for name, value in more.items()})


def faults(answer) -> str:
    """What the page says is wrong, at its fields."""
    assert answer.status_code == 200, answer
    return " ".join(one.text_content().strip() for one in html.fromstring(answer.content).xpath("//p[@class='err']"))


def own(cast: Cast) -> Credential:
    """The one certificate of the merchant."""
    return Credential.objects.get(enterprise=cast.enterprises["merchant"])


# --- what is taken -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["pem", "der"])
def test_a_certificate_alone_waits_for_its_proof_and_is_not_put_to_use(
    form: str, cast: Cast, administrator: Client
) -> None:
    issued = Issued(serial=0x0300000000ABCDEF)
    answer = send(administrator, "certificate", getattr(issued, form)())
    assert answer.status_code == 302
    kept = own(cast)
    assert (kept.serial, kept.environment, kept.key_place, kept.active) == (
        "0300000000abcdef", "production", KeyPlace.DEVICE, False,
    )  # fmt: skip
    page = administrator.get(PAGE).content.decode()
    for shown in (
        kept.serial,
        "CN=Throwaway CA",
        "312246DM02",
        f"{timezone.localtime(kept.not_after):%Y-%m-%d}",
        "待验证",
        "本平台不能用它",
    ):
        assert shown in page, shown
    assert not key_file(kept.key_handle).exists()


def test_an_extension_nobody_knows_is_no_fault(cast: Cast, administrator: Client) -> None:
    assert send(administrator, "certificate", Issued(odd=99).der()).status_code == 302
    assert own(cast).serial in administrator.get(PAGE).content.decode()


def test_a_pkcs12_brings_its_key_which_signs_here_from_then_on(
    cast: Cast, administrator: Client, settings, keys_dir
) -> None:
    chain = Issued(subject=a_name(cn="Throwaway CA"), ca=True, key=rsa_key(2048, 1)).certificate()
    answer = send(administrator, "pkcs12", Issued().p12(cas=[chain]), "sandbox", password=PASSWORD)
    assert answer.status_code == 302
    kept = own(cast)
    assert (kept.key_place, kept.active) == (KeyPlace.IMPORTED, True), "the first that can sign is put to use"
    signature = credentials.signing_key(kept).sign(b"words", padding.PKCS1v15(), hashes.SHA1())
    certificate = x509.load_pem_x509_certificate(kept.certificate.encode())
    certificate.public_key().verify(signature, b"words", padding.PKCS1v15(), hashes.SHA1())  # type: ignore[union-attr,call-arg]
    (file,) = keys_dir.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises((TypeError, ValueError)):
        serialization.load_pem_private_key(file.read_bytes(), None)


def test_the_password_is_kept_nowhere(cast: Cast, administrator: Client, caplog, keys_dir) -> None:
    send(administrator, "pkcs12", Issued().p12("kept-nowhere-7"), password="kept-nowhere-7")
    wrong = send(administrator, "pkcs12", Issued().p12("x"), password="kept-nowhere-7")
    assert b"kept-nowhere-7" not in wrong.content
    with connection.cursor() as cursor:
        for table in ("accounts_credential", "accounts_auditentry", "accounts_keyrequest"):
            cursor.execute(f"SELECT coalesce(string_agg(t::text, ''), '') FROM {table} t")
            assert "kept-nowhere-7" not in cursor.fetchone()[0]
    assert "kept-nowhere-7" not in caplog.text
    assert all(b"kept-nowhere-7" not in file.read_bytes() for file in keys_dir.iterdir())


@pytest.mark.skipif(not shutil.which("openssl"), reason="the openssl command is not there")
def test_it_takes_what_openssl_makes_and_names_the_cure_for_what_is_too_old(
    cast: Cast, administrator: Client, tmp_path
) -> None:
    assert send(administrator, "pkcs12", throwaway.openssl_p12(tmp_path), password="plain-pass").status_code == 302
    assert own(cast).key_place == KeyPlace.IMPORTED
    old = throwaway.openssl_p12(tmp_path, "-legacy")
    answer = send(administrator, "pkcs12", old, password="plain-pass")
    assert answer.status_code == 302 or "AES-256" in faults(answer)


def test_a_key_made_here_waits_for_its_certificate_and_is_matched_with_it(
    cast: Cast, administrator: Client, keys_dir
) -> None:
    assert send(administrator, "key", environment="sandbox").status_code == 302
    asked = KeyRequest.objects.get()
    assert "正在制作" in administrator.get(PAGE).content.decode()
    address = reverse("key_request", args=[asked.pk])
    assert administrator.get(address).status_code == 404, "nothing to download yet"
    assert enrolment.make_wanted_keys() == 1 and enrolment.make_wanted_keys() == 0
    downloaded = administrator.get(address)
    assert "attachment" in downloaded["Content-Disposition"] and ".csr" in downloaded["Content-Disposition"]
    request = x509.load_pem_x509_csr(downloaded.content)
    assert request.is_signature_valid and "312246DM02" in request.subject.rfc4514_string()
    assert b"PRIVATE" not in downloaded.content
    issued = Issued(public_key=request.public_key(), subject=request.subject)
    answer = send(administrator, "certificate", issued.der(), "sandbox", request=str(asked.pk))
    assert answer.status_code == 302, faults(answer)
    kept = own(cast)
    asked.refresh_from_db()
    assert (kept.key_place, kept.active, kept.key_handle, asked.closed) == (KeyPlace.MADE, True, asked.handle, True)
    assert credentials.signing_key(kept).public_key() == request.public_key()
    told = AuditEntry.objects.filter(action__startswith="key_").order_by("id").values_list("action", "user__username")
    assert list(told) == [("key_asked", "merchant_administrator"), ("key_made", None)]


def test_a_certificate_of_another_key_is_not_matched(cast: Cast, administrator: Client) -> None:
    send(administrator, "key")
    enrolment.make_wanted_keys()
    asked = KeyRequest.objects.get()
    answer = send(administrator, "certificate", Issued().pem(), request=str(asked.pk))
    assert "不是一对" in faults(answer) and "证书请求" in faults(answer)
    assert not Credential.objects.exists()
    right = Issued(public_key=x509.load_pem_x509_csr(asked.request.encode()).public_key())
    assert "不再等待证书" in faults(send(administrator, "certificate", right.pem(), "sandbox", request=str(asked.pk)))


def test_one_key_at_a_time_and_another_once_it_is_given_up(cast: Cast, administrator: Client) -> None:
    send(administrator, "key")
    assert "已有一个等待证书的密钥" in administrator.post(
        NEW, {"way": "key", "environment": "production"}, follow=True
    ).content.decode()  # fmt: skip
    assert send(administrator, "key", environment="sandbox").status_code == 302
    assert KeyRequest.objects.count() == 2
    first = KeyRequest.objects.get(environment="production")
    assert administrator.post(reverse("key_request", args=[first.pk])).status_code == 302
    assert administrator.post(reverse("key_request", args=[first.pk])).status_code == 404
    assert enrolment.make_wanted_keys() == 1, "one given up is not made"
    send(administrator, "key")
    assert KeyRequest.objects.filter(environment="production").count() == 2


# --- what is refused -----------------------------------------------------------------------------------------------------

NOW = timedelta()


def as_text(der: bytes) -> bytes:
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"


REFUSED_CERTIFICATES: dict[str, tuple[Callable[[], bytes], tuple[str, ...]]] = {
    "nothing": (lambda: b"", ("是空的", "重新导出")),
    "garbage": (lambda: os.urandom(900), ("不是证书", "重新导出")),
    "text": (lambda: "我的证书".encode() * 40, ("不是证书",)),
    "half a certificate": (lambda: Issued().pem()[:500], ("没有完整的证书", "重新导出")),
    "damaged": (lambda: Issued().pem().replace(b"MII", b"AAA", 1), ("不是证书", "已损坏")),
    "too large": (lambda: b"x" * (64 * 1024 + 1), ("65 KB", "64 KB")),
    "expired": (lambda: Issued(starts=timedelta(days=-9), ends=timedelta(days=-1)).pem(), ("到期", "新的证书")),
    "not yet valid": (lambda: Issued(starts=timedelta(days=3)).pem(), ("起才有效", "再登记")),
    "short key": (lambda: Issued(key=rsa_key(1024)).pem(), ("1024", "2048", "重新申请")),
    "endless key": (lambda: Issued(key=rsa_key(5120)).pem(), ("5120", "4096")),
    "not RSA": (lambda: Issued(key=throwaway.elliptic()).pem(), ("不是 RSA", "申请 RSA")),
    "an authority": (lambda: Issued(ca=True, usage=None).pem(), ("CA", "签发给本企业")),
    "for encryption": (lambda: Issued(usage=(False, False)).der(), ("不能用于签名", "签名证书")),
    "another's customs code": (lambda: Issued(subject=a_name(cn="别家", serial=NEIGHBOUR)).pem(), (NEIGHBOUR, "312246DM02")),
    "another's credit code": (lambda: Issued(subject=a_name(cn="别家", ou="913101150000926038")).pem(), ("913101150000926038",)),
    "a chain": (
        lambda: Issued(serial=0x0777).pem() + Issued(ca=True).pem(), ("2 个证书", "证书链", "0777"),
    ),
    "two own ones": (lambda: Issued().pem() + Issued().pem(), ("2 个证书", "只留")),
    "with its key": (
        lambda: Issued().pem() + rsa_key().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ), ("有私钥", "没有保存", "PKCS#12"),
    ),
    "a PKCS#12": (lambda: Issued().p12(), ("PKCS#12", "口令")),
    "a request": (
        lambda: x509.CertificateSigningRequestBuilder().subject_name(a_name(cn="x")).sign(rsa_key(), hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM), ("证书请求", "签发的证书"),
    ),
    "PKCS#7": (lambda: b"-----BEGIN PKCS7-----\nMIIB\n-----END PKCS7-----\n", ("PKCS#7", ".cer")),
    "of a version nobody knows": (
        lambda: Issued().der().replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x07", 1), ("不是证书",),
    ),
    "an extension twice": (lambda: Issued(odd=19).der(), ("扩展项读不出", "重新签发")),
    "an extension twice, as text": (lambda: as_text(Issued(odd=19).der()), ("扩展项读不出", "重新签发")),
    "an extension that is none": (lambda: Issued(odd=17).der(), ("扩展项读不出", "重新签发")),
    "an owner in no writing": (
        lambda: Issued(subject=a_name(cn="ABCDEFGH")).der().replace(b"ABCDEFGH", b"\xff\xfe\xff\xfeABCD"),
        ("使用者", "重新签发"),
    ),
    "an office in no writing": (
        lambda: Issued(issuer=a_name(cn="ABCDEFGH")).der().replace(b"ABCDEFGH", b"\xff\xfe\xff\xfeABCD"),
        ("颁发者", "重新签发"),
    ),
    "of the demo": (lambda: Issued(issuer=a_name(cn=credentials.AUTHORITY)).pem(), ("演示", "生产环境")),
    "of the sandbox": (lambda: Issued(issuer=a_name(cn="Tongguan Sandbox CA")).pem(), ("演示", "生产环境")),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED_CERTIFICATES)
def test_it_refuses_a_certificate_with_place_and_cure(name: str, cast: Cast, administrator: Client) -> None:
    content, words = REFUSED_CERTIFICATES[name]
    answer = send(administrator, "certificate", content())
    said = faults(answer)
    for word in words:
        assert word in said, said
    page = html.fromstring(answer.content)
    (field,) = page.xpath("//*[@aria-invalid='true']")
    assert field.get("name") == "certificate-file" and page.xpath(f"//*[@id='{field.get('aria-describedby')}']")
    assert not Credential.objects.exists() and not AuditEntry.objects.filter(action="credential_made").exists()


REFUSED_PKCS12: dict[str, tuple[Callable[[], bytes], str, str, tuple[str, ...]]] = {
    "wrong password": (lambda: Issued().p12(), "wrong", "password", ("口令不对", "大小写")),
    "no password": (lambda: Issued().p12(), "", "password", ("口令不对",)),
    "cut off": (lambda: Issued().p12()[:-40], PASSWORD, "password", ("已损坏",)),
    "no key": (lambda: a_p12(None, Issued().certificate()), PASSWORD, "file", ("没有私钥", "导出私钥")),
    "no certificate": (lambda: a_p12(rsa_key(), None), PASSWORD, "file", ("没有证书",)),
    "key of another": (
        lambda: a_p12(rsa_key(), None, cas=[Issued(key=rsa_key(2048, 5)).certificate()]), PASSWORD, "file", ("不是一对",),
    ),
    "not RSA": (lambda: Issued(key=throwaway.elliptic()).p12(), PASSWORD, "file", ("不是 RSA",)),
    "short": (lambda: Issued(key=rsa_key(1024)).p12(), PASSWORD, "file", ("1024",)),
    "expired": (lambda: Issued(starts=timedelta(days=-9), ends=timedelta(days=-1)).p12(), PASSWORD, "file", ("到期",)),
    "another's": (lambda: Issued(subject=a_name(serial=NEIGHBOUR)).p12(), PASSWORD, "file", (NEIGHBOUR,)),
    "a certificate": (lambda: Issued().der(), PASSWORD, "file", ("不是 PKCS#12", "只登记证书")),
    "garbage": (lambda: os.urandom(5000), PASSWORD, "file", ("不是 PKCS#12",)),
    "too large": (lambda: b"0" * 70_000, PASSWORD, "file", ("64 KB",)),
    "nothing": (lambda: b"", PASSWORD, "file", ("是空的",)),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED_PKCS12)
def test_it_refuses_a_pkcs12_with_place_and_cure(name: str, cast: Cast, administrator: Client, keys_dir) -> None:
    content, password, place, words = REFUSED_PKCS12[name]
    answer = send(administrator, "pkcs12", content(), password=password)
    said = faults(answer)
    for word in words:
        assert word in said, said
    (field,) = html.fromstring(answer.content).xpath("//*[@aria-invalid='true']/@name")
    assert field == f"pkcs12-{place}"
    assert not Credential.objects.exists()
    assert not keys_dir.exists() or not list(keys_dir.iterdir()), "nothing of it is kept"


def test_a_file_that_computes_without_end_is_stopped(cast: Cast, administrator: Client) -> None:
    began = time.monotonic()
    answer = send(administrator, "pkcs12", throwaway.endless_p12(), password=PASSWORD)
    assert "打开得太慢" in faults(answer) and "迭代次数" in faults(answer)
    assert time.monotonic() - began < 60


def test_a_key_of_one_environment_is_not_taken_into_the_other(cast: Cast, administrator: Client) -> None:
    issued = Issued(serial=0x0123)
    assert send(administrator, "pkcs12", issued.p12(), "sandbox", password=PASSWORD).status_code == 302
    renewed = Issued(serial=0x0456)  # another certificate for the same key
    for answer in (
        send(administrator, "certificate", issued.pem()),
        send(administrator, "certificate", renewed.pem()),
        send(administrator, "pkcs12", renewed.p12(), password=PASSWORD),
    ):
        assert "两个环境的密钥不能相同" in faults(answer) and "0123" in faults(answer)
    assert own(cast).environment == "sandbox"
    assert send(administrator, "certificate", Issued(key=rsa_key(2048, 1)).pem()).status_code == 302
    assert send(administrator, "certificate", renewed.pem(), "sandbox").status_code == 302


def test_the_same_number_again_is_refused_and_is_no_business_of_other_enterprises(
    cast: Cast, administrator: Client, client_of: Callable[[str], Client]
) -> None:
    plain = Issued(subject=a_name(cn="没有代码"), serial=0x0123456789)
    assert send(administrator, "certificate", plain.pem()).status_code == 302
    assert "已登记过" in faults(send(administrator, "certificate", plain.pem()))
    Membership.objects.filter(user=cast.users["neighbour_filer"]).update(roles=[MemberRole.ADMINISTRATOR])
    neighbour = client_of("neighbour_filer")
    assert send(neighbour, "certificate", plain.pem()).status_code == 302, "nobody keeps another's number from them"
    assert "已登记过" in faults(send(neighbour, "certificate", plain.pem()))
    assert Credential.objects.filter(serial="0123456789").count() == 2


@pytest.mark.parametrize("data", [{}, {"way": "nothing"}, {"way": "certificate"}, {"way": "pkcs12"}, {"way": "certificate", "certificate-file": "text", "certificate-request": "x"}])  # fmt: skip
def test_whatever_is_sent_the_page_answers(data: dict[str, str], cast: Cast, administrator: Client) -> None:
    assert administrator.post(NEW, data).status_code == 200
    assert administrator.get(NEW, {"environment": "moon", "request": "9" * 40}).status_code == 200
    assert not Credential.objects.exists()


# --- which one signs -----------------------------------------------------------------------------------------------------


def test_one_is_in_use_in_each_environment_and_another_takes_its_place(cast: Cast, administrator: Client) -> None:
    for number in range(2):
        send(administrator, "pkcs12", Issued(key=rsa_key(2048, number)).p12(), "sandbox", password=PASSWORD)
    other = make_credential(cast.enterprises["merchant"], "production")
    first, second = Credential.objects.filter(environment="sandbox").order_by("pk")
    assert (first.active, second.active) == (True, False)
    administrator.post(reverse("change_credential", args=[second.pk]), {"do": "use"})
    first.refresh_from_db()
    second.refresh_from_db()
    other.refresh_from_db()
    assert (first.active, second.active, other.active) == (False, True, True)
    page = html.fromstring(administrator.get(PAGE).content)
    shown = {
        row.xpath(".//td[1]")[0].text_content(): row.xpath(".//span[contains(@class, 'st ')]")[0].text_content().strip()
        for row in page.xpath("//section[.//h2[@id='sandbox']]//tbody/tr")
    }
    assert shown == {first.serial: "已替换", second.serial: "使用中"}


def test_an_enterprise_that_files_for_real_changes_its_certificate_with_approval_only(
    cast: Cast, administrator: Client
) -> None:
    for number in range(2):
        send(administrator, "pkcs12", Issued(key=rsa_key(2048, number)).p12(), password=PASSWORD)
    first, second = Credential.objects.order_by("pk")
    address = reverse("change_credential", args=[second.pk])
    page = administrator.post(address, {"do": "use"}, follow=True).content.decode()
    assert "须经平台审核" in page and "申请改用" in page
    assert "请填写更换原因" in administrator.post(address, {"do": "ask", "reason": " "}, follow=True).content.decode()
    administrator.post(address, {"do": "ask", "reason": "换了设备"})
    assert "更换申请待审核" in administrator.get(PAGE).content.decode()
    again = administrator.post(address, {"do": "ask", "reason": "再来一次"}, follow=True).content.decode()
    assert "已有一份更换证书的申请在审核中" in again
    assert in_use() == first.serial, "the old one stays in force meanwhile"
    one, staff = Application.objects.get(), cast.users["staff"]
    with acting_as(enterprise_id=None, user_id=staff.pk, role="portal_staff"):
        with connection.cursor() as cursor:
            cursor.execute("SELECT accounts_change_certificate(%s, %s)", [one.pk, second.serial])
            assert cursor.fetchone() == (False,), "not without an approval"
        assert applications.approve(one, staff=staff, version=one.version) is True
    assert in_use() == second.serial
    assert Notice.objects.filter(user=one.applicant).count() == 1, "the approval is told once"
    deed = AuditEntry.objects.filter(action="credential_used").latest("id")
    assert (deed.user, deed.subject, deed.details["application"]) == (staff, second.serial, one.pk)


def test_stopping_one_is_no_way_around_the_approval(cast: Cast, administrator: Client) -> None:
    send(administrator, "pkcs12", Issued().p12(), password=PASSWORD)
    first = own(cast)
    administrator.post(reverse("change_credential", args=[first.pk]), {"do": "stop"})
    send(administrator, "pkcs12", Issued(key=rsa_key(2048, 1)).p12(), password=PASSWORD)
    second = Credential.objects.latest("pk")
    administrator.post(reverse("change_credential", args=[second.pk]), {"do": "use"})
    assert in_use() == ""
    administrator.post(reverse("change_credential", args=[second.pk]), {"do": "ask", "reason": "泄露"})
    Credential.objects.filter(pk=second.pk).update(not_after=timezone.now() - timedelta(days=1))
    one, staff = Application.objects.get(), cast.users["staff"]
    with acting_as(enterprise_id=None, user_id=staff.pk, role="portal_staff"):
        with pytest.raises(applications.NotPossible, match="已到期"):
            applications.approve(one, staff=staff, version=one.version)
    administrator.post(reverse("change_credential", args=[first.pk]), {"do": "use"})
    assert in_use() == first.serial, "what was stopped by mistake is put back at once"


def in_use() -> str:
    """The number of the certificate in use in production, or nothing."""
    return "".join(Credential.objects.filter(environment="production", active=True).values_list("serial", flat=True))


def test_it_is_stopped_at_once_and_may_be_used_again(cast: Cast, administrator: Client) -> None:
    send(administrator, "pkcs12", Issued().p12(), password=PASSWORD)
    kept = own(cast)
    address = reverse("change_credential", args=[kept.pk])
    administrator.post(address, {"do": "stop"})
    kept.refresh_from_db()
    assert (kept.active, kept.stopped) == (False, True) and kept.ended_at
    assert "已停用" in administrator.get(PAGE).content.decode()
    administrator.post(address, {"do": "stop"})
    administrator.post(address, {"do": "use"})
    kept.refresh_from_db()
    assert (kept.active, kept.stopped, kept.ended_at) == (True, False, None)
    deeds = AuditEntry.objects.filter(subject=kept.serial).order_by("id").values_list("action", flat=True)
    assert list(deeds) == ["credential_made", "credential_used", "credential_stopped", "credential_used"]


def test_an_expired_one_is_not_put_to_use(cast: Cast, administrator: Client) -> None:
    send(administrator, "certificate", Issued().pem())
    kept = own(cast)
    Credential.objects.update(not_after=timezone.now() - timedelta(days=1))
    page = administrator.post(reverse("change_credential", args=[kept.pk]), {"do": "use"}, follow=True)
    assert "到期，不能启用" in page.content.decode() and "已到期" in page.content.decode()
    kept.refresh_from_db()
    assert not kept.active


def test_a_suspended_enterprise_may_stop_and_begins_nothing(cast: Cast, administrator: Client) -> None:
    send(administrator, "pkcs12", Issued().p12(), password=PASSWORD)
    Enterprise.objects.filter(customs_code="312246DM02").update(state=EnterpriseState.SUSPENDED)
    assert send(administrator, "key").status_code == 403
    address = reverse("change_credential", args=[own(cast).pk])
    assert administrator.post(address, {"do": "use"}).status_code == 403
    assert administrator.post(address, {"do": "stop"}).status_code == 302
    assert not own(cast).active
    assert NEW not in administrator.get(PAGE).content.decode()


def test_a_developer_looks_and_others_do_not(cast: Cast, client_of: Callable[[str], Client]) -> None:
    developer = client_of("merchant_developer")
    page = html.fromstring(developer.get(PAGE).content)
    assert not page.xpath("//main//form") and NEW not in page.xpath("//main//a/@href")
    assert developer.get(NEW).status_code == 403
    for username in ("merchant_filer", "merchant_finance", "merchant_viewer"):
        assert client_of(username).get(PAGE).status_code == 403


def test_its_pages_are_sound_markup(cast: Cast, administrator: Client) -> None:
    first = [PAGE, NEW, reverse("signing_consent")]
    for way in ("pkcs12", "key"):
        send(administrator, way, Issued().p12(), password=PASSWORD)
    send(administrator, "certificate", Issued(ends=timedelta(days=20)).pem())
    enrolment.make_wanted_keys()
    administrator.post(reverse("signing_consent"), {"do": "give", "version": "2026-1", "agreed": "yes"})
    answer = f"{NEW}?environment=production&request={KeyRequest.objects.get().pk}"
    for address in (*first, answer, f"{NEW}?environment=sandbox"):
        page = html.fromstring(administrator.get(address).content)
        test_markup.assert_nothing_inline(page, address)
        test_markup.assert_named(page, address)
        test_markup.assert_alive(page, address)


# --- the wall ------------------------------------------------------------------------------------------------------------


def refused(sql: str, *values: object) -> bool:
    """Whether the database refuses, or finds no row to touch."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.rowcount == 0
    except DatabaseError as error:
        assert "permission denied" in str(error) or "row-level security" in str(error), error
        return True


def test_the_pages_write_no_more_than_they_need_and_only_as_administrator(cast: Cast, administrator: Client) -> None:
    send(administrator, "pkcs12", Issued().p12(), password=PASSWORD)
    make_credential(cast.enterprises["neighbour"])
    send(administrator, "key")
    stop = "UPDATE accounts_credential SET active = false"
    actor = cast.actor("merchant_administrator")
    with acting_as(enterprise_id=actor.enterprise.pk, user_id=actor.user.pk):
        assert refused("UPDATE accounts_credential SET key_handle = 'x'")
        assert refused("UPDATE accounts_credential SET not_after = now()")
        assert refused("UPDATE accounts_credential SET warned_days = 7")
        assert refused("UPDATE accounts_keyrequest SET handle = 'x', request = 'x'")
        assert refused("UPDATE accounts_signingconsent SET given_at = now()")
        assert refused("DELETE FROM accounts_credential") and refused("DELETE FROM accounts_signingconsent")
        for table in ("credential", "keyrequest", "signingconsent"):
            assert refused(f"UPDATE accounts_{table} SET enterprise_id = %s", cast.enterprises["neighbour"].pk)
        with connection.cursor() as cursor:
            cursor.execute(stop)
            assert cursor.rowcount == 1, "one's own only"
    for username in ("merchant_filer", "merchant_developer", "neighbour_filer"):
        other = cast.actor(username)
        with acting_as(enterprise_id=other.enterprise.pk, user_id=other.user.pk):
            assert refused(stop), username
            assert refused(
                "INSERT INTO accounts_signingconsent (enterprise_id, text_version, given_by_id, given_at)"
                " VALUES (%s, 'x', %s, statement_timestamp())",
                other.enterprise.pk, other.user.pk,
            ), username  # fmt: skip
    with acting_as(enterprise_id=None, user_id=cast.users["staff"].pk, role="portal_staff"):
        assert refused(stop) and refused("UPDATE accounts_signingconsent SET revoked_at = now()")


def test_the_process_of_the_pages_reads_no_key(cast: Cast, settings) -> None:
    kept = make_credential(cast.enterprises["merchant"])
    settings.PORTAL_PROCESS = "web"
    with pytest.raises(RuntimeError, match="no signing key"):
        credentials.signing_key(kept)
    settings.PORTAL_PROCESS = "worker"
    assert credentials.signing_key(kept)


def test_no_row_is_without_its_file_and_a_file_without_a_row_is_swept(
    cast: Cast, administrator: Client, keys_dir
) -> None:
    issued = Issued(serial=0x77)
    send(administrator, "pkcs12", issued.p12(), password=PASSWORD)
    used = key_file(own(cast).key_handle)
    assert "已登记过" in faults(send(administrator, "pkcs12", issued.p12(), password=PASSWORD))
    send(administrator, "key")
    enrolment.make_wanted_keys()
    asked = KeyRequest.objects.get()
    make_credential(cast.enterprises["neighbour"])  # brings the file of the demo's authority
    files = set(keys_dir.iterdir())
    waiting = key_file(str(asked.handle))
    assert {used, waiting} < files and len(files) == 5, "the refused one left its file behind"
    later = timezone.now() + timedelta(days=8)
    assert enrolment.sweep_keys(timezone.now()) == 0, "whoever wrote it may not have committed yet"
    assert enrolment.sweep_keys(later) == 1
    assert used.exists() and waiting.exists() and (keys_dir / credentials.AUTHORITY_FILE).exists()
    administrator.post(reverse("key_request", args=[asked.pk]))
    assert enrolment.sweep_keys(later) == 1 and not waiting.exists() and used.exists()
