"""Administrators give a recording that was given up another try, saying why; nobody else, and nothing else."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from audit.ledger import Actor
from audit.models import Action, Entry
from recordings import retrying
from recordings.models import ProcessingJob, Recording
from recordings.retrying import CannotRetry, Why
from tests.cast import Cast

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def job(cast: Cast) -> ProcessingJob:
    """Ada's recording, given up after five tries."""
    recording = cast.ada.recording
    Recording.objects.filter(pk=recording.pk).update(status=Recording.Status.FAILED)
    return ProcessingJob.objects.create(
        recording=recording, patient=cast.ada.patient, status="given_up", stage="finished", attempts=5,
        fault="vault_unreadable", not_before=cast.now, finished_at=cast.now, created_at=cast.now,
    )  # fmt: skip


def test_an_administrator_tries_again_with_a_reason(cast: Cast, job: ProcessingJob) -> None:
    client = signed_in(cast.administrator)
    page = reverse("admin:processingjob_again", args=[job.pk])
    assert page in client.get(reverse("admin:recordings_processingjob_change", args=[job.pk])).content.decode()
    assert "vault_unreadable" in client.get(page).content.decode()
    assert "Error:" in client.post(page, {}).content.decode()
    assert job.recording.jobs.count() == 1
    client.post(page, {"why": "outage"})
    queued = job.recording.jobs.get(status="queued")
    line = Entry.objects.get(action=Action.RETRIED)
    assert (line.actor, line.object_id, line.patient, line.reason, line.detail) == (
        cast.administrator.pk, job.recording_id, cast.ada.patient.pk, "outage", {"job": str(queued.pk)},
    )  # fmt: skip
    again = client.post(page, {"why": "outage"})
    assert "somebody was faster" in again.content.decode()
    assert job.recording.jobs.count() == 2 and Entry.objects.filter(action=Action.RETRIED).count() == 1


def test_staff_see_the_queue_and_try_nothing_again(cast: Cast, job: ProcessingJob) -> None:
    clerk = signed_in(cast.staff)
    page = reverse("admin:processingjob_again", args=[job.pk])
    text = clerk.get(reverse("admin:recordings_processingjob_change", args=[job.pk])).content.decode()
    assert "vault_unreadable" in text and page not in text
    assert clerk.post(page, {"why": "outage"}).status_code == 403
    assert job.recording.jobs.count() == 1


def test_only_what_was_given_up_is_tried_again(cast: Cast, job: ProcessingJob) -> None:
    late = [(status, "done", "") for status in Recording.PLAYABLE]
    late += [(status, "given_up", "holds_less") for status in Recording.PLAYABLE]
    others = set(Recording.Status) - {Recording.Status.FAILED, *Recording.PLAYABLE}
    for status, ended, fault in late + [(status, "given_up", "vault_unreadable") for status in others]:
        Recording.objects.filter(pk=job.recording_id).update(status=status)
        ProcessingJob.objects.filter(pk=job.pk).update(status=ended, fault=fault)
        with pytest.raises(CannotRetry):
            retrying.try_again(job.pk, why=Why.MENDED, actor=Actor(cast.administrator.pk), now=cast.now)
    assert job.recording.jobs.count() == 1 and not Entry.objects.filter(action=Action.RETRIED).exists()
