"""What is let go of, and when: a day too early nothing, then the rows and files, and never what was filed."""

from datetime import timedelta

import pytest
from celery.schedules import crontab
from django.contrib.sessions.models import Session
from django.utils import timezone

from declarations import tasks
from declarations.doors import uploads
from declarations.models import Document, Order, Upload, UploadFile, UploadRow, UploadState
from portal.celery import SCHEDULE, app
from portal.sentences import speak
from tests import make
from tests.exchange.desk import filed
from tests.filing.test_uploads import decided, numbers, received, sent_in, swept

HOUR = timedelta(hours=1)
NEVER = timedelta(days=4000)


def kept(upload: Upload, *, later: timedelta) -> tuple[str, bool, bool]:
    """State, and whether rows and file are there, after the sweep so much later."""
    uploads.drop_expired(now=timezone.now() + later)
    upload.refresh_from_db()
    rows, files = (table.objects.filter(upload_id=upload.id) for table in (UploadRow, UploadFile))
    return upload.state, rows.exists(), files.exists()


def test_it_gives_up_what_nobody_decided_on(cast):
    upload = swept(received(cast, "order", [make.order(1)]))
    assert kept(upload, later=uploads.UNDECIDED_KEPT - HOUR) == (UploadState.CHECKED, True, True)
    assert kept(upload, later=uploads.UNDECIDED_KEPT + HOUR) == (UploadState.DISCARDED, False, False)
    assert "30 天" in speak(upload.reason)
    assert not decided(cast, upload)


def test_it_counts_the_days_anew_when_the_clerk_got_the_decision_back(cast):
    upload = swept(received(cast, "order", [make.order(1), make.order(2)]))
    decided(cast, upload, all_or_nothing=True)
    Upload.objects.update(checked_at=timezone.now() - uploads.UNDECIDED_KEPT - HOUR)
    filed(cast, "order", 2, note="inzwischen")
    assert swept(upload).state == UploadState.CHECKED
    assert kept(upload, later=HOUR) == (UploadState.CHECKED, True, True)


def test_it_drops_the_file_nobody_could_read_at_once_and_keeps_the_reason(cast):
    upload = swept(sent_in(cast, b"x"))
    reason = upload.reason
    assert not UploadFile.objects.exists()
    assert kept(upload, later=uploads.UNDECIDED_KEPT + HOUR) == (UploadState.REFUSED, False, False)
    assert upload.reason == reason != ""


def test_it_drops_the_rows_of_a_filed_workbook_and_nothing_that_was_filed(cast):
    upload = swept(received(cast, "order", [make.order(1)]))
    decided(cast, upload)
    swept(upload)
    assert kept(upload, later=uploads.ROWS_KEPT - HOUR) == (UploadState.FILED, True, False)
    assert kept(upload, later=uploads.ROWS_KEPT + HOUR) == (UploadState.FILED, False, False)
    assert numbers(upload) == (1, 0, 0)
    assert Document.objects.count() == Order.objects.count() == 1


@pytest.mark.parametrize("state", [UploadState.RECEIVED, UploadState.FILING])
def test_it_leaves_alone_what_a_sweep_still_has_to_do(cast, state):
    upload = swept(received(cast, "order", [make.order(1)]))
    Upload.objects.update(state=state)
    assert kept(upload, later=NEVER) == (state, True, True)


def test_it_tidies_up_once_a_day(cast):
    upload = swept(received(cast, "order", [make.order(1)]))
    Upload.objects.update(checked_at=timezone.now() - uploads.UNDECIDED_KEPT - HOUR)
    now = timezone.now()
    Session.objects.create(session_key="ended", session_data="", expire_date=now - HOUR)
    Session.objects.create(session_key="going", session_data="", expire_date=now + HOUR)
    tasks.tidy_up()
    upload.refresh_from_db()
    assert upload.state == UploadState.DISCARDED
    assert list(Session.objects.values_list("session_key", flat=True)) == ["going"]


def test_it_has_every_task_of_the_schedule():
    app.loader.import_default_modules()  # as a worker does when it starts
    assert set(SCHEDULE) <= set(app.tasks)
    _line, daily = SCHEDULE["declarations.tasks.tidy_up"]
    assert isinstance(daily, crontab) and (daily.hour, daily.minute, len(daily.day_of_week)) == ({3}, {30}, 7)
    assert all(entry["options"]["expires"] > 0 for entry in app.conf.beat_schedule.values())
