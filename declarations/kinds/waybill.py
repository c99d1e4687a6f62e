"""The waybill, message 511: the logistics enterprise files it, once order and payment are accepted."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.roles import EnterpriseType
from declarations.fields import OWN, SYSTEM, Code, Money, PersonalText, Quantity, Text, Whole
from declarations.kinds.kind import ENTERPRISE_CODE, ENTERPRISE_CODE_WORDS, Body, Kind


# A field is read at one glance, not down ten lines.
# fmt: off
class Waybill(Body):
    """运单：物流企业向海关说明哪个包裹送给谁。"""

    logistics_code = Code(_("物流企业代码"), (1, 18), tag="logisticsCode", given=OWN, pattern=ENTERPRISE_CODE,
                          wanted=ENTERPRISE_CODE_WORDS, group=_("运单"), example="312246DM05",
                          note=_("本企业的海关编码，不填则带出"))
    logistics_name = Text(_("物流企业名称"), 100, tag="logisticsName", given=OWN, named=True, name_of="logistics_code",
                          group=_("运单"), example="上海芦笛隼快递有限公司", note=_("本企业登记的名称，不填则带出"))
    logistics_no = Text(_("物流运单编号"), 60, tag="logisticsNo", halfwidth=True, column=True, group=_("运单"),
                        example="SF2025060100001", note=_("六个月内不重复"))
    bill_no = Text(_("提运单号"), 37, tag="billNo", required=False, halfwidth=True, group=_("运单"), example="",
                   note=_("直购进口必填，保税进口不填"))
    order_no = Text(_("订单编号"), 60, tag="orderNo", halfwidth=True, column=True, group=_("运单"),
                    example="SH2025060100001", note=_("交易平台的订单编号，与订单一致"))
    freight = Money(_("运费"), tag="freight", required=False, group=_("包裹"), example="0", note=_("没有则填 0"))
    insured_fee = Money(_("保价费"), tag="insuredFee", required=False, group=_("包裹"), example="0", note=_("没有则填 0"))
    currency = Code(_("币制"), 3, tag="currency", given=SYSTEM, codes="currencies", fixed="142", group=_("包裹"),
                    example="142", note=_("固定为人民币 142"))
    weight = Quantity(_("毛重"), tag="weight", column=True, group=_("包裹"), example="1.05", note=_("单位千克"))
    pack_no = Whole(_("件数"), 9, tag="packNo", given=SYSTEM, fixed=1, group=_("包裹"), example="1", note=_("进口固定为 1"))
    goods_info = Text(_("主要货物信息"), 200, tag="goodsInfo", required=False, group=_("包裹"), example="婴儿配方奶粉",
                      note=_("主要商品的名称"))
    consignee = PersonalText(_("收货人姓名"), 100, tag="consignee", mask="name", group=_("收货"), example="沈若溪",
                             note=_("与订单的收货人一致"))
    consignee_address = PersonalText(_("收货地址"), 200, tag="consigneeAddress", mask="address", group=_("收货"),
                                     example="上海市浦东新区示例路1号101室", note=_("与订单的收货地址一致"))
    consignee_telephone = PersonalText(_("收货人电话"), 50, tag="consigneeTelephone", mask="phone", group=_("收货"),
                                       example="13900000001", note=_("与订单的收货人联系电话一致"))
    note = Text(_("备注"), 1000, tag="note", required=False, group=_("运单"), example="", note=_("可不填"))

    class Meta:
        verbose_name = verbose_name_plural = _("运单")


WAYBILL = Kind(
    slug="waybill", label=_("运单"), many=pgettext_lazy("several", "运单"), body=Waybill,
    sends="CEB511Message", answered_by="CEB512Message", wrapper=("Logistics", "LogisticsHead", None),
    filed_by=frozenset({EnterpriseType.DIRECT_LOGISTICS, EnterpriseType.BONDED_LOGISTICS}),
    key=("logistics_code", "logistics_no"), number="logistics_no", platform_code="",
    own=(("logistics_code", "logistics_name"),), after=("order", "payment"),
    apart_from=("order", "payment"),
    answer_key=(("logisticsCode", "logistics_code"), ("logisticsNo", "logistics_no")),
    answer_codes=("1", "2", "3", "4", "100", "120"),
)
