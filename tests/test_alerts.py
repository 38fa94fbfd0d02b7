"""Alerts: what must never happen is written down, told to the staff, and closed by a person who says what was found."""

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core import mail
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.models import User
from audit import alerts, ledger, spool
from audit.ledger import Actor
from audit.models import Action, Alert, AlertKind, Entry
from recordings import policy
from tests.cast import Cast
from tests.ledgers import ledger_down

pytestmark = [pytest.mark.database, pytest.mark.django_db]
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SOMEBODY = Actor(uuid.uuid4(), "s" * 64)


def raise_one(object_id: uuid.UUID, now: datetime = NOW) -> None:
    alerts.raise_alert(
        AlertKind.FOREIGN_ROW, actor=SOMEBODY, now=now, object_type="recording", object_id=object_id, detail={"n": 1}
    )


def test_an_alert_is_a_row_and_a_line_of_the_ledger() -> None:
    raise_one(matter := uuid.uuid4())
    alert = Alert.objects.get()
    assert (alert.kind, alert.object_id, alert.times, alert.handled_at) == ("foreign_row", matter, 1, None)
    entry = Entry.objects.get()
    assert (entry.action, entry.reason, entry.object_id, entry.actor) == (
        Action.ALERTED,
        "foreign_row",
        matter,
        SOMEBODY.id,
    )


def test_the_same_matter_is_one_row_until_it_is_handled_and_a_line_each_time() -> None:
    raise_one(matter := uuid.uuid4())
    raise_one(matter, NOW + timedelta(minutes=1))
    raise_one(uuid.uuid4())
    assert sorted(Alert.objects.values_list("times", flat=True)) == [1, 2]
    twice = Alert.objects.get(times=2)
    assert (twice.raised_at, twice.last_at) == (NOW, NOW + timedelta(minutes=1))
    assert Entry.objects.filter(action=Action.ALERTED).count() == 3
    alerts.handle(twice, actor=SOMEBODY, note="A test of the guard.", now=NOW)
    raise_one(matter)
    assert Alert.objects.filter(object_id=matter).count() == 2


def test_without_the_ledger_an_alert_is_a_row_all_the_same_and_its_line_waits(ledger_places: Path) -> None:
    with ledger_down():
        raise_one(matter := uuid.uuid4())
        assert not Entry.objects.exists()
    assert Alert.objects.get().object_id == matter
    assert spool.drain(now=NOW) == 1
    assert (entry := Entry.objects.get()).object_id == matter and entry.action == Action.ALERTED


def test_without_ledger_and_disk_an_alert_is_in_the_log_and_stops_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ledger.LedgerUnavailable

    monkeypatch.setattr(spool, "append_or_spool", broken)
    raise_one(matter := uuid.uuid4())
    assert not Alert.objects.exists()
    assert [record.levelname for record in caplog.records] == ["CRITICAL", "CRITICAL"]
    assert str(matter) in caplog.text


def test_an_alert_is_closed_by_somebody_with_a_note_only() -> None:
    raise_one(uuid.uuid4())
    alert = Alert.objects.get()
    with pytest.raises(ValueError, match="says what was found"):
        alerts.handle(alert, actor=SOMEBODY, note="  ", now=NOW)
    with pytest.raises(ValueError, match="says what was found"):
        alerts.handle(alert, actor=ledger.PORTAL, note="Found.", now=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        Alert.objects.filter(pk=alert.pk).update(handled_at=NOW, handled_by=SOMEBODY.id)
    alerts.handle(alert, actor=SOMEBODY, note="Found.", now=NOW)
    alerts.handle(alert, actor=Actor(uuid.uuid4()), note="Found again.", now=NOW)
    alert.refresh_from_db()
    assert (alert.handled_by, alert.note) == (SOMEBODY.id, "Found.")
    assert Entry.objects.filter(action=Action.HANDLED, object_id=alert.pk).count() == 1


def test_who_is_on_call_gets_one_letter_without_ids(settings: Any) -> None:
    raise_one(matter := uuid.uuid4())
    assert alerts.mail(now=NOW) == 0
    settings.ALERT_EMAILS = ["oncall@cast.test"]
    assert [alerts.mail(now=NOW), alerts.mail(now=NOW)] == [1, 0]
    (letter,) = mail.outbox
    assert letter.to == ["oncall@cast.test"]
    assert "An answer held what is somebody else's" in letter.body
    assert str(matter) not in letter.body


def test_two_keys_that_disagree_raise_one(cast: Cast) -> None:
    recording = cast.ada.recording
    policy.withdraw_playback(recording, cast.ada.patient.user)
    client = Client()
    client.force_login(cast.ada.patient.user)
    assert client.get(f"/recordings/{recording.pk}/").status_code == 404
    alert = Alert.objects.get()
    assert (alert.kind, alert.object_id, alert.detail) == ("two_keys", recording.pk, {"reason": "basis_without_grant"})


def test_a_stranger_raises_none(cast: Cast) -> None:
    recording = cast.ada.recording
    client = Client()
    client.force_login(cast.ben.patient.user)
    assert client.get(f"/recordings/{recording.pk}/").status_code == 404
    assert not Alert.objects.exists()


def test_staff_read_alerts_and_administrators_close_them(cast: Cast) -> None:
    raise_one(uuid.uuid4())
    alert = Alert.objects.get()
    address = f"/admin/audit/alert/{alert.pk}/change/"
    cast.staff.groups.add(Group.objects.get(name="Staff"))
    clerk, chief = Client(), Client()
    clerk.force_login(cast.staff)
    chief.force_login(User.objects.create_superuser("chief@cast.test", "x", name="A"))
    assert clerk.get(address).status_code == 200
    assert clerk.post(address, {"note": "Looked at it."}).status_code == 403
    assert chief.post(address, {"note": " "}).status_code == 200
    alert.refresh_from_db()
    assert alert.handled_at is None
    assert chief.post(address, {"note": "Looked at it."}).status_code == 302
    alert.refresh_from_db()
    assert alert.note == "Looked at it."
    assert chief.post(address, {"note": "Something else."}).status_code == 403
