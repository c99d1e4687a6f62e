"""What comes in at the gateway: kept, refused at once, or refused as a whole."""

import base64
import http.client
from contextlib import closing

import pytest

from tests.conftest import until
from tests.sandbox.conftest import TOKEN, Answer, Listener, Sandbox
from tests.sandbox.papers import cast, envelope, guid, message, sign, trade


def refused_whole(listener: Listener, cop_msg_id: str) -> Answer:
    """Wait for the CEB900 of a message."""
    found: list[Answer] = []

    def look() -> bool:
        found[:] = [a for a in listener.answers if a.keys.get("oriCopMsgId") == cop_msg_id]
        return bool(found)

    until(look, what="CEB900")
    return found[0]


def send_order(customs: Sandbox, text: str, **how: str) -> str:
    number = guid()
    assert customs.post(envelope(text, cast()["platform"], cop_msg_id=number, **how)) == (200, "OK")
    return number


def order() -> str:
    sender = cast()["platform"]
    return sign(message([trade().order], sender), sender)


def test_it_refuses_strangers_and_what_is_no_envelope(customs: Sandbox) -> None:
    assert customs.post(b"<x/>", token="wrong")[0] == 401
    assert customs.post(b"<x/>", token="é")[0] == 401
    assert customs.post(b"not xml")[0] == 400
    assert customs.post(b"<x/>")[0] == 400
    assert customs.post(b"")[0] == 400
    assert customs.post(b"<x/>", path="/other")[0] == 404


def test_it_refuses_a_bomb_at_the_door(customs: Sandbox) -> None:
    lol = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
    bomb = f'<!DOCTYPE DxpMsg [<!ENTITY l0 "lol">{lol}]><DxpMsg>&l9;</DxpMsg>'
    assert customs.post(bomb.encode())[0] == 400
    outside = '<!DOCTYPE DxpMsg [<!ENTITY x SYSTEM "file:///etc/passwd">]><DxpMsg>&x;</DxpMsg>'
    assert customs.post(outside.encode())[0] == 400


def test_it_refuses_too_much_without_reading_it(customs: Sandbox) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", customs.port, timeout=10)) as connection:
        connection.putrequest("POST", "/dxp")
        connection.putheader("Authorization", f"Bearer {TOKEN}")
        connection.putheader("Content-Length", str(10**9))
        connection.endheaders()
        assert connection.getresponse().status == 413


@pytest.mark.parametrize(("length", "status"), [("9" * 5000, 400), ("9" * 18, 413), ("x", 411)])
def test_it_refuses_a_length_that_is_none(customs: Sandbox, length: str, status: int) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", customs.port, timeout=10)) as connection:
        connection.putrequest("POST", "/dxp")
        connection.putheader("Authorization", f"Bearer {TOKEN}")
        connection.putheader("Content-Length", length)
        connection.endheaders()
        assert connection.getresponse().status == status


def test_it_refuses_processing_instructions_in_an_envelope(customs: Sandbox) -> None:
    body = envelope(order(), cast()["platform"])
    end = body.index(b"</Data>")
    for spoilt in (body[:end] + b"<?x y?>" + body[end:], body + b"<?x y?>", b"<?x y?>" + body):
        status, said = customs.post(spoilt)
        assert status == 400 and "不接受处理指令" in said


def test_it_answers_a_wrong_token_after_reading_the_message(customs: Sandbox) -> None:
    assert customs.post(b"x" * 9_000_000, token="wrong")[0] == 401
    assert customs.post(b"x" * 12_000_000)[0] == 413


def test_it_keeps_a_connection(customs: Sandbox) -> None:
    body = envelope(order(), cast()["platform"])
    with closing(http.client.HTTPConnection("127.0.0.1", customs.port, timeout=10)) as connection:
        for _ in range(3):
            connection.request("POST", "/dxp", body, {"Authorization": f"Bearer {TOKEN}"})
            response = connection.getresponse()
            assert (response.status, response.read()) == (200, b"OK")
            assert not response.will_close


def test_it_answers_the_same_message_again_and_counts_it_once(customs: Sandbox, listener: Listener) -> None:
    one = trade()
    body = envelope(sign(message([one.order], cast()["platform"]), cast()["platform"]), cast()["platform"])
    assert customs.post(body)[0] == 200
    until(lambda: listener.statuses(one.order) == ["2"])
    assert customs.post(body)[0] == 200
    until(lambda: listener.statuses(one.order) == ["2", "2"])
    first, second = listener.of(one.order)
    assert first == second
    number = one.order.head["orderNo"]
    assert customs.rows(f"SELECT count(*) FROM document WHERE order_no = '{number}'") == [(1,)]


def test_it_refuses_another_message_under_a_used_number(customs: Sandbox) -> None:
    number = send_order(customs, order())
    assert customs.post(envelope(order(), cast()["platform"], cop_msg_id=number))[0] == 400


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda text: text[:-1], "0001"),
        (lambda text: "<!DOCTYPE x []>" + text, "0001"),
        (lambda text: text.replace("<ceb:orderNo>", "<?x y?><ceb:orderNo>"), "0001"),
        (lambda text: text + "<?x y?>", "0001"),
        (
            lambda text: text.replace("<ceb:orderNo>", "<ceb:orderNr>").replace("</ceb:orderNo>", "</ceb:orderNr>"),
            "0002",
        ),
        (lambda text: text.replace(">142<", ">502<"), "0002"),
        (lambda text: text.replace("<ceb:goodsValue>536", "<ceb:goodsValue>5.36E2"), "0002"),
        (lambda text: text.replace("CEB311Message", "CEB411Message"), "0002"),
        (lambda text: text.replace("CEB311Message", "CEB999Message"), "0999"),
        (lambda text: text.replace("<ceb:orderNo>", "<ceb:orderNo>SANDBOX900"), "0002"),
    ],
)
def test_it_answers_a_broken_message_as_a_whole(
    customs: Sandbox, listener: Listener, change: object, code: str
) -> None:
    text = change(order())  # type: ignore[operator]
    answer = refused_whole(
        listener, send_order(customs, text, message_type=text[text.index("<ceb:") + 5 :].split(" ")[0])
    )
    assert (answer.message, answer.status) == ("CEB900Message", code)
    assert answer.info.startswith(f"[Code:{code};")
    assert answer.keys["oriBizMessage"] == text
    assert answer.receiver == cast()["platform"].dxp_id


def test_it_names_the_type_of_a_broken_message_or_unknown(customs: Sandbox, listener: Listener) -> None:
    broken = order().replace(">142<", ">502<")
    assert refused_whole(listener, send_order(customs, broken)).keys["oriMessageType"] == "CEB311Message"
    assert refused_whole(listener, send_order(customs, broken[:-1])).keys["oriMessageType"] == "Unknown"


def test_it_wants_the_envelope_to_fit_the_message(customs: Sandbox, listener: Listener) -> None:
    assert refused_whole(listener, send_order(customs, order(), message_type="CEB411Message")).status == "0999"
    assert refused_whole(listener, send_order(customs, order(), receiver="DXPEDCCEB0000003")).status == "2001"


def test_it_quotes_bytes_that_are_no_text(customs: Sandbox, listener: Listener) -> None:
    number = guid()
    body = envelope("<ceb:x", cast()["platform"], cop_msg_id=number, message_type="CEB311Message")
    rubbish = base64.b64encode(b"]]>\x00\xff\x1b<ceb:x" + "￾".encode()).decode().encode()
    body = body[: body.index(b"<Data>") + 6] + rubbish + body[body.index(b"</Data>") :]
    assert customs.post(body)[0] == 200
    assert refused_whole(listener, number).keys["oriBizMessage"].startswith("]]>")


def test_it_refuses_an_unregistered_sender_and_a_foreign_address(customs: Sandbox, listener: Listener) -> None:
    one, sender = trade(), cast()["platform"]
    stranger = sign(message([one.order], sender), sender).replace(
        f"<ceb:copCode>{sender.customs_code}", "<ceb:copCode>3199999999"
    )
    customs.post(envelope(stranger, sender))
    until(lambda: listener.statuses(one.order) == ["-10102"])
    two = trade()
    customs.post(envelope(sign(message([two.order], sender), sender), sender, sender_id="DXPENT0000000102"))
    until(lambda: listener.statuses(two.order) == ["-10102"])
    assert "[Code:2002;" in listener.of(two.order)[0].info


def test_it_shows_how_it_behaves(customs: Sandbox) -> None:
    status, page = customs.get("/")
    assert status == 200
    for text in ("SANDBOX900", "四单比对", "3122260101", "tolerance", "CopMsgId"):
        assert text in page
