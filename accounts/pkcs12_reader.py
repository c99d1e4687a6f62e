"""The process that opens a PKCS#12: bounded in time and memory, without settings, and the only one to see the bare key.

It is given the file, its password and the secret to keep the key under, and gives back the certificate and the key as
it is kept: encrypted. A file can ask for hours of computing (the rounds of its password are its own to choose).
Knows nothing of Django. Used by ``accounts/pkcs12.py``.
"""

import base64
import json
import resource
import sys

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import pkcs12

SECONDS = 4
MEMORY = 1 << 30


def answer(asked: dict[str, str]) -> dict[str, str]:
    """What is in the file, or the word for what is wrong with it (worded in ``accounts/pkcs12.py``)."""
    data, password = base64.b64decode(asked["file"]), asked["password"].encode()
    try:
        key, certificate, others = pkcs12.load_key_and_certificates(data, password or None)
    except UnsupportedAlgorithm:
        return {"refused": "unsupported"}
    except ValueError as error:
        return {"refused": "unsupported" if "upported" in str(error) else "password"}
    if key is None:
        return {"refused": "no_key"}
    if not isinstance(key, RSAPrivateKey):
        return {"refused": "not_rsa"}
    if certificate is None:
        return {"refused": "other_key" if others else "no_certificate"}
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    if certificate.public_key().public_bytes(serialization.Encoding.DER, form) != key.public_key().public_bytes(
        serialization.Encoding.DER, form
    ):
        return {"refused": "other_key"}
    kept = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(base64.b64decode(asked["secret"])),
    )
    found = certificate.public_bytes(serialization.Encoding.DER)
    return {"certificate": base64.b64encode(found).decode(), "key": base64.b64encode(kept).decode()}


def main() -> None:
    """One question on the input, one answer on the output."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
    json.dump(answer(json.load(sys.stdin)), sys.stdout)


if __name__ == "__main__":
    main()
