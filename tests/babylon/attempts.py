"""What strangers try with somebody's recording: every list, page, media address, status and upload, with true ids."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse

from accounts.models import User
from recordings.capture import tokens
from recordings.models import Segment
from tests.cast import Cast, World, make_pieces
from tests.leaks import CLINIC, ONE_SECOND, SEGMENT, told_of
from tests.replays import Viewer, body_of
from tests.visits import digest, media, root

STRANGERS = ("ben.patient", "ben.clinician", "ada.colleague", "staff", "administrator", "nobody")
LISTS = ("/", "/recordings/", "/consultations/", "/clinic/", CLINIC, "/api/v1/segments/unfinished/")
# A token is a bearer: whoever holds Ben's may try it, signed in or not. The others come with none.
HOLD_BENS_TOKEN = ("ben.clinician", "nobody")
STAFF = ("/admin/recordings/recording/", "/admin/recordings/processingjob/")


@dataclass(frozen=True)
class Attempt:
    method: str
    path: str
    data: Any = None
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def is_list(self) -> bool:
        return self.path in LISTS + STAFF

    def by(self, user: User | AnonymousUser) -> HttpResponse:
        client = Viewer(user).client
        client.raise_request_exception = False
        facts: dict[str, Any] = {"headers": dict(self.headers)}
        if self.data is not None:
            facts |= {"data": self.data, "content_type": self.content_type}
        answer = getattr(client, self.method)(self.path, **facts)
        answer.body = body_of(answer)
        return answer


@dataclass(frozen=True)
class Caught:
    """Something of the victim that reached a stranger."""

    who: str
    attempt: Attempt
    status: int
    told: tuple[str, ...]


def attempts_at(victim: World, segment: Segment, token: str) -> Iterator[Attempt]:
    """Yield what can be asked for; `segment` is the victim's, `token` the stranger's own upload token."""
    recording, api = f"/recordings/{victim.recording.pk}/", f"/api/v1/segments/{segment.pk}/"
    yield from (Attempt("get", path) for path in LISTS + STAFF)
    yield Attempt("get", recording)
    yield Attempt("get", f"{recording}media/")
    yield Attempt("get", f"{recording}media/", headers=(("Range", "bytes=0-9"),))
    yield Attempt("post", f"{recording}watched/", ONE_SECOND)
    yield Attempt("get", f"/recordings/of/{victim.held.pk}/status/")
    yield Attempt("get", f"{CLINIC}{victim.recording.pk}/change/")
    yield Attempt("post", "/api/v1/segments/", SEGMENT | {"lease": str(segment.lease_id)})
    bearer, body = ("Authorization", f"Bearer {token}"), media("audio", 1)[0]
    said = b64encode(digest(body)).decode()
    sent = (bearer, ("Content-Digest", f"sha-256=:{said}:"), ("X-Chunk-Time", "0-1000"))
    yield Attempt("get", api, headers=(bearer,))
    yield Attempt("put", f"{api}chunks/1/", body, "application/octet-stream", sent)
    manifest = {"chunks": 1, "bytes": len(body), "root": root([body]), "duration_ms": 1000, "reason": "ended"}
    yield Attempt("post", f"{api}close/", manifest, headers=(bearer,))


def caught_at(cast: Cast) -> list[Caught]:
    """Let every stranger try everything with Ada's recording; return what they learnt."""
    segment, theirs = make_pieces(cast.ada).segment, make_pieces(cast.ben).segment
    token = tokens.issue(theirs, now=cast.now)
    return [
        Caught(who, attempt, answer.status_code, tuple(told))
        for who in STRANGERS
        for attempt in attempts_at(cast.ada, segment, token if who in HOLD_BENS_TOKEN else "")
        if (answer := attempt.by(cast.actors()[who])) and (told := _learnt(cast.ada, who, attempt, answer))
    ]


def _learnt(victim: World, who: str, attempt: Attempt, answer: HttpResponse) -> list[str]:
    """Return marks of the victim beyond what this person may know and what they themselves had put into the address.

    An answer about one recording that is neither a refusal nor a way to sign in counts, whatever is in it.
    """
    is_echo = quote(attempt.path) in answer.get("Location", "")
    known = {str(victim.recording.pk), str(victim.held.pk)} if is_echo else set()
    if who == "ada.colleague":
        known |= {victim.patient.name, str(victim.patient.pk)}
    if attempt.path in STAFF:
        known.add(str(victim.recording.pk))
    told = [mark for mark in told_of(victim, answer) if mark not in known]
    if not attempt.is_list and answer.status_code not in (302, 401, 403, 404):
        told.append(f"answered {answer.status_code}")
    return told
