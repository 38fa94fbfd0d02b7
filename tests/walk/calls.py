"""Steps of a consultation: calls, parts, pieces, switches, consent, workers."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from recordings import capture
from recordings.capture import CaptureRefused, OpenSegment
from recordings.live import live_lease
from recordings.models import Chunk
from tests.walk.base import (
    AN_HOUR,
    WHICH,
    Pair,
    Story,
    Walk,
    begin,
    close,
    end,
    know,
    open_part,
    pick,
    put,
    refused_when,
)

MOST_STORIES = 6
ROLE = st.sampled_from(["patient", "clinician"])


class Calls(Walk):
    @precondition(lambda self: len(self.stories) < MOST_STORIES)
    @rule(one=WHICH, two=WHICH)
    def a_consultation_begins(self, one: int, two: int) -> None:
        pair = Pair(pick(self.people.patients, one), pick(self.people.clinicians, two))
        at = self.began_at + len(self.stories) * AN_HOUR
        is_absent = {pair.patient.user_id, pair.clinician.user_id} & self.model.closed_accounts
        if is_absent or pair.clinician.pk in self.model.gone_clinicians:
            return
        self.touched = story = begin(pair, at)
        self.stories.append(story)
        know(self.model, story)

    @rule(one=WHICH, pieces=st.integers(0, 2))
    def a_part_is_recorded(self, one: int, pieces: int) -> None:
        story = self.story(one)
        if live_lease(story.visit.call) is None:
            assert story.has_changed or story.is_over
            return
        with refused_when(self.is_silenced(story)):
            open_part(story, pieces)

    @precondition(lambda self: any(story.parts for story in self.stories))
    @rule(one=WHICH)
    def a_piece_is_uploaded(self, one: int) -> None:
        story = self.story(one)
        if story.parts:
            with refused_when(self.is_silenced(story)):
                put(story, *story.parts[-1])

    @precondition(lambda self: any(story.parts for story in self.stories))
    @rule(one=WHICH)
    def a_part_is_closed(self, one: int) -> None:
        self.close_parts(self.story(one))

    @precondition(lambda self: any(story.parts for story in self.stories))
    @rule(one=WHICH)
    def a_part_claims_more_time_than_has_passed(self, one: int) -> None:
        """So that it is held back once it is processed."""
        self.close_parts(self.story(one), claims=AN_HOUR)

    def close_parts(self, story: Story, claims: timedelta | None = None) -> None:
        for part in list(story.parts):
            with refused_when(self.is_silenced(story)):
                close(story, *part, claims=claims)

    @rule(one=WHICH)
    def they_switch(self, one: int) -> None:
        story = self.story(one)
        story.has_changed = True
        with refused_when(True):
            story.visit.call.refresh_from_db()
            story.visit.switch("audio" if story.visit.call.mode == "video" else "video")

    @rule(one=WHICH, role=ROLE)
    def consent_is_withdrawn(self, one: int, role: str) -> None:
        story = self.story(one)
        story.has_changed = True
        with refused_when(story.is_over):
            story.visit.withdraw(role)

    @rule(one=WHICH, role=ROLE)
    def consent_is_given_again(self, one: int, role: str) -> None:
        story = self.story(one)
        with refused_when(story.is_over):
            story.visit.allow(role)

    @rule(one=WHICH)
    def the_call_ends_and_is_processed(self, one: int) -> None:
        story = self.story(one)
        self.close_parts(story)
        with refused_when(story.is_over):
            end(story)
        self.processed(story)

    @rule(one=WHICH)
    def a_worker_comes_by(self, one: int) -> None:
        self.processed(self.story(one))

    @rule(one=WHICH, two=WHICH)
    def a_recorder_reaches_for_anothers_part(self, one: int, two: int) -> None:
        mine, other = self.story(one), pick(self.stories, two)
        if mine is not other and mine.parts and other.parts:
            stolen = OpenSegment(other.parts[-1][0].segment, mine.parts[-1][0].upload_token, b"")
            self.demand_refused(mine, stolen)

    @precondition(lambda self: any(story.parts for story in self.stories))
    @rule(one=WHICH)
    def an_upload_token_expires(self, one: int) -> None:
        story = self.story(one)
        if story.parts:
            before, story.visit.now = story.visit.now, story.visit.now + capture.tokens.TOKEN_LIFE + AN_HOUR
            self.demand_refused(story, story.parts[-1][0])
            story.visit.now = before

    def demand_refused(self, story: Story, part: OpenSegment) -> None:
        before = Chunk.objects.count()
        for reach in (lambda: story.visit.put(part, 99, story.whose), lambda: story.visit.close(part, [])):
            try:
                reach()
            except CaptureRefused as refusal:
                assert refusal.status in (401, 403)
            else:
                raise AssertionError("It was taken.")
        assert Chunk.objects.count() == before

    def is_silenced(self, story: Story) -> bool:
        """Say whether the recorder may be refused: nobody may record any more, or something else than before."""
        clinician = story.visit.world.clinician
        is_gone = clinician.pk in self.model.gone_clinicians or clinician.user_id in self.model.closed_accounts
        return story.has_changed or story.is_over or is_gone
