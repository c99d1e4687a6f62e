"""What to do about a refusal: customs' codes, the advice for a clerk, and the fields to look at first."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from declarations.exchange import shortage
from declarations.kinds import KINDS, kind
from declarations.kinds.kind import Kind
from declarations.published import codes
from declarations.rulebook import RULES
from portal.sentences import speak

_TAG = re.compile(r"(?<![A-Za-z])[a-z]+[A-Z][A-Za-z]*")
_SAID = re.compile(r"\[Code:\s*(?P<code>-?\w+)\s*;\s*Desc:\s*(?P<text>[^\]]*)\]")


@dataclass(frozen=True, slots=True)
class Advice:
    """What a clerk does about one code; `fields` are framed where the kind has them, `lines` means the goods.

    `kinds` are the documents that disagree: any of them may be the one in error, and each is another enterprise's.
    """

    text: Any
    fields: tuple[str, ...] = ()
    lines: bool = False
    kinds: tuple[str, ...] = ()


_ORDER_AND_PAYMENT, _LIST_AND_ORDER = ("order", "payment"), ("inventory", "order")
_BUYER = ("buyer_name", "buyer_id_number", "payer_name", "payer_id_number")

_PARTIES = ("ebp_code", "ebc_code", "pay_code", "logistics_code", "area_code")

ADVICE: dict[str, Advice] = {
    "-10102": Advice(
        _(
            "海关没有以这个编码登记的企业。请核对单证上各企业的海关编码；编码无误的，请那家企业向注册地海关（12360）"
            "和电子口岸（95198）查明企业备案，备案办妥后重新申报，单证内容不变也可以"
        ),
        _PARTIES,
    ),
    "1300": Advice(_("与订购人核对姓名和证件号码，更正后重新申报"), _BUYER),
    "1313": Advice(_("订购人本年度限额已用完，请联系订购人退款，或改按一般贸易办理")),
    "1320": Advice(_("清单与订单的商品项数须相同，请逐项核对后由有误的一方更正"), lines=True, kinds=_LIST_AND_ORDER),
    "1322": Advice(
        _("清单与订单的商品须逐项一致，请核对货号、数量和单价后由有误的一方更正"), lines=True, kinds=_LIST_AND_ORDER
    ),
    "1327": Advice(
        _("订单的订购人与支付单的支付人须是同一人，请核对后由有误的一方更正"), _BUYER, kinds=_ORDER_AND_PAYMENT
    ),
    "1332": Advice(
        _("支付单金额须等于订单的实际支付金额，请核对后由有误的一方更正"),
        ("actual_paid", "amount_paid", "pay_amount"),
        kinds=_ORDER_AND_PAYMENT,
    ),
    "13035": Advice(
        _("订单上的支付企业与支付单的申报企业须是同一家，请核对支付企业代码后由有误的一方更正"),
        ("pay_code", "pay_name"),
        kinds=_ORDER_AND_PAYMENT,
    ),
    "13127": Advice(
        _("清单与订单的订购人姓名须一致，请核对后由有误的一方更正"), ("buyer_name",), kinds=_LIST_AND_ORDER
    ),
    "130126": Advice(
        _("清单与订单的订购人电话须一致，请核对后由有误的一方更正"), ("buyer_telephone",), kinds=_LIST_AND_ORDER
    ),
    "22001": Advice(_("支付企业尚未在海关备案，请支付企业办理备案，或更换支付企业"), ("pay_code", "pay_name")),
}
#: A list that is reviewed because its guarantee is too small: what helps.
TOP_UP = Advice(_("请担保企业增加担保额度，到账后海关自动放行，不必重报"))
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
        yield Reason(code, _with_labels(said["text"].strip() or known or ""), _advice(code, said["text"]))
    if not found and info:
        yield Reason("", _with_labels(info), OTHERWISE)


def _advice(code: str, text: str) -> Advice:
    """What to do about a code; one code stands for two things, which customs tells apart in words."""
    return TOP_UP if code == shortage.CODE and shortage.WORDS in text else ADVICE.get(code, OTHERWISE)


def why(code: str, reason: str) -> list[Reason]:
    """Why a document was refused: by customs, or while it waited by a rule of ours, which says itself what to do."""
    if code in RULES:
        return [Reason(code, speak(reason), Advice(RULES[code].cure))]
    return list(reasons(reason))


def disagreeing(found: Iterable[Reason]) -> tuple[str, ...]:
    """The kinds whose documents disagree, when that is all customs said; empty when anything else is wrong."""
    found = list(found)
    if not found or not all(reason.advice.kinds for reason in found):
        return ()
    return tuple(dict.fromkeys(slug for reason in found for slug in reason.advice.kinds))


def names_of(slugs: Iterable[str]) -> str:
    """Those kinds as a reader lists them."""
    return gettext("、").join(str(kind(slug).label) for slug in slugs)


def ways_out(own: Kind, slugs: tuple[str, ...]) -> list[str]:
    """What can be done about documents that disagree, one sentence for each case; empty when none do."""
    if not slugs:
        return []
    words = {"documents": names_of(slugs), "label": own.label}
    ways = [gettext("%(documents)s不一致，海关没有说是哪一份有误。请各方先核对，由有误的一方更正") % words]
    if own.slug in slugs:
        ways.append(gettext("有误的是这份%(label)s：更正后用原编号重新申报") % words)
    ways.append(
        gettext(
            "有误的是别的单证：海关已接收（2）的单证在本版本不能用原编号改报，只能由申报它的企业向海关办理变更申报"
            "（本系统暂不提供）；对方更正后，这份%(label)s内容不变也可以重新申报"
        )
        % words
    )
    return ways


@cache
def _labels() -> dict[str, Any]:
    """Element name → label of the field; only names nobody takes for a word."""
    fields = [one for each in KINDS for one in (*each.fields, *each.line_fields)]
    return {one.tag: one.label for one in reversed(fields) if not one.tag.islower()}


def _with_labels(text: str) -> str:
    """Customs' text with the field's label in brackets behind each element name it mentions."""

    def with_label(found: re.Match[str]) -> str:
        label = _labels().get(found[0])
        return f"{found[0]}{gettext('（')}{label}{gettext('）')}" if label and str(label) not in text else found[0]

    return _TAG.sub(with_label, text)
