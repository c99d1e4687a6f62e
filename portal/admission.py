"""Before the walk: what a request must be before anybody reads it, so that nothing hostile is parsed, kept or asked for.

Django reads a body as soon as a form's token is checked, long before anybody is known to be signed in. So size, letters
and the session's number are looked at here first; a file larger than a workbook may be is never written anywhere.
"""

import re
from collections.abc import Callable
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import get_template
from django.utils.encoding import force_bytes
from django.utils.translation import get_language_from_request, override
from django.utils.translation import gettext_lazy as _

from portal.workbook import MAX_BYTES

#: The most a body may hold: a workbook or a message of customs with what is around it, and any other form.
LARGE_BYTES, FORM_BYTES = 24 << 20, 1 << 20
#: A form with papers beside it. What was typed comes in the same body, so one paper that is far too large is let through to
#: the page, which says so and keeps the rest; its bytes are thrown away here.
PAPERS_BYTES = 64 << 20
GATEWAY = "/customs/receive/"
TAKES_LARGE = re.compile(rf"/[a-z_]+/upload/|{GATEWAY}")
TAKES_PAPERS = re.compile(r"/applications/([0-9]+|[a-z_]+/new)/|/admin/accounts/enterprise/[0-9]+/numbers/")
SESSION_NUMBER = re.compile(r"[a-z0-9]{8,40}")
TOO_MUCH, NO_LENGTH, NOT_READABLE = 413, 411, 400
WHY = {
    TOO_MUCH: _("提交的内容太大，没有接收。工作簿请拆成几个文件上传；材料请逐份上传，每份不超过 10 MB"),
    NO_LENGTH: _("请求没有写明长度，没有接收。请用浏览器上传"),
    NOT_READABLE: _("请求的地址或编码不能识别，没有接收。请从页面上重新进入"),
}


class AdmissionMiddleware:
    """Refuses what is too large, of unknown length or not to be read as text; forgets a session number that is none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """400, 411 or 413 with a page saying why, or what the portal answers."""
        if status := objection(request):
            return refusal(request, status)
        if not SESSION_NUMBER.fullmatch(request.COOKIES.get(settings.SESSION_COOKIE_NAME, "a" * 32)):
            del request.COOKIES[settings.SESSION_COOKIE_NAME]
        return self.get_response(request)


def objection(request: HttpRequest) -> int:
    """The status to refuse a request with; 0 for none."""
    if request.META.get("HTTP_TRANSFER_ENCODING"):
        return NO_LENGTH
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit()):
        return NOT_READABLE
    most = FORM_BYTES
    if TAKES_LARGE.fullmatch(request.path_info):
        most = LARGE_BYTES
    elif TAKES_PAPERS.fullmatch(request.path_info):
        most = PAPERS_BYTES
    if len(length) > 12 or int(length) > most:
        return TOO_MUCH
    query = force_bytes(request.META.get("QUERY_STRING", ""))
    if "\0" in request.path_info or b"\0" in query or b"%00" in query:
        return NOT_READABLE
    if request.path_info == GATEWAY:  # takes bytes: an XML message names its encoding itself
        request.encoding = "utf-8"
        return 0
    charset = (request.content_params or {}).get("charset", "")
    return 0 if charset.strip().lower() in ("", "utf-8", "utf8") else NOT_READABLE


def refusal(request: HttpRequest, status: int) -> HttpResponse:
    """The page that says why; no context processor, for the request is not to be trusted yet."""
    request.encoding = "utf-8"  # whoever draws or logs it later must be able to read its address
    with override(get_language_from_request(request)):
        return HttpResponse(get_template("refused.html").render({"why": WHY[status]}), status=status)


class ReadableRequest(WSGIRequest):
    """A request whose content type cannot even be parsed is still a request, to be refused by the middleware."""

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            super()._set_content_type_params(meta)  # type: ignore[misc]
        except (ValueError, LookupError):
            self.content_type, self.content_params = "", {"charset": "unreadable"}


class WorkbookSizedUploads(FileUploadHandler):
    """Stands before Django's own handlers: what goes past the size of a workbook is counted and thrown away.

    The file then comes to the page empty but with its true size, so that the page can say how much too large it is.
    """

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        """Pass a piece on while there is room."""
        return raw_data if start + len(raw_data) <= MAX_BYTES else None

    def file_complete(self, file_size: int) -> UploadedFile | None:
        """Nothing, when the next handler has all of it."""
        if file_size <= MAX_BYTES:
            return None
        return UploadedFile(BytesIO(), self.file_name, self.content_type, file_size, self.charset)
