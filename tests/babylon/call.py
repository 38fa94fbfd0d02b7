"""One recorded call, step by step, with everything that happens to real ones.

Switches, reloads, late and repeated requests, and attempts to use what belongs to others. The steps of many calls are
interleaved by tests/babylon/run.py.
"""

import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpResponse

from audit.models import Action, Alert, AlertKind, Entry
from consultations import modes, presence
from consultations.calls import Refused
from recordings.models import Chunk, Recording
from tests.babylon.people import Person
from tests.visits import CLINICIAN, PATIENT, Recorder, stored_files

# What a clinician's account may be refused within a minute is limited; these stay far below it.
MISUSES = ("neighbours_token", "old_epochs_token", "neighbours_close", "neighbours_lease", "neighbours_segment")


@dataclass(frozen=True)
class Opened:
    """A segment as its recorder knows it, and the request it was opened with."""

    pk: str
    token: str
    mode: str
    wish: dict[str, Any]
    bodies: tuple[bytes, ...]


@dataclass
class RecordedCall:
    person: Person
    switches: int
    rng: random.Random
    neighbour: "RecordedCall | None" = None
    opened: list[Opened] = field(default_factory=list)
    late: list[Callable[[], HttpResponse]] = field(default_factory=list)
    switched: int = 0
    refused: int = 0
    tried: int = 0

    def __post_init__(self) -> None:
        self.visit = self.person.visit
        self.recorder = Recorder(self.visit)

    @property
    def recording(self) -> Recording:
        return self.visit.recording

    def steps(self) -> Iterator[None]:
        """Yield between any two requests; what happens in between is other people's."""
        self.visit.begin()
        yield
        misuse_at = dict(zip(self._some_segments(len(MISUSES)), MISUSES, strict=False))
        for number in range(self.switches + 1):
            if number:
                yield from self._switch()
            yield from self._segment()
            if number in misuse_at:
                yield from self._misuse(misuse_at[number])
            if self.rng.random() < 0.3:
                self._repeat_something_old()
                yield
        self.visit.end()
        yield
        for send in self.late:
            assert send().status_code == 201
            yield

    def _some_segments(self, count: int) -> list[int]:
        whole = range(1, self.switches + 1)
        return self.rng.sample(whole, min(count, len(whole)))

    # switching

    def _switch(self) -> Iterator[None]:
        call, question = self.visit.call, uuid.uuid4().hex  # whatever they ask, nobody asked that
        call.refresh_from_db()
        epoch, want = call.epoch, "audio" if call.mode == "video" else "video"
        asker, other = self.rng.sample([self.visit.place(PATIENT), self.visit.place(CLINICIAN)], 2)
        modes.request(call.pk, by=asker, want=want, epoch=epoch, now=self.visit.now)
        yield
        both_press = self.rng.random() < 0.3
        if want == "video" and both_press:
            modes.request(call.pk, by=other, want=want, epoch=epoch, now=self.visit.now)
        elif want == "video":
            call.refresh_from_db()
            question = call.question["id"]
            modes.answer(call.pk, by=other, question_id=question, answer="accept", now=self.visit.now)
        elif both_press:
            self._is_stale("stale_epoch", modes.request, by=other, want=want, epoch=epoch)
        for by in (asker, other):  # what was said before comes once more, from a line that was slow
            self._is_stale("stale_epoch", modes.request, by=by, want="audio", epoch=epoch)
            self._is_stale("no_question", modes.answer, by=by, question_id=question, answer="accept")
        call.refresh_from_db()
        assert (call.mode, call.epoch) == (want, epoch + 1)
        self.switched += 1
        yield

    def _is_stale(self, code: str, say: Callable[..., None], **what: Any) -> None:
        try:
            say(self.visit.call.pk, now=self.visit.now, **what)
        except Refused as refused:
            assert refused.code == code
        else:
            raise AssertionError("what was said too late, or twice, was taken")

    # recording

    def _segment(self) -> Iterator[None]:
        segment = self._open()
        yield
        self.visit.after(len(segment.bodies))
        numbers, token = list(range(len(segment.bodies))), segment.token
        happens = self.rng.choice(["nothing", "nothing", "shuffled", "late", "reload", "line_lost"])
        if happens == "shuffled":
            self.rng.shuffle(numbers)
        kept_back = self.rng.choice(numbers) if happens == "late" else None
        for number in numbers:
            send = self._sending(segment, token, number)
            if number == kept_back:
                self.late.append(send)
                continue
            if happens in ("reload", "line_lost") and number == numbers[-1]:
                yield from self._come_back(CLINICIAN if self.rng.random() < 0.7 else PATIENT, happens)
                token = self._token_again(segment)
                send = self._sending(segment, token, number)
            assert send().status_code == 201
            yield
            if self.rng.random() < 0.2:
                assert send().status_code == 200, "its answer had been lost"
                yield
        closed = self.recorder.close(segment.pk, token, segment.bodies, reason="switch")
        assert closed.status_code == (200 if kept_back is None else 202), closed.content
        yield

    def _open(self) -> Opened:
        call = self.visit.call
        call.refresh_from_db()
        wish = self.visit.wish(call.mode)
        del wish["mode"]
        wish = {"segment": wish.pop("segment_id"), "lease": wish.pop("lease_id")} | wish
        answer = self.recorder.open(call.mode, **wish)
        assert answer.status_code == 201, answer.content
        said = answer.json()
        segment = Opened(said["segment"], said["upload_token"], call.mode, wish, self.person.mark.media(call.mode))
        self.opened.append(segment)
        return segment

    def _sending(self, segment: Opened, token: str, number: int) -> Callable[[], HttpResponse]:
        times = f"{1000 * number}-{1000 * (number + 1)}"
        return lambda: self.recorder.put(segment.pk, token, number, segment.bodies[number], times=times)

    def _come_back(self, role: str, how: str) -> Iterator[None]:
        """Somebody's line is lost and found again, or they load the page anew, which is another `sid` and lease."""
        place, call = self.visit.place(role), self.visit.call
        presence.drop(place, sid=place.sid, channel=place.channel, now=self.visit.now)
        yield
        tab, resumes = (place.tab, place.sid) if how == "line_lost" else (uuid.uuid4().hex, "")
        channel = f"test.{uuid.uuid4().hex}"
        presence.join(
            call, place, tab=tab, channel=channel, resume_sid=resumes, takeover=False, now=self.visit.now
        )  # fmt: skip
        yield

    def _token_again(self, segment: Opened) -> str:
        """A page that was loaded anew finds what it had not finished, and gets a token for it."""
        rows = self.recorder.client.get("/api/v1/segments/unfinished/").json()
        return next(row["upload_token"] for row in rows if row["segment"] == segment.pk)

    # what must change nothing

    def _repeat_something_old(self) -> None:
        old, before = self.rng.choice(self.opened), self._stored()
        if self.rng.random() < 0.5:
            answer = self.recorder.open(old.mode, **old.wish)
        else:
            stored = Chunk.objects.filter(segment=old.pk).values_list("number", flat=True)
            answer = self._sending(old, old.token, self.rng.choice(sorted(stored)))()
        assert answer.status_code == 200, answer.content
        assert self._stored() == before

    def _misuse(self, kind: str) -> Iterator[None]:
        assert self.neighbour
        while not self.neighbour.opened:
            yield
        before = self._stored(), self.neighbour._stored(), self._told()
        answer = getattr(self, f"_try_{kind}")(self.opened[-1], self.neighbour.opened[-1])
        is_token = answer.status_code == 403
        after = self._stored(), self.neighbour._stored(), self._told() - is_token
        self.tried += 1
        self.refused += before == after and is_token == (kind in MISUSES[:3]) and answer.status_code in (403, 404)
        yield

    def _try_neighbours_token(self, own: Opened, theirs: Opened) -> HttpResponse:
        return self._sending(own, theirs.token, 0)()

    def _try_old_epochs_token(self, own: Opened, theirs: Opened) -> HttpResponse:
        return self._sending(own, self.opened[-2].token, 0)()

    def _try_neighbours_close(self, own: Opened, theirs: Opened) -> HttpResponse:
        return self.recorder.close(theirs.pk, own.token, own.bodies)

    def _try_neighbours_lease(self, own: Opened, theirs: Opened) -> HttpResponse:
        return self.recorder.open(own.mode, **own.wish | {"lease": theirs.wish["lease"], "segment": uuid.uuid4()})

    def _try_neighbours_segment(self, own: Opened, theirs: Opened) -> HttpResponse:
        return self.recorder.open(own.mode, **own.wish | {"segment": theirs.pk})

    def _stored(self) -> tuple[set[Any], set[str], int]:
        """Return what stands of this recording: rows, objects, segments."""
        rows = set(Chunk.objects.filter(segment__recording=self.recording).values_list("pk", flat=True))
        return rows, stored_files(self.recording), self.recording.segments.count()

    def _told(self) -> int:
        """Return how many misused tokens stand in the ledger; each of them raised an alert."""
        lines = Entry.objects.filter(action=Action.MISUSED).count()
        assert lines == sum(Alert.objects.filter(kind=AlertKind.MISUSED_CREDENTIAL).values_list("times", flat=True))
        return lines
