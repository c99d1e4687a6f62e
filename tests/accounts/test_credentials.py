"""Keys of the enterprises: in files, encrypted, never in a table."""

import base64
import stat
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from django.db import connection
from django.utils import timezone

from accounts import credentials
from accounts.credentials import (
    CredentialProblem,
    certificate_base64,
    credential_in_use,
    make_credential,
    serial_text,
    signing_key,
)
from accounts.models import AuditEntry
from accounts.roles import Environment


@pytest.fixture
def keys_dir(tmp_path, settings):
    settings.PORTAL_KEYS_DIR = tmp_path / "keys"
    credentials.read_key.cache_clear()
    yield settings.PORTAL_KEYS_DIR
    credentials.read_key.cache_clear()


def test_it_signs_with_the_key_of_the_certificate(cast, keys_dir):
    merchant = cast.enterprises["merchant"]
    made = make_credential(merchant)
    credential = credential_in_use(merchant.pk)
    assert credential == made
    entry = AuditEntry.objects.get(action="credential_made")
    assert (entry.enterprise, entry.subject) == (merchant, made.serial)
    signature = signing_key(credential).sign(b"words", padding.PKCS1v15(), hashes.SHA1())
    certificate = x509.load_der_x509_certificate(base64.b64decode(certificate_base64(credential.certificate)))
    certificate.public_key().verify(signature, b"words", padding.PKCS1v15(), hashes.SHA1())
    authority = x509.load_pem_x509_certificate((keys_dir / credentials.AUTHORITY_FILE).read_bytes())
    certificate.verify_directly_issued_by(authority)


def test_it_writes_the_serial_as_the_card_reader_does(cast, keys_dir):
    credential = make_credential(cast.enterprises["merchant"])
    assert credential.serial.startswith("03")
    assert len(credential.serial) == 16
    assert serial_text(0x01691F7F) == "01691f7f"
    assert serial_text(0x03000000000CDE6F) == "03000000000cde6f"


def test_it_keeps_keys_out_of_the_database_and_unreadable_on_disk(cast, keys_dir):
    credential = make_credential(cast.enterprises["merchant"])
    file = credentials.key_file(credential.key_handle)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    with pytest.raises((TypeError, ValueError)):
        serialization.load_pem_private_key(file.read_bytes(), None)
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(c)::text FROM accounts_credential c")
        assert all("PRIVATE" not in row for (row,) in cursor.fetchall())
    assert list(keys_dir.glob(".*")) == []


def test_it_opens_a_key_written_under_an_earlier_secret(cast, keys_dir, settings):
    credential = make_credential(cast.enterprises["merchant"])
    settings.PORTAL_FIELD_KEYS = [base64.b64encode(b"n" * 32).decode(), *settings.PORTAL_FIELD_KEYS]
    assert signing_key(credential).key_size == 2048
    settings.PORTAL_FIELD_KEYS = settings.PORTAL_FIELD_KEYS[:1]
    credentials.read_key.cache_clear()
    with pytest.raises(CredentialProblem, match="打不开"):
        signing_key(credential)


def test_it_reads_the_file_once_per_process(cast, keys_dir):
    credential = make_credential(cast.enterprises["merchant"])
    first = signing_key(credential)
    credentials.key_file(credential.key_handle).unlink()
    assert signing_key(credential) is first
    credentials.read_key.cache_clear()
    with pytest.raises(CredentialProblem, match="不在本机"):
        signing_key(credential)


def test_it_refuses_a_certificate_out_of_its_time_or_use(cast, keys_dir):
    merchant = cast.enterprises["merchant"]
    past = make_credential(merchant, now=timezone.now() - timedelta(days=3 * 365))
    with pytest.raises(CredentialProblem, match="到期"):
        signing_key(past)
    coming = make_credential(merchant, now=timezone.now() + timedelta(days=2))
    with pytest.raises(CredentialProblem, match="才有效"):
        signing_key(coming)
    past.refresh_from_db()
    with pytest.raises(CredentialProblem, match="已停用"):
        signing_key(past)


def test_it_keeps_the_environments_apart(cast, keys_dir):
    merchant = cast.enterprises["merchant"]
    sandbox = make_credential(merchant, Environment.SANDBOX)
    with pytest.raises(CredentialProblem, match="生产环境"):
        credential_in_use(merchant.pk, Environment.PRODUCTION)
    make_credential(merchant, Environment.PRODUCTION)
    assert credential_in_use(merchant.pk, Environment.SANDBOX) == sandbox
