"""Steps of a patient who wants a recording deleted, and of the two people whom that takes."""

from collections.abc import Callable

from django.utils import timezone
from hypothesis.stateful import rule

from audit.ledger import Actor
from recordings import deletion
from recordings.deletion import Answer, CannotDelete
from recordings.models import DeletionRequest, ProcessingJob, Recording
from tests.walk.base import WHICH
from tests.walk.model import Id
from tests.walk.shares import Sharing

LIVE_JOBS = (ProcessingJob.Status.QUEUED, ProcessingJob.Status.RUNNING)


def decided(act: Callable[[], None]) -> bool:
    try:
        act()
    except CannotDelete:
        return False
    return True


class Deletions(Sharing):
    @rule(one=WHICH)
    def its_patient_asks_to_have_it_deleted(self, one: int) -> None:
        story = self.story(one)
        patient = story.visit.world.patient.user
        assert patient is not None
        shown = self.held(story, patient)
        if shown is None:
            return
        may = Recording.objects.get(pk=story.recording).status not in deletion.NOT_NOW
        try:
            deletion.ask(shown, actor=Actor(patient.pk), now=timezone.now())
        except CannotDelete:
            assert not may
            return
        assert may
        self.reached["deletion asked for"] += 1

    @rule(one=WHICH)
    def an_administrator_proposes_to_delete_it(self, one: int) -> None:
        request, by = self.open_request(one), self.people.administrators[0]
        if request is None:
            return
        may = not request.answer and self.may_delete(request, {by.pk})
        facts = {"why": "They asked.", "by": by, "actor": Actor(by.pk), "now": timezone.now()}
        assert decided(lambda: deletion.accept(request.pk, **facts)) == may

    @rule(one=WHICH, two=WHICH)
    def an_administrator_deletes_it(self, one: int, two: int) -> None:
        """The one who proposed it tries as well."""
        request, (first, second) = self.open_request(one), self.people.administrators
        if request is None:
            return
        by = (first, second)[two % 2]
        may = request.answer == Answer.ACCEPTED and by == second and self.may_delete(request, {first.pk, second.pk})
        facts = {"by": by, "actor": Actor(by.pk), "now": timezone.now()}
        assert decided(lambda: deletion.confirm(request.pk, **facts)) == may
        if may:
            self.model.discarded.add(request.recording_id)
            self.model.held_back.discard(request.recording_id)
            self.reached["deleted"] += 1

    def open_request(self, one: int) -> DeletionRequest | None:
        story = self.story(one)
        found = DeletionRequest.objects.filter(recording=story.recording, withdrawn_at=None, confirmed_at=None)
        return found.exclude(answer=Answer.REFUSED).select_related("recording").first()

    def may_delete(self, request: DeletionRequest, deciders: set[Id]) -> bool:
        recording = request.recording
        is_busy = recording.status in deletion.NOT_NOW or recording.jobs.filter(status__in=LIVE_JOBS).exists()
        is_kept = recording.pk in self.model.on_hold
        return not (deciders & self.model.closed_accounts or is_kept or is_busy)
