"""What to do about a refusal: customs' codes, the advice for a clerk, and the fields to look at first."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from declarations.published import codes
from portal.sentences import speak

_SAID = re.compile(r"\[Code:\s*(?P<code>-?\w+)\s*;\s*Desc:\s*(?P<text>[^\]]*)\]")


@dataclass(frozen=True, slots=True)
class Advice:
    """What a clerk does about one code; `fields` are framed where the kind has them, `lines` means the goods."""

    text: Any
    fields: tuple[str, ...] = ()
    lines: bool = False


_BUYER = ("buyer_name", "buyer_id_number", "payer_name", "payer_id_number")

ADVICE: dict[str, Advice] = {
    "1300": Advice(_("与订购人核对姓名和证件号码，更正后重新申报"), _BUYER),
    "1313": Advice(_("订购人本年度限额已用完，请联系订购人退款，或改按一般贸易办理")),
    "1320": Advice(_("清单与订单的商品项数须相同，请逐项核对后更正"), lines=True),
    "1322": Advice(_("清单与订单的商品须逐项一致，请核对货号、数量和单价后更正"), lines=True),
    "1327": Advice(_("订单的订购人与支付单的支付人须是同一人，请核对后由有误的一方更正并重新申报"), _BUYER),
    "1332": Advice(
        _("支付单金额须等于订单的实际支付金额，请核对后由有误的一方更正"), ("actual_paid", "amount_paid", "pay_amount")
    ),
    "13035": Advice(_("订单上的支付企业与支付单的申报企业须是同一家，请核对支付企业代码"), ("pay_code", "pay_name")),
    "13127": Advice(_("清单与订单的订购人姓名须一致，请核对后更正"), ("buyer_name",)),
    "130126": Advice(_("清单与订单的订购人电话须一致，请核对后更正"), ("buyer_telephone",)),
    "22001": Advice(_("支付企业尚未在海关备案，请支付企业办理备案，或更换支付企业"), ("pay_code", "pay_name")),
}
OTHERWISE = Advice(_("请按海关原文核对，更正后重新申报；不明白时把单证编号和回执代码告诉服务热线"))


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason customs gave: code, its words in Chinese, and what to do."""

    code: str
    text: str
    advice: Advice


def reasons(info: str) -> Iterator[Reason]:
    """The reasons in the text of a receipt, or of a sentence of ours; one without a code when the text has none."""
    info, found = speak(info), False
    for said in _SAID.finditer(info):
        found = True
        code = said["code"]
        known = codes("customs_codes").get(code) or codes("platform_errors").get(code)
        yield Reason(code, said["text"].strip() or known or "", ADVICE.get(code, OTHERWISE))
    if not found and info:
        yield Reason("", info, OTHERWISE)
