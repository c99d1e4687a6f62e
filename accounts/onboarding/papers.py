"""The papers that go with an application: which file is taken, how it is kept, and how it is given out again.

What a file is, is told by its bytes and never by its name. A picture is drawn anew, so that nothing of the file but the
picture is kept; a PDF is kept byte for byte, as a stamp or a signature in it may be checked. Both are only ever given out
as a download.
"""

import hashlib
import logging
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from threading import Lock

import filetype
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from PIL import Image, ImageOps

from accounts.access import Actor, Bystander
from accounts.actions import Action
from accounts.audit import record
from accounts.limits import count_today
from accounts.models import Application, Paper, User
from accounts.onboarding.kinds import PaperSlot
from portal.personal import pack, unpack

log = logging.getLogger(__name__)

LABEL = "accounts_paper.content"
MOST_MEGABYTES = 10
MOST_BYTES = MOST_MEGABYTES << 20
#: A page of A4 at 600 dots to the inch has 35 million.
MOST_PIXELS = 40_000_000
#: A photograph that gets clearer as it loads has some ten scans, and each is drawn over the whole picture.
MOST_SCANS = 100
#: How many one person may upload in a day: replaced ones are kept too, so somebody could fill the disk; what is refused
#: counts as well, as looking at it costs the most.
MOST_A_DAY = 60
LONGEST_NAME = 100
EXTENSIONS = {"application/pdf": "pdf", "image/png": "png", "image/jpeg": "jpg"}
#: For the file input of the page.
ACCEPTED = ".pdf,.png,.jpg,.jpeg"

PDF_BEGINS = re.compile(rb"%PDF-[12]\.[0-9]")


def _named(*names: str) -> bytes:
    """The pattern of these names in a PDF: any letter of them may be written by its number (ISO 32000-1, 7.3.5)."""
    spelled = ("".join(f"(?:{letter}|(?i:#{ord(letter):02x}))" for letter in name) for name in names)
    return f"/(?=[#A-Z])(?:{'|'.join(spelled)})".encode()


PDF_ENCRYPTED = re.compile(_named("Encrypt") + rb"\b")
#: What acts, or carries another file. The short names only with what follows them there: by themselves they stand in every
#: other large scan by chance.
PDF_ACTIVE = re.compile(
    _named("JavaScript", "Launch", "EmbeddedFile", "EmbeddedFiles", "RichMedia") + rb"\b"
    rb"|" + _named("JS", "XFA") + rb"\s*(?:[(<\[]|\d+\s+\d+\s+R\b)"
)
BLANK = b"\0\t\n\f\r "
#: Nothing else in a JPEG has these two bytes but by chance.
SCAN_BEGINS = b"\xff\xda"

Image.MAX_IMAGE_PIXELS = MOST_PIXELS
# A picture as large as is allowed takes some hundred megabytes while it is drawn.
_one_at_a_time = Lock()
#: So long somebody waits for the pictures of others.
PATIENCE_SECONDS = 10.0


class PaperRefused(Exception):
    """A file that is not taken; the text says in Chinese why and what to do."""


def take(application: Application, slot: PaperSlot, sent: UploadedFile, *, by: User, address: str = "") -> Paper:
    """Keep this file in the slot, in the place of the one before. Raises ``PaperRefused``.

    Called in the transaction that has just saved the application: so nobody else fills the slot at the same time.
    """
    content, media_type = _counted(sent, by)
    application.papers.filter(slot=slot.name, replaced=False).update(replaced=True)
    return _keep(application, slot, sent, content, media_type, by=by, address=address)


def take_first(application: Application, slot: PaperSlot, sent: UploadedFile, *, by: User, address: str = "") -> Paper:
    """Keep this file in a slot that was never filled: staff, who hand in once, replace nothing. Raises ``PaperRefused``."""
    content, media_type = _counted(sent, by)
    return _keep(application, slot, sent, content, media_type, by=by, address=address)


def _counted(sent: UploadedFile, by: User) -> tuple[bytes, str]:
    """The bytes to keep and what they are, if this person may still upload today. Raises ``PaperRefused``."""
    if count_today(f"papers:{by.pk}") > MOST_A_DAY:
        raise PaperRefused(_("一天最多上传 %s 份材料（含未收下的），请明天再传；急需时请拨打服务热线") % MOST_A_DAY)
    return checked(sent)


def _keep(
    application: Application,
    slot: PaperSlot,
    sent: UploadedFile,
    content: bytes,
    media_type: str,
    *,
    by: User,
    address: str,
) -> Paper:
    paper: Paper = application.papers.create(
        slot=slot.name,
        name=clean_name(sent.name or "", EXTENSIONS[media_type]),
        media_type=media_type,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        content=pack(content, LABEL),
        uploaded_by=by,
    )
    who = Bystander(user=by, enterprise=application.enterprise, address=address)
    record(who, Action.PAPER_UPLOADED, f"paper {paper.pk}", application=application.pk, slot=slot.name, size=paper.size)
    return paper


def take_over(application: Application, slot: PaperSlot, kept: Paper, *, by: User, address: str = "") -> Paper:
    """Let a paper of an earlier application of the same enterprise stand in this slot too."""
    taken: Paper = application.papers.create(
        slot=slot.name, name=kept.name, media_type=kept.media_type, size=kept.size, sha256=kept.sha256,
        content=kept.content, uploaded_by=by,
    )  # fmt: skip
    who = Bystander(user=by, enterprise=application.enterprise, address=address)
    details = {"application": application.pk, "slot": slot.name, "size": taken.size, "taken_from": kept.pk}
    record(who, Action.PAPER_UPLOADED, f"paper {taken.pk}", **details)
    return taken


def remove(application: Application, slot: PaperSlot, *, by: User, address: str = "") -> bool:
    """Let the slot be empty again; the versions that had the paper keep it. Whether there was one."""
    if not application.papers.filter(slot=slot.name, replaced=False).update(replaced=True):
        return False
    who = Bystander(user=by, enterprise=application.enterprise, address=address)
    record(who, Action.PAPER_REMOVED, f"{application.kind} {application.pk}", slot=slot.name)
    return True


def served(paper: Paper, who: Actor | Bystander) -> HttpResponse:
    """The paper as a download, which is written down. Never shown in the page: what it holds is a stranger's."""
    record(who, Action.PAPER_DOWNLOADED, f"paper {paper.pk}", application=paper.application_id, slot=paper.slot)
    headers = {
        "Content-Disposition": content_disposition_header(True, paper.name),
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
    }
    return HttpResponse(unpack(bytes(paper.content), LABEL), content_type=paper.media_type, headers=headers)


# --- what a file must be ------------------------------------------------------------------------------------------------


def checked(sent: UploadedFile) -> tuple[bytes, str]:
    """The bytes to keep of an uploaded file, and what it is. Raises ``PaperRefused``."""
    size = sent.size or 0
    if size > MOST_BYTES:  # first: what is far too large comes without its bytes (portal/admission.py)
        raise PaperRefused(
            _("文件有 %(size)s MB，超过 %(most)s MB。请降低扫描分辨率，或压缩后再上传")
            % {"size": f"{size / (1 << 20):.1f}", "most": MOST_MEGABYTES}
        )
    content = sent.read()
    if not content:
        raise PaperRefused(_("文件是空的。请选择扫描件或照片再上传"))
    guessed = filetype.guess(content)
    media_type = guessed.mime if guessed else ""
    if media_type not in EXTENSIONS:
        raise PaperRefused(_unknown(guessed.extension if guessed else ""))
    if media_type != "application/pdf":
        return _redrawn(content, media_type), media_type
    _check_pdf(content)
    return content, media_type


def _unknown(extension: str) -> str:
    if extension:
        return _("文件内容是 %(type)s，不是 PDF、PNG 或 JPG。请另存或转换成其中一种再上传；只改文件名的后缀没有用") % {
            "type": extension.upper()
        }
    return _("文件内容不是 PDF、PNG 或 JPG。请另存或转换成其中一种再上传；只改文件名的后缀没有用")


def _check_pdf(content: bytes) -> None:
    """Refuse what staff could not open, and what is more than a PDF."""
    if not PDF_BEGINS.match(content):
        raise PaperRefused(_("文件开头不是 PDF 应有的内容。请重新导出为 PDF 再上传"))
    end = content.rstrip(BLANK)
    if b"%%EOF" not in end[-1024:]:
        raise PaperRefused(_("PDF 不完整，缺少结尾。请重新扫描或导出后再上传"))
    if not end.endswith(b"%%EOF"):
        raise PaperRefused(_("PDF 结尾之后还有别的内容。请重新导出为 PDF 再上传"))
    if PDF_ENCRYPTED.search(content):
        raise PaperRefused(_("PDF 设了密码或权限限制，审核人打不开。请解除限制，或打印后重新扫描再上传"))
    if PDF_ACTIVE.search(content):
        raise PaperRefused(_("PDF 里有脚本、自动执行的动作或夹带的附件。请只留页面重新导出，或打印后重新扫描再上传"))


def _redrawn(content: bytes, media_type: str) -> bytes:
    """The picture alone, upright, without whatever else the file carried."""
    if media_type == "image/jpeg" and content.count(SCAN_BEGINS) > MOST_SCANS:
        raise PaperRefused(_("图片的扫描层太多，超过 %s 层。请重新拍照，或另存为普通 JPG 再上传") % MOST_SCANS)
    try:
        with _turn(), Image.open(BytesIO(content), formats=("PNG", "JPEG")) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise Image.DecompressionBombError
            ImageOps.exif_transpose(picture, in_place=True)
            plain = _plain(picture, has_alpha=media_type == "image/png")
            drawn = BytesIO()
            if media_type == "image/png":
                plain.save(drawn, "PNG")
            else:
                plain.save(drawn, "JPEG", quality=90)
    except PaperRefused:
        raise
    except Image.DecompressionBombError as error:
        raise PaperRefused(_("图片的像素太多，超过 %s 万。请降低分辨率后再上传") % (MOST_PIXELS // 10_000)) from error
    except Exception as error:  # a damaged or hostile picture may fail in any way
        log.info("a picture could not be read: %s", type(error).__name__)
        raise PaperRefused(_("图片已损坏或不完整，打不开。请重新拍照或扫描后再上传")) from error
    return drawn.getvalue()


@contextmanager
def _turn() -> Iterator[None]:
    """One picture after the other. Raises ``PaperRefused`` when those of others take too long."""
    if not _one_at_a_time.acquire(timeout=PATIENCE_SECONDS):
        raise PaperRefused(_("现在处理的图片太多，这一份没有收下。请过一分钟再上传"))
    try:
        yield
    finally:
        _one_at_a_time.release()


def _plain(picture: Image.Image, *, has_alpha: bool) -> Image.Image:
    """The picture in one of the few forms that need nothing beside the pixels."""
    if picture.mode.startswith("I"):  # grey of 16 bits
        picture = picture.convert("I").point(lambda grey: grey / 256).convert("L")
    if has_alpha and (picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info):
        wanted = "RGBA"
    else:
        wanted = picture.mode if picture.mode in ("1", "L") else "RGB"
    plain = picture if picture.mode == wanted else picture.convert(wanted)
    plain.info.clear()  # comments, profiles and texts would be written again
    return plain


def clean_name(name: str, extension: str) -> str:
    """The name to keep: the last part of a path, without what cannot be seen or would mislead, ending as the bytes say."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    seen = "".join(" " if unicodedata.category(one)[0] in "CZ" or one in '<>:"|?*' else one for one in last)
    stem = seen.rpartition(".")[0] or seen
    short = " ".join(stem.split())[:LONGEST_NAME].strip(" .")
    return f"{short or _('材料')}.{extension}"
