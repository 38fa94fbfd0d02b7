"""Interleaves many people's recorded calls, lists and workers by a seed, and judges what came of it."""

import os
import random
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.utils import timezone

from recordings import inventory, jobs, pipeline, safe, upkeep
from recordings.models import ProcessingJob, Recording, Rendition
from tests.babylon.call import RecordedCall
from tests.babylon.marks import Verdict, judge
from tests.babylon.people import Lists, Person, make_people
from tests.crowd import at_once
from tests.visits import stored_files

process_module = import_module("recordings.pipeline.process")


def seed() -> int:
    """The seed of this run: BABYLON_SEED, or a new one. It is printed, so that a run can be repeated."""
    chosen = int(os.environ.get("BABYLON_SEED") or random.SystemRandom().randrange(10**6))
    print(f"\nBABYLON_SEED={chosen}")
    return chosen


class Killed(BaseException):
    """A worker that dies: nothing of ours catches it."""


@dataclass(frozen=True)
class Outcome:
    people: list[Person]
    calls: list[RecordedCall]
    lists: Lists

    @property
    def switches(self) -> int:
        return sum(call.switched for call in self.calls)

    def verdict_on(self, call: RecordedCall) -> Verdict:
        others = [person.mark for person in self.people if person is not call.person]
        return judge(replay_of(call.recording), call.person.mark, others, call.recording.timeline)

    def is_right(self, call: RecordedCall) -> bool:
        """Say whether each part of the replay is the segment it should be, and holds its owner alone."""
        parts = {(part["segment"], part["kind"]) for part in call.recording.timeline if part["kind"] != "hole"}
        is_whole = parts == {(number, segment.mode) for number, segment in enumerate(call.opened)}
        return is_whole and self.verdict_on(call).is_pure

    def told_of(self, call: RecordedCall) -> list[Any]:
        """Return how far it came, for whoever has to find out why it is not right."""
        tries = call.recording.jobs.order_by("created_at").values_list("status", "stage", "attempts", "fault")
        state = (call.recording.status, call.recording.reason, call.recording.timeline)
        return [*state, *tries, self.verdict_on(call) if call.recording.renditions.exists() else "no replay"]

    def misplaced(self) -> list[str]:
        """Return the recordings of which not exactly the known objects lie in their patient's own vault."""
        return [str(call.recording.pk) for call in self.calls if stored_files(call.recording) != known(call.recording)]

    def unsound(self) -> list[inventory.Finding]:
        """Return what does not decrypt, under its own patient's key and ids, to what was recorded."""
        return [found for call in self.calls for found in inventory.findings(call.recording.pk) if found.fault]


def known(recording: Recording) -> set[str]:
    chunks = recording.segments.values_list("chunks__pk", flat=True)
    return {str(pk) for pk in [*chunks, *recording.renditions.values_list("pk", flat=True)]}


def replay_of(recording: Recording) -> bytes:
    replay = Rendition.objects.filter(recording=recording).latest("version")
    with safe.open_object(replay, recording.patient.vault_id) as reader:
        return reader.read_range(0, replay.byte_length)


def run(people_count: int, switches_each: int, *, seed: int, crowded: bool = True) -> Outcome:
    """Let everybody's calls happen at once. `crowded`: some jobs have two workers, some a worker that dies."""
    rng = random.Random(seed)
    people = make_people(people_count, now=timezone.now())
    calls = [RecordedCall(person, switches_each, random.Random(rng.random())) for person in people]
    for call, neighbour in zip(calls, [*calls[1:], calls[0]], strict=True):
        call.neighbour = neighbour
    lists, going_on = Lists(people), {number: call.steps() for number, call in enumerate(calls)}
    while going_on:
        number = rng.choice(list(going_on))
        if next(going_on[number], "over") == "over":
            del going_on[number]
        if rng.random() < 0.5:
            lists.poll()
        waiting = jobs.due(timezone.now())
        # Several recordings wait before a worker comes, so that every batch is mixed.
        if len(waiting) > 2 or not going_on:
            _work(waiting, rng, crowded)
    # Whoever loads the page anew at the very end may announce another part: its recording is sealed by the next sweep.
    upkeep.sweep(now=timezone.now())
    _work(jobs.due(timezone.now()), rng, crowded)
    lists.poll_all()
    return Outcome(people, calls, lists)


def _work(waiting: list, rng: random.Random, crowded: bool) -> None:
    rng.shuffle(waiting)
    for job_id in waiting:
        happens = rng.choice(["one", "one", "two", "dies"]) if crowded else "one"
        if happens == "two":
            at_once(2, lambda _, job_id=job_id: pipeline.process(job_id))
            continue
        if happens == "dies":
            _work_and_die(job_id)
        pipeline.process(job_id)


def _work_and_die(job_id: object) -> None:
    """Let a worker die with everything in its hands, and its lease run out."""

    def dies(*_: object, **__: object) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as dying, pytest.raises(Killed):
        dying.setattr(process_module, "run_job", dies)
        pipeline.process(job_id)  # type: ignore[arg-type]
    ProcessingJob.objects.filter(pk=job_id).update(lease_until=timezone.now() - timedelta(seconds=1))
