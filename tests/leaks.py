"""Breaks our own code so that an answer holds somebody else's recording, and measures how soon the portal notices."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import pytest
from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse

from accounts.models import User
from audit.models import Alert, AlertKind
from recordings import api, guard, policy, suspensions
from recordings.capture import OpenSegment
from recordings.models import PlaybackSuspension, Recording, Segment
from tests.cast import Cast, World, make_pieces
from tests.replays import Viewer, body_of


class Careless(QuerySet[Recording]):
    """Forgets to ask which consultation, clinician and patient, as a hasty change would."""

    def filter(self, *args: Any, **facts: Any) -> "Careless":
        careful = {
            name: value
            for name, value in facts.items()
            if not name.startswith(("consultation", "clinician", "patient"))
        }
        return super().filter(*args, **careful)


def confuse(monkeypatch: pytest.MonkeyPatch, *shown: Recording) -> None:
    """Let the policy say that exactly these recordings are everybody's to see and to play."""

    def everybodys(user: object) -> QuerySet[Recording]:
        return suspensions.marked(Careless(Recording)).filter(pk__in=[one.pk for one in shown])

    def yes(user: object, recording_id: object) -> policy.Decision:
        recording = everybodys(user).select_related("patient", "clinician__user").get(pk=recording_id)
        return policy.Decision(recording, "both_keys", recording.patient_id)

    monkeypatch.setattr(policy, "playable_by", everybodys)
    monkeypatch.setattr(policy, "held_by", everybodys)
    monkeypatch.setattr(policy, "basis_for", everybodys)
    monkeypatch.setattr(policy, "decide", yes)


def hand_over(monkeypatch: pytest.MonkeyPatch, segment: Segment) -> None:
    """Let capture hand somebody's segment with its key to whoever asks."""
    opened = OpenSegment(segment, "an upload token", b"a key of the spool")
    monkeypatch.setattr(api.capture, "unfinished_of", lambda *_, **__: [opened])
    monkeypatch.setattr(api.capture, "open_segment", lambda *_, **__: opened)


def forget_the_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything pass as one's own. What a test proves must no longer hold then."""
    everything = type("Everything", (), {"__contains__": lambda self, row: True})()
    monkeypatch.setattr(guard, "_own", lambda viewer, ids: everything)


@dataclass(frozen=True)
class Door:
    """A way by which recordings reach a browser. `path` takes the own world and the other's."""

    path: Callable[[World, World], str]
    who: str = "patient"
    method: str = "get"
    data: Any = None
    # How many recordings one answer can hold.
    is_list: bool = False

    def answer(self, user: User, own: World, other: World) -> HttpResponse:
        client = Viewer(user).client
        client.raise_request_exception = False
        ask = getattr(client, self.method)
        facts = {"data": self.data, "content_type": "application/json"} if self.data is not None else {}
        answer = ask(self.path(own, other), **facts)
        answer.body = body_of(answer)
        return answer

    def opens_for(self, own: World, other: World) -> HttpResponse:
        return self.answer(getattr(own, self.who).user, own, other)


ONE_SECOND = {"seconds": 1}
SEGMENT = {"segment": "0" * 32, "lease": "0" * 32, "mode": "audio", "epoch": 1, "mime": "audio/webm", "t0": 1}
CLINIC = "/clinic/recordings/recording/"
DOORS = {
    "home": Door(lambda own, other: "/", is_list=True),
    "list": Door(lambda own, other: "/recordings/", is_list=True),
    "player": Door(lambda own, other: f"/recordings/{other.recording.pk}/"),
    "media": Door(lambda own, other: f"/recordings/{other.recording.pk}/media/"),
    "sharing": Door(lambda own, other: f"/recordings/{other.recording.pk}/sharing/"),
    "access": Door(lambda own, other: f"/recordings/{other.recording.pk}/access/"),
    "keeping": Door(lambda own, other: f"/recordings/{other.recording.pk}/keeping/"),
    "seconds": Door(lambda own, other: f"/recordings/{other.recording.pk}/watched/", method="post", data=ONE_SECOND),
    "status": Door(lambda own, other: reverse("recordings:status", args=[own.held.pk])),
    "clinic": Door(lambda own, other: "/clinic/", who="clinician", is_list=True),
    "clinic patient": Door(
        lambda own, other: f"/clinic/patients/patient/{own.patient.pk}/change/", who="clinician", is_list=True
    ),
    "clinic list": Door(lambda own, other: CLINIC, who="clinician", is_list=True),
    "clinic row": Door(lambda own, other: f"{CLINIC}{other.recording.pk}/change/", who="clinician"),
    "unfinished": Door(lambda own, other: "/api/v1/segments/unfinished/", who="clinician"),
    "segment": Door(lambda own, other: "/api/v1/segments/", who="clinician", method="post", data=SEGMENT),
}  # fmt: skip


def plant(monkeypatch: pytest.MonkeyPatch, cast: Cast, *, only: str = "") -> None:
    """Let every door, or `only` one, hand Ben's recording to Ada's people; lists hold Ada's own beside it."""
    one_at_a_time = bool(only) and not DOORS[only].is_list
    confuse(monkeypatch, *([] if one_at_a_time else [cast.ada.recording]), cast.ben.recording)
    hand_over(monkeypatch, make_pieces(cast.ben).segment)


def marks_of(world: World) -> list[str]:
    """What must be in no answer to anybody else."""
    ids = (world.recording.pk, world.held.pk, world.replay.pk, world.patient.pk, world.patient.vault_id)
    return [world.patient.name, world.clinician.display_name, world.canary.decode(), *map(str, ids)]


def told_of(world: World, answer: HttpResponse) -> list[str]:
    """Return the marks of this world that are in the body or the headers."""
    text = answer.body.decode(errors="replace") + repr(list(answer.items())) + repr(answer.cookies.output())
    return [mark for mark in marks_of(world) if mark in text]


@dataclass(frozen=True)
class Noticed:
    """Seconds from a question whose answer held a foreign row until the alert stood, and until the breaker was open."""

    alert_s: float
    breaker_s: float


def how_soon(monkeypatch: pytest.MonkeyPatch, ask: Callable[[], object]) -> Noticed:
    """Measure on this machine, through everything that stands between the question and both rows."""
    at: dict[str, float] = {}
    real_alert, real_suspend = guard.alerts.raise_alert, guard.suspensions.suspend

    def raise_alert(*args: Any, **facts: Any) -> None:
        real_alert(*args, **facts)
        at["alert"] = perf_counter()

    def suspend(*args: Any, **facts: Any) -> PlaybackSuspension:
        suspension = real_suspend(*args, **facts)
        at["breaker"] = perf_counter()
        return suspension

    with monkeypatch.context() as watching:
        watching.setattr(guard.alerts, "raise_alert", raise_alert)
        watching.setattr(guard.suspensions, "suspend", suspend)
        began = perf_counter()
        ask()
    assert Alert.objects.filter(kind=AlertKind.FOREIGN_ROW).exists()
    assert PlaybackSuspension.objects.filter(closed_at=None).exists()
    return Noticed(at["alert"] - began, at["breaker"] - began)
