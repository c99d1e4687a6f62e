"""Passkeys: made and used by a device in software that speaks as browsers do."""

import hashlib
import html
import json
import os
import re

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from django.db import connection
from django.test import Client
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData, CollectedClientData

from accounts.cast import PASSWORD, one_time_code
from accounts.models import AuditEntry, AuthenticatorApp, Passkey, RecoveryCode
from portal.tenancy import acting_as

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cast", "no_failures")]
FLAG = AuthenticatorData.FLAG


def said(response) -> str:
    return " ".join(re.findall(r'class="err"(?! role)[^>]*>.*?<span>(.*?)</span>', response.content.decode(), re.S))


def options(page) -> dict:
    """What the page hands to the script."""
    return json.loads(html.unescape(re.search(r'data-options="([^"]*)"', page.content.decode())[1]))


class Device:
    """A security key in software."""

    def __init__(self, origin: str = "http://localhost", counts: bool = True) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id, self.origin, self.counts, self.count = os.urandom(32), origin, counts, 0

    def _answer(self, response: dict[str, bytes]) -> str:
        return json.dumps(
            {
                "id": websafe_encode(self.id),
                "rawId": websafe_encode(self.id),
                "type": "public-key",
                "response": {name: websafe_encode(value) for name, value in response.items()},
                "clientExtensionResults": {},
            }
        )

    def make(self, asked: dict) -> str:
        credential = AttestedCredentialData.create(
            b"\0" * 16, self.id, ES256.from_cryptography_key(self.key.public_key())
        )
        place = hashlib.sha256(asked["rp"]["id"].encode()).digest()
        data = AuthenticatorData.create(place, FLAG.UP | FLAG.AT, 0, credential)
        client = CollectedClientData.create("webauthn.create", asked["challenge"], self.origin)
        return self._answer({"clientDataJSON": client, "attestationObject": AttestationObject.create("none", data, {})})

    def sign(self, asked: dict) -> str:
        self.count += self.counts
        data = AuthenticatorData.create(hashlib.sha256(asked["rpId"].encode()).digest(), FLAG.UP, self.count)
        client = CollectedClientData.create("webauthn.get", asked["challenge"], self.origin)
        signature = self.key.sign(data + client.hash, ec.ECDSA(SHA256()))
        return self._answer({"clientDataJSON": client, "authenticatorData": data, "signature": signature})


def browser(username: str) -> Client:
    """Somebody who has typed the right password at an address with a name."""
    client = Client(SERVER_NAME="localhost")
    assert client.post("/login/", {"username": username, "password": PASSWORD}).status_code == 302
    return client


def with_passkey(username: str, device: Device) -> Client:
    """Somebody who has added the device."""
    client = browser(username)
    page = client.post(
        "/second-factor/passkey/",
        {"passkey": device.make(options(client.get("/second-factor/passkey/"))), "name": "办公室电脑"},
    )
    assert "没有添加成功" not in said(page)
    return client


def test_it_signs_in_with_a_passkey_after_the_password(cast):
    device = Device()
    client = with_passkey("merchant_filer", device)
    assert "办公室电脑" in client.get("/second-factor/").content.decode()
    assert RecoveryCode.objects.filter(user=cast.users["merchant_filer"]).count() == 10
    for _time in range(2):
        client = browser("merchant_filer")
        assert client.get("/")["Location"].startswith("/login/")
        answer = client.post("/login/code/", {"passkey": device.sign(options(client.get("/login/code/")))})
        assert answer["Location"] == "/"
        assert client.get("/").status_code == 200
    assert Passkey.objects.get().last_used is not None


@pytest.mark.parametrize("username", ["staff", "merchant_administrator"])
def test_it_is_enough_for_those_who_must_have_a_second_factor(username):
    AuthenticatorApp.objects.all().delete()
    client = with_passkey(username, Device(counts=False))
    assert client.get("/admin/" if username == "staff" else "/").status_code == 200


def test_it_takes_an_answer_once_and_only_to_its_own_challenge():
    device = Device()
    with_passkey("merchant_filer", device)
    first, second = browser("merchant_filer"), browser("merchant_filer")
    answer = device.sign(options(first.get("/login/code/")))
    second.get("/login/code/")
    assert said(second.post("/login/code/", {"passkey": answer})) == "通行密钥没有通过，还可以试 4 次"
    assert first.post("/login/code/", {"passkey": answer})["Location"] == "/"
    first.post("/logout/")
    third = browser("merchant_filer")
    assert said(third.post("/login/code/", {"passkey": answer})).startswith("通行密钥没有通过")


def test_it_refuses_other_devices_other_places_and_copies():
    device = Device()
    with_passkey("merchant_filer", device)
    client = browser("merchant_filer")

    def refused(other: Device) -> bool:
        return said(
            client.post("/login/code/", {"passkey": other.sign(options(client.get("/login/code/")))})
        ).startswith("通行密钥没有通过")

    assert refused(Device())
    thief = Device()
    thief.id = device.id
    assert refused(thief)
    device.origin = "https://tongguan.example.com"
    assert refused(device)
    device.origin = "http://localhost"
    assert client.post("/login/code/", {"passkey": device.sign(options(client.get("/login/code/")))})["Location"] == "/"
    device.count = 0
    client = browser("merchant_filer")
    assert refused(device), "a counter that does not grow is that of a copy"


def test_it_makes_no_key_for_another_place_or_another_challenge():
    client = browser("merchant_filer")
    asked = options(client.get("/second-factor/passkey/"))
    for wrong in (
        Device("https://tongguan.example.com").make(asked),
        Device().make({**asked, "challenge": websafe_encode(b"x" * 32)}),
        Device().make({**asked, "rp": {"id": "example.com"}}),
    ):
        page = client.post("/second-factor/passkey/", {"passkey": wrong})
        assert said(page).startswith("没有添加成功")
    device = Device()
    made = device.make(options(client.get("/second-factor/passkey/")))
    client.get("/second-factor/passkey/")
    assert said(client.post("/second-factor/passkey/", {"passkey": made})).startswith("没有添加成功")
    assert not Passkey.objects.exists()


@pytest.mark.parametrize(
    "garbage",
    ["", "{}", "[]", "null", "x" * 10_000, "[" * 5000, '{"id": 1}', '{"rawId": "", "response": {}}', "x" * 50_000],
)
def test_it_refuses_garbage(garbage):
    client = with_passkey("merchant_filer", Device())
    client.get("/second-factor/passkey/")
    assert said(client.post("/second-factor/passkey/", {"passkey": garbage})).startswith("没有添加成功")
    client = browser("merchant_filer")
    client.get("/login/code/")
    page = client.post("/login/code/", {"passkey": garbage})
    assert page.status_code == 200 and said(page)


def test_it_adds_a_device_once_and_for_one_person_only():
    device = Device()
    client = with_passkey("merchant_filer", device)
    excluded = options(client.get("/second-factor/passkey/"))["excludeCredentials"]
    assert [websafe_decode(one["id"]) for one in excluded] == [device.id]
    other = browser("merchant_viewer")
    made = device.make(options(other.get("/second-factor/passkey/")))
    assert said(other.post("/second-factor/passkey/", {"passkey": made})).startswith("没有添加成功")
    assert Passkey.objects.count() == 1


def test_it_takes_a_passkey_away_with_the_password_and_only_ones_own(cast):
    client = with_passkey("merchant_filer", Device())
    key = Passkey.objects.get()
    other = browser("merchant_administrator")
    other.post("/login/code/", {"code": one_time_code("merchant_administrator")})
    assert other.post(f"/second-factor/passkey/{key.pk}/remove/", {"password": PASSWORD}).status_code == 404
    assert said(client.post(f"/second-factor/passkey/{key.pk}/remove/", {"password": "x"})) == "密码不对"
    assert client.post(f"/second-factor/passkey/{key.pk}/remove/", {"password": PASSWORD}).status_code == 302
    assert not Passkey.objects.exists() and not RecoveryCode.objects.filter(user=cast.users["merchant_filer"]).exists()
    assert AuditEntry.objects.filter(action="second_factor_removed").count() == 1


def test_it_offers_none_where_browsers_do_none():
    client = Client(SERVER_NAME="127.0.0.1")
    client.post("/login/", {"username": "merchant_filer", "password": PASSWORD})
    page = client.get("/second-factor/passkey/").content.decode()
    assert "请改用域名打开" in page and "data-options" not in page


def test_it_walls_passkeys_off_by_person(cast):
    with_passkey("merchant_filer", Device())
    other = cast.users["merchant_viewer"]
    with acting_as(enterprise_id=cast.enterprises["merchant"].pk, user_id=other.pk):
        assert not Passkey.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_column_privilege('portal_staff', 'accounts_passkey', 'credential', 'SELECT')")
        assert cursor.fetchone() == (False,)
