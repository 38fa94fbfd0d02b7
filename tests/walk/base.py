"""What every step of a walk needs: the consultations so far, the model, and what a refusal looks like."""

import copy
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from django.conf import settings
from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from consultations.calls import Refused
from patients.models import Clinician, Patient
from recordings import capture
from recordings.capture import CaptureRefused, OpenSegment
from recordings.media import ebml
from recordings.models import Recording
from tests.visits import Visit, root
from tests.walk.model import Id, Model, Owners, People

T = TypeVar("T")
WHICH = st.integers(0, 11)
AN_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Pair:
    """As much of a world as a visit needs."""

    patient: Patient
    clinician: Clinician


@dataclass
class Story:
    """A consultation as it goes on, with its open parts: what was opened, and the pieces that were sent."""

    visit: Visit
    recording: Id
    parts: list[tuple[OpenSegment, list[bytes]]] = field(default_factory=list)
    has_changed: bool = False
    is_over: bool = False

    @property
    def whose(self) -> bytes:
        """What every piece of it says."""
        return f"<{self.recording}>".encode()

    def copy(self) -> "Story":
        """Return the same story to be told on from here."""
        return Story(copy.copy(self.visit), self.recording, [], self.has_changed, self.is_over)


@dataclass(frozen=True)
class World:
    """Made once, before all walks; whatever a walk does beyond is undone. `ready` are replays, `held_back` is not."""

    people: People
    began_at: datetime
    ready: list[Story]
    held_back: Story

    @property
    def stories(self) -> list[Story]:
        return [*self.ready, self.held_back]

    def model(self) -> Model:
        model = Model()
        for story in self.stories:
            know(model, story)
        for story in self.ready:
            model.publish(story.recording)
        model.held_back.add(self.held_back.recording)
        return model


class Walk(RuleBasedStateMachine):
    """`world` and `reached`, which counts what a walk should come to, are given by whoever starts it."""

    world: World
    reached: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.undone = transaction.atomic()
        self.undone.__enter__()
        self.people, self.began_at = self.world.people, self.world.began_at
        self.model, self.stories = self.world.model(), [story.copy() for story in self.world.stories]
        self.touched = self.stories[0]

    def story(self, number: int) -> Story:
        """Return the story that this step is about."""
        return self.story_of(pick(self.stories, number).recording)

    def story_of(self, recording: Id) -> Story:
        self.touched = story = next(story for story in self.stories if story.recording == recording)
        story.visit.after(3)
        return story

    def in_order(self, recordings: Collection[Id]) -> list[Id]:
        """Return these in the order of their stories: ids are others in each run, and a seed must mean the same."""
        return [story.recording for story in self.stories if story.recording in recordings]

    def processed(self, story: Story) -> None:
        """Let a worker come by. What becomes of a recording is the pipeline's to say; for whom, the model's."""
        if not story.visit.recording.jobs.filter(status="queued").exists():
            return
        status = story.visit.process().status
        self.reached[status] += 1
        if status in Recording.PLAYABLE:
            self.model.publish(story.recording)
        elif status == Recording.Status.QUARANTINED:
            self.model.held_back.add(story.recording)
        assert story.recording not in self.model.releasing


def pick(things: Sequence[T], number: int) -> T:
    return things[number % len(things)]


def begin(pair: Pair, at: datetime) -> Story:
    """Hold a call until its first part has two pieces."""
    visit = Visit(pair, at=at).begin()
    story = Story(visit, visit.recording.pk)
    open_part(story, 2)
    return story


def know(model: Model, story: Story) -> None:
    pair = story.visit.world
    owners = Owners(pair.patient.user_id, pair.clinician.user_id, pair.patient.pk, pair.clinician.pk)
    model.owners[story.recording] = owners


def open_part(story: Story, pieces: int) -> None:
    opened = story.visit.open(str(story.visit.call.mode))
    story.parts.append((opened, []))
    for _ in range(pieces):
        put(story, *story.parts[-1])


def put(story: Story, opened: OpenSegment, pieces: list[bytes]) -> None:
    body = (b"" if pieces else ebml.MAGIC) + story.whose + str(len(pieces)).encode()
    story.visit.put(opened, len(pieces), body)
    pieces.append(body)


def close(story: Story, opened: OpenSegment, pieces: list[bytes], *, claims: timedelta | None = None) -> None:
    """Close a part; one that `claims` more time than has passed is what the pipeline holds back."""
    length_ms = 1000 * len(pieces) if claims is None else round(claims.total_seconds() * 1000)
    segment = capture.segment_of_token(opened.upload_token, opened.segment.pk, now=story.visit.now)
    capture.close_segment(
        segment, chunks=len(pieces), root=root(pieces), duration_ms=length_ms, reason="ended", now=story.visit.now
    )
    story.parts.remove((opened, pieces))


def end(story: Story) -> None:
    story.visit.end()
    story.is_over = True


def make_world(people: People, now: datetime) -> World:
    began_at = now - settings.CALL_JOIN_CLOSES_AFTER - timedelta(days=30)
    pairs = [(0, 0, None), (1, 1, None), (1, 0, None), (2, 0, AN_HOUR)]
    stories = []
    for number, (patient, clinician, claims) in enumerate(pairs):
        pair = Pair(people.patients[patient], people.clinicians[clinician])
        story = begin(pair, began_at + number * AN_HOUR)
        close(story, *story.parts[0], claims=claims)
        end(story)
        story.visit.process()
        stories.append(story)
    *ready, held_back = stories
    assert {story.visit.recording.status for story in ready} == {Recording.Status.READY}
    assert held_back.visit.recording.status == Recording.Status.QUARANTINED
    return World(people, began_at, ready, held_back)


@contextmanager
def refused_when(may_be: bool) -> Iterator[None]:
    """A refusal of the block is right if it may be refused; nothing happened then."""
    try:
        yield
    except (CaptureRefused, Refused):
        assert may_be
