"""加密证书代办: what the form asks for, and its way through the engine of applications."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from accounts.cast import Cast
from accounts.models import Application, ApplicationState, Credential
from accounts.onboarding import applications
from accounts.onboarding.kinds import CERTIFICATE_AGENCY
from portal.tenancy import acting_as
from tests.accounts.throwaway import Issued, a_name, rsa_key

pytestmark = pytest.mark.django_db


def a_request(bits: int = 2048) -> str:
    """A certificate request."""
    made = x509.CertificateSigningRequestBuilder().subject_name(a_name(cn="上海栗光屿国际贸易有限公司"))
    return made.sign(rsa_key(bits), hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


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


def test_a_device_of_ones_own_needs_no_request(cast: Cast) -> None:
    _one, problems = submitted(cast, good() | {"device": ["machine"], "certificate_request": [""]})
    assert problems == {}


@pytest.mark.parametrize(
    ("wrong", "field", "word"),
    [
        ({"certificate_request": [""]}, "certificate_request", "粘贴在“证书与加签”下载"),
        ({"certificate_request": ["garbage"]}, "certificate_request", "不是证书请求"),
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
