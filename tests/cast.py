"""Who plays in the tests: two worlds side by side, and those who belong to neither.

Each world has a patient, the clinician of the consultation, and a colleague who also cares for
the patient but was not in it.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.contrib.auth.models import AnonymousUser, Group
from django.utils import timezone

from accounts.models import STAFF, User
from consultations.booking import book
from consultations.models import Call, CallEvent, Consultation, Mode, Note, Participant, RecordingConsent
from consultations.wordings import FIRST
from patients.models import Clinician, Patient
from patients.services import begin_care
from recordings import policy, safe
from recordings.models import (
    Chunk,
    PlaybackSession,
    ProcessingJob,
    QuarantineDecision,
    RecorderLease,
    Recording,
    Rendition,
    Segment,
)

PASSWORD = "a long sentence nobody guesses"
A_WEEK = timedelta(days=7)
FIFTEEN = timedelta(minutes=15)
HALF_A_MINUTE_MS = 30_000


@dataclass(frozen=True)
class World:
    """One patient's side of life. `planned` can be joined now; `held` is a week old and has a ready `recording`."""

    patient: Patient
    clinician: Clinician
    colleague: Clinician
    planned: Consultation
    held: Consultation
    call: Call
    recording: Recording
    replay: Rendition
    canary: bytes

    def place_of(self, role: Participant.Role, consultation: Consultation | None = None) -> Participant:
        return Participant.objects.get(consultation=consultation or self.held, role=role)


@dataclass(frozen=True)
class Cast:
    """`ada` and `ben` are each other's neighbour."""

    now: datetime
    ada: World
    ben: World
    staff: User
    administrator: User
    inactive: User
    nobody: AnonymousUser = field(default_factory=AnonymousUser)

    def actors(self) -> Mapping[str, User | AnonymousUser]:
        """Return everybody by the name that test cases use for them."""
        people: dict[str, User | AnonymousUser] = {}
        for name, world in (("ada", self.ada), ("ben", self.ben)):
            for role in ("patient", "clinician", "colleague"):
                people[f"{name}.{role}"] = getattr(world, role).user
        outside = ("staff", "administrator", "inactive", "nobody")
        return people | {name: getattr(self, name) for name in outside}


ACTORS = [
    "ada.patient", "ada.clinician", "ada.colleague", "ben.patient", "ben.clinician", "ben.colleague",
    "staff", "administrator", "inactive", "nobody",
]  # fmt: skip
OWNERS = {world: {f"{world}.patient", f"{world}.clinician"} for world in ("ada", "ben")}


def make_user(name: str, **facts: object) -> User:
    email = f"{name.lower().replace(' ', '.')}@cast.test"
    return User.objects.create_user(email, PASSWORD, name=name, **facts)


def make_patient(name: str) -> Patient:
    return Patient.objects.create(user=make_user(name), name=name, date_of_birth=date(1980, 2, 29))


def make_clinician(name: str) -> Clinician:
    number = f"CAST-{uuid.uuid4().hex[:10]}"
    return Clinician.objects.create(user=make_user(name), registration_number=number, speciality="General practice")


def make_world(patient_name: str, clinician_name: str, colleague_name: str, now: datetime) -> World:
    patient, clinician = make_patient(patient_name), make_clinician(clinician_name)
    colleague = make_clinician(colleague_name)
    begin_care(patient, colleague, why="covers for the clinician", now=now - A_WEEK)
    starts_at = now - A_WEEK
    held = book(
        patient, clinician, starts_at=starts_at, ends_at=starts_at + FIFTEEN, reason="First visit", now=starts_at
    )
    planned = book(patient, clinician, starts_at=now, ends_at=now + FIFTEEN, reason="Review", now=now)
    call = make_ended_call(held)
    canary = f"only {patient_name} may have this {uuid.uuid4().hex}".encode()
    recording, replay = make_ready_recording(call, canary)
    return World(patient, clinician, colleague, planned, held, call, recording, replay, canary)


def make_ended_call(consultation: Consultation) -> Call:
    """Make a call that took the whole consultation, and complete the consultation."""
    begin, end = consultation.starts_at, consultation.ends_at
    call = Call.objects.create(
        consultation=consultation, patient=consultation.patient, clinician=consultation.clinician,
        status=Call.Status.ENDED, epoch=2, opened_at=begin, started_at=begin, ended_at=end, end_reason="hangup",
    )  # fmt: skip
    consultation.status, consultation.ended_at = Consultation.Status.COMPLETED, end
    consultation.save(update_fields=["status", "ended_at"])
    return call


def make_ready_recording(call: Call, content: bytes) -> tuple[Recording, Rendition]:
    """Make a ready recording whose replay really lies in the patient's vault; grant both people of the call."""
    recording = Recording.objects.create(
        call=call, consultation=call.consultation, patient=call.patient, clinician=call.clinician,
        status=Recording.Status.READY, started_at=call.opened_at, created_at=call.opened_at,
        duration_ms=HALF_A_MINUTE_MS,
        timeline=[{"kind": "audio", "from_ms": 0, "to_ms": HALF_A_MINUTE_MS}],
    )  # fmt: skip
    keyset = safe.active_keyset(call.patient)
    replay = Rendition(
        recording=recording, patient=call.patient, kind=Rendition.Kind.REPLAY, version=1, content_type="video/webm",
        key_version=keyset.version, created_at=call.opened_at,
    )  # fmt: skip
    sealed = safe.vault().write(safe.identity_of(replay), call.patient.vault_id, keyset, [content])
    replay.byte_length, replay.sha256, replay.header = sealed.plaintext_length, sealed.sha256, sealed.header
    replay.save(force_insert=True)
    policy.grant_playback(recording)
    return recording, replay


@dataclass(frozen=True)
class Pieces:
    """One row of everything below a call, as capture and replay leave them."""

    event: CallEvent
    consent: RecordingConsent
    lease: RecorderLease
    segment: Segment
    chunk: Chunk
    job: ProcessingJob
    viewing: PlaybackSession
    decision: QuarantineDecision
    note: Note


def make_pieces(world: World, *, why: str = "A test.") -> Pieces:
    """Make what stands between a world's call and its replay."""
    at, own = world.held.starts_at, {"patient": world.patient}
    clinicians_place = world.place_of(Participant.Role.CLINICIAN)
    event = CallEvent.objects.create(call=world.call, **own, seq=1, epoch=1, kind="joined", at=at)
    consent = RecordingConsent.objects.create(
        participant=world.place_of(Participant.Role.PATIENT), **own, scope=RecordingConsent.Scope.AUDIO_VIDEO,
        wording_version=FIRST.version, wording_sha256=FIRST.sha256, given_at=at,
    )  # fmt: skip
    lease = RecorderLease.objects.create(
        consultation=world.recording.consultation,
        recording=world.recording,
        **own,
        participant=clinicians_place,
        sid="s1",
        granted_at=at,
        expires_at=at,
    )
    segment = Segment.objects.create(
        id=uuid.uuid4(), recording=world.recording, **own, lease=lease, number=0, mode=Mode.AUDIO, epoch=1,
        mime="audio/webm", t0_ms=0, chunks_expected=1, wrapped_spool_key=b"wrapped", key_version=1,
        status=Segment.Status.VERIFIED, opened_at=at, beat_at=at,
    )  # fmt: skip
    chunk = Chunk.objects.create(
        segment=segment, **own, number=0, from_ms=0, to_ms=2000, byte_length=3, sha256=bytes(32), key_version=1,
        header=bytes(40), received_at=at,
    )  # fmt: skip
    job = ProcessingJob.objects.create(recording=world.recording, **own, not_before=at)
    viewing = PlaybackSession.objects.create(
        recording=world.recording, **own, user=world.patient.user, session_hash="", opened_at=at, seen_at=at
    )
    decision = QuarantineDecision.objects.create(
        recording=world.recording, **own, what=QuarantineDecision.What.DISCARD, misfit="manifest", facts="",
        why=why, proposed_by=world.colleague.user, proposed_at=at,
    )  # fmt: skip
    note = make_note(world, f"{world.held.reason}:\n{world.held.reason}", signed_at=at, shared_at=at)
    return Pieces(event, consent, lease, segment, chunk, job, viewing, decision, note)


def make_note(world: World, text: str, **facts: object) -> Note:
    """Make the next version of the note of the consultation that was held: a draft unless it is signed."""
    held = world.held
    owners = {"consultation": held, "patient": held.patient, "clinician": held.clinician}
    version = held.notes.count() + 1
    return Note.objects.create(**owners, version=version, text=text, saved_at=held.starts_at, **facts)


def make_cast() -> Cast:
    now = timezone.now()
    staff = make_user("Robin Vale", is_staff=True)
    staff.groups.add(Group.objects.get_or_create(name=STAFF)[0])
    return Cast(
        now=now,
        ada=make_world("Ada Lovell", "Samuel Osei", "Karin Lind", now),
        ben=make_world("Ben Carrow", "Nour Haddad", "Ines Duarte", now),
        staff=staff,
        administrator=User.objects.create_superuser("admin@cast.test", PASSWORD, name="Ari Admin"),
        inactive=make_user("Ian Active", is_active=False),
    )
