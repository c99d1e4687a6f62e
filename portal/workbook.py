"""Sheets people send in: whether they can be taken, and their rows as text; step 2 of the walk, used by `doors/excel.py`.

Knows no kind of document, only sheets. The file is opened in a process of its own (`portal/sheet_reader.py`) with a
memory and a processor limit; here are the limits, the wording of every refusal, and the rows as they come over.
"""

import json
import logging
import marshal
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from django.utils.translation import gettext_lazy as _

from portal.sentences import keep

logger = logging.getLogger(__name__)

MAX_BYTES = 20 * 1024 * 1024  # the page of uploads says this number too
MAX_UNPACKED = 500 * 1024 * 1024
MAX_ROWS = 100_000
MAX_COLUMNS = 256
MEMORY = 1536 * 1024 * 1024  # address space of the reading process; 100,000 rows of 40 columns take about a third
SECONDS = 20  # processor time of the reading process; the largest sheet allowed takes about 6
READER = "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); from portal.sheet_reader import main; main()"
ROOT = Path(__file__).resolve().parent.parent

#: Every reason a file is refused: what is wrong, where, and what to do about it.
REASONS = {
    "empty": _("文件是空的，没有任何内容。请填写模板后再上传。"),
    "too_many_bytes": _("文件有 %(size)s MB，超过上限 %(limit)s MB。请拆分成几个文件上传，每个不超过 100,000 行。"),
    "too_large": _("文件展开后过大，无法读取。请删除与申报无关的内容，或拆分成几个文件上传。"),
    "bomb": _("文件展开后的大小异常，系统拒绝打开。请用 Excel 或 WPS 打开原表，另存为新的 .xlsx 文件后再上传。"),
    "too_many_parts": _(
        "文件内部包含的部件超过 %(limit)s 个，不是正常的工作簿。请把数据复制到新下载的模板中，保存后再上传。"
    ),
    "unsafe_name": _(
        "文件内部含有指向外部位置的名称，系统拒绝打开。请用 Excel 或 WPS 打开原表，另存为新的 .xlsx 文件后再上传。"
    ),
    "doctype": _(
        "文件内部含有 DOCTYPE 或实体声明，正常的工作簿没有这些内容。请把数据复制到新下载的模板中，保存后再上传。"
    ),
    "damaged": _("文件已损坏或不完整，无法读取。请用 Excel 或 WPS 打开检查，另存为新的 .xlsx 文件后再上传。"),
    "encrypted": _("工作簿设置了打开密码。请用 Excel 或 WPS 打开，取消密码并保存后再上传。"),
    "macros": _("工作簿含有宏，系统不接收。请另存为“Excel 工作簿（.xlsx）”后再上传。"),
    "old_xls": _("这是旧版 Excel（.xls）文件。请用 Excel 或 WPS 打开，另存为“Excel 工作簿（.xlsx）”后再上传。"),
    "other_format": _("这不是 .xlsx 工作簿。请用 Excel 或 WPS 打开，另存为“Excel 工作簿（.xlsx）”后再上传。"),
    "html": _("文件内容是网页（HTML 或 XML），不是工作簿。请用 Excel 或 WPS 打开，另存为 .xlsx 后再上传。"),
    "pdf": _("文件内容是 PDF，不是工作簿。请上传填好的 .xlsx 模板或 CSV 文件。"),
    "program": _("文件内容是可执行程序，不是工作簿。请上传填好的 .xlsx 模板或 CSV 文件。"),
    "picture": _("文件内容是图片，不是工作簿。请上传填好的 .xlsx 模板或 CSV 文件。"),
    "archive": _("文件是压缩包，不是工作簿。请先解压，再逐个上传其中的 .xlsx 或 CSV 文件。"),
    "not_workbook": _("文件内容不是工作簿，也不是 CSV 文本。请上传填好的 .xlsx 模板或 CSV 文件。"),
    "too_many_rows": _("表格超过 %(limit)s 行的上限（第 %(limit)s 行以后仍有内容）。请拆分成几个文件上传。"),
    "too_many_columns": _("表格超过 %(limit)s 列的上限（第 %(limit)s 列以后仍有内容）。请删除模板以外的列后再上传。"),
    "long_cell": _("第 %(row)s 行第 %(column)s 列的内容超过 %(limit)s 个字符，无法读取。请缩短该单元格的内容。"),
    "bad_csv": _("CSV 文件从第 %(row)s 行起无法读取，可能是引号不成对或单元格过长。请检查该行，或改用 .xlsx 模板。"),
    "long_row": _("第 %(row)s 行超过 %(limit)s 个字符，无法读取。请删去这一行里多余的分隔符和内容。"),
    "formulas": _(
        "工作簿里有大量没有计算结果的公式或错误值。请在 Excel 中重新计算，再“选择性粘贴”为数值，保存后上传。"
    ),
    "hidden_only": _("工作簿里的工作表都是隐藏的。请取消隐藏要申报的工作表，保存后再上传。"),
}


class WorkbookRefused(Exception):
    """A file that cannot be taken. `reason` says in the reader's language what is wrong, where, and the cure."""

    reasons = REASONS

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(code)
        self.code, self.params = code, params

    @property
    def reason(self) -> str:
        """The sentence for the clerk."""
        return str(self.reasons[self.code]) % self.params

    @property
    def kept(self) -> str:
        """The sentence as it is stored, for `speak`."""
        return keep(self.reasons[self.code], **self.params)

    def __str__(self) -> str:
        return self.reason


class Marked:
    """A cell that holds no usable value; `shown` is what the person sees in it."""

    __slots__ = ("shown",)

    def __init__(self, shown: str = "") -> None:
        self.shown = shown

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.shown!r})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.shown == other.shown

    def __hash__(self) -> int:
        return hash((type(self), self.shown))


class CutNumber(Marked):
    """A number of more than fifteen digits in a numeric cell: Excel has replaced the last ones by zeros."""


class ErrorCell(Marked):
    """A cell showing an error such as `#N/A`."""


class UncalculatedFormula(Marked):
    """A formula saved without its result."""


Cell = str | int | float | date | Marked  # datetime is a date
MARKS: dict[str, Callable[[str], Cell]] = {
    "cut": CutNumber,
    "error": ErrorCell,
    "formula": UncalculatedFormula,
    "day": date.fromisoformat,
    "moment": datetime.fromisoformat,
}


class Sheet:
    """The rows of one sheet, read while they are iterated, once: `for number, cells in sheet`.

    `number` counts from 1 as in the spreadsheet program; blank rows are left out. A cell is text
    ("" when blank), an int or float of at most 15 digits, a date, a datetime, or a `Marked` cell. Rows may differ in length. Raises WorkbookRefused while
    iterating when a late row cannot be taken. Use as a context manager, or read to the end, to end the reader.
    """

    def __init__(
        self,
        reader: "subprocess.Popen[bytes]",
        name: str,
        notices: list[str],
        others: list[tuple[int, str]],
        tab: int,
    ) -> None:
        #: name of the sheet ("" for CSV); notices ("hidden_rows": hidden rows are read too); its tab, counted from 1
        #: among the visible ones; tab and name of the other visible sheets with content
        self.name, self.notices, self.tab, self.others = name, notices, tab, others
        self._reader = reader

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the reading process, whatever it was doing."""
        end_reader(self._reader)

    def __iter__(self) -> Iterator[tuple[int, list[Any]]]:
        try:
            while (frame := next_frame(self._reader))[0] == "rows":
                _tag, numbers, rows, marks = frame
                for place, columns in marks.items():
                    row = rows[place]
                    for column in columns:
                        what, shown = row[column]
                        row[column] = MARKS[what](shown)
                yield from zip(numbers, rows, strict=True)
        finally:
            self.close()


def open_sheet(
    content: bytes | Path,
    *,
    max_bytes: int = MAX_BYTES,
    max_unpacked: int = MAX_UNPACKED,
    max_rows: int = MAX_ROWS,
    max_columns: int = MAX_COLUMNS,
    memory: int = MEMORY,
) -> Sheet:
    """Opens the sheet to be read of an .xlsx workbook, or a CSV file in UTF-8, UTF-16 or GB 18030.

    Of a workbook it is the first visible sheet that holds anything. Sizes in bytes; `max_columns` from 27 to 702.
    Raises WorkbookRefused for everything that is not such a file, or past a limit; never anything else.
    """
    size = content.stat().st_size if isinstance(content, Path) else len(content)
    if size > max_bytes:
        raise WorkbookRefused(
            "too_many_bytes",
            size=f"{size / 1024**2:.1f}",
            limit=f"{max_bytes / 1024**2:g}",
        )
    data = content.read_bytes() if isinstance(content, Path) else content
    limits = {
        "max_unpacked": max_unpacked,
        "max_rows": max_rows,
        "max_columns": max_columns,
        "memory": memory,
        "seconds": SECONDS,
    }
    sheet = begun(data, limits) or begun(data, limits | {"search_first": True})
    assert sheet is not None
    return sheet


def begun(data: bytes, limits: dict[str, int]) -> Sheet | None:
    """The sheet, its head read; None when the reader ran out of memory, maybe before it could say what is wrong."""
    reader = start_reader(limits)
    try:
        hand_over(reader, data)
        _tag, name, notices, others, tab = next_frame(reader)
    except BaseException:
        end_reader(reader)
        if reader.returncode == -signal.SIGABRT and not limits.get("search_first"):
            return None
        raise
    return Sheet(reader, name, notices, others, tab)


def start_reader(limits: dict[str, int]) -> "subprocess.Popen[bytes]":
    """Starts the reading process: isolated from our environment, it knows the limits and where code lies."""
    return subprocess.Popen(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            READER,
            json.dumps([str(ROOT), *filter(None, sys.path)]),
            json.dumps(limits),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"LC_ALL": "C.UTF-8", "TZ": "UTC"},
        cwd=os.sep,
    )


def hand_over(reader: "subprocess.Popen[bytes]", data: bytes) -> None:
    """Gives the file to the reader, which takes it whole before it says anything."""
    stdin: IO[bytes] = reader.stdin  # type: ignore[assignment]  # a pipe, see start_reader
    try:
        stdin.write(data)
        stdin.close()
    except BrokenPipeError:
        pass  # the reader has died; next_frame tells


def next_frame(reader: "subprocess.Popen[bytes]") -> tuple[Any, ...]:
    """The next frame of the reader; a refusal, and its death by a limit, are raised as WorkbookRefused."""
    stdout: IO[bytes] = reader.stdout  # type: ignore[assignment]  # a pipe, see start_reader
    try:
        frame: tuple[Any, ...] = marshal.loads(stdout.read(int.from_bytes(stdout.read(4))))  # noqa: S302  (our own process)
    except (EOFError, ValueError, TypeError):
        status = reader.wait()
        logger.warning("sheet reader ended with status %s", status)
        raise WorkbookRefused("too_large" if status < 0 else "damaged") from None
    if frame[0] == "refused":
        raise WorkbookRefused(frame[1], **frame[2])
    return frame


def end_reader(reader: "subprocess.Popen[bytes]") -> None:
    """Ends the process and lets go of its pipes; harmless when it has ended."""
    reader.kill()
    for pipe in (reader.stdin, reader.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except BrokenPipeError:
                pass
    reader.wait()
