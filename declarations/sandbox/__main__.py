"""`python -m declarations.sandbox`: serve, load a registry, issue a certificate, raise a guarantee, settings, tax bills."""

import argparse
import logging
import os
import sys
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from urllib.parse import urlsplit, urlunsplit

import psycopg

from declarations.sandbox import authority, registry, release, settings, store
from declarations.sandbox.answers import BEIJING
from declarations.sandbox.serve import AlreadyServing, serve


class Unusable(Exception):
    """Something outside is missing; the text says what to do."""


def main(arguments: list[str]) -> int:
    """Run one command; 0 when it worked, 1 with one sentence on stderr when it did not."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (Unusable, authority.BadRequest, registry.BadRegistry, settings.BadSetting) as error:
        print(error, file=sys.stderr)
    except AlreadyServing:
        print("另一个沙箱进程正在使用同一数据库；请先停止它，或改用 SANDBOX_DATABASE_URL", file=sys.stderr)
    except psycopg.OperationalError as error:
        print(f"无法使用沙箱数据库：{str(error).strip().splitlines()[-1]}", file=sys.stderr)
    except OSError as error:
        print(f"沙箱无法启动：{error.strerror or error}；端口被占用时请用 SANDBOX_PORT 另选", file=sys.stderr)
    else:
        return 0
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="manage.py sandbox",
        description="海关沙箱：接收报文，稍后以回执答复。",
        epilog="例：manage.py sandbox settings；各命令的参数见 manage.py sandbox 命令 --help",
    )
    commands = parser.add_subparsers(required=True, metavar="命令")
    one = commands.add_parser(
        "serve",
        help="启动，直至收到 SIGTERM",
        description="启动沙箱，直至收到 SIGTERM。",
        epilog="例：manage.py sandbox serve --port 8001 --set delay=0 --set repeat=0",
    )
    one.add_argument("--host", default=os.environ.get("SANDBOX_HOST", "127.0.0.1"), help="监听地址，默认 %(default)s")
    one.add_argument(
        "--port", type=int, default=os.environ.get("SANDBOX_PORT") or "8001", help="监听端口，默认 %(default)s"
    )
    one.add_argument(
        "--receipts-url",
        default=os.environ.get("RECEIPTS_URL", "http://127.0.0.1:8000/customs/receive/"),
        help="回执发往的地址，默认 %(default)s",
    )
    one.add_argument("--set", action="append", default=[], metavar="名称=值", help="只对本进程有效的设置，可多次给出")
    one.set_defaults(run=_serve)
    one = commands.add_parser(
        "load",
        help="装入企业备案文件（JSON）",
        description="装入企业备案文件：企业、证书、担保额度。",
        epilog="例：manage.py sandbox load registry.json",
    )
    one.add_argument("file", type=Path, metavar="文件", help="备案文件（JSON）的路径")
    one.set_defaults(run=_load)
    one = commands.add_parser(
        "certify",
        help="制卡中心：为证书请求（CSR）签发证书",
        description="核对证书请求的签名，签发有效期1年的签名证书，写到标准输出。仅在演示中有用。",
        epilog="例：manage.py sandbox certify request.csr > issued.pem",
    )
    one.add_argument("file", type=Path, metavar="文件", help="证书请求（PEM）的路径")
    one.set_defaults(run=_certify)
    one = commands.add_parser(
        "top-up",
        help="增加企业的担保额度",
        description="增加一家企业在海关的担保额度，尚无担保的登记为保证金；因担保额度不足停在300的清单够税款后自动继续。"
        "门户担保金账户的增加额度由门户管理员另行登记。",
        epilog="例：manage.py sandbox top-up 312246DM02 5000",
    )
    one.add_argument("guarantor", metavar="海关编码", help="担保企业的10位海关编码")
    one.add_argument("amount", metavar="金额", help="增加多少元")
    one.set_defaults(run=_top_up)
    one = commands.add_parser(
        "settings",
        help="查看或修改设置",
        description="不带参数时列出全部设置；带名称和值时修改一项。",
        epilog="例：manage.py sandbox settings single_limit 5000 --since 2019-01-01",
    )
    one.add_argument("name", nargs="?", metavar="名称", help=f"设置名称：{'、'.join(settings.KNOWN)}")
    one.add_argument("value", nargs="?", metavar="值", help="新值")
    one.add_argument("--since", type=date.fromisoformat, metavar="年-月-日", help="自哪一日起，默认今日")
    one.set_defaults(run=_settings)
    one = commands.add_parser(
        "consolidate",
        help="汇总税单，生成缴款书（818）",
        description="把担保企业已生成的税单汇总成缴款书，并以818告知；演示时不等满30天。",
        epilog="例：manage.py sandbox consolidate 312246DM02；不给编码则汇总全部担保企业",
    )
    one.add_argument("guarantor", nargs="?", default="", metavar="海关编码", help="担保企业的10位海关编码，默认全部")
    one.set_defaults(run=_consolidate)
    one = commands.add_parser(
        "paid",
        help="缴款书已缴，返还担保预扣",
        description="记下一份缴款书已缴：其税单预扣的担保额度返还。海关不为此发报文。",
        epilog="例：manage.py sandbox paid 221820260701000001",
    )
    one.add_argument("note", metavar="缴款书编号", help="sandbox consolidate 给出的编号")
    one.set_defaults(run=_paid)
    return parser


def _consolidate(options: argparse.Namespace) -> None:
    store.prepare(_url())
    with closing(store.connect(_url())) as connection, connection.transaction():
        store.decide_alone(connection)
        now = datetime.now(UTC)
        current = settings.load(connection, now.astimezone(BEIJING).date(), settings.from_environment())
        dice = Random(current.seed or None)  # noqa: S311  (chance for a demonstration)
        notes = release.consolidate(connection, options.guarantor, at=now, settings=current, dice=dice)
    for number, guarantor, bills, total in notes:
        print(f"缴款书 {number}：担保企业 {guarantor}，税单 {bills} 份，合计 {total:.2f} 元")
    if not notes:
        print("没有待汇总的税单")


def _paid(options: argparse.Namespace) -> None:
    store.prepare(_url())
    with closing(store.connect(_url())) as connection, connection.transaction():
        store.decide_alone(connection)
        bills, total = store.settle(connection, options.note)
    if not bills:
        raise Unusable(f"没有待缴的缴款书 {options.note}；编号见 sandbox consolidate 的输出")
    print(f"缴款书 {options.note} 已缴：税单 {bills} 份，返还担保预扣 {total:.2f} 元")


def _serve(options: argparse.Namespace) -> None:
    token = os.environ.get("GATEWAY_TOKEN", "")
    if not token:
        raise Unusable("缺少 GATEWAY_TOKEN：请设为与门户相同的令牌")
    overrides = settings.from_environment()
    for pair in options.set:
        name, _, value = pair.partition("=")
        overrides[name] = value
    serve(
        url=_url(), host=options.host, port=options.port, token=token, receipts_url=options.receipts_url,
        overrides=overrides,
    )  # fmt: skip


def _text_of(file: Path, what: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise Unusable(f"无法读取{what} {file}") from None


def _certify(options: argparse.Namespace) -> None:
    request = _text_of(options.file, "证书请求")
    store.prepare(_url())
    with closing(store.connect(_url())) as connection, connection.transaction():
        print(authority.issue(connection, request, datetime.now(UTC)), end="")


def _load(options: argparse.Namespace) -> None:
    text = _text_of(options.file, "备案文件")
    store.prepare(_url())
    with closing(store.connect(_url())) as connection:
        print(f"已装入 {registry.load(connection, text)} 家企业")


def _top_up(options: argparse.Namespace) -> None:
    store.prepare(_url())
    with closing(store.connect(_url())) as connection, connection.transaction():
        name, limit = registry.top_up(connection, options.guarantor, options.amount)
    print(f"{name}（{options.guarantor}）的担保额度现为 {limit:.2f} 元")


def _settings(options: argparse.Namespace) -> None:
    today = datetime.now(BEIJING).date()
    store.prepare(_url())
    with closing(store.connect(_url())) as connection:
        if options.name and options.value is not None:
            settings.put(connection, options.name, options.value, options.since or today)
        current = settings.load(connection, today, settings.from_environment())
    for name, (_, meaning) in settings.KNOWN.items():
        print(f"{name:14}{settings.spelled(getattr(current, name)):16}{meaning}")


def _url() -> str:
    """SANDBOX_DATABASE_URL, or a database `customs` beside the portal's own."""
    if url := os.environ.get("SANDBOX_DATABASE_URL", ""):
        return url
    if beside := os.environ.get("DATABASE_URL", ""):
        return urlunsplit(urlsplit(beside)._replace(path="/customs"))
    raise Unusable("缺少 SANDBOX_DATABASE_URL：请给出沙箱自己的 PostgreSQL 数据库")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
