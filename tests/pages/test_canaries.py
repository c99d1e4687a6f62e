"""Words of one enterprise turn up nowhere else: no page, file, log or table of another, and personal ones only sealed.

The running portal is looked at over the wire, as its members see it (reliability B4.2, B4.3, B4.5).
"""

import re
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
import redis
import urllib3
from lxml import html

from accounts.cast import PEOPLE, Cast
from declarations.exchange import inbox, outbox
from declarations.models import OutboundDocument, Receipt
from portal.servers import socket_folder
from tests import make
from tests.exchange import answers
from tests.exchange.desk import certify, filed, forward_all, read_all
from tests.exchange.peer import Peer, listening
from tests.pages.canaries import Filled, Member, entries, found_in

MEMBERS = [name for name, (_shown, memberships, _staff) in PEOPLE.items() if "merchant" in memberships]
#: The pages of the merchant that no link on the desk leads to.
STARTS = (
    "/",
    "/uploads/",
    "/order/",
    "/inventory/",
    "/order/new/",
    "/order/upload/",
    "/order/template.xlsx",
    "/enterprise/",
    "/tax-bills/",
    "/tax-bills/export.xlsx",
    "/guarantee/",
    "/guarantee/export.xlsx",
)
_TOKEN = re.compile(rb'name="csrfmiddlewaretoken" value="\w+"')
#: Pages on which members type, and so see what was typed: a draft, and the form that corrects a refused document.
TYPED = r"/drafts/|/new/\?from="


@pytest.mark.slow
def test_members_find_no_word_of_another_enterprise(filled: Filled, capsys: pytest.CaptureFixture) -> None:
    words, own = filled.words["neighbour"].all, filled.words["merchant"].plain
    pages, leaks, seen = 0, [], Counter()
    for username in MEMBERS:
        for path, answer in Member(filled.stack, username).crawl(*STARTS):
            pages += 1
            leaks += [(username, path, word) for word in found_in(answer.data + repr(answer.headers).encode(), words)]
            seen[username] += bool(found_in(answer.data, own))
    assert leaks == []
    assert all(seen[username] >= 5 for username in MEMBERS), f"the members see nothing of their own: {seen}"
    with capsys.disabled():
        print(f"\n{len(words)} canaries x {pages} pages of {len(MEMBERS)} members: 0 found")


@pytest.mark.slow
def test_searches_tell_nothing_of_another_enterprise(filled: Filled) -> None:
    """A search for what another has is answered as one for what nobody has, also by htmx and in every tab."""
    clerk = Member(filled.stack, "merchant_filer")
    for word in filled.words["neighbour"].all:
        nothing = "Z" * len(word)
        for address in (
            "/order/?q={}",
            "/order/?q={}&tab=declaring",
            "/inventory/?q={}",
            "/order/?code={}",
            "/uploads/?q={}",
            "/tax-bills/?q={}",
            "/tax-bills/?q={}&tab=due",
        ):
            asked, never = (clerk.get(address.format(quote(one))) for one in (word, nothing))
            assert asked.status == never.status == 200
            assert shape(asked, word) == shape(never, nothing), address.format(word)


def shape(answer: urllib3.BaseHTTPResponse, asked: str) -> bytes:
    """An answer without the words that were asked for."""
    data = _TOKEN.sub(b"", answer.data)
    for spelling in (asked[:60], asked[:10]):
        for one in (quote(spelling), quote(spelling, safe=""), spelling):
            data = data.replace(one.encode(), b"...")
    return data


@pytest.mark.slow
def test_the_door_does_not_know_what_another_filed(filled: Filled) -> None:
    """A number another enterprise has used is as good as an unused one; its very workbook is as good as any other."""
    clerk = Member(filled.stack, "merchant_filer")
    brought, _words = entries("merchant")
    taken, free = filled.words["neighbour"].plain[0], "QQXORDER00701"
    said = []
    for number in (taken, free):
        order = brought[0]
        fields = {f"h.{name}": value for name, value in order.head.items()}
        fields |= {f"l.0.{name}": value for name, value in order.lines[0].items()}
        answer = clerk.post("/order/new/", "/order/new/", {**fields, "h.order_no": number, "lines": "1", "do": "check"})
        assert answer.status == 200
        said.append(_TOKEN.sub(b"", answer.data).replace(number.encode(), b"..."))
    assert said[0] == said[1]
    upload = clerk.upload("order", "同一份.xlsx", filled.books["neighbour"])
    done = threading.Event()
    while filled.ask("SELECT state FROM declarations_upload WHERE id = %s", upload) != [("checked",)]:
        assert not done.wait(0.1)
    page = clerk.get(f"/uploads/{upload}/?tab=all").data.decode()
    assert "同一个文件已于" not in page
    assert filled.ask("SELECT known_documents, documents FROM declarations_upload WHERE id = %s", upload) == [(0, 4)]
    assert clerk.post(f"/uploads/{upload}/", f"/uploads/{upload}/file/", {"do": "discard"}).status == 302


@pytest.mark.slow
def test_the_owner_sees_persons_masked_only(filled: Filled) -> None:
    for owner, words in filled.words.items():
        pages, bare = 0, []
        for path, answer in Member(filled.stack, f"{owner}_filer").crawl(*STARTS, leave_out=TYPED):
            pages += 1
            bare += [(path, word) for word in found_in(answer.data, words.personal)]
        assert bare == []
        assert pages > 30


@pytest.mark.slow
def test_persons_stand_in_no_log_and_in_no_table_in_the_clear(filled: Filled) -> None:
    personal = [word for words in filled.words.values() for word in words.personal]
    folder = filled.stack.data
    logs = [filled.stack.output, *(path for path in (folder / "log").rglob("*") if path.is_file())]
    assert len(logs) > 3
    assert {path.name: found for path in logs if (found := found_in(path.read_bytes(), personal))} == {}
    tables = [name for (name,) in filled.ask("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    bare, rows = {}, 0
    for table in tables:
        for (row,) in filled.ask(f'SELECT t::text FROM "{table}" t'):
            rows += 1
            if found := found_in(row.encode(), personal):
                bare[table] = found
    assert bare == {}
    assert len(tables) > 25 and rows > 200
    plain = filled.words["merchant"].plain[0]
    assert any(found_in(row.encode(), [plain]) for (row,) in filled.ask("SELECT d::text FROM declarations_document d"))


@pytest.mark.slow
def test_persons_stand_nowhere_in_redis(filled: Filled) -> None:
    personal = [word for words in filled.words.values() for word in words.personal]
    for number in (0, 1):
        store = redis.Redis(unix_socket_path=str(socket_folder(filled.stack.data) / "redis.sock"), db=number)
        for key in store.scan_iter():
            value = store.dump(key)
            assert not value or found_in(value + key, personal) == []


@pytest.mark.slow
def test_the_raw_message_is_given_for_a_reason_and_on_record(filled: Filled) -> None:
    words = filled.words["neighbour"]
    clerk = Member(filled.stack, "neighbour_filer")
    listed = html.fromstring(clerk.get(f"/order/?q={words.plain[0]}").data.decode())
    (document,) = listed.xpath("//a[@data-open]/@href")
    (message,) = {
        link for link in html.fromstring(clerk.get(document).data.decode()).xpath("//a/@href") if "/out/" in link
    }
    shown = clerk.get(message).data
    assert words.plain[0].encode() in shown and found_in(shown, words.personal) == []
    assert clerk.get(f"{message}raw/").status == 405
    refused = clerk.post(message, f"{message}raw/", {"reason": " "})
    assert refused.status == 400 and found_in(refused.data, words.personal) == []
    before = records(filled)
    given = clerk.post(message, f"{message}raw/", {"reason": "核对收件人"})
    assert given.status == 200 and "attachment" in given.headers["Content-Disposition"]
    assert words.personal[0].encode() in given.data and words.personal[3].encode() in given.data
    (entry,) = records(filled)[len(before) :]
    assert entry[:2] == ("neighbour_filer", "核对收件人") and entry[2]


def records(filled: Filled) -> list[tuple[str, str, str]]:
    """Who downloaded raw messages, why, and from where."""
    return filled.ask(
        "SELECT u.username, a.details->>'reason', host(a.address) FROM accounts_auditentry a "
        "JOIN accounts_user u ON u.id = a.user_id WHERE a.action = 'raw_download' ORDER BY a.id"
    )


@pytest.mark.slow
def test_requests_of_many_over_few_connections_never_mix(filled: Filled, capsys: pytest.CaptureFixture) -> None:
    """Twelve threads ask for two enterprises at once; the portal answers all of them over its eight connections."""
    rounds = 34
    members = [Member(filled.stack, name) for name in ("merchant_filer", "neighbour_filer") * 6]
    # Long enough not to turn up by chance in the tokens of the forms.
    marks = {"merchant_filer": (b"MRXORDER", b"NBXORDER"), "neighbour_filer": (b"NBXORDER", b"MRXORDER")}

    def look(member: Member) -> int:
        own, others = marks[member.username]
        for _turn in range(rounds):
            answer = member.get("/order/")
            assert answer.status == 200 and own in answer.data and others not in answer.data
        return rounds

    with ThreadPoolExecutor(len(members)) as pool:
        asked = sum(pool.map(look, members))
    with capsys.disabled():
        print(f"\n{asked} interleaved requests of {len(members)} browsers, 0 leaks")
    assert asked >= 400


@pytest.fixture
def gateway(settings: object) -> Peer:
    """A gateway that takes everything."""
    with listening() as peer:
        settings.GATEWAY_URL = peer.url  # type: ignore[attr-defined]
        yield peer


def test_a_refused_message_that_customs_quotes_whole_is_masked_too(cast: Cast, client_of, gateway: Peer) -> None:
    """900 encloses the message it refuses: persons stand in it as plain text inside another element."""
    certify(cast.enterprises["platform"])
    (document_id,) = filed(cast, "order", 1)
    (message,) = forward_all()
    quoted = outbox.signed_bytes(message.id)
    refusal = answers.refusal(message).replace(b"<!DOCTYPE x><x/>", quoted)
    assert b"CDATA" in refusal and make.person(1).number.encode() in refusal
    inbox.store(answers.letter(refusal, cast.enterprises["platform"].dxp_id))
    read_all()
    receipt = Receipt.objects.get(document_id=document_id)
    assert OutboundDocument.objects.filter(document_id=document_id).count() == 1
    page = client_of("platform_filer").get(f"/order/{document_id}/messages/in/{receipt.inbound_id}/")
    assert page.status_code == 200
    assert found_in(page.content, make.person(1)) == []
