"""Replays that were shared: what a share opens, what stays with the two people, and what a difference is called.

Quick tests of the rules themselves; tests/mutation runs them early.
"""

import pytest
from django.db.models import QuerySet
from guardian.shortcuts import assign_perm

from accounts.models import User
from audit.ledger import PORTAL, Actor
from patients.models import Clinician
from recordings import policy, revocations, suspensions
from recordings.models import PlaybackRevocation, Recording
from tests.cast import OWNERS, Cast, World, make_user
from tests.shares import ENDS, PLAY, ran_out, share
from tests.test_policy import stored

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.one_cast]
OF_IT = pytest.mark.parametrize("actor", sorted(OWNERS["ada"]))


def revoke(world: World, user: User, cast: Cast) -> PlaybackRevocation:
    by = Actor(cast.administrator.pk)
    return revocations.revoke_playback(world.recording, user, why=revocations.Why.LEFT, actor=by, now=cast.now)


def test_a_share_opens_that_one_replay_to_that_one_person_and_is_nothing_of_their_own(cast: Cast) -> None:
    """What stands beside the replay – who watches, who has – stays with the two people of the consultation."""
    holder, replay = share(cast.ada).grantee, cast.ada.recording
    for opened in (policy.granted_to, policy.basis_for, policy.playable_by):
        assert stored(opened(holder)) == {replay.pk}
        assert stored(opened(cast.ben.patient.user)) == {cast.ben.recording.pk}
    assert policy.decide(holder, replay.pk).recording == replay
    assert not policy.held_by(holder).exists()
    Recording.objects.filter(pk=replay.pk).update(status="withdrawn")
    assert not policy.playable_by(holder).exists()


@pytest.mark.parametrize("end", ENDS)
def test_a_share_that_ended_opens_nothing_and_says_why(end: str, cast: Cast) -> None:
    ends, reason = ENDS[end]
    holder = ends(cast)
    decision = policy.decide(holder, cast.ada.recording.pk)
    assert (decision.recording, decision.reason, decision.is_suspicious) == (None, reason, False)
    assert not policy.playable_by(holder).exists()


def test_a_share_that_begins_between_the_two_questions_is_no_disagreement(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder, real = make_user("Hana Older"), policy.basis_for

    def meanwhile(user: User) -> QuerySet[Recording]:
        monkeypatch.setattr(policy, "basis_for", real)
        share(cast.ada, holder.email)
        return real(user)

    monkeypatch.setattr(policy, "basis_for", meanwhile)
    assert policy.decide(holder, cast.ada.recording.pk).reason == "both_keys"


def test_neither_another_replays_share_nor_another_persons_explains_a_grant(cast: Cast) -> None:
    """Live or run out: a grant that came from nowhere stays suspicious."""
    strangers = [share(cast.ben, "live@cast.test").grantee, ran_out(cast.ben, "over@cast.test").grantee]
    share(cast.ada, "other@cast.test")
    ran_out(cast.ada, "another@cast.test")
    for stranger in (*strangers, cast.staff):
        assign_perm(PLAY, stranger, cast.ada.recording)
        decision = policy.decide(stranger, cast.ada.recording.pk)
        assert (decision.recording, decision.reason, decision.is_suspicious) == (None, "grant_without_basis", True)


@OF_IT
def test_what_goes_with_a_recording_is_for_its_two_people_whatever_its_state(actor: str, cast: Cast) -> None:
    user, other = cast.actors()[actor], cast.actors()[(OWNERS["ada"] - {actor}).pop()]
    Recording.objects.filter(pk=cast.ada.recording.pk).update(status="quarantined")
    revoke(cast.ada, other, cast)
    revoke(cast.ben, user, cast)
    (held,) = policy.held_by(user)
    assert held == cast.ada.recording and not held.is_paused
    revocation = revoke(cast.ada, user, cast)
    assert not policy.held_by(user).exists()
    assign_perm(PLAY, user, cast.ada.recording)
    assert not policy.held_by(user).exists()
    by, mistake = Actor(cast.administrator.pk), revocations.WhyBack.MISTAKE
    revocations.restore_playback(revocation, why=mistake, actor=by, now=cast.now)
    assert stored(policy.held_by(user)) == {cast.ada.recording.pk}
    policy.withdraw_playback(cast.ada.recording, user)
    assert not policy.held_by(user).exists()


@OF_IT
def test_what_was_taken_stays_taken_from_that_person_also_with_a_grant_that_came_back(actor: str, cast: Cast) -> None:
    user, pk = cast.actors()[actor], cast.ada.recording.pk
    revoke(cast.ada, user, cast)
    decision = policy.decide(user, pk)
    assert (decision.recording, decision.reason, decision.is_suspicious) == (None, "revoked", False)
    assign_perm(PLAY, user, cast.ada.recording)
    decision = policy.decide(user, pk)
    assert (decision.recording, decision.reason) == (None, "grant_despite_revocation")
    assert decision.is_suspicious
    assert not policy.playable_by(user).exists()


@OF_IT
def test_a_pause_is_named_as_such_to_those_whose_replay_it_is(actor: str, cast: Cast) -> None:
    scope = suspensions.Scope.RECORDING
    suspensions.suspend(scope, cast.ada.recording.pk, reason="An incident", actor=PORTAL, now=cast.now)
    decision = policy.decide(cast.actors()[actor], cast.ada.recording.pk)
    assert (decision.recording, decision.reason, decision.is_paused) == (None, "suspended", True)
    assert [one.is_paused for one in policy.playable_by(cast.actors()[actor])] == [True]
    assert policy.decide(cast.ben.patient.user, cast.ben.recording.pk).reason == "both_keys"


@OF_IT
def test_a_closed_account_or_profile_explains_the_grant_of_its_owner(actor: str, cast: Cast) -> None:
    user, pk = cast.actors()[actor], cast.ada.recording.pk
    if actor == "ada.clinician":
        Clinician.objects.filter(pk=cast.ada.clinician.pk).update(is_active=False)
        assert policy.decide(user, pk).reason == "basis_lapsed"
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert policy.decide(user, pk).reason == "basis_lapsed"


def test_granting_again_means_the_two_people_and_whom_that_very_replay_is_shared_with_now(cast: Cast) -> None:
    holder = share(cast.ada).grantee
    share(cast.ben, "of.ben@cast.test")
    ran_out(cast.ada, "over@cast.test")
    expected = {cast.ada.patient.user, cast.ada.clinician.user, holder}
    assert set(policy.grant_playback(cast.ada.recording)) == expected
    assert policy.grant_playback(cast.ada.recording, only=holder) == [holder]
    assert policy.grant_playback(cast.ada.recording, only=cast.staff) == []


def test_what_a_share_gave_is_taken_and_what_is_theirs_otherwise_is_not(cast: Cast) -> None:
    over, holder, own = ran_out(cast.ada).grantee, share(cast.ada, "h@cast.test").grantee, cast.ada.patient.user
    for user in (over, holder, own):
        assert policy.granted_to(user).exists()
        policy.withdraw_shared(cast.ada.recording, user)
    assert not policy.granted_to(over).exists()
    assert policy.granted_to(holder).exists() and policy.granted_to(own).exists()


@pytest.mark.parametrize("actor", ["ada.patient", "ada.clinician"])
def test_whoever_has_no_account_any_more_holds_nothing(actor: str, cast: Cast) -> None:
    user = cast.actors()[actor]
    assert stored(policy.held_by(user)) == {cast.ada.recording.pk}
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert not policy.held_by(user).exists()
