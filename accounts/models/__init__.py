"""The tables of who: people and enterprises (``who``), what enterprises apply for (``applications``), who
files for whom (``mandates``), what they are activated for (``services``).

Everything that belongs to an enterprise carries enterprise_id and a row-level policy (migrations 0002 and later).
"""

from accounts.models.applications import Application, ApplicationState, Paper, Remark, Submission, Verdict
from accounts.models.mandates import Mandate, MandateState
from accounts.models.services import Service
from accounts.models.who import AuditEntry, Credential, Enterprise, Membership, User

__all__ = [
    "Application",
    "ApplicationState",
    "AuditEntry",
    "Credential",
    "Enterprise",
    "Mandate",
    "MandateState",
    "Membership",
    "Paper",
    "Remark",
    "Service",
    "Submission",
    "User",
    "Verdict",
]
