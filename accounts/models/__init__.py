"""The tables of who: people and enterprises (``who``), what enterprises apply for (``applications``), what people are told
(``notices``), and the seals over the record of deeds (``record``).

Everything that belongs to an enterprise carries enterprise_id and a row-level policy (migrations 0002 and later).
"""

from accounts.models.applications import Application, ApplicationState, Paper, Remark, Submission, Verdict
from accounts.models.members import Invitation
from accounts.models.notices import Announcement, Notice
from accounts.models.record import AuditSeal
from accounts.models.who import AuditEntry, Credential, Enterprise, Membership, User

__all__ = [
    "Announcement",
    "Application",
    "ApplicationState",
    "AuditEntry",
    "AuditSeal",
    "Credential",
    "Enterprise",
    "Invitation",
    "Membership",
    "Notice",
    "Paper",
    "Remark",
    "Submission",
    "User",
    "Verdict",
]
