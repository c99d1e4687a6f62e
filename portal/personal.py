"""Personal data at rest: sealed (AES-GCM), found again by a keyed hash, shown masked.

The ground of the walk: every name, number, telephone and address of a person passes through here before it reaches a
table, and every stored message, draft or uploaded row as a whole (`pack`).

Keys. `settings.PORTAL_FIELD_KEYS` lists base64 keys of 32 bytes. The first one encrypts, any of them decrypts: to rotate,
put a new key in front. The keyed hash hangs on the *last* key of the list, the oldest, because a hash, unlike a cipher
text, cannot be made anew without reading every row; so rotation never touches searching. Only when the last key itself
is to be retired must all rows be sealed again, which taking away a key requires anyhow.

Layout of a sealed value: hash (16) | key id (4) | nonce (12) | cipher text and tag. The hash stands first so that a plain
index on the column finds a value by its prefix; plain comparison operators may be used by PostgreSQL below row-level
security, a function call on the column may not.
"""

import base64
import hashlib
import os
import zlib
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

HASH_BYTES = 16
KEY_ID_BYTES = 4
NONCE_BYTES = 12
HEAD_BYTES = KEY_ID_BYTES + NONCE_BYTES
UNPACKED_LIMIT = 256 * 1024 * 1024


class Unreadable(ValueError):
    """A sealed value cannot be opened: changed, moved to another column, or its key is gone."""


class Keys(NamedTuple):
    """The listed keys made ready: the one that encrypts, those that decrypt, the one that hashes.

    ``inner`` and ``outer`` are the two halves of HMAC-SHA-256 with the key already in them, so that a value costs only
    its own bytes: two thirds less than beginning with the key each time.
    """

    first_id: bytes
    first: AESGCM
    by_id: dict[bytes, AESGCM]
    inner: Any
    outer: Any

    def hash_of(self, plain: bytes) -> bytes:
        """The keyed hash of a value's bytes."""
        inner, outer = self.inner.copy(), self.outer.copy()
        inner.update(plain)
        outer.update(inner.digest())
        found_by: bytes = outer.digest()[:HASH_BYTES]
        return found_by


def _made(listed: tuple[str, ...]) -> Keys:
    raw = [base64.b64decode(key) for key in listed]
    if not raw or any(len(key) != 32 for key in raw):
        raise ImproperlyConfigured("PORTAL_FIELD_KEYS must list at least one base64 key of 32 bytes")
    ids = [hashlib.sha256(b"portal key id" + key).digest()[:KEY_ID_BYTES] for key in raw]
    hashing = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"portal keyed hash").derive(raw[-1])
    ciphers = [AESGCM(key) for key in raw]
    padded = hashing.ljust(hashlib.sha256().block_size, b"\0")
    inner, outer = (hashlib.sha256(bytes([byte ^ pad for byte in padded])) for pad in (0x36, 0x5C))
    return Keys(ids[0], ciphers[0], dict(zip(ids, ciphers, strict=True)), inner, outer)


#: The keys as they were last listed, and what was made of them.
_latest: tuple[list[str], Keys | None] = ([], None)


def _keys() -> Keys:
    global _latest
    listed = settings.PORTAL_FIELD_KEYS
    keys = _latest[1]
    if keys is None or listed != _latest[0]:
        keys = _made(tuple(listed))
        _latest = ([*listed], keys)
    return keys


def keyed_hash(text: str) -> bytes:
    """The 16 bytes by which a value is found again; equal texts give equal bytes in every column."""
    return _keys().hash_of(text.encode())


def seal(text: str, label: str) -> bytes:
    """The text encrypted and bound to its place (`label`, "table.column"), the keyed hash in front."""
    keys = _keys()
    plain = text.encode()
    nonce = os.urandom(NONCE_BYTES)
    return keys.hash_of(plain) + keys.first_id + nonce + keys.first.encrypt(nonce, plain, label.encode())


def open_sealed(sealed: bytes, label: str) -> str:
    """The text sealed under the same label; Unreadable when it was changed or moved."""
    return _opened(sealed[HASH_BYTES:], label).decode()


def pack(data: bytes, label: str = "") -> bytes:
    """Whole messages, drafts and rows: compressed, then encrypted. No hash: nothing is searched inside."""
    keys = _keys()
    nonce = os.urandom(NONCE_BYTES)
    return keys.first_id + nonce + keys.first.encrypt(nonce, zlib.compress(data, 1), label.encode())


def unpack(packed: bytes, label: str = "") -> bytes:
    """What `pack` was given, byte for byte; Unreadable when it was changed."""
    inflate = zlib.decompressobj()
    data = inflate.decompress(_opened(packed, label), UNPACKED_LIMIT)
    if not inflate.eof:
        raise Unreadable("packed bytes are cut short or larger than the limit")
    return data


def _opened(data: bytes, label: str) -> bytes:
    data = bytes(data)
    cipher = _keys().by_id.get(data[:KEY_ID_BYTES])
    if cipher is None:
        raise Unreadable("no key in PORTAL_FIELD_KEYS opens this value")
    try:
        return cipher.decrypt(data[KEY_ID_BYTES:HEAD_BYTES], data[HEAD_BYTES:], label.encode())
    except InvalidTag as error:
        raise Unreadable("the sealed value does not open in this place") from error


def mask_name(text: str) -> str:
    """张三丰 → 张**."""
    return text[:1] + "*" * (len(text) - 1) if len(text) > 1 else "*" * len(text)


def mask_number(text: str) -> str:
    """Identity numbers: first three and last two characters stay, the day of birth never does."""
    return text[:3] + "*" * (len(text) - 5) + text[-2:] if len(text) > 8 else "*" * len(text)


def mask_phone(text: str) -> str:
    """13800001234 → 138****1234; short numbers keep their last two digits."""
    if len(text) >= 11:
        return text[:3] + "*" * (len(text) - 7) + text[-4:]
    return "*" * max(len(text) - 2, 0) + text[-2:] if len(text) > 4 else "*" * len(text)


def mask_address(text: str) -> str:
    """The first six characters (province and city) stay, the rest is as good as gone, its length too."""
    return text[:6] + "******" if len(text) > 6 else "******"


def mask_email(text: str) -> str:
    """contact@example.org → c***@example.org: whose house it is may be seen, not whose box."""
    name, at, house = text.rpartition("@")
    return f"{name[:1]}***{at}{house}" if at else "*" * len(text)


MASKS = {
    "name": mask_name, "number": mask_number, "phone": mask_phone, "address": mask_address, "email": mask_email,
}  # fmt: skip
