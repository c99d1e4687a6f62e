"""A certificate registered alone: nothing until its key has signed a text of ours, whoever uploaded it."""

import base64
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from lxml import html

from accounts import key_proof
from accounts.cast import Cast
from accounts.models import Application, AuditEntry, Credential
from accounts.onboarding import applications
from accounts.onboarding.services import _signing_steps
from accounts.roles import EnterpriseState, KeyPlace
from portal.tenancy import acting_as
from tests.accounts.throwaway import PASSWORD, Issued, a_name, rsa_key
from tests.pages import test_markup

pytestmark = pytest.mark.django_db

PAGE, NEW = reverse("credentials"), reverse("new_credential")


@pytest.fixture(autouse=True)
def keys_dir(tmp_path: Path, settings) -> None:
    settings.PORTAL_KEYS_DIR = tmp_path / "keys"


@pytest.fixture
def administrator(client_of: Callable[[str], Client]) -> Client:
    return client_of("merchant_administrator")


def send(client: Client, content: bytes, *, way: str = "certificate", environment: str = "production", **more: str):
    """A certificate, registered."""
    data = {"way": way, "environment": environment, f"{way}-file": SimpleUploadedFile("own.cer", content)} | more
    return client.post(NEW, data)


@pytest.fixture
def kept(cast: Cast, administrator: Client) -> Credential:
    """A certificate registered alone, its key elsewhere."""
    assert send(administrator, Issued().pem()).status_code == 302
    return Credential.objects.select_related("enterprise").get()


def place(one: Credential) -> str:
    return reverse("key_proof", args=[one.pk])


def shown_text(client: Client, one: Credential) -> str:
    """What the page gives out to be signed."""
    return html.fromstring(client.get(place(one)).content).get_element_by_id("to-sign").text_content()


def signed(text: bytes, key: rsa.RSAPrivateKey | None = None, algorithm: hashes.HashAlgorithm | None = None) -> str:
    made = (key or rsa_key()).sign(text, padding.PKCS1v15(), algorithm or hashes.SHA256())
    return base64.b64encode(made).decode()


def hand_in(client: Client, one: Credential, signature: str) -> str:
    page = client.post(place(one), {"signature": signature}, follow=True)
    assert page.status_code == 200
    one.refresh_from_db()
    return page.content.decode()


def use(client: Client, one: Credential) -> str:
    page = client.post(reverse("change_credential", args=[one.pk]), {"do": "use"}, follow=True).content.decode()
    one.refresh_from_db()
    return page


# --- proved -------------------------------------------------------------------------------------------------------------


def test_it_waits_for_its_proof_and_is_put_to_use_after_it(cast: Cast, kept: Credential, administrator: Client) -> None:
    page = administrator.get(PAGE).content.decode()
    assert "待验证" in page and place(kept) in page
    assert "还没有验证，不能启用" in use(administrator, kept) and not kept.active
    text = shown_text(administrator, kept)
    for word in ("312246DM02", kept.serial, "production", timezone.localdate().isoformat()):
        assert word in text
    assert "可以启用" in hand_in(administrator, kept, signed(text.encode()))
    deed = AuditEntry.objects.get(action="credential_proved")
    assert (deed.user.username, deed.subject) == ("merchant_administrator", kept.serial)
    assert "待验证" not in administrator.get(PAGE).content.decode()
    assert "已启用" in use(administrator, kept) and kept.active
    assert administrator.get(place(kept)).status_code == 302, "there is nothing left to prove"


def test_registering_leads_straight_to_the_proof(cast: Cast, administrator: Client) -> None:
    answer = send(administrator, Issued().pem())
    assert answer["Location"] == place(Credential.objects.get())


def test_a_key_kept_here_has_nothing_to_prove(cast: Cast, administrator: Client) -> None:
    answer = send(administrator, Issued().p12(), way="pkcs12", environment="sandbox", **{"pkcs12-password": PASSWORD})
    assert answer["Location"] == PAGE and Credential.objects.get().active
    assert "待验证" not in administrator.get(PAGE).content.decode()


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
@pytest.mark.parametrize("algorithm", [hashes.SHA256(), hashes.SHA1()])
def test_it_takes_what_devices_make(
    end: str, algorithm: hashes.HashAlgorithm, kept: Credential, administrator: Client
) -> None:
    text = shown_text(administrator, kept) + end
    broken = re.sub("(.{64})", "\\1\r\n", signed(text.encode(), algorithm=algorithm))
    hand_in(administrator, kept, broken)
    assert kept.proven_at


@pytest.mark.skipif(not shutil.which("openssl"), reason="the openssl command is not there")
def test_the_command_on_the_page_makes_what_is_taken(kept: Credential, administrator: Client, tmp_path: Path) -> None:
    key = rsa_key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "own.key").write_bytes(key)
    page = html.fromstring(administrator.get(place(kept)).content)
    command = page.get_element_by_id("command").text_content()
    made = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)
    hand_in(administrator, kept, made.stdout)
    assert kept.proven_at


def test_the_text_stands_this_day_and_the_next(kept: Credential, administrator: Client) -> None:
    today = timezone.localdate()
    for days, taken in ((2, False), (-1, False), (1, True)):
        text = key_proof.text_to_sign(kept, today - timedelta(days=days))
        page = hand_in(administrator, kept, signed(text.encode()))
        assert bool(kept.proven_at) is taken, days
        assert taken or "与这个证书不符" in page


# --- not proved ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "请粘贴签名结果"),
        ("   ", "请粘贴签名结果"),
        ("不是签名", "不是 Base64"),
        ("abc", "不是 Base64"),
        ("\x00", ""),
        ("AAAA", "与这个证书不符"),
        ("A" * 1004, "内容太长"),
        ("A" * 20_000, "内容太长"),
    ],
)
def test_what_is_no_signature_is_refused_with_the_cure(
    typed: str, words: str, kept: Credential, administrator: Client
) -> None:
    page = hand_in(administrator, kept, typed)
    faults = html.fromstring(page).xpath("//p[@class='err']")
    assert faults and words in faults[0].text_content() and kept.proven_at is None


def test_the_signature_of_another_key_or_of_another_text_shows_nothing(kept: Credential, administrator: Client) -> None:
    text = shown_text(administrator, kept).encode()
    assert "与这个证书不符" in hand_in(administrator, kept, signed(text, rsa_key(2048, 1)))
    assert "与这个证书不符" in hand_in(administrator, kept, signed(text + b" "))
    assert "与这个证书不符" in hand_in(administrator, kept, signed(text[:-1]))
    assert kept.proven_at is None and not AuditEntry.objects.filter(action="credential_proved").exists()


def test_another_enterprises_public_certificate_is_registered_for_nothing_and_keeps_its_owner_out_of_nothing(
    cast: Cast, administrator: Client, client_of: Callable[[str], Client]
) -> None:
    """It names no code, so its subject stops nobody; what stops them is that they cannot sign with it."""
    public = Issued(subject=a_name(cn="上海另一家公司"))
    warehouse = client_of("warehouse_administrator")
    for client in (administrator, warehouse):
        assert send(client, public.pem(), environment="sandbox").status_code == 302
    squatted, owned = (
        Credential.objects.select_related("enterprise").get(enterprise=cast.enterprises[name])
        for name in ("merchant", "warehouse")
    )
    text = shown_text(warehouse, owned).encode()
    signature = signed(text)
    assert "与这个证书不符" in hand_in(administrator, squatted, signature), "what its owner signed serves nobody else"
    hand_in(warehouse, owned, signature)
    assert owned.proven_at and not squatted.proven_at
    assert use(administrator, squatted) and not squatted.active
    assert use(warehouse, owned) and owned.active


def test_the_text_of_one_environment_does_not_serve_in_the_other(
    cast: Cast, kept: Credential, administrator: Client
) -> None:
    same = Credential.objects.create(
        enterprise=kept.enterprise, environment="sandbox", serial=kept.serial, certificate=kept.certificate,
        key_handle="x", key_place=KeyPlace.DEVICE, not_before=kept.not_before, not_after=kept.not_after, active=False,
    )  # fmt: skip
    hand_in(administrator, same, signed(shown_text(administrator, kept).encode()))
    assert same.proven_at is None


def test_it_opens_no_gate_until_it_is_proved(cast: Cast, kept: Credential, administrator: Client) -> None:
    """A system goes live with a certificate in use in production, whose key may be its own."""
    assert not _signing_steps(kept.enterprise, by_page=False)[0].is_met
    use(administrator, kept)
    assert not _signing_steps(kept.enterprise, by_page=False)[0].is_met
    hand_in(administrator, kept, signed(shown_text(administrator, kept).encode()))
    assert not _signing_steps(kept.enterprise, by_page=False)[0].is_met
    use(administrator, kept)
    assert _signing_steps(kept.enterprise, by_page=False)[0].is_met


def test_staff_do_not_put_to_use_what_is_not_proved(cast: Cast, administrator: Client) -> None:
    send(administrator, Issued().p12(), way="pkcs12", **{"pkcs12-password": PASSWORD})
    send(administrator, Issued(key=rsa_key(2048, 1)).pem())
    second = Credential.objects.get(key_place=KeyPlace.DEVICE)
    address = reverse("change_credential", args=[second.pk])
    told = administrator.post(address, {"do": "ask", "reason": "换了设备"}, follow=True).content.decode()
    assert "还没有验证" in told and not Application.objects.exists()
    Credential.objects.filter(pk=second.pk).update(proven_at=timezone.now())
    administrator.post(address, {"do": "ask", "reason": "换了设备"})
    Credential.objects.filter(pk=second.pk).update(proven_at=None)
    one, staff = Application.objects.get(), cast.users["staff"]
    with acting_as(enterprise_id=None, user_id=staff.pk, role="portal_staff"):
        with pytest.raises(applications.NotPossible, match="还没有验证"):
            applications.approve(one, staff=staff, version=one.version)
    Credential.objects.filter(pk=second.pk).update(proven_at=timezone.now())
    one.refresh_from_db()
    with acting_as(enterprise_id=None, user_id=staff.pk, role="portal_staff"):
        assert applications.approve(one, staff=staff, version=one.version)
    second.refresh_from_db()
    assert second.active


# --- who, and the wall --------------------------------------------------------------------------------------------------


def test_administrators_prove_and_strangers_find_nothing(kept: Credential, client_of: Callable[[str], Client]) -> None:
    assert client_of("merchant_developer").get(place(kept)).status_code == 403
    for ask in ("get", "post"):
        assert getattr(client_of("warehouse_administrator"), ask)(place(kept)).status_code == 404
    kept.enterprise.state = EnterpriseState.SUSPENDED
    kept.enterprise.save()
    assert client_of("merchant_administrator").get(place(kept)).status_code == 403


def test_the_database_puts_none_to_use_whose_key_was_not_shown(cast: Cast, kept: Credential) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Credential.objects.filter(pk=kept.pk).update(active=True)
    Credential.objects.filter(pk=kept.pk).update(active=True, proven_at=timezone.now())
    actor = cast.actor("merchant_administrator")
    row = (
        "INSERT INTO accounts_credential (enterprise_id, environment, serial, certificate, key_handle, key_place,"
        " not_before, not_after, active, stopped, proven_at)"
        " VALUES (%s, 'sandbox', '01', '', %s, 'device', now(), now(), false, false, {})"
    )
    for proven, taken in (("now()", False), ("NULL", True)):
        with acting_as(enterprise_id=actor.enterprise.pk, user_id=actor.user.pk), connection.cursor() as cursor:
            try:
                with transaction.atomic():
                    cursor.execute(row.format(proven), [actor.enterprise.pk, proven])
                assert taken, "registered first, proved then"
            except DatabaseError:
                assert not taken


def test_its_page_is_sound_markup(kept: Credential, administrator: Client) -> None:
    for answer in (administrator.get(place(kept)), administrator.post(place(kept), {"signature": "x"})):
        page = html.fromstring(answer.content)
        test_markup.assert_nothing_inline(page, place(kept))
        test_markup.assert_named(page, place(kept))
        test_markup.assert_alive(page, place(kept))
