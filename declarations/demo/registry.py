"""What pretended customs is told of the enterprises here: the registry file the sandbox loads by its own command.

The real customs knows whoever has a customs code, and asks us for nothing. The sandbox is a house of its own: it is told of
each enterprise that files, its certificates and its guarantee, as soon as something of them is new.
"""

import json
import logging
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Prefetch, Q

from accounts.credentials import present_environment
from accounts.models import Credential, Enterprise, Evidence
from accounts.models.preparation import SECURITIES
from accounts.roles import EnterpriseState, KeyPlace
from portal.folders import ROOT

log = logging.getLogger(__name__)


#: How long the sandbox may take to load everybody.
_PATIENCE_SECONDS = 30


def told_file() -> Path:
    """What the sandbox was told last; there is none before it took the first one."""
    return settings.PORTAL_DATA / "sandbox" / "registry.json"


def keep_told() -> bool:
    """Tell the sandbox if something differs from what it was told last; whether it was. What fails is tried again."""
    registry, told = registry_of_all(), told_file()
    if told.exists() and told.read_text(encoding="utf-8") == registry:
        return False
    try:
        tell(registry)
    except subprocess.SubprocessError as error:
        log.warning("the sandbox does not take the registry: %s", type(error).__name__)
        return False
    return True


def tell(registry: str) -> None:
    """Have the sandbox load a registry. Raises SubprocessError; why stands on stderr then."""
    told = told_file()
    told.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = told.with_name(f".registry.{secrets.token_hex(4)}")
    try:
        draft.touch(mode=0o600)
        draft.write_text(registry, encoding="utf-8")
        subprocess.run(
            [sys.executable, "-m", "declarations.sandbox", "load", str(draft)],
            check=True,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,  # whoever calls says what it did
            timeout=_PATIENCE_SECONDS,
        )
        draft.replace(told)
    finally:
        draft.unlink(missing_ok=True)


def registry_of_all() -> str:
    """Everybody who files, as the sandbox reads it (its page describes the format). Who was suspended stays as it was."""
    proved = ~Q(key_place=KeyPlace.DEVICE) | ~Q(proven_at=None)
    credentials = Credential.objects.filter(proved, environment=present_environment()).order_by("pk")
    guarantees = Evidence.objects.filter(item="guarantee", replaced=False, ended=None, variety__in=SECURITIES)
    filing = (
        Enterprise.objects.filter(state=EnterpriseState.APPROVED)
        .exclude(dxp_id="")
        .exclude(types=[])
        .prefetch_related(Prefetch("credentials", credentials), Prefetch("evidence", guarantees))
        .order_by("pk")
    )
    entries = [_entry(enterprise) for enterprise in filing]
    return json.dumps({"enterprises": entries}, ensure_ascii=False, indent=1)


def _entry(enterprise: Enterprise) -> dict[str, Any]:
    guarantees = [
        {"kind": one.variety, "limit": f"{one.amount:.2f}"}
        for one in enterprise.evidence.all()
        if one.amount is not None
    ]
    return {
        "customs_code": enterprise.customs_code,
        "credit_code": enterprise.credit_code,
        "name": enterprise.name,
        "types": list(enterprise.types),
        "dxp_id": enterprise.dxp_id,
        # Also those that gave way: what they signed may still be on its way.
        "certificates": [one.certificate for one in enterprise.credentials.all()],
        "guarantee": guarantees[0] if guarantees else None,
    }
