"""The leak guard and shares: with the policy broken, a share that ended or never began shows nothing of a recording."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.utils import timezone

from accounts.models import User
from audit import ledger, triggers
from audit.models import Alert, AlertKind
from patients.models import Clinician, Patient
from recordings import guard
from recordings.models import PlaybackSuspension, Recording, Share
from tests.cast import Cast, World, make_ended_call, make_pieces, make_ready_recording
from tests.leaks import DOORS, confuse, forget_the_guard, hand_over, told_of
from tests.shares import A_DAY, ran_out, share

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.one_cast]
SHOWS_REPLAYS = ["list", "player", "media", "seconds"]


def may_be_shown(user: User, *recordings: Recording, also_shared: bool = True, now=None) -> bool:
    try:
        shown = guard.show(user, recordings, actor=ledger.PORTAL, now=now or timezone.now(), also_shared=also_shared)
    except guard.Leak:
        return False
    assert not any(one.is_own for one in shown)
    return True


def old_proposal(world: World) -> Share:
    return share(world, by=world.clinician.user)


def withdrawn_yesterday(world: World) -> Share:
    """Withdrawn, and longer ago than a moment."""
    ended = share(world, now=timezone.now() - 2 * A_DAY)
    Share.objects.filter(pk=ended.pk).update(revoked_at=timezone.now() - A_DAY, revoked_by=world.patient.user)
    return ended


NOT_LIVE: dict[str, Callable[[World], Share]] = {
    "ran out": ran_out, "not agreed to": old_proposal, "withdrawn": withdrawn_yesterday
}  # fmt: skip


@pytest.mark.parametrize("name", SHOWS_REPLAYS)
def test_a_live_share_passes_the_guard_where_replays_are_shown(name: str, cast: Cast) -> None:
    holder, door = share(cast.ada).grantee, DOORS[name]
    answer = door.answer(holder, cast.ben, cast.ada)
    assert answer.status_code in {200, 204}
    assert not Alert.objects.exists() and not PlaybackSuspension.objects.exists()


@pytest.mark.parametrize("name", SHOWS_REPLAYS)
@pytest.mark.parametrize("why", NOT_LIVE)
def test_with_the_policy_broken_a_share_that_is_not_live_shows_nothing(
    why: str, name: str, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder, door = NOT_LIVE[why](cast.ada).grantee, DOORS[name]
    confuse(monkeypatch, cast.ada.recording)
    answer = door.answer(holder, cast.ben, cast.ada)
    assert answer.status_code == 404 and told_of(cast.ada, answer) == []
    assert Alert.objects.get().kind == AlertKind.FOREIGN_ROW
    assert PlaybackSuspension.objects.get().patient == cast.ada.patient


@pytest.mark.parametrize("name", ["unfinished", "segment"])
def test_a_live_share_opens_no_segment_and_no_key(name: str, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recorder's pieces are the consultation's, not the replay."""
    holder = share(cast.ada).grantee
    hand_over(monkeypatch, make_pieces(cast.ada).segment)
    answer = DOORS[name].answer(holder, cast.ben, cast.ada)
    assert answer.status_code == 404 and told_of(cast.ada, answer) == []
    assert Alert.objects.get().kind == AlertKind.FOREIGN_ROW


def test_a_share_lets_nothing_else_of_the_same_patient_or_anybody_elses_pass(cast: Cast) -> None:
    holder = share(cast.ada).grantee
    assert may_be_shown(holder, cast.ada.recording)
    assert not may_be_shown(holder, cast.ada.recording, also_shared=False)
    assert not may_be_shown(holder, cast.ben.recording)
    assert not may_be_shown(cast.ada.colleague.user, cast.ada.recording)
    with pytest.raises(guard.Leak):  # who does not say that it shows replays shows none that are shared
        guard.show(holder, [cast.ada.recording], actor=ledger.PORTAL, now=timezone.now())
    other, _ = make_ready_recording(make_ended_call(cast.ada.planned), b"another replay of the same patient")
    assert not may_be_shown(holder, other)


@pytest.mark.parametrize("lie", ["patient", "consultation"])
def test_a_shared_row_that_lies_about_whose_it_is_does_not_pass(lie: str, cast: Cast) -> None:
    holder, row = share(cast.ada).grantee, Recording.objects.get(pk=cast.ada.recording.pk)
    setattr(row, lie, {"patient": cast.ben.patient, "consultation": cast.ada.planned}[lie])
    assert not may_be_shown(holder, row)


@pytest.mark.sqlite  # PostgreSQL's foreign keys refuse it without any trigger
def test_a_share_that_came_to_another_patient_lets_nothing_pass(cast: Cast) -> None:
    shared = share(cast.ada)
    with triggers.lifted(connection):
        Share.objects.filter(pk=shared.pk).update(patient=cast.ben.patient)
        assert not may_be_shown(shared.grantee, cast.ada.recording)


def test_what_ended_within_a_minute_is_the_policys_to_refuse_and_no_leak(cast: Cast) -> None:
    """It may have ended between the policy's answer and this look; nobody's replays are paused for that."""
    withdrawn, over, now = share(cast.ada), share(cast.ada, "other@cast.test"), timezone.now()
    Share.objects.filter(pk=withdrawn.pk).update(revoked_at=now, revoked_by=cast.ada.patient.user)
    a_minute, an_instant = timedelta(minutes=1), timedelta(microseconds=1)
    for shared, ended_at in ((withdrawn, now), (over, over.expires_at)):
        assert may_be_shown(shared.grantee, cast.ada.recording, now=ended_at + a_minute - an_instant)
        assert not may_be_shown(shared.grantee, cast.ada.recording, now=ended_at + a_minute)


def test_ones_own_and_what_is_shared_pass_together_with_two_questions(cast: Cast, django_assert_num_queries) -> None:
    """The second one only where something is not one's own."""
    share(cast.ada, cast.ben.patient.user.email)
    with django_assert_num_queries(1):
        guard.show(
            cast.ben.patient.user, [cast.ben.recording], actor=ledger.PORTAL, now=timezone.now(), also_shared=True
        )
    with django_assert_num_queries(2):
        shown = guard.show(
            cast.ben.patient.user, [cast.ben.recording, cast.ada.recording] * 12, actor=ledger.PORTAL,
            now=timezone.now(), also_shared=True,
        )  # fmt: skip
    assert [one.is_own for one in shown] == [True, False] * 12


@pytest.mark.parametrize("of", ["ada", "ben"])
def test_with_the_guard_broken_a_share_holder_reads_nothing_that_is_for_its_two_people(
    of: str, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the guard says of them is half of it: their own profile must stand in the recording, too."""
    share(cast.ada, cast.ben.patient.user.email)
    forget_the_guard(monkeypatch)
    recording = getattr(cast, of).recording
    (shown,) = guard.show(cast.ben.patient.user, [recording], actor=ledger.PORTAL, now=timezone.now())
    assert shown.was_there
    assert shown.is_own is (of == "ben")


def test_whose_profile_stands_in_it_but_who_was_not_there_is_a_guest_of_its_replay(cast: Cast) -> None:
    """A clinician's profile was given another account since: the row alone makes nobody one of its two people."""
    holder = share(cast.ada).grantee
    Clinician.objects.filter(pk=cast.ada.clinician.pk).update(user=holder)
    recording = Recording.objects.get(pk=cast.ada.recording.pk)
    (shown,) = guard.show(holder, [recording], actor=ledger.PORTAL, now=timezone.now(), also_shared=True)
    assert not shown.is_own


def test_nobody_signed_in_is_not_the_patient_who_has_no_account(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    Patient.objects.filter(pk=cast.ada.patient.pk).update(user=None)
    forget_the_guard(monkeypatch)
    recording = Recording.objects.get(pk=cast.ada.recording.pk)
    (shown,) = guard.show(AnonymousUser(), [recording], actor=ledger.PORTAL, now=timezone.now())
    assert not shown.is_own
