"""The wording people consent to: which version is asked with when. What was shown is never edited."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.apps import apps as installed
from django.conf import settings
from django.db.models import Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import get_language

from consultations.models import Call, ConsentWording, RecordingConsent


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class First:
    """The wording that comes with the portal. Others are published by people."""

    version: str
    language: str
    since: datetime
    text: str

    @property
    def sha256(self) -> str:
        return sha256_of(self.text)


FIRST = First(
    "2026-11",
    "en-gb",
    datetime(2026, 11, 1, tzinfo=UTC),
    "This consultation can be recorded, so that you can watch it again later. The recording holds "
    "what is said and, while video is on, what the cameras show. Only the patient, the clinician of "
    "this consultation and people one of you names can watch it. It is kept in encrypted storage "
    "that belongs to the patient. You can stop recording at any time. If you say no, the "
    "consultation goes on just the same, with video too.",
)


def make_first(*, using: str = "default", apps: Any = installed, **_: Any) -> None:
    """Store the wording that comes with the portal. Idempotent; runs after every migrate."""
    try:
        rows = apps.get_model("consultations", "ConsentWording").objects.using(using)
    except LookupError:  # migrated to where there is no such table yet
        return
    facts = {"text": FIRST.text, "sha256": FIRST.sha256, "since": FIRST.since, "published_at": FIRST.since}
    rows.get_or_create(version=FIRST.version, language=FIRST.language, defaults=facts)


def texts_at(moment: datetime) -> list[ConsentWording]:
    """Return the version in use at a moment, one text per language; before all others the oldest. Queries: one."""
    begun = ConsentWording.objects.filter(since__lte=moment).order_by("-since").values("since")[:1]
    oldest = ConsentWording.objects.order_by("since").values("since")[:1]
    return list(ConsentWording.objects.filter(since=Coalesce(Subquery(begun), Subquery(oldest))))


def wording_at(moment: datetime) -> ConsentWording:
    """Return the text in the language of whoever looks, else in the portal's own, else in whichever there is."""
    texts = {one.language: one for one in texts_at(moment)}
    return texts.get(get_language() or "") or texts.get(settings.LANGUAGE_CODE) or next(iter(texts.values()))


def asked_with(consultation_id: UUID, *, now: datetime) -> ConsentWording:
    """Return what people of a consultation are asked with: a call that goes on keeps the wording it began with."""
    live = Call.objects.filter(consultation=consultation_id, status=Call.Status.LIVE)
    return wording_at(live.values_list("opened_at", flat=True).first() or now)


def read_for(consents: Iterable[RecordingConsent]) -> dict[tuple[str, str], ConsentWording]:
    """Return by (version, fingerprint) the very texts that these consents were given to. Queries: one."""
    versions = {one.wording_version for one in consents}
    return {(one.version, one.sha256): one for one in ConsentWording.objects.filter(version__in=versions)}
