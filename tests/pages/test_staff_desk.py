"""The desk of staff over messages that wait for a person: what they see of them, and the button to go on."""

import re

import pytest
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.cast import Cast
from accounts.models import AuditEntry
from declarations.models import Draft, Inbound, InboundBytes, Outbound, Receipt
from portal.personal import pack
from tests.pages.world import waiting_for_a_person

INLINE = re.compile(r"<style|\sstyle=|\son[a-z]+=\"|<script(?![^>]*(?:\bsrc=|type=\"application/json\"))", re.I)


@pytest.fixture
def waiting(cast: Cast) -> dict[str, Outbound | Inbound | Receipt]:
    rows = waiting_for_a_person(cast.enterprises["neighbour"])
    now = timezone.now()
    # What does not wait: under way, arrived just now.
    Outbound.objects.create(
        enterprise=cast.enterprises["neighbour"], kind="order", guid="SENT", document_count=1, state="sent",
        needs_person="was once", not_before=now, created_at=now,
    )  # fmt: skip
    Inbound.objects.create(sha256="2" * 64, byte_count=1, not_before=now, received_at=now)
    return rows


def page(client: Client, name: str) -> str:
    answer = client.get(reverse(f"admin:declarations_{name}_changelist"))
    assert answer.status_code == 200
    return answer.content.decode()


def press(client: Client, name: str, action: str, *rows: int) -> None:
    address = reverse(f"admin:declarations_{name}_changelist")
    answer = client.post(address, {"action": action, "_selected_action": list(rows)})
    assert answer.status_code in (200, 302), answer.content.decode()


def test_it_tells_on_the_first_page_how_many_wait(client_of, waiting):
    body = client_of("staff").get("/admin/").content.decode()
    for name, word in (("outbound", "发件"), ("inbound", "来件"), ("receipt", "回执")):
        address = reverse(f"admin:declarations_{name}_changelist")
        assert f'<li class="warning"><a href="{address}">{word}：1 份等待人工处理</a>' in body
    assert not INLINE.search(body)


def test_it_says_that_none_waits(client_of, cast):
    assert client_of("staff").get("/admin/").content.decode().count('<li class="success">') == 6


@pytest.mark.parametrize("name", ["outbound", "inbound", "receipt"])
def test_it_shows_what_waits_and_never_what_it_says(client_of, waiting, name):
    staff, row = client_of("staff"), waiting[name]
    InboundBytes.objects.create(inbound_id=waiting["inbound"].pk, content=pack(b"x", "inbound"))
    Receipt.objects.update(info="程外人的身份证号不对")
    Inbound.objects.update(last_error="IntegrityError: not so\nDETAIL:  Key (name)=(程外人) already exists.")
    body = page(staff, name)
    one = staff.get(reverse(f"admin:declarations_{name}_change", args=[row.pk])).content.decode()
    assert body.count('class="action-select"') == (1 if name != "receipt" else 0)
    assert row.enterprise.name in body
    for text in (body, one):
        assert "程外人" not in text
        assert not INLINE.search(text)
    # Every label is a word of ours, none the bare name of a column.
    assert not re.search(r"<label>[A-Za-z ]+:?</label>|<a href=\"\?o=\d+\">[A-Za-z ]+</a>", body + one)
    assert client_of("merchant_administrator").get(f"/admin/declarations/{name}/").status_code == 404


def test_it_reads_a_message_once_more(client_of, waiting, cast):
    row, before = waiting["inbound"], timezone.now()
    press(client_of("staff"), "inbound", "read_again", row.pk)
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("stored", 0)
    assert before <= row.not_before <= timezone.now()
    entry = AuditEntry.objects.get(action="retry")
    assert (entry.user.username, entry.enterprise, entry.subject) == ("staff", row.enterprise, f"inbound {row.pk}")


def test_it_sends_a_message_once_more(client_of, waiting):
    row, before = waiting["outbound"], timezone.now()
    press(client_of("staff"), "outbound", "send_again", row.pk)
    row.refresh_from_db()
    assert (row.state, row.failures, row.needs_person) == ("pending", 0, "")
    assert before <= row.not_before <= timezone.now()
    assert AuditEntry.objects.get(action="retry").subject == f"outbound {row.pk}"
    press(client_of("staff"), "outbound", "send_again", row.pk)  # it waits no more: nothing to do, nothing written
    assert AuditEntry.objects.filter(action="retry").count() == 1


def test_it_lets_what_does_not_wait_alone(client_of, waiting):
    sent, arrived = Outbound.objects.get(guid="SENT"), Inbound.objects.get(sha256="2" * 64)
    press(client_of("staff"), "outbound", "send_again", sent.pk)
    press(client_of("staff"), "inbound", "read_again", arrived.pk)
    assert Outbound.objects.get(guid="SENT").needs_person == "was once"
    assert Inbound.objects.get(pk=arrived.pk).not_before == arrived.not_before
    assert not AuditEntry.objects.filter(action="retry").exists()


def test_it_gives_the_button_to_those_who_may_change_and_the_numbers_to_those_who_may_look(client_of, waiting, cast):
    person = cast.users["staff"]
    person.is_superuser = False
    person.save()
    staff = client_of("staff")
    assert "messagelist" not in staff.get("/admin/").content.decode()
    assert staff.get("/admin/declarations/inbound/").status_code == 403
    person.user_permissions.add(Permission.objects.get(codename="view_inbound"))
    assert "来件：1 份等待人工处理" in staff.get("/admin/").content.decode()
    assert "再读一次" not in page(staff, "inbound")
    press(staff, "inbound", "read_again", waiting["inbound"].pk)
    assert Inbound.objects.get(pk=waiting["inbound"].pk).state == "stuck"
    person.user_permissions.add(Permission.objects.get(codename="change_inbound"))
    assert "再读一次" in page(staff, "inbound")
    assert staff.get(f"/admin/declarations/inbound/{waiting['inbound'].pk}/delete/").status_code == 403


def test_it_speaks_english(client_of, waiting):
    staff = client_of("staff")
    staff.cookies["django_language"] = "en"
    body = staff.get("/admin/").content.decode()
    assert "wait" in body.split('class="messagelist"')[1].split("</ul>")[0]
    assert "Send again" in page(staff, "outbound")
    made = re.search(r"field-made[^>]*>([^<]*)", page(staff, "outbound")).group(1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", made)


def test_an_export_of_all_messages_is_written_down(cast, waiting, tmp_path):
    Inbound.objects.all().delete()
    call_command("export_messages", str(tmp_path / "evidence"))
    entry = AuditEntry.objects.get(action="export")
    assert (entry.subject, entry.details) == ("evidence", {"sent": 0, "received": 0})


def test_who_opens_the_draft_of_a_colleague_is_written_down(cast, client_of):
    author, colleague = client_of("merchant_filer"), client_of("merchant_administrator")
    author.post(reverse("form", args=["order"]), {"h.order_no": "X1", "lines": "0", "do": "draft"})
    draft = Draft.objects.get()
    address = reverse("draft", args=["order", draft.pk])
    assert author.get(address).status_code == 200
    assert not AuditEntry.objects.filter(action="uncover").exists()
    assert colleague.get(address).status_code == 200
    entry = AuditEntry.objects.get(action="uncover")
    assert (entry.user.username, entry.subject) == ("merchant_administrator", f"order draft {draft.pk}")
