"""Steps that give and take rights, on purpose or by mistake; `shares` has those of sharing."""

from datetime import timedelta
from typing import Any

from guardian.shortcuts import assign_perm
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from accounts.models import User
from audit.ledger import Actor
from patients.models import CareRelationship, Clinician
from patients.services import begin_care, end_care
from recordings import policy, revocations, suspensions
from recordings.models import PlaybackRevocation, PlaybackSuspension
from recordings.suspensions import Scope
from tests.walk.base import WHICH, Walk, pick


class Rights(Walk):
    def __init__(self) -> None:
        super().__init__()
        self.suspended: dict[tuple[str, Any], PlaybackSuspension] = {}
        self.by = Actor(self.people.administrators[0].pk)

    @rule(one=WHICH, two=WHICH)
    def somebody_is_granted_it_by_mistake(self, one: int, two: int) -> None:
        """Whom it is none of, or from whom it was taken on purpose: a grant alone must open nothing."""
        recording, user = self.story(one).visit.recording, pick(self.people.users, two)
        assign_perm(f"recordings.{policy.PLAY}", user, recording)
        self.model.granted.add((recording.pk, user.pk))

    @rule(one=WHICH, two=WHICH)
    def a_grant_gets_lost(self, one: int, two: int) -> None:
        recording, user = self.story(one).visit.recording, pick(self.people.users, two)
        policy.withdraw_playback(recording, user)
        self.model.granted.discard((recording.pk, user.pk))

    @rule(one=WHICH, two=WHICH, why=st.sampled_from(revocations.Why))
    def a_right_is_revoked(self, one: int, two: int, why: revocations.Why) -> None:
        story = self.story(one)
        pair = story.visit.world
        user = pick([pair.patient.user, pair.clinician.user, *self.people.users], two)
        revocations.revoke_playback(story.visit.recording, user, why=why, actor=self.by, now=story.visit.now)
        self.model.granted.discard((story.recording, user.pk))
        self.model.revoked.add((story.recording, user.pk))

    @precondition(lambda self: self.model.revoked)
    @rule(one=WHICH)
    def a_right_is_restored(self, one: int) -> None:
        rights = [(story.recording, user.pk) for story in self.stories for user in self.people.users]
        recording, user = pick([right for right in rights if right in self.model.revoked], one)
        story = self.story_of(recording)
        revocation = PlaybackRevocation.objects.get(recording=recording, user=user, ended_at=None)
        revocations.restore_playback(revocation, why=revocations.WhyBack.SETTLED, actor=self.by, now=story.visit.now)
        self.model.restore(recording, user)

    @rule(one=WHICH, scope=st.sampled_from(Scope))
    def playback_is_paused(self, one: int, scope: Scope) -> None:
        story = self.story(one)
        pair = story.visit.world
        of = {"everything": None, "recording": story.recording, "patient": pair.patient.pk}
        of["clinician"] = pair.clinician.pk
        which = (scope.value, of[scope])
        self.suspended[which] = suspensions.suspend(
            scope, of[scope], reason="A check.", actor=self.by, now=story.visit.now
        )
        self.model.pauses.add(which)

    @precondition(lambda self: self.suspended)
    @rule(one=WHICH)
    def playback_goes_on(self, one: int) -> None:
        which = pick(list(self.suspended), one)
        suspensions.resume(self.suspended.pop(which), note="All is well.", actor=self.by, now=self.touched.visit.now)
        self.model.pauses.discard(which)

    @rule(one=WHICH, two=WHICH)
    def an_account_is_closed(self, one: int, two: int) -> None:
        pair = self.story(one).visit.world
        self.set_account(pick([pair.patient.user, pair.clinician.user, *self.people.administrators], two), False)

    @precondition(lambda self: self.model.closed_accounts)
    @rule(one=WHICH)
    def an_account_is_opened_again(self, one: int) -> None:
        closed = [user for user in self.people.users if user.pk in self.model.closed_accounts]
        self.set_account(pick(closed, one), True)

    def set_account(self, user: User, is_active: bool) -> None:
        User.objects.filter(pk=user.pk).update(is_active=is_active)
        (self.model.closed_accounts.discard if is_active else self.model.closed_accounts.add)(user.pk)

    @rule(one=WHICH, is_active=st.booleans())
    def a_clinician_leaves_or_comes_back(self, one: int, is_active: bool) -> None:
        clinician = self.story(one).visit.world.clinician
        Clinician.objects.filter(pk=clinician.pk).update(is_active=is_active)
        (self.model.gone_clinicians.discard if is_active else self.model.gone_clinicians.add)(clinician.pk)

    @rule(one=WHICH, two=WHICH, begins=st.booleans())
    def care_begins_or_ends(self, one: int, two: int, begins: bool) -> None:
        """Which is no right to any recording."""
        patient, clinician = pick(self.people.patients, one), pick(self.people.clinicians, two)
        live = CareRelationship.objects.filter(patient=patient, clinician=clinician, until=None).first()
        if begins:
            begin_care(patient, clinician, why="covers", now=self.began_at)
        elif live:
            end_care(live, now=live.since + timedelta(days=1))
