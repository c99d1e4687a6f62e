"""The seals over the record of deeds: a chain in which nothing that was written down can change unnoticed."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class AuditSeal(models.Model):
    """A run of entries of the record, the hash of each, and a hash over these and the seal before.

    Entries are in the order of the transactions that wrote them (column ``turn`` of their table, filled by PostgreSQL
    alone), and within one by their numbers: see ``accounts/seals.py``. Append-only, for the owner too.
    """

    number = models.BigIntegerField(_("编号"), primary_key=True)
    at = models.DateTimeField(_("封存时间"))
    entries = models.PositiveIntegerField(_("条数"))
    #: Entries up to this number were written on another server, whose transactions were counted apart.
    floor = models.BigIntegerField()
    #: Where the run ends: transaction and number of its last entry.
    through_turn = models.BigIntegerField()
    through_entry = models.BigIntegerField()
    #: The largest number of an entry in it.
    highest = models.BigIntegerField(_("最大记录编号"))
    #: Transaction, number and hash of each entry, in order.
    digests = models.BinaryField()
    previous = models.CharField(_("上一封存的散列值"), max_length=64)
    hash = models.CharField(_("散列值"), max_length=64)

    class Meta:
        verbose_name = _("记录封存")
        verbose_name_plural = _("记录封存")
        ordering = ["-number"]

    def __str__(self) -> str:
        return str(self.number)
