"""The declaration list, message 621: filed last, by the warehouse, the logistics enterprise or the merchant itself."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.roles import EnterpriseType
from declarations.fields import CUSTOMS, OWN, SYSTEM, Code, Day, Money, PersonalText, Quantity, Text, Whole
from declarations.kinds.kind import ENTERPRISE_CODE, ENTERPRISE_CODE_WORDS, Body, Kind, Line


# A field is read at one glance, not down ten lines.
# fmt: off
class Inventory(Body):
    """申报清单：申报企业向海关申报一个包裹，海关据此征税、查验、放行。"""

    order_no = Text(_("订单编号"), 60, tag="orderNo", halfwidth=True, column=True, group=_("订单与运单"),
                    example="SH2025060100001", note=_("交易平台的订单编号，与订单一致"))
    ebp_code = Code(_("电商平台代码"), (1, 18), tag="ebpCode", pattern=ENTERPRISE_CODE, wanted=ENTERPRISE_CODE_WORDS,
                    group=_("订单与运单"), example="312226DM01", note=_("与订单一致"))
    ebp_name = Text(_("电商平台名称"), 100, tag="ebpName", named=True, name_of="ebp_code", group=_("订单与运单"),
                    example="上海雾凇鲸网络科技有限公司", note=_("不填则按代码带出"))
    ebc_code = Code(_("电商企业代码"), (1, 18), tag="ebcCode", pattern=ENTERPRISE_CODE, wanted=ENTERPRISE_CODE_WORDS,
                    group=_("订单与运单"), example="312246DM02", note=_("与订单一致"))
    ebc_name = Text(_("电商企业名称"), 100, tag="ebcName", named=True, name_of="ebc_code", group=_("订单与运单"),
                    example="上海栗光屿国际贸易有限公司", note=_("不填则按代码带出"))
    logistics_no = Text(_("物流运单编号"), 60, tag="logisticsNo", halfwidth=True, column=True, group=_("订单与运单"),
                        example="SF2025060100001", note=_("与运单一致"))
    logistics_code = Code(_("物流企业代码"), (1, 18), tag="logisticsCode", pattern=ENTERPRISE_CODE,
                          wanted=ENTERPRISE_CODE_WORDS, group=_("订单与运单"), example="312246DM05", note=_("与运单一致"))
    logistics_name = Text(_("物流企业名称"), 100, tag="logisticsName", named=True, name_of="logistics_code",
                          group=_("订单与运单"), example="上海芦笛隼快递有限公司", note=_("不填则按代码带出"))
    cop_no = Text(_("企业内部编号"), 20, tag="copNo", required=False, halfwidth=True, given=SYSTEM, column=True,
                  group=_("申报"), example="312246DM062506010001", note=_("海关回执按此编号对应；不填则自动生成"))
    pre_no = Text(_("预录入编号"), 18, tag="preNo", required=False, halfwidth=True, given=CUSTOMS, group=_("申报"),
                  example="", note=_("由电子口岸给出"))
    assure_code = Code(_("担保企业编号"), (1, 30), tag="assureCode", pattern=ENTERPRISE_CODE, wanted=ENTERPRISE_CODE_WORDS,
                       group=_("申报"), example="312246DM02", note=_("清单上的电商平台、电商企业或物流企业之一"))
    ems_no = Text(_("账册编号"), 30, tag="emsNo", required=False, halfwidth=True, group=_("保税"), example="T2216W000001",
                  note=_("保税进口必填，直购进口不填"))
    invt_no = Text(_("清单编号"), 18, tag="invtNo", required=False, halfwidth=True, given=CUSTOMS, group=_("申报"),
                   example="", note=_("由海关给出"))
    ie_flag = Code(_("进出口标记"), 1, tag="ieFlag", given=SYSTEM, fixed="I", group=_("申报"), example="I",
                   note=_("进口固定为 I"))
    decl_time = Day(_("申报日期"), tag="declTime", given=SYSTEM, group=_("申报"), example="20250601", note=_("申报当天"))
    customs_code = Code(_("申报海关代码"), 4, tag="customsCode", codes="districts", column=True, group=_("申报"),
                        example="2216", note=_("4 位关区代码"))
    port_code = Code(_("口岸海关代码"), 4, tag="portCode", codes="districts", group=_("申报"), example="2216",
                     note=_("实际进境的 4 位关区代码"))
    ie_date = Day(_("进口日期"), tag="ieDate", required=False, group=_("申报"), example="20250601", note=_("尚不知道可不填"))
    buyer_id_type = Code(_("订购人证件类型"), 1, tag="buyerIdType", given=SYSTEM, fixed="1", group=_("订购人与收件"),
                         example="1", note=_("固定为 1（身份证）"))
    buyer_id_number = PersonalText(_("订购人证件号码"), 60, tag="buyerIdNumber", mask="number", group=_("订购人与收件"),
                                   example="31011519000101001X", note=_("18 位身份证号；Excel 单元格须为文本格式"))
    buyer_name = PersonalText(_("订购人姓名"), 60, tag="buyerName", mask="name", group=_("订购人与收件"), example="沈若溪",
                              note=_("与订单一致"))
    buyer_telephone = PersonalText(_("订购人电话"), 30, tag="buyerTelephone", mask="phone", group=_("订购人与收件"),
                                   example="13900000001", note=_("与订单一致"))
    consignee_address = PersonalText(_("收件地址"), 200, tag="consigneeAddress", mask="address", group=_("订购人与收件"),
                                     example="上海市浦东新区示例路1号101室", note=_("与运单的收货地址一致"))
    agent_code = Code(_("申报企业代码"), (1, 18), tag="agentCode", given=OWN, pattern=ENTERPRISE_CODE,
                      wanted=ENTERPRISE_CODE_WORDS, group=_("申报"), example="312246DM06",
                      note=_("本企业的海关编码，不填则带出"))
    agent_name = Text(_("申报企业名称"), 100, tag="agentName", given=OWN, named=True, name_of="agent_code", group=_("申报"),
                      example="上海榫月仓供应链管理有限公司", note=_("本企业登记的名称，不填则带出"))
    area_code = Code(_("区内企业代码"), (0, 18), tag="areaCode", required=False, pattern=ENTERPRISE_CODE,
                     wanted=ENTERPRISE_CODE_WORDS, group=_("保税"), example="312246DM06",
                     note=_("保税进口必填：区内仓储企业的海关编码"))
    area_name = Text(_("区内企业名称"), 100, tag="areaName", required=False, named=True, name_of="area_code",
                     group=_("保税"), example="上海榫月仓供应链管理有限公司", note=_("不填则按代码带出"))
    trade_mode = Code(_("贸易方式"), 4, tag="tradeMode", codes="trade_modes", column=True, group=_("申报"), example="1210",
                      note=_("保税进口 1210，直购进口 9610"))
    traf_mode = Code(_("运输方式"), 1, tag="trafMode", codes="transport_modes", group=_("运输"), example="7",
                     note=_("1 位运输方式代码"))
    traf_no = Text(_("运输工具编号"), 100, tag="trafNo", required=False, group=_("运输"), example="",
                   note=_("直购进口必填，保税进口不填"))
    voyage_no = Text(_("航班航次号"), 32, tag="voyageNo", required=False, halfwidth=True, group=_("运输"), example="",
                     note=_("直购进口必填，保税进口不填"))
    bill_no = Text(_("提运单号"), 37, tag="billNo", required=False, halfwidth=True, group=_("运输"), example="",
                   note=_("直购进口必填，保税进口不填"))
    loct_no = Text(_("监管场所代码"), 10, tag="loctNo", required=False, halfwidth=True, group=_("运输"), example="",
                   note=_("关区内有多个监管场所时填写"))
    license_no = Text(_("许可证件号"), 19, tag="licenseNo", required=False, halfwidth=True, group=_("申报"), example="",
                      note=_("可不填"))
    country = Code(_("起运国（地区）"), 3, tag="country", codes="countries", group=_("运输"), example="142",
                   note=_("3 位国别代码；保税进口填 142"))
    freight = Money(_("运费"), tag="freight", group=_("费用与重量"), example="0", note=_("没有则填 0"))
    insured_fee = Money(_("保费"), tag="insuredFee", group=_("费用与重量"), example="0", note=_("没有则填 0"))
    currency = Code(_("币制"), 3, tag="currency", given=SYSTEM, codes="currencies", fixed="142", group=_("费用与重量"),
                    example="142", note=_("固定为人民币 142"))
    wrap_type = Code(_("包装种类代码"), 1, tag="wrapType", required=False, codes="wrap_types", group=_("费用与重量"),
                     example="2", note=_("1 位包装种类代码，可不填"))
    pack_no = Whole(_("件数"), 9, tag="packNo", given=SYSTEM, fixed=1, group=_("费用与重量"), example="1",
                    note=_("进口固定为 1"))
    gross_weight = Quantity(_("毛重（千克）"), tag="grossWeight", column=True, group=_("费用与重量"), example="1.0",
                            note=_("包裹连包装的重量"))
    net_weight = Quantity(_("净重（千克）"), tag="netWeight", group=_("费用与重量"), example="0.8", note=_("不大于毛重"))
    note = Text(_("备注"), 1000, tag="note", required=False, group=_("申报"), example="", note=_("可不填"))

    class Meta:
        verbose_name = verbose_name_plural = _("清单")


class InventoryLine(Line):
    """清单的一项商品。"""

    item_record_no = Text(_("账册备案料号"), 30, tag="itemRecordNo", required=False, halfwidth=True, group=_("商品"),
                          example="LH000001", note=_("保税进口必填，直购进口不填"))
    item_no = Text(_("企业商品货号"), 20, tag="itemNo", required=False, group=_("商品"), example="DG001",
                   note=_("企业自己的货号，可不填"))
    item_name = Text(_("企业商品品名"), 250, tag="itemName", required=False, named=True, group=_("商品"),
                     example="婴儿配方奶粉1段", note=_("平台上展示的商品名称，可不填"))
    gcode = Code(_("商品编码"), 10, tag="gcode", pattern="[0-9]{10}", wanted=_("10 位数字"), column=True, group=_("商品"),
                 example="1901101000", note=_("10 位税则号；Excel 单元格须为文本格式"))
    gname = Text(_("商品名称"), 250, tag="gname", named=True, column=True, group=_("商品"), example="婴儿配方奶粉",
                 note=_("申报品名，与税则相符"))
    gmodel = Text(_("商品规格型号"), 510, tag="gmodel", group=_("商品"), example="澜牧滋|800克/罐|配方奶粉",
                  note=_("品牌、规格、成分等，足以归类"))
    bar_code = Text(_("条码"), 50, tag="barCode", required=False, group=_("商品"), example="2000000000015",
                    note=_("没有条码填“无”；Excel 单元格须为文本格式"))
    country = Code(_("原产国（地区）"), 3, tag="country", codes="countries", group=_("商品"), example="609",
                   note=_("3 位国别代码"))
    trade_country = Code(_("贸易国"), 3, tag="tradeCountry", required=False, codes="countries", group=_("商品"),
                         example="609", note=_("3 位国别代码，可不填"))
    currency = Code(_("币制"), 3, tag="currency", given=SYSTEM, codes="currencies", fixed="142", group=_("商品"),
                    example="142", note=_("固定为人民币 142"))
    qty = Quantity(_("数量"), tag="qty", column=True, group=_("商品"), example="1", note=_("按计量单位计的数量"))
    unit = Code(_("计量单位"), 3, tag="unit", codes="units", group=_("商品"), example="122", note=_("3 位计量单位代码"))
    qty1 = Quantity(_("法定数量"), tag="qty1", group=_("商品"), example="0.8", note=_("按法定计量单位计的数量"))
    unit1 = Code(_("法定计量单位"), 3, tag="unit1", codes="units", group=_("商品"), example="035",
                 note=_("税则规定的 3 位计量单位代码"))
    qty2 = Quantity(_("第二数量"), tag="qty2", required=False, group=_("商品"), example="",
                    note=_("税则有第二计量单位时填写"))
    unit2 = Code(_("第二计量单位"), 3, tag="unit2", required=False, codes="units", group=_("商品"), example="",
                 note=_("与第二数量同时填写"))
    price = Money(_("单价"), tag="price", group=_("商品"), example="268.00", note=_("每计量单位的价格；赠品填 0"))
    total_price = Money(_("总价"), tag="totalPrice", column=True, group=_("商品"), example="268.00", note=_("单价×数量"))
    note = Text(_("备注"), 1000, tag="note", required=False, group=_("商品"), example="", note=_("可不填"))

    class Meta:
        verbose_name = verbose_name_plural = _("清单商品")
        constraints = [models.UniqueConstraint(fields=["document", "gnum"], name="inventory_line_once")]


INVENTORY = Kind(
    slug="inventory", label=_("清单"), many=pgettext_lazy("several", "清单"), body=Inventory, line=InventoryLine,
    sends="CEB621Message", answered_by="CEB622Message", wrapper=("Inventory", "InventoryHead", "InventoryList"),
    filed_by=frozenset({EnterpriseType.WAREHOUSE, EnterpriseType.DIRECT_LOGISTICS, EnterpriseType.MERCHANT}),
    key=("ebp_code", "order_no"), number="cop_no", called_by_customs="invt_no",
    own=(("agent_code", "agent_name"),), after=("order", "payment", "waybill"),
    apart_from=("payment",), named_by=(("waybill", "logistics_no"),),
    answer_key=(("agentCode", "agent_code"), ("copNo", "cop_no")),
)
