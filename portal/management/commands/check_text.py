"""manage.py check_text: nothing a user reads is unmarked, and the English catalogue is complete."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal import texts
from portal.folders import ROOT


class Command(BaseCommand):
    """Look, collect or compile; needs no servers and no gettext tools."""

    help = "Find texts that are not marked for translation or lack English."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--collect writes the skeleton, --compile the binary; without either, only look."""
        parser.add_argument(
            "--collect", action="store_true", help="bring the catalogue up to the code (new texts empty)"
        )
        parser.add_argument("--compile", action="store_true", help="write the .mo from the .po")
        parser.add_argument("--unmarked", action="store_true", help="list unmarked texts only")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what is asked; exit code 1 when something is wrong."""
        path = texts.catalogue_path(ROOT)
        if options["collect"]:
            marked, _ = texts.read(ROOT)
            catalogue = texts.collect(path, marked)
            empty = sum(not message.string or not all(message.string) for message in catalogue if message.id)
            self.stdout.write(f"{path}: {len(catalogue)} texts, {empty} without English")
        if options["compile"]:
            path.with_suffix(".mo").write_bytes(texts.compiled(texts.load(path)))
            self.stdout.write(f"{path.with_suffix('.mo')} written")
        if options["collect"] or options["compile"]:
            return
        found = [str(text) for text in texts.read(ROOT)[1]] if options["unmarked"] else texts.problems(ROOT)
        if found:
            raise CommandError("\n".join([*found, f"{len(found)} problems with texts"]))
        self.stdout.write("All texts are marked and have English.")
