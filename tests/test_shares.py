"""A replay is shared: by its patient, or proposed by its clinician; it opens by both keys, and ends for good."""

from functools import partial

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.http import Http404
from django.utils import timezone
from guardian.shortcuts import assign_perm, remove_perm

from accounts import reconciliation
from accounts.models import User
from accounts.reconciliation import Because
from audit import ledger, triggers
from audit.ledger import Actor
from audit.models import Action, Alert, Entry
from patients.models import Clinician
from recordings import playback, policy, revocations, sharing
from recordings.models import Recording, Share
from recordings.sharing import CannotShare
from recordings.tasks import sweep_shares
from tests.cast import Cast, make_user
from tests.ledgers import ledger_down
from tests.replays import MIB, Stream, Viewer, noise, put_replay
from tests.shares import A_DAY, ENDS, HOLDER, PLAY, own, ran_out, share, wish

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.one_cast]
EACH_END = pytest.mark.parametrize("end", ENDS)


def plays(user: User, cast: Cast) -> bool:
    """Say whether it opens; list, keys and decision must say the same."""
    decision = policy.decide(user, cast.ada.recording.pk)
    listed = policy.playable_by(user).filter(pk=cast.ada.recording.pk).exists()
    assert listed == (decision.recording is not None), decision.reason
    return listed


def agree(cast: Cast, proposal: Share, by: User | None = None) -> Share:
    who = by or cast.ada.patient.user
    return sharing.agree(proposal.pk, by=who, actor=Actor(who.pk), now=timezone.now())


def withdraw(cast: Cast, shared: Share, by: User | None = None) -> Share:
    who = by or cast.ada.patient.user
    return sharing.withdraw(shared.pk, by=who, actor=Actor(who.pk), now=timezone.now())


def lines(cast: Cast) -> list[tuple[str, str]]:
    about = (Action.SHARED, Action.PROPOSED, Action.AGREED, Action.UNSHARED)
    entries = Entry.objects.filter(object_id=cast.ada.recording.pk, action__in=about).order_by("seq")
    assert all(line.patient == cast.ada.patient.pk for line in entries)
    return list(entries.values_list("action", "reason"))


# Who shares.


def test_a_patient_shares_with_somebody_nobody_knew_and_with_nobody_else(cast: Cast) -> None:
    shared = share(cast.ada)
    assert (shared.grantee.email, shared.grantee.name) == (HOLDER, "Hana Older")
    assert not shared.grantee.has_usable_password()
    assert plays(shared.grantee, cast)
    assert [name for name, user in cast.actors().items() if plays(user, cast)] == ["ada.patient", "ada.clinician"]
    assert not policy.playable_by(shared.grantee).exclude(pk=cast.ada.recording.pk).exists()
    assert lines(cast) == [("shared", "")]
    line = Entry.objects.get(action=Action.SHARED)
    assert (line.actor, line.detail["share"], line.detail["to"]) == (
        cast.ada.patient.user.pk, str(shared.pk), str(shared.grantee.pk)
    )  # fmt: skip


def test_sharing_with_somebody_who_has_an_account_uses_that_one(cast: Cast) -> None:
    colleague = cast.ada.colleague.user
    shared = share(cast.ada, colleague.email.upper())
    assert shared.grantee == colleague and plays(colleague, cast)
    assert not Entry.objects.filter(action=Action.INVITED).exists()
    colleague.refresh_from_db()
    assert colleague.name == "Karin Lind", "what the patient calls them changes nothing"


def test_a_proposal_opens_nothing_until_the_patient_agrees(cast: Cast) -> None:
    proposal = share(cast.ada, by=cast.ada.clinician.user)
    assert not plays(proposal.grantee, cast)
    assert not policy.granted_to(proposal.grantee).exists()
    for _ in range(2):
        agree(cast, proposal)
    assert plays(proposal.grantee, cast)
    assert lines(cast) == [("proposed", ""), ("agreed", "")]


@pytest.mark.parametrize("actor", ["ada.clinician", "ada.colleague", "ben.patient", "staff", "administrator"])
def test_nobody_but_the_patient_agrees(actor: str, cast: Cast) -> None:
    proposal = share(cast.ada, by=cast.ada.clinician.user)
    with pytest.raises(Http404):
        agree(cast, proposal, cast.actors()[actor])
    assert not plays(proposal.grantee, cast)


def test_a_proposal_that_was_declined_or_ran_out_is_not_agreed_to(cast: Cast) -> None:
    declined = share(cast.ada, by=cast.ada.clinician.user)
    withdraw(cast, declined)
    clinician, then = cast.ada.clinician.user, timezone.now() - 8 * A_DAY
    old = sharing.share(
        own(cast.ada, clinician), wish("other@cast.test", until=then + A_DAY), actor=Actor(clinician.pk), now=then
    )
    for proposal in (declined, old):
        with pytest.raises(CannotShare):
            agree(cast, proposal)
        assert not plays(proposal.grantee, cast)
    assert lines(cast)[1] == ("unshared", "declined")


@pytest.mark.parametrize("actor", ["ada.colleague", "ben.patient", "ben.clinician", "staff", "inactive"])
def test_whoever_is_not_of_it_cannot_share(actor: str, cast: Cast) -> None:
    with pytest.raises(Http404):
        share(cast.ada, by=cast.actors()[actor])
    assert not Share.objects.exists()


def test_a_share_holder_cannot_share_on_or_see_with_whom_else(cast: Cast) -> None:
    holder = share(cast.ada).grantee
    with pytest.raises(Http404):
        own(cast.ada, holder)
    shown = playback.recording_or_404(holder, cast.ada.recording.pk, actor=Actor(holder.pk), now=timezone.now())
    assert not shown.is_own
    for forbidden in (
        lambda: sharing.share(shown, wish("third@cast.test"), actor=Actor(holder.pk), now=timezone.now()),
        lambda: sharing.standing_of(shown),
    ):
        with pytest.raises(ValueError, match="two people"):
            forbidden()
    assert Share.objects.count() == 1


@pytest.mark.parametrize("taken", ["patient", "clinician"])
def test_whose_own_right_was_taken_cannot_share(taken: str, cast: Cast) -> None:
    user = getattr(cast.ada, taken).user
    by = Actor(cast.administrator.pk)
    revocations.revoke_playback(cast.ada.recording, user, why=revocations.Why.LEFT, actor=by, now=cast.now)
    with pytest.raises(Http404):
        share(cast.ada, by=user)


def test_what_cannot_be_shared_says_why_and_leaves_nothing(cast: Cast) -> None:
    share(cast.ada)
    people = User.objects.count()
    for wanted in (
        wish(cast.ada.patient.user.email),
        wish(HOLDER.title()),
        wish("late@cast.test", until=timezone.now() + 92 * A_DAY),
        wish("past@cast.test", until=timezone.now() - A_DAY),
    ):
        with pytest.raises(CannotShare):
            sharing.share(own(cast.ada), wanted, actor=Actor(cast.ada.patient.user.pk), now=timezone.now())
    Recording.objects.filter(pk=cast.ada.recording.pk).update(status=Recording.Status.QUARANTINED)
    with pytest.raises(CannotShare):
        share(cast.ada, "held.back@cast.test")
    assert (Share.objects.count(), User.objects.count()) == (1, people)


def test_a_recording_is_shared_with_ten_people_at_most(cast: Cast) -> None:
    for number in range(sharing.MOST_AT_ONCE):
        share(cast.ada, f"friend{number}@cast.test")
    with pytest.raises(CannotShare):
        share(cast.ada, "one.more@cast.test")


# What an end means.


@EACH_END
def test_a_share_that_ended_opens_nothing_anywhere(end: str, cast: Cast) -> None:
    make, reason = ENDS[end]
    user = make(cast)
    pk = cast.ada.recording.pk
    assert policy.decide(user, pk).reason == reason
    assert not plays(user, cast)
    viewer = Viewer(user)  # whose account is closed has no session
    status = 404 if user.is_active and User.objects.get(pk=user.pk).is_active else None
    assert viewer.get(pk).status_code == (status or 401)
    assert viewer.client.get(f"/recordings/{pk}/").status_code == (status or 302)
    assert str(pk) not in viewer.client.get("/recordings/", follow=True).content.decode()
    assert cast.ada.canary not in viewer.get(pk).body
    assert not Alert.objects.exists(), "what is explained alerts nobody"


@EACH_END
def test_after_an_end_the_refusal_is_the_same_as_for_what_never_existed(end: str, cast: Cast) -> None:
    user = ENDS[end][0](cast)
    if end == "account closed":
        return
    viewer = Viewer(user)
    ended, never = (viewer.client.get(f"/recordings/{pk}/") for pk in (cast.ada.recording.pk, cast.ada.patient.pk))
    assert (ended.status_code, ended.content) == (never.status_code, never.content)


@pytest.mark.parametrize("end", ["withdrawn", "swept", "not agreed to"])
def test_a_grant_that_comes_back_by_another_way_opens_nothing_and_is_suspicious(end: str, cast: Cast) -> None:
    user = ENDS[end][0](cast)
    assign_perm(PLAY, user, cast.ada.recording)
    decision = policy.decide(user, cast.ada.recording.pk)
    assert (decision.recording, decision.reason) == (None, "grant_without_basis")
    assert decision.is_suspicious and not plays(user, cast)


def test_a_share_alone_without_its_grant_opens_nothing_and_is_suspicious(cast: Cast) -> None:
    user = share(cast.ada).grantee
    remove_perm(PLAY, user, cast.ada.recording)
    assert policy.decide(user, cast.ada.recording.pk).reason == "basis_without_grant"
    assert not plays(user, cast)


def test_the_grant_of_another_recording_does_not_stand_in_for_the_shared_one(cast: Cast) -> None:
    user = share(cast.ada).grantee
    remove_perm(PLAY, user, cast.ada.recording)
    assign_perm(PLAY, user, cast.ben.recording)
    assert not policy.playable_by(user).exists()
    assert policy.decide(user, cast.ben.recording.pk).reason == "grant_without_basis"


@pytest.mark.parametrize("end", ["withdrawn", "ran out", "swept", "not agreed to", "revoked"])
def test_sharing_anew_opens_again_but_never_what_was_revoked(end: str, cast: Cast) -> None:
    user = ENDS[end][0](cast)
    if end in ("not agreed to", "revoked"):
        withdraw(cast, Share.objects.get())
    share(cast.ada)
    assert plays(user, cast) == (end != "revoked")
    assert Share.objects.live().count() == 1


def test_withdrawing_happens_once_and_by_whom_it_may(cast: Cast) -> None:
    shared = share(cast.ada)
    for actor in ("ada.clinician", "ada.colleague", "ben.patient", "administrator"):
        with pytest.raises(Http404):
            withdraw(cast, shared, cast.actors()[actor])
    with pytest.raises(Http404):
        withdraw(cast, shared, shared.grantee)
    assert plays(shared.grantee, cast)
    for _ in range(2):
        withdraw(cast, shared)
    assert lines(cast) == [("shared", ""), ("unshared", "withdrawn")]
    proposal = share(cast.ada, "proposed@cast.test", by=cast.ada.clinician.user)
    withdraw(cast, proposal, cast.ada.clinician.user)
    assert lines(cast)[-1] == ("unshared", "declined")


@pytest.mark.parametrize("status", ["quarantined", "withdrawn", "processing", "erased"])
def test_a_patient_withdraws_whatever_became_of_the_recording(status: str, cast: Cast) -> None:
    shared = share(cast.ada)
    Recording.objects.filter(pk=cast.ada.recording.pk).update(status=status)
    withdraw(cast, shared)
    assert not policy.granted_to(shared.grantee).exists()


def test_ending_a_share_takes_nobodys_own_right(cast: Cast) -> None:
    """The patient named the clinician's own address."""
    clinician = cast.ada.clinician.user
    withdraw(cast, share(cast.ada, clinician.email))
    ran_out(cast.ada, clinician.email)
    assert sharing.sweep(now=timezone.now()) == 1
    assert plays(clinician, cast)


def test_a_clinician_who_left_keeps_what_the_patient_shared_with_them_and_no_more(cast: Cast) -> None:
    shared = share(cast.ada, cast.ada.clinician.user.email)
    Clinician.objects.filter(pk=cast.ada.clinician.pk).update(is_active=False)
    assert plays(cast.ada.clinician.user, cast)
    withdraw(cast, shared)
    assert not plays(cast.ada.clinician.user, cast)


def test_the_sweep_takes_the_grant_once_says_so_and_leaves_the_living(cast: Cast) -> None:
    over, living = ran_out(cast.ada), share(cast.ada, "living@cast.test")
    for _ in range(2):
        sweep_shares()
    assert not policy.granted_to(over.grantee).exists()
    assert plays(living.grantee, cast)
    over.refresh_from_db()
    assert over.swept_at and not over.revoked_at
    assert lines(cast).count(("unshared", "ran_out")) == 1
    assert Entry.objects.get(reason="ran_out").actor is None


# Revocations and repairs.


def test_a_revoked_share_holder_gets_it_back_by_the_deliberate_act_alone(cast: Cast) -> None:
    user, by = ENDS["revoked"][0](cast), Actor(cast.administrator.pk)
    policy.grant_playback(cast.ada.recording)
    assert policy.decide(user, cast.ada.recording.pk).reason == "revoked"
    (revocation,) = cast.ada.recording.revocations.all()
    revocations.restore_playback(revocation, why=revocations.WhyBack.SETTLED, actor=by, now=timezone.now())
    assert plays(user, cast)


def test_giving_back_after_the_share_ended_grants_nothing(cast: Cast) -> None:
    user = ENDS["revoked"][0](cast)
    withdraw(cast, Share.objects.get())
    (revocation,) = cast.ada.recording.revocations.all()
    revocations.restore_playback(
        revocation, why=revocations.WhyBack.SETTLED, actor=Actor(cast.administrator.pk), now=timezone.now()
    )
    assert policy.decide(user, cast.ada.recording.pk).reason == "stranger"


def found() -> list[tuple[str, Because]]:
    return sorted((str(one.to), one.because) for one in reconciliation.differences())


@EACH_END
def test_the_reconciliation_explains_every_end_or_finds_nothing(end: str, cast: Cast) -> None:
    user = ENDS[end][0](cast)
    because = {"ran out": Because.RAN_OUT, "revoked": Because.REVOKED, "account closed": Because.LAPSED}.get(end)
    assert found() == ([(str(user.pk), because)] if because else [])
    assert not [*reconciliation.differences(explained=False)]


def test_the_reconciliation_finds_and_mends_a_share_without_grant_and_a_grant_without_share(cast: Cast) -> None:
    shared, ended = share(cast.ada), ENDS["not agreed to"][0]
    remove_perm(PLAY, shared.grantee, cast.ada.recording)
    assert found() == [(str(shared.grantee.pk), Because.NEVER_GIVEN)]
    assert reconciliation.mend(now=timezone.now()) == 1
    assert plays(shared.grantee, cast)
    withdraw(cast, shared)
    user = ended(cast)
    assign_perm(PLAY, user, cast.ada.recording)
    assert found() == [(str(user.pk), Because.NO_RELATIONSHIP)]
    assert reconciliation.mend(now=timezone.now()) == 1
    assert not policy.granted_to(user).exists()


# While it is being watched.


def hour_passes(shared: Share) -> None:
    """Move the share's whole time back, which nothing in the product can."""
    past = {"granted_at": shared.granted_at - 9 * A_DAY, "agreed_by_patient_at": shared.granted_at - 9 * A_DAY}
    with triggers.lifted(connection):
        Share.objects.filter(pk=shared.pk).update(**past, expires_at=timezone.now() - A_DAY)


@pytest.mark.parametrize("how", ["withdrawn", "ran out"])
def test_a_running_answer_ends_when_the_share_does(how: str, cast: Cast) -> None:
    """Whoever loses the right in the middle gets no more than 2 MiB after it."""
    length = 8 * MIB
    put_replay(cast.ada.recording, noise(length))
    shared = share(cast.ada)
    end = partial(withdraw, cast, shared) if how == "withdrawn" else partial(hour_passes, shared)
    stream = Stream.of(shared.grantee, cast.ada.recording)
    came = async_to_sync(stream.watch)(end)
    assert came - stream.sent[0] <= 2 * MIB


def test_an_answer_goes_on_while_the_share_lives(cast: Cast) -> None:
    put_replay(cast.ada.recording, noise(4 * MIB))
    came = async_to_sync(Stream.of(share(cast.ada).grantee, cast.ada.recording).watch)(lambda: None)
    assert came == 4 * MIB


def test_a_share_with_an_unknown_user_object_kept_from_before_is_read_afresh(cast: Cast) -> None:
    stale = share(cast.ada).grantee
    User.objects.filter(pk=stale.pk).update(is_active=False)
    assert stale.is_active and not plays(stale, cast)


def test_somebody_else_of_the_same_name_gets_nothing(cast: Cast) -> None:
    share(cast.ada)
    assert not plays(make_user("Hana Older"), cast)


def test_without_the_ledger_nothing_is_shared_agreed_or_ended(cast: Cast) -> None:
    proposal = share(cast.ada, by=cast.ada.clinician.user)
    shared = share(cast.ada, "living@cast.test")
    for act in (
        lambda: share(cast.ada, "new@cast.test"),
        lambda: agree(cast, proposal),
        lambda: withdraw(cast, shared),
    ):
        with ledger_down(), pytest.raises(ledger.LedgerUnavailable):
            act()
    assert not plays(proposal.grantee, cast) and plays(shared.grantee, cast)
    assert not User.objects.filter(email="new@cast.test").exists()
