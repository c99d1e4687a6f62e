"""The process of the usual way, told by a pipe when to begin.

    python -m declarations.bench.usual_worker WORKBOOK ENTERPRISE

Its settings are the portal's with the peer's packages beside them. For each line it reads it makes an empty table, does
the whole job and answers with the seconds of each step.
"""

import json
import os
import sys
from pathlib import Path

import django

os.environ["PORTAL_PROCESS"] = "worker"
os.environ["DJANGO_SETTINGS_MODULE"] = "declarations.bench.settings"
django.setup()

from cryptography import x509  # noqa: E402

from accounts.credentials import credential_in_use, signing_key  # noqa: E402
from declarations.bench.usual import Usual  # noqa: E402


def main() -> None:
    """Answer until there is nobody to answer to."""
    content, credential = Path(sys.argv[1]).read_bytes(), credential_in_use(int(sys.argv[2]))
    certificate = x509.load_pem_x509_certificate(credential.certificate.encode())
    print(json.dumps({"ready": True}), flush=True)
    for _line in sys.stdin:
        usual = Usual(content, signing_key(credential), certificate)
        with usual.table():
            whole = usual.run()
        print(json.dumps({"whole": whole, "steps": usual.steps, "signed": usual.signed}), flush=True)


if __name__ == "__main__":
    main()
