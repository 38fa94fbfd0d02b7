"""One switch at a time: what a token, an epoch and a consent are good for afterwards, and what a crash leaves."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import Action, Alert, AlertKind, Entry
from consultations import modes
from consultations.calls import Refused
from consultations.models import Call
from recordings import live, pipeline
from recordings.capture import CaptureRefused, OpenSegment, segments, tokens
from recordings.models import Recording, Segment
from tests.babylon.marks import judge, marks
from tests.babylon.run import Killed, replay_of
from tests.cast import Cast
from tests.crowd import at_once
from tests.visits import CANVAS, CLINICIAN, PATIENT, Recorder, Visit, media, stored_files

pytestmark = [pytest.mark.database, pytest.mark.django_db]
TWO_MINUTES = timedelta(minutes=2)
SOUND, PICTURES = media("audio", 2), media("video", 2)


@pytest.fixture(autouse=True)
def small_pictures(settings) -> None:
    settings.RECORDING_CANVAS = CANVAS


@pytest.fixture
def ada(cast: Cast) -> Visit:
    return Visit(cast.ada, at=timezone.now() - TWO_MINUTES, consultation=cast.ada.planned).begin()


@pytest.fixture
def ben(cast: Cast) -> Visit:
    return Visit(cast.ben, at=timezone.now() - TWO_MINUTES, consultation=cast.ben.planned).begin()


def switched(visit: Visit) -> tuple[OpenSegment, OpenSegment]:
    """Record a sound part whose last chunk is still on its way, switch, and begin the part with pictures."""
    sound = visit.open("audio")
    visit.put(sound, 0, SOUND[0])
    visit.after(2)
    visit.close(sound, SOUND, reason="switch")
    visit.switch("video")
    return sound, visit.open("video")


def stored(*visits: Visit) -> list[set[str]]:
    return [stored_files(visit.recording) for visit in visits]


def test_a_token_from_before_the_switch_is_good_for_its_own_part_alone(ada: Visit, ben: Visit) -> None:
    sound, pictures = switched(ada)
    theirs, recorder, before = ben.open("audio"), Recorder(ben), stored(ada, ben)
    for segment in (pictures.segment.pk, theirs.segment.pk):
        answer = recorder.put(segment, sound.upload_token, 0, SOUND[0])
        assert (answer.status_code, answer.json()["code"]) == (403, "wrong_token")
        assert recorder.close(segment, sound.upload_token, SOUND).status_code == 403
        alert = Alert.objects.get(kind=AlertKind.MISUSED_CREDENTIAL, object_id=segment)
        assert alert.times == Entry.objects.filter(action=Action.MISUSED, object_id=segment).count() == 2
    assert stored(ada, ben) == before


def test_what_was_recorded_before_the_switch_still_arrives_and_nothing_beyond_it(ada: Visit) -> None:
    sound, pictures = switched(ada)
    before = stored(ada)
    beyond = Recorder(ada).put(sound.segment.pk, sound.upload_token, 2, PICTURES[1], times="2000-3000")
    assert (beyond.status_code, beyond.json()["code"]) == (409, "manifest_conflict")
    assert stored(ada) == before
    late = Recorder(ada).put(sound.segment.pk, sound.upload_token, 1, SOUND[1], times="1000-2000")
    assert late.status_code == 201
    assert len(stored(ada)[0] - before[0]) == 1
    assert Segment.objects.get(pk=sound.segment.pk).status == Segment.Status.COMPLETE


@pytest.mark.parametrize(("mode", "code"), [("audio", "stale_epoch"), ("video", "wrong_mode")])
def test_a_page_that_missed_the_switch_begins_nothing(ada: Visit, mode: str, code: str) -> None:
    switched(ada)
    ada.after(5)
    with pytest.raises(CaptureRefused) as refused:
        ada.open(mode, epoch=1)
    assert (refused.value.status, refused.value.code) == (409, code)
    assert ada.recording.segments.count() == 2


@pytest.mark.django_db(transaction=True)
def test_both_press_at_one_moment_and_the_second_sees_the_first(cast: Cast) -> None:
    ada = Visit(cast.ada, at=timezone.now() - TWO_MINUTES, consultation=cast.ada.planned).begin()
    switched(ada)
    ada.after(2)
    ada.call.refresh_from_db()
    epoch, places = ada.call.epoch, [ada.place(PATIENT), ada.place(CLINICIAN)]

    def press(number: int) -> str:
        try:
            modes.request(ada.call.pk, by=places[number], want="audio", epoch=epoch, now=ada.now)
        except Refused as refused:
            return refused.code
        return "changed"

    assert sorted(at_once(2, press)) == ["changed", "stale_epoch"]
    ada.call.refresh_from_db()
    assert (ada.call.mode, ada.call.epoch) == ("audio", epoch + 1)
    assert ada.call.events.filter(kind="rec.allowed", epoch=epoch + 1).count() == 1


def dies(*_: object, **__: object) -> None:
    raise Killed


@pytest.fixture
def at_death(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    with monkeypatch.context() as dying:
        yield dying


def test_a_process_that_dies_in_the_switch_leaves_the_old_epoch_whole(ada: Visit, at_death) -> None:
    ada.record("audio", 2)
    ada.switch("video")
    ada.after(2)
    before = Call.objects.get(pk=ada.call.pk)
    at_death.setattr(live, "_allow", dies)
    with pytest.raises(Killed):
        ada.switch("audio")
    at_death.undo()
    after = Call.objects.get(pk=ada.call.pk)
    assert (after.mode, after.epoch, after.seq) == (before.mode, before.epoch, before.seq)
    assert ada.open("video").created


def test_a_process_that_dies_before_the_token_is_out_leaves_one_epoch_and_one_part(ada: Visit, at_death) -> None:
    ada.record("audio", 2)
    ada.switch("video")
    wish = ada.wish("video")
    at_death.setattr(segments.tokens, "issue", dies)
    with pytest.raises(Killed):
        segments.open_segment(ada.world.clinician.user, now=ada.now, **wish)
    at_death.undo()
    (unfinished,) = segments.unfinished_of(ada.world.clinician.user, now=timezone.now())
    again = segments.open_segment(ada.world.clinician.user, now=ada.now, **wish)
    assert not again.created
    assert again.segment.pk == unfinished.segment.pk == wish["segment_id"]
    assert list(ada.recording.segments.order_by("number").values_list("mode", "epoch")) == [("audio", 1), ("video", 2)]
    assert tokens.segment_of_token(again.upload_token, again.segment.pk, now=ada.now) == again.segment


def test_after_consent_was_withdrawn_the_call_switches_and_nothing_is_recorded(ada: Visit) -> None:
    ada.record("audio", 2)
    ada.withdraw(PATIENT)
    before = stored(ada), ada.recording.segments.count(), live.live_lease(ada.call)
    ada.after(2)
    ada.switch("video")
    ada.call.refresh_from_db()
    assert (ada.call.mode, ada.call.status) == ("video", Call.Status.LIVE)
    with pytest.raises(CaptureRefused):
        ada.open("video", lease_id=ada.recording.leases.get().pk)
    assert (stored(ada), ada.recording.segments.count(), live.live_lease(ada.call)) == before
    assert Entry.objects.filter(action=Action.WITHDREW, patient=ada.world.patient.pk).count() == 1


def test_one_batch_of_sound_and_pictures_of_two_people(cast: Cast) -> None:
    whose = dict(zip((cast.ada, cast.ben), marks(2), strict=True))
    visits = {world: Visit(world, at=cast.now - timedelta(hours=6)).begin() for world in (cast.ada, cast.ben)}
    visits[cast.ben].switch("video")
    for world, mode in ((cast.ada, "audio"), (cast.ben, "video")):
        visits[world].record(mode, chunks=whose[world].media(mode))
        visits[world].end()
    for job in [visit.job for visit in visits.values()]:
        pipeline.process(job.pk, now=cast.now)
    for world, visit in visits.items():
        others = [mark for mark in whose.values() if mark != whose[world]]
        assert visit.recording.status == Recording.Status.READY
        assert judge(replay_of(visit.recording), whose[world], others, visit.recording.timeline).is_pure
        assert visit.recording.renditions.get().patient == visit.recording.patient == world.patient
