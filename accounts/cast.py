"""The cast: invented enterprises and people, used by ``manage.py demo`` and by the tests.

All names and numbers are made up; credit codes have a right check character, so that they pass where real ones would.
"""
# untranslated: names of invented enterprises and people are data

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.utils import timezone

from accounts.access import Actor
from accounts.credentials import CredentialProblem, credential_in_use, make_credential, signing_key
from accounts.models import Enterprise, Mandate, MandateState, Membership, Service, User
from accounts.onboarding.services import SERVICES
from accounts.roles import EnterpriseState, EnterpriseType, MemberRole, Mode

#: The password of everybody in the cast. `load_cast` refuses to run in production.
PASSWORD = "tongguan-demo-2025"  # noqa: S105

#: key → name, credit code, customs code, types, district, transmission number
ENTERPRISES: Mapping[str, tuple[str, str, str, tuple[str, ...], str, str]] = {
    "platform": (
        "上海雾凇鲸网络科技有限公司",
        "913101150000900188",
        "312226DM01",
        (EnterpriseType.PLATFORM,),
        "2216",
        "DXPENT0000900001",
    ),
    "merchant": (
        "上海栗光屿国际贸易有限公司",
        "913101150000903844",
        "312246DM02",
        (EnterpriseType.MERCHANT,),
        "2218",
        "DXPENT0000900002",
    ),
    "payment": (
        "上海砚湖铃支付有限公司",
        "91310115000090755T",
        "312226DM03",
        (EnterpriseType.PAYMENT,),
        "2216",
        "DXPENT0000900003",
    ),
    "direct_logistics": (
        "上海鲲畔途国际货运有限公司",
        "91310115000091125W",
        "312226DM04",
        (EnterpriseType.DIRECT_LOGISTICS,),
        "2233",
        "DXPENT0000900004",
    ),
    "bonded_logistics": (
        "上海芦笛隼快递有限公司",
        "91310115000091491Q",
        "312246DM05",
        (EnterpriseType.BONDED_LOGISTICS,),
        "2218",
        "DXPENT0000900005",
    ),
    "warehouse": (
        "上海榫月仓供应链管理有限公司",
        "91310115000091862F",
        "312246DM06",
        (EnterpriseType.WAREHOUSE,),
        "2218",
        "DXPENT0000900006",
    ),
    "venue": (
        "上海岬角桁监管仓储有限公司",
        "91310115000092232H",
        "312226DM07",
        (EnterpriseType.VENUE,),
        "2233",
        "DXPENT0000900007",
    ),
    "neighbour": (
        "上海苔岭雀电子商务有限公司",
        "913101150000926038",
        "312246DM08",
        (EnterpriseType.MERCHANT,),
        "2216",
        "DXPENT0000900008",
    ),
}

#: user name → name shown, memberships (enterprise → roles), staff or not
PEOPLE: Mapping[str, tuple[str, Mapping[str, tuple[str, ...]], bool]] = {
    "merchant_administrator": ("柳青禾", {"merchant": (MemberRole.ADMINISTRATOR,)}, False),
    "merchant_filer": ("顾知微", {"merchant": (MemberRole.FILER,)}, False),
    "merchant_finance": ("沈算秋", {"merchant": (MemberRole.FINANCE,)}, False),
    "merchant_viewer": ("陆望舒", {"merchant": (MemberRole.VIEWER,)}, False),
    "merchant_developer": ("江码原", {"merchant": (MemberRole.DEVELOPER,)}, False),
    "platform_filer": ("温鹭洲", {"platform": (MemberRole.FILER,)}, False),
    "payment_filer": ("钱砚池", {"payment": (MemberRole.FILER,)}, False),
    "direct_logistics_filer": ("鲁远帆", {"direct_logistics": (MemberRole.FILER,)}, False),
    "bonded_logistics_filer": ("季递星", {"bonded_logistics": (MemberRole.FILER,)}, False),
    "warehouse_administrator": ("栾听松", {"warehouse": (MemberRole.ADMINISTRATOR,)}, False),
    "warehouse_filer": ("仓月白", {"warehouse": (MemberRole.FILER,)}, False),
    "venue_filer": ("关岫云", {"venue": (MemberRole.FILER,)}, False),
    "neighbour_filer": ("苏隔墙", {"neighbour": (MemberRole.FILER,)}, False),
    "stranger": ("过路人", {}, False),
    "staff": ("平台值班", {}, True),
}


#: Who has whose lists filed by whom, in which mode.
MANDATES = tuple(
    (principal, agent, mode)
    for principal in ("platform", "merchant", "neighbour")
    for agent, mode in (("warehouse", Mode.BONDED), ("direct_logistics", Mode.DIRECT))
)
#: From before the first document of the demo until long after the last.
MANDATE_DAYS = (date(2025, 1, 1), date(2039, 12, 31))


@dataclass(frozen=True)
class Cast:
    """Everybody, under the keys of ENTERPRISES and PEOPLE."""

    enterprises: Mapping[str, Enterprise]
    users: Mapping[str, User]

    def actor(self, username: str) -> Actor:
        """The person acting for their enterprise."""
        membership = Membership.objects.select_related("user", "enterprise").get(user=self.users[username])
        return Actor.of(membership)


@transaction.atomic
def load_cast(*, credentials: bool = True) -> Cast:
    """Make who is missing of the cast, and for each enterprise a certificate to sign with if it has none that works.

    Run a second time it changes nothing. Passwords are hashed once for all, as they are the same for all.
    """
    if settings.PORTAL_ENV == "production":
        raise ImproperlyConfigured("The cast is invented and its password is published: not for production.")
    enterprises = {key: make_enterprise(key) for key in ENTERPRISES}
    password = make_password(PASSWORD)
    users = {username: make_person(username, enterprises, password) for username in PEOPLE}
    for principal, agent, mode in MANDATES:
        make_mandate(enterprises[principal], enterprises[agent], mode)
    for enterprise in enterprises.values():
        make_services(enterprise, enterprises)
    if credentials:
        for enterprise in enterprises.values():
            give_credential(enterprise)
    return Cast(enterprises, users)


def make_enterprise(key: str) -> Enterprise:
    """One enterprise of the cast."""
    name, credit_code, customs_code, types, district, dxp_id = ENTERPRISES[key]
    return Enterprise.objects.get_or_create(
        customs_code=customs_code,
        defaults={
            "name": name,
            "credit_code": credit_code,
            "types": [str(kind) for kind in types],
            "customs_district": district,
            "dxp_id": dxp_id,
            "state": EnterpriseState.APPROVED,
        },
    )[0]


def make_mandate(principal: Enterprise, agent: Enterprise, mode: str) -> None:
    """A mandate in force, for every district; one that was revoked stays so."""
    first_day, last_day = MANDATE_DAYS
    Mandate.objects.get_or_create(
        principal=principal, agent=agent, mode=mode, district="", first_day=first_day, last_day=last_day,
        defaults={"state": MandateState.ACCEPTED, "proposer": principal, "answered_at": timezone.now()},
    )  # fmt: skip


def make_services(enterprise: Enterprise, enterprises: Mapping[str, Enterprise]) -> None:
    """Everything an enterprise of the cast may do in its district, cleared by the enterprise that files the lists there."""
    clearing = {Mode.BONDED: enterprises["warehouse"], Mode.DIRECT: enterprises["direct_logistics"]}
    for of_type, mode in SERVICES.values():
        if of_type in enterprise.types:
            Service.objects.get_or_create(
                enterprise=enterprise, enterprise_type=of_type, mode=mode, district=enterprise.customs_district,
                defaults={"clearance_code": clearing[mode].customs_code, "clearance_name": clearing[mode].name},
            )  # fmt: skip


def make_person(username: str, enterprises: Mapping[str, Enterprise], password: str) -> User:
    """One person of the cast with their memberships; staff are superusers, who alone may make staff."""
    name, memberships, staff = PEOPLE[username]
    user = User.objects.get_or_create(
        username=username,
        defaults={
            "name": name,
            "email": f"{username}@example.org",
            "password": password,
            "is_staff": staff,
            "is_superuser": staff,
        },
    )[0]
    for key, roles in memberships.items():
        Membership.objects.get_or_create(
            user=user, enterprise=enterprises[key], defaults={"roles": [str(role) for role in roles]}
        )
    return user


def give_credential(enterprise: Enterprise) -> None:
    """A certificate for an enterprise that has none, or one whose key is not on this machine."""
    try:
        signing_key(credential_in_use(enterprise.pk))
    except CredentialProblem:
        make_credential(enterprise)
