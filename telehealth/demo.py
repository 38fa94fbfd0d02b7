"""The demo's people and history. Invented people; past replays are made by the real capture and pipeline."""

import hashlib
import logging
import uuid
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone

from accounts.models import STAFF, User
from audit import ledger
from consultations import calls, consents, modes, notes, presence
from consultations.booking import book
from consultations.models import Consultation, Participant
from consultations.schedule import Availability
from consultations.wordings import wording_at
from patients.models import Clinician, Patient
from recordings import capture, live, pipeline
from recordings.media.sample import tone_and_bars
from recordings.models import ProcessingJob, RecorderLease

log = logging.getLogger(__name__)
STAFF_EMAIL = "staff@demo.test"
PASSWORD = "telehealth-demo"  # noqa: S105  public, and refused unless DEMO is set


@dataclass(frozen=True)
class Person:
    """`tone_hz` and `colour` are how this person sounds and looks in generated media."""

    email: str
    name: str
    tone_hz: int
    colour: tuple[int, int, int]


@dataclass(frozen=True)
class DemoPatient(Person):
    born: date
    nhs_number: str
    sees: str


@dataclass(frozen=True)
class DemoClinician(Person):
    registration_number: str
    speciality: str
    slot_minutes: int
    for_new_patients: bool


PATIENTS = [
    DemoPatient(
        "ada@demo.test", "Ada Lovell", 440, (40, 110, 200), date(1988, 4, 12), "9990000018", "dr.osei@demo.test"
    ),
    DemoPatient("ben@demo.test", "Ben Carrow", 660, (200, 90, 40), date(1961, 9, 3), "9990000026", "dr.lind@demo.test"),
    DemoPatient(
        "cleo@demo.test", "Cleo Marsh", 880, (60, 160, 80), date(1999, 1, 27), "9990000034", "dr.haddad@demo.test"
    ),
]
CLINICIANS = [
    DemoClinician("dr.osei@demo.test", "Samuel Osei", 1100, (150, 60, 160), "DEMO-1001", "General practice", 15, True),
    DemoClinician("dr.lind@demo.test", "Karin Lind", 1320, (190, 160, 30), "DEMO-1002", "Cardiology", 30, False),
    DemoClinician("dr.haddad@demo.test", "Nour Haddad", 1540, (30, 150, 170), "DEMO-1003", "Dermatology", 20, True),
]
REASONS = {
    "dr.osei@demo.test": "Asthma review",
    "dr.lind@demo.test": "Blood pressure follow-up",
    "dr.haddad@demo.test": "Skin check",
}
NOTES = {
    "dr.osei@demo.test": "Assessment:\nYour asthma is well controlled.\n\nPlan:\nGo on with the same inhaler.",
    "dr.lind@demo.test": "Assessment:\nYour blood pressure is lower than in spring.\n\nPlan:\nMeasure it weekly.",
    "dr.haddad@demo.test": "Assessment:\nThe mole has not changed.\n\nPlan:\nLook at it again in a year.",
}
BY_EMAIL: dict[str, Person] = {person.email: person for person in [*PATIENTS, *CLINICIANS]}


@transaction.atomic
def people() -> None:
    """Make everybody who is missing."""
    for person in PATIENTS:
        user = _user(person.email, person.name)
        facts = {"name": person.name, "date_of_birth": person.born, "nhs_number": person.nhs_number}
        Patient.objects.get_or_create(user=user, defaults=facts)
    for clinician in CLINICIANS:
        facts = {"registration_number": clinician.registration_number, "speciality": clinician.speciality}
        profile, _made = Clinician.objects.get_or_create(user=_user(clinician.email, clinician.name), defaults=facts)
        _hours(profile, clinician)
    staff = _user(STAFF_EMAIL, "Robin Vale")
    if not staff.is_staff:
        staff.is_staff = True
        staff.save(update_fields=["is_staff"])
    staff.groups.add(Group.objects.get(name=STAFF))


def _hours(profile: Clinician, person: DemoClinician) -> None:
    """Let a clinician without hours work on weekdays, with an hour at noon."""
    if profile.availability.exists():
        return
    for weekday in Availability.Weekday.values[:5]:
        for starts, ends in ((time(9), time(12)), (time(13), time(17))):
            Availability.objects.create(
                clinician=profile,
                weekday=weekday,
                starts=starts,
                ends=ends,
                time_zone=settings.DEFAULT_PERSON_TIME_ZONE,
                slot_minutes=person.slot_minutes,
                for_new_patients=person.for_new_patients,
            )


def _user(email: str, name: str) -> User:
    user = User.objects.filter(email__iexact=email).first()
    return user or User.objects.create_user(email, PASSWORD, name=name)


def consultations_of_today(now: datetime) -> None:
    """Give every patient a consultation that can be joined now; one that was used or is over is replaced."""
    for person in PATIENTS:
        patient = Patient.objects.get(user__email=person.email)
        clinician = Clinician.objects.get(user__email=person.sees)
        live_ones = Consultation.objects.filter(
            patient=patient,
            clinician=clinician,
            status__in=("planned", "in_progress"),
            starts_at__lte=now,
            ends_at__gt=now,
        )
        if live_ones.exists():
            continue
        starts = now.replace(second=0, microsecond=0)
        in_the_way = Consultation.objects.filter(clinician=clinician, status="planned")
        in_the_way.filter(starts_at__range=(now - timedelta(days=1), starts + timedelta(hours=1))).update(
            status=Consultation.Status.NO_SHOW
        )
        reason = REASONS[person.sees]
        book(patient, clinician, starts_at=starts, ends_at=starts + timedelta(hours=1), reason=reason, now=now)


def history(now: datetime) -> int:
    """Make each patient's past visits with replays, once; return how many were made."""
    made = 0
    for index, person in enumerate(PATIENTS):
        patient = Patient.objects.get(user__email=person.email)
        for back, clinician_person in enumerate(CLINICIANS):
            clinician = Clinician.objects.get(user__email=clinician_person.email)
            if clinician_person.email == person.sees:
                continue
            if Consultation.objects.filter(patient=patient, clinician=clinician, status="completed").exists():
                continue
            starts = now.replace(minute=0, second=0, microsecond=0) - timedelta(days=7 * (back + 1) + index, hours=2)
            past_visit(patient, clinician, starts_at=starts)
            made += 1
    return made


def past_visit(patient: Patient, clinician: Clinician, *, starts_at: datetime) -> None:
    """Hold a recorded consultation – audio, video, audio – at a past time, through the same services as a live one."""
    reason = REASONS[clinician.user.email]
    consultation = book(
        patient, clinician, starts_at=starts_at, ends_at=starts_at + timedelta(minutes=15), reason=reason, now=starts_at
    )
    VisitInThePast(consultation, starts_at).play()
    _share_a_note(consultation, now=starts_at + timedelta(minutes=15))


def _share_a_note(consultation: Consultation, *, now: datetime) -> None:
    user = consultation.clinician.user
    draft = notes.save(consultation, NOTES[user.email], version=1, revision=0, now=now)
    actor = ledger.Actor(user.pk)
    note = notes.sign(consultation, version=1, revision=draft.revision, actor=actor, now=now)
    notes.share(note, actor=actor, now=now)


class VisitInThePast:
    """Speaks for both browsers of a consultation at handed-in times."""

    PARTS = (("audio", 6.0), ("video", 8.0), ("audio", 6.0))

    def __init__(self, consultation: Consultation, now: datetime) -> None:
        self.consultation, self.now = consultation, now
        places = {place.role: place for place in consultation.participants.select_related("user")}
        self.patient, self.clinician = places[Participant.Role.PATIENT], places[Participant.Role.CLINICIAN]

    def play(self) -> None:
        self.call = calls.open_call(self.consultation, now=self.now)
        for place in (self.patient, self.clinician):
            self._join(place)
        calls.admit(self.call.pk, participant_id=str(self.patient.pk), now=self._pass(1))
        for number, (mode, seconds) in enumerate(self.PARTS):
            if number:
                self._switch(mode)
            self._record(mode, seconds)
        self._end()

    def _pass(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now

    def _join(self, place: Participant) -> None:
        channel = f"demo.{uuid.uuid4().hex}"
        presence.join(
            self.call, place, tab=uuid.uuid4().hex, channel=channel, resume_sid="", takeover=False, now=self._pass(1)
        )
        place.refresh_from_db()
        presence.ready(self.call.pk, by=place, mic="on", now=self._pass(1))
        place.refresh_from_db()
        wording = wording_at(self.call.opened_at)
        consents.give(
            self.call.pk,
            by=place,
            version=wording.version,
            sha256=wording.sha256,
            scope="audio_video",
            actor=ledger.Actor(place.user_id),
            now=self._pass(1),
        )

    def _switch(self, mode: str) -> None:
        self.call.refresh_from_db()
        self.clinician.refresh_from_db()
        self.patient.refresh_from_db()
        modes.request(self.call.pk, by=self.clinician, want=mode, epoch=self.call.epoch, now=self.now)
        self.call.refresh_from_db()
        if mode == "video":
            question = (self.call.question or {})["id"]
            modes.answer(self.call.pk, by=self.patient, question_id=question, answer="accept", now=self.now)

    def _record(self, mode: str, seconds: float) -> None:
        self.call.refresh_from_db()
        lease = live.live_lease(self.call)
        assert isinstance(lease, RecorderLease)
        people = [BY_EMAIL[self.clinician.user.email], BY_EMAIL[self.patient.user.email]]
        size = settings.RECORDING_CANVAS
        chunks = tone_and_bars(
            tones_hz=[person.tone_hz for person in people],
            colours=[person.colour for person in people],
            mode=mode,  # type: ignore[arg-type]
            duration_s=seconds,
            size=(size["width"], size["height"]),
            chunk_s=settings.RECORDING_CHUNK_MS / 1000,
        )
        opened = capture.open_segment(
            self.clinician.user,
            segment_id=uuid.uuid4(),
            lease_id=lease.pk,
            mode=mode,
            epoch=self.call.epoch,
            mime=f"{mode}/webm",
            t0=round(self.now.timestamp() * 1000),
            now=self.now,
        )
        self._send(opened.upload_token, opened.segment.pk, chunks, seconds)

    def _send(self, token: str, segment_id: uuid.UUID, chunks: list[bytes], seconds: float) -> None:
        digests, step = [], seconds / len(chunks)
        for number, body in enumerate(chunks):
            digests.append(hashlib.sha256(body).digest())
            segment = capture.segment_of_token(token, segment_id, now=self.now)
            from_ms, to_ms = round(number * step * 1000), round((number + 1) * step * 1000)
            capture.store_chunk(
                segment,
                number=number,
                body=body,
                digest=digests[-1],
                from_ms=from_ms,
                to_ms=to_ms,
                now=self._pass(step),
            )
        capture.close_segment(
            capture.segment_of_token(token, segment_id, now=self.now),
            chunks=len(chunks),
            root=hashlib.sha256(b"".join(digests)).hexdigest(),
            duration_ms=round(seconds * 1000),
            reason="ended",
            now=self.now,
        )

    def _end(self) -> None:
        calls.end(self.call.pk, reason="ended", now=self.now)
        for place in (self.patient, self.clinician):
            place.refresh_from_db()
            presence.drop(place, sid=place.sid, channel=place.channel, now=self.now, leaves=True)
        self._process()

    def _process(self) -> None:
        for job in ProcessingJob.objects.filter(recording__call=self.call.pk, status=ProcessingJob.Status.QUEUED):
            pipeline.process(job.pk, now=self.now)


def sign_ins() -> list[dict[str, str]]:
    """Shape: rows of the hint on the sign-in page."""
    roles = [(p.email, "patient") for p in PATIENTS] + [(c.email, "clinician") for c in CLINICIANS]
    return [{"email": email, "role": role} for email, role in [*roles, (STAFF_EMAIL, "staff")]]


def renew(now: datetime | None = None) -> None:
    """Make the people and give everybody a consultation that can be joined now. Idempotent."""
    people()
    consultations_of_today(now or timezone.now())


def make(now: datetime | None = None) -> int:
    """Make or renew everything, past visits with replays too; return how many of those were made. Idempotent."""
    moment = now or timezone.now()
    renew(moment)
    return history(moment)
