"""What a kind of document is: its body, its lines, and the few facts no field can carry.

Read one of the neighbours (`order.py`) beside this: they hold description only. To add a kind, copy `payment.py`, list it
in `KINDS`, and follow the list in `README.md`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.roles import EnterpriseType
from declarations.fields import CUSTOMS, SYSTEM, Code, Described, Moment, Text, Whole

# What an enterprise code looks like: customs registration (10) or unified social credit code (18).
ENTERPRISE_CODE = r"[0-9A-Z]{10}|[0-9A-Z]{18}"
ENTERPRISE_CODE_WORDS = _("10 位海关编码或 18 位统一社会信用代码")

#: What one document may hold at most (published tables: 1 to 99 items).
MOST_LINES = 99

# Which type of enterprise each pair of code and name stands for.
PARTIES: dict[str, EnterpriseType] = {
    "ebp_code": EnterpriseType.PLATFORM,
    "ebc_code": EnterpriseType.MERCHANT,
    "pay_code": EnterpriseType.PAYMENT,
}


class Body(models.Model):
    """The head of a document: what it says, one to one with the row that lives."""

    document = models.OneToOneField(
        "declarations.Document", models.CASCADE, primary_key=True, related_name="%(class)s", verbose_name=_("单证")
    )
    enterprise = models.ForeignKey(
        "accounts.Enterprise", models.PROTECT, related_name="+", db_index=False, verbose_name=_("企业")
    )
    guid = Text(
        _("系统唯一序号"),
        36,
        tag="guid",
        given=SYSTEM,
        halfwidth=True,
        group=_("系统填写"),
        example="7F0C6A52-2D5B-4C3E-9B61-0E7B3C9D1A20",
        note=_("每份单证一个，36 位大写字母、数字和连字符"),
    )
    app_type = Code(
        _("报送类型"),
        1,
        tag="appType",
        given=SYSTEM,
        pattern="[123]",
        wanted=_("1 新增、2 变更或 3 删除"),
        group=_("系统填写"),
        example="1",
        note=_("1 新增，2 变更，3 删除"),
    )
    app_time = Moment(
        _("报送时间"),
        tag="appTime",
        given=SYSTEM,
        group=_("系统填写"),
        example="20250601093000",
        note=_("申报时的北京时间"),
    )
    app_status = Code(
        _("业务状态"),
        (1, 3),
        tag="appStatus",
        given=SYSTEM,
        pattern="1|2",
        wanted=_("1 暂存或 2 申报"),
        group=_("系统填写"),
        example="2",
        note=_("1 暂存，2 申报"),
    )

    class Meta:
        abstract = True


class Line(models.Model):
    """One item of a document."""

    document = models.ForeignKey(
        "declarations.Document", models.CASCADE, related_name="%(class)ss", db_index=False, verbose_name=_("单证")
    )
    enterprise = models.ForeignKey(
        "accounts.Enterprise", models.PROTECT, related_name="+", db_index=False, verbose_name=_("企业")
    )
    gnum = Whole(_("商品序号"), 4, tag="gnum", given=SYSTEM, group=_("商品"), example="1", note=_("从 1 起连续编号"))

    class Meta:
        abstract = True


def described(model: type[models.Model]) -> tuple[Described, ...]:
    """The fields of a body or line that stand in the message, in published order."""
    return tuple(field for field in model._meta.local_concrete_fields if isinstance(field, Described))


@dataclass(frozen=True, kw_only=True, eq=False)
class Kind:
    """A kind of document.

    label / many: its name for one and for several, as inside a sentence (a heading takes capfirst).
    sends / answered_by: root names of message and receipt. wrapper: elements around document, head and line (None without
    lines). key: what makes a document unique; number: what people call it by. order_no / platform_code: fields that join
    the documents of one trade ("" where the message has none). own: pairs of code and name, one of which must be the
    filer. called_by_customs: the field of the number customs gives it ("" where it gives none). after: kinds that must be
    accepted first. apart_from: kinds of the same trade another enterprise must have filed.
    named_by: pairs of kind and field, where this document names the other by its own number and not by the order's.
    answer_key: receipt element and field by which a receipt finds it. answer_codes: what its receipts may say; () all.
    """

    slug: str
    label: str | Promise
    many: str | Promise
    body: type[Body]
    line: type[Line] | None = None
    sends: str
    answered_by: str
    wrapper: tuple[str, str, str | None]
    filed_by: frozenset[EnterpriseType]
    key: tuple[str, ...]
    number: str
    order_no: str = "order_no"
    platform_code: str = "ebp_code"
    own: tuple[tuple[str, str], ...]
    called_by_customs: str = ""
    after: tuple[str, ...] = ()
    apart_from: tuple[str, ...] = ()
    named_by: tuple[tuple[str, str], ...] = ()
    answer_key: tuple[tuple[str, str], ...]
    answer_codes: tuple[str, ...] = ()

    @cached_property
    def compared_with(self) -> tuple[str, ...]:
        """The other kinds whose documents about the same order its rules look at."""
        return tuple(dict.fromkeys((*self.after, *self.apart_from)))

    @cached_property
    def fields(self) -> tuple[Described, ...]:
        """What a head says, in published order."""
        return described(self.body)

    @cached_property
    def line_fields(self) -> tuple[Described, ...]:
        """What a line says, in published order; empty without lines."""
        return described(self.line) if self.line else ()

    @cached_property
    def head_names(self) -> tuple[str, ...]:
        """Field names of the head in published order: for `values_list`, `Clean.head` and COPY alike."""
        return tuple(field.name for field in self.fields)

    @cached_property
    def line_names(self) -> tuple[str, ...]:
        """Field names of a line in published order."""
        return tuple(field.name for field in self.line_fields)

    @cached_property
    def groups(self) -> tuple[str | Promise, ...]:
        """Sections of the form in the order their first field stands in the message."""
        seen: dict[str, str | Promise] = {}
        for field in (*self.fields, *self.line_fields):
            seen.setdefault(str(field.group), field.group)
        return tuple(seen.values())

    def field(self, name: str, *, line: bool = False) -> Described:
        """The described field of that name on the head or the line; KeyError when there is none."""
        return (self._lines_by_name if line else self._heads_by_name)[name]

    @cached_property
    def customs_numbers(self) -> dict[str, str]:
        """Receipt element → field, for the numbers that only customs gives (pre-entry number, list number)."""
        return {field.tag: name for name, field in self._heads_by_name.items() if field.given == CUSTOMS}

    def own_codes(self, types: Iterable[str]) -> frozenset[str]:
        """The codes of parties that are the filer itself, where the kind names several of which one files."""
        if len(self.own) == 1:
            return frozenset()
        mine = frozenset(code for code, _name in self.own if PARTIES.get(code) in set(types))
        return mine if len(mine) < len(self.own) else frozenset()

    def answered_on(self, said: dict[str, str]) -> tuple[str, str]:
        """Where a receipt finds its document: ("key", business key) or ("number", number), from its elements."""
        value = {name: said[tag] for tag, name in self.answer_key}
        if all(name in value for name in self.key):
            return "key", "|".join(value[name] for name in self.key)
        return "number", value[self.number]

    @cached_property
    def _heads_by_name(self) -> dict[str, Described]:
        return dict(zip(self.head_names, self.fields, strict=True))

    @cached_property
    def _lines_by_name(self) -> dict[str, Described]:
        return dict(zip(self.line_names, self.line_fields, strict=True))
