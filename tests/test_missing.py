"""What is missing from a recording, since when until when and why; and what is not ready, in /clinic/."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from consultations.models import CallEvent
from recordings.models import Recording
from tests.cast import Cast, World
from tests.shares import share

pytestmark = pytest.mark.django_db
TIMELINE = [
    {"kind": "audio", "from_ms": 0, "to_ms": 60_000, "segment": 0},
    {"kind": "hole", "from_ms": 60_000, "to_ms": 90_000, "reason": "missing"},
    {"kind": "audio", "from_ms": 90_000, "to_ms": 120_000, "segment": 1},
    {"kind": "hole", "from_ms": 120_000, "to_ms": 150_000, "reason": "interrupted"},
    {"kind": "audio", "from_ms": 150_000, "to_ms": 160_000, "segment": 2},
    {"kind": "hole", "from_ms": 260_000, "to_ms": 290_000, "reason": "interrupted"},
]


def with_gaps(world: World) -> Recording:
    Recording.objects.filter(pk=world.recording.pk).update(
        status="partial", timeline=TIMELINE, started_at="2026-03-02T10:00:00+00:00", created_at=timezone.now()
    )
    world.recording.refresh_from_db()
    return world.recording


def happened(recording: Recording, seconds: int, kind: str, role: str = "clinician") -> None:
    CallEvent.objects.create(
        call=recording.call, patient=recording.patient, seq=100 + seconds, epoch=1, kind=kind,
        payload={"participant": {"role": role}}, at=recording.started_at + timedelta(seconds=seconds),
    )  # fmt: skip


def page(user: User, path: str) -> str:
    client = Client()
    client.force_login(user)
    return " ".join(client.get(path).content.decode().split())


def test_each_hole_has_its_times_of_the_day_and_the_reason_that_is_known(cast: Cast) -> None:
    recording = with_gaps(cast.ada)
    happened(recording, 110, "left")
    happened(recording, 250, "left", role="patient")
    for user in (cast.ada.patient.user, cast.ada.clinician.user):
        words = page(user, f"/recordings/{recording.pk}/")
        assert words.index("10:01:00–10:01:30") < words.index("never arrived") < words.index("10:02:00–10:02:30")
        assert words.index("10:02:00–10:02:30") < words.index("lost its connection") < words.index("10:04:20–10:04:50")
        assert words.index("10:04:20–10:04:50") < words.index("Nothing was recorded")


def test_a_fault_that_the_recorder_told_is_the_reason(cast: Cast) -> None:
    recording = with_gaps(cast.ada)
    happened(recording, 121, "rec.fault")
    assert "reported a fault" in page(cast.ada.clinician.user, f"/recordings/{recording.pk}/")


def test_whoever_it_is_shared_with_is_not_told_why(cast: Cast) -> None:
    recording = with_gaps(cast.ada)
    words = page(share(cast.ada).grantee, f"/recordings/{recording.pk}/")
    assert "Some moments" in words and "What is missing and why" not in words


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("partial", "3 stretches are missing"),
        ("failed", "Preparing it did not work"),
        ("capturing", "It is being saved"),
    ],
)
def test_the_clinician_sees_what_is_not_ready_and_nobody_elses(cast: Cast, status: str, words: str) -> None:
    recording = with_gaps(cast.ada)
    Recording.objects.filter(pk=recording.pk).update(status=status)
    assert words in page(cast.ada.clinician.user, "/clinic/")
    for person in (cast.ada.colleague, cast.ben.clinician):
        assert "Not ready, or with gaps" not in page(person.user, "/clinic/")


def test_what_is_ready_held_back_erased_or_long_ago_is_not_in_that_list(cast: Cast) -> None:
    recording = with_gaps(cast.ada)
    for facts in (
        {"status": "ready"},
        {"status": "quarantined"},
        {"status": "erased"},
        {"created_at": timezone.now() - timedelta(days=15)},
    ):
        Recording.objects.filter(pk=recording.pk).update(**{"status": "partial", **facts})
        assert "Not ready, or with gaps" not in page(cast.ada.clinician.user, "/clinic/")
