"""Letters and text messages that cannot be notices (``accounts/notices.py``): they carry a code or a link, which is kept
nowhere, or go to an address that is no user's. Sent once what they speak of is committed, and never logged.

While the network is used no transaction is open. A letter that cannot be sent breaks nothing: the page it was asked on
lets it be sent again.
"""

import logging
from collections.abc import Callable

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.utils.module_loading import import_string

log = logging.getLogger(__name__)


def write_mail(address: str, subject: str, text: str) -> None:
    """Send a letter after the commit; a subject is one line, whatever name stands in it."""
    one_line = " ".join(subject.split())
    _after_commit("mail", lambda: send_mail(one_line, text, settings.DEFAULT_FROM_EMAIL, [address]))


def write_sms(phone: str, text: str) -> None:
    """Send a text message after the commit, by the function PORTAL_SMS names."""
    send = import_string(settings.PORTAL_SMS)
    _after_commit("text message", lambda: send(phone, text))


def print_sms(phone: str, text: str) -> None:
    """What PORTAL_SMS names unless told otherwise: shows the message where the portal runs, and sends nothing."""
    print(f"SMS {phone}: {text}", flush=True)


def _after_commit(what: str, send: Callable[[], object]) -> None:
    def sent() -> None:
        try:
            send()
        except Exception as error:
            # Only what sort of error it is: its words name the person written to.
            log.error("a %s could not be sent: %s", what, type(error).__name__)

    transaction.on_commit(sent)
