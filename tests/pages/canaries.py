"""Words that stand nowhere but in one enterprise's documents: wherever else they turn up, something leaks.

``fill`` brings them in as a clerk does, by workbook, page and customs; ``Member`` looks at pages over the wire.
"""

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
import urllib3
from lxml import html

from accounts.cast import ENTERPRISES, PASSWORD, load_cast
from declarations.demo.clerk import Clerk
from declarations.doors.excel import workbook_of
from declarations.kinds import kind
from declarations.shape import Entry
from portal.servers import PORT, socket_folder
from tests import make
from tests.conftest import Stack, until
from tests.pages import books

#: enterprise → the mark its words carry, the first of its persons, how many orders
OWNERS = {"neighbour": ("NBX", 701, 4), "merchant": ("MRX", 801, 4)}
ANSWERED = ("declaring", "stored")


@dataclass(frozen=True)
class Words:
    """The canaries of one enterprise: what anybody of it may read, and what only the raw message shows."""

    plain: tuple[str, ...]
    personal: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        return self.plain + self.personal


class Member(Clerk):
    """Somebody signed in, who looks at pages and sends forms over the wire."""

    def __init__(self, stack: Stack, username: str) -> None:
        super().__init__(stack.address, username, PASSWORD)
        self.username = username
        if self.get("/").headers.get("Location", "").startswith("/login/"):
            code = stack.manage("one_time_code", username).stdout.strip()
            self._submit("/login/code/", "/login/code/", {"code": code})

    def get(self, path: str) -> urllib3.BaseHTTPResponse:
        """A page, whatever its status."""
        return self._pool.request("GET", self._address + path, headers=self.headers(path), redirect=False)

    def post(self, page: str, action: str, fields: Mapping[str, Any]) -> urllib3.BaseHTTPResponse:
        """Send fields as a form on ``page`` would."""
        tokens = html.fromstring(self._ask("GET", page).data.decode()).xpath(
            "//input[@name='csrfmiddlewaretoken']/@value"
        )
        body = {"csrfmiddlewaretoken": tokens[0], **fields}
        return self._pool.request(
            "POST", self._address + action, headers=self.headers(page), fields=body, redirect=False
        )

    def headers(self, page: str) -> dict[str, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        return {"Cookie": cookies, "Referer": self._address + page}

    def crawl(self, *starts: str, leave_out: str = "") -> Iterator[tuple[str, urllib3.BaseHTTPResponse]]:
        """Every page reached by links, each once."""
        waiting, seen = list(starts), set(starts)
        while waiting:
            path = waiting.pop(0)
            answer = self.get(path)
            yield path, answer
            if "text/html" not in answer.headers.get("Content-Type", "") or answer.status != 200:
                continue
            for link in html.fromstring(answer.data.decode()).xpath("//a/@href | //@hx-get"):
                parts = urlsplit(link)
                found = parts.path + (f"?{parts.query}" if parts.query else "")
                if parts.netloc or not found.startswith("/") or found in seen:
                    continue
                if leave_out and re.search(leave_out, found):
                    continue
                seen.add(found)
                waiting.append(found)


@dataclass(frozen=True)
class Filled:
    """The portal and the words in it."""

    stack: Stack
    words: Mapping[str, Words]
    books: Mapping[str, bytes]

    def ask(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """A question to its database, as the owner of the tables."""
        return ask(self.stack, sql, *values)


def ask(stack: Stack, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """A question to the database of a running portal."""
    with psycopg.connect(host=str(socket_folder(stack.data)), port=PORT, user="portal", dbname="portal") as connection:
        return connection.execute(sql, values).fetchall()


def spellings(word: str) -> set[bytes]:
    """How a word may look in an answer, a log or a table."""
    plain = word.encode()
    return {
        plain,
        plain.hex().encode(),
        quote(word).encode(),
        word.encode("unicode_escape"),
        word.encode("utf-16-le"),
        b64encode(plain),
    }


def found_in(data: bytes, words: Sequence[str]) -> list[str]:
    """The words that stand in some bytes, in any spelling."""
    return [word for word in words if any(spelling in data for spelling in spellings(word))]


def entries(owner: str) -> tuple[list[Entry], Words]:
    """The orders of an enterprise, every text in them marked; the last one has an error and stays in its workbook."""
    mark, first, count = OWNERS[owner]
    name, _credit_code, code, *_more = ENTERPRISES[owner]
    brought, plain, personal = [], [], []
    for n in range(first, first + count):
        who = make.person(n)
        buyer, consignee = f"{who.name}{mark}买{n}", f"{who.name}{mark}收{n}"
        address = f"上海市浦东新区{mark}路{n}号"
        texts = {
            "order_no": f"{mark}ORDER{n:05}",
            "pay_transaction_id": f"{mark}PAY{n:07}",
            "buyer_reg_no": f"{mark}reg{n}",
            "note": f"{mark}备注{n}",
        }
        item = {"item_no": f"{mark}SKU{n}", "item_name": f"{mark}商品{n}", "item_describe": f"{mark}描述{n}"}
        order = make.order(
            n,
            lines=1,
            line=item,
            ebc_code=code,
            ebc_name=name,
            buyer_name=buyer,
            consignee=consignee,
            consignee_address=address,
            **texts,
        )
        plain += [*texts.values(), *item.values()]
        personal += [buyer, consignee, address, who.number, who.telephone]
        brought.append(order)
    brought[-1].head["actual_paid"] = "0.01"
    return brought, Words(tuple(plain), tuple(personal))


def bills(owner: str) -> tuple[list[books.Wish], tuple[str, ...]]:
    """Tax bills of an enterprise on which nobody else stands but customs; every number of theirs."""
    mark, first, _count = OWNERS[owner]
    wishes = [
        books.Wish(n, days=n % 40, declarant=owner, merchant=owner, guarantor=owner, mark=mark)
        for n in range(first, first + 3)
    ]
    return wishes, tuple(
        number for one in wishes for number in (one.tax_no, one.invt_no, one.order_no, one.logistics_no)
    )


def bring_bills() -> None:
    """Have customs send the bills of all owners; run inside the portal."""
    cast = load_cast(credentials=False)
    for owner in OWNERS:
        books.bring(cast, bills(owner)[0])


def load_people(stack: Stack) -> None:
    """The cast in a running portal and in its sandbox; once."""
    if not ask(stack, "SELECT 1 FROM accounts_credential"):
        stack.manage("load_cast")


def fill(stack: Stack) -> Filled:
    """Sign in, upload, file what is right, keep a draft, wait for customs; as a clerk of each enterprise."""
    load_people(stack)
    words, sheets = {}, {}
    clerks = {owner: Member(stack, f"{owner}_filer") for owner in OWNERS}
    uploads = {}
    for owner, clerk in clerks.items():
        brought, words[owner] = entries(owner)
        sheets[owner] = workbook_of(kind("order"), brought)
        mark = OWNERS[owner][0]
        uploads[owner] = clerk.upload("order", f"{mark}明细.xlsx", sheets[owner])
        draft = {"do": "draft", "lines": "0", "h.order_no": f"{mark}DRAFT", "h.buyer_name": words[owner].personal[0]}
        assert clerk.post("/order/new/", "/order/new/", draft).status == 302
        words[owner] = Words((*words[owner].plain, f"{mark}明细", f"{mark}DRAFT"), words[owner].personal)
    state = "SELECT state FROM declarations_upload WHERE id = %s"
    for owner, clerk in clerks.items():
        until(lambda number=uploads[owner]: ask(stack, state, number) == [("checked",)], what=f"{owner}: checked")
        clerk.file_good_ones(uploads[owner])
    for owner in OWNERS:
        until(lambda number=uploads[owner]: ask(stack, state, number) == [("filed",)], what=f"{owner}: filed")
    until(
        lambda: (
            not ask(
                stack,
                "SELECT 1 FROM declarations_document WHERE upload_id = ANY (%s) AND NOT state = ANY (%s)",
                list(uploads.values()),
                list(ANSWERED),
            )
        ),
        seconds=40,
        what="customs has answered",
    )
    stack.manage("shell", "-c", "from tests.pages.canaries import bring_bills; bring_bills()")
    words = {owner: Words((*told.plain, *bills(owner)[1]), told.personal) for owner, told in words.items()}
    return Filled(stack, words, sheets)
