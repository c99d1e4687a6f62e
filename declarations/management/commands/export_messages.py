"""``manage.py export_messages DIR``: every message sent and received, byte for byte, one file each.

``sent/`` holds the signed messages as they left, ``received/`` the messages of customs, ``envelopes/`` what arrived
around them. Personal data is in them unmasked: the folder is made readable for its owner only.
"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.access import Bystander
from accounts.actions import Action
from accounts.audit import record
from declarations.exchange import envelope, inbox, outbox
from declarations.models import Inbound, Outbound, OutboundBytes
from portal.xml import XmlRefused


class Command(BaseCommand):
    """Write the evidence of the exchange with customs into an empty folder."""

    help = "Write every message sent and received, byte for byte, into the folders sent, received and envelopes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the folder."""
        parser.add_argument("directory", type=Path)

    def handle(self, *args: Any, directory: Path, **options: Any) -> None:
        """Write the files; refuses a folder that already holds some."""
        try:
            for name in ("sent", "received", "envelopes"):
                (directory / name).mkdir(parents=True, exist_ok=True, mode=0o700)
            if any(path.is_file() for path in directory.rglob("*")):
                raise CommandError(f"{directory} already holds files: name an empty folder.")
            # Before the first file: persons' data that left stand on record even when the rest could not be written.
            record(
                Bystander(),
                Action.EXPORT,
                directory.resolve().name,
                sent=OutboundBytes.objects.count(),
                received=Inbound.objects.count(),
            )
            sent, received = self._sent(directory / "sent"), self._received(directory)
        except OSError as error:
            raise CommandError(f"Cannot write into {directory}: {error.strerror}.") from error
        self.stdout.write(f"{sent} messages sent and {received} received are in {directory}.")

    def _sent(self, folder: Path) -> int:
        kept = OutboundBytes.objects.values_list("outbound_id", flat=True)
        messages = Outbound.objects.filter(id__in=kept).order_by("id")
        count = 0
        for message in messages.iterator():
            body = outbox.signed_bytes(message.id)
            (folder / f"{message.id:08d}_{message.kind}_{message.guid}.xml").write_bytes(body)
            count += 1
        return count

    def _received(self, directory: Path) -> int:
        count = 0
        for inbound in Inbound.objects.order_by("id").iterator():
            raw = inbox.raw_bytes(inbound.id)
            (directory / "envelopes" / f"{inbound.id:08d}.xml").write_bytes(raw)
            count += 1
            try:
                letter = envelope.unwrap(raw)
            except (XmlRefused, ValueError):
                continue  # the envelope itself is unreadable: its bytes are the evidence
            (directory / "received" / f"{inbound.id:08d}_{inbound.message or 'unread'}.xml").write_bytes(letter.data)
        return count
