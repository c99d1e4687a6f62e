"""The tables of who: people and enterprises (``who``), what enterprises apply for (``applications``), and what of it is in
force beside their own row (``preparation``).

Everything that belongs to an enterprise carries enterprise_id and a row-level policy (migrations 0002 and later).
"""

from accounts.models.applications import Application, ApplicationState, Paper, Remark, Submission, Verdict
from accounts.models.preparation import Evidence, Licence, Qualification
from accounts.models.who import AuditEntry, Credential, Enterprise, Membership, User

__all__ = [
    "Application",
    "ApplicationState",
    "AuditEntry",
    "Credential",
    "Enterprise",
    "Evidence",
    "Licence",
    "Membership",
    "Paper",
    "Qualification",
    "Remark",
    "Submission",
    "User",
    "Verdict",
]
