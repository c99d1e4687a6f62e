"""A PKCS#12 file and its password: opened in a process of its own, its key kept at once, the password never.

The page that was sent the file sees only what is kept in the end; see ``accounts/pkcs12_reader.py``.
"""

import base64
import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.certificates import CertificateRefused, check_size, is_pkcs12
from accounts.credentials import passphrase

log = logging.getLogger(__name__)
ROOT = Path(__file__).resolve().parent.parent
READER = "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); from accounts.pkcs12_reader import main; main()"
#: Longer than its processor time: the machine may be busy.
SECONDS = 30
REASONS = {
    "password": gettext_lazy("口令不对，或文件已损坏。请核对导出时设的口令（区分大小写）"),
    "unsupported": gettext_lazy("文件的加密方式太旧，打不开。请重新导出，加密方式选 AES-256"),
    "no_key": gettext_lazy("文件里只有证书，没有私钥。请重新导出并勾选“导出私钥”；没有私钥时请用“只登记证书”"),
    "no_certificate": gettext_lazy("文件里只有私钥，没有证书。请重新导出，把证书一起放进去"),
    "not_rsa": gettext_lazy("文件里的私钥不是 RSA。海关报文用 RSA 加签，请向发证机构申请 RSA 证书"),
    "other_key": gettext_lazy("私钥与证书不是一对。请从生成证书请求的设备重新导出两者"),
    "too_slow": gettext_lazy("文件打开得太慢，已停止。请重新导出，不要设特别大的迭代次数"),
}


class Opened(NamedTuple):
    """What a PKCS#12 held: the certificate in DER, and its key as it is kept under the handle."""

    certificate: bytes
    kept_key: bytes


def open_pkcs12(data: bytes, password: str, handle: str) -> Opened:
    """Open the file; raises CertificateRefused, where the fault is the password's with ``of_password`` set."""
    check_size(len(data))
    if not is_pkcs12(data):
        raise CertificateRefused(
            _("这不是 PKCS#12 文件。请选 .p12 或 .pfx 文件；只有证书（.cer、.crt、.pem）时请用“只登记证书”")
        )
    told = _asked(
        {
            "file": base64.b64encode(data).decode(),
            "password": password,
            "secret": base64.b64encode(passphrase(settings.PORTAL_FIELD_KEYS[0], handle)).decode(),
        }
    )
    if why := told.get("refused"):
        raise (WrongPassword if why == "password" else CertificateRefused)(str(REASONS[why]))
    return Opened(base64.b64decode(told["certificate"]), base64.b64decode(told["key"]))


class WrongPassword(CertificateRefused):
    """The file does not open by this password."""


def _asked(question: dict[str, str]) -> dict[str, str]:
    """Ask the reading process, isolated from our environment."""
    command = [sys.executable, "-I", "-S", "-c", READER, json.dumps([str(ROOT), *filter(None, sys.path)])]
    try:
        run = subprocess.run(
            command,
            input=json.dumps(question).encode(),
            capture_output=True,
            env={"LC_ALL": "C.UTF-8", "TZ": "UTC"},
            cwd=os.sep,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"refused": "too_slow"}
    if run.returncode:
        log.warning("the reader of a PKCS#12 ended with status %s", run.returncode)
        return {"refused": "too_slow" if run.returncode < 0 else "password"}
    found: dict[str, str] = json.loads(run.stdout)
    return found
