"""加密证书代办: what the form asks for, and its way through the engine of applications."""

import base64
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.cast import Cast
from accounts.models import Application, ApplicationState, AuditEntry, Credential, Evidence, Paper, User
from accounts.onboarding import applications
from accounts.onboarding.kinds import CERTIFICATE_AGENCY, KINDS
from accounts.onboarding.preparation import ticks_of
from portal.personal import pack
from portal.tenancy import acting_as
from tests.accounts.throwaway import Issued, a_name, rsa_key
from tests.cast import prove

pytestmark = pytest.mark.django_db


def a_request(bits: int = 2048, *, version: int = 0) -> str:
    """A certificate request."""
    made = x509.CertificateSigningRequestBuilder().subject_name(a_name(cn="上海栗光屿国际贸易有限公司"))
    signed = made.sign(rsa_key(bits), hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    der = signed.replace(b"\x02\x01\x00", bytes([2, 1, version]), 1)
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{base64.encodebytes(der).decode()}-----END CERTIFICATE REQUEST-----\n"


def good() -> dict[str, list[str]]:
    return {
        "purpose": ["new"],
        "device": ["portal"],
        "certificate_request": [a_request()],
        "contact_name": ["柳青禾"],
        "contact_phone": ["13800001234"],
        "contact_email": ["contact@example.org"],
        "note": [""],
    }


def begun(cast: Cast) -> Application:
    """Begun by the administrator, with every paper."""
    user = cast.users["merchant_administrator"]
    one = applications.begin(CERTIFICATE_AGENCY, by=user, enterprise=cast.enterprises["merchant"])
    for slot in CERTIFICATE_AGENCY.papers:
        one.papers.create(
            slot=slot.name, name=f"{slot.name}.pdf", media_type="application/pdf", size=4, sha256="0" * 64,
            content=b"%PDF", uploaded_by=user,
        )  # fmt: skip
    return one


def submitted(cast: Cast, typed: dict[str, list[str]]) -> tuple[Application, dict[str, list[str]]]:
    user = cast.users["merchant_administrator"]
    with acting_as(enterprise_id=cast.enterprises["merchant"].pk, user_id=user.pk):
        one = begun(cast)
        return one, applications.submit(one, typed, by=user, version=one.version)


def test_it_is_handed_in_and_taken_on_by_one_of_the_staff(cast: Cast) -> None:
    one, problems = submitted(cast, good())
    assert problems == {}
    staff = cast.users["staff"]
    with acting_as(enterprise_id=None, user_id=staff.pk, role="portal_staff"):
        applications.take(one, staff=staff, version=one.version)
        assert applications.approve(one, staff=staff, version=one.version) is True
    one.refresh_from_db()
    assert one.state == ApplicationState.APPROVED
    assert not Credential.objects.exists(), "the certificate comes in by its own page"


def test_it_is_refused_before_its_turn_and_taken_again_for_another(cast: Cast) -> None:
    merchant = cast.enterprises["merchant"]
    evidence = Evidence.objects.filter(enterprise=merchant)
    evidence.delete()
    one, problems = submitted(cast, good())
    assert "还不能代办：等第 3 项“电子口岸 IC 卡或 Ikey”核验之后" in problems["__all__"][0]
    user = cast.users["merchant_administrator"]
    ticks = [one.value for one in ticks_of(merchant.types, merchant.depot)]
    for item in ("ic_card", "type_filing"):
        Evidence.objects.create(enterprise=merchant, item=item, number="1", filed_types=ticks)
    with acting_as(enterprise_id=merchant.pk, user_id=user.pk):
        one.refresh_from_db()
        assert applications.submit(one, good(), by=user, version=one.version) == {}
        applications.withdraw(one, by=user, version=one.version)
    Evidence.objects.create(enterprise=merchant, item="signing_certificate", number="1")
    assert submitted(cast, good())[1] == {}, "and again, for another"


def test_a_device_of_ones_own_needs_no_request(cast: Cast) -> None:
    _one, problems = submitted(cast, good() | {"device": ["machine"], "certificate_request": [""]})
    assert problems == {}


@pytest.mark.parametrize(
    ("wrong", "field", "word"),
    [
        ({"certificate_request": [""]}, "certificate_request", "粘贴在“证书与加签”下载"),
        ({"certificate_request": ["garbage"]}, "certificate_request", "不是证书请求"),
        ({"certificate_request": [a_request(version=7)]}, "certificate_request", "不是证书请求"),
        ({"certificate_request": [Issued().pem().decode()]}, "certificate_request", "不是证书请求"),
        ({"certificate_request": [a_request(1024)]}, "certificate_request", "2048"),
        ({"certificate_request": ["x" * 8001]}, "certificate_request", "8000"),
        ({"purpose": ["other"]}, "purpose", ""),
        ({"contact_phone": ["123"]}, "contact_phone", "手机号"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(wrong: dict[str, list[str]], field: str, word: str, cast: Cast) -> None:
    _one, problems = submitted(cast, good() | wrong)
    assert set(problems) == {field} and any(word in said for said in problems[field])


def test_without_its_papers_it_is_not_handed_in(cast: Cast) -> None:
    user = cast.users["merchant_administrator"]
    with acting_as(enterprise_id=cast.enterprises["merchant"].pk, user_id=user.pk):
        one = applications.begin(CERTIFICATE_AGENCY, by=user, enterprise=cast.enterprises["merchant"])
        problems = applications.submit(one, good(), by=user, version=one.version)
    assert set(problems) == {slot.name for slot in CERTIFICATE_AGENCY.papers}


# --- what belongs to a person -------------------------------------------------------------------------------------------

DESK = "/admin/accounts/application/"


def test_staff_and_the_applicant_see_persons_masked_after_it_was_handed_in(
    cast: Cast, client_of: Callable[[str], Client]
) -> None:
    one, _problems = submitted(cast, good())
    for client, address in (
        (client_of("staff"), f"{DESK}{one.pk}/change/"),
        (client_of("merchant_administrator"), f"/applications/{one.pk}/"),
        (client_of("merchant_administrator"), f"/applications/{one.pk}/versions/1/"),
    ):
        page = client.get(address).content.decode()
        assert "138****1234" in page and "c***@example.org" in page and "柳**" in page, address
        assert "13800001234" not in page and "contact@example.org" not in page, address
    page = client_of("staff").post(f"{DESK}{one.pk}/change/", {"do": "uncover", "why": "核对经办人"}).content.decode()
    assert "13800001234" in page and "contact@example.org" in page


def test_the_scan_of_an_identity_paper_opens_for_a_reason_and_on_record(
    cast: Cast, client_of: Callable[[str], Client]
) -> None:
    one, _problems = submitted(cast, good())
    Paper.objects.update(content=pack(b"%PDF", "accounts_paper.content"))
    identity, licence = (
        Paper.objects.get(application=one, slot=slot) for slot in ("legal_identity", "business_licence")
    )
    staff, place = client_of("staff"), f"{DESK}{one.pk}/papers/{identity.pk}/"
    page = staff.get(f"{DESK}{one.pk}/change/").content.decode()
    assert f'href="{place}"' in page and f'href="{place}" download' not in page and f'src="{place}"' not in page
    asked = staff.get(place)
    assert asked["Content-Type"].startswith("text/html") and "写明理由" in asked.content.decode()
    for why in ("", "x", "x" * 201):
        answer = staff.post(place, {"why": why})
        assert "2 至 200 个字" in answer.content.decode() and "Content-Disposition" not in answer
    assert not AuditEntry.objects.filter(action="paper_downloaded").exists()
    opened = staff.post(place, {"why": "核对法定代表人"})
    assert opened["Content-Disposition"].startswith("attachment") and opened.content == b"%PDF"
    deed = AuditEntry.objects.get(action="paper_downloaded")
    assert (deed.user.username, deed.details["reason"]) == ("staff", "核对法定代表人")
    other = f"{DESK}{one.pk}/papers/{licence.pk}/"
    assert staff.get(other).content == b"%PDF" and staff.post(other, {"why": "x"}).status_code == 405


def test_who_may_only_look_opens_no_identity_paper(cast: Cast, client_of: Callable[[str], Client]) -> None:
    one, _problems = submitted(cast, good())
    identity = Paper.objects.get(application=one, slot="legal_identity")
    looks = User.objects.create(username="looks", is_staff=True)
    looks.user_permissions.add(Permission.objects.get(codename="view_application"))
    client = Client()
    client.force_login(looks)
    prove(client)
    assert client.get(f"{DESK}{one.pk}/change/").status_code == 200
    assert client.get(f"{DESK}{one.pk}/papers/{identity.pk}/").status_code == 403


def test_every_paper_that_names_a_person_is_one_to_open_for_a_reason() -> None:
    personal = {slot.name for kind in KINDS for slot in kind.papers if slot.is_personal}
    assert personal == {
        slot.name for kind in KINDS for slot in kind.papers if "身份" in str(slot.label)
    } == {"legal_representative_id", "operator_id", "legal_identity", "operator_identity"}  # fmt: skip
