"""The tables of who: people and enterprises (``who``), what enterprises apply for (``applications``),
what people prove themselves with (``factors``), and where they are signed in (``sessions``).

Everything that belongs to an enterprise carries enterprise_id and a row-level policy (migrations 0002 and later).
"""

from accounts.models.applications import Application, ApplicationState, Paper, Remark, Submission, Verdict
from accounts.models.factors import AuthenticatorApp, Passkey, RecoveryCode
from accounts.models.sessions import UserSession
from accounts.models.who import AuditEntry, Credential, Enterprise, Membership, User

__all__ = [
    "Application",
    "ApplicationState",
    "AuditEntry",
    "AuthenticatorApp",
    "Credential",
    "Enterprise",
    "Membership",
    "Paper",
    "Passkey",
    "RecoveryCode",
    "Remark",
    "Submission",
    "User",
    "UserSession",
    "Verdict",
]
