"""The sandbox's one page: how it behaves, what it holds, and how the figures stand."""

from collections.abc import Iterable, Sequence
from html import escape

from declarations.published import codes
from declarations.sandbox.catalogue import KINDS
from declarations.sandbox.messages import MAGIC
from declarations.sandbox.release import AGAIN
from declarations.sandbox.scenarios import SCENARIOS
from declarations.sandbox.settings import KNOWN, Settings, spelled
from declarations.sandbox.store import DictRow

BEHAVIOUR = (
    (
        "信封与结构",
        "不是DxpMsg的请求当场拒绝（400）。其余先保存原文再答200，随后检查。结构不符的整份报文以CEB900退回。",
    ),
    ("重复", "同一CopMsgId再次到达：再答一次，只计一次。已受理单证以同一guid再次到达：回复其最近一次回执。"),
    (
        "备案",
        "sandbox load 文件。JSON：enterprises列表，每家含customs_code（10位）、credit_code（18位）、name、types、dxp_id、"
        "certificates（PEM列表）、guarantee（kind为deposit或letter，limit为元；无则null）。未列出的企业不变；"
        "担保与上次装入的相同时，其间增加的额度不变。演示门户每隔几秒把已开通企业的变化自动装入。",
    ),
    ("身份", "传输企业须已备案，报文与信封的传输编号须与备案一致，否则逐单证回复-10102。"),
    (
        "签名",
        "按公布的RSA-SHA1规范、以备案证书验签；不符逐单证回复验签失败（清单-621029，订单-301020，其余为参数校验码）。",
    ),
    ("顺序", "订单与支付单先后不限；运单须待订单和支付单受理（2）；清单须待三单受理。缺哪一单，回执写明。"),
    ("重复申报", "同一业务主键的单证仍有效时，新增申报以100退回；被退回（100或负值）后可再报。"),
    ("四单比对", "清单先得2，比对相符得120，其订单、支付单、运单同得120；不符则清单得100并列出每一处差异，三单仍为2。"),
    ("法人分离", "订单、支付单、运单由三个法人申报，保税（1210）清单须为第四个；电商企业自行申报清单者除外。"),
    (
        "变更与删除",
        "订单、支付单、运单在被清单用到之前可变更、删除；清单比对后即不可（-621012），年度累计与担保预扣不因此改变。",
    ),
    (
        "单笔限值",
        "完税价格（货价、运费、保费之和）超过单笔限值的清单，仅一项一件且低于年度限值者全额征税，其余回复-621005。",
    ),
    (
        "年度限值",
        "按订购人证件号与受理时的北京时间自然年累计完税价格；累计将超过年度限值的清单以100退回，代码1313。"
        "退单（100）、退运（700）、税单作废返还额度。",
    ),
    (
        "计税",
        "限值内关税0、增值税与消费税按法定应纳税额的比例征收（设置share），超单笔限值的单件全额征收。运费与保费按各项价格分摊，"
        "末项取余数；各项各税分别四舍五入到分。化妆品、手表按法定数量计单价，达到税则所列价格才征消费税。",
    ),
    (
        "税则",
        "2019年税则，税率不随时间变化，增值税按受理日的一般或低税率（设置vat_general、vat_low）。不在税则中的商品编码以100退回。"
        "税率未定的：先转人工审核（300），再按一般增值税率、不计消费税、不计关税放行。",
    ),
    (
        "担保",
        "税款从清单所列担保企业（assureCode）的担保额度中预扣，随后399、800、税单816、899。额度不足时得300，写明所需与可用，"
        f"每{AGAIN.total_seconds():g}秒再看一次，增加额度（sandbox top-up 海关编码 金额）后自动继续，清单不必重报。"
        "门户的担保金账户只是镜像：在门户登记增加额度，海关并不知道，海关的额度须另行增加；真实业务也是如此，"
        "先向海关缴存保证金或变更保函，再到门户登记。缴款书缴清（sandbox paid）后预扣返还。",
    ),
    (
        "税单",
        "816与818发给清单的申报企业，税单编号为清单编号加_0。sandbox consolidate 按担保企业与关区汇总已生成的税单，"
        "以818告知缴款书编号；演示时不等满30天。",
    ),
    ("放行", "各步间隔见设置release；设为no则停在120，改回后从停处继续。进程随时被终止，都从停处继续。"),
)
MAGIC_VALUES = (
    (MAGIC, "整份报文以CEB900退回，可观察对分重发；适用于各种单证"),
    *((scenario.magic, scenario.text) for scenario in SCENARIOS),
)
#: A form whose answer is a file: its address is the file's name.
CERTIFY = "/issued.pem"
CARD_CENTRE = (
    f'<h2>制卡中心</h2><form method="post" action="{CERTIFY}">'
    '<p><label for="request">粘贴证书请求（.csr文件的全部内容）；签发的证书供企业登记，有效期1年，仅在演示中有用。</label></p>'
    '<p><textarea id="request" name="request" rows="8" cols="40" required></textarea></p>'
    "<p><button>签发并下载证书</button></p></form>"
)
GUARANTEES = {"deposit": "保证金", "letter": "保函"}
BILLS = {"": "尚无税单", "1": "已生成", "2": "已汇总", "3": "已作废", "paid": "已缴款"}


def render(counts: dict[str, list[DictRow]], settings: Settings) -> str:
    """The page as HTML."""
    documents = [
        (KINDS[row["message"]].label, row["status"], _status(row["status"]), row["n"]) for row in counts["document"]
    ]
    enterprises = [
        (row["customs_code"], row["name"], "、".join(row["types"]), row["dxp_id"]) for row in counts["enterprise"]
    ]
    guarantees = [
        (row["customs_code"], row["name"], GUARANTEES[row["guarantee_kind"]], row["guarantee_limit"], row["held"],
         row["guarantee_limit"] - row["held"])
        for row in counts["guarantee"]
    ]  # fmt: skip
    bills = [(BILLS[row["bill"]], row["n"], row["tax"], row["held"]) for row in counts["bill"]]
    years = [(row["year"], row["buyers"], row["total"], row["most"]) for row in counts["year"]]
    outgoing = [
        ("已送达" if row["sent"] else "待送", row["n"], row["again"], row["attempts"]) for row in counts["outgoing"]
    ]
    inbound = [(row["state"], row["n"], row["repeats"]) for row in counts["inbound"]]
    return (
        '<!doctype html><html lang="zh-Hans"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>海关沙箱</title></head><body>'
        "<h1>海关沙箱</h1><p>仅供演示与联调，不是真实海关。</p>"
        + CARD_CENTRE
        + _table("怎样回应", ("情形", "做法"), BEHAVIOUR)
        + _table("演示单号（订单编号含有，或清单备注含有）", ("含有", "结果"), MAGIC_VALUES)
        + _table("单证", ("单证", "状态", "含义", "份数"), documents)
        + _table("收到的报文", ("状态", "份数", "重复到达"), inbound)
        + _table("回执报文", ("状态", "份数", "其中重复", "最多重试"), outgoing)
        + _table(
            "设置",
            ("名称", "今日取值", "含义"),
            [(name, spelled(getattr(settings, name)), text) for name, (_, text) in KNOWN.items()],
        )
        + _table("担保（元）", ("海关编码", "名称", "种类", "额度", "预扣", "可用"), guarantees)
        + _table("税单（元）", ("状态", "份数", "税款", "担保预扣"), bills)
        + _table("年度累计（元）", ("年", "订购人数", "完税价格合计", "一人最多"), years)
        + _table("备案企业", ("海关编码", "名称", "类型", "传输编号"), enterprises)
        + "</body></html>"
    )


def _status(status: str) -> str:
    return codes("return_status").get(status) or codes("platform_errors").get(status, "")


def _table(title: str, heads: tuple[str, ...], rows: Iterable[Sequence[object]]) -> str:
    # A long code may break after its underscores, so that the page is no wider than a phone.
    cells = (["<td>" + escape(str(cell)).replace("_", "_<wbr>") + "</td>" for cell in row] for row in rows)
    body = "".join("<tr>" + "".join(row) + "</tr>" for row in cells)
    head = "".join(f"<th>{escape(cell)}</th>" for cell in heads)
    return f'<h2>{escape(title)}</h2><table border="1"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
