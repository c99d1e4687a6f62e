"""What customs would know of the cast: the registry file the sandbox loads by its own command."""

import json
from pathlib import Path

from accounts.cast import Cast
from accounts.credentials import credential_in_use

#: Guarantee of those who may hold one, in yuan.
GUARANTEE = {"kind": "deposit", "limit": "200000.00"}
GUARANTORS = ("platform", "merchant", "neighbour", "direct_logistics", "warehouse")


def write_registry(cast: Cast, path: Path) -> None:
    """Write enterprises, certificates and guarantee limits as the sandbox reads them (its page describes the format)."""
    enterprises = [
        {
            "customs_code": enterprise.customs_code,
            "credit_code": enterprise.credit_code,
            "name": enterprise.name,
            "types": list(enterprise.types),
            "dxp_id": enterprise.dxp_id,
            "certificates": [credential_in_use(enterprise.pk).certificate],
            "guarantee": GUARANTEE if key in GUARANTORS else None,
        }
        for key, enterprise in cast.enterprises.items()
    ]
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(json.dumps({"enterprises": enterprises}, ensure_ascii=False, indent=1), encoding="utf-8")
