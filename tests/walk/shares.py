"""Steps of sharing: a patient shares, agrees and ends; a clinician proposes; time runs out; a sweep comes by."""

from datetime import timedelta

from django.http import Http404
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from accounts.models import User
from audit.ledger import Actor
from audit.refusals import TooManyRefusals
from recordings import playback, sharing
from recordings.guard import Shown
from recordings.models import Share
from recordings.sharing import CannotShare
from tests.shares import A_DAY, wish
from tests.walk.base import WHICH, Story, Walk, pick
from tests.walk.model import Id, Shared


class Sharing(Walk):
    @rule(one=WHICH, two=WHICH, by_patient=st.booleans(), runs_out=st.booleans())
    def somebody_shares_it(self, one: int, two: int, by_patient: bool, runs_out: bool) -> None:
        """A clinician's wish is a proposal; a patient's that runs out was made last week and ended yesterday."""
        story, grantee = self.story(one), pick(self.people.users, two)
        pair = story.visit.world
        by, is_over = pair.patient.user if by_patient else pair.clinician.user, by_patient and runs_out
        shown = self.held(story, by)
        if shown is None:
            return
        now = timezone.now() - (8 * A_DAY if is_over else timedelta())
        may = self.model.may_share(by.pk, grantee.pk, story.recording, is_over=is_over)
        try:
            sharing.share(shown, wish(grantee.email, until=now + 7 * A_DAY), actor=Actor(by.pk), now=now)
        except CannotShare:
            assert not may
            return
        assert may
        state = Shared.OVER if is_over else Shared.LIVE if by_patient else Shared.PROPOSED
        self.model.share(story.recording, grantee.pk, state)
        self.reached[f"share {state.value}"] += 1

    def held(self, story: Story, by: User) -> Shown | None:
        """Return what somebody who wants to share is shown: only what is theirs, by both keys, in whatever state."""
        try:
            shown = playback.held_or_404(by, story.recording, actor=Actor(by.pk), now=timezone.now())
        except (Http404, TooManyRefusals):
            shown = None
        assert (shown is not None) == self.model.holds(by.pk, story.recording)
        return shown

    @precondition(lambda self: Shared.PROPOSED in self.model.shares.values())
    @rule(one=WHICH)
    def a_patient_agrees(self, one: int) -> None:
        share = self.share(one, Shared.PROPOSED)
        by, may = share.patient.user, share.recording_id in self.model.playable
        try:
            sharing.agree(share.pk, by=by, actor=Actor(by.pk), now=timezone.now())
        except CannotShare:
            assert not may
            return
        assert may
        self.model.share(share.recording_id, share.grantee_id, Shared.LIVE)
        self.reached["share agreed to"] += 1

    @precondition(lambda self: self.model.shares)
    @rule(one=WHICH, two=WHICH)
    def somebody_ends_a_share(self, one: int, two: int) -> None:
        """Whose it is none of finds nothing to end."""
        share, by = self.share(one, *Shared), pick(self.people.users, two)
        may = by.pk in (share.patient.user_id, share.granted_by_id)
        try:
            sharing.withdraw(share.pk, by=by, actor=Actor(by.pk), now=timezone.now())
        except Http404:
            assert not may
            return
        assert may
        self.model.end_share(share.recording_id, share.grantee_id)
        self.reached["share ended"] += 1

    @precondition(lambda self: Shared.OVER in self.model.shares.values())
    @rule()
    def shares_are_swept(self) -> None:
        over = [right for right, state in self.model.shares.items() if state == Shared.OVER]
        assert sharing.sweep(now=timezone.now()) == len(over)
        for recording, grantee in over:
            self.model.end_share(recording, grantee)
        self.reached["share swept"] += 1

    def share(self, number: int, *states: Shared) -> Share:
        rights: list[tuple[Id, Id]] = [
            (story.recording, user.pk)
            for story in self.stories
            for user in self.people.users
            if self.model.shares.get((story.recording, user.pk)) in states
        ]
        recording, grantee = pick(rights, number)
        self.story_of(recording)
        return Share.objects.select_related("patient__user").get(
            recording=recording, grantee=grantee, revoked_at=None, swept_at=None
        )
