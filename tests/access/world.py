"""The people of the matrix, each with a marked life of their own, and everything they could ask for."""

import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import Model
from django.http.cookie import SimpleCookie
from django.test import Client
from django.utils import timezone
from guardian.shortcuts import assign_perm

from accounts.models import STAFF, User
from audit import alerts, ledger, triggers
from audit.models import Action, Alert, AlertKind, Entry
from consultations import policy as consultation_policy
from consultations.booking import book
from consultations.models import (
    CallEvent,
    ClinicMessage,
    Consultation,
    FollowUp,
    Note,
    NoteTemplate,
    Participant,
    RecordingConsent,
    SlotOffer,
    WaitingListEntry,
)
from consultations.schedule import Availability, TimeOff
from notices.models import Notice
from patients.models import CareRelationship, Clinician, Patient, PatientKey
from patients.services import end_care
from recordings import policy, suspensions
from recordings.capture import tokens
from recordings.models import (
    AccessReport,
    Chunk,
    DeletionRequest,
    PlaybackRevocation,
    PlaybackSession,
    PlaybackSuspension,
    ProcessingJob,
    RecorderLease,
    Recording,
    Rendition,
    Segment,
    Share,
)
from recordings.revocations import revoke_playback
from tests.access.markers import Markers, mark
from tests.bookings import make_hours, make_offer
from tests.cast import FIFTEEN, PASSWORD, Pieces, World, make_pieces, make_user, make_world

LIVES = ("ada", "ben", "rev", "care", "left", "off", "late", "out", "pass", "sha", "end")
# actor → (whose life, which part of it)
PARTS = {
    "patient": ("ada", "patient"), "clinician": ("ada", "clinician"), "colleague": ("ada", "colleague"),
    "neighbour": ("ben", "patient"), "other-clinician": ("ben", "clinician"), "revoked": ("rev", "clinician"),
    "ended-care": ("care", "clinician"), "left": ("left", "clinician"), "deactivated": ("off", "patient"),
    "expired": ("late", "patient"), "signed-out": ("out", "patient"), "password-changed": ("pass", "patient"),
}  # fmt: skip
# Not of anybody's consultation: the patient of this life shared the recording with them.
HOLDERS = {"share-holder": "sha", "share-ran-out": "end"}
# Who was not in the consultation, with the patient they care for all the same.
NOT_IN_IT = {"colleague": "ada"}
NEVER = uuid.UUID("00000000-0000-4000-8000-0000000000ff")
# Rows that are numbered: the two relations ask for two numbers that nobody has used.
ENTRIES = {"deleted": "900001", "never": "900002"}
NUMBERED = frozenset({"entry", "device"})


@dataclass(frozen=True)
class Life:
    """One patient's side: the rows of tests/cast.py, and everything below the call."""

    world: World
    upcoming: Consultation
    offer: SlotOffer
    hours: Availability
    off: TimeOff
    pieces: Pieces
    entry: Entry
    alert: Alert
    suspension: PlaybackSuspension
    device: UserSession
    proposal: Share
    report: AccessReport
    request: DeletionRequest
    revocation: PlaybackRevocation
    template: NoteTemplate
    token: str

    def ids(self) -> dict[str, str]:
        """Return what an address may name, by the words of doors.toml."""
        world, pieces = self.world, self.pieces
        care = CareRelationship.objects.get(patient=world.patient, clinician=world.clinician)
        rows: dict[str, Model] = {
            "consultation": world.held, "planned": world.planned, "upcoming": self.upcoming, "offer": self.offer,
            "hours": self.hours, "off": self.off,
            "recording": world.recording, "segment": pieces.segment, "lease": pieces.lease,
            "job": pieces.job, "patient": world.patient,
            "clinician": world.clinician, "care": care, "user": world.patient.user, "entry": self.entry,
            "alert": self.alert, "suspension": self.suspension, "decision": pieces.decision,
            "device": self.device, "share": self.proposal, "report": self.report, "revocation": self.revocation,
            "request": self.request, "note": pieces.note, "template": self.template,
            "notice": Notice.objects.filter(user=world.patient.user).earliest("posted_at"),
        }  # fmt: skip
        return {kind: str(row.pk) for kind, row in rows.items()}


@dataclass(frozen=True)
class Person:
    """Somebody before a door: their cookies, their upload token, whose life is theirs and what they may be shown.

    `sees` says by its marks what little of that life they may be shown who are not in it; then nothing else of it.
    """

    name: str
    user: User | None
    cookies: SimpleCookie
    life: str = ""
    cares_for: str = ""
    token: str = ""
    is_staff: bool = False
    sees: str = ""


@dataclass
class Matrix:
    lives: dict[str, Life] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    ids: dict[str, dict[str, str]] = field(default_factory=dict)
    markers: Markers = field(default_factory=Markers)

    def target(self, person: Person, of: str, relation: str) -> str | None:
        """Return the id asked for, None where this person has nothing of their own."""
        # A patient one cares for is one's own; what others held with them is not.
        life = person.life or (person.cares_for if of == "patient" else "")
        if relation == "own":
            return self.ids[life][of] if life else None
        if relation == "other":
            return self.ids["ada" if life != "ada" else "ben"][of]
        if of in NUMBERED:
            return ENTRIES[relation]
        return self.ids["gone"][of] if relation == "deleted" else str(NEVER)


def make_matrix() -> Matrix:
    matrix = Matrix()
    for key in LIVES:
        matrix.lives[key] = _life(key)
    gone = _life("gone")
    matrix.ids = {key: life.ids() for key, life in matrix.lives.items()} | {"gone": gone.ids()}
    for key, life in matrix.lives.items():
        _mark(matrix.markers, key, life)
    _people(matrix)
    _happens(matrix)
    _delete(gone)
    return matrix


def _life(key: str) -> Life:
    """Make a life whose every text is marked with its name, so that a stray one is found wherever it turns up."""
    names = (f"{mark(key, 'name')} Lovell", f"{mark(key, 'clinician')} Osei", f"{mark(key, 'colleague')} Lind")
    world = make_world(*names, now=timezone.now())
    plans = _plans(world, key)
    number = f"9{(LIVES + ('gone',)).index(key):03d}000000"
    Patient.objects.filter(pk=world.patient.pk).update(nhs_number=number, communication_needs=mark(key, "needs"))
    for row in (world.patient, world.held, world.planned, plans["upcoming"]):
        row.refresh_from_db()
    pieces = make_pieces(world, why=mark(key, "needs"))
    device = UserSession.objects.create(
        user=world.patient.user, ip="127.0.0.1", user_agent=mark(key, "device"), session_key=f"session-{key}"
    )
    words = mark(key, "template")
    template = NoteTemplate.objects.create(clinician=world.clinician, name=words, text=words)
    token = tokens.issue(pieces.segment, now=timezone.now())
    return Life(
        world=world, pieces=pieces, device=device, template=template, token=token, **plans, **_looked_at(world, key)
    )


def _plans(world: World, key: str) -> dict[str, Any]:
    """Make what is in the diaries of the two."""
    soon = timezone.now() + timedelta(days=2)
    upcoming = book(
        world.patient, world.clinician, starts_at=soon, ends_at=soon + FIFTEEN, reason="Soon", now=timezone.now()
    )
    Consultation.objects.filter(patient=world.patient).update(reason=f"{mark(key, 'reason')} came back")
    words = {"reason": mark(key, "reason"), "adjustments": mark(key, "needs")}
    offer = make_offer(world.patient, world.clinician, **words)[1]
    off = TimeOff.objects.create(
        clinician=world.clinician, starts_at=soon, ends_at=soon + FIFTEEN, note=mark(key, "needs")
    )
    ClinicMessage.objects.create(
        consultation=world.planned, patient=world.patient, text=mark(key, "message"), by=world.clinician.user,
        sent_at=timezone.now(),
    )  # fmt: skip
    FollowUp.objects.create(consultation=world.held, next=upcoming, patient=world.patient)
    return {"upcoming": upcoming, "offer": offer, "hours": make_hours(world.clinician), "off": off}


def _looked_at(world: World, key: str) -> dict[str, Any]:
    """Make what was said and decided about the recording since it was made."""
    recording, actor, now = world.recording, ledger.Actor(world.clinician.user.pk), timezone.now()
    ledger.append(actor, ledger.Line(Action.LISTED, "recording", recording.pk, world.patient.pk))
    entry = Entry.objects.latest("seq")
    alerts.raise_alert(AlertKind.TWO_KEYS, actor=actor, now=now, object_type="recording", object_id=recording.pk)
    # A pause that is over: an open one would be in everybody's way.
    suspension = suspensions.suspend(
        suspensions.Scope.RECORDING, recording.pk, reason=mark(key, "needs"), actor=actor, now=now
    )
    suspensions.resume(suspension, note=mark(key, "needs"), actor=actor, now=now)
    report = AccessReport.objects.create(
        recording=recording, patient=world.patient, line=entry.seq, reported_by=world.patient.user, reported_at=now
    )
    request = DeletionRequest.objects.create(
        recording=recording, patient=world.patient, asked_by=world.patient.user, asked_at=now
    )
    # The colleague never had the right: that it is taken changes nothing for anybody.
    revocation = PlaybackRevocation.objects.create(
        recording=recording, patient=world.patient, user=world.colleague.user, why="left", revoked_at=now,
        revoked_by=world.clinician.user,
    )  # fmt: skip
    return {
        "entry": entry, "alert": Alert.objects.get(object_id=recording.pk), "suspension": suspension, "report": report,
        "revocation": revocation, "request": request,
        "proposal": _share(world, make_user(mark(key, "third")), by=world.clinician.user, key=key, days=7),
    }  # fmt: skip


def _share(world: World, grantee: User, *, by: User, key: str, days: int) -> Share:
    return share_from_last_week(
        world.recording, grantee, by=by, days=days, name=mark(key, "holder"), reason=mark(key, "why")
    )


def share_from_last_week(recording: Recording, grantee: User, *, by: User, days: int, **words: str) -> Share:
    """Share a recording from eight days ago on, for `days` from now; by its patient it is agreed to."""
    now = timezone.now()
    since = now - timedelta(days=8)
    made = Share.objects.create(
        recording=recording, patient=recording.patient, grantee=grantee, granted_by=by, granted_at=since,
        agreed_by_patient_at=since if by == recording.patient.user else None, expires_at=now + timedelta(days=days),
        **words,
    )  # fmt: skip
    policy.grant_playback(recording, only=grantee)
    return made


def _mark(markers: Markers, key: str, life: Life) -> None:
    world, pieces = life.world, life.pieces
    markers.add_words(key, [world.patient.nhs_number or ""], "register")
    markers.add_words(key, [world.canary.decode().split()[-1]], "content")
    people = [world.patient, world.patient.user, world.clinician, world.clinician.user]
    facts = [world.held, world.planned, life.upcoming, world.recording, pieces.job, pieces.decision]
    facts += [life.alert, life.suspension, life.offer, life.offer.entry, life.hours, life.off]
    facts += [life.report, life.revocation, life.request]
    content = [world.call, world.replay, pieces.segment, pieces.chunk, pieces.lease, pieces.consent, pieces.viewing]
    content += [pieces.note, life.template]
    markers.add_ids(key, [row.pk for row in people if row], "register")
    markers.add_ids(key, [row.pk for row in facts], "facts")
    markers.add_ids(key, [row.pk for row in content if isinstance(row.pk, uuid.UUID)], "content")
    places = Participant.objects.filter(patient=world.patient)
    markers.add_ids(key, [world.patient.vault_id, *places.values_list("pk", flat=True)], "content")


def _session_of(user: User) -> SimpleCookie:
    client = Client()
    client.force_login(user)
    return client.cookies


def _people(matrix: Matrix) -> None:
    matrix.people["anonymous"] = Person("anonymous", None, SimpleCookie())
    for name, (key, part) in PARTS.items():
        life = matrix.lives[key]
        user = getattr(life.world, part).user
        token = life.token if part == "clinician" else ""
        matrix.people[name] = Person(
            name, user, _session_of(user), "" if name in NOT_IN_IT else key, NOT_IN_IT.get(name, ""), token
        )
    for (name, key), days in zip(HOLDERS.items(), (7, -1), strict=True):
        holder, world = make_user(name), matrix.lives[key].world
        _share(world, holder, by=world.patient.user, key=key, days=days)
        sees = " ".join([mark(key, "name"), str(world.recording.pk), world.canary.decode()]) if days > 0 else "nothing"
        matrix.people[name] = Person(name, holder, _session_of(holder), key, sees=sees.lower())
    # One that ran out and waits to be swept: its grant still stands.
    assign_perm("recordings.play_recording", matrix.people["share-ran-out"].user, matrix.lives["end"].world.recording)
    staff = make_user("Robin Vale", is_staff=True)
    staff.groups.add(Group.objects.get_or_create(name=STAFF)[0])
    administrator = User.objects.create_superuser("admin@cast.test", PASSWORD, name="Ari Admin")
    for name, user in (("staff", staff), ("administrator", administrator)):
        matrix.people[name] = Person(name, user, _session_of(user), is_staff=True)


def _happens(matrix: Matrix) -> None:
    """Let happen what makes some of them who they are; their sessions are older than that."""
    revoked = matrix.lives["rev"].world
    for place in Participant.objects.filter(user=revoked.clinician.user):
        consultation_policy.revoke_place(place)
    actor = ledger.Actor(revoked.patient.user_id)
    revoke_playback(
        revoked.recording, revoked.clinician.user, why=PlaybackRevocation.Why.LEFT, actor=actor, now=timezone.now()
    )
    cared = matrix.lives["care"].world
    end_care(CareRelationship.objects.get(patient=cared.patient, clinician=cared.clinician), now=timezone.now())
    Clinician.objects.filter(pk=matrix.lives["left"].world.clinician.pk).update(is_active=False)
    User.objects.filter(pk=matrix.lives["off"].world.patient.user_id).update(is_active=False)
    _sessions(matrix, "expired").update(expire_date=timezone.now() - timedelta(minutes=1))
    _sessions(matrix, "signed-out").delete()
    user = matrix.lives["pass"].world.patient.user
    assert user is not None
    user.set_password("another long sentence")
    user.save(update_fields=["password"])


def _sessions(matrix: Matrix, name: str) -> Any:
    key = matrix.people[name].cookies[settings.SESSION_COOKIE_NAME].value
    return Session.objects.filter(session_key=key)


def _delete(life: Life) -> None:
    """Delete a whole life. Nothing in the product can; what its addresses answer then is asked all the same."""
    patient = life.world.patient
    people = [patient.user, life.world.clinician.user, life.world.colleague.user]
    below = (Chunk, Segment, PlaybackSession, ProcessingJob, Rendition, RecorderLease, Recording)
    above = (ClinicMessage, FollowUp, CallEvent, RecordingConsent, Note, Participant, SlotOffer, WaitingListEntry)
    with triggers.lifted(connection):
        life.suspension.delete()
        life.proposal.delete()
        life.report.delete()
        life.request.delete()
        life.revocation.delete()
        life.pieces.decision.delete()
        life.alert.delete()
        life.hours.delete()
        life.off.delete()
        for model in (*below, *above):
            model.objects.filter(patient=patient).delete()
        life.world.call.delete()
        for model in (Consultation, CareRelationship, PatientKey):
            model.objects.filter(patient=patient).delete()
        patient.delete()
        life.template.delete()
        for clinician in (life.world.clinician, life.world.colleague):
            clinician.delete()
        Notice.objects.filter(user__in=[user for user in people if user]).delete()
        User.objects.filter(pk__in=[user.pk for user in people if user]).delete()


def content_type_of(model: type[Model]) -> str:
    return str(ContentType.objects.get_for_model(model).pk)
