"""Who books, continues and writes notes: patients for themselves, clinicians of it, and nobody in their place.

Quick tests of the rules themselves; tests/mutation runs them early.
"""

from collections.abc import Callable

import pytest
from django.db import connection
from django.http import Http404
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from guardian.shortcuts import assign_perm

from accounts.models import User
from audit import triggers
from consultations import policy
from consultations.models import Consultation, Note, Participant
from patients.models import CareRelationship, Clinician
from tests.bookings import make_hours
from tests.cast import ACTORS, Cast, World, make_note
from tests.test_policy import stored

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.one_cast]
EVERYBODY = pytest.mark.parametrize("actor", ACTORS)


def gets(ask: Callable[..., object], user: User, *rows: object) -> list[object]:
    """Return those of the rows that this person gets; for each other one they get nothing at all."""
    found = []
    for row in rows:
        try:
            answer = ask(user, row.pk)
        except Http404:
            continue
        assert answer == row
        found.append(row)
    return found


def of_ada(cast: Cast) -> list[object]:
    return [cast.ada.planned, cast.ada.held]


@EVERYBODY
def test_only_its_patient_changes_a_consultation_and_only_its_clinician_keeps_and_continues_it(
    actor: str, cast: Cast
) -> None:
    user, both = cast.actors()[actor], [*of_ada(cast), cast.ben.planned, cast.ben.held]
    world = getattr(cast, actor.split(".")[0], None)
    own = [world.planned, world.held] if isinstance(world, World) else []
    assert gets(policy.get_ones_own_or_404, user, *both) == (own if actor.endswith(".patient") else [])
    keeps = own if actor.endswith(".clinician") else []
    assert stored(policy.held_by(user)) == stored(policy.continued_by(user)) == {one.pk for one in keeps}
    for ask in (policy.get_held_or_404, policy.get_continued_or_404):
        assert gets(ask, user, *both) == keeps


def test_whose_care_has_ended_keeps_the_consultation_and_does_not_continue_it(cast: Cast) -> None:
    user = cast.ada.clinician.user
    CareRelationship.objects.filter(clinician=cast.ada.clinician).update(until=cast.now)
    assert gets(policy.get_held_or_404, user, *of_ada(cast)) == of_ada(cast)
    assert gets(policy.get_continued_or_404, user, *of_ada(cast)) == []


@EVERYBODY
def test_patients_book_for_themselves_while_their_account_is_open(actor: str, cast: Cast) -> None:
    user = cast.actors()[actor]
    own = getattr(cast, actor.split(".")[0]).patient if actor.endswith(".patient") else None
    assert policy.patient_of(user) == own
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert policy.patient_of(user) is None


def lost_their_care(clinician: Clinician) -> None:
    CareRelationship.objects.filter(clinician=clinician).update(until=timezone.now())


def left(clinician: Clinician) -> None:
    Clinician.objects.filter(pk=clinician.pk).update(is_active=False)


def was_locked_out(clinician: Clinician) -> None:
    User.objects.filter(pk=clinician.user_id).update(is_active=False)


@pytest.mark.parametrize("happens", [lost_their_care, left, was_locked_out])
def test_a_patient_books_who_cares_for_them_now_and_works_here(
    happens: Callable[[Clinician], None], cast: Cast
) -> None:
    clinician, colleague = cast.ada.clinician, cast.ada.colleague
    assert set(policy.clinicians_of(cast.ada.patient)) == {clinician, colleague}
    happens(colleague)
    assert set(policy.clinicians_of(cast.ada.patient)) == {clinician}
    assert set(policy.clinicians_of(cast.ben.patient)) == {cast.ben.clinician, cast.ben.colleague}


def test_a_patient_books_hours_of_their_clinicians_and_what_is_open_to_new_patients(cast: Cast) -> None:
    own, foreign = make_hours(cast.ada.clinician), make_hours(cast.ben.clinician)
    opened = make_hours(cast.ben.colleague, for_new_patients=True)
    assert set(policy.bookable_by(cast.ada.patient)) == {own, opened}
    assert set(policy.bookable_by(cast.ben.patient)) == {foreign, opened}
    assert set(policy.bookable_by_the_clinic()) == {own, foreign, opened}


@pytest.mark.parametrize("happens", [left, was_locked_out])
def test_nobody_books_the_hours_of_somebody_who_is_gone(happens: Callable[[Clinician], None], cast: Cast) -> None:
    hours = make_hours(cast.ada.clinician, for_new_patients=True)
    assert stored(policy.bookable_by(cast.ben.patient)) == {hours.pk}
    happens(cast.ada.clinician)
    assert not policy.bookable_by(cast.ben.patient).exists()
    assert not policy.bookable_by_the_clinic().exists()


def test_a_clinician_reads_every_version_they_wrote_and_the_patient_what_is_signed_and_shared(cast: Cast) -> None:
    at, make = cast.now, make_note
    shared = [make(cast.ada, words, signed_at=at, shared_at=at) for words in ("First", "Second")]
    signed, draft = make(cast.ada, "Third", signed_at=at), make(cast.ada, "Fourth")
    foreign = make(cast.ben, "Ben's", signed_at=at, shared_at=at)
    every = [*shared, signed, draft, foreign]
    patient, clinician = cast.ada.patient.user, cast.ada.clinician.user
    assert set(policy.readable_notes(clinician)) == {*shared, signed, draft}
    assert set(policy.readable_notes(patient)) == set(shared)
    assert gets(policy.get_written_or_404, clinician, *every) == [*shared, signed]
    assert gets(policy.get_written_or_404, patient, *every) == []
    assert not policy.readable_notes(cast.ada.colleague.user).exists()


@pytest.mark.parametrize("role", Participant.Role.values[:2])
def test_without_both_keys_of_its_consultation_nobody_reads_a_note(role: str, cast: Cast) -> None:
    note: Note = make_note(cast.ada, "Words", signed_at=cast.now, shared_at=cast.now)
    place = cast.ada.place_of(role)
    assert set(policy.readable_notes(place.user)) == {note}
    policy.revoke_place(place)
    assert not policy.readable_notes(place.user).exists()


@pytest.mark.sqlite  # PostgreSQL's foreign keys refuse it without any trigger
def test_a_note_that_came_to_another_patient_is_not_read_by_the_one_whose_consultation_it_was(cast: Cast) -> None:
    note = make_note(cast.ada, "Words", signed_at=cast.now, shared_at=cast.now)
    with triggers.lifted(connection):
        Note.objects.filter(pk=note.pk).update(patient=cast.ben.patient)
        for world in (cast.ada, cast.ben):
            assert not policy.readable_notes(world.patient.user).exists()


# What is refused, and what of it the staff hear.


def refusals_of(user: User, consultation: Consultation) -> list[tuple[str, object]]:
    """Return (reason, patient) of what every door refuses with; no reason where it is plain absence."""
    told = []
    for door in (
        policy.get_visible_or_404, policy.get_ones_own_or_404, policy.get_held_or_404, policy.get_continued_or_404,
        policy.get_place_or_404,
    ):  # fmt: skip
        with pytest.raises(Http404) as refusal:
            door(user, consultation.pk)
        assert str(refusal.value) == "" and refusal.value.args == ()
        told.append((getattr(refusal.value, "reason", ""), getattr(refusal.value, "patient", None)))
    return told


def test_a_lost_grant_is_a_disagreement_at_every_door_and_a_strangers_question_is_none(cast: Cast) -> None:
    consultation, patient = cast.ada.planned, cast.ada.patient.pk
    for place in (cast.ada.place_of("clinician", consultation), cast.ada.place_of("patient", consultation)):
        policy.revoke_place(place)
        assert refusals_of(place.user, consultation) == [("basis_without_grant", patient)] * 5
    assert refusals_of(cast.ben.clinician.user, consultation) == [("", None)] * 5


def test_a_grant_that_nothing_explains_is_a_disagreement(cast: Cast) -> None:
    stranger, consultation = cast.ben.clinician.user, cast.ada.planned
    for codename in (policy.VIEW, policy.JOIN):
        assign_perm(f"consultations.{codename}", stranger, consultation)
    assert refusals_of(stranger, consultation) == [("grant_without_basis", cast.ada.patient.pk)] * 5


def test_a_door_asks_for_the_grant_that_it_needs(cast: Cast) -> None:
    stranger, consultation = cast.ben.clinician.user, cast.ada.planned
    assign_perm(f"consultations.{policy.JOIN}", stranger, consultation)
    assert [reason for reason, _ in refusals_of(stranger, consultation)] == ["", "", "", "", "grant_without_basis"]


@pytest.mark.parametrize("happens", [left, was_locked_out])
def test_who_no_longer_works_here_is_refused_and_nobody_is_alarmed(
    happens: Callable[[Clinician], None], cast: Cast
) -> None:
    happens(cast.ada.clinician)
    assert refusals_of(cast.ada.clinician.user, cast.ada.planned) == [("", None)] * 5


def test_a_patient_whose_account_is_closed_is_refused_and_nobody_is_alarmed(cast: Cast) -> None:
    user = cast.ada.patient.user
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert refusals_of(user, cast.ada.planned) == [("", None)] * 5


def test_keys_that_agree_when_they_are_asked_again_are_no_disagreement(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([(True, False), (False, False)])
    monkeypatch.setattr(policy, "_keys", lambda *_: next(answers))
    assert type(policy.absence_of(cast.ben.patient.user, cast.ada.planned.pk, policy.VIEW)) is Http404


def test_refusing_what_never_existed_asks_as_much_as_what_is_somebody_elses(cast: Cast) -> None:
    user, asked = cast.ben.patient.user, []
    for door in (policy.get_visible_or_404, policy.get_place_or_404):
        for target in (cast.ada.patient.pk, cast.ada.planned.pk):
            with CaptureQueriesContext(connection) as queries, pytest.raises(Http404) as refusal:
                door(user, target)
            assert type(refusal.value) is Http404
            asked.append(len(queries))
    assert asked == [3, 3, 3, 3]


def test_a_withdrawn_place_opens_nothing_with_either_key_and_takes_nothing_else(cast: Cast) -> None:
    planned, clinician, patient = cast.ada.planned, cast.ada.clinician.user, cast.ada.patient.user
    place = cast.ada.place_of(Participant.Role.CLINICIAN, planned)
    policy.withdraw_place(place, now=timezone.now())
    assert not policy.granted_to(clinician, policy.VIEW).filter(pk=planned.pk).exists()
    assert not policy.granted_to(clinician, policy.JOIN).filter(pk=planned.pk).exists()
    policy.grant_place(place)  # by mistake
    assert not policy.basis_for(clinician).filter(pk=planned.pk).exists()
    assert policy.place_in(clinician, planned.pk) is None
    assert not Participant.objects.filter(policy.OWN_PLACE, pk=place.pk).exists()
    assert policy.visible_to(clinician).filter(pk=cast.ada.held.pk).exists()
    assert policy.visible_to(patient).filter(pk=planned.pk).exists()
    assert Participant.objects.exclude(withdrawn_at=None).get() == place
