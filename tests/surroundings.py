"""A busy clinic around one patient and one clinician: some of everything that pages show beside consultations held."""

from datetime import datetime, time, timedelta
from itertools import count
from uuid import uuid4

from django.test import Client
from django.utils import timezone

from accounts.models import User
from audit import alerts, ledger
from audit.ledger import Actor
from audit.models import Action, AlertKind
from consultations import booking, clinic_messages
from consultations.models import Participant, RecordingConsent
from consultations.note_templates import NoteTemplate
from consultations.schedule import TimeOff
from consultations.wordings import FIRST
from notices.models import Kind, Notice
from patients.services import begin_care
from recordings import revocations, suspensions
from recordings.revocations import Why
from recordings.suspensions import Scope
from tests.bookings import make_hours, make_offer
from tests.cast import FIFTEEN, Cast, World, make_clinician, make_patient
from tests.shares import share

_serial = count()
A_DAY = timedelta(days=1)


def add(cast: Cast, number: int) -> None:
    """Let so many of each come to Ada's world: colleagues, patients, plans, messages, wishes, shares, devices …"""
    for _ in range(number):
        _add_one(cast, next(_serial), timezone.now())


def _add_one(cast: Cast, serial: int, now: datetime) -> None:
    world, administrator = cast.ada, Actor(cast.administrator.pk)
    for user in (world.patient.user, world.clinician.user, cast.administrator):
        _sign_in(user)
    _plan(world, serial, now)
    make_hours(world.clinician, time(serial), time(serial, 45), weekday="7")
    TimeOff.objects.create(
        clinician=world.clinician, starts_at=now + serial * A_DAY, ends_at=now + (serial + 1) * A_DAY
    )
    NoteTemplate.objects.create(clinician=world.clinician, name=f"Template {serial}", text="Plan:")
    place = world.place_of(Participant.Role.PATIENT)
    RecordingConsent.objects.create(
        participant=place, patient=world.patient, scope="audio", given_at=now, withdrawn_at=now,
        wording_version=FIRST.version, wording_sha256=FIRST.sha256,
    )  # fmt: skip
    holder = share(world, f"holder{serial}@cast.test").grantee
    revocations.revoke_playback(world.recording, holder, why=Why.CONDUCT, actor=administrator, now=now)
    share(world, f"watches{serial}@cast.test")
    alerts.raise_alert(AlertKind.GUESSING, actor=Actor(uuid4()), now=now)
    Notice.objects.create(
        user=world.patient.user, kind=Kind.TOLD, object_type="clinicmessage", object_id=uuid4(), posted_at=now,
        due_at=now, failed_at=now, fault="refused",
    )  # fmt: skip
    looker = make_clinician(f"Looker {serial}")
    line = ledger.Line(Action.OPENED, "recording", world.recording.pk, world.patient.pk)
    ledger.append(Actor(looker.user.pk), line, now=now)
    suspensions.suspend(Scope.CLINICIAN, looker.pk, reason="A look at it", actor=administrator, now=now)


def _plan(world: World, serial: int, now: datetime) -> None:
    """Give the patient another clinician and the clinician another patient, each with plans, a message and a wish."""
    clinician, patient = make_clinician(f"Colleague {serial}"), make_patient(f"Neighbour {serial}")
    make_hours(clinician)
    begin_care(world.patient, clinician, why="joins the clinic", now=now)
    make_offer(patient, clinician)
    for who, whom, after in ((patient, world.clinician, serial + 1), (world.patient, clinician, serial + 1)):
        starts_at = now + 2 * after * FIFTEEN
        plan = booking.book(who, whom, starts_at=starts_at, ends_at=starts_at + FIFTEEN, reason="Visit", now=now)
        clinic_messages.send(plan, f"Message {serial}", by=whom.user, now=now)


def _sign_in(user: User | None) -> None:
    client = Client(HTTP_USER_AGENT="Firefox")
    client.force_login(user)
    client.get("/account/devices/")
