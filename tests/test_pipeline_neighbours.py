"""Nobody is in two calls at once: both recordings are held back until staff have looked. What is ordinary is not."""

import random
from datetime import timedelta
from importlib import import_module

import pytest
from django.utils import timezone

from consultations import presence
from recordings import capture, policy, upkeep
from recordings.models import QuarantineDecision, Recording
from recordings.pipeline.evidence import recorded_at_once
from tests.cast import Cast, World
from tests.figures import record
from tests.quarantined import another_administrator, confirm, propose, undone
from tests.visits import CANVAS, CLINICIAN, Visit, media, recorded_visit

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def small_pictures(settings) -> None:
    settings.RECORDING_CANVAS = CANVAS


def pair(cast: Cast, *, whose: str, later_s: int = 2) -> tuple[Visit, Visit]:
    """Return two visits with one person in both, the second recorded some seconds later."""
    at = cast.now - timedelta(hours=6)
    first = recorded_visit(cast.ada, at=at, seconds=5)
    worlds = {"clinician": (cast.ben.patient, cast.ada.clinician), "patient": (cast.ada.patient, cast.ben.clinician)}
    patient, clinician = worlds[whose]
    mixed = World(
        patient, clinician, cast.ben.colleague, cast.ben.planned, cast.ben.held, cast.ben.call, cast.ben.recording,
        cast.ben.replay, b"",
    )  # fmt: skip
    # The calls were at once; the bookings were not, which the database would refuse.
    second = Visit(mixed, at=at + timedelta(minutes=15))
    second.now = at + timedelta(seconds=later_s)
    second.begin().record("audio", 5)
    return first, second.end()


def is_hidden(recording: Recording) -> bool:
    people = (recording.patient.user, recording.clinician.user)
    return not any(policy.playable_by(person).filter(pk=recording.pk).exists() for person in people)


@pytest.mark.parametrize("whose", ["clinician", "patient"])
def test_both_are_held_back_whichever_comes_first(cast: Cast, whose: str) -> None:
    first, second = pair(cast, whose=whose)
    assert recorded_at_once(first.recording) == [second.recording]
    for visit in (second, first):
        recording = visit.process()
        assert (recording.status, recording.reason) == ("quarantined", "another_call_at_once")
        assert not recording.renditions.exists() and is_hidden(recording)
        assert not policy.granted_to(recording.patient.user).filter(pk=recording.pk).exists()
    assert cast.ben.recording.status == "ready" and not is_hidden(cast.ben.recording)


def test_one_that_could_be_watched_already_is_taken_back(cast: Cast) -> None:
    """The other one's pieces came late: when the first was checked, nothing of it was there."""
    first, second = pair(cast, whose="clinician")
    chunks = list(second.recording.segments.get().chunks.all())
    second.recording.segments.get().chunks.all().delete()
    assert first.process().status == "ready" and not is_hidden(first.recording)
    type(chunks[0]).objects.bulk_create(chunks)
    assert second.process().reason == "another_call_at_once"
    assert (first.recording.status, first.recording.reason) == ("quarantined", "another_call_at_once")
    assert is_hidden(first.recording)


def test_one_that_is_just_being_published_is_not(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is held back while its own worker stores the replay: the worker leaves nothing and grants nothing."""
    first, second = pair(cast, whose="clinician")
    chunks = list(second.recording.segments.get().chunks.all())
    second.recording.segments.get().chunks.all().delete()
    publish = import_module("recordings.pipeline.publish")
    store = publish._store

    def meanwhile(*args: object) -> None:
        store(*args)
        type(chunks[0]).objects.bulk_create(chunks)
        assert second.process().status == "quarantined"

    monkeypatch.setattr(publish, "_store", meanwhile)
    assert first.process().status == "quarantined"
    assert not first.recording.renditions.exists() and is_hidden(first.recording)
    assert not policy.granted_to(cast.ada.patient.user).filter(pk=first.recording.pk).exists()


def test_each_is_released_by_itself(cast: Cast) -> None:
    first, second = pair(cast, whose="clinician")
    first.process(), second.process()
    chief, other = cast.administrator, another_administrator()
    confirm(propose(first.recording, chief), other)
    first.now = timezone.now()
    assert first.process().status == "ready" and not is_hidden(first.recording)
    assert second.recording.status == "quarantined"
    confirm(propose(second.recording, chief), other)
    second.now = timezone.now()
    assert second.process().status == "ready" and first.recording.status == "ready"


def test_what_staff_discarded_does_not_count_any_more(cast: Cast) -> None:
    first, second = pair(cast, whose="clinician")
    first.process()
    confirm(propose(first.recording, cast.administrator, "discard"), another_administrator())
    assert second.process().status == "ready"
    assert QuarantineDecision.objects.get().recording == first.recording


def test_one_after_the_other_and_strangers_at_once_are_ordinary(cast: Cast) -> None:
    first, second = pair(cast, whose="clinician", later_s=60)
    ben = recorded_visit(cast.ben, at=cast.now - timedelta(hours=6))
    assert [visit.process().status for visit in (first, second, ben)] == ["ready"] * 3


# Ordinary visits

EXPECTED = {"ready", "partial"}


def reloads(visit: Visit) -> None:
    """The clinician's page is closed and opened again: another tab, another lease."""
    place = visit.place(CLINICIAN)
    presence.drop(place, sid=place.sid, channel=place.channel, now=visit.after(1))
    again = {"tab": f"tab{visit.now.timestamp()}", "channel": f"again{visit.now.timestamp()}"}
    presence.join(visit.call, visit.place(CLINICIAN), resume_sid="", takeover=False, now=visit.after(4), **again)


def loses_its_connection(visit: Visit) -> None:
    """The socket is gone for a while; the recorder goes on and the same tab takes its place again."""
    place = visit.place(CLINICIAN)
    presence.drop(place, sid=place.sid, channel=place.channel, now=visit.after(1))
    a_part(visit, random.Random(1))
    presence.join(
        visit.call, visit.place(CLINICIAN), tab=place.tab, channel="back", resume_sid=place.sid, takeover=False,
        now=visit.after(2),
    )  # fmt: skip


def pauses(visit: Visit) -> None:
    visit.withdraw()
    visit.after(20)
    visit.allow("patient")
    visit.after(1)


def switches(visit: Visit) -> None:
    visit.after(3)
    visit.call.refresh_from_db()
    visit.switch("audio" if visit.call.mode == "video" else "video")


def a_part(visit: Visit, chance: random.Random) -> None:
    """Some seconds with whatever may happen to them: pieces lost, the same twice, a clock that is off, no end."""
    visit.call.refresh_from_db()
    mode, seconds = visit.call.mode, chance.randint(1, 4)
    skew = chance.choice([0, 0, -1500, 1500])
    opened = visit.open(mode, t0=round(visit.now.timestamp() * 1000) + skew)
    chunks = media(mode, seconds)
    lost = {number for number in range(1, seconds) if chance.random() < 0.15}
    late = []
    for number, body in enumerate(chunks):
        visit.after(1)
        if number in lost:
            continue
        if chance.random() < 0.2:
            late.append((number, body))
        else:
            visit.put(opened, number, body)
    for number, body in chance.sample(late, len(late)):
        visit.after(chance.randint(0, 2))
        visit.put(opened, number, body)
        visit.put(opened, number, body)
    visit.close(opened, chunks)


STEPS = [switches, pauses, reloads, loses_its_connection]


def ordinary(cast: Cast, seed: int) -> Visit:
    chance = random.Random(seed)
    visit = Visit(cast.ada, at=cast.now - timedelta(hours=6)).begin()
    for _ in range(chance.randint(2, 6)):
        a_part(visit, chance)
        chance.choice(STEPS)(visit)
    a_part(visit, chance)
    visit.after(chance.choice([0, 5, 400]))
    return visit.end(chance.choice(["ended", "lost"]))


@pytest.mark.parametrize("visits", [5, pytest.param(60, marks=[pytest.mark.long, pytest.mark.isolation])])
def test_ordinary_visits_are_never_held_back(cast: Cast, visits: int) -> None:
    """Switches, pauses, reloads, lost sockets, lost and late pieces, clocks that are a little off, in any order."""
    fine = 0
    for seed in range(visits):
        with undone():
            visit = ordinary(cast, seed)
            later = visit.after(1300)
            upkeep.sweep(now=later)
            capture.seal_if_whole(visit.recording, now=later)
            recording = visit.process()
            assert recording.status in EXPECTED, (seed, recording.status, recording.reason, visit.job.fault)
            fine += 1
    record("ordinary visits / shown", f"{fine} of {visits}", "all")
