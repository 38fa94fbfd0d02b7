"""A recording is compared with its call's own log: each misfit is planted behind the services' back and held back."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from importlib import import_module

import pytest
from django.db import connection
from django.db.models import F

from audit import triggers
from audit.models import Action, Entry
from consultations.models import Call, CallEvent, Participant
from recordings import policy
from recordings.misfits import MISFITS
from recordings.models import Chunk, RecorderLease, Recording, Segment
from tests.cast import Cast
from tests.figures import record
from tests.quarantined import clinician_left, undone
from tests.replays import status_at
from tests.visits import CANVAS, CLINICIAN, PATIENT, Visit, recorded_visit

pytestmark = [pytest.mark.database, pytest.mark.django_db]
HOURS = timedelta(hours=1)


@pytest.fixture(autouse=True)
def small_pictures(settings) -> None:
    settings.RECORDING_CANVAS = CANVAS


def switching_visit(cast: Cast) -> Visit:
    """Sound, pictures, sound: three segments in three epochs."""
    visit = Visit(cast.ada, at=cast.now - 6 * HOURS).begin()
    visit.record("audio", 2)
    visit.switch("video")
    visit.record("video", 2)
    visit.switch("audio")
    visit.record("audio", 2)
    return visit.end()


def segment(visit: Visit, number: int = 0):  # type: ignore[no-untyped-def]
    return Segment.objects.filter(recording=visit.recording, number=number)


def call(visit: Visit):  # type: ignore[no-untyped-def]
    return Call.objects.filter(pk=visit.call.pk)


def change_log(visit: Visit, what: str, role: str = "", **facts: object) -> None:
    with triggers.lifted(connection):
        events = CallEvent.objects.filter(call=visit.call, kind=what)
        if role:
            events = events.filter(payload__participant__id=str(visit.place(role).pk))
        assert events.update(**facts) > 0


def began_long_before_the_call(visit: Visit) -> None:
    call(visit).update(started_at=F("started_at") + timedelta(minutes=1))


def began_after_its_end(visit: Visit) -> None:
    call(visit).update(ended_at=F("started_at") - timedelta(minutes=1))


def never_began(visit: Visit) -> None:
    call(visit).update(started_at=None)


def ran_past_the_end(visit: Visit) -> None:
    """The lease forgot its end, so only the call itself knows it."""
    RecorderLease.objects.filter(recording=visit.recording).update(revoked_at=visit.now + HOURS)
    last = Chunk.objects.filter(segment__recording=visit.recording).latest("received_at")
    late = {"from_ms": 60_000, "to_ms": 61_000, "received_at": last.received_at + timedelta(minutes=1)}
    Chunk.objects.filter(pk=last.pk).update(**late)


def listed_a_day(visit: Visit) -> None:
    segment(visit).update(duration_ms=86_400_000)


def arrived_before_it_was_made(visit: Visit) -> None:
    Chunk.objects.filter(segment__in=segment(visit), number=1).update(from_ms=60_000, to_ms=61_000)


def arrived_before_it_was_opened(visit: Visit) -> None:
    segment(visit).update(opened_at=F("opened_at") + timedelta(minutes=1))


def pictures_in_an_audio_epoch(visit: Visit) -> None:
    event = CallEvent.objects.filter(call=visit.call, kind="mode.changed").earliest("seq")
    change_log(visit, "mode.changed", payload=event.payload | {"mode": "audio"})


def epoch_of_the_first_part(visit: Visit) -> None:
    """The last part says that it is of the first part's epoch, which allowed the same."""
    segment(visit, 2).update(epoch=segment(visit, 0).get().epoch)


def a_switch_nobody_logged(visit: Visit) -> None:
    change_log(visit, "mode.changed", kind="mode.other")


def an_epoch_too_many(visit: Visit) -> None:
    call(visit).update(epoch=F("epoch") + 1)


def a_line_of_the_log_is_gone(visit: Visit) -> None:
    with triggers.lifted(connection):
        CallEvent.objects.filter(call=visit.call, kind="mode.asked").delete()


def the_log_was_cut(visit: Visit) -> None:
    call(visit).update(seq=F("seq") + 1)


def recorded_by_the_patient(visit: Visit) -> None:
    """Everything else is right: the patient was admitted and there."""
    with triggers.lifted(connection):
        RecorderLease.objects.filter(recording=visit.recording).update(participant=visit.place(PATIENT))


def recorded_by_a_guest(visit: Visit) -> None:
    with triggers.lifted(connection):
        Participant.objects.filter(pk=visit.place(CLINICIAN).pk).update(role="guest")


def admitted_later(visit: Visit) -> None:
    change_log(visit, "admitted", CLINICIAN, at=visit.now)


def never_joined(visit: Visit) -> None:
    change_log(visit, "joined", CLINICIAN, kind="joined.other")


def connection_lost_for_long(visit: Visit) -> None:
    clinician_left(visit)
    event = CallEvent.objects.get(call=visit.call, kind="left")
    facts = {"payload": event.payload | {"for_good": False}, "at": event.at - timedelta(minutes=2)}
    change_log(visit, "left", **facts)


def a_piece_more_than_listed(visit: Visit) -> None:
    """One is absent, one is beyond the list: their number is right."""
    Chunk.objects.filter(segment__in=segment(visit), number=1).update(number=9)


def pieces_in_another_order(visit: Visit) -> None:
    chunks = Chunk.objects.filter(segment__in=segment(visit))
    for before, after in ((0, 7), (1, 0), (7, 1)):
        chunks.filter(number=before).update(number=after)


def a_root_of_something_else(visit: Visit) -> None:
    segment(visit, 1).update(root=segment(visit, 0).get().root)


PLANTED: list[tuple[Callable[[Visit], None], str]] = [
    (began_long_before_the_call, "began_outside_the_call"),
    (began_after_its_end, "began_outside_the_call"),
    (never_began, "began_outside_the_call"),
    (ran_past_the_end, "ran_past_the_call"),
    (listed_a_day, "claims_more_time_than_passed"),
    (arrived_before_it_was_made, "received_before_it_was_recorded"),
    (arrived_before_it_was_opened, "received_before_it_was_recorded"),
    (pictures_in_an_audio_epoch, "video_in_an_audio_call"),
    (epoch_of_the_first_part, "began_after_it_was_allowed"),
    (a_switch_nobody_logged, "epochs_do_not_add_up"),
    (an_epoch_too_many, "epochs_do_not_add_up"),
    (a_line_of_the_log_is_gone, "call_log_has_gaps"),
    (the_log_was_cut, "call_log_has_gaps"),
    (recorded_by_the_patient, "recorder_may_not_record"),
    (recorded_by_a_guest, "recorder_may_not_record"),
    (admitted_later, "recorder_was_not_admitted"),
    (never_joined, "recorder_was_absent"),
    (clinician_left, "recorder_was_absent"),
    (connection_lost_for_long, "recorder_was_absent"),
    (a_piece_more_than_listed, "more_chunks_than_listed"),
    (pieces_in_another_order, "manifest"),
    (a_root_of_something_else, "manifest"),
]


def is_hidden(cast: Cast, recording: Recording) -> bool:
    """No grant, in nobody's list, and a calm word for its patient."""
    people = cast.actors().values()
    listed = any(policy.playable_by(person).filter(pk=recording.pk).exists() for person in people)
    granted = any(policy.granted_to(person).filter(pk=recording.pk).exists() for person in people)
    status = status_at(recording.patient.user, recording.consultation)
    return not listed and not granted and (status["state"], status["replay_url"]) == ("quarantined", "")


@pytest.mark.isolation
def test_each_planted_misfit_is_held_back_and_nothing_else_is(cast: Cast) -> None:
    """One visit, put back after each; the neighbour's is there all the time and becomes ready in the end."""
    ben = recorded_visit(cast.ben, at=cast.now - 6 * HOURS)
    visit, held = switching_visit(cast), 0
    for plant, reason in PLANTED:
        with undone():
            plant(visit)
            recording = visit.process()
            assert (recording.status, recording.reason) == ("quarantined", reason), plant.__name__
            assert not recording.renditions.exists() and is_hidden(cast, recording), plant.__name__
            line = Entry.objects.filter(object_id=recording.pk, action=Action.QUARANTINED).latest("seq")
            assert line.reason == reason
            assert reason in MISFITS
            held += 1
    assert visit.process().status == "ready", "without any of them it is sound"
    assert ben.process().status == "ready"
    record("misfits planted in a recording / held back", f"{held} of {len(PLANTED)}", "all")


def test_a_replay_that_is_longer_than_its_call(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    visit, process = switching_visit(cast), import_module("recordings.pipeline.process")
    real = process.run_job

    def longer(job, **more):  # type: ignore[no-untyped-def]
        return replace(real(job, **more), duration_ms=3_600_000)

    monkeypatch.setattr(process, "run_job", longer)
    recording = visit.process()
    assert (recording.status, recording.reason) == ("quarantined", "longer_than_the_call")
    assert is_hidden(cast, recording)
