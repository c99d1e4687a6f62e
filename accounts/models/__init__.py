"""The tables of who: people and enterprises (``who``), what enterprises apply for (``applications``), how they sign (``signing``).

Everything that belongs to an enterprise carries enterprise_id and a row-level policy (migrations 0002 and later).
"""

from accounts.models.applications import Application, ApplicationState, Paper, Remark, Submission, Verdict
from accounts.models.signing import KeyRequest, SigningConsent
from accounts.models.who import AuditEntry, Credential, Enterprise, Membership, User

__all__ = [
    "Application",
    "ApplicationState",
    "AuditEntry",
    "Credential",
    "Enterprise",
    "KeyRequest",
    "Membership",
    "Paper",
    "Remark",
    "SigningConsent",
    "Submission",
    "User",
    "Verdict",
]
