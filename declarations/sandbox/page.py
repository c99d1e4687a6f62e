"""The sandbox's one page: how it behaves, what it holds, and how the figures stand."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from html import escape

from declarations.published import codes
from declarations.sandbox.catalogue import KINDS
from declarations.sandbox.messages import MAGIC
from declarations.sandbox.settings import KNOWN, Settings
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
        "certificates（PEM列表）、guarantee（kind为deposit或letter，limit为元；无则null）。未列出的企业不变。",
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
    ("演示900", f"订单编号或备注含{MAGIC}时，整份报文以CEB900退回，可观察对分重发。"),
)


def render(counts: dict[str, list[DictRow]], settings: Settings) -> str:
    """The page as HTML."""
    now = asdict(settings)
    documents = [
        (KINDS[row["message"]].label, row["status"], _status(row["status"]), row["n"]) for row in counts["document"]
    ]
    enterprises = [
        (row["customs_code"], row["name"], "、".join(row["types"]), row["dxp_id"], row["guarantee_limit"] or "—")
        for row in counts["enterprise"]
    ]
    outgoing = [
        ("已送达" if row["sent"] else "待送", row["n"], row["again"], row["attempts"]) for row in counts["outgoing"]
    ]
    inbound = [(row["state"], row["n"], row["repeats"]) for row in counts["inbound"]]
    return (
        '<!doctype html><html lang="zh-Hans"><head><meta charset="utf-8"><title>海关沙箱</title></head><body>'
        "<h1>海关沙箱</h1><p>仅供演示与联调，不是真实海关。</p>"
        + _table("怎样回应", ("情形", "做法"), BEHAVIOUR)
        + _table("单证", ("单证", "状态", "含义", "份数"), documents)
        + _table("收到的报文", ("状态", "份数", "重复到达"), inbound)
        + _table("回执报文", ("状态", "份数", "其中重复", "最多重试"), outgoing)
        + _table(
            "设置", ("名称", "今日取值", "含义"), [(name, _value(now[name]), text) for name, (_, text) in KNOWN.items()]
        )
        + _table("备案企业", ("海关编码", "名称", "类型", "传输编号", "担保额度（元）"), enterprises)
        + "</body></html>"
    )


def _status(status: str) -> str:
    return codes("return_status").get(status) or codes("platform_errors").get(status, "")


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "..".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _table(title: str, heads: tuple[str, ...], rows: Iterable[Sequence[object]]) -> str:
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    head = "".join(f"<th>{escape(cell)}</th>" for cell in heads)
    return f'<h2>{escape(title)}</h2><table border="1"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
