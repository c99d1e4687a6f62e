"""The published tables and the schemas built from them."""

import threading

import pytest
from lxml import etree

from declarations import published
from declarations.published import CEB

ORDER = f"""<ceb:CEB311Message xmlns:ceb="{CEB}" guid="{"A" * 36}" version="1.0"><ceb:Order><ceb:OrderHead>
<ceb:guid>{"B" * 36}</ceb:guid><ceb:appType>1</ceb:appType><ceb:appTime>20250101120000</ceb:appTime>
<ceb:appStatus>2</ceb:appStatus><ceb:orderType>I</ceb:orderType><ceb:orderNo>SH1</ceb:orderNo>
<ceb:ebpCode>3122260A01</ceb:ebpCode><ceb:ebpName>平台</ceb:ebpName><ceb:ebcCode>3122260A02</ceb:ebcCode>
<ceb:ebcName>电商</ceb:ebcName><ceb:goodsValue>100</ceb:goodsValue><ceb:freight>0</ceb:freight>
<ceb:discount>0</ceb:discount><ceb:taxTotal>9.1</ceb:taxTotal><ceb:acturalPaid>109.1</ceb:acturalPaid>
<ceb:currency>142</ceb:currency><ceb:buyerRegNo>u1</ceb:buyerRegNo><ceb:buyerName>张三</ceb:buyerName>
<ceb:buyerTelephone>13800000000</ceb:buyerTelephone><ceb:buyerIdType>1</ceb:buyerIdType>
<ceb:buyerIdNumber>110101199001011234</ceb:buyerIdNumber><ceb:consignee>张三</ceb:consignee>
<ceb:consigneeTelephone>13800000000</ceb:consigneeTelephone><ceb:consigneeAddress>上海市</ceb:consigneeAddress>
<ceb:note></ceb:note></ceb:OrderHead><ceb:OrderList><ceb:gnum>1</ceb:gnum><ceb:itemName>奶粉</ceb:itemName>
<ceb:gmodel>800克</ceb:gmodel><ceb:unit>122</ceb:unit><ceb:qty>1</ceb:qty><ceb:price>100</ceb:price>
<ceb:totalPrice>100</ceb:totalPrice><ceb:currency>142</ceb:currency><ceb:country>609</ceb:country></ceb:OrderList>
</ceb:Order><ceb:BaseTransfer><ceb:copCode>3122260A01</ceb:copCode><ceb:copName>平台</ceb:copName>
<ceb:dxpMode>DXP</ceb:dxpMode><ceb:dxpId>DXPENT0000000001</ceb:dxpId></ceb:BaseTransfer></ceb:CEB311Message>"""


def valid(text: str, message: str = "CEB311Message") -> bool:
    return published.schema(message).validate(etree.fromstring(text.encode()))


def test_it_accepts_a_complete_order() -> None:
    assert valid(ORDER), published.schema("CEB311Message").error_log


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<ceb:currency>142</ceb:currency><ceb:buyer", "<ceb:currency>502</ceb:currency><ceb:buyer"),
        ("<ceb:currency>142</ceb:currency><ceb:country>", "<ceb:currency></ceb:currency><ceb:country>"),
        ("<ceb:orderNo>SH1</ceb:orderNo>", "<ceb:orderNo></ceb:orderNo>"),
        ("<ceb:orderNo>SH1</ceb:orderNo>", ""),
        ("<ceb:qty>1</ceb:qty>", "<ceb:qty>1.123456</ceb:qty>"),
        ("<ceb:qty>1</ceb:qty>", "<ceb:qty>1E3</ceb:qty>"),
        ("<ceb:qty>1</ceb:qty>", f"<ceb:qty>{'9' * 20}</ceb:qty>"),
        ("<ceb:gnum>1</ceb:gnum>", "<ceb:gnum>12345</ceb:gnum>"),
        ("<ceb:note></ceb:note>", "<ceb:consigneeDistrict></ceb:consigneeDistrict><ceb:note></ceb:note>"),
        ("<ceb:unit>122</ceb:unit><ceb:qty>1</ceb:qty>", "<ceb:qty>1</ceb:qty><ceb:unit>122</ceb:unit>"),
        ("<ceb:dxpMode>DXP</ceb:dxpMode>", "<ceb:dxpMode>DXP1</ceb:dxpMode>"),
        (f'guid="{"A" * 36}"', f'guid="{"A" * 35}"'),
        (f'guid="{"A" * 36}"', f'ceb:guid="{"A" * 36}"'),
        ("</ceb:BaseTransfer>", "</ceb:BaseTransfer><ceb:Signature/>"),
    ],
)
def test_it_refuses_what_the_tables_refuse(old: str, new: str) -> None:
    assert old in ORDER
    assert not valid(ORDER.replace(old, new, 1))


def test_it_counts_lengths_in_characters() -> None:
    assert valid(ORDER.replace("<ceb:buyerName>张三", "<ceb:buyerName>" + "张" * 60))
    assert not valid(ORDER.replace("<ceb:buyerName>张三", "<ceb:buyerName>" + "张" * 61))


def test_it_takes_at_most_a_hundred_documents_of_at_most_ninety_nine_lines() -> None:
    start, end = ORDER.index("<ceb:Order>"), ORDER.index("<ceb:BaseTransfer>")
    document = ORDER[start:end]
    assert valid(ORDER[:start] + document * 100 + ORDER[end:])
    assert not valid(ORDER[:start] + document * 101 + ORDER[end:])
    line = document[document.index("<ceb:OrderList>") : document.index("</ceb:Order>")]
    assert valid(ORDER.replace(line, line * 99))
    assert not valid(ORDER.replace(line, line * 100))


def test_it_wants_a_signature_on_a_list_but_not_on_an_order() -> None:
    needed = {m: published.rows(m)[-1].required for m in published.messages() if "ds:" in published.rows(m)[-1].field}
    assert needed == {"CEB311Message": False, "CEB411Message": False, "CEB511Message": False, "CEB621Message": True}


def test_it_takes_any_content_in_an_extension() -> None:
    extension = (
        "<ceb:ExtendMessage><ceb:name>a</ceb:name><ceb:version>1</ceb:version>"
        '<ceb:Message a="1">x<y xmlns="urn:z"/></ceb:Message></ceb:ExtendMessage>'
    )
    assert valid(ORDER.replace("</ceb:BaseTransfer>", "</ceb:BaseTransfer>" + extension))


def test_it_compiles_every_schema_and_the_envelope() -> None:
    for message in (*published.messages(), "DxpMsg"):
        published.schema(message)
    with pytest.raises(KeyError):
        published.schema("CEB999Message")


def test_it_knows_the_envelope() -> None:
    text = (
        f'<DxpMsg xmlns="{published.DXP}" ver="1.0"><TransInfo><CopMsgId>a</CopMsgId><SenderId>b</SenderId><ReceiverIds>'
        "<ReceiverId>c</ReceiverId></ReceiverIds><CreatTime>2025-01-01T12:00:00</CreatTime><MsgType>CEB311Message"
        "</MsgType></TransInfo><Data>YWJj</Data><AddInfo><FileName>f</FileName><BizKey><Key name='n'>k</Key></BizKey>"
        "<IsText Encode='UTF-8'></IsText></AddInfo></DxpMsg>"
    )
    assert valid(text, "DxpMsg"), published.schema("DxpMsg").error_log
    assert not valid(text.replace("YWJj", "YWJ"), "DxpMsg")
    assert not valid(text.replace('ver="1.0"', 'ver="2.0"'), "DxpMsg")
    assert not valid(text.replace("<ReceiverId>c</ReceiverId>", "<ReceiverId>c</ReceiverId>" * 6), "DxpMsg")


BILL = f"""<CEB816Message xmlns="{CEB}" guid="{"A" * 36}" version="1.0"><Tax><TaxHeadRd><guid>{"B" * 36}</guid>
<returnTime>20250602093000123</returnTime><invtNo>221620251000000001</invtNo><taxNo>221620251000000001_0</taxNo>
<customsTax>0</customsTax><valueAddedTax>30.03</valueAddedTax><consumptionTax>0</consumptionTax><status>1</status>
<assureCode>3122260A02</assureCode><ebcCode>3122260A02</ebcCode><logisticsCode>3122260A03</logisticsCode>
<agentCode>3122260A04</agentCode><customsCode>2216</customsCode><orderNo>SH1</orderNo><logisticsNo>L1</logisticsNo>
</TaxHeadRd><TaxListRd><gnum>1</gnum><gcode>1901101000</gcode><taxPrice>330</taxPrice><customsTax>0</customsTax>
<valueAddedTax>30.03</valueAddedTax><consumptionTax>0</consumptionTax></TaxListRd></Tax></CEB816Message>"""
NOTICE = f"""<CEB818Message xmlns="{CEB}" guid="{"A" * 36}" version="1.0"><Tax><TaxHeadStatus><guid>{"B" * 36}</guid>
<returnTime>20250602093000123</returnTime><invtNo>221620251000000001</invtNo><taxNo>221620251000000001_0</taxNo>
<status>2</status><entDutyNo>2216202506020001</entDutyNo><assureCode>3122260A02</assureCode></TaxHeadStatus></Tax>
</CEB818Message>"""


@pytest.mark.parametrize(("message", "text"), [("CEB816Message", BILL), ("CEB818Message", NOTICE)])
def test_it_takes_any_number_of_tax_bills_in_a_message_but_not_none(message: str, text: str) -> None:
    assert valid(text, message), published.schema(message).error_log
    start, end = text.index("<Tax>"), text.index(f"</{message}>")
    assert valid(text[:start] + text[start:end] * 1000 + text[end:], message)
    assert not valid(text[:start] + text[end:], message)


def test_it_takes_either_spelling_of_the_waybill_on_a_bill_and_none() -> None:
    assert valid(BILL.replace("logisticsNo", "logisticNo"), "CEB816Message")
    assert valid(BILL.replace("<orderNo>SH1</orderNo><logisticsNo>L1</logisticsNo>", ""), "CEB816Message")
    assert not valid(BILL.replace("logisticsNo", "waybillNo"), "CEB816Message")


def test_it_wants_the_taxes_of_a_bill_and_of_each_line() -> None:
    assert not valid(BILL.replace("<valueAddedTax>30.03</valueAddedTax>", "", 1), "CEB816Message")
    line = BILL[BILL.index("<TaxListRd>") : BILL.index("</Tax></CEB816")]
    assert valid(BILL.replace(line, line * 99), "CEB816Message")
    assert not valid(BILL.replace(line, line * 100), "CEB816Message")
    assert not valid(BILL.replace(line, line.replace("<taxPrice>330</taxPrice>", "")), "CEB816Message")


def test_it_states_the_faults_of_the_tariff_as_they_are() -> None:
    rows = published.tariff()
    assert len(rows) == len({row["code"] for row in rows}) == 11_929
    assert all(len(row["code"]) == 10 and row["code"].isdigit() for row in rows)
    assert {row["unit1"] for row in rows} | {row["unit2"] for row in rows if row["unit2"]} <= set(
        published.codes("units")
    )
    readme = (published.FOLDER / "README.md").read_text(encoding="utf-8")
    faults = {
        "no duty": sum(not row["duty_pct"] for row in rows),
        "duty by quantity": sum(len(row["duty_pct"].partition(".")[2]) > 2 for row in rows),
        "no VAT": sum(not row["vat_pct"] for row in rows),
        "VAT derived": sum(row["vat_basis"] == "rule" for row in rows),
        "no consumption tax": sum(row["consumption_basis"] == "todo" for row in rows),
    }
    for what, count in faults.items():
        assert f"| {count:,} |" in readme, what
    assert {row["vat_pct"] for row in rows} == {"", "9", "13"}
    assert all(not row["consumption_pct"] for row in rows if row["consumption_basis"] == "todo")


def test_it_gives_each_thread_its_own_schema() -> None:
    seen: list[object] = []
    thread = threading.Thread(target=lambda: seen.append(published.schema("CEB311Message")))
    thread.start()
    thread.join()
    assert seen[0] is not published.schema("CEB311Message")
    assert published.schema("CEB311Message") is published.schema("CEB311Message")


@pytest.mark.parametrize(
    ("name", "code", "text"),
    [
        ("units", "035", "千克"),
        ("countries", "142", "中国"),
        ("countries", "358", "塞尔维亚共和国"),
        ("districts", "2200", "上海海关"),
        ("wrap_types", "2", "纸箱"),
        ("trade_modes", "1210", "保税电商"),
        ("currencies", "142", "人民币"),
        ("return_status", "120", "海关入库"),
        ("customs_codes", "1800", "逻辑校验通过"),
        ("platform_errors", "-621029", "验签失败！"),
        ("divisions", "310115", "浦东新区"),
    ],
)
def test_it_knows_the_published_codes(name: str, code: str, text: str) -> None:
    assert published.codes(name)[code] == text


def test_it_keeps_no_continent_and_no_two_digit_packing() -> None:
    assert not {"100", "200", "300", "400", "500", "600"} & published.codes("countries").keys()
    assert all(len(code) == 1 for code in published.codes("wrap_types"))
