"""Tells people what waits for them: a line in their inbox, and a letter (step 10 of the walk).

The notice is written in the transaction of the deed and is the letter's outbox row too: a sweep finds it, so a mail server
that is slow or dead delays letters and nothing else, and none is lost. What may not be kept (codes, links) or goes to no
user goes out by ``accounts/outgoing.py``; there is no third way.
"""

import logging
import random
import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from smtplib import SMTPDataError, SMTPRecipientsRefused, SMTPSenderRefused
from time import monotonic

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from accounts.models import Enterprise, Notice, User
from accounts.models.notices import OWN_PAGE
from portal.sentences import speak

#: A sweep that dies leaves its letters to the next one after this time.
LEASE = timedelta(minutes=2)
#: Longest wait between two attempts; the wait doubles up to it.
LONGEST_WAIT = timedelta(hours=1)
#: A letter nobody would take for so long is given up; the notice stays in the inbox.
GIVEN_UP_AFTER = timedelta(days=3)
#: Seconds one sweep may take before it leaves the rest to the next.
LONGEST_TURN = 20.0
#: The most lines of one letter; more wait in the inbox.
LINES_PER_LETTER = 20

log = logging.getLogger(__name__)


def notify(users: Iterable[User], text: str, *, address: str = "", enterprise: Enterprise | None = None) -> None:
    """Tell these people, in the transaction of the deed; who may not sign in is left out. For staff and workers: pages
    may not choose whom they tell.

    ``text`` is a sentence kept by ``portal.sentences.keep``, ``address`` the path of the page of the next step, and
    ``enterprise`` whose affair it is: only who is its member then reads it. Raises ValueError for an address elsewhere.
    """
    numbers, of_enterprise = [user.pk for user in users], enterprise.pk if enterprise else None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT accounts_notify(%s::bigint[], %s::bigint, %s, %s)",
            [numbers, of_enterprise, text, _own_page(address)],
        )


def notify_member(user: User, enterprise: Enterprise, text: str, *, address: str = "") -> None:
    """Tell somebody what became of their membership; of no enterprise, so that who was removed reads it too.

    A page reaches nobody but for an administrator of that enterprise.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT accounts_notify_member(%s, %s, %s, %s)", [user.pk, enterprise.pk, text, _own_page(address)]
        )


def notify_members(enterprise: Enterprise | int, text: str, *, roles: Iterable[str] = (), address: str = "") -> None:
    """Tell the members of an enterprise who hold one of these roles, or all; but not who is acting.

    Of another enterprise a page reaches only the administrators, and only while it moves a mandate they share.
    """
    of_enterprise = enterprise if isinstance(enterprise, int) else enterprise.pk
    wanted = [str(role) for role in roles]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT accounts_notify_members(%s, %s::text[], %s, %s)", [of_enterprise, wanted, text, _own_page(address)]
        )


def warn(user: User, text: str, *, address: str = "") -> None:
    """Tell somebody of what was done to their account, whoever did it: mailed even when it was read by then."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT accounts_warn(%s, %s, %s)", [user.pk, text, _own_page(address)])


def notify_staff(permission: str, text: str, *, address: str = "") -> None:
    """Tell the staff who hold a permission (``accounts.change_application``), but not who is acting, nor auditors.

    A page reaches only those who decide on applications, and only when it has handed one in.
    """
    app, _dot, name = permission.partition(".")
    with connection.cursor() as cursor:
        cursor.execute("SELECT accounts_notify_staff(%s, %s, %s, %s)", [app, name, text, _own_page(address)])


def _own_page(address: str) -> str:
    if len(address) > 300 or not re.fullmatch(OWN_PAGE, address):
        raise ValueError(f"no page of this portal: {address[:40]}")
    return address


# --- the letters --------------------------------------------------------------------------------------------------------


_CLAIM = """
WITH due AS (
    SELECT user_id FROM accounts_notice WHERE mail_after <= %(now)s ORDER BY mail_after, id LIMIT 1
), taken AS (
    SELECT id FROM accounts_notice WHERE user_id = (SELECT user_id FROM due) AND mail_after <= %(now)s
     ORDER BY id FOR UPDATE SKIP LOCKED
)
UPDATE accounts_notice SET mail_after = %(until)s, mail_attempts = mail_attempts + 1
 WHERE id IN (SELECT id FROM taken) RETURNING id
"""


@override(settings.LANGUAGE_CODE)  # no reader's browser says in which
def mail_due() -> int:
    """Mail what is due, one letter a person; how many left. Stops while the mail server takes none."""
    letters, ends = 0, monotonic() + LONGEST_TURN
    while monotonic() < ends and (claimed := _claim()):
        try:
            with get_connection() as server:
                letters += _mail(claimed, server)
        except OSError as error:  # SMTPException is one, too. Nobody there: the same would happen to the next letter
            log.warning("the mail server takes no letters: %s", type(error).__name__)
            _later(claimed)
            break
    return letters


def _claim() -> list[Notice]:
    """All that one person is due to be mailed, ours for ``LEASE``."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"now": now, "until": now + LEASE})
        ids = [number for (number,) in cursor.fetchall()]
    return list(Notice.objects.filter(pk__in=ids).select_related("user", "enterprise").order_by("id"))


def _mail(claimed: Sequence[Notice], server: BaseEmailBackend) -> int:
    """One letter with those still worth it. What this one letter is refused for is no reason to keep others waiting."""
    wanted = [notice for notice in claimed if _is_wanted(notice)]
    if wanted:
        try:
            letter(wanted, server).send()
        except (SMTPRecipientsRefused, SMTPSenderRefused, SMTPDataError) as error:
            log.warning("the letter with notice %s is refused: %s", wanted[0].pk, type(error).__name__)
            _later(claimed)
            return 0
        except OSError:
            raise
        except Exception:  # a letter nobody can write must not stop those behind it, whatever it is
            log.exception("the letter with notice %s cannot be written", wanted[0].pk)
            _later(claimed)
            return 0
    _settle(claimed, mailed=wanted)
    return 1 if wanted else 0


def letter(notices: Sequence[Notice], server: BaseEmailBackend | None = None) -> EmailMessage:
    """What one person is mailed: a line for each notice, and where to go on; nothing that does not stand in the inbox."""
    shown, more = notices[:LINES_PER_LETTER], len(notices) - LINES_PER_LETTER
    lines = [_line(notice) for notice in shown]
    if more > 0:
        lines.append(ngettext("另有 %(count)d 条", "另有 %(count)d 条", more) % {"count": more})
    count = len(notices)
    subject = ngettext("%(count)d 条新消息", "%(count)d 条新消息", count) % {"count": count}
    first = " ".join(speak(notices[0].text).split()).partition("。")[0] if count == 1 else subject
    greeting = _("%(name)s，您好：") % {"name": notices[0].user}
    foot = _("请登录查看：%(address)s") % {"address": settings.PORTAL_ADDRESS + "/notices/"}
    return EmailMessage(
        f"[{settings.PORTAL_NAME}] {first}",
        "\n\n".join([greeting, *lines, foot]) + "\n",
        to=[notices[0].user.email],
        connection=server,
    )


def _line(notice: Notice) -> str:
    whose = f"{notice.enterprise}\n  " if notice.enterprise else ""
    where = f"\n  {settings.PORTAL_ADDRESS}{notice.address}" if notice.address else ""
    return f"· {whose}{speak(notice.text)}{where}"


def _is_wanted(notice: Notice) -> bool:
    """Not read yet, or a warning; and the person may still read it."""
    user = notice.user
    if (notice.read_at and not notice.is_warning) or not user.is_active or not user.email:
        return False
    return (
        notice.enterprise_id is None or user.memberships.filter(enterprise=notice.enterprise_id, active=True).exists()
    )


def _settle(claimed: Sequence[Notice], *, mailed: Sequence[Notice]) -> None:
    Notice.objects.filter(pk__in=[one.pk for one in claimed]).update(mail_after=None)
    Notice.objects.filter(pk__in=[one.pk for one in mailed]).update(mailed_at=timezone.now())


def _later(claimed: Sequence[Notice]) -> None:
    """Again after a wait that doubles; what is too old by then is given up."""
    now = timezone.now()
    for notice in claimed:
        again = None if notice.created < now - GIVEN_UP_AFTER else now + wait(notice.mail_attempts)
        Notice.objects.filter(pk=notice.pk).update(mail_after=again)


def wait(attempts: int) -> timedelta:
    """How long after so many attempts; with a little chance so that waiters spread out."""
    return min(timedelta(minutes=2 ** min(attempts - 1, 12)), LONGEST_WAIT) * random.uniform(0.8, 1.2)  # noqa: S311


# --- the inbox ----------------------------------------------------------------------------------------------------------


def unread_of(user: User) -> int:
    """How many of their notices somebody has not read; 99 stands for more, too."""
    return Notice.objects.filter(user=user, read_at=None)[:99].count()


def mark_read(user: User, *, upto: int) -> None:
    """Mark all notices of theirs up to this one, so that none is that came after the page was drawn."""
    Notice.objects.filter(user=user, read_at=None, pk__lte=upto).update(read_at=timezone.now())
