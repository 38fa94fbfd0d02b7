"""Each key of each policy alone, for everybody; and what a right or a revocation of something else opens.

Quick tests of the rules themselves; tests/mutation runs them first.
"""

from types import ModuleType

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import Http404
from guardian.shortcuts import assign_perm

from accounts.models import User
from audit.ledger import Actor
from consultations import policy as consultations
from consultations.booking import book
from consultations.models import Participant
from patients import policy as patients
from patients.models import CareRelationship, Clinician
from patients.services import begin_care, end_care
from recordings import policy as recordings
from recordings import revocations
from recordings.models import Recording
from tests.cast import A_WEEK, ACTORS, FIFTEEN, OWNERS, Cast, World
from tests.test_policy import stored

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.one_cast]
EVERYBODY = pytest.mark.parametrize("actor", ACTORS)
OF_IT = pytest.mark.parametrize("actor", sorted(OWNERS["ada"]))
EACH = pytest.mark.parametrize("policy", [patients, consultations, recordings])


def granted(policy: ModuleType, user: User | AnonymousUser) -> set:
    """Return what the first key opens; of consultations, to see them."""
    codename = (consultations.VIEW,) if policy is consultations else ()
    return stored(policy.granted_to(user, *codename))


def own(policy: ModuleType, actor: str, cast: Cast) -> set:
    """Return the ids that are this actor's, as the cast has them."""
    worlds: list[World] = [getattr(cast, name) for name in ("ada", "ben") if actor.startswith(f"{name}.")]
    if policy is patients:
        return {world.patient.pk for world in worlds}
    if actor.endswith("colleague"):
        return set()
    if policy is consultations:
        return {pk for world in worlds for pk in (world.planned.pk, world.held.pk)}
    return {world.recording.pk for world in worlds}


@EACH
@EVERYBODY
def test_each_key_alone_opens_what_is_their_own(actor: str, policy: ModuleType, cast: Cast) -> None:
    user = cast.actors()[actor]
    assert granted(policy, user) == stored(policy.basis_for(user)) == own(policy, actor, cast)


@EVERYBODY
def test_the_lists_are_what_both_keys_open(actor: str, cast: Cast) -> None:
    user = cast.actors()[actor]
    assert stored(patients.visible_to(user)) == own(patients, actor, cast)
    assert stored(consultations.visible_to(user)) == own(consultations, actor, cast)
    assert stored(recordings.playable_by(user)) == own(recordings, actor, cast)


@EACH
@pytest.mark.parametrize("actor", ["ada.patient", "ada.clinician", "ada.colleague"])
def test_a_closed_account_keeps_its_grants_and_has_no_basis(actor: str, policy: ModuleType, cast: Cast) -> None:
    user = cast.actors()[actor]
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert granted(policy, user) == own(policy, actor, cast)
    assert not policy.basis_for(user).exists()


@EACH
@pytest.mark.parametrize("actor", ["clinician", "colleague"])
def test_who_no_longer_works_here_keeps_their_grants_and_has_no_basis(actor: str, policy: ModuleType, cast) -> None:
    clinician = getattr(cast.ada, actor)
    Clinician.objects.filter(pk=clinician.pk).update(is_active=False)
    assert granted(policy, clinician.user) == own(policy, f"ada.{actor}", cast)
    assert not policy.basis_for(clinician.user).exists()
    assert stored(policy.basis_for(cast.ada.patient.user)) == own(policy, "ada.patient", cast)


@OF_IT
def test_another_permission_on_the_same_row_is_not_this_one(actor: str, cast: Cast) -> None:
    user, world = cast.actors()[actor], cast.ben
    assign_perm("patients.change_patient", user, world.patient)
    assign_perm("recordings.view_recording", user, world.recording)
    assign_perm(f"consultations.{consultations.JOIN}", user, world.held)
    for policy in (patients, consultations, recordings):
        assert granted(policy, user) == own(policy, actor, cast)
    assert not recordings.decide(user, world.recording.pk).is_suspicious
    assert stored(recordings.playable_by(user)) == own(recordings, actor, cast)


@OF_IT
def test_no_other_permission_stands_in_for_the_missing_one(actor: str, cast: Cast) -> None:
    user = cast.actors()[actor]
    recordings.withdraw_playback(cast.ada.recording, user)
    assign_perm("recordings.view_recording", user, cast.ada.recording)
    assign_perm(f"recordings.{recordings.PLAY}", user, cast.ben.recording)
    assert not recordings.playable_by(user).exists()
    for recording, reason in ((cast.ada.recording, "basis_without_grant"), (cast.ben.recording, "grant_without_basis")):
        decision = recordings.decide(user, recording.pk)
        assert (decision.recording, decision.reason, decision.is_suspicious) == (None, reason, True)


def test_care_gives_both_keys_to_the_patient_and_takes_them_from_the_clinician_when_it_ends(cast: Cast) -> None:
    patient, clinician = cast.ada.patient, cast.ben.clinician
    care = begin_care(patient, clinician, why="covers", now=cast.now)
    assert patient.pk in granted(patients, clinician.user) & stored(patients.visible_to(clinician.user))
    end_care(care, now=cast.now + A_WEEK)
    assert patient.pk not in granted(patients, clinician.user) | stored(patients.visible_to(clinician.user))


def test_a_booking_grants_both_rights_to_those_whose_places_they_are_as_the_database_says(cast: Cast) -> None:
    at = cast.now + A_WEEK
    new = book(cast.ada.patient, cast.ben.clinician, starts_at=at, ends_at=at + FIFTEEN, reason="New", now=cast.now)
    for user in (cast.ada.patient.user, cast.ben.clinician.user):
        assert consultations.get_visible_or_404(user, new.pk) == new
        place = consultations.get_place_or_404(user, new.pk)
        consultations.revoke_place(place)
        assert consultations.place_in(user, new.pk) is None
        place.user = cast.ada.colleague.user
        consultations.grant_place(place)
        assert consultations.place_in(user, new.pk) == place
    assert not consultations.granted_to(cast.ada.colleague.user, consultations.VIEW).exists()


@OF_IT
def test_neither_key_alone_shows_a_patient_or_a_consultation(actor: str, cast: Cast) -> None:
    user = cast.actors()[actor]
    patients.grant_view(cast.ben.patient, user)
    assign_perm(f"consultations.{consultations.VIEW}", user, cast.ben.held)
    patients.revoke_view(cast.ada.patient, user)
    for consultation in (cast.ada.planned, cast.ada.held):
        consultations.revoke_place(Participant.objects.get(consultation=consultation, user=user))
    assert not patients.visible_to(user).exists()
    assert not consultations.visible_to(user).exists()


def test_care_that_has_ended_shows_nobody_even_while_the_grant_stands(cast: Cast) -> None:
    colleague = cast.ada.colleague
    CareRelationship.objects.filter(clinician=colleague).update(until=cast.now)
    assert granted(patients, colleague.user) == {cast.ada.patient.pk}
    assert not patients.visible_to(colleague.user).exists()


def test_a_consultation_of_somebody_else_is_absent_and_ones_own_is_that_very_one(cast: Cast) -> None:
    user = cast.ada.patient.user
    for consultation in (cast.ada.planned, cast.ada.held):
        assert consultations.get_visible_or_404(user, consultation.pk) == consultation
        place = consultations.get_place_or_404(user, consultation.pk)
        assert (place.consultation, place.user) == (consultation, user)
    for ask in (consultations.get_visible_or_404, consultations.get_place_or_404):
        with pytest.raises(Http404):
            ask(user, cast.ben.held.pk)


@OF_IT
def test_to_join_takes_both_keys_of_that_very_consultation(actor: str, cast: Cast) -> None:
    user = cast.actors()[actor]
    assign_perm(f"consultations.{consultations.JOIN}", user, cast.ben.planned)
    assert consultations.place_in(user, cast.ben.planned.pk) is None
    consultations.revoke_place(Participant.objects.get(consultation=cast.ada.planned, user=user))
    assert not consultations.granted_to(user, consultations.JOIN).filter(pk=cast.ada.planned.pk).exists()
    assert not consultations.granted_to(user, consultations.VIEW).filter(pk=cast.ada.planned.pk).exists()
    assert consultations.place_in(user, cast.ada.planned.pk) is None


def test_a_place_and_a_grant_without_a_basis_let_nobody_join(cast: Cast) -> None:
    """Although there is a basis for another consultation."""
    user, foreign = cast.ada.clinician.user, cast.ben.planned
    Participant.objects.create(consultation=foreign, patient=cast.ben.patient, user=user, role="guest")
    assign_perm(f"consultations.{consultations.JOIN}", user, foreign)
    assert consultations.place_in(user, foreign.pk) is None
    assert consultations.place_in(user, cast.ada.planned.pk) is not None


def test_a_place_lost_in_the_table_is_none_whatever_the_keys_say(cast: Cast) -> None:
    """Nobody stands in for it: not the other's place in this consultation, not one's own in another."""
    user = cast.ada.patient.user
    Participant.objects.filter(consultation=cast.ada.planned, user=user).delete()
    assert consultations.place_in(user, cast.ada.planned.pk) is None


@OF_IT
def test_a_place_whose_profile_is_somebody_elses_by_now_is_granted_no_replay(actor: str, cast: Cast) -> None:
    (other,) = OWNERS["ada"] - {actor}
    profile = getattr(cast.ada, actor.split(".")[1])
    type(profile).objects.filter(pk=profile.pk).update(user=cast.staff)
    assert recordings.grant_playback(cast.ada.recording) == [cast.actors()[other]]


def test_a_place_in_the_other_role_is_none_of_ones_own(cast: Cast) -> None:
    """A clinician's account in the patient's place, and the other way round: neither is the profile's."""
    for role, user in (("patient", cast.ada.clinician.user), ("clinician", cast.ada.patient.user)):
        Participant.objects.filter(consultation=cast.ada.held).delete()
        Participant.objects.create(consultation=cast.ada.held, patient=cast.ada.patient, user=user, role=role)
        assert recordings.grant_playback(cast.ada.recording) == []


@OF_IT
def test_a_revocation_takes_that_recording_from_that_person_while_it_stands(actor: str, cast: Cast) -> None:
    user, by = cast.actors()[actor], Actor(cast.administrator.pk)
    facts = {"why": revocations.Why.LEFT, "actor": by, "now": cast.now}
    revocations.revoke_playback(cast.ben.recording, user, **facts)
    revocations.revoke_playback(cast.ada.recording, cast.ben.patient.user, **facts)
    ended = revocations.revoke_playback(cast.ada.recording, user, **facts)
    revocations.restore_playback(ended, why=revocations.WhyBack.SETTLED, actor=by, now=cast.now)
    assert stored(recordings.playable_by(user)) == {cast.ada.recording.pk}
    assert recordings.decide(user, cast.ada.recording.pk).reason == "both_keys"
    assert user in recordings.grant_playback(cast.ada.recording)


def test_granting_again_leaves_out_whom_it_was_taken_from_and_nobody_else(cast: Cast) -> None:
    patient, clinician = cast.ada.patient.user, cast.ada.clinician.user
    revocations.revoke_playback(
        cast.ada.recording, patient, why=revocations.Why.LEFT, actor=Actor(cast.administrator.pk), now=cast.now
    )
    assert recordings.grant_playback(cast.ada.recording) == [clinician]
    assert recordings.grant_playback(cast.ada.recording, only=patient) == []
    assert recordings.grant_playback(cast.ada.recording, only=clinician) == [clinician]
    assert recordings.granted_to(clinician).exists() and not recordings.granted_to(patient).exists()


def test_a_decision_says_why_and_cannot_be_changed(cast: Cast) -> None:
    decision = recordings.decide(cast.ada.patient.user, cast.ada.recording.pk)
    assert (decision.recording, decision.reason) == (cast.ada.recording, "both_keys")
    assert not decision.is_paused and not decision.is_suspicious
    with pytest.raises(AttributeError):
        decision.recording = None  # type: ignore[misc]
    assert recordings.decide(cast.nobody, cast.ada.recording.pk).reason == "stranger"
    assert recordings.decide(cast.ada.patient.user, cast.ada.patient.pk).reason == "unknown"


def test_neither_another_persons_state_nor_another_recordings_counts(cast: Cast) -> None:
    Recording.objects.filter(pk=cast.ben.recording.pk).update(status="withdrawn")
    assert recordings.decide(cast.ada.patient.user, cast.ada.recording.pk).reason == "both_keys"
    assert recordings.decide(cast.ben.patient.user, cast.ben.recording.pk).reason == "state_withdrawn"
    assert not recordings.playable_by(cast.ben.patient.user).exists()
