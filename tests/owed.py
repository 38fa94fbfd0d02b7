"""Lets everything happen that a person is written to about, with clinical words wherever there is room for any."""

from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from accounts.models import ADMINISTRATORS, User
from audit.ledger import PORTAL, Actor
from audit.models import Entry
from consultations import attendance, booking, clinic_messages, letters, notes, reminders
from consultations.models import Consultation, Participant
from notices import delivery
from notices.models import Preferences
from patients import registration
from patients.registration import NewPatient
from recordings import deletion, playback, retention, unrecognised
from recordings import letters as replay_letters
from recordings.models import AccessReport, Recording
from tests.bookings import make_offer
from tests.cast import FIFTEEN, World, make_note
from tests.quarantined import another_administrator
from tests.shares import share

CLINICAL = "Chlamydia"
NEWCOMER = "newcomer@cast.test"
A_DAY, AN_HOUR, AN_INSTANT = timedelta(days=1), timedelta(hours=1), timedelta(microseconds=1)


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
    booking.cancel(plan(world, starts_at=now + 7 * A_DAY, booked_at=now), by=None, why=CLINICAL, actor=PORTAL, now=now)
    letters.post_offered(make_offer(world.patient, world.clinician, reason=CLINICAL)[1], now=now)
    for ahead in (23 * AN_HOUR, AN_HOUR / 2):
        plan(world, starts_at=now + ahead, booked_at=long_ago)
    for minutes, comes_after_all in ((60, False), (40, True)):
        begun = plan(world, starts_at=now - timedelta(minutes=minutes), booked_at=long_ago)
        attendance.mark_missed(begun, by=world.clinician.user, now=now)
        if comes_after_all:
            attendance.expect_again(begun, by=world.clinician.user, now=now + AN_INSTANT)
    clinic_messages.send(world.planned, CLINICAL, by=world.clinician.user, now=now)
    registration.register_patient(
        NewPatient(name=CLINICAL, email=NEWCOMER, date_of_birth=now.date(), communication_needs=CLINICAL),
        actor=Actor(world.clinician.user.pk), now=now,
    )  # fmt: skip
    clinician_comes(world.planned)
    reminders.post_all(now=now)
    replay_letters.post_replay_ready(world.recording, now=now)
    playback.open_replay(world.clinician.user, world.recording.pk, actor=Actor(world.clinician.user.pk), now=now)
    share(world, now=now)
    share(world, "third@cast.test", by=world.clinician.user, now=now)
    note = make_note(world, CLINICAL, signed_at=world.held.ends_at)
    notes.share(note, actor=Actor(world.clinician.user.pk), now=now)

    ask_and_answer(world, now=now)
    announce_less_time(world, now=now)


def announce_less_time(world: World, *, now: datetime) -> None:
    """Announce that recordings are kept for less time than this one's patient was told."""
    Recording.objects.filter(pk=world.recording.pk).update(retain_until=now + 9000 * A_DAY)
    chief = User.objects.filter(groups__name=ADMINISTRATORS).first() or another_administrator()
    retention.set_period(settings.RETENTION_LEAST_DAYS, reason=CLINICAL, by=chief, actor=Actor(chief.pk), now=now)


def ask_and_answer(world: World, *, now: datetime) -> None:
    """Let the patient ask that their recording be deleted, be refused and ask again; and have a report answered."""
    patient, staff = world.patient.user, another_administrator()
    actor, answers = Actor(patient.pk), {"by": staff, "actor": Actor(staff.pk), "now": now}
    shown = playback.held_or_404(patient, world.recording.pk, actor=actor, now=now)
    first = deletion.ask(shown, actor=actor, now=now)
    deletion.refuse(first.pk, why=CLINICAL, kept_until=now.date() + A_DAY, **answers)
    deletion.ask(shown, actor=actor, now=now + AN_INSTANT)
    line = Entry.objects.filter(object_id=world.recording.pk).latest("seq").seq
    report = AccessReport.objects.create(
        recording=world.recording, patient=world.patient, line=line, reported_by=patient, reported_at=now
    )
    unrecognised.answer(report.pk, outcome=unrecognised.Outcome.IN_ORDER, note=CLINICAL, **answers)


def clinician_comes(consultation: Consultation) -> None:
    place = Participant.objects.filter(consultation=consultation, role=Participant.Role.CLINICIAN)
    place.update(sid="s1", connected_at=timezone.now())


def deliver(now: datetime) -> int:
    return delivery.deliver(now=now)
