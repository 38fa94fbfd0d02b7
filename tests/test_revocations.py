"""What was taken on purpose: a row explains it, nothing gives it back by itself, and only a deliberate act ends it."""

import uuid
from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.test import Client
from guardian.shortcuts import assign_perm

from accounts.models import User
from audit import ledger
from audit.ledger import Actor
from audit.models import Action, Alert, Entry
from patients.models import Clinician
from recordings import policy, revocations
from recordings.models import PlaybackRevocation, Recording
from recordings.revocations import Why
from tests.cast import OWNERS, Cast
from tests.ledgers import ledger_down

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.one_cast]
OF_IT = pytest.mark.parametrize("actor", sorted(OWNERS["ada"]))
PLAY = "recordings.play_recording"


def revoke(cast: Cast, user: User, why: Why = Why.OBJECTION) -> PlaybackRevocation:
    actor = Actor(cast.administrator.pk)
    return revocations.revoke_playback(cast.ada.recording, user, why=why, actor=actor, now=cast.now)


def restore(cast: Cast, revocation: PlaybackRevocation) -> None:
    revocations.restore_playback(
        revocation,
        why=revocations.WhyBack.SETTLED,
        actor=Actor(cast.administrator.pk),
        now=cast.now + timedelta(hours=1),
    )


def decided(cast: Cast, user: User) -> str:
    """Return the reason; the list must say the same."""
    decision = policy.decide(user, cast.ada.recording.pk)
    listed = policy.playable_by(user).filter(pk=cast.ada.recording.pk).exists()
    assert listed == (decision.recording is not None)
    return decision.reason


def lines(action: Action) -> list[tuple[str, dict[str, str]]]:
    return list(Entry.objects.filter(action=action).order_by("seq").values_list("reason", "detail"))


@OF_IT
def test_what_was_revoked_is_refused_silently_and_stays_with_the_other(actor: str, cast: Cast) -> None:
    user = cast.actors()[actor]
    revoke(cast, user)
    assert decided(cast, user) == "revoked"
    client = Client()
    client.force_login(user)
    assert client.get(f"/recordings/{cast.ada.recording.pk}/").status_code == 404
    assert not Alert.objects.exists()
    assert Entry.objects.get(action=Action.REFUSED).reason == "revoked"
    (other,) = OWNERS["ada"] - {actor}
    assert decided(cast, cast.actors()[other]) == "both_keys"


@OF_IT
def test_a_revocation_is_in_the_ledger_once_and_says_who_why_and_from_whom(actor: str, cast: Cast) -> None:
    user = cast.actors()[actor]
    revocation = revoke(cast, user, Why.LEFT)
    assert revoke(cast, user, Why.CONDUCT) == revocation
    assert lines(Action.REVOKED) == [("left", {"from": str(user.pk), "revocation": str(revocation.pk)})]
    line = Entry.objects.get(action=Action.REVOKED)
    assert (line.actor, line.object_id, line.patient) == (
        cast.administrator.pk, cast.ada.recording.pk, cast.ada.patient.pk
    )  # fmt: skip


@OF_IT
def test_a_grant_that_came_back_by_another_way_opens_nothing_and_is_suspicious(actor: str, cast: Cast) -> None:
    user = cast.actors()[actor]
    revoke(cast, user)
    assign_perm(PLAY, user, cast.ada.recording)
    assert decided(cast, user) == "grant_despite_revocation"
    assert policy.decide(user, cast.ada.recording.pk).is_suspicious


@OF_IT
def test_publishing_again_gives_nobody_back_what_was_revoked(actor: str, cast: Cast) -> None:
    user = cast.actors()[actor]
    revoke(cast, user)
    (other,) = policy.grant_playback(cast.ada.recording)
    assert other.pk != user.pk and other.pk in {cast.ada.patient.user_id, cast.ada.clinician.user_id}
    assert decided(cast, user) == "revoked"


@OF_IT
def test_granting_again_is_a_deliberate_act_that_ends_the_revocation(actor: str, cast: Cast) -> None:
    user = cast.actors()[actor]
    revocation = revoke(cast, user)
    for _ in range(2):
        restore(cast, revocation)
    assert decided(cast, user) == "both_keys"
    said = {"to": str(user.pk), "revocation": str(revocation.pk), "why": "settled"}
    assert lines(Action.GRANTED) == [("restored", said)]
    revocation.refresh_from_db()
    assert (revocation.ended_by_id, revocation.why) == (cast.administrator.pk, "objection")
    assert revoke(cast, user) != revocation, "and it can be taken anew"
    assert decided(cast, user) == "revoked"


@OF_IT
def test_giving_back_to_one_gives_nothing_to_the_other(actor: str, cast: Cast) -> None:
    (other,) = OWNERS["ada"] - {actor}
    mine, theirs = (revoke(cast, cast.actors()[name]) for name in (actor, other))
    restore(cast, mine)
    assert [decided(cast, revocation.user) for revocation in (mine, theirs)] == ["both_keys", "revoked"]


def test_giving_back_to_a_stranger_grants_nothing(cast: Cast) -> None:
    stranger = cast.ben.patient.user
    restore(cast, revoke(cast, stranger))
    assert decided(cast, stranger) == "stranger"


def test_before_the_first_replay_giving_back_grants_nothing_yet(cast: Cast) -> None:
    revocation = revoke(cast, cast.ada.patient.user)
    Recording.objects.filter(pk=cast.ada.recording.pk).update(status=Recording.Status.PROCESSING)
    restore(cast, revocation)
    assert not policy.granted_to(cast.ada.patient.user).filter(pk=cast.ada.recording.pk).exists()


@OF_IT
@pytest.mark.parametrize("ledger_is_down", ["when it is taken", "when it is given back"])
def test_without_the_ledger_nothing_changes(actor: str, ledger_is_down: str, cast: Cast) -> None:
    user = cast.actors()[actor]
    revocation = revoke(cast, user) if ledger_is_down == "when it is given back" else None
    with ledger_down(), pytest.raises(ledger.LedgerUnavailable):
        if revocation:
            restore(cast, revocation)
        else:
            revoke(cast, user)
    assert decided(cast, user) == ("revoked" if revocation else "both_keys")


def test_only_a_person_takes_and_gives_back(cast: Cast) -> None:
    user = cast.ada.patient.user
    with pytest.raises(ValueError, match="by a person"):
        revocations.revoke_playback(
            cast.ada.recording, user, why=Why.LEFT, actor=ledger.PORTAL, now=cast.now
        )  # fmt: skip
    revocation = revoke(cast, user)
    with pytest.raises(ValueError, match="by a person"):
        revocations.restore_playback(revocation, why=revocations.WhyBack.SETTLED, actor=ledger.PORTAL, now=cast.now)
    assert decided(cast, user) == "revoked"


def test_the_row_is_of_the_recordings_patient_whatever_the_instance_says(cast: Cast) -> None:
    forged = Recording(pk=cast.ada.recording.pk, patient=cast.ben.patient, consultation=cast.ben.held)
    revocation = revocations.revoke_playback(
        forged, cast.ada.patient.user, why=Why.LEFT, actor=Actor(cast.administrator.pk), now=cast.now
    )
    assert revocation.patient_id == cast.ada.patient.pk


def test_the_row_stays_for_ever_and_its_facts_too(cast: Cast) -> None:
    revocation = revoke(cast, cast.ada.patient.user)
    for facts in ({"why": "left"}, {"user": cast.ben.patient.user}, {"revoked_by": cast.staff}):
        with pytest.raises(DatabaseError, match="never change"), transaction.atomic():
            PlaybackRevocation.objects.filter(pk=revocation.pk).update(**facts)
    with pytest.raises(DatabaseError, match="never deleted"), transaction.atomic():
        revocation.delete()
    with pytest.raises(IntegrityError, match="revocation_is_ended_by_somebody|CHECK"), transaction.atomic():
        PlaybackRevocation.objects.filter(pk=revocation.pk).update(ended_at=cast.now)


def test_one_standing_revocation_and_known_words_only(cast: Cast) -> None:
    facts = {
        "recording": cast.ada.recording, "patient": cast.ada.patient, "user": cast.ada.patient.user,
        "revoked_at": cast.now, "revoked_by": cast.administrator,
    }  # fmt: skip
    revoke(cast, cast.ada.patient.user)
    with pytest.raises(IntegrityError), transaction.atomic():
        PlaybackRevocation.objects.create(id=uuid.uuid4(), why="left", **facts)
    with pytest.raises(IntegrityError), transaction.atomic():
        PlaybackRevocation.objects.create(id=uuid.uuid4(), why="a whim", **facts | {"user": cast.ben.patient.user})


# A basis that lapsed.


def closed(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def left(user: User) -> None:
    Clinician.objects.filter(user=user).update(is_active=False)


@pytest.mark.parametrize(
    ("actor", "lapses"), [("ada.patient", closed), ("ada.clinician", closed), ("ada.clinician", left)]
)
def test_a_closed_account_or_profile_explains_the_grant_that_stays(actor, lapses, cast: Cast) -> None:
    user = cast.actors()[actor]
    lapses(user)
    assert decided(cast, user) == "basis_lapsed"
    assert not policy.decide(user, cast.ada.recording.pk).is_suspicious
    User.objects.filter(pk=user.pk).update(is_active=True)
    Clinician.objects.filter(user=user).update(is_active=True)
    assert decided(cast, user) == "both_keys", "whoever comes back finds what is theirs"


@pytest.mark.parametrize("actor", ["ada.colleague", "ben.patient", "ben.clinician", "staff", "inactive"])
def test_a_closed_account_does_not_explain_a_grant_that_was_never_theirs(actor: str, cast: Cast) -> None:
    user = cast.actors()[actor]
    assign_perm(PLAY, user, cast.ada.recording)
    for lapses in (left, closed):
        lapses(user)
        assert decided(cast, user) == "grant_without_basis"
        assert policy.decide(user, cast.ada.recording.pk).is_suspicious
