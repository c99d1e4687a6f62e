"""Who is on their way when ``manage.py demo`` has started: an enterprise that prepares, and a visitor whose account waits.

They come by the moves a page makes, so that staff find a queue, the applicant finds remarks, and the record tells of both.
"""
# untranslated: invented names and remarks are data

from collections.abc import Mapping, Sequence
from functools import cache
from io import BytesIO

from django.contrib.auth.hashers import make_password
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from PIL import Image, ImageDraw

from accounts.cast import APP_SECRET, PASSWORD, Cast
from accounts.models import Application, AuthenticatorApp, Enterprise, Membership, User
from accounts.onboarding.applications import approve, begin, send_back, submit
from accounts.onboarding.kinds import kind_named
from accounts.onboarding.papers import take
from accounts.roles import EnterpriseType
from accounts.second_factor import SECRET_PLACE
from portal.personal import pack

#: Whose enterprise is preparing, and who waits for an account: user name → name shown.
NEWCOMERS: Mapping[str, str] = {"newcomer": "程晚舟", "visitor": "陶知夏"}
#: How far they are, as the demonstration says it.
ON_THEIR_WAY: Mapping[str, str] = {
    "newcomer": "preparing, with an item sent back",
    "visitor": "no account yet: it waits for staff",
}


def _account(name: str, credit_code: str, customs_code: str, legal_representative: str, contact: str) -> dict[str, str]:
    return {
        "name": name, "credit_code": credit_code, "customs_code": customs_code, "registration_customs": "2",
        "legal_representative": legal_representative, "contact_name": contact, "contact_phone": "13800009900",
        "contact_email": "contact@example.org", "website": "https://shop.example.org/",
    }  # fmt: skip


ACCOUNTS: Mapping[str, dict[str, str]] = {
    "newcomer": _account("上海汀兰渡进出口有限公司", "91310115000094001E", "312226DM91", "程远岫", "程晚舟"),
    "visitor": _account("上海竹深里电子商务有限公司", "91310115000094010C", "312226DM92", "陶云汀", "陶知夏"),
}
CARD = {"medium": "ic_card", "number": "89310091", "progress": "done"}
CARD_PAPERS = ("service_form", "customs_certificate", "legal_representative_id", "operator_id")
TYPE_FILING = {"filed_types": "merchant", "website": "https://shop.example.org/", "filed_on": "2025-06-02"}
BLURRED = "截图里的网址看不清，请换一张"


@transaction.atomic
def load_newcomers(cast: Cast) -> None:
    """Make them where they are missing; run a second time it changes nothing. Needs Redis, which counts the uploads."""
    if User.objects.filter(username__in=NEWCOMERS).exists():
        return
    one, other = cast.users["staff"], cast.users["reviewer"]
    password = make_password(PASSWORD)
    visitor, newcomer = (_person(username, password) for username in ("visitor", "newcomer"))
    _hand_in("account", ACCOUNTS["visitor"], ["business_licence"], by=visitor)
    account = _hand_in("account", ACCOUNTS["newcomer"], ["business_licence"], by=newcomer)
    approve(account, staff=one, version=account.version)
    approve(account, staff=other, version=account.version)
    enterprise = Membership.objects.select_related("enterprise").get(user=newcomer).enterprise
    AuthenticatorApp.objects.create(user=newcomer, secret=pack(APP_SECRET, SECRET_PLACE))
    for kind, typed, papers in (
        ("types", {"types": EnterpriseType.MERCHANT.value}, ()),
        ("ic_card", CARD, CARD_PAPERS),
    ):
        application = _hand_in(kind, typed, papers, by=newcomer, enterprise=enterprise)
        approve(application, staff=one, version=application.version)
        enterprise.refresh_from_db()
    application = _hand_in("type_filing", TYPE_FILING, ["filing_page"], by=newcomer, enterprise=enterprise)
    send_back(application, staff=one, version=application.version, remarks={"filing_page": BLURRED}, reason="")


def _person(username: str, password: str) -> User:
    return User.objects.create(
        username=username, name=NEWCOMERS[username], email=f"{username}@example.org", password=password
    )


def _hand_in(
    kind_name: str, typed: Mapping[str, str], papers: Sequence[str], *, by: User, enterprise: Enterprise | None = None
) -> Application:
    kind = kind_named(kind_name)
    application = begin(kind, by=by, enterprise=enterprise)
    slots = {slot.name: slot for slot in kind.papers}
    for name in papers:
        take(application, slots[name], SimpleUploadedFile(f"{slots[name].label}.png", _scan()), by=by)
    problems = submit(application, {name: [text] for name, text in typed.items()}, by=by, version=application.version)
    assert not problems, problems
    return application


@cache
def _scan() -> bytes:
    """A sheet with lines and a red seal, as a scan looks from afar."""
    sheet, made = Image.new("RGB", (620, 877), "white"), BytesIO()
    pen = ImageDraw.Draw(sheet)
    for line in range(120, 760, 40):
        pen.line((70, line, 550 - line * 37 % 180, line), fill="#999999", width=6)
    pen.ellipse((380, 640, 540, 800), outline="#c0392b", width=8)
    sheet.save(made, "PNG")
    return made.getvalue()
