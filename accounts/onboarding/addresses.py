"""Where the system of an enterprise is: the fixed addresses it calls from, and the address receipts are pushed to.

What is asked here is asked of the text alone. Whoever pushes to a host name asks again of the address it has at that
moment (``is_public``), since a name may lead anywhere later.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

MOST_SOURCES = 10
#: The narrowest prefix a range may have: sixteen addresses, or one network of IPv6.
NARROW = {4: 28, 6: 64}

BETWEEN = re.compile(r"[\s,，;；、]+")
LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.ASCII)
#: Names that lead nowhere on the internet (RFC 6761, RFC 6762, RFC 8375 and habit).
INNER_NAMES = frozenset(
    {
        "localhost",
        "local",
        "localdomain",
        "internal",
        "intranet",
        "lan",
        "home",
        "corp",
        "arpa",
        "test",
        "invalid",
        "onion",
    }
)
#: A last part like these makes the host a number, however it is written: 127.1, 0x7f000001 (URL standard).
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
HTTPS, LOWEST_PORT, HIGHEST_PORT = 443, 1024, 65535
LONGEST_CALLBACK = 300


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether it is an address of one machine on the internet, also where it carries another one in it."""
    if isinstance(address, IPv6Address):
        inner = (address.ipv4_mapped, address.sixtofour, *(address.teredo or ()))
        if address.is_site_local or any(one is not None and not is_public(one) for one in inner):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


# --- from where ---------------------------------------------------------------------------------------------------------


def sources_in(text: str) -> list[str]:
    """The addresses and ranges in a text, each once, as they are kept. Raises ValidationError with all that is wrong."""
    parts = [part for part in BETWEEN.split(text) if part]
    if len(parts) > MOST_SOURCES:
        raise ValidationError(
            _("填了 %(count)s 个来源地址，最多 %(most)s 个。相邻的地址可以写成一段，如 203.0.113.16/28")
            % {"count": len(parts), "most": MOST_SOURCES}
        )
    found, wrong = [], []
    for part in parts:
        try:
            found.append(_source(part))
        except ValidationError as problem:
            wrong += problem.messages
    if wrong:
        raise ValidationError(wrong)
    return list(dict.fromkeys(found))


def _source(part: str) -> str:
    """One address or range. Raises ValidationError."""
    said: dict[str, Any] = {"part": part[:60]}
    try:
        net = ip_network(part, strict=False)
        if "%" in part:
            raise ValueError(part)
    except ValueError:
        raise ValidationError(
            _("“%(part)s”不是 IP 地址。请填 IPv4 或 IPv6 地址，每行一个，不要写域名、端口或网址") % said
        ) from None
    if net.prefixlen == 0 or net.network_address.is_unspecified:
        raise ValidationError(_("“%(part)s”表示任意地址，不能作为白名单。请填系统发出请求的公网固定地址") % said)
    if net.network_address.is_multicast:
        raise ValidationError(_("“%(part)s”是组播地址，没有系统从那里发出请求。请填公网固定地址") % said)
    if not is_public(net.network_address) or not is_public(net.broadcast_address):
        raise ValidationError(
            _("“%(part)s”是内网、本机或保留地址。海关白名单登记的是公网固定地址，请向网络管理员查询系统的公网出口地址")
            % said
        )
    if net.prefixlen < NARROW[net.version]:
        said |= {"four": NARROW[4], "six": NARROW[6]}
        raise ValidationError(
            _("“%(part)s”的范围太大。一段 IPv4 最多 16 个地址（/%(four)s），一段 IPv6 不大于 /%(six)s，请缩小范围")
            % said
        )
    if "/" in part and str(net.network_address) != str(ip_address(part.partition("/")[0])):
        raise ValidationError(_("“%(part)s”不是一段地址的开头，这一段应写成 %(right)s") % {**said, "right": net})
    return str(net.network_address) if net.num_addresses == 1 else str(net)


class SourcesField(forms.CharField):
    """Addresses and ranges, one a line; a list of them once it is right."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=1000, widget=forms.Textarea(attrs={"rows": 3}), **kwargs)

    def clean(self, value: Any) -> Any:
        """What the text holds."""
        return sources_in(super().clean(value))


# --- to where -----------------------------------------------------------------------------------------------------------


def callback_in(text: str) -> str:
    """The address as it is kept: the host in lower case, no port where it is the usual one. Raises ValidationError."""
    if not text.isascii() or re.search(r"[\s\\\x00-\x1f\x7f]", text):
        raise ValidationError(_("回推地址只能用半角字母、数字和符号，不能有空格；中文域名请写成 xn-- 开头的形式"))
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValidationError(_("回推地址的端口或方括号不对，请写成 https://域名/路径 的形式")) from None
    if parts.scheme != "https" or not parts.hostname:
        raise ValidationError(
            _("回推地址须以 https:// 开头，后面是域名或公网地址，如 https://erp.example.com/receipts")
        )
    if "@" in parts.netloc:
        raise ValidationError(_("回推地址里不能带用户名或口令，请去掉 @ 及它前面的部分"))
    if "#" in text:
        raise ValidationError(_("回推地址里不能有 #，请去掉 # 及它后面的部分"))
    if port is not None and port != HTTPS and not LOWEST_PORT <= port <= HIGHEST_PORT:
        raise ValidationError(
            _("回推地址的端口 %(port)s 不能用，请用 443，或 %(lowest)s 至 %(highest)s 之间的端口")
            % {"port": port, "lowest": LOWEST_PORT, "highest": HIGHEST_PORT}
        )
    host = _host(parts.hostname.removesuffix("."))
    where = host if port in (None, HTTPS) else f"{host}:{port}"
    return f"https://{where}{parts.path or '/'}{'?' + parts.query if parts.query else ''}"


def _host(host: str) -> str:
    """A public address or a name of the internet, as it is kept. Raises ValidationError."""
    said = {"host": host[:80]}
    try:
        address = ip_address(host)
    except ValueError:
        labels = host.split(".")
        if not all(LABEL.fullmatch(label) for label in labels) or NUMBER.fullmatch(labels[-1]) or len(host) > 253:
            raise ValidationError(_("“%(host)s”不是域名，也不是规范写法的公网地址，请核对") % said) from None
        if len(labels) < 2 or labels[-1] in INNER_NAMES:
            raise ValidationError(
                _("“%(host)s”只在企业内网或本机有效，平台推不到。请填互联网上能访问的域名或公网地址") % said
            ) from None
        return host
    if "%" in host or not is_public(address):
        raise ValidationError(
            _("“%(host)s”是内网、本机或保留地址，平台推不到。请填互联网上能访问的域名或公网地址") % said
        )
    return f"[{address}]" if address.version == 6 else str(address)


class CallbackField(forms.CharField):
    """The address receipts are pushed to."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=LONGEST_CALLBACK, **kwargs)

    def clean(self, value: Any) -> Any:
        """As it is kept."""
        return callback_in(super().clean(value))
