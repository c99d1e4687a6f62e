"""Messages to customs by HTTP POST over kept-alive connections; the sandbox and regional gateways take them so."""

import urllib3
from django.conf import settings
from django.utils.translation import gettext_noop as _

from declarations.exchange.transports import TransportError
from portal.sentences import keep

_PASSING = frozenset({408, 425, 429})
_PERMANENT = frozenset({400, 413, 415, 422})
_TIMEOUT = urllib3.Timeout(connect=3, read=15)
_pool = urllib3.PoolManager(maxsize=4, timeout=_TIMEOUT, retries=False)


def send(body: bytes) -> None:
    """Post one envelope; returns when customs has taken it.

    Raises ``TransportError``: passing for a refused connection, a time-out, 408, 429 and 5xx (the outcome may be
    unknown: the same bytes go again and customs knows the guid); permanent when these bytes are refused (400, 413, 415,
    422); for every other answer somebody has to put address or token right.
    """
    headers = {"Content-Type": "application/xml; charset=utf-8", "Authorization": f"Bearer {settings.GATEWAY_TOKEN}"}
    try:
        answer = _pool.request("POST", settings.GATEWAY_URL, body=body, headers=headers, redirect=False)
    except urllib3.exceptions.HTTPError as error:
        reason = keep(_("连接海关网关失败（%(error)s），稍后自动重发"), error=type(error).__name__)
        raise TransportError(reason) from error
    status = answer.status
    if status == 200:
        return
    if status in _PASSING or status >= 500:
        raise TransportError(keep(_("海关网关暂时不可用（HTTP %(status)s），稍后自动重发"), status=status))
    if status in _PERMANENT:
        raise TransportError(keep(_("海关网关拒收这份报文（HTTP %(status)s）"), status=status), permanent=True)
    reason = keep(_("海关网关不接受本平台（HTTP %(status)s），请平台核对网关地址与口令；改好后自动重发"), status=status)
    raise TransportError(reason, needs_person=True)
