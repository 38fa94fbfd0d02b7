"""Gives a recording that was given up another try, for a reason and as one line of the ledger."""

from datetime import datetime
from uuid import UUID

from django.db import models, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit import ledger
from audit.ledger import Actor, Line
from audit.models import Action
from recordings import jobs
from recordings.models import ProcessingJob, Recording

RIGHT = "recordings.retry_processingjob"
LIVE = (ProcessingJob.Status.QUEUED, ProcessingJob.Status.RUNNING)


class Why(models.TextChoices):
    OUTAGE = "outage", gettext_lazy("What it needed was out of order and works again")
    MENDED = "mended", gettext_lazy("A fault of the portal was mended")
    LATE = "late", gettext_lazy("Pieces of it arrived late")
    ASKED = "asked", gettext_lazy("Somebody waits for it")


class CannotRetry(Exception):
    """There is nothing to try again; the text is a sentence for whoever wanted it."""


def given_up_late() -> QuerySet[ProcessingJob]:
    """Return the last words about replays that stand, where what came for them later was given up.

    Not where a new version would hold less: then all that fits was tried, and what is shown is the most there is.
    """
    later = ProcessingJob.objects.filter(recording=OuterRef("recording"), created_at__gt=OuterRef("created_at"))
    over = ProcessingJob.objects.filter(status=ProcessingJob.Status.GIVEN_UP, recording__status__in=Recording.PLAYABLE)
    return over.filter(~Exists(later)).exclude(fault=jobs.HOLDS_LESS)


def may_be_retried(job: ProcessingJob) -> bool:
    """Say whether this is the last word about its recording, and the recording, or what came late, was given up."""
    if job.recording.status != Recording.Status.FAILED:
        return given_up_late().filter(pk=job.pk).exists()
    last = job.recording.jobs.order_by("-created_at", "-pk").values_list("pk", flat=True).first()
    return last == job.pk and job.status not in LIVE


@transaction.atomic
def try_again(job_id: UUID, *, why: Why, actor: Actor, now: datetime) -> ProcessingJob:
    """Queue a new job for the recording of one that was given up. Errors: CannotRetry, LedgerUnavailable."""
    if actor.id is None:
        raise ValueError("A recording is tried again by a person.")
    job = ProcessingJob.objects.get(pk=job_id)
    # RACE: of two administrators the second finds the job that the first has queued.
    Recording.objects.select_for_update(no_key=True).get(pk=job.recording_id)
    job = ProcessingJob.objects.select_related("recording").get(pk=job_id)
    if not may_be_retried(job):
        raise CannotRetry(_("This recording is not given up, or somebody was faster. Nothing was changed."))
    queued = jobs.enqueue(job.recording, now=now)
    line = Line(Action.RETRIED, "recording", job.recording_id, job.patient_id, why.value, {"job": str(queued.pk)})
    ledger.append(actor, line, now=now)
    return queued
