"""Messages to customs by HTTP POST over kept-alive connections; the sandbox and regional gateways take them so."""

import urllib3
from django.conf import settings
from django.utils.translation import gettext as _

from declarations.exchange.transports import TransportError

_TIMEOUT = urllib3.Timeout(connect=3, read=15)
_pool = urllib3.PoolManager(maxsize=4, timeout=_TIMEOUT, retries=False)


def send(body: bytes) -> None:
    """Post one envelope; returns when customs has taken it.

    Raises ``TransportError``: passing for a refused connection, a time-out, 408, 429 and 5xx (the outcome may be
    unknown: the same bytes go again and customs knows the guid), permanent for every other answer.
    """
    headers = {"Content-Type": "application/xml; charset=utf-8", "Authorization": f"Bearer {settings.GATEWAY_TOKEN}"}
    try:
        answer = _pool.request("POST", settings.GATEWAY_URL, body=body, headers=headers, redirect=False)
    except urllib3.exceptions.HTTPError as error:
        raise TransportError(
            _("连接海关网关失败（%(error)s），稍后自动重发") % {"error": type(error).__name__}
        ) from error
    if answer.status == 200:
        return
    if answer.status in {408, 429} or answer.status >= 500:
        raise TransportError(_("海关网关暂时不可用（HTTP %(status)s），稍后自动重发") % {"status": answer.status})
    reason = _("海关网关拒收（HTTP %(status)s），请核对传输编号与网关口令") % {"status": answer.status}
    raise TransportError(reason, permanent=True)
