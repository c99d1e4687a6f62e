"""The order, message 311: the platform or the merchant files it."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.roles import EnterpriseType
from declarations.fields import SYSTEM, Code, Money, PersonalText, Quantity, Text
from declarations.kinds.kind import ENTERPRISE_CODE, ENTERPRISE_CODE_WORDS, Body, Kind, Line


# A field is read at one glance, not down ten lines.
# fmt: off
class Order(Body):
    """进口订单：电商平台或电商企业向海关说明谁买了什么、付了多少。"""

    order_type = Code(_("订单类型"), 1, tag="orderType", given=SYSTEM, fixed="I", group=_("订单"), example="I",
                      note=_("进口固定为 I"))
    order_no = Text(_("订单编号"), 60, tag="orderNo", halfwidth=True, column=True, group=_("订单"),
                    example="SH2025060100001", note=_("交易平台的订单编号，同一平台内不重复，与支付单、运单、清单一致"))
    ebp_code = Code(_("电商平台代码"), (1, 18), tag="ebpCode", pattern=ENTERPRISE_CODE, wanted=ENTERPRISE_CODE_WORDS,
                    column=True, group=_("订单"), example="312226DM01", note=_("平台的海关编码；平台自己申报时可不填"))
    ebp_name = Text(_("电商平台名称"), 100, tag="ebpName", named=True, name_of="ebp_code", group=_("订单"),
                    example="上海雾凇鲸网络科技有限公司", note=_("平台在海关登记的名称；不填则按代码带出"))
    ebc_code = Code(_("电商企业代码"), (1, 18), tag="ebcCode", pattern=ENTERPRISE_CODE, wanted=ENTERPRISE_CODE_WORDS,
                    group=_("订单"), example="312246DM02", note=_("电商企业的海关编码；电商企业自己申报时可不填"))
    ebc_name = Text(_("电商企业名称"), 100, tag="ebcName", named=True, name_of="ebc_code", group=_("订单"),
                    example="上海栗光屿国际贸易有限公司", note=_("电商企业在海关登记的名称；不填则按代码带出"))
    goods_value = Money(_("商品价格"), tag="goodsValue", column=True, group=_("金额"), example="268.00",
                        note=_("商品实际成交价之和，含非现金抵扣，不含运杂费与税款"))
    freight = Money(_("运杂费"), tag="freight", group=_("金额"), example="0", note=_("没有则填 0"))
    discount = Money(_("非现金抵扣金额"), tag="discount", group=_("金额"), example="0",
                     note=_("积分、代金券等抵扣的金额，填正数；没有则填 0"))
    tax_total = Money(_("代扣税款"), tag="taxTotal", group=_("金额"), example="24.39", note=_("预先代扣的税款；没有则填 0"))
    actual_paid = Money(_("实际支付金额"), tag="acturalPaid", column=True, group=_("金额"), example="292.39",
                        note=_("商品价格＋运杂费＋代扣税款－非现金抵扣，与支付单的支付金额一致"))
    currency = Code(_("币制"), 3, tag="currency", given=SYSTEM, codes="currencies", fixed="142", group=_("金额"),
                    example="142", note=_("固定为人民币 142"))
    buyer_reg_no = Text(_("订购人注册号"), 60, tag="buyerRegNo", group=_("订购人与支付"), example="u20250001",
                        note=_("订购人在交易平台的注册号"))
    buyer_name = PersonalText(_("订购人姓名"), 60, tag="buyerName", mask="name", group=_("订购人与支付"), example="沈若溪",
                              note=_("与身份证一致，且与支付人为同一人"))
    buyer_telephone = PersonalText(_("订购人电话"), 30, tag="buyerTelephone", mask="phone", group=_("订购人与支付"),
                                   example="13900000001", note=_("手机号，或区号加座机号"))
    buyer_id_type = Code(_("订购人证件类型"), 1, tag="buyerIdType", given=SYSTEM, fixed="1", group=_("订购人与支付"),
                         example="1", note=_("固定为 1（身份证）"))
    buyer_id_number = PersonalText(_("订购人证件号码"), 60, tag="buyerIdNumber", mask="number", group=_("订购人与支付"),
                                   example="31011519000101001X", note=_("18 位身份证号；Excel 单元格须为文本格式"))
    pay_code = Code(_("支付企业代码"), (0, 18), tag="payCode", required=False, pattern=ENTERPRISE_CODE,
                    wanted=ENTERPRISE_CODE_WORDS, group=_("订购人与支付"), example="312226DM03",
                    note=_("支付企业的海关编码，与支付单一致"))
    pay_name = Text(_("支付企业名称"), 100, tag="payName", required=False, named=True, name_of="pay_code",
                    group=_("订购人与支付"), example="上海砚湖铃支付有限公司", note=_("不填则按代码带出"))
    pay_transaction_id = Text(_("支付交易编号"), 60, tag="payTransactionId", required=False, halfwidth=True,
                              group=_("订购人与支付"), example="PAY2025060100001", note=_("支付企业的交易流水号，与支付单一致"))
    batch_numbers = Text(_("商品批次号"), 100, tag="batchNumbers", required=False, group=_("订单"), example="B20250501",
                         note=_("可不填"))
    consignee = PersonalText(_("收货人姓名"), 100, tag="consignee", mask="name", group=_("收货"), example="沈若溪",
                             note=_("与运单的收货人一致"))
    consignee_telephone = PersonalText(_("收货人联系电话"), 50, tag="consigneeTelephone", mask="phone", group=_("收货"),
                                       example="13900000001", note=_("与运单的收货人电话一致"))
    consignee_address = PersonalText(_("收货地址"), 200, tag="consigneeAddress", mask="address", group=_("收货"),
                                     example="上海市浦东新区示例路1号101室", note=_("从省市写到门牌，与运单的收货地址一致"))
    consignee_district = Code(_("收货地行政区划代码"), 6, tag="consigneeDistrict", required=False, pattern="[0-9]{6}",
                              wanted=_("6 位数字"), group=_("收货"), example="310115", note=_("6 位行政区划代码，可不填"))
    note = Text(_("备注"), 1000, tag="note", required=False, group=_("订单"), example="", note=_("可不填"))

    class Meta:
        verbose_name = verbose_name_plural = _("订单")


class OrderLine(Line):
    """订单的一项商品。"""

    item_no = Text(_("企业商品货号"), 30, tag="itemNo", required=False, group=_("商品"), example="DG001",
                   note=_("企业自己的货号，可不填"))
    item_name = Text(_("企业商品名称"), 250, tag="itemName", named=True, column=True, group=_("商品"),
                     example="婴儿配方奶粉1段", note=_("平台上展示的商品名称"))
    gmodel = Text(_("商品规格型号"), 510, tag="gmodel", group=_("商品"), example="澜牧滋|800克/罐|配方奶粉",
                  note=_("品牌、规格、成分等，足以归类"))
    item_describe = Text(_("企业商品描述"), 1000, tag="itemDescribe", required=False, group=_("商品"), example="",
                         note=_("可不填"))
    bar_code = Text(_("条形码"), 50, tag="barCode", required=False, group=_("商品"), example="2000000000015",
                    note=_("没有可不填；Excel 单元格须为文本格式"))
    unit = Code(_("单位"), 3, tag="unit", codes="units", group=_("商品"), example="122", note=_("3 位计量单位代码"))
    qty = Quantity(_("数量"), tag="qty", column=True, group=_("商品"), example="1", note=_("按左列单位计的数量"))
    price = Money(_("单价"), tag="price", group=_("商品"), example="268.00", note=_("每单位的价格；赠品填 0"))
    total_price = Money(_("总价"), tag="totalPrice", column=True, group=_("商品"), example="268.00", note=_("单价×数量"))
    currency = Code(_("币制"), 3, tag="currency", given=SYSTEM, codes="currencies", fixed="142", group=_("商品"),
                    example="142", note=_("固定为人民币 142"))
    country = Code(_("原产国"), 3, tag="country", codes="countries", group=_("商品"), example="609",
                   note=_("3 位国别代码"))
    note = Text(_("备注"), 1000, tag="note", required=False, group=_("商品"), example="", note=_("可不填"))

    class Meta:
        verbose_name = verbose_name_plural = _("订单商品")
        constraints = [models.UniqueConstraint(fields=["document", "gnum"], name="order_line_once")]


ORDER = Kind(
    slug="order", label=_("订单"), many=pgettext_lazy("several", "订单"), body=Order, line=OrderLine,
    sends="CEB311Message", answered_by="CEB312Message", wrapper=("Order", "OrderHead", "OrderList"),
    filed_by=frozenset({EnterpriseType.PLATFORM, EnterpriseType.MERCHANT}),
    key=("ebp_code", "order_no"), number="order_no",
    own=(("ebp_code", "ebp_name"), ("ebc_code", "ebc_name")),
    # Order, payment and waybill of one trade come from three enterprises (guide §6.2 note 2, §6.3 note 2).
    apart_from=("payment", "waybill"),
    answer_key=(("ebpCode", "ebp_code"), ("ebcCode", "ebc_code"), ("orderNo", "order_no")),
    answer_codes=("1", "2", "3", "4", "100", "120"),
)
