"""`manage.py sandbox …`: the sandbox beside the portal, as the process of its own that it is."""

import argparse
import os
import subprocess
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _

from portal.checks import refuse_in_production
from portal.folders import ROOT


class Command(BaseCommand):
    """Hands its arguments to `python -m declarations.sandbox`, with the address and the token the portal uses."""

    help = _(
        "海关沙箱：serve 启动，load 文件 装入备案，certify 文件 签发证书，top-up 增加担保额度，settings 查看或修改设置，"
        "consolidate 汇总税单，paid 记缴款书已缴"
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Everything after the command belongs to the sandbox."""
        parser.add_argument("command", nargs=argparse.REMAINDER)

    def run_from_argv(self, argv: list[str]) -> None:
        """Without a command, or asked for help: the sandbox's own, which names every command and argument."""
        if argv[2:] in ([], ["-h"], ["--help"]):
            self.print_help(argv[0], argv[1])
        else:
            super().run_from_argv(argv)

    def print_help(self, prog_name: str, subcommand: str) -> None:
        """The sandbox's own help."""
        subprocess.call([sys.executable, "-m", "declarations.sandbox", "--help"], cwd=ROOT)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the sandbox's own command and take over its exit code."""
        refuse_in_production("sandbox")
        environment = {
            "SANDBOX_PORT": str(settings.SANDBOX_PORT),
            **os.environ,
            "GATEWAY_TOKEN": settings.GATEWAY_TOKEN,
        }
        command = [sys.executable, "-m", "declarations.sandbox", *options["command"]]
        try:
            sys.exit(subprocess.call(command, cwd=ROOT, env=environment))
        except KeyboardInterrupt:
            sys.exit(130)
