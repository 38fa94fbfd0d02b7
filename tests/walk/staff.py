"""Steps of those who decide about what is held back: two people release or discard it, a third job empties it."""

from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from accounts.models import User
from audit.ledger import Actor
from recordings import erasure, quarantine
from recordings.misfits import misfit
from recordings.models import QuarantineDecision, Recording
from recordings.quarantine import LAPSES_AFTER, CannotDecide, What
from tests.walk.base import WHICH, Walk, pick
from tests.walk.model import Id, Proposal


class HeldBack(Walk):
    def __init__(self) -> None:
        super().__init__()
        self.deciders = {person.pk for person in self.people.administrators}

    def somebody(self, number: int) -> User:
        """Return anybody, those who may decide more often."""
        return pick([*self.people.administrators, *self.people.users], number)

    @precondition(lambda self: self.model.held_back)
    @rule(one=WHICH, two=WHICH, what=st.sampled_from(What))
    def somebody_proposes(self, one: int, two: int, what: What) -> None:
        story, by = self.story_of(pick(self.in_order(self.model.held_back), one)), self.somebody(two)
        recording = story.visit.recording
        may = (
            self.model.may_decide(by.pk, recording.pk, self.deciders)
            and self.model.standing(recording.pk) is None
            and (what == What.DISCARD or misfit(recording.reason).may_be_released)
            and not (what == What.DISCARD and recording.pk in self.model.on_hold)
        )
        actor, now = Actor(by.pk), story.visit.now
        done = decided(
            lambda: quarantine.propose(recording.pk, what=what, why="We asked both.", by=by, actor=actor, now=now)
        )
        assert done == may
        self.reached[f"{what} proposed" if done else f"{what} not proposed"] += 1
        if done:
            decision = QuarantineDecision.objects.get(recording=recording, confirmed_at=None, withdrawn_at=None)
            self.model.proposals[recording.pk] = Proposal(decision.pk, what, by.pk)

    @precondition(lambda self: self.model.proposals)
    @rule(one=WHICH, two=WHICH, too_late=st.sampled_from([False, False, True]))
    def somebody_confirms(self, one: int, two: int, too_late: bool) -> None:
        """Too late is a week after it was proposed."""
        recording = pick(self.in_order(self.model.proposals), one)
        story, proposal, by = self.story_of(recording), self.model.proposals[recording], self.somebody(two)
        may = (
            self.model.may_decide(by.pk, recording, self.deciders)
            and self.model.standing(recording) is not None
            and by.pk != proposal.by
            and not (proposal.what == What.DISCARD and recording in self.model.on_hold)
            and not too_late
        )
        now = story.visit.now + (LAPSES_AFTER if too_late else timedelta())
        assert decided(lambda: quarantine.confirm(proposal.id, by=by, actor=Actor(by.pk), now=now)) == may
        self.reached[f"{proposal.what} confirmed" if may else f"{proposal.what} not confirmed"] += 1
        if may:
            del self.model.proposals[recording]
            self.has_been_decided(recording, proposal.what)

    def has_been_decided(self, recording: Id, what: What) -> None:
        if what == What.RELEASE:
            self.model.releasing.add(recording)
        else:
            self.model.discarded.add(recording)
            self.model.held_back.discard(recording)

    @precondition(lambda self: self.model.proposals)
    @rule(one=WHICH, two=WHICH)
    def somebody_withdraws_a_proposal(self, one: int, two: int) -> None:
        recording = pick(self.in_order(self.model.proposals), one)
        story, proposal, by = self.story_of(recording), self.model.proposals[recording], self.somebody(two)
        may = self.model.may_decide(by.pk, recording, self.deciders) and self.model.standing(recording) is not None
        now = story.visit.now
        assert decided(lambda: quarantine.withdraw(proposal.id, by=by, actor=Actor(by.pk), now=now)) == may
        if may:
            del self.model.proposals[recording]

    @rule(one=WHICH, is_held=st.booleans())
    def a_legal_hold_is_put_on_or_lifted(self, one: int, is_held: bool) -> None:
        story = self.story(one)
        Recording.objects.filter(pk=story.recording).update(legal_hold=is_held)
        (self.model.on_hold.add if is_held else self.model.on_hold.discard)(story.recording)

    @precondition(lambda self: self.model.discarded - self.model.emptied)
    @rule()
    def what_was_discarded_is_emptied(self) -> None:
        for decision in erasure.waiting():
            erasure.empty(decision, now=timezone.now())
            self.reached["emptied"] += 1
        self.model.emptied |= self.model.discarded

    @precondition(lambda self: self.model.releasing)
    @rule(one=WHICH)
    def what_was_released_is_processed(self, one: int) -> None:
        self.processed(self.story_of(pick(self.in_order(self.model.releasing), one)))


def decided(act: Callable[[], object]) -> bool:
    try:
        act()
    except CannotDecide:
        return False
    return True
