"""Files as people send them in: scans as they should be, and everything else."""

import zlib
from io import BytesIO
from struct import pack

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image, PngImagePlugin

#: Stands in every part of a file where more than the picture can be kept.
SECRET = "GPS 31.2304 121.4737 季明岚的手机"

PDF = (
    b"%PDF-1.7\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n2 0 obj\n<</Type/Pages/Kids[]/Count 0>>\nendobj\n"
    b"trailer\n<</Root 1 0 R>>\nstartxref\n9\n%%EOF\n"
)


def jpeg(width: int = 40, height: int = 20, *, turned: int = 1) -> bytes:
    """A photograph with everything a telephone writes into it; left half red, right half blue."""
    picture = Image.new("RGB", (width, height), "red")
    picture.paste("blue", (width // 2, 0, width, height))
    exif = Image.Exif()
    exif[0x0112] = turned
    exif[0x010E] = SECRET
    made = BytesIO()
    picture.save(made, "JPEG", quality=95, exif=exif, comment=SECRET.encode(), icc_profile=SECRET.encode())
    return made.getvalue()


def jpeg_of_scans(count: int) -> bytes:
    """A photograph that gets clearer in so many scans: the last one again and again, each a few bytes."""
    made = BytesIO()
    Image.new("L", (64, 64), 128).save(made, "JPEG", progressive=True)
    whole = made.getvalue()
    last, missing = whole.rindex(b"\xff\xda"), count - whole.count(b"\xff\xda")
    return whole[:last] + whole[last:-2] * (missing + 1) + whole[-2:]


def png(mode: str = "RGBA") -> bytes:
    """A screenshot with a text in it."""
    made, said = BytesIO(), PngImagePlugin.PngInfo()
    said.add_itxt("Comment", SECRET)
    Image.new(mode, (8, 8)).save(made, "PNG", pnginfo=said)
    return made.getvalue()


def png_claiming(width: int, height: int) -> bytes:
    """A picture of a few bytes that says it is enormous."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return pack(">I", len(data)) + name + data + pack(">I", zlib.crc32(name + data))

    head = pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(b"\0" * 10_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


class _Lasting(SimpleUploadedFile):
    def read(self, *args: int) -> bytes:
        self.seek(0)
        return super().read(*args)


def lasting(content: bytes) -> SimpleUploadedFile:
    """A file that is sent again and again."""
    return _Lasting("licence.pdf", content, "application/pdf")


def sent(content: bytes, name: str = "licence.pdf", declared: str = "application/pdf") -> SimpleUploadedFile:
    """The file as a browser sends it."""
    return SimpleUploadedFile(name, content, declared)
