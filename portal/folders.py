"""Where the portal keeps what it makes (PORTAL_DATA) and the secrets it makes there for a demo.

Plain Python without Django: the servers are started before settings can be read.
"""

import base64
import os
import secrets
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def data_folder() -> Path:
    """The folder of everything written at run time: PORTAL_DATA, by default `var` beside manage.py."""
    return Path(os.environ.get("PORTAL_DATA") or ROOT / "var").resolve()


def _from_environment(name: str) -> str:
    if value := os.environ.get(name):
        return value
    if path := os.environ.get(f"{name}_FILE"):
        return Path(path).read_text(encoding="utf-8").strip()
    return ""


def secret(name: str, folder: Path) -> tuple[str, bool]:
    """The secret NAME, and whether it was given to us.

    Given means: environment NAME, or the file named by NAME_FILE. Otherwise it is made once and kept in
    `folder`/secrets (0600), which a system check refuses in production.
    """
    if value := _from_environment(name):
        return value, True
    place = folder / "secrets"
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = place / name.lower().removeprefix("portal_")
    if not file.exists():
        draft = place / f".{file.name}.{os.getpid()}"
        draft.touch(mode=0o600)
        draft.write_text(base64.b64encode(secrets.token_bytes(32)).decode() + "\n", encoding="utf-8")
        try:
            os.link(draft, file)  # the first of several processes wins, the others read its secret
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text(encoding="utf-8").strip(), False
