"""Reads replays as a browser does, and puts longer ones in place."""

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.http import HttpResponse
from django.test import AsyncClient, Client
from django.utils import timezone

from accounts.models import User
from audit.ledger import Actor
from audit.models import Action, Entry
from consultations.models import Consultation
from recordings import pages, playback, safe
from recordings.models import Recording, Rendition

MIB = 1024 * 1024


def put_replay(recording: Recording, content: bytes) -> Rendition:
    """Store a newer version of the recording's replay."""
    keyset = safe.active_keyset(recording.patient)
    version = recording.renditions.count() + 1
    replay = Rendition(
        id=uuid.uuid4(), recording=recording, patient=recording.patient, kind=Rendition.Kind.REPLAY, version=version,
        content_type="video/webm", key_version=keyset.version, created_at=timezone.now(),
    )  # fmt: skip
    sealed = safe.vault().write(safe.identity_of(replay), recording.patient.vault_id, keyset, [content])
    replay.byte_length, replay.sha256, replay.header = sealed.plaintext_length, sealed.sha256, sealed.header
    replay.save(force_insert=True)
    return replay


def noise(length: int) -> bytes:
    return random.Random(length).randbytes(length)


def path_of(replay: Rendition) -> Path:
    vault = settings.DATA_DIR / "storage" / "vaults" / str(replay.recording.patient.vault_id)
    return vault / str(replay.recording_id) / str(replay.pk)


class Viewer:
    """Somebody's browser with one session."""

    def __init__(self, user: User | None) -> None:
        self.client = Client()
        if user and user.is_authenticated and user.is_active:
            self.client.force_login(user)

    def get(self, recording_id: object, **headers: str) -> HttpResponse:
        """Return the answer with all of its bytes as `body`."""
        answer = self.client.get(f"/recordings/{recording_id}/media/", headers=_named(headers))
        answer.body = body_of(answer)
        return answer

    def head(self, recording_id: object, **headers: str) -> HttpResponse:
        answer = self.client.head(f"/recordings/{recording_id}/media/", headers=_named(headers))
        answer.body = body_of(answer)
        return answer


@dataclass
class Stream:
    """A replay that is being watched while something happens."""

    client: AsyncClient
    recording: Recording
    sent: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, user: User, recording: Recording) -> "Stream":
        client = AsyncClient()
        client.force_login(user)
        return cls(client, recording)

    async def watch(self, after_first_piece: Callable[[], object]) -> int:
        """Return how many bytes came, with this happening after the first few of them."""
        answer = await self.client.get(f"/recordings/{self.recording.pk}/media/")
        assert answer.status_code == 200
        async for piece in answer:
            self.sent.append(len(piece))
            if len(self.sent) == 1:
                await sync_to_async(after_first_piece)()
        return sum(self.sent)


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@async_to_sync
async def body_of(response: HttpResponse) -> bytes:
    """Return what a response holds, streamed or not."""
    if not response.streaming:
        return response.content
    return b"".join([piece async for piece in response])


def status_at(user: User, consultation: Consultation) -> dict[str, Any]:
    """Return what the page of a consultation says of its recording."""
    actor = Actor(user.pk)
    shown = playback.of_consultation(user, consultation.pk, actor=actor, now=timezone.now())
    return pages.status_of(shown, consultation.pk)


def lines_of(recording: Recording, *actions: Action) -> list[Entry]:
    return list(Entry.objects.filter(object_id=recording.pk, action__in=actions).order_by("seq"))
