"""The tables of who: people and enterprises (``who``), what enterprises apply for (``applications``), what is fetched for
them (``errands``) and what is in force beside their own row (``profile``, ``preparation``, ``services``, ``connections``),
who files for whom (``mandates``), how they sign (``signing``), what people prove themselves with (``factors``), where they
are signed in (``sessions``), what they are told (``notices``), and the seals over the record of deeds (``record``).

Everything that belongs to an enterprise carries enterprise_id and a row-level policy (migrations 0002 and later).
"""

from accounts.models.applications import Application, ApplicationState, Paper, Remark, Submission, Verdict
from accounts.models.connections import Connection, InterfaceProof
from accounts.models.errands import ErrandStage, ErrandStep
from accounts.models.factors import AuthenticatorApp, Passkey, RecoveryCode
from accounts.models.mandates import Mandate, MandateState
from accounts.models.members import Invitation
from accounts.models.notices import Announcement, Dismissal, Notice
from accounts.models.preparation import Evidence, Licence, Qualification
from accounts.models.profile import Profile
from accounts.models.record import AuditSeal
from accounts.models.reminders import Reminder
from accounts.models.services import Service
from accounts.models.sessions import UserSession
from accounts.models.signing import KeyRequest, SigningConsent
from accounts.models.who import AuditEntry, Credential, Enterprise, Membership, User

__all__ = [
    "Announcement",
    "Application",
    "ApplicationState",
    "AuditEntry",
    "AuditSeal",
    "AuthenticatorApp",
    "Connection",
    "Credential",
    "Dismissal",
    "Enterprise",
    "ErrandStage",
    "ErrandStep",
    "Evidence",
    "InterfaceProof",
    "Invitation",
    "KeyRequest",
    "Licence",
    "Mandate",
    "MandateState",
    "Membership",
    "Notice",
    "Paper",
    "Passkey",
    "Profile",
    "Qualification",
    "RecoveryCode",
    "Remark",
    "Reminder",
    "Service",
    "SigningConsent",
    "Submission",
    "User",
    "UserSession",
    "Verdict",
]
