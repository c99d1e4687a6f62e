"""The pages of signing in, registering and guarding one's account are as sound as all others."""

import pytest
from django.test import Client
from lxml import html

from accounts.cast import PASSWORD
from accounts.models import AuthenticatorApp
from tests.pages.test_markup import assert_alive, assert_named, assert_nothing_inline

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cast", "no_failures")]
OWN = (
    "/second-factor/",
    "/second-factor/app/",
    "/second-factor/passkey/",
    "/sessions/",
    "/password/",
    "/contact/",
    "/announcements/",
)


def sound(response, address: str) -> None:
    assert response.status_code == 200, address
    page = html.fromstring(response.content)
    assert_nothing_inline(page, address)
    assert_named(page, address)
    assert_alive(page, address)


def test_it_is_sound_markup_for_visitors():
    client = Client()
    for address in ("/register/", "/password/forgotten/", "/password/reset/MQ/now/"):
        sound(client.get(address), address)
    sound(client.post("/register/", {"email": "x", "phone": "x"}), "register")
    client.post("/register/", {"email": "xinren@example.org", "phone": "13800001234"})
    sound(client.get("/register/codes/"), "codes")
    sound(client.post("/register/codes/", {"email_code": "x", "phone_code": "x"}), "codes")
    sound(client.post("/password/forgotten/", {"email": "xinren@example.org"}), "sent")
    client.post("/login/", {"username": "staff", "password": PASSWORD})
    sound(client.get("/login/code/"), "code")
    sound(client.post("/login/code/", {"code": "x"}), "code")


@pytest.mark.parametrize("username", ["merchant_filer", "merchant_administrator", "stranger", "staff"])
def test_it_is_sound_markup_for_who_is_signed_in(client_of, username):
    client = client_of(username)
    client.defaults["SERVER_NAME"] = "localhost"
    for address in OWN:
        response = client.get(address)
        if response.status_code != 302:  # an app is set up once
            sound(response, address)
    if username == "staff":
        sound(client.post("/second-factor/app/remove/", {"password": "wrong"}), "remove")
        sound(client.post("/second-factor/codes/", {"password": PASSWORD}), "codes")


def test_it_is_sound_markup_for_who_still_owes_it():
    AuthenticatorApp.objects.all().delete()
    client = Client(SERVER_NAME="localhost")
    client.post("/login/", {"username": "staff", "password": PASSWORD})
    for address in OWN[:3]:
        sound(client.get(address), address)
