"""The cast: invented enterprises and people, used by ``manage.py demo`` and by the tests.

All names and numbers are made up; credit codes have a right check character, so that they pass where real ones would.
"""
# untranslated: names of invented enterprises and people are data

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.utils import timezone

from accounts.access import Actor
from accounts.credentials import (
    CredentialProblem,
    agree_for_demo,
    credential_in_use,
    make_credential,
    signing_key,
)
from accounts.models import (
    AuthenticatorApp,
    Connection,
    Enterprise,
    Evidence,
    InterfaceProof,
    Licence,
    Mandate,
    MandateState,
    Membership,
    Profile,
    Qualification,
    Service,
    User,
)
from accounts.models.preparation import GuaranteeKind, Medium, SigningWay
from accounts.models.profile import sealed
from accounts.onboarding.interfaces import needed_by
from accounts.onboarding.offices import OFFICES
from accounts.onboarding.preparation import GUARANTORS, ticks_of
from accounts.onboarding.services import SERVICES
from accounts.roles import Depot, EnterpriseState, EnterpriseType, Environment, MemberRole, Mode
from accounts.second_factor import SECRET_PLACE, STEP_SECONDS, STEPS_EITHER_WAY, code_at, secret_of
from portal.personal import pack

#: The password of everybody in the cast. `load_cast` refuses to run in production.
PASSWORD = "tongguan-demo-2025"  # noqa: S105

#: The secret of everybody's authenticator app, for those of the cast who may not do with a password alone.
APP_SECRET = b"tongguan demo secret"

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
    "reviewer": ("平台复核", {}, True),
    "auditor": ("平台审计", {}, True),
}
#: Of the staff, who looks at the record of deeds and changes nothing.
AUDITORS = frozenset({"auditor"})


#: Who has whose lists filed by whom, in which mode.
MANDATES = tuple(
    (principal, agent, mode)
    for principal in ("platform", "merchant", "neighbour")
    for agent, mode in (("warehouse", Mode.BONDED), ("direct_logistics", Mode.DIRECT))
)
#: From before the first document of the demo until long after the last.
MANDATE_DAYS = (date(2025, 1, 1), date(2039, 12, 31))


#: Whose system is connected, and where: the merchant and the warehouse still try their interfaces.
CONNECTED: Mapping[str, tuple[Environment, ...]] = {
    "platform": (Environment.SANDBOX, Environment.PRODUCTION),
    "merchant": (Environment.SANDBOX,),
    "direct_logistics": (Environment.SANDBOX, Environment.PRODUCTION),
    "warehouse": (Environment.SANDBOX,),
    "neighbour": (Environment.SANDBOX, Environment.PRODUCTION),
}
#: What of them is not proved yet.
NOT_PROVED: Mapping[str, frozenset[str]] = {
    "merchant": frozenset({"status_query"}),
    "warehouse": frozenset({"waybill_prep", "cancellation", "goods_return", "status_query"}),
}


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
    for key, environments in CONNECTED.items():
        connect(enterprises[key], environments, users["staff"], open_ones=NOT_PROVED.get(key, frozenset()))
    if credentials:
        for enterprise in enterprises.values():
            give_credential(enterprise)
    return Cast(enterprises, users)


def make_enterprise(key: str) -> Enterprise:
    """One enterprise of the cast."""
    name, credit_code, customs_code, types, district, dxp_id = ENTERPRISES[key]
    enterprise = Enterprise.objects.get_or_create(
        customs_code=customs_code,
        defaults={
            "name": name,
            "credit_code": credit_code,
            "types": [str(kind) for kind in types],
            "depot": Depot.PUBLIC if EnterpriseType.DIRECT_LOGISTICS in types else "",
            "customs_district": district,
            "dxp_id": dxp_id,
            "state": EnterpriseState.APPROVED,
        },
    )[0]
    give_licences(enterprise)
    give_services(enterprise)
    give_evidence(enterprise)
    give_profile(enterprise, key)
    return enterprise


#: Enterprise → its legal representative and whom to ask.
PERSONS: Mapping[str, tuple[str, str]] = {
    "platform": ("纪云汀", "温小棠"),
    "merchant": ("栗光年", "柳知秋"),
    "payment": ("砚秋声", "钱晚亭"),
    "direct_logistics": ("鲲万里", "鲁西洲"),
    "bonded_logistics": ("芦雁回", "季南浦"),
    "warehouse": ("榫知秋", "栾照野"),
    "venue": ("岬临川", "关山月"),
    "neighbour": ("苔上青", "苏问渠"),
}


def give_profile(enterprise: Enterprise, key: str) -> None:
    """What it would have said when it opened its account."""
    legal_representative, contact = PERSONS[key]
    said = {
        "legal_representative": legal_representative, "contact_name": contact,
        "contact_phone": f"1380000{enterprise.customs_code[-2:]}00", "contact_email": f"{key}@example.org",
    }  # fmt: skip
    office = next((one.key for one in OFFICES.values() if one.district == enterprise.customs_district), "")
    columns = {name: sealed(name, text) for name, text in said.items()}
    Profile.objects.get_or_create(
        enterprise=enterprise,
        defaults={**columns, "registration_customs": office, "website": "https://shop.example.org/"},
    )


#: Who needs a licence to file → which, and for what.
LICENCES: Mapping[str, tuple[Licence, str]] = {
    EnterpriseType.PAYMENT: (Licence.PAYMENT, "互联网支付、银行卡收单"),
    EnterpriseType.DIRECT_LOGISTICS: (Licence.INTERNATIONAL_EXPRESS, "国际快递业务"),
    EnterpriseType.BONDED_LOGISTICS: (Licence.EXPRESS, "国内快递业务"),
}


def give_licences(enterprise: Enterprise) -> None:
    """The licences its types need, with no end, so that the cast never stops filing by itself."""
    for licence, scope in (LICENCES[one] for one in enterprise.types if one in LICENCES):
        Qualification.objects.get_or_create(
            enterprise=enterprise, licence=licence, replaced=False,
            defaults={"number": f"XK-{enterprise.pk:04}", "scope": scope},
        )  # fmt: skip


def give_evidence(enterprise: Enterprise) -> None:
    """What whoever files has seen to before."""
    number = enterprise.customs_code[-4:]
    said: dict[str, dict[str, object]] = {
        "ic_card": {"number": f"8931{number}", "variety": Medium.IC_CARD},
        "type_filing": {
            "filed_types": ticks_of(enterprise.types, enterprise.depot),
            "website": "https://shop.example.org/",
        },
        "signing_certificate": {"number": f"JM2025{number}", "variety": SigningWay.DEVICE},
        "dxp_import": {"number": enterprise.dxp_id},
    }
    if GUARANTORS & set(enterprise.types):
        # As load_cast opens it in the books, and customs' sandbox knows it.
        guarantee = f"BZJ{enterprise.customs_code}"
        said["guarantee"] = {"number": guarantee, "variety": GuaranteeKind.DEPOSIT, "amount": 200_000}
    for item, values in said.items():
        Evidence.objects.get_or_create(enterprise=enterprise, item=item, replaced=False, defaults=values)


#: Who files the lists of each mode.
CLEARING: Mapping[str, str] = {Mode.BONDED: "warehouse", Mode.DIRECT: "direct_logistics"}
#: Where the cast deals.
DISTRICTS = ("2216", "2218", "2233")


def give_services(enterprise: Enterprise) -> None:
    """Everything its types may do, wherever the cast deals; one that was ended stays so."""
    for of_type, mode in (pair for pair in SERVICES.values() if pair[0] in enterprise.types):
        name, _credit_code, customs_code, *_more = ENTERPRISES[CLEARING[mode]]
        had = enterprise.services.filter(enterprise_type=of_type, mode=mode).values_list("district", flat=True)
        Service.objects.bulk_create(
            Service(
                enterprise=enterprise, enterprise_type=of_type, mode=mode, district=district,
                clearance_code=customs_code, clearance_name=name,
            )
            for district in sorted({*DISTRICTS} - set(had))
        )  # fmt: skip


def make_mandate(principal: Enterprise, agent: Enterprise, mode: str) -> None:
    """A mandate in force, for every district; one that was revoked stays so."""
    first_day, last_day = MANDATE_DAYS
    Mandate.objects.get_or_create(
        principal=principal, agent=agent, mode=mode, district="", first_day=first_day, last_day=last_day,
        defaults={"state": MandateState.ACCEPTED, "proposer": principal, "answered_at": timezone.now()},
    )  # fmt: skip


def connect(
    enterprise: Enterprise, environments: Collection[str], helper: User, *, open_ones: Collection[str] = ()
) -> None:
    """Its system, known in these environments from invented addresses, with all interfaces proved but the open ones."""
    number = enterprise.customs_code[-2:]
    for environment in environments:
        test = environment == Environment.SANDBOX
        Connection.objects.get_or_create(
            enterprise=enterprise, environment=environment, ended=None,
            defaults={
                "platform_code": f"9{number}0001" if test else f"1{number}0001",
                "short_code": f"{'T' if test else 'L'}{number}001",
                "source_addresses": [f"203.0.113.{int(number)}" if test else f"198.51.100.{int(number)}"],
                "callback": f"https://{'test-' if test else ''}erp{number}.example.org/receipts",
                "service_address": settings.PORTAL_INTERFACES[environment],
                "helper": helper, "helper_name": str(helper),
            },
        )  # fmt: skip
    for one in needed_by(enterprise):
        if one.name not in open_ones:
            InterfaceProof.objects.get_or_create(
                enterprise=enterprise, interface=one.name,
                defaults={"message_number": f"TEST-{number}-{one.name}", "day": date(2025, 6, 2)},
            )  # fmt: skip


def make_person(username: str, enterprises: Mapping[str, Enterprise], password: str) -> User:
    """One person of the cast with their memberships; staff but auditors are superusers, who alone may make staff."""
    name, memberships, staff = PEOPLE[username]
    user = User.objects.get_or_create(
        username=username,
        defaults={
            "name": name,
            "email": f"{username}@example.org",
            "password": password,
            "is_staff": staff,
            "is_superuser": staff and username not in AUDITORS,
            "is_auditor": username in AUDITORS,
        },
    )[0]
    for key, roles in memberships.items():
        Membership.objects.get_or_create(
            user=user, enterprise=enterprises[key], defaults={"roles": [str(role) for role in roles]}
        )
    if staff or any(MemberRole.ADMINISTRATOR in roles for roles in memberships.values()):
        AuthenticatorApp.objects.get_or_create(user=user, defaults={"secret": pack(APP_SECRET, SECRET_PLACE)})
    return user


def one_time_code(username: str) -> str:
    """The code the app of this person shows, or the next one when it has been used; it is taken now."""
    app = AuthenticatorApp.objects.get(user__username=username)
    step = int(time.time()) // STEP_SECONDS
    if app.last_step is not None:
        step = max(step, app.last_step + 1)
    while step * STEP_SECONDS > time.time() + STEPS_EITHER_WAY * STEP_SECONDS:
        time.sleep(1)  # too many in one minute
    return code_at(secret_of(app), step)


def give_credential(enterprise: Enterprise) -> None:
    """A certificate for an enterprise that has none, or one whose key is not on this machine; and the consent to sign."""
    try:
        signing_key(credential_in_use(enterprise.pk))
    except CredentialProblem:
        make_credential(enterprise)
    agree_for_demo(enterprise)
