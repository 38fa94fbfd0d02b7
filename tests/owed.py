"""Lets everything happen that a person is written to about, with clinical words wherever there is room for any."""

from datetime import datetime, timedelta

from django.utils import timezone

from accounts.models import User
from audit.ledger import Actor
from consultations import booking, letters, notes, reminders
from consultations.models import Consultation, Participant
from notices import delivery
from notices.models import Preferences
from recordings import letters as replay_letters
from recordings import playback
from tests.bookings import make_offer
from tests.cast import FIFTEEN, World, make_note
from tests.shares import share

CLINICAL = "Chlamydia"
A_DAY, AN_HOUR = timedelta(days=1), timedelta(hours=1)


def plan(world: World, *, starts_at: datetime, booked_at: datetime) -> Consultation:
    return booking.book(
        world.patient, world.clinician, starts_at=starts_at, ends_at=starts_at + FIFTEEN, reason=CLINICAL,
        adjustments=CLINICAL, now=booked_at,
    )  # fmt: skip


def at_any_hour(*users: User | None) -> None:
    for user in users:
        Preferences.objects.create(user=user)


def everything_happens(world: World, *, now: datetime) -> None:
    """Owe at least one notice of each kind to the people of a world."""
    world.patient.communication_needs = world.held.reason = world.planned.reason = world.recording.reason = CLINICAL
    for row in (world.patient, world.held, world.planned, world.recording):
        row.save()
    long_ago = now - 3 * A_DAY + AN_HOUR
    plan(world, starts_at=now + 5 * A_DAY, booked_at=now)
    moved = plan(world, starts_at=now + 6 * A_DAY, booked_at=now)
    later = moved.starts_at + AN_HOUR
    booking.move(moved, starts_at=later, ends_at=later + FIFTEEN, by=None, why=CLINICAL, now=now)
    booking.cancel(plan(world, starts_at=now + 7 * A_DAY, booked_at=now), by=None, why=CLINICAL, now=now)
    letters.post_offered(make_offer(world.patient, world.clinician, reason=CLINICAL)[1], now=now)
    for ahead in (23 * AN_HOUR, AN_HOUR / 2):
        plan(world, starts_at=now + ahead, booked_at=long_ago)
    clinician_comes(world.planned)
    reminders.post_all(now=now)
    replay_letters.post_replay_ready(world.recording, now=now)
    playback.open_replay(world.clinician.user, world.recording.pk, actor=Actor(world.clinician.user.pk), now=now)
    share(world, now=now)
    share(world, "third@cast.test", by=world.clinician.user, now=now)
    note = make_note(world, CLINICAL, signed_at=world.held.ends_at)
    notes.share(note, actor=Actor(world.clinician.user.pk), now=now)


def clinician_comes(consultation: Consultation) -> None:
    place = Participant.objects.filter(consultation=consultation, role=Participant.Role.CLINICIAN)
    place.update(sid="s1", connected_at=timezone.now())


def deliver(now: datetime) -> int:
    return delivery.deliver(now=now)
