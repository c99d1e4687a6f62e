"""What an element of a customs message says: its texts, its moment, its amounts of money (step 9 of the walk).

Nothing is guessed: what cannot be understood raises ``UnreadableMessage`` with the place, and the message waits for a
person.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

from django.utils import timezone
from django.utils.translation import gettext_noop as _
from lxml import etree

from portal.calendar import from_customs_time
from portal.sentences import keep

#: How far customs' clock may be ahead of ours.
FARTHEST_AHEAD = timedelta(days=1)


class UnreadableMessage(ValueError):
    """A stored message cannot be understood; trying again will not help."""


def texts(element: etree._Element) -> dict[str, str]:
    """Tag → trimmed text, of the element's own children; "" for an empty one."""
    return {etree.QName(child).localname: (child.text or "").strip() for child in element if isinstance(child.tag, str)}


def moment(text: str) -> datetime:
    """When customs answered. A time ahead of ours would outlast every later answer, so it is not believed."""
    try:
        at = from_customs_time(text)
    except ValueError as problem:
        raise UnreadableMessage(keep(_("回执时间“%(time)s”不是时间"), time=text)) from problem
    if at > timezone.now() + FARTHEST_AHEAD:
        raise UnreadableMessage(keep(_("回执时间“%(time)s”在将来"), time=text))
    return at


def figure(said: Mapping[str, str], tag: str) -> Decimal:
    """An amount exactly as it stands; the wire knows five places."""
    try:
        amount = Decimal(said[tag])
    except InvalidOperation as problem:
        raise UnreadableMessage(keep(_("%(tag)s“%(amount)s”不是金额"), tag=tag, amount=said[tag])) from problem
    if not amount.is_finite() or amount < 0:
        raise UnreadableMessage(keep(_("%(tag)s“%(amount)s”不是金额"), tag=tag, amount=said[tag]))
    return amount
