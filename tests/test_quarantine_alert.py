"""Staff hear of a recording that is held back: once for each version, with the letter, and never in its way."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail

from accounts.models import User
from audit import alerts
from audit.ledger import Actor
from audit.models import Alert, AlertKind
from audit.tasks import mail_alerts
from recordings import jobs, pipeline
from recordings.models import ProcessingJob, Recording, Segment
from tests.cast import Cast
from tests.quarantined import another_administrator, confirm, held_back, propose
from tests.test_pipeline_neighbours import pair
from tests.visits import CANVAS, Visit, recorded_visit

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def small_pictures(settings: Any) -> None:
    settings.RECORDING_CANVAS = CANVAS


def told_of(recording: Recording) -> list[tuple[str, int, int]]:
    found = Alert.objects.filter(kind=AlertKind.QUARANTINED, object_id=recording.pk).order_by("raised_at")
    assert all(alert.patient == recording.patient_id for alert in found)
    return [(alert.detail["reason"], alert.detail["version"], alert.times) for alert in found]


def test_staff_are_told_with_a_letter_that_holds_no_ids(cast: Cast, settings: Any) -> None:
    settings.ALERT_EMAILS = ["on.call@cast.test"]
    recording = held_back(cast).recording
    assert told_of(recording) == [("recorder_was_absent", 1, 1)]
    mail_alerts()
    (letter,) = mail.outbox
    assert "A recording is held back" in letter.body
    assert str(recording.pk) not in letter.body and "Ada" not in letter.body


@pytest.mark.parametrize("handled", [False, True])
def test_the_same_version_is_told_once_even_if_somebody_has_handled_it(handled: bool, cast: Cast) -> None:
    visit = held_back(cast)
    recording, second = visit.recording, another_administrator()
    if handled:
        alerts.handle(Alert.objects.get(), actor=Actor(second.pk), note="Asked them both.", now=cast.now)
    released_in_vain(visit, cast.administrator, second)
    assert recording.jobs.count() == 2 and visit.recording.reason == "capture_was_not_allowed"
    assert told_of(recording) == [("recorder_was_absent", 1, 1)]


def released_in_vain(visit: Visit, first: User, second: User) -> None:
    """Two people release it, and the run that does so finds something else."""
    confirm(propose(visit.recording, first), second)
    Segment.objects.filter(recording=visit.recording).update(epoch=99)
    job = ProcessingJob.objects.get(recording=visit.recording, status=ProcessingJob.Status.QUEUED)
    pipeline.process(job.pk, now=visit.after(7200))


def test_both_of_two_calls_at_once_are_told(cast: Cast) -> None:
    first, second = pair(cast, whose="clinician")
    chunks = list(second.recording.segments.get().chunks.all())
    second.recording.segments.get().chunks.all().delete()
    assert first.process().status == "ready" and told_of(first.recording) == []
    type(chunks[0]).objects.bulk_create(chunks)
    second.process()
    assert told_of(second.recording) == [("another_call_at_once", 1, 1)]
    assert told_of(first.recording) == [("another_call_at_once", 2, 1)], "what was held back is its next version"


def test_a_job_that_lost_its_lease_tells_nobody(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object, **__: object) -> None:
        raise jobs.LostFence

    monkeypatch.setattr(jobs, "finishing", lost)
    with pytest.raises(AssertionError):
        held_back(cast)
    assert not Alert.objects.exists()


def test_what_is_fine_tells_nobody(cast: Cast) -> None:
    assert recorded_visit(cast.ada, at=cast.now - timedelta(hours=6)).process().status == "ready"
    assert not Alert.objects.exists()
