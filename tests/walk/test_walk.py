"""Whatever happens in whatever order, everybody is shown their own recordings and no other."""

import gc
import hashlib
import os
import secrets
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from itertools import count

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from recordings.media.job import AUDIO_TYPE, Job, JoinResult
from recordings.media.timeline import Part
from tests.figures import record
from tests.walk.base import make_world
from tests.walk.machine import Machine, objects_stored
from tests.walk.model import make_people

pytestmark = [pytest.mark.django_db, pytest.mark.isolation]
# Steps, over all walks; fewer where every question goes to another process.
SHORT, LONG = 400, {"sqlite": 50_000, "postgresql": 10_000}
# What walks that mean anything come to; some of it so seldom that it takes the full size.
SELDOM = {"quarantined", "emptied", "deleted", "release confirmed", "discard confirmed"}
REACHED = {
    "becomes plays", "becomes paused", "becomes nothing", "ready", "quarantined", "emptied", "release proposed",
    "release not proposed", "release confirmed", "release not confirmed", "discard proposed", "discard not proposed",
    "discard confirmed", "discard not confirmed", "share live", "share over", "share proposed", "share agreed to",
    "share ended", "share swept", "deletion asked for", "deleted",
}  # fmt: skip


def joined(job: Job, **_: object) -> JoinResult:
    """Join as the media process does, without looking inside: one piece after the other."""
    pieces = [os.pread(segment.fd, 1 << 20, 0) for segment in job.segments]
    content = b"".join(pieces)
    os.write(job.output_fd, content)
    numbers = enumerate(segment.number for segment in job.segments)
    timeline = tuple(Part("audio", 1000 * at, 1000 * (at + 1), number) for at, number in numbers)
    digest = hashlib.sha256(content).hexdigest()
    return JoinResult(timeline, 1000 * len(timeline), (), len(content), digest, AUDIO_TYPE)


@pytest.fixture(autouse=True)
def media_are_joined_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("recordings.pipeline.process"), "run_job", joined)


@pytest.fixture(autouse=True)
def swept_between_walks_only() -> Iterator[None]:
    """The collector would go through the whole test run again and again, a third of the time."""
    gc.collect()
    gc.freeze()
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


def walk(least: int, walks: int, steps: int) -> Counter[str]:
    """Take at least so many steps, in rounds of so many walks; record how many, and return what they came to.

    Not every walk goes as far as it may. WALK_SEED repeats a run: its steps are the same. Only then is one that
    fails made shorter, which takes minutes.
    """
    given = os.environ.get("WALK_SEED")
    number = int(given or secrets.randbelow(2**32))
    print(f"\nWALK_SEED={number}")
    strange = frozenset(objects_stored())
    world = make_world(make_people(), timezone.now())
    facts = {"strange": strange, "world": world, "world_objects": objects_stored(), "reached": Counter()}
    machine = type("Machine", (Machine,), facts)
    options = settings(
        max_examples=walks, stateful_step_count=steps, deadline=None, database=None, print_blob=True,
        suppress_health_check=list(HealthCheck), phases=(Phase.generate, Phase.shrink) if given else (Phase.generate,),
    )  # fmt: skip
    for turn in count():
        run_state_machine_as_test(seed(number + turn)(machine), settings=options)
        if machine.steps >= least:
            break
    print(f"{machine.asked} decisions and files asked for one by one; {dict(machine.reached)}")
    what = f"steps of random walks, after each of which portal and model agree (seed {number})"
    record(what, machine.steps, f"{LONG[connection.vendor]} in full size")
    return machine.reached


def test_short_walks_show_nobody_anything_of_somebody_else() -> None:
    assert walk(SHORT, walks=12, steps=40)


@pytest.mark.database
@pytest.mark.long
def test_long_walks_show_nobody_anything_of_somebody_else() -> None:
    expected = REACHED if connection.vendor == "sqlite" else REACHED - SELDOM
    assert walk(LONG[connection.vendor], walks=25, steps=200).keys() >= expected
