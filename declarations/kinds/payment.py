"""The payment, message 411: the payment enterprise files it."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.roles import EnterpriseType
from declarations.fields import OWN, SYSTEM, Code, Moment, Money, PersonalText, Text
from declarations.kinds.kind import ENTERPRISE_CODE, ENTERPRISE_CODE_WORDS, Body, Kind


# A field is read at one glance, not down ten lines.
# fmt: off
class Payment(Body):
    """支付单：支付企业向海关说明订购人为哪张订单付了多少。"""

    pay_code = Code(_("支付企业代码"), (1, 18), tag="payCode", given=OWN, pattern=ENTERPRISE_CODE,
                    wanted=ENTERPRISE_CODE_WORDS, group=_("支付"), example="312226DM03", note=_("本企业的海关编码，不填则带出"))
    pay_name = Text(_("支付企业名称"), 100, tag="payName", given=OWN, named=True, name_of="pay_code", group=_("支付"),
                    example="上海砚湖铃支付有限公司", note=_("本企业登记的名称，不填则带出"))
    pay_transaction_id = Text(_("支付交易编号"), 60, tag="payTransactionId", halfwidth=True, column=True, group=_("支付"),
                              example="PAY2025060100001", note=_("本企业的交易流水号，不重复"))
    order_no = Text(_("订单编号"), 60, tag="orderNo", halfwidth=True, column=True, group=_("支付"),
                    example="SH2025060100001", note=_("交易平台的订单编号，与订单一致"))
    ebp_code = Code(_("电商平台代码"), (1, 18), tag="ebpCode", pattern=ENTERPRISE_CODE, wanted=ENTERPRISE_CODE_WORDS,
                    column=True, group=_("支付"), example="312226DM01", note=_("平台的海关编码，与订单一致"))
    ebp_name = Text(_("电商平台名称"), 100, tag="ebpName", named=True, name_of="ebp_code", group=_("支付"),
                    example="上海雾凇鲸网络科技有限公司", note=_("平台登记的名称；不填则按代码带出"))
    payer_id_type = Code(_("支付人证件类型"), 1, tag="payerIdType", given=SYSTEM, fixed="1", group=_("支付人"), example="1",
                         note=_("固定为 1（身份证）"))
    payer_id_number = PersonalText(_("支付人证件号码"), 60, tag="payerIdNumber", mask="number", group=_("支付人"),
                                   example="31011519000101001X", note=_("18 位身份证号；Excel 单元格须为文本格式"))
    payer_name = PersonalText(_("支付人姓名"), 60, tag="payerName", mask="name", group=_("支付人"), example="沈若溪",
                              note=_("与身份证一致，且与订购人为同一人"))
    telephone = PersonalText(_("支付人电话"), 60, tag="telephone", mask="phone", required=False, group=_("支付人"),
                             example="13900000001", note=_("可不填"))
    amount_paid = Money(_("支付金额"), tag="amountPaid", column=True, group=_("支付"), example="292.39",
                        note=_("与订单的实际支付金额一致"))
    currency = Code(_("支付币制"), 3, tag="currency", given=SYSTEM, codes="currencies", fixed="142", group=_("支付"),
                    example="142", note=_("固定为人民币 142"))
    pay_time = Moment(_("支付时间"), tag="payTime", column=True, group=_("支付"), example="2025-06-01 09:30:00",
                      note=_("支付成功的北京时间"))
    note = Text(_("备注"), 1000, tag="note", required=False, group=_("支付"), example="", note=_("可不填"))

    class Meta:
        verbose_name = verbose_name_plural = _("支付单")


PAYMENT = Kind(
    slug="payment", label=_("支付单"), many=pgettext_lazy("several", "支付单"), body=Payment,
    sends="CEB411Message", answered_by="CEB412Message", wrapper=("Payment", "PaymentHead", None),
    filed_by=frozenset({EnterpriseType.PAYMENT}),
    key=("pay_code", "pay_transaction_id"), number="pay_transaction_id",
    own=(("pay_code", "pay_name"),),
    apart_from=("order", "waybill"),
    answer_key=(("payCode", "pay_code"), ("payTransactionId", "pay_transaction_id")),
    answer_codes=("1", "2", "3", "4", "100", "120"),
)
