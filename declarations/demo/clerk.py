"""A clerk at the browser, without the browser: signs in, uploads a workbook, decides to file, all by the portal's pages.

The demonstration goes through the same doors as a person: pages are fetched, the forms on them are filled in and sent.
"""

from typing import Any
from urllib.parse import urljoin

import urllib3
from lxml import html

_WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class PageProblem(Exception):
    """A page did not do what a clerk would expect; says which page and what it answered."""


class Clerk:
    """One signed-in person at the portal on ``address`` (``http://host:port``)."""

    def __init__(self, address: str, username: str, password: str) -> None:
        self._address = address
        self._pool = urllib3.PoolManager(timeout=urllib3.Timeout(connect=5, read=60), retries=False)
        self._cookies: dict[str, str] = {}
        self._submit("/login/", "/login/", {"username": username, "password": password})
        if "sessionid" not in self._cookies:
            raise PageProblem(f"{username} could not sign in at {address}/login/")

    def upload(self, kind_slug: str, filename: str, content: bytes) -> int:
        """Send a workbook in by the upload page; returns the number of the upload."""
        page = f"/{kind_slug}/upload/"
        location = self._submit(page, page, {"file": (filename, content, _WORKBOOK)})
        return int(location.rstrip("/").rsplit("/", 1)[-1])

    def file_good_ones(self, upload_id: int) -> None:
        """Decide on the check page to file the documents without errors."""
        self._submit(f"/uploads/{upload_id}/", f"/uploads/{upload_id}/file/", {"choice": "good"})

    def _submit(self, page: str, action: str, fields: dict[str, Any]) -> str:
        """Fetch ``page``, send the form on it that leads to ``action`` with its own hidden fields; where it leads."""
        answer = self._ask("GET", page)
        document = html.fromstring(answer.data.decode())
        for form in document.forms:  # type: ignore[attr-defined]
            if urljoin(page, form.action or page).split("?")[0] == action and form.method.upper() == "POST":
                hidden = {name: form.fields[name] for name in form.fields if name == "csrfmiddlewaretoken"}
                break
        else:
            raise PageProblem(f"{page} has no form that leads to {action}")
        answer = self._ask("POST", action, fields={**hidden, **fields})
        if answer.status not in (302, 303):
            raise PageProblem(f"{action} answered {answer.status} instead of leading on")
        return answer.headers["Location"]

    def _ask(self, method: str, path: str, **options: Any) -> urllib3.BaseHTTPResponse:
        headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items()),
            "Referer": self._address + path,
        }
        answer = self._pool.request(method, self._address + path, headers=headers, redirect=False, **options)
        for cookie in answer.headers.getlist("Set-Cookie"):
            name, _equals, value = cookie.split(";", 1)[0].partition("=")
            self._cookies[name] = value
        if method == "GET" and answer.status != 200:
            raise PageProblem(f"{path} answered {answer.status}")
        return answer
