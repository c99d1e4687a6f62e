"""Passkeys as a second factor: a key that lives in a device and signs a challenge for this address alone (WebAuthn).

Only the public half is kept. A challenge is good for one answer; what an answer says is judged by the fido2 library.
"""

import json
import logging
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db.models import Q
from django.http import HttpRequest
from django.http.request import split_domain_port
from django.utils import timezone
from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from accounts.access import is_address
from accounts.models import Passkey, User
from portal.personal import keyed_hash

CHALLENGE_IN_SESSION = "passkey_challenge"
ANSWER_LENGTH = 20_000
PASSKEYS_ALLOWED = 10

log = logging.getLogger(__name__)


def can_be_used(request: HttpRequest) -> bool:
    """Whether browsers do passkeys at the address the portal was called by: a name, not a number."""
    return not is_address(_host(request).strip("[]"))


def ask_to_make(request: HttpRequest, user: User) -> str:
    """What the browser needs to make a key, as JSON; the challenge is remembered in the session."""
    options, state = _server(request).register_begin(
        PublicKeyCredentialUserEntity(
            id=keyed_hash(f"passkeys of {user.pk}"), name=user.get_username(), display_name=str(user)
        ),
        [_credential(one) for one in Passkey.objects.filter(user=user)],
        resident_key_requirement=ResidentKeyRequirement.DISCOURAGED,
        user_verification=UserVerificationRequirement.PREFERRED,
    )
    request.session[CHALLENGE_IN_SESSION] = state
    return json.dumps(dict(options.public_key))


def make(request: HttpRequest, user: User, answer: str, name: str) -> bool:
    """Keep the key the browser made; False when its answer is not right."""
    state = _challenge(request.session)
    if state is None or len(answer) > ANSWER_LENGTH:
        return False
    try:
        made = _server(request).register_complete(state, json.loads(answer))
        credential = made.credential_data
        assert credential is not None
    except Exception as error:  # the library raises whatever its parsers meet in what a stranger sent
        log.info("a passkey was not made: %s", type(error).__name__)
        return False
    if Passkey.objects.filter(user=user).count() >= PASSKEYS_ALLOWED:
        return False
    key = Passkey(
        user=user, credential_id=credential.credential_id, credential=bytes(credential), sign_count=made.counter
    )
    key.name = name[:60]
    # Ignored when the device already has a key here, which the browser should have said.
    Passkey.objects.bulk_create([key], ignore_conflicts=True)
    return Passkey.objects.filter(user=user, credential_id=credential.credential_id).exists()


def ask_to_sign(request: HttpRequest, user: User) -> str:
    """What the browser needs to sign with one of this person's keys, as JSON; empty when there is none or no way."""
    keys = [_credential(one) for one in Passkey.objects.filter(user=user)] if can_be_used(request) else []
    if not keys:
        return ""
    options, state = _server(request).authenticate_begin(keys, UserVerificationRequirement.PREFERRED)
    request.session[CHALLENGE_IN_SESSION] = state
    return json.dumps(dict(options.public_key))


def signs(request: HttpRequest, user: User, answer: str) -> bool:
    """Whether this is the answer of one of this person's keys to the challenge of this session; asked once."""
    state = _challenge(request.session)
    if state is None or len(answer) > ANSWER_LENGTH:
        return False
    try:
        said = AuthenticationResponse.from_dict(json.loads(answer))
        keys = [_credential(one) for one in Passkey.objects.filter(user=user)]
        used = _server(request).authenticate_complete(state, keys, said)
        count = said.response.authenticator_data.counter
    except Exception as error:  # as above
        log.info("a passkey did not sign: %s", type(error).__name__)
        return False
    # A counter that does not grow is that of a copy; devices without a counter always say 0.
    grows = Q(sign_count=0) if count == 0 else Q(sign_count__lt=count)
    own = Passkey.objects.filter(grows, user=user, credential_id=used.credential_id)
    return bool(own.update(sign_count=count, last_used=timezone.now()))


def _challenge(session: SessionBase) -> Any:
    return session.pop(CHALLENGE_IN_SESSION, None)


def _server(request: HttpRequest) -> Fido2Server:
    return Fido2Server(PublicKeyCredentialRpEntity(id=_host(request), name=str(settings.PORTAL_NAME)))


def _host(request: HttpRequest) -> str:
    return split_domain_port(request.get_host())[0]


def _credential(key: Passkey) -> AttestedCredentialData:
    return AttestedCredentialData(bytes(key.credential))
