"""Nobody fills the disk or breaks a page before signing in: sizes, letters, session numbers, whatever the address."""

import re
from io import BytesIO
from pathlib import Path

import pytest
from django.core import signals
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.handlers.wsgi import WSGIHandler
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from portal import admission
from portal.admission import FORM_BYTES, LARGE_BYTES, PAPERS_BYTES, ReadableRequest, objection
from portal.workbook import MAX_BYTES


class Trap(BytesIO):
    """A body nobody may read."""

    def read(self, *size: int) -> bytes:
        raise AssertionError("the body was read")


@pytest.mark.parametrize(
    ("path", "length", "status"),
    [
        ("/login/", "419431400", 413),
        ("/login/", str(FORM_BYTES + 1), 413),
        ("/order/new/", str(FORM_BYTES), 0),
        ("/order/upload/", str(LARGE_BYTES), 0),
        ("/order/upload/", str(LARGE_BYTES + 1), 413),
        ("/customs/receive/", str(LARGE_BYTES), 0),
        ("/customs/receive/", "9" * 5000, 413),
        ("/applications/7/", str(PAPERS_BYTES), 0),
        ("/applications/7/", str(PAPERS_BYTES + 1), 413),
        ("/applications/account/new/", str(PAPERS_BYTES), 0),
        ("/applications/account/", str(FORM_BYTES + 1), 413),
        ("/applications/7/papers/1/", str(FORM_BYTES + 1), 413),
        ("/a/b/upload/", str(FORM_BYTES + 1), 413),
        ("/login/", "-1", 400),
        ("/login/", "1_0", 400),
        ("/login/", "²", 400),
    ],
)
def test_it_limits_every_body_by_its_path(path: str, length: str, status: int) -> None:
    assert objection(RequestFactory().post(path, CONTENT_LENGTH=length)) == status


def test_it_refuses_a_body_of_unknown_length() -> None:
    assert objection(RequestFactory().post("/order/upload/", HTTP_TRANSFER_ENCODING="chunked")) == 411


def test_a_visitor_writes_nothing_to_the_disk(tmp_path: Path, settings) -> None:
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
    answer = Client().post(
        "/login/",
        **{"wsgi.input": Trap(), "CONTENT_LENGTH": "419431400", "CONTENT_TYPE": "multipart/form-data; boundary=x"},
    )
    assert answer.status_code == 413
    assert "太大" in answer.content.decode() and "Content-Security-Policy" in answer.headers
    assert not list(tmp_path.iterdir())
    english = Client(headers={"Accept-Language": "en"}).get("/login/?a=%00")
    assert english.status_code == 400


def received(size: int) -> object:
    """The file a page is given when a browser sends one of this size."""
    request = RequestFactory().post("/order/upload/", {"file": SimpleUploadedFile("a.xlsx", b"x" * size)})
    return request.FILES["file"]


def test_it_keeps_no_file_larger_than_a_workbook_but_tells_its_size() -> None:
    fits = received(MAX_BYTES)
    assert fits.size == MAX_BYTES and len(fits.read()) == MAX_BYTES  # type: ignore[attr-defined]
    over = received(MAX_BYTES + 1)
    assert over.size == MAX_BYTES + 1 and over.read() == b""  # type: ignore[attr-defined]
    small = received(3)
    assert (small.size, small.read()) == (3, b"xxx")  # type: ignore[attr-defined]


CHARSETS = ["rot13", "hex", "idna", "punycode", "undefined", "unicode_escape", "utf-16", "gbk", "no-such", "utf-8\0"]


def status(method: str, kind: str, body: bytes = b"") -> str:
    """What the portal as served by gunicorn answers to a sign-in page asked for with this content type."""
    handler = WSGIHandler()
    handler.request_class = ReadableRequest
    environ = RequestFactory()._base_environ(
        REQUEST_METHOD=method, CONTENT_TYPE=kind, PATH_INFO="/login/", QUERY_STRING="next=/x",
        CONTENT_LENGTH=str(len(body)),
    )  # fmt: skip
    environ["wsgi.input"] = BytesIO(body)
    said: list[str] = []
    signals.request_started.disconnect(close_old_connections)  # the test's own connection stays
    try:
        b"".join(handler(environ, lambda status, headers: said.append(status)))
    finally:
        signals.request_started.connect(close_old_connections)
    return said[0][:3]


@pytest.mark.parametrize("charset", CHARSETS)
@pytest.mark.parametrize("kind", ["text/html", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"])
def test_it_refuses_any_other_charset(db, charset: str, kind: str) -> None:
    assert status("GET", f"{kind}; charset={charset}") == "400"
    assert status("POST", f"{kind}; charset={charset}", b"--x--") == "400"
    assert status("GET", f"{kind}; charset=UTF-8") == "200"


def test_a_message_of_customs_names_its_encoding_itself() -> None:
    request = RequestFactory().post("/customs/receive/?x", b"<x/>", content_type="text/xml; charset=gbk")
    assert objection(request) == 0 and request.GET["x"] == ""


@pytest.mark.parametrize(
    "extra", ["x*=no-such''a", "x*=rot13''a", "x*=undefined''%ff", "charset*=idna''%ff", "x*0*=hex''a"]
)
def test_it_survives_any_parameter_of_a_content_type(db, extra: str) -> None:
    assert status("GET", f"text/html; {extra}") in ("200", "400")
    body = f'--x\r\nContent-Disposition: form-data; name="a"; {extra}\r\nContent-Type: text/plain; {extra}\r\n\r\n1\r\n--x--\r\n'
    assert status("POST", "multipart/form-data; boundary=x", body.encode()) in ("400", "403")


@pytest.mark.parametrize(
    "address", ["/login/%00", "/order/?q=%00", "/admin/?q=a%00b", "/admin/accounts/user/%00/change/"]
)
def test_it_refuses_a_nul_in_an_address(address: str) -> None:
    assert Client().get(address).status_code == 400


@pytest.mark.parametrize("value", [r'"aaaaaaaaaaaa\000"', "short", "A" * 32, "a" * 41, "é" * 12])
def test_it_forgets_a_session_number_that_is_none(db, settings, value: str) -> None:
    client = Client(raise_request_exception=False, HTTP_COOKIE=f"{settings.SESSION_COOKIE_NAME}={value}")
    assert client.get("/login/").status_code == 200
    assert client.get("/").status_code == 302


def test_it_keeps_a_session_number_that_may_be_one(settings) -> None:
    def answer(request: HttpRequest) -> HttpResponse:
        return HttpResponse(request.COOKIES.get(settings.SESSION_COOKIE_NAME, "-"))

    guarded = admission.AdmissionMiddleware(answer)
    for value, kept in (("a1" * 16, "a1" * 16), ("A1" * 16, "-")):
        request = RequestFactory(HTTP_COOKIE=f"{settings.SESSION_COOKIE_NAME}={value}").get("/")
        response = guarded(request)
        assert isinstance(response, HttpResponse) and response.content.decode() == kept


def test_uploads_stand_where_large_bodies_are_taken() -> None:
    assert re.fullmatch(admission.TAKES_LARGE, "/order/upload/") and not re.search(admission.TAKES_LARGE, "/admin/")
