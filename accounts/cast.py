"""The cast: invented enterprises and people, used by ``manage.py demo`` and by the tests.

All names and numbers are made up; credit codes have a right check character, so that they pass where real ones would.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from accounts.credentials import CredentialProblem, active_credential, make_credential, signing_key
from accounts.models import Enterprise, Membership, User
from accounts.roles import EnterpriseState, EnterpriseType, MemberRole

#: For the demo only; a system check refuses the demo's secrets in production, and `load_cast` refuses to run there.
PASSWORD = "tongguan-demo-2025"
