"""The table of everything staff can do: each action of a list, each button of a page, with the right it takes.

An action, a button or a page that is not here fails the build.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.accounts.papers import PDF, lasting
from tests.accounts.test_numbers import LICENCE, PROOF, TYPED
from tests.accounts.test_profile import SITE

#: A word that is long enough wherever a reason is asked for.
REASON = "与企业核对"


@dataclass(frozen=True)
class Deed:
    """What takes which right, what is typed on the page that offers it, and which table is written once it is done.

    ``right`` is Django's; where the admin itself wants another beside, it stands in ``beside``.
    """

    right: str
    writes: str
    said: Mapping[str, Any] = field(default_factory=dict)
    beside: str = ""
    #: A row that the world has not, by its name in ``test_every_deed.py``; otherwise the one of its table.
    of: str = ""


def _actions(app: str, **deeds: Deed) -> dict[tuple[str, str], Deed]:
    """The deeds of the lists of one application, by table and action."""
    return {(f"{app}.{name.split('__')[0]}", name.split("__")[1]): deed for name, deed in deeds.items()}


#: Table and name of the action of its list.
ACTIONS: Mapping[tuple[str, str], Deed] = {
    **_actions(
        "accounts",
        user__reset_second_factor=Deed("accounts.change_user", "accounts_auditentry", {"reason": REASON}),
        invitation__revoke=Deed("accounts.add_invitation", "accounts_invitation"),
        application__remind=Deed("accounts.change_application", "accounts_reminder"),
    ),
    **_actions("auth", group__delete_selected=Deed("auth.delete_group", "auth_group", {"post": "yes"})),
    **_actions(
        "declarations",
        outbound__send_again=Deed("declarations.change_outbound", "declarations_outbound"),
        inbound__read_again=Deed("declarations.change_inbound", "declarations_inbound"),
    ),
    **_actions(
        "ledger",
        guarantee__move_money=Deed(
            "ledger.change_guarantee", "ledger_limitchange", {"way": "top_up", "amount": "5", "voucher": "V2"}
        ),
        limitchange__confirm=Deed("ledger.change_guarantee", "ledger_transfer"),
        limitchange__decline=Deed("ledger.change_guarantee", "ledger_limitchange", {"reason": REASON}),
        taxbill__confirm=Deed("ledger.change_taxbill", "ledger_taxbill", {"paid_on": "2026-11-20", "voucher": "V3"}),
        discrepancy__settle=Deed("ledger.change_discrepancy", "ledger_discrepancy", {"why": REASON}),
    ),
}

#: What is typed; a word that begins with "@" stands for the number of a row of the world.
_PERSON = {"username": "somebody", "name": "程新人", "usable_password": "false"}
_INVITED = {"enterprise": "@enterprise", "email": "somebody@example.org", "roles": ["viewer"], "reason": REASON}
_MEMBER = {"user": "@stranger", "enterprise": "@enterprise", "roles": ["viewer"], "active": "on", "reason": REASON}
_LIMIT = {"enterprise": "312246DM05", "kind": "letter", "number": "BH-9", "amount": "5", "valid_to": "2039-12-31"}
_ANNOUNCED = {"title": "节日安排", "text": "照常受理", "since_0": "2026-11-20", "since_1": "08:00:00"}
_RULE = {
    "since": "2031-01-01", "single_limit": "5000", "annual_limit": "26000", "over": "full", "share": "0.7",
    "vat_general": "0.13", "vat_low": "0.09", "basis": "公告",
}  # fmt: skip

#: Name of the page and what its button says it does.
PAGES: Mapping[tuple[str, str], Deed] = {
    ("accounts_application_change", "take"): Deed("accounts.change_application", "accounts_application"),
    ("accounts_application_change", "approve"): Deed("accounts.change_application", "accounts_application"),
    ("accounts_application_change", "send_back"): Deed(
        "accounts.change_application", "accounts_submission", {"remark.name": "与执照不符"}
    ),
    ("accounts_application_change", "refuse"): Deed(
        "accounts.change_application", "accounts_submission", {"reason": REASON}
    ),
    ("accounts_application_change", "go_on"): Deed("accounts.change_application", "accounts_errandstep", of="errand"),
    ("accounts_application_change", "fail"): Deed(
        "accounts.change_application", "accounts_errandstep", {"reason": REASON}, of="errand"
    ),
    ("accounts_application_change", "uncover"): Deed(
        "accounts.change_application", "accounts_auditentry", {"why": REASON}
    ),
    ("accounts_enterprise_profile", "uncover"): Deed(
        "accounts.change_enterprise", "accounts_auditentry", {"why": REASON}
    ),
    ("accounts_enterprise_change", ""): Deed(
        "accounts.change_enterprise", "accounts_enterprise", {"state": "suspended", "reason": REASON}
    ),
    # Of an enterprise that has nothing under way.
    ("accounts_enterprise_numbers", ""): Deed(
        "accounts.change_enterprise",
        "accounts_application",
        {**TYPED, "registration_customs": "2", LICENCE: lasting(PDF), PROOF: lasting(PDF)},
        of="idle_enterprise",
    ),
    ("accounts_enterprise_add", ""): Deed("accounts.add_enterprise", "accounts_application", SITE),
    ("accounts_user_add", ""): Deed("accounts.add_user", "accounts_user", _PERSON, beside="accounts.change_user"),
    ("accounts_user_change", ""): Deed("accounts.change_user", "accounts_user", {"name": "程新名"}),
    ("auth_user_password_change", ""): Deed(
        "accounts.change_user",
        "accounts_user",
        {"reason": REASON, "usable_password": "true", "password1": "a-long-walk-2031", "password2": "a-long-walk-2031"},
    ),
    ("accounts_membership_add", ""): Deed("accounts.add_membership", "accounts_membership", _MEMBER),
    ("accounts_membership_change", ""): Deed(
        "accounts.change_membership", "accounts_membership", {"roles": ["viewer"], "reason": REASON}
    ),
    ("accounts_invitation_add", ""): Deed("accounts.add_invitation", "accounts_invitation", _INVITED),
    ("accounts_announcement_add", ""): Deed("accounts.add_announcement", "accounts_announcement", _ANNOUNCED),
    ("accounts_announcement_change", ""): Deed("accounts.change_announcement", "accounts_announcement", _ANNOUNCED),
    ("accounts_service_change", ""): Deed("accounts.change_service", "accounts_service", {"end_reason": REASON}),
    ("accounts_qualification_change", ""): Deed(
        "accounts.change_qualification", "accounts_qualification", {"end_reason": REASON}
    ),
    ("accounts_evidence_change", ""): Deed("accounts.change_evidence", "accounts_evidence", {"end_reason": REASON}),
    ("accounts_connection_change", ""): Deed(
        "accounts.change_connection", "accounts_connection", {"end_reason": REASON}
    ),
    ("auth_group_add", ""): Deed("auth.add_group", "auth_group", {"name": "desk"}),
    ("auth_group_change", ""): Deed("auth.change_group", "auth_group", {"name": "desk"}),
    ("auth_group_delete", ""): Deed("auth.delete_group", "auth_group", {"post": "yes"}),
    ("ledger_limitchange_add", ""): Deed("ledger.change_guarantee", "ledger_limitchange", _LIMIT),
    ("ledger_taxrule_add", ""): Deed("ledger.add_taxrule", "ledger_taxrule", _RULE),
}
