"""Held-back recordings are released or discarded by two people, and never by one."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from audit import ledger
from audit.ledger import Actor
from audit.models import Action, Entry
from consultations.states import move
from recordings import erasure, inventory, policy, quarantine, tasks
from recordings.misfits import MISFITS
from recordings.models import Chunk, QuarantineDecision, Recording, Segment
from recordings.quarantine import CannotDecide
from tests.cast import Cast
from tests.crowd import at_once
from tests.quarantined import another_administrator, confirm, held_back, propose
from tests.replays import status_at
from tests.visits import CANVAS, Visit, stored_files

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def small_pictures(settings) -> None:
    settings.RECORDING_CANVAS = CANVAS


@pytest.fixture
def visit(cast: Cast) -> Visit:
    return held_back(cast)


@pytest.fixture
def second() -> User:
    return another_administrator()


def decisions_unchanged(decision: QuarantineDecision) -> bool:
    fresh = QuarantineDecision.objects.get(pk=decision.pk)
    return (fresh.confirmed_at, fresh.confirmed_by, fresh.job) == (None, None, None)


def test_two_people_release_and_both_people_of_the_call_may_play_it(cast: Cast, visit: Visit, second: User) -> None:
    decision = propose(visit.recording, cast.administrator)
    assert visit.recording.status == "quarantined" and not visit.recording.jobs.filter(status="queued").exists()
    confirm(decision, second)
    assert visit.recording.status == "quarantined", "nothing is shown before the checks are made again"
    visit.now = timezone.now()
    assert visit.process().status == "ready"
    for person in (cast.ada.patient.user, cast.ada.clinician.user):
        assert policy.playable_by(person).filter(pk=visit.recording.pk).exists()
    for name, person in cast.actors().items():
        if name not in {"ada.patient", "ada.clinician"}:
            assert not policy.playable_by(person).filter(pk=visit.recording.pk).exists(), name
    lines = list(Entry.objects.filter(object_id=visit.recording.pk).order_by("seq").values_list("action", "reason"))
    assert lines == [
        ("quarantined", "recorder_was_absent"),
        ("alerted", "quarantined"),
        ("handled", "release_proposed"),
        ("released", "recorder_was_absent"),
        ("published", "ready"),
        ("granted", ""),
        ("granted", ""),
    ]
    released = Entry.objects.get(action=Action.RELEASED)
    assert (released.actor, released.patient) == (second.pk, cast.ada.patient.pk)
    people = {"proposed_by": str(cast.administrator.pk), "confirmed_by": str(second.pk)}
    assert released.detail == people | {"decision": str(decision.pk)}
    assert ledger.first_fault() is None


def test_a_release_accepts_that_one_reason_and_no_other(cast: Cast, visit: Visit, second: User) -> None:
    """Something else was wrong, too: it is found by the run that releases, and held back for that."""
    confirm(propose(visit.recording, cast.administrator), second)
    Chunk.objects.filter(segment__recording=visit.recording, number=0).update(sha256=bytes(32))
    Segment.objects.update(root="")
    visit.now = timezone.now()
    recording = visit.process()
    assert (recording.status, recording.reason) == ("quarantined", "chunk_digest")
    assert not recording.renditions.exists()
    assert not policy.granted_to(cast.ada.patient.user).filter(pk=recording.pk).exists()
    with pytest.raises(CannotDecide, match="cannot be released by anybody"):
        propose(recording, cast.administrator)


NEVER = [word for word, misfit in MISFITS.items() if not misfit.may_be_released]


@pytest.mark.parametrize("reason", [*NEVER, "unreadable_damaged", "something_new"])
def test_what_does_not_match_or_was_not_allowed_is_released_by_nobody(cast: Cast, visit: Visit, reason: str) -> None:
    Recording.objects.filter(pk=visit.recording.pk).update(reason=reason)
    with pytest.raises(CannotDecide, match="cannot be released"):
        propose(visit.recording, cast.administrator)
    assert not QuarantineDecision.objects.exists()
    propose(visit.recording, cast.administrator, "discard")


def test_a_forged_decision_does_not_let_a_forged_piece_through(cast: Cast, visit: Visit, second: User) -> None:
    """Rows written past the service: the pipeline asks again what may be accepted at all."""
    decision = propose(visit.recording, cast.administrator)
    confirm(decision, second)
    for reason in ("manifest", "foreign_patient", "chunk_digest"):
        QuarantineDecision.objects.create(
            recording=visit.recording, patient=cast.ada.patient, what="release", misfit=reason, facts="", why="x",
            proposed_by=cast.administrator, proposed_at=cast.now, confirmed_by=second, confirmed_at=cast.now,
        )  # fmt: skip
    Segment.objects.update(root="0" * 64)
    visit.now = timezone.now()
    assert (visit.process().status, visit.recording.reason) == ("quarantined", "manifest")


def test_two_people_discard_and_nothing_is_left_in_the_vault(cast: Cast, visit: Visit, second: User) -> None:
    chunks, recording = Chunk.objects.count(), visit.recording
    assert stored_files(recording)
    decision = propose(recording, cast.administrator, "discard")
    assert stored_files(recording)
    confirm(decision, second)
    assert visit.recording.status == "erased" and erasure.waiting() == [decision.pk]
    tasks.empty_discarded(str(decision.pk))
    assert not stored_files(recording) and erasure.waiting() == []
    assert Chunk.objects.count() == chunks, "rows stay as tombstones"
    assert {bytes(key) for key in Segment.objects.values_list("wrapped_spool_key", flat=True)} == {b""}
    assert all(found.is_erased and not found.fault for found in inventory.findings(recording.pk))
    discarded = Entry.objects.get(action=Action.DISCARDED)
    assert (discarded.actor, discarded.object_id, discarded.reason) == (second.pk, recording.pk, "recorder_was_absent")
    assert discarded.detail["proposed_by"] == str(cast.administrator.pk)
    status = status_at(cast.ada.patient.user, visit.consultation)
    assert (status["state"], status["replay_url"]) == ("erased", "")


def test_the_neighbours_objects_stay_when_something_is_discarded(cast: Cast, visit: Visit, second: User) -> None:
    before = stored_files(cast.ben.recording), stored_files(cast.ada.recording)
    decision = propose(visit.recording, cast.administrator, "discard")
    confirm(decision, second)
    erasure.empty(decision.pk, now=cast.now)
    assert (stored_files(cast.ben.recording), stored_files(cast.ada.recording)) == before
    assert all(before)


def test_a_sweep_empties_what_was_left_by_a_worker_that_died(cast: Cast, visit: Visit, second: User, work_at_once):
    decision = propose(visit.recording, cast.administrator, "discard")
    confirm(decision, second)
    tasks.sweep()
    decision.refresh_from_db()
    assert decision.emptied_at and not stored_files(visit.recording)


@pytest.mark.parametrize("what", ["release", "discard"])
def test_nobody_confirms_their_own_proposal_in_whatever_session(cast: Cast, visit: Visit, what: str) -> None:
    decision = propose(visit.recording, cast.administrator, what)
    again = User.objects.get(pk=cast.administrator.pk)
    with pytest.raises(CannotDecide, match="Another person"):
        quarantine.confirm(decision.pk, by=again, actor=Actor(again.pk, "another session"), now=decision.proposed_at)
    assert decisions_unchanged(decision) and visit.recording.status == "quarantined"


def test_the_database_refuses_one_person_for_both(cast: Cast, visit: Visit) -> None:
    decision = propose(visit.recording, cast.administrator)
    row = QuarantineDecision.objects.filter(pk=decision.pk)
    with pytest.raises(IntegrityError, match="decision_takes_two_people"), transaction.atomic():
        row.update(confirmed_by=cast.administrator, confirmed_at=cast.now)
    with pytest.raises(DatabaseError, match="never change"), transaction.atomic():
        row.update(proposed_by=cast.staff)
    with pytest.raises(DatabaseError, match="never deleted"), transaction.atomic():
        row.delete()


def deactivated(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def left_the_group(user: User) -> None:
    user.groups.clear()


def is_no_staff_any_more(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_staff=False)


LOSSES = pytest.mark.parametrize("lose", [deactivated, left_the_group, is_no_staff_any_more])


@LOSSES
def test_who_lost_the_right_confirms_nothing(
    cast: Cast, visit: Visit, second: User, lose: Callable[[User], None]
) -> None:
    """The object the caller holds is older than the loss."""
    decision = propose(visit.recording, cast.administrator)
    lose(second)
    with pytest.raises(CannotDecide, match="not decide about them"):
        confirm(decision, second)
    assert decisions_unchanged(decision)


@LOSSES
def test_a_proposal_of_somebody_who_lost_the_right_lapses(
    cast: Cast, visit: Visit, second: User, lose: Callable[[User], None]
) -> None:
    decision = propose(visit.recording, cast.administrator)
    lose(cast.administrator)
    with pytest.raises(CannotDecide, match="no longer stands"):
        confirm(decision, second)
    assert decisions_unchanged(decision)


def test_who_was_in_the_consultation_decides_nothing_about_it(cast: Cast, visit: Visit, second: User) -> None:
    clinician = visit.world.clinician.user
    User.objects.filter(pk=clinician.pk).update(is_staff=True)
    clinician.groups.set(second.groups.all())
    with pytest.raises(CannotDecide, match="You took part"):
        propose(visit.recording, clinician)


@pytest.mark.parametrize("days", [6.9, 7])
def test_a_proposal_lapses_after_seven_days(cast: Cast, visit: Visit, second: User, days: float) -> None:
    decision = propose(visit.recording, cast.administrator)
    moment = decision.proposed_at + timedelta(days=days)
    if days < 7:
        confirm(decision, second, now=moment)
        return
    with pytest.raises(CannotDecide, match="no longer stands"):
        confirm(decision, second, now=moment)
    assert decisions_unchanged(decision)
    anew = propose(visit.recording, second, now=moment)
    confirm(anew, cast.administrator)


def test_a_proposal_lapses_when_the_recording_changes(cast: Cast, visit: Visit, second: User) -> None:
    decision = propose(visit.recording, cast.administrator)
    Recording.objects.filter(pk=visit.recording.pk).update(reason="longer_than_the_call")
    with pytest.raises(CannotDecide, match="no longer stands"):
        confirm(decision, second)
    assert decisions_unchanged(decision)
    Recording.objects.filter(pk=visit.recording.pk).update(reason="recorder_was_absent")
    Segment.objects.filter(recording=visit.recording).update(status="rejected")
    with pytest.raises(CannotDecide, match="no longer stands"):
        confirm(decision, second)


def test_a_recording_that_was_withdrawn_meanwhile_is_not_released(cast: Cast, visit: Visit, second: User) -> None:
    decision = propose(visit.recording, cast.administrator)
    move(visit.recording, "withdrawn", transitions=Recording.TRANSITIONS)
    with pytest.raises(CannotDecide, match="not held back any more"):
        confirm(decision, second)
    assert decisions_unchanged(decision)


def test_a_recording_that_is_withdrawn_while_it_is_released_stays_withdrawn(cast, visit: Visit, second: User) -> None:
    confirm(propose(visit.recording, cast.administrator), second)
    move(visit.recording, "withdrawn", transitions=Recording.TRANSITIONS)
    visit.now = timezone.now()
    assert visit.process().status == "withdrawn"
    assert (visit.job.status, visit.job.fault) == ("given_up", "recording_gone")


def test_a_withdrawn_proposal_cannot_be_confirmed_and_makes_room(cast: Cast, visit: Visit, second: User) -> None:
    decision = propose(visit.recording, cast.administrator)
    with pytest.raises(CannotDecide, match="already"):
        propose(visit.recording, second, "discard")
    quarantine.withdraw(decision.pk, by=cast.administrator, actor=Actor(cast.administrator.pk), now=cast.now)
    with pytest.raises(CannotDecide, match="no longer stands"):
        confirm(decision, second)
    assert Entry.objects.filter(action=Action.HANDLED, reason="release_withdrawn").count() == 1
    confirm(propose(visit.recording, second, "discard"), cast.administrator)
    assert visit.recording.status == "erased"


def test_staff_without_the_right_propose_nothing(cast: Cast, visit: Visit) -> None:
    with pytest.raises(CannotDecide, match="not decide about them"):
        propose(visit.recording, cast.staff)


def test_a_legal_hold_keeps_it_from_being_discarded(cast: Cast, visit: Visit) -> None:
    Recording.objects.filter(pk=visit.recording.pk).update(legal_hold=True)
    with pytest.raises(CannotDecide, match="legal hold"):
        propose(visit.recording, cast.administrator, "discard")


def test_a_legal_hold_put_on_it_after_the_proposal_keeps_it_too(cast: Cast, visit: Visit, second: User) -> None:
    decision = propose(visit.recording, cast.administrator, "discard")
    Recording.objects.filter(pk=visit.recording.pk).update(legal_hold=True)
    with pytest.raises(CannotDecide, match="legal hold"):
        confirm(decision, second)
    assert visit.recording.status == "quarantined"
    assert stored_files(visit.recording)


def test_without_the_ledger_nothing_is_decided(cast: Cast, visit: Visit, second: User, monkeypatch) -> None:
    decision = propose(visit.recording, cast.administrator, "discard")

    def unavailable(*_: object, **__: object) -> None:
        raise ledger.LedgerUnavailable

    monkeypatch.setattr(ledger, "append", unavailable)
    with pytest.raises(ledger.LedgerUnavailable):
        confirm(decision, second)
    assert decisions_unchanged(decision) and visit.recording.status == "quarantined"


def test_an_unknown_proposal_or_recording_is_refused(cast: Cast, second: User) -> None:
    with pytest.raises(CannotDecide, match="no such proposal"):
        quarantine.confirm(uuid.uuid4(), by=second, actor=Actor(second.pk), now=cast.now)
    with pytest.raises(CannotDecide, match="not held back"):
        propose(cast.ben.recording, second)


@pytest.mark.django_db(transaction=True)
def test_two_confirmations_at_once_are_one(cast: Cast) -> None:
    visit = held_back(cast)
    decision = propose(visit.recording, cast.administrator)
    people = [another_administrator(f"Person {number}") for number in range(4)]

    def press(number: int) -> bool:
        try:
            confirm(decision, people[number])
        except CannotDecide:
            return False
        return True

    assert sorted(at_once(4, press)) == [False, False, False, True]
    assert Entry.objects.filter(action=Action.RELEASED).count() == 1
    assert visit.recording.jobs.exclude(status="done").count() == 1


@pytest.mark.django_db(transaction=True)
def test_confirmed_and_withdrawn_at_once_is_one_of_both(cast: Cast) -> None:
    visit, second = held_back(cast), another_administrator()
    decision = propose(visit.recording, cast.administrator, "discard")

    def press(number: int) -> str:
        try:
            if number:
                confirm(decision, second)
                return "confirmed"
            chief = cast.administrator
            quarantine.withdraw(decision.pk, by=chief, actor=Actor(chief.pk), now=decision.proposed_at)
        except CannotDecide:
            return "refused"
        return "withdrawn"

    outcome = set(at_once(2, press))
    assert outcome in ({"confirmed", "refused"}, {"withdrawn", "refused"})
    assert (visit.recording.status == "erased") == ("confirmed" in outcome)
