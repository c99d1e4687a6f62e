"""Sealing, finding and masking of personal data."""

import base64
import hmac
import os

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from portal import personal

LABEL = "declarations_order.buyer_name"


def key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_it_opens_what_it_sealed(text: str) -> None:
    sealed = personal.seal(text, LABEL)
    assert personal.open_sealed(sealed, LABEL) == text
    assert sealed.startswith(personal.keyed_hash(text))
    assert len(text) < 4 or text.encode() not in sealed


@given(st.text(st.characters(exclude_categories=["Cs"])), st.binary(min_size=32, max_size=32))
def test_its_keyed_hash_is_hmac_as_published(text: str, raw: bytes) -> None:
    with override_settings(PORTAL_FIELD_KEYS=[base64.b64encode(raw).decode()]):
        hashing = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"portal keyed hash").derive(raw)
        assert personal.keyed_hash(text) == hmac.digest(hashing, text.encode(), "sha256")[: personal.HASH_BYTES]


def test_it_seals_the_same_text_differently_each_time() -> None:
    assert personal.seal("沈若溪", LABEL) != personal.seal("沈若溪", LABEL)


def test_it_opens_nothing_in_another_place_or_changed() -> None:
    sealed = personal.seal("沈若溪", LABEL)
    with pytest.raises(personal.Unreadable):
        personal.open_sealed(sealed, "declarations_order.consignee")
    for place in (personal.HASH_BYTES, personal.HASH_BYTES + 5, len(sealed) - 1):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(personal.Unreadable):
            personal.open_sealed(bytes(changed), LABEL)


def test_it_rotates_keys_without_losing_rows_or_searching(settings) -> None:
    old, new = key(), key()
    settings.PORTAL_FIELD_KEYS = [old]
    sealed, found_by = personal.seal("沈若溪", LABEL), personal.keyed_hash("沈若溪")
    settings.PORTAL_FIELD_KEYS = [new, old]
    assert personal.open_sealed(sealed, LABEL) == "沈若溪"
    assert personal.keyed_hash("沈若溪") == found_by
    again = personal.seal("沈若溪", LABEL)
    settings.PORTAL_FIELD_KEYS = [new]
    assert personal.open_sealed(again, LABEL) == "沈若溪"
    with pytest.raises(personal.Unreadable):
        personal.open_sealed(sealed, LABEL)


@pytest.mark.parametrize("keys", [[], [base64.b64encode(b"short").decode()]])
def test_it_refuses_to_work_without_a_proper_key(settings, keys: list[str]) -> None:
    settings.PORTAL_FIELD_KEYS = keys
    with pytest.raises(ImproperlyConfigured):
        personal.keyed_hash("x")


@given(st.binary())
def test_it_packs_bytes_and_gives_them_back(data: bytes) -> None:
    assert personal.unpack(personal.pack(data, "outbound 1"), "outbound 1") == data


def test_it_unpacks_nothing_in_another_place() -> None:
    with pytest.raises(personal.Unreadable):
        personal.unpack(personal.pack(b"x", "outbound 1"), "outbound 2")
    with pytest.raises(personal.Unreadable):
        personal.unpack(b"", "outbound 1")


def test_it_packs_a_message_smaller_than_it_is() -> None:
    assert len(personal.pack(b"<ceb:orderNo>SH2025</ceb:orderNo>" * 100)) < 500


@pytest.mark.parametrize(
    ("mask", "text", "shown"),
    [
        ("name", "沈若溪", "沈**"),
        ("name", "沈", "*"),
        ("name", "", ""),
        ("number", "31011519000101001X", "310*************1X"),
        ("number", "12345678", "********"),
        ("phone", "13900000001", "139****0001"),
        ("phone", "68890000", "******00"),
        ("phone", "110", "***"),
        ("address", "上海市浦东新区示例路1号101室", "上海市浦东新******"),
        ("address", "上海市", "******"),
    ],
)
def test_it_masks(mask: str, text: str, shown: str) -> None:
    assert personal.MASKS[mask](text) == shown
