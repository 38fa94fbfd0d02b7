"""The database itself keeps everybody's rows apart, whatever our code does: raw SQL, both databases, each rule once."""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError, IntegrityError, connection, models, transaction
from django.utils import timezone

from accounts.models import User
from audit import alerts, ledger
from audit.models import Action, Alert, AlertKind, Checkpoint, Entry
from consultations.models import (
    Call,
    CallEvent,
    ClinicMessage,
    ConsentWording,
    Consultation,
    ConsultationChange,
    FollowUp,
    MessageReceipt,
    Note,
    Participant,
    RecordingConsent,
    SlotOffer,
    WaitingListEntry,
    WordingProposal,
)
from consultations.schedule import Availability, TimeOff
from notices.models import Mute, Notice, Preferences
from patients.models import CareRelationship, Patient, PatientKey
from recordings.models import (
    AccessReport,
    Chunk,
    DeletionRequest,
    Expiry,
    LegalHold,
    PlaybackRevocation,
    PlaybackSession,
    PlaybackSuspension,
    ProcessingJob,
    QuarantineDecision,
    RecorderLease,
    Recording,
    Rendition,
    RetentionPeriod,
    Segment,
    Share,
)
from tests.bookings import make_hours, make_offer
from tests.cast import FIFTEEN, HALF_A_MINUTE_MS, Cast, Pieces, World, make_ended_call, make_pieces

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.one_cast]
Row = dict[str, Any]
OWNERLESS = {
    "Consultation": "the root of the chain: it has no parent",
    "CareRelationship": "the relationship itself",
    "WaitingListEntry": "hangs on the patient directly",
    "PatientKey": "hangs on the patient directly",
    "PlaybackSuspension": "refers to one thing that is paused and has no parent; tests/test_suspensions.py",
}


@dataclass(frozen=True)
class Sides:
    """Both worlds with everything below their calls, by model name."""

    ada: dict[str, models.Model]
    ben: dict[str, models.Model]
    spare_call: Call
    spare_recording: Recording
    spare: Consultation


def make_message(consultation: Consultation) -> ClinicMessage:
    return ClinicMessage.objects.create(
        consultation=consultation, patient=consultation.patient, text="Late", by=consultation.clinician.user,
        sent_at=consultation.starts_at,
    )  # fmt: skip


def make_receipt(message: ClinicMessage) -> MessageReceipt:
    return MessageReceipt.objects.create(message=message, patient=message.patient, read_at=message.sent_at)


def by_name(world: World, pieces: Pieces) -> dict[str, models.Model]:
    wish, offer = make_offer(world.patient, world.clinician)
    message = make_message(world.held)
    return {
        "WaitingListEntry": wish,
        "SlotOffer": offer,
        "Consultation": world.held,
        "Participant": world.place_of(Participant.Role.PATIENT),
        "Call": world.call,
        "CallEvent": pieces.event,
        "RecordingConsent": pieces.consent,
        "Recording": world.recording,
        "RecorderLease": pieces.lease,
        "Segment": pieces.segment,
        "Chunk": pieces.chunk,
        "Rendition": world.replay,
        "ProcessingJob": pieces.job,
        "PlaybackSession": pieces.viewing,
        "QuarantineDecision": pieces.decision,
        "Availability": make_hours(world.clinician),
        "TimeOff": TimeOff.objects.create(
            clinician=world.clinician, starts_at=world.planned.ends_at, ends_at=world.planned.ends_at + FIFTEEN
        ),
        "ConsultationChange": ConsultationChange.objects.create(
            consultation=world.held, patient=world.patient, what="moved", was=world.held.starts_at,
            at=world.held.starts_at,
        ),
        "ClinicMessage": message,
        "MessageReceipt": make_receipt(message),
        "FollowUp": FollowUp.objects.create(consultation=world.held, next=world.planned, patient=world.patient),
        "Note": pieces.note,
        "Notice": Notice.objects.filter(user=world.patient.user).earliest("posted_at"),
        "Mute": Mute.objects.create(user=world.patient.user, kind="waiting"),
        "PlaybackRevocation": PlaybackRevocation.objects.create(
            recording=world.recording, patient=world.patient, user=world.colleague.user, why="left",
            revoked_at=world.held.ends_at, revoked_by=world.clinician.user,
        ),
        "AccessReport": AccessReport.objects.create(
            recording=world.recording, patient=world.patient, line=1, reported_by=world.patient.user,
            reported_at=timezone.now(),
        ),
        **how_long(world),
        "Share": Share.objects.create(
            recording=world.recording, patient=world.patient, grantee=world.colleague.user, name="C", reason="Advice",
            granted_by=world.patient.user, granted_at=world.held.ends_at, expires_at=timezone.now(),
        ),
    }  # fmt: skip


def how_long(world: World) -> dict[str, models.Model]:
    """What was said about how long the recording is kept, and what holds for everybody."""
    return {
        "DeletionRequest": DeletionRequest.objects.create(
            recording=world.recording, patient=world.patient, asked_by=world.patient.user, asked_at=world.held.ends_at
        ),
        "LegalHold": LegalHold.objects.create(
            recording=world.recording, patient=world.patient, why="complaint", note="A letter.",
            set_by=world.clinician.user, set_at=world.held.starts_at,
        ),
        "Expiry": Expiry.objects.create(
            recording=world.recording, patient=world.patient, kept_until=world.held.starts_at,
            erased_at=world.held.starts_at,
        ),
        "ConsentWording": ConsentWording.objects.get_or_create(
            version="v", language="en-gb", text="May we?", since=world.held.ends_at, published_at=world.held.ends_at
        )[0],
        "WordingProposal": WordingProposal.objects.create(
            texts={"en-gb": "May we?"}, since=world.held.ends_at, why="A law.", proposed_by=world.clinician.user,
            proposed_at=world.held.ends_at,
        ),
        "RetentionPeriod": RetentionPeriod.objects.create(
            days=400, since=world.held.ends_at, reason="A law.", set_by=world.clinician.user, set_at=world.held.ends_at
        ),
    }  # fmt: skip


def make_sides(cast: Cast) -> Sides:
    both = [by_name(world, make_pieces(world)) for world in (cast.ada, cast.ben)]
    # A second ended call of the same consultation: a recording needs one that has none yet.
    spare = make_ended_call(cast.ada.held)
    third = make_ended_call(cast.ada.held)
    spare_recording = Recording.objects.create(
        call=third, consultation=third.consultation, patient=third.patient, clinician=third.clinician,
        started_at=third.opened_at,
    )  # fmt: skip
    return Sides(
        *both, spare_call=spare, spare_recording=spare_recording, spare=another(cast.ada, starts_in=timedelta(days=3))
    )


@pytest.fixture(scope="module")
def sides_of_module(cast_of_module: Cast) -> Sides:
    sides = make_sides(cast_of_module)
    connection.check_constraints()  # PostgreSQL alters and empties no table while a check of its rows is outstanding
    return sides


@pytest.fixture
def sides(sides_of_module: Sides) -> Sides:
    return deepcopy(sides_of_module)


@dataclass(frozen=True)
class Child:
    """How to copy a standing row into another valid one, and who its parents are."""

    model: type[models.Model]
    fresh: Callable[[Row, Sides], Row]
    parent: tuple[str, str]
    owners: tuple[str, ...] = ("patient_id",)
    # Columns beside parent and owners that a standing row keeps.
    fixed: tuple[str, ...] = ()


def _new_id(**facts: Any) -> Callable[[Row, Sides], Row]:
    return lambda row, sides: {"id": uuid.uuid4(), **facts}


def _next_number(row: Row, sides: Sides) -> Row:
    return {"id": uuid.uuid4(), "number": row["number"] + 1}


CALL_OWNERS = ("patient_id", "clinician_id")
CHILDREN = [
    Child(
        Participant,
        lambda row, sides: {"id": uuid.uuid4(), "user_id": User.objects.create_user("guest@cast.test", name="G").pk},
        ("Consultation", "consultation_id"),
        fixed=("user_id", "role"),
    ),
    Child(ConsultationChange, _new_id(), ("Consultation", "consultation_id")),
    Child(ClinicMessage, _new_id(), ("Consultation", "consultation_id"), fixed=("text",)),
    Child(
        MessageReceipt,
        lambda row, sides: {"id": uuid.uuid4(), "message_id": make_message(sides.ada["Consultation"]).pk},
        ("ClinicMessage", "message_id"),
        fixed=("read_at",),
    ),
    Child(
        FollowUp,
        lambda row, sides: {"id": uuid.uuid4(), "next_id": sides.spare.pk},
        ("Consultation", "consultation_id"),
    ),
    Child(
        SlotOffer,
        lambda row, sides: {
            "id": uuid.uuid4(),
            "starts_at": row["ends_at"],
            "ends_at": row["expires_at"],
            "status": "passed",
        },
        ("WaitingListEntry", "entry_id"),
        fixed=("clinician_id", "starts_at", "ends_at"),
    ),
    Child(Call, _new_id(), ("Consultation", "consultation_id"), CALL_OWNERS),
    Child(CallEvent, lambda row, sides: {"id": None, "seq": row["seq"] + 1}, ("Call", "call_id")),
    Child(
        RecordingConsent,
        lambda row, sides: {"id": uuid.uuid4(), "withdrawn_at": row["given_at"]},
        ("Participant", "participant_id"),
        fixed=("scope", "wording_version", "wording_sha256", "given_at"),
    ),
    Child(
        Note,
        lambda row, sides: {"id": uuid.uuid4(), "version": row["version"] + 1},
        ("Consultation", "consultation_id"),
        CALL_OWNERS,
    ),
    Child(
        Recording,
        lambda row, sides: {"id": uuid.uuid4(), "call_id": sides.spare_call.pk},
        ("Call", "call_id"),
        ("consultation_id", *CALL_OWNERS),
    ),
    Child(
        RecorderLease,
        lambda row, sides: {"id": uuid.uuid4(), "revoked_at": row["granted_at"]},
        ("Recording", "recording_id"),
        ("consultation_id", "patient_id"),
        fixed=("participant_id",),
    ),
    Child(Segment, _next_number, ("Recording", "recording_id")),
    Child(Chunk, _next_number, ("Segment", "segment_id")),
    Child(
        Rendition, lambda row, sides: {"id": uuid.uuid4(), "version": row["version"] + 1}, ("Recording", "recording_id")
    ),
    Child(ProcessingJob, _new_id(status="done"), ("Recording", "recording_id")),
    Child(PlaybackSession, _new_id(), ("Recording", "recording_id")),
    Child(
        PlaybackRevocation,
        lambda row, sides: {"id": uuid.uuid4(), "ended_at": row["revoked_at"], "ended_by_id": row["revoked_by_id"]},
        ("Recording", "recording_id"),
        fixed=("user_id", "revoked_by_id"),
    ),
    Child(
        AccessReport,
        lambda row, sides: {"id": uuid.uuid4(), "line": row["line"] + 1},
        ("Recording", "recording_id"),
        fixed=("reported_by_id", "reported_at"),
    ),
    Child(
        DeletionRequest,
        lambda row, sides: {"id": uuid.uuid4(), "withdrawn_at": row["asked_at"]},
        ("Recording", "recording_id"),
        fixed=("asked_by_id",),
    ),
    Child(
        LegalHold,
        lambda row, sides: {
            "id": uuid.uuid4(),
            "lifted_at": row["set_at"],
            "lifted_by_id": row["set_by_id"],
            "lifted_note": "It is over.",
        },
        ("Recording", "recording_id"),
        fixed=("why", "note", "set_by_id", "set_at"),
    ),
    Child(
        Expiry,
        lambda row, sides: {"id": uuid.uuid4(), "recording_id": sides.spare_recording.pk},
        ("Recording", "recording_id"),
        fixed=("kept_until", "erased_at"),
    ),
    Child(
        Share,
        lambda row, sides: {"id": uuid.uuid4(), "revoked_at": row["granted_at"], "revoked_by_id": row["granted_by_id"]},
        ("Recording", "recording_id"),
        fixed=("grantee_id", "granted_by_id", "expires_at"),
    ),
    Child(
        QuarantineDecision,
        lambda row, sides: {"id": uuid.uuid4(), "withdrawn_at": row["proposed_at"]},
        ("Recording", "recording_id"),
        fixed=("what", "misfit", "why", "proposed_by_id"),
    ),
]
BY_MODEL = {child.model.__name__: child for child in CHILDREN}
EACH_CHILD = pytest.mark.parametrize("child", CHILDREN, ids=BY_MODEL)
EACH_OWNER = pytest.mark.parametrize(
    ("child", "owner"),
    [pytest.param(child, owner, id=f"{child.model.__name__}-{owner}") for child in CHILDREN for owner in child.owners],
)


def prepared(model: type[models.Model], column: str, value: Any) -> Any:
    field = next(field for field in model._meta.concrete_fields if field.column == column)
    if isinstance(field, models.JSONField):
        return value if isinstance(value, str) else json.dumps(value)
    return field.get_db_prep_save(field.to_python(value), connection) if value is not None else None


def row_of(instance: models.Model) -> Row:
    return {field.column: getattr(instance, field.attname) for field in instance._meta.concrete_fields}


def insert(model: type[models.Model], row: Row) -> None:
    """Insert by raw SQL: no manager, no save(), no signal stands between the row and the database."""
    row = {column: prepared(model, column, value) for column, value in row.items() if (column, value) != ("id", None)}
    columns, places = ", ".join(row), ", ".join(["%s"] * len(row))
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {model._meta.db_table} ({columns}) VALUES ({places})", list(row.values()))


def change(instance: models.Model, **values: Any) -> None:
    model = type(instance)
    own_key = prepared(model, model._meta.pk.column, instance.pk)
    new = [prepared(model, column, value) for column, value in values.items()]
    with connection.cursor() as cursor:
        sets = ", ".join(f"{column} = %s" for column in values)
        cursor.execute(f"UPDATE {model._meta.db_table} SET {sets} WHERE id = %s", [*new, own_key])


@contextmanager
def refused(match: str, error: type[Exception] = DatabaseError) -> Iterator[None]:
    """The database refuses the block, and nothing of it stays."""
    with pytest.raises(error, match=match), transaction.atomic():
        yield


def copy_of(child: Child, sides: Sides) -> Row:
    row = row_of(sides.ada[child.model.__name__])
    return row | child.fresh(row, sides)


def strange(child: Child, owner: str, sides: Sides) -> Any:
    """Return the neighbour's value for this owner column."""
    return row_of(sides.ben[child.model.__name__])[owner]


def test_every_model_with_a_patient_is_in_this_list() -> None:
    named = {
        model.__name__
        for model in apps.get_models()
        if any(field.name == "patient" and field.is_relation for field in model._meta.concrete_fields)
    }
    assert named == set(BY_MODEL) | set(OWNERLESS)


@EACH_OWNER
def test_a_row_whose_owner_differs_from_its_parents_is_refused(child: Child, owner: str, sides: Sides) -> None:
    row, before = copy_of(child, sides), child.model.objects.count()
    with refused("passport"):
        insert(child.model, row | {owner: strange(child, owner, sides)})
    assert child.model.objects.count() == before
    insert(child.model, row)
    assert child.model.objects.count() == before + 1


@EACH_CHILD
def test_a_row_under_the_neighbours_parent_is_refused(child: Child, sides: Sides) -> None:
    name, column = child.parent
    row = copy_of(child, sides)
    with refused("passport"):
        insert(child.model, row | {column: sides.ben[name].pk})


@EACH_CHILD
def test_a_row_under_no_parent_at_all_is_refused_at_once(child: Child, sides: Sides) -> None:
    with refused("passport"):
        insert(child.model, copy_of(child, sides) | {child.parent[1]: uuid.uuid4()})


OTHERWISE = {
    "role": "guest",
    "text": "Other words",
    "wording_version": "another",
    "wording_sha256": "0" * 64,
    "scope": "audio",
    "what": "release",
    "misfit": "other",
    "why": "Another test.",
    "note": "Another letter.",
}


@EACH_CHILD
def test_a_standing_row_keeps_its_parent_and_owners(child: Child, sides: Sides) -> None:
    own = sides.ada[child.model.__name__]
    for column in (child.parent[1], *child.owners, *child.fixed):
        theirs = strange(child, column, sides)
        if theirs == row_of(own)[column]:
            theirs = OTHERWISE.get(column, sides.ada["Consultation"].ends_at)
        with refused("passport|append-only"):
            change(own, **{column: theirs})
    assert row_of(type(own).objects.get(pk=own.pk)) == row_of(own)


@EACH_CHILD
def test_a_standing_row_cannot_move_to_the_neighbour_even_with_all_owners_right(child: Child, sides: Sides) -> None:
    own = sides.ada[child.model.__name__]
    theirs = {column: strange(child, column, sides) for column in (child.parent[1], *child.owners)}
    with refused("passport|append-only"):
        change(own, **theirs)


@EACH_CHILD
def test_a_standing_row_can_still_change_in_other_ways(child: Child, sides: Sides) -> None:
    """Otherwise the refusals above would prove nothing about owners."""
    free = {Participant: {"audio": "off"}, Call: {"end_reason": "lost"},
            RecordingConsent: {"withdrawn_at": timezone.now()}, Recording: {"reason": "x"},
            RecorderLease: {"revoked_why": "ended"}, Segment: {"mime": "video/webm"},
            Chunk: {"byte_length": 9}, Rendition: {"content_type": "audio/webm"}, ProcessingJob: {"fault": "x"},
            PlaybackSession: {"ranges": 5}}  # fmt: skip
    if child.model in free:
        change(sides.ada[child.model.__name__], **free[child.model])


@pytest.mark.postgres
@EACH_OWNER
def test_on_postgresql_the_composite_key_refuses_by_itself_what_the_trigger_would(
    child: Child, owner: str, sides: Sides
) -> None:
    table = child.model._meta.db_table
    row = copy_of(child, sides)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    with refused(rf"{table}_same_owner_as_\w+_fk", IntegrityError):
        insert(child.model, row | {owner: strange(child, owner, sides)})
    insert(child.model, row)


def test_a_consultation_keeps_its_patient_and_clinician(cast: Cast) -> None:
    for column in ("patient_id", "clinician_id"):
        with refused("passport"):
            change(cast.ada.held, **{column: getattr(cast.ben.held, column)})
    change(cast.ada.held, reason="Other words")


def test_a_segment_cannot_use_the_lease_of_another_recording(sides: Sides) -> None:
    row = copy_of(BY_MODEL["Segment"], sides)
    with refused("passport"):
        insert(Segment, row | {"lease_id": sides.ben["RecorderLease"].pk})
    with refused("passport"):
        change(sides.ada["Segment"], lease_id=sides.ben["RecorderLease"].pk)


def test_a_lease_cannot_be_held_by_the_neighbours_participant(sides: Sides) -> None:
    row = copy_of(BY_MODEL["RecorderLease"], sides)
    with refused("passport"):
        insert(RecorderLease, row | {"participant_id": sides.ben["Participant"].pk})
    with refused("passport"):
        change(sides.ada["RecorderLease"], participant_id=sides.ben["Participant"].pk)


def test_what_follows_a_consultation_is_of_the_same_patient(sides: Sides) -> None:
    row = copy_of(BY_MODEL["FollowUp"], sides)
    with refused("passport"):
        insert(FollowUp, row | {"next_id": sides.ben["FollowUp"].next_id})


def test_a_patients_place_in_storage_and_keys_stay_theirs(cast: Cast) -> None:
    with refused("passport"):
        change(cast.ada.patient, vault_id=cast.ben.patient.vault_id)
    key = PatientKey.objects.get(patient=cast.ada.patient)
    with refused("passport"):
        change(key, patient_id=cast.ben.patient.pk)
    with refused("passport"):
        change(key, version=2)


# The ledger and the calendar.


def entry() -> Entry:
    ledger.append(ledger.PORTAL, ledger.Line(Action.LISTED))
    return Entry.objects.get()


@pytest.mark.parametrize("statement", ["UPDATE audit_entry SET reason = 'x'", "DELETE FROM audit_entry"])
def test_a_line_of_the_ledger_can_be_neither_changed_nor_removed(statement: str) -> None:
    line = entry()
    with refused("append-only"), connection.cursor() as cursor:
        cursor.execute(statement)
    assert row_of(Entry.objects.get()) == row_of(line)


@pytest.mark.sqlite
def test_a_line_of_the_ledger_cannot_be_replaced() -> None:
    line = entry()
    row = {column: prepared(Entry, column, value) for column, value in (row_of(line) | {"reason": "x"}).items()}
    columns, places = ", ".join(row), ", ".join(["%s"] * len(row))
    with refused("append-only"), connection.cursor() as cursor:
        cursor.execute(f"REPLACE INTO audit_entry ({columns}) VALUES ({places})", list(row.values()))
    with refused("append-only"), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO audit_entry ({columns}) VALUES ({places}) ON CONFLICT (seq) DO UPDATE SET reason = 'x'",
            list(row.values()),
        )
    assert Entry.objects.get().reason == ""


@pytest.mark.postgres
@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE audit_entry",
        "TRUNCATE audit_entry CASCADE",
        "TRUNCATE consultations_callevent",
        "INSERT INTO audit_entry SELECT * FROM audit_entry ON CONFLICT (seq) DO UPDATE SET reason = 'x'",
    ],
)
def test_the_ledger_cannot_be_emptied_or_written_over(statement: str) -> None:
    entry()
    with refused("append-only"), connection.cursor() as cursor:
        cursor.execute(statement)
    assert Entry.objects.get().reason == ""


def test_the_calls_log_is_append_only(sides: Sides) -> None:
    event = sides.ada["CallEvent"]
    with refused("append-only"):
        change(event, kind="other")
    with refused("append-only"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM consultations_callevent")
    assert CallEvent.objects.filter(pk=event.pk, kind="joined").exists()


def another(world: World, *, starts_in: timedelta, lasts: timedelta = FIFTEEN, **facts: Any) -> Consultation:
    """Book past all services, relative to the world's planned consultation."""
    starts_at = world.planned.starts_at + starts_in
    facts = {"patient": world.patient, "clinician": world.clinician, **facts}
    with transaction.atomic():
        return Consultation.objects.create(starts_at=starts_at, ends_at=starts_at + lasts, reason="x", **facts)


MINUTE = timedelta(minutes=1)
OVERLAPS = {
    "the same time": (0 * MINUTE, FIFTEEN),
    "its last minute": (14 * MINUTE, FIFTEEN),
    "its first minute": (-14 * MINUTE, FIFTEEN),
    "a minute inside it": (5 * MINUTE, MINUTE),
    "all around it": (-5 * MINUTE, 60 * MINUTE),
}


@pytest.mark.parametrize(("starts_in", "lasts"), OVERLAPS.values(), ids=OVERLAPS)
def test_a_clinician_cannot_hold_two_consultations_at_once(cast: Cast, starts_in: timedelta, lasts: timedelta) -> None:
    with pytest.raises(IntegrityError, match="clinician_has_no_overlap|another consultation"):
        another(cast.ada, starts_in=starts_in, lasts=lasts, patient=cast.ben.patient)
    another(cast.ada, starts_in=starts_in, lasts=lasts, status="cancelled")
    another(cast.ada, starts_in=starts_in, lasts=lasts, clinician=cast.ada.colleague)


def test_consultations_may_follow_each_other_at_once(cast: Cast) -> None:
    another(cast.ada, starts_in=FIFTEEN)
    another(cast.ada, starts_in=-FIFTEEN)


def test_a_consultation_cannot_be_moved_onto_another_or_revived_there(cast: Cast) -> None:
    later = another(cast.ada, starts_in=FIFTEEN)
    with refused("clinician_has_no_overlap|another consultation", IntegrityError):
        change(later, starts_at=cast.ada.planned.starts_at)
    cancelled = another(cast.ada, starts_in=0 * MINUTE, status="cancelled")
    with refused("clinician_has_no_overlap|another consultation", IntegrityError):
        change(cancelled, status="planned")


# Each named constraint, violated once.


def violate(model: type[models.Model], **facts: Any) -> Callable[[Sides], None]:
    """Change the standing row of Ada's world past all validation."""
    return lambda sides: change(sides.ada[model.__name__], **facts)


def twice(model: type[models.Model], **facts: Any) -> Callable[[Sides], None]:
    """Insert the standing row of Ada's world once more under a fresh id."""

    def violation(sides: Sides) -> None:
        key = {"id": None if model in (CallEvent, Mute) else uuid.uuid4()}
        insert(model, row_of(sides.ada[model.__name__]) | key | facts)

    return violation


def two_live_calls(sides: Sides) -> None:
    for _ in range(2):
        row = row_of(sides.ada["Call"])
        insert(Call, row | {"id": uuid.uuid4(), "status": "live", "ended_at": None})


def quiet_without_an_end(sides: Sides) -> None:
    insert(Preferences, {"user_id": patient_of(sides).user_id, "quiet_from": "21:00", "quiet_until": None})


def patient_of(sides: Sides) -> Patient:
    return sides.ada["Consultation"].patient


def second_account(sides: Sides) -> None:
    User.objects.create_user(patient_of(sides).user.email.upper(), name="Twin")


def second_care(sides: Sides) -> None:
    live = CareRelationship.objects.filter(patient=patient_of(sides)).first()
    insert(CareRelationship, row_of(live) | {"id": uuid.uuid4()})


def care_that_ends_first(sides: Sides) -> None:
    live = CareRelationship.objects.filter(patient=patient_of(sides)).first()
    change(live, until=live.since)


def another_key(**facts: Any) -> Callable[[Sides], None]:
    def violation(sides: Sides) -> None:
        key = PatientKey.objects.get(patient=patient_of(sides))
        insert(PatientKey, row_of(key) | {"id": None} | facts)

    return violation


def strange_entry(**facts: Any) -> Callable[[Sides], None]:
    def violation(sides: Sides) -> None:
        insert(Entry, row_of(entry()) | {"seq": 99, "hash": "f" * 64} | facts)

    return violation


def strange_checkpoint(**facts: Any) -> Callable[[Sides], None]:
    def violation(sides: Sides) -> None:
        sound = Checkpoint(number=1, seq=1, head="0", count=1, root="0", previous="0", at=timezone.now(), digest="0")
        insert(Checkpoint, row_of(sound) | facts)

    return violation


def strange_alert(**facts: Any) -> Callable[[Sides], None]:
    def violation(sides: Sides) -> None:
        alerts.raise_alert(AlertKind.TWO_KEYS, actor=ledger.PORTAL, now=timezone.now())
        insert(Alert, row_of(Alert.objects.get()) | {"id": uuid.uuid4()} | facts)

    return violation


def strange_suspension(of: str, *, times: int = 1, **facts: Any) -> Callable[[Sides], None]:
    """Insert open suspensions of this, with whatever these facts change."""

    def violation(sides: Sides) -> None:
        world = sides.ada["Recording"]
        ids = {"recording": world.pk, "patient": world.patient_id, "clinician": world.clinician_id}
        standing = PlaybackSuspension(scope=of, reason="A check.", **{f"{s}_id": ids[s] for s in ids if s == of})
        for _ in range(times):
            insert(PlaybackSuspension, row_of(standing) | {"id": uuid.uuid4()} | facts)

    return violation


def second_offer(sides: Sides) -> None:
    """Offer Ada's open time to Ben, too."""
    theirs = row_of(sides.ada["SlotOffer"])
    slot = {column: theirs[column] for column in ("clinician_id", "starts_at", "ends_at")}
    SlotOffer.objects.filter(pk=sides.ben["SlotOffer"].pk).update(status="passed")
    insert(SlotOffer, row_of(sides.ben["SlotOffer"]) | slot | {"id": uuid.uuid4()})


def confirmed_by_the_proposer(sides: Sides) -> None:
    decision = sides.ada["QuarantineDecision"]
    row = row_of(decision)
    change(decision, confirmed_by_id=row["proposed_by_id"], confirmed_at=row["proposed_at"])


def published_by_the_proposer(sides: Sides) -> None:
    person = patient_of(sides).user_id
    twice(ConsentWording, version="w", since=LONG_AGO, proposed_by_id=person, published_by_id=person)(sides)


def confirmed_wording(sides: Sides) -> None:
    proposal = sides.ada["WordingProposal"]
    row = row_of(proposal)
    change(proposal, confirmed_by_id=row["proposed_by_id"], confirmed_at=row["proposed_at"])


def nameless_number(sides: Sides) -> None:
    change(patient_of(sides), nhs_number="")


def share_with_whoever_shares(sides: Sides) -> None:
    twice(Share, grantee_id=sides.ada["Share"].granted_by_id)(sides)


def answered_report(**facts: Any) -> Callable[[Sides], None]:
    def violation(sides: Sides) -> None:
        answer = {
            "note": "Asked.",
            "handled_at": timezone.now(),
            "handled_by_id": sides.ada["AccessReport"].reported_by_id,
        }
        twice(AccessReport, line=2, **answer, **facts)(sides)

    return violation


def answered_request(*, by: str = "", **facts: Any) -> Callable[[Sides], None]:
    """Answer the standing request as its patient; `by` says that they confirm it, too."""

    def violation(sides: Sides) -> None:
        asked = sides.ada["DeletionRequest"]
        people = {"answered_by_id": asked.asked_by_id} | ({"confirmed_by_id": asked.asked_by_id} if by else {})
        change(asked, why="A test", answered_at=timezone.now(), **people, **facts)

    return violation


def two_drafts(sides: Sides) -> None:
    row = row_of(sides.ada["Note"]) | {"signed_at": None, "shared_at": None}
    for version in (2, 3):
        insert(Note, row | {"id": uuid.uuid4(), "version": version})


LONG_AGO = "2001-01-01T00:00:00+00:00"
RETIRED = {"retired_at": "2026-01-01T00:00:00+00:00"}
VIOLATIONS: dict[str, Callable[[Sides], None]] = {
    "entry_action_is_known": strange_entry(action="danced"),
    "entry_seq_starts_at_one": strange_entry(seq=0),
    "checkpoint_holds_entries": strange_checkpoint(number=0),
    "alert_is_handled_by_somebody_with_a_note": strange_alert(handled_at="2026-01-01T00:00:00+00:00"),
    "one_account_per_email": second_account,
    "nhs_number_is_null_when_unknown": nameless_number,
    "one_live_care_relationship_per_pair": second_care,
    "care_ends_after_it_began": care_that_ends_first,
    "one_key_per_patient_and_version": another_key(**RETIRED),
    "one_active_key_per_patient": another_key(version=2),
    "destroyed_key_has_no_keyset": another_key(version=2, **RETIRED, destroyed_at=RETIRED["retired_at"]),
    "availability_ends_after_it_starts": violate(Availability, ends="08:00"),
    "availability_last_day_follows_first": violate(Availability, valid_until="2020-01-01"),
    "availability_slots_are_of_sensible_length": violate(Availability, slot_minutes=4),
    "time_off_ends_after_it_starts": violate(TimeOff, ends_at="2020-01-01T00:00:00+00:00"),
    "one_place_in_the_waiting_list": twice(WaitingListEntry),
    "one_open_offer_per_entry": twice(SlotOffer, starts_at="2030-01-01T00:00:00+00:00"),
    "one_open_offer_per_slot": second_offer,
    "one_offer_per_entry_and_slot": twice(SlotOffer, status="passed"),
    "offer_expires_after_it_was_made": violate(SlotOffer, expires_at="2020-01-01T00:00:00+00:00"),
    "consultation_ends_after_it_starts": lambda sides: change(
        sides.ada["Consultation"],
        ends_at=sides.ada["Consultation"].starts_at,
    ),
    "ended_consultation_has_ended_at": violate(Consultation, ended_at=None),
    "missed_after_it_began": twice(ConsultationChange, what="missed"),
    "clinic_message_says_something": twice(ClinicMessage, text=""),
    "follow_up_is_another_consultation": lambda sides: twice(FollowUp, next_id=sides.ada["Consultation"].pk)(sides),
    "one_place_per_person_and_consultation": twice(Participant),
    "one_live_call_per_consultation": two_live_calls,
    "ended_call_has_ended_at": violate(Call, ended_at=None),
    "one_event_per_call_and_seq": twice(CallEvent),
    "one_consent_in_force_per_participant": twice(RecordingConsent),
    "withdrawn_follows_given": violate(RecordingConsent, withdrawn_at="2001-01-01T00:00:00+00:00"),
    "one_wording_per_version_and_language": twice(ConsentWording, since=LONG_AGO),
    "one_wording_at_a_time": twice(ConsentWording, version="w"),
    "wording_says_something": twice(ConsentWording, version="w", since=LONG_AGO, text=""),
    "wording_takes_two_people": published_by_the_proposer,
    "proposed_wording_has_a_reason": twice(WordingProposal, why=""),
    "proposed_wording_takes_two_people": confirmed_wording,
    "proposed_wording_is_confirmed_by_somebody": violate(WordingProposal, confirmed_at=RETIRED["retired_at"]),
    "one_note_per_consultation_and_version": twice(Note),
    "one_draft_per_consultation": two_drafts,
    "signed_note_has_text": twice(Note, version=2, text=""),
    "shared_note_is_signed": twice(Note, version=2, signed_at=None),
    "ready_recording_has_duration": violate(Recording, duration_ms=None),
    "one_live_lease_per_recording": twice(RecorderLease),
    "one_segment_per_number": twice(Segment),
    "complete_segment_knows_its_chunks": violate(Segment, chunks_expected=None),
    "one_chunk_per_number": twice(Chunk),
    "share_ends_after_it_began": twice(Share, expires_at=LONG_AGO),
    "share_says_with_whom_and_why": twice(Share, reason=""),
    "share_is_with_somebody_else": share_with_whoever_shares,
    "share_is_agreed_to_while_it_stands": twice(Share, agreed_by_patient_at=LONG_AGO),
    "share_is_withdrawn_by_somebody_or_swept": twice(Share, revoked_at=timezone.now()),
    "share_is_swept_once_it_ran_out": twice(Share, swept_at=LONG_AGO),
    "one_unfinished_share_per_recording_and_grantee": twice(Share),
    "one_access_report_per_line_and_person": twice(AccessReport),
    "access_report_is_answered_by_somebody_with_a_note": twice(AccessReport, line=2, note="Nobody's"),
    "one_open_deletion_request_per_recording": twice(DeletionRequest),
    "deletion_request_is_answered_with_a_reason": violate(DeletionRequest, answer="accepted"),
    "deletion_is_refused_until_a_day": answered_request(answer="refused"),
    "deletion_takes_two_people": answered_request(answer="accepted", by="patient", confirmed_at=LONG_AGO),
    "deletion_is_confirmed_by_somebody": answered_request(answer="accepted", confirmed_at=LONG_AGO),
    "deletion_request_is_withdrawn_while_open": answered_request(
        answer="refused", kept_until="2030-01-01", withdrawn_at=LONG_AGO
    ),
    "deletion_empties_once_confirmed": violate(DeletionRequest, emptied_at=LONG_AGO),
    "retention_period_has_a_reason": twice(RetentionPeriod, reason=""),
    "retention_period_lasts_a_day": twice(RetentionPeriod, days=0),
    "retention_period_begins_once_set": twice(RetentionPeriod, since=LONG_AGO),
    "legal_hold_has_a_note": lambda sides: insert(LegalHold, copy_of(BY_MODEL["LegalHold"], sides) | {"note": ""}),
    "legal_hold_is_lifted_by_somebody_with_a_note": violate(LegalHold, lifted_at=RETIRED["retired_at"]),
    "one_standing_legal_hold_per_recording": twice(LegalHold),
    "recording_expires_on_its_day": lambda sides: insert(
        Expiry, copy_of(BY_MODEL["Expiry"], sides) | {"erased_at": LONG_AGO}
    ),
    "expiry_empties_once_erased": violate(Expiry, emptied_at=LONG_AGO),
    "chunk_ends_after_it_begins": violate(Chunk, from_ms=HALF_A_MINUTE_MS),
    "one_rendition_per_kind_and_version": twice(Rendition),
    "one_live_job_per_recording": twice(ProcessingJob),
    "suspension_refers_to_its_scope": strange_suspension("patient", scope="everything"),
    "suspension_is_closed_by_somebody_with_a_note": strange_suspension("patient", closed_at=RETIRED["retired_at"]),
    "suspension_has_a_reason": strange_suspension("patient", reason=""),
    "one_open_suspension_of_recording": strange_suspension("recording", times=2),
    "one_open_suspension_of_patient": strange_suspension("patient", times=2),
    "one_open_suspension_of_clinician": strange_suspension("clinician", times=2),
    "one_open_suspension_of_everything": strange_suspension("everything", times=2),
    "one_standing_revocation_per_recording_and_user": twice(PlaybackRevocation),
    "revocation_is_ended_by_somebody_after_it_began": violate(PlaybackRevocation, ended_at="2030-01-01T00:00:00+00:00"),
    "decision_takes_two_people": confirmed_by_the_proposer,
    "decision_is_confirmed_by_somebody": violate(QuarantineDecision, confirmed_at=RETIRED["retired_at"]),
    "decision_runs_once_confirmed": lambda sides: change(
        sides.ada["QuarantineDecision"], job_id=sides.ada["ProcessingJob"].pk
    ),
    "decision_empties_once_confirmed": violate(QuarantineDecision, emptied_at=RETIRED["retired_at"]),
    "decision_has_a_reason": twice(QuarantineDecision, why=""),
    "one_open_decision_per_recording": twice(QuarantineDecision),
    "one_notice_per_occasion": twice(Notice),
    "notice_ends_in_one_way": violate(Notice, sent_at=RETIRED["retired_at"], failed_at=RETIRED["retired_at"]),
    "one_mute_per_user_and_kind": twice(Mute),
    "quiet_hours_have_two_ends": quiet_without_an_end,
}
OWN_APPS = ("audit", "accounts", "notices", "patients", "consultations", "recordings")
CONSTRAINTS = {
    constraint.name: (model, constraint)
    for app in OWN_APPS
    for model in apps.get_app_config(app).get_models()
    for constraint in model._meta.constraints
}


def test_every_named_constraint_is_violated_here() -> None:
    """But for passports, which hold the primary key and so cannot be violated alone, and vocabularies, below."""
    others = {name for name in CONSTRAINTS if not name.endswith(("passport", "_is_known"))}
    assert others == set(VIOLATIONS) - {"entry_action_is_known"}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_the_database_keeps_the_constraint(name: str, sides: Sides) -> None:
    model, constraint = CONSTRAINTS[name]
    fields = getattr(constraint, "fields", ())
    # SQLite names the columns of a plain unique constraint instead of the constraint.
    columns = rf"{model._meta.db_table}\.{model._meta.get_field(fields[0]).column}" if fields else "(no columns)"
    with refused(rf"{name}|UNIQUE constraint failed: {columns}", IntegrityError):
        VIOLATIONS[name](sides)


def test_a_second_recording_of_a_call_is_refused(sides: Sides) -> None:
    with refused("call_id", IntegrityError):
        insert(Recording, row_of(sides.ada["Recording"]) | {"id": uuid.uuid4()})


WORDS = [
    pytest.param(model, field.column, id=f"{model.__name__}.{field.column}")
    for model in apps.get_models()
    if model._meta.app_label in OWN_APPS
    for field in model._meta.concrete_fields
    if field.choices
]

KEEP_THEIR_WORDS = (
    CallEvent, ConsultationChange, RecordingConsent, Participant, Call, PlaybackRevocation, QuarantineDecision,
)  # fmt: skip


@pytest.mark.parametrize(("model", "column"), WORDS)
def test_a_word_outside_its_vocabulary_is_refused_by_the_database(
    model: type[models.Model], column: str, sides: Sides
) -> None:
    if model is Entry:
        violation = strange_entry(**{column: "dancing"})
    elif model is Alert:
        violation = strange_alert(**{column: "dancing"})
    elif model is PlaybackSuspension:
        violation = strange_suspension("everything", **{column: "dancing"})
    elif model is AccessReport:
        violation = answered_report(**{column: "dancing"})
    elif model is DeletionRequest:
        violation = answered_request(**{column: "dancing"})
    elif model in (
        CallEvent,
        ConsultationChange,
        RecordingConsent,
        Participant,
        Call,
        PlaybackRevocation,
        QuarantineDecision,
        LegalHold,
        Notice,
        Mute,
    ):
        violation = twice(model, **{column: "dancing"})
    else:
        violation = violate(model, **{column: "dancing"})
    # A call that is neither live nor ended breaks a second rule, and the database may name that one; so may a pause.
    with refused(r"\w+_is_known|ended_call_has_ended_at|suspension_refers_to_its_scope", IntegrityError):
        violation(sides)
