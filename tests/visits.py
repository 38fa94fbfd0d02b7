"""Holds a recorded visit within a moment: both browsers' parts, at handed-in times, with generated media."""

import base64
import hashlib
import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cache

from django.conf import settings
from django.http import HttpResponse
from django.test import Client

from accounts.models import User
from audit import ledger
from consultations import calls, consents, modes, presence
from consultations.booking import book
from consultations.models import Consultation, Participant
from consultations.wordings import FIRST
from recordings import capture, live, pipeline
from recordings.capture import OpenSegment
from recordings.media.sample import tone_and_bars
from recordings.models import ProcessingJob, RecorderLease, Recording, Segment
from tests.cast import World

CANVAS = {"width": 160, "height": 90, "frame_rate": 10}
PATIENT, CLINICIAN = Participant.Role.PATIENT, Participant.Role.CLINICIAN


@cache
def media(mode: str, seconds: float, tone_hz: int = 440, is_video_first: bool = True) -> tuple[bytes, ...]:
    """Return a small recording in chunks of one second."""
    size = (CANVAS["width"], CANVAS["height"])
    return tuple(
        tone_and_bars(
            tones_hz=[tone_hz, 2 * tone_hz],
            colours=[(40, 110, 200), (200, 90, 40)],
            mode=mode,  # type: ignore[arg-type]
            duration_s=seconds,
            size=size,
            fps=CANVAS["frame_rate"],
            chunk_s=1.0,
            key_every_s=1.0,
            is_video_first=is_video_first,
        )  # fmt: skip
    )


def digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def root(chunks: Collection[bytes]) -> str:
    return hashlib.sha256(b"".join(digest(chunk) for chunk in chunks)).hexdigest()


class Visit:
    """One call of a world's two people; `now` is how far it has come."""

    def __init__(self, world: World, *, at: datetime, consultation: Consultation | None = None) -> None:
        self.world, self.now = world, at
        self.consultation = consultation or book(
            world.patient, world.clinician, starts_at=at, ends_at=at + timedelta(minutes=15), reason="Visit", now=at
        )

    def begin(self, *, patient: str = "audio_video", clinician: str = "audio_video") -> "Visit":
        """Join, agree to be recorded in the scopes given, and admit the patient: an audio call runs."""
        self.call = calls.open_call(self.consultation, now=self.now)
        for role, scope in ((PATIENT, patient), (CLINICIAN, clinician)):
            channel = f"test.{uuid.uuid4().hex}"
            presence.join(
                self.call, self.place(role), tab=uuid.uuid4().hex, channel=channel, resume_sid="", takeover=False,
                now=self.now,
            )  # fmt: skip
            presence.ready(self.call.pk, by=self.place(role), mic="on", now=self.now)
            self.allow(role, scope)
        calls.admit(self.call.pk, participant_id=str(self.place(PATIENT).pk), now=self.after(1))
        self.call.refresh_from_db()
        return self

    def after(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now

    def place(self, role: str) -> Participant:
        return Participant.objects.select_related("user").get(consultation=self.consultation, role=role)

    def allow(self, role: str, scope: str = "audio_video") -> None:
        place = self.place(role)
        consents.give(
            self.call.pk, by=place, version=FIRST.version, sha256=FIRST.sha256, scope=scope,
            actor=ledger.Actor(place.user_id), now=self.now,
        )  # fmt: skip

    def withdraw(self, role: str = PATIENT) -> None:
        place = self.place(role)
        consents.withdraw(self.call.pk, by=place, actor=ledger.Actor(place.user_id), now=self.now)

    def switch(self, mode: str) -> None:
        self.call.refresh_from_db()
        modes.request(self.call.pk, by=self.place(CLINICIAN), want=mode, epoch=self.call.epoch, now=self.now)
        self.call.refresh_from_db()
        if mode == "video":
            question = self.call.question["id"]
            modes.answer(self.call.pk, by=self.place(PATIENT), question_id=question, answer="accept", now=self.now)
            self.call.refresh_from_db()

    @property
    def lease(self) -> RecorderLease:
        lease = live.live_lease(self.call)
        assert lease is not None
        return lease

    @property
    def recording(self) -> Recording:
        return Recording.objects.get(call=self.call)

    @property
    def job(self) -> ProcessingJob:
        return ProcessingJob.objects.filter(recording__call=self.call).latest("created_at")

    def wish(self, mode: str = "audio", **other: object) -> dict[str, object]:
        """Return what a recorder says when it opens a segment now."""
        self.call.refresh_from_db()
        facts = {
            "segment_id": uuid.uuid4(),
            "lease_id": self.lease.pk if "lease_id" not in other else None,
            "mode": mode,
            "epoch": self.call.epoch,
            "mime": f"{mode}/webm;codecs=opus",
            "t0": round(self.now.timestamp() * 1000),
        }
        return facts | other

    def open(self, mode: str = "audio", **other: object) -> OpenSegment:
        return capture.open_segment(self.world.clinician.user, now=self.now, **self.wish(mode, **other))  # type: ignore[arg-type]

    def put(self, opened: OpenSegment, number: int, body: bytes, *, times: tuple[int, int] | None = None) -> None:
        from_ms, to_ms = times or (1000 * number, 1000 * (number + 1))
        segment = capture.segment_of_token(opened.upload_token, opened.segment.pk, now=self.now)
        capture.store_chunk(
            segment, number=number, body=body, digest=digest(body), from_ms=from_ms, to_ms=to_ms, now=self.now
        )

    def close(self, opened: OpenSegment, chunks: Collection[bytes], *, reason: str = "ended") -> Segment:
        segment = capture.segment_of_token(opened.upload_token, opened.segment.pk, now=self.now)
        return capture.close_segment(
            segment, chunks=len(chunks), root=root(chunks), duration_ms=1000 * len(chunks), reason=reason, now=self.now
        )

    def record(
        self,
        mode: str = "audio",
        seconds: int = 3,
        *,
        tone_hz: int = 440,
        lost: Collection[int] = (),
        closes: bool = True,
        chunks: Sequence[bytes] = (),
    ) -> OpenSegment:
        """Record for some seconds, one chunk a second; what is `lost` never arrives."""
        opened, chunks = self.open(mode), chunks or media(mode, seconds, tone_hz)
        for number, body in enumerate(chunks):
            self.after(1)
            if number not in lost:
                self.put(opened, number, body)
        if closes:
            self.close(opened, chunks)
        return opened

    def end(self, reason: str = "ended") -> "Visit":
        calls.end(self.call.pk, reason=reason, now=self.now)
        # Happens on commit in real life; most tests commit nothing.
        capture.seal_if_whole(self.recording, now=self.now)
        return self

    def process(self) -> Recording:
        """Let a worker do the newest job; return the recording as it is then."""
        pipeline.process(self.job.pk, now=self.now)
        return self.recording


def parts(recording: Recording) -> list[tuple[str, float, float]]:
    """Return the timeline as (kind or reason of the hole, from, to) in tenths of seconds."""
    return [
        (part.get("reason", part["kind"]), round(part["from_ms"] / 1000, 1), round(part["to_ms"] / 1000, 1))
        for part in recording.timeline
    ]


def recorded_visit(world: World, *, at: datetime, seconds: int = 3) -> Visit:
    """Return a visit with one audio part that has ended and waits for a worker."""
    visit = Visit(world, at=at).begin()
    visit.record("audio", seconds)
    return visit.end()


class Recorder:
    """A recorder's page over HTTP, as static/js/record/api.js speaks."""

    def __init__(self, visit: Visit, user: User | None = None, **client: object) -> None:
        self.visit, self.client = visit, Client(**client)
        if user := user or visit.world.clinician.user:
            self.client.force_login(user)

    def open(self, mode: str = "audio", **other: object) -> HttpResponse:
        wish = self.visit.wish(mode)
        body = {"segment": wish.pop("segment_id"), "lease": wish.pop("lease_id")} | wish | other
        return self.client.post("/api/v1/segments/", body, content_type="application/json")

    def put(
        self,
        segment: object,
        token: str,
        number: object,
        body: bytes,
        *,
        times: str = "0-1000",
        said: str = "",
        **headers: str,
    ) -> HttpResponse:
        said = said or base64.b64encode(digest(body)).decode()
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Digest": f"sha-256=:{said}:",
            "X-Chunk-Time": times,
        } | headers
        url = f"/api/v1/segments/{segment}/chunks/{number}/"
        return Client().put(url, body, content_type="application/octet-stream", headers=headers)

    def close(self, segment: object, token: str, bodies: Collection[bytes], **other: object) -> HttpResponse:
        body = {"chunks": len(bodies), "bytes": sum(map(len, bodies)), "root": root(bodies)}
        body |= {"duration_ms": 1000 * len(bodies), "reason": "ended"} | other
        headers = {"Authorization": f"Bearer {token}"}
        return Client().post(
            f"/api/v1/segments/{segment}/close/", body, content_type="application/json", headers=headers
        )

    def state(self, segment: object, token: str) -> HttpResponse:
        return Client().get(f"/api/v1/segments/{segment}/", headers={"Authorization": f"Bearer {token}"})


def stored_files(recording: Recording) -> set[str]:
    """Return the names of the objects that lie in the recording's place, computed without the vault's code."""
    folder = settings.DATA_DIR / "storage" / "vaults" / str(recording.patient.vault_id) / str(recording.pk)
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()
