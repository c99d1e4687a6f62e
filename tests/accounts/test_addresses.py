"""The addresses of an enterprise's system: what a whitelist takes, and where receipts may be pushed."""

from ipaddress import ip_address

import pytest
from django.core.exceptions import ValidationError

from accounts.onboarding.addresses import callback_in, is_public, sources_in


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("1.1.1.1", ["1.1.1.1"]),
        (" 1.1.1.1 ,8.8.8.8；9.9.9.9、\n\n1.1.1.1 ", ["1.1.1.1", "8.8.8.8", "9.9.9.9"]),
        ("8.8.8.0/28 8.8.4.4/32", ["8.8.8.0/28", "8.8.4.4"]),
        ("2606:4700:0000::1111", ["2606:4700::1111"]),
        ("2606:4700:1::/64", ["2606:4700:1::/64"]),
    ],
)
def test_it_takes_public_addresses_and_narrow_ranges(text: str, kept: list[str]) -> None:
    assert sources_in(text) == kept


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("erp.example.org", "不是 IP 地址"),
        ("1.1.1.1:443", "不是 IP 地址"),
        ("https://1.1.1.1/", "不是 IP 地址"),
        ("1.1.1", "不是 IP 地址"),
        ("01.1.1.1", "不是 IP 地址"),
        ("256.1.1.1", "不是 IP 地址"),
        ("2606:4700::1%eth0", "不是 IP 地址"),
        ("1.1.1.1-1.1.1.9", "不是 IP 地址"),
        ("0.0.0.0", "任意地址"),
        ("0.0.0.0/0", "任意地址"),
        ("::", "任意地址"),
        ("::/0", "任意地址"),
        ("224.0.0.1", "组播"),
        ("ff02::1", "组播"),
        ("127.0.0.1", "公网固定地址"),
        ("10.1.2.3", "公网固定地址"),
        ("172.16.0.1", "公网固定地址"),
        ("192.168.1.0/28", "公网固定地址"),
        ("169.254.169.254", "公网固定地址"),
        ("100.64.0.1", "公网固定地址"),
        ("255.255.255.255", "公网固定地址"),
        ("::1", "公网固定地址"),
        ("fe80::1", "公网固定地址"),
        ("fd00::1", "公网固定地址"),
        ("::ffff:10.0.0.1", "公网固定地址"),
        ("2002:7f00:1::", "公网固定地址"),
        ("64:ff9b::7f00:1", "公网固定地址"),
        ("8.8.8.0/27", "范围太大"),
        ("8.0.0.0/8", "范围太大"),
        ("2606:4700::/48", "范围太大"),
        ("8.8.8.3/28", "应写成 8.8.8.0/28"),
        ("\n".join(f"1.1.1.{last}" for last in range(11)), "最多 10 个"),
    ],
)
def test_it_refuses_everything_else_with_the_cure(text: str, words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        sources_in(text)
    assert words in refused.value.messages[0]


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ValidationError) as refused:
        sources_in("10.0.0.1 1.1.1.1 nonsense")
    assert [message.split("”")[0] for message in refused.value.messages] == ["“10.0.0.1", "“nonsense"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("https://erp.example.org/receipts", "https://erp.example.org/receipts"),
        ("HTTPS://ERP.Example.org:443", "https://erp.example.org/"),
        ("https://erp.example.org.:8443/a/b?c=d", "https://erp.example.org:8443/a/b?c=d"),
        ("https://1.1.1.1/in", "https://1.1.1.1/in"),
        ("https://[2606:4700::1111]:8443/in", "https://[2606:4700::1111]:8443/in"),
        ("https://xn--fiqs8s.example.org/", "https://xn--fiqs8s.example.org/"),
    ],
)
def test_a_callback_is_kept_in_one_spelling(text: str, kept: str) -> None:
    assert callback_in(text) == kept


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("http://erp.example.org/", "https://"),
        ("ftp://erp.example.org/", "https://"),
        ("erp.example.org/receipts", "https://"),
        ("https:///receipts", "https://"),
        ("https://", "https://"),
        ("https://user:word@erp.example.org/", "用户名或口令"),
        ("https://user@erp.example.org/", "用户名或口令"),
        ("https://1.1.1.1@10.0.0.1/", "用户名或口令"),
        ("https://erp.example.org/#receipts", "不能有 #"),
        ("https://erp.example.org/#", "不能有 #"),
        ("https://erp.example.org:99999/", "端口"),
        ("https://erp.example.org:25/", "端口"),
        ("https://erp.example.org:0/", "端口"),
        ("https://erp.example.org:x/", "端口"),
        ("https://[::1/", "方括号"),
        ("https://erp.example.org/a b", "空格"),
        ("https://erp.example.org\\@10.0.0.1/", "半角"),
        ("https://erp.example.org/\t", "空格"),
        ("https://回执.example.org/", "xn--"),
        ("https://localhost/", "只在企业内网或本机"),
        ("https://localhost./", "只在企业内网或本机"),
        ("https://erp/", "只在企业内网或本机"),
        ("https://erp.local/", "只在企业内网或本机"),
        ("https://a.b.internal/", "只在企业内网或本机"),
        ("https://127.0.0.1/", "平台推不到"),
        ("https://10.0.0.1/", "平台推不到"),
        ("https://169.254.169.254/latest/meta-data/", "平台推不到"),
        ("https://[::1]/", "平台推不到"),
        ("https://[::ffff:169.254.169.254]/", "平台推不到"),
        ("https://[fe80::1%25eth0]/", "平台推不到"),
        ("https://[2606:4700::1111%25eth0]/", "平台推不到"),
        ("https://0.0.0.0/", "平台推不到"),
        ("https://127.1/", "不是域名"),
        ("https://2130706433/", "不是域名"),
        ("https://0x7f000001/", "不是域名"),
        ("https://0177.0.0.1/", "不是域名"),
        ("https://%6cocalhost/", "不是域名"),
        ("https://-erp.example.org/", "不是域名"),
        ("https://erp_1.example.org/", "不是域名"),
        ("https://erp..example.org/", "不是域名"),
    ],
)
def test_a_callback_leads_to_the_internet_and_nowhere_else(text: str, words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        callback_in(text)
    assert words in refused.value.messages[0]


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("1.1.1.1", True),
        ("2606:4700::1111", True),
        ("10.0.0.1", False),
        ("::ffff:127.0.0.1", False),
        ("fec0::1", False),
    ],
)
def test_it_knows_a_public_address(address: str, public: bool) -> None:
    assert is_public(ip_address(address)) == public
