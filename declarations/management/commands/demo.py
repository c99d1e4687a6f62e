"""``manage.py demo``: the main job in the open, on a fresh machine.

Starts the whole portal, loads a cast, files sample workbooks by the pages a clerk uses, waits for customs' answers,
prints what became of every document, and leaves the portal running. ``--once`` ends instead: exit code 0 when the
figures are those the sample calls for, else 1.
"""

import signal
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone

from accounts.cast import PASSWORD, PEOPLE, Cast, load_cast
from declarations.demo.clerk import Clerk, PageProblem
from declarations.demo.sample import EXPECTED, FILERS, TRADES, Figures, Sample, parties_of
from declarations.kinds import kind
from declarations.lifecycle import FILED, REFUSED, State
from declarations.models import Document, Outbound, OutboundState, Upload, UploadState
from portal import static_files
from portal.calendar import SHANGHAI
from portal.supervisor import Supervisor

#: How long one step of the demonstration may take before it counts as failed.
PATIENCE_SECONDS = 180


class Command(BaseCommand):
    """Run the demonstration."""

    help = "演示：启动全部进程，导入样例工作簿，等待海关回执，列出结果；--once 则随后结束"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare ``--once``."""
        parser.add_argument("--once", action="store_true", help="打印结果后结束，数字不符时退出码为 1")

    def handle(self, *args: Any, once: bool, **options: Any) -> None:
        """Set up, file the sample, print what became of it; then stay or end."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        self._say("数据库：建表")
        call_command("migrate", interactive=False, verbosity=0)
        static_files.gather()
        self._say("企业、用户、证书：载入演示名单")
        call_command("load_cast", stdout=self.stdout)
        cast = load_cast()
        self._say("启动：页面、后台任务、模拟海关")
        token = settings.GATEWAY_TOKEN
        with Supervisor(port=settings.PORTAL_PORT, sandbox_port=settings.SANDBOX_PORT, token=token) as portal:
            right = self._file_sample(cast, portal.address)
            self._print_logins(portal.address)
            if once:
                if not right:
                    raise CommandError("数字与样例应有的不符，见上表")
                return
            self.stdout.write("按 Ctrl-C 结束。")
            self.stdout.flush()
            portal.wait()

    def _file_sample(self, cast: Cast, address: str) -> bool:
        """File the four workbooks in order and print the table; whether the figures are right."""
        sample = Sample(parties_of(cast), timezone.now().astimezone(SHANGHAI).replace(microsecond=0))
        connection.close()  # the long waits below need no open transaction
        uploads: dict[str, int] = {}
        try:
            for slug, username in FILERS:
                uploads[slug] = self._file_one(sample, slug, Clerk(address, username, PASSWORD))
                if slug != "order":  # order and payment go in any order, all else waits for what it stands on
                    self._wait_accepted(uploads)
        except PageProblem as problem:
            raise CommandError(f"页面没有按预期工作：{problem}") from problem
        wanted = EXPECTED["inventory"]
        self._until(
            "海关比对清单",
            lambda: self._count(uploads["inventory"], State.STORED, State.REJECTED),
            wanted.accepted + wanted.refused,
        )
        for slug in ("order", "payment", "waybill"):
            self._until(
                f"{kind(slug).label}入库", lambda: self._count(uploads[slug], State.STORED), EXPECTED[slug].accepted
            )  # noqa: B023
        figures = {slug: self._figures(uploads[slug]) for slug, _username in FILERS}
        self._print_table(figures, uploads)
        return figures == EXPECTED

    def _file_one(self, sample: Sample, slug: str, clerk: Clerk) -> int:
        label = kind(slug).label
        self._say(f"{label}：上传工作簿，{TRADES} 票")
        upload_id = clerk.upload(slug, f"{label}_{sample.started:%m%d_%H%M}.xlsx", sample.workbook(slug))
        self._until(f"{label}校验", lambda: self._upload_is(upload_id, UploadState.CHECKED), 1)
        clerk.file_good_ones(upload_id)
        self._until(f"{label}申报", lambda: self._upload_is(upload_id, UploadState.FILED), 1)
        return upload_id

    def _wait_accepted(self, uploads: dict[str, int]) -> None:
        for slug, upload_id in uploads.items():
            total = Document.objects.filter(upload_id=upload_id).count()
            self._until(f"{kind(slug).label}回执", lambda: self._count(upload_id, *FILED, *REFUSED), total)  # noqa: B023

    def _upload_is(self, upload_id: int, state: str) -> int:
        upload = Upload.objects.get(id=upload_id)
        if upload.state == UploadState.REFUSED:
            raise CommandError(f"工作簿被拒：{upload.reason}")
        return int(upload.state == state)

    def _count(self, upload_id: int, *states: str) -> int:
        return Document.objects.filter(upload_id=upload_id, state__in=states).count()

    def _until(self, what: str, done: Callable[[], int], wanted: int) -> None:
        """Wait until ``done()`` reaches ``wanted``, showing how far it is; give up after ``PATIENCE_SECONDS``."""
        deadline, shown = time.monotonic() + PATIENCE_SECONDS, -1
        while (count := done()) < wanted:
            if count != shown:
                self._say(f"{what}：{count}/{wanted}")
                shown = count
            if time.monotonic() > deadline:
                self.stdout.write(self.style.ERROR(f"{what}：等了 {PATIENCE_SECONDS} 秒，只有 {count}/{wanted}"))
                return
            time.sleep(0.3)
        self._say(f"{what}：{count}/{wanted}")

    def _figures(self, upload_id: int) -> Figures:
        upload = Upload.objects.get(id=upload_id)
        return Figures(
            brought=upload.documents,
            stopped=upload.refused,
            filed=upload.filed,
            accepted=self._count(upload_id, State.STORED),
            refused=self._count(upload_id, *REFUSED),
        )

    def _print_table(self, figures: dict[str, Figures], uploads: dict[str, int]) -> None:
        self.stdout.write("\n单证      表内  门口拦下  已申报  报文数  已发送  海关入库  海关退单  等待比对")
        for slug, said in figures.items():
            messages = Outbound.objects.filter(
                state=OutboundState.SENT, enclosed__document__upload_id=uploads[slug]
            ).distinct()
            unsent = self._count(uploads[slug], State.QUEUED)
            waiting = said.filed - said.accepted - said.refused
            numbers = (said.brought, said.stopped, said.filed, messages.count(), said.filed - unsent)
            cells = "".join(f"{number:>8}" for number in (*numbers, said.accepted, said.refused, waiting))
            mark = "" if said == EXPECTED[slug] else f"   ← 应为 {EXPECTED[slug]}"
            self.stdout.write(f"{kind(slug).label:　<4}{cells}{mark}")
        self.stdout.write("\n海关退单的原因：")
        refused = Document.objects.filter(upload_id__in=uploads.values(), state__in=REFUSED).order_by("kind", "number")
        for document in refused:
            self.stdout.write(f"  {kind(document.kind).label} {document.order_no}  {document.code}  {document.reason}")
        self.stdout.write("")

    def _print_logins(self, address: str) -> None:
        self.stdout.write(f"门户：{address}/    模拟海关：http://127.0.0.1:{settings.SANDBOX_PORT}/")
        self.stdout.write(f"登录（口令都是 {PASSWORD}）：")
        for username, (name, memberships, staff) in PEOPLE.items():
            where = "、".join(memberships) or ("管理后台 /admin/" if staff else "没有企业")
            self.stdout.write(f"  {username:<24}{name}  {where}")
        self.stdout.write("")

    def _say(self, text: str) -> None:
        self.stdout.write(f"{timezone.localtime():%H:%M:%S}  {text}")
        self.stdout.flush()
