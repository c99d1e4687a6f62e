"""Papers: what a file is by its bytes, what is kept of it, and what every bad one is told."""

from io import BytesIO

import pytest
from PIL import Image

from accounts.cast import Cast
from accounts.models import AuditEntry, Paper
from accounts.onboarding import applications, papers
from accounts.onboarding.kinds import ACCOUNT
from accounts.onboarding.papers import MOST_BYTES, MOST_SCANS, PaperRefused, checked, clean_name
from portal.personal import unpack
from portal.tenancy import acting_as
from tests.accounts.papers import PDF, SECRET, jpeg, jpeg_of_scans, png, png_claiming, sent

EXE = b"MZ" + b"\0" * 200
ZIP = b"PK\x03\x04" + b"\0" * 200
ACTS = (
    b"/OpenAction<</S/JavaScript>>", b"/OpenAction<</S /J#61vaScript>>", b"/AA<</O<</S/Rendition/JS(app.alert(1))>>>>",
    b"/JS <61>", b"/JS 7 0 R", b"/OpenAction<</S/Launch/F(cmd.exe)>>", b"/Names<</EmbeddedFiles 2 0 R>>",
    b"<</Type/EmbeddedFile>>", b"/#4cau#6Ech 1 0 R", b"<</Subtype/RichMedia>>", b"/AcroForm<</XFA[(a)3 0 R]>>", b"/AcroForm<</XFA 3 0 R>>",
)  # fmt: skip
HTML = b"<!doctype html><script>alert(1)</script>"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "空的"),
        (HTML, "只改文件名的后缀没有用"),
        (EXE, "EXE"),
        (ZIP, "ZIP"),
        (b"GIF89a" + b"\0" * 200, "GIF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "不是 PDF、PNG 或 JPG"),
        (HTML + PDF, "不是 PDF、PNG 或 JPG"),
        (b"\xef\xbb\xbf" + PDF, "开头"),
        (b"%PDF-x" + PDF, "开头"),
        (PDF[:-8], "不完整"),
        (PDF + ZIP, "结尾之后"),
        (PDF + HTML, "结尾之后"),
        (PDF.replace(b"/Root", b"/Encrypt 9 0 R/Root"), "密码"),
        (PDF.replace(b"/Root", b"/#45ncrypt 9 0 R/Root"), "密码"),
        *((PDF.replace(b"/Catalog", b"/Catalog" + acts), "夹带的附件") for acts in ACTS),
        (jpeg()[:-300], "已损坏"),
        (b"\xff\xd8\xff" + b"\0" * 50, "已损坏"),
        (jpeg_of_scans(MOST_SCANS + 1), "扫描层太多"),
        (png()[:-30], "已损坏"),
        (png_claiming(6_400, 6_400), "像素太多"),
        (png_claiming(60_000, 60_000), "像素太多"),
        (PDF + b" " * (MOST_BYTES - len(PDF) + 1), "10.0 MB，超过 10 MB"),
    ],
)
def test_every_bad_file_is_refused_with_reason_and_cure(content: bytes, said: str) -> None:
    for name in ("licence.pdf", "licence.jpg"):
        with pytest.raises(PaperRefused, match=said) as refused:
            checked(sent(content, name))
        assert "请" in str(refused.value)


@pytest.mark.parametrize("name", ["licence.pdf", "licence.png", "licence.exe", "licence"])
def test_a_pdf_is_a_pdf_by_whatever_name_and_kept_byte_for_byte(name: str) -> None:
    assert checked(sent(PDF, name, "image/png")) == (PDF, "application/pdf")
    exactly = PDF + b"\n" * (MOST_BYTES - len(PDF))
    assert checked(sent(exactly, name)) == (exactly, "application/pdf")


@pytest.mark.parametrize(
    "harmless", [b"/LaunchSans", b"/JSong 7 0 R", b"\x9e/JS\x07\x91", b"\x80/XFA\xfe", b"(JavaScript)"]
)
def test_a_pdf_is_not_refused_for_letters_that_stand_there_by_chance(harmless: bytes) -> None:
    assert checked(sent(PDF.replace(b"/Catalog", b"/Catalog" + harmless)))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"])
def test_of_a_png_only_the_picture_is_kept(mode: str) -> None:
    content, media_type = checked(sent(png(mode), "scan.pdf"))
    assert media_type == "image/png" and SECRET.encode() not in content
    with Image.open(BytesIO(content)) as kept:
        assert (kept.format, kept.size, kept.info) == ("PNG", (8, 8), {})


def test_of_a_photograph_only_the_picture_is_kept_and_it_stands_upright() -> None:
    assert SECRET.encode() in jpeg() and b"Exif" in jpeg()
    content, media_type = checked(sent(jpeg(turned=6) + ZIP))
    assert media_type == "image/jpeg"
    assert SECRET.encode() not in content and b"Exif" not in content and not content.endswith(ZIP)
    with Image.open(BytesIO(content)) as kept:
        assert kept.size == (20, 40) and not kept.getexif()
        top, bottom = kept.getpixel((10, 5)), kept.getpixel((10, 35))
        assert top[0] > 200 > 60 > top[2] and bottom[2] > 200 > 60 > bottom[0]


@pytest.mark.parametrize(
    ("sent_as", "kept_as"),
    [
        ("营业执照.pdf", "营业执照.pdf"),
        ("营业执照.PDF.exe", "营业执照.PDF.pdf"),
        ("../../etc/passwd", "passwd.pdf"),
        (r"C:\scans\执照 副本.jpg", "执照 副本.pdf"),
        ("a\r\nSet-Cookie: x\x00.pdf", "a Set-Cookie x.pdf"),
        ("\u202efdp.exe", "fdp.pdf"),
        ("长" * 300 + ".pdf", "长" * 100 + ".pdf"),
        ("...", "材料.pdf"),
        ("", "材料.pdf"),
        ('"><b>.pdf', "b.pdf"),
    ],
)
def test_a_name_is_a_name_and_nothing_else(sent_as: str, kept_as: str) -> None:
    assert clean_name(sent_as, "pdf") == kept_as


@pytest.mark.django_db
def test_one_paper_lies_in_a_slot_and_the_one_before_is_kept(cast: Cast) -> None:
    user, slot = cast.users["stranger"], ACCOUNT.papers[0]
    with acting_as(enterprise_id=None, user_id=user.pk):
        one = applications.begin(ACCOUNT, by=user, enterprise=None)
        first = papers.take(one, slot, sent(PDF, "old.pdf"), by=user)
        second = papers.take(one, slot, sent(jpeg(), "new.pdf"), by=user)
        assert [paper.pk for paper in applications.papers_of(one)] == [second.pk]
    first.refresh_from_db()
    assert first.replaced and unpack(bytes(first.content), papers.LABEL) == PDF
    assert (second.name, second.media_type, len(second.sha256)) == ("new.jpg", "image/jpeg", 64)
    assert b"%PDF" not in bytes(first.content)
    assert AuditEntry.objects.filter(action="paper_uploaded", user=user).count() == 2


@pytest.mark.django_db
def test_nobody_fills_the_disk_or_keeps_the_portal_drawing(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(papers, "MOST_A_DAY", 3)
    user, slot = cast.users["stranger"], ACCOUNT.papers[0]
    one = applications.begin(ACCOUNT, by=user, enterprise=None)
    papers.take(one, slot, sent(PDF), by=user)
    with pytest.raises(PaperRefused, match="已损坏"):
        papers.take(one, slot, sent(jpeg()[:-300]), by=user)
    papers.take(one, slot, sent(PDF), by=user)
    for content in (PDF, jpeg()[:-300]):
        with pytest.raises(PaperRefused, match="明天"):
            papers.take(one, slot, sent(content), by=user)
    assert Paper.objects.filter(replaced=False).count() == 1
    other = cast.users["merchant_administrator"]
    assert papers.take(applications.begin(ACCOUNT, by=other, enterprise=None), slot, sent(PDF), by=other)


def test_a_photograph_of_many_scans_is_taken_up_to_a_bound() -> None:
    content, _media_type = checked(sent(jpeg_of_scans(MOST_SCANS)))
    with Image.open(BytesIO(content)) as kept:
        assert kept.size == (64, 64)


def test_nobody_waits_for_the_pictures_of_others_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(papers, "PATIENCE_SECONDS", 0.01)
    with papers._one_at_a_time:
        with pytest.raises(PaperRefused, match="过一分钟"):
            checked(sent(jpeg()))
        assert checked(sent(PDF)), "a PDF is not drawn"
    assert checked(sent(jpeg()))
