"""How often something may be tried or sent: counted in Redis, for a while and for a day of Shanghai.

Whom something is sent to is counted apart for what it is sent for, and for each network that wants it, so that nobody
uses up what belongs to another; only the most of a day is one for all.
"""

import hashlib
from collections.abc import Iterable
from ipaddress import IPv6Address, IPv6Network, ip_address, ip_network

from django.core.cache import cache
from django.utils import timezone
from django.utils.translation import gettext as _

LOCKED_SECONDS = 15 * 60
#: A day's counter outlives its day a little, wherever clocks are.
_DAY_SECONDS = 25 * 3600
#: In a while, for one purpose: to one receiver at the wish of one network, and at the wish of one network at all.
SENT_TO_ONE = 5
SENT_FOR_NETWORK = 30
#: In a day, whatever for: to one receiver, of that at the wish of one network, and at the wish of one network at all.
LETTERS_A_DAY = (30, 10, 300)
MESSAGES_A_DAY = (10, 5, 100)
#: So many times what one network may is what all networks of one area of IPv6 may together.
AREA = 10


class TooOften(Exception):
    """Something was sent, or tried, too often; the text says in Chinese when it can be done again."""


def failures(key: str) -> int:
    """The number of failures counted under this key."""
    return int(cache.get(key, 0))


def forget_failures(key: str) -> None:
    """Begin to count anew."""
    cache.delete(key)


def count_failure(key: str, allowed: int) -> int:
    """Count one failure; the last one allowed within the time starts the time of the lock."""
    cache.add(key, 0, LOCKED_SECONDS)
    try:
        count = int(cache.incr(key))
    except ValueError:  # ran out between the two
        cache.set(key, 1, LOCKED_SECONDS)
        return 1
    if count == allowed:
        cache.touch(key, LOCKED_SECONDS)
    return count


def count_today(key: str) -> int:
    """Count one for today; nothing but midnight begins anew."""
    cache.add(_of_today(key), 0, _DAY_SECONDS)
    return int(cache.incr(_of_today(key)))


def counted_today(key: str) -> int:
    """How many were counted for today."""
    return int(cache.get(_of_today(key), 0))


def forget_today(key: str) -> None:
    """Begin today's count anew."""
    cache.delete(_of_today(key))


def take_back_today(key: str) -> None:
    """What was counted for today was none."""
    if counted_today(key) > 0:
        cache.decr(_of_today(key))


def count_sending(purpose: str, network: str, *, emails: Iterable[str] = (), phones: Iterable[str] = ()) -> None:
    """Count that something is sent to these at the wish of a network; raises TooOften, whoever they are."""
    sent = [(LETTERS_A_DAY, f"mail:{_hidden(one)}") for one in emails]
    sent += [(MESSAGES_A_DAY, f"sms:{_hidden(one)}") for one in phones]
    area = area_of(network)
    short = [(f"sent:{purpose}:network:{network}", SENT_FOR_NETWORK)]
    short += [(f"sent:{purpose}:network:{area}", SENT_FOR_NETWORK * AREA)] if area else []
    short += [(f"sent:{purpose}:{to}:{network}", SENT_TO_ONE) for _most, to in sent]
    if [key for key, allowed in short if count_failure(key, allowed) > allowed]:
        raise TooOften(_("发送得太频繁，请 %(minutes)s 分钟后再试") % {"minutes": LOCKED_SECONDS // 60})
    for (to_one, of_network, for_network), to in sent:
        way = to.partition(":")[0]
        counted = (
            # The network first: what it is refused is not counted against whom it wants to write to.
            (f"sent:{way}:network:{network}", for_network),
            *([(f"sent:{way}:network:{area}", for_network * AREA)] if area else []),
            (f"sent:{to}:{network}", of_network),
            (f"sent:{to}", to_one),
        )
        if any(count_today(key) > allowed for key, allowed in counted):
            raise TooOften(_("今天发送的次数已到上限，请明天再试；急需时请拨打服务热线"))


def network_of(address: str) -> str:
    """What counts as one address: of IPv6 the first 64 bits, since every household has all addresses behind them."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and not parsed.ipv4_mapped:
        return str(IPv6Network((int(parsed), 64), strict=False))
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


def area_of(network: str) -> str:
    """What counts beside a network of IPv6, with ``AREA`` times its limit: its first 48 bits, since whoever rents one line
    or one server may have 65,536 such networks. Empty for all else."""
    try:
        parsed = ip_network(network)
    except ValueError:
        return ""
    return str(parsed.supernet(new_prefix=48)) if parsed.version == 6 else ""


def _hidden(receiver: str) -> str:
    return hashlib.sha256(receiver.lower().encode()).hexdigest()


def _of_today(key: str) -> str:
    return f"{key}:{timezone.localdate()}"
