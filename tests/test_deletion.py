"""A patient asks that a recording be deleted: one administrator refuses, two delete, and the patient reads why."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from audit import ledger
from audit.ledger import Actor
from audit.models import Action, Entry
from recordings import deletion, playback, signals, tasks
from recordings.deletion import CannotDelete
from recordings.models import DeletionRequest, ProcessingJob, Recording
from tests.cast import Cast, World
from tests.quarantined import another_administrator
from tests.replays import Viewer
from tests.visits import stored_files

pytestmark = [pytest.mark.database, pytest.mark.django_db]
WHY = "Our insurer needs it until then."


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def keeping(world: World) -> str:
    return reverse("recordings:keeping", args=[world.recording.pk])


def ask(world: World, act: str = "ask") -> Any:
    return signed_in(world.patient.user).post(keeping(world), {"act": act})


def asked(world: World) -> DeletionRequest:
    ask(world)
    return DeletionRequest.objects.get(recording=world.recording)


def who(person: User) -> dict[str, Any]:
    return {"by": person, "actor": Actor(person.pk), "now": timezone.now()}


@pytest.fixture
def second() -> User:
    return another_administrator()


def reads(user: User, page: str) -> str:
    return signed_in(user).get(page).content.decode()


def test_the_patient_asks_once_and_takes_it_back_while_it_is_open(cast: Cast) -> None:
    for _ in range(2):
        ask(cast.ada)
    request = DeletionRequest.objects.get()
    assert (request.recording, request.asked_by) == (cast.ada.recording, cast.ada.patient.user)
    assert "Take the request back" in reads(cast.ada.patient.user, keeping(cast.ada))
    assert "Waits for the clinic" in reads(cast.ada.patient.user, "/recordings/")
    ask(cast.ada, "withdraw")
    request.refresh_from_db()
    assert request.withdrawn_at and "Ask to delete it" in reads(cast.ada.patient.user, keeping(cast.ada))
    ask(cast.ada)
    assert DeletionRequest.objects.filter(withdrawn_at=None).count() == 1
    told = Entry.objects.filter(action=Action.ASKED).order_by("seq").values_list("reason", flat=True)
    assert list(told) == ["delete", "keep", "delete"]


def test_nobody_else_asks_and_nobody_else_reads_it(cast: Cast) -> None:
    clinician = signed_in(cast.ada.clinician.user)
    assert clinician.post(keeping(cast.ada), {"act": "ask"}).status_code == 404
    for person in (cast.ada.colleague, cast.ben.patient, cast.ben.clinician):
        assert signed_in(person.user).get(keeping(cast.ada)).status_code == 404
        assert signed_in(person.user).post(keeping(cast.ada), {"act": "ask"}).status_code == 404
    assert not DeletionRequest.objects.exists()
    ask(cast.ada)
    assert clinician.post(keeping(cast.ada), {"act": "withdraw"}).status_code == 404
    assert "Asked on" in clinician.get(keeping(cast.ada)).content.decode()
    assert "What you asked to delete" not in reads(cast.ben.patient.user, "/recordings/")


def test_one_administrator_refuses_until_a_day_and_the_patient_reads_why(
    cast: Cast, django_capture_on_commit_callbacks: Any
) -> None:
    heard: list[str] = []

    def listen(request: DeletionRequest, **_: object) -> None:
        heard.append(request.answer)

    signals.deletion_answered.connect(listen)
    request, until = asked(cast.ada), timezone.localdate() + timedelta(days=90)
    with django_capture_on_commit_callbacks(execute=True):
        deletion.refuse(request.pk, why=WHY, kept_until=until, **who(cast.administrator))
    signals.deletion_answered.disconnect(listen)
    assert heard == ["refused"]
    for page in (keeping(cast.ada), f"/recordings/{cast.ada.recording.pk}/"):
        assert WHY in reads(cast.ada.patient.user, page)
    assert Viewer(cast.ada.patient.user).get(cast.ada.recording.pk).body == cast.ada.canary
    assert (
        "has been answered"
        in signed_in(cast.ada.patient.user).post(keeping(cast.ada), {"act": "withdraw"}, follow=True).content.decode()
    )
    with pytest.raises(DatabaseError), transaction.atomic():
        DeletionRequest.objects.filter(pk=request.pk).update(why="Other words")
    ask(cast.ada)
    assert DeletionRequest.objects.filter(answer="").count() == 1


def test_two_people_delete_it_for_good_and_nothing_of_it_stays(cast: Cast, second: User) -> None:
    request, recording = asked(cast.ada), cast.ada.recording
    files = stored_files(recording)
    deletion.accept(request.pk, why="As you wish.", **who(cast.administrator))
    assert Viewer(cast.ada.patient.user).get(recording.pk).status_code == 200, "nothing happens by one person"
    with pytest.raises(CannotDelete, match="Another person"):
        deletion.confirm(request.pk, **who(cast.administrator))
    deletion.confirm(request.pk, **who(second))
    for user in (cast.ada.patient.user, cast.ada.clinician.user):
        assert Viewer(user).get(recording.pk).status_code == 404
    tasks.empty_discarded(str(request.pk))
    assert files and stored_files(recording) == set() and stored_files(cast.ben.recording)
    request.refresh_from_db()
    assert request.emptied_at
    page = reads(cast.ada.patient.user, keeping(cast.ada))
    assert "It is deleted" in page and "As you wish." in page and "Ask " not in page
    assert "Deleted" in reads(cast.ada.patient.user, "/recordings/")
    line = Entry.objects.get(action=Action.DISCARDED)
    assert (line.actor, line.reason, line.detail["proposed_by"]) == (
        second.pk,
        "patient_asked",
        str(cast.administrator.pk),
    )
    assert ledger.first_fault() is None
    assert Viewer(cast.ben.patient.user).get(cast.ben.recording.pk).body == cast.ben.canary


def test_a_proposal_is_taken_back_and_the_patient_may_still_keep_it(cast: Cast, second: User) -> None:
    request = asked(cast.ada)
    deletion.accept(request.pk, why="As you wish.", **who(cast.administrator))
    assert "As you wish." not in reads(cast.ada.patient.user, keeping(cast.ada)), "it is no answer yet"
    deletion.take_back(request.pk, **who(second))
    deletion.accept(request.pk, why="As you wish.", **who(second))
    ask(cast.ada, "withdraw")
    with pytest.raises(CannotDelete):
        deletion.confirm(request.pk, **who(cast.administrator))
    assert Recording.objects.get(pk=cast.ada.recording.pk).status == "ready"


def test_what_must_be_kept_or_is_worked_on_is_not_deleted(cast: Cast, second: User) -> None:
    request, recording = asked(cast.ada), cast.ada.recording
    Recording.objects.filter(pk=recording.pk).update(legal_hold=True)
    with pytest.raises(CannotDelete, match="legal hold"):
        deletion.accept(request.pk, why="Yes", **who(cast.administrator))
    Recording.objects.filter(pk=recording.pk).update(legal_hold=False)
    deletion.accept(request.pk, why="Yes", **who(cast.administrator))
    job = ProcessingJob.objects.create(recording=recording, patient=recording.patient, not_before=timezone.now())
    with pytest.raises(CannotDelete, match="being prepared"):
        deletion.confirm(request.pk, **who(second))
    ProcessingJob.objects.filter(pk=job.pk).update(status="done")
    Recording.objects.filter(pk=recording.pk).update(legal_hold=True)
    with pytest.raises(CannotDelete, match="legal hold"):
        deletion.confirm(request.pk, **who(second))
    assert Recording.objects.get(pk=recording.pk).status == "ready"


@pytest.mark.parametrize("why", ["no right", "was there", "switched off"])
def test_who_may_not_decide_decides_nothing(why: str, cast: Cast, second: User) -> None:
    request = asked(cast.ada)
    deletion.accept(request.pk, why="Yes", **who(cast.administrator))
    if why == "no right":
        cast.staff.groups.add(Group.objects.get(name="Staff"))
        second = cast.staff
    elif why == "was there":
        second = cast.ada.clinician.user
        User.objects.filter(pk=second.pk).update(is_staff=True)
        second.groups.add(Group.objects.get(name="Administrators"))
    else:
        User.objects.filter(pk=cast.administrator.pk).update(is_active=False)
    with pytest.raises(CannotDelete):
        deletion.confirm(request.pk, **who(second))
    assert Recording.objects.get(pk=cast.ada.recording.pk).status == "ready"


def test_the_staff_page_is_a_queue_of_facts_and_administrators_answer_on_it(cast: Cast, second: User) -> None:
    request = asked(cast.ada)
    queue = reverse("admin:recordings_deletionrequest_changelist")
    answer = reverse("admin:answer_deletion", args=[request.pk])
    cast.staff.groups.add(Group.objects.get(name="Staff"))
    assert "waits for an answer" in reads(cast.staff, queue)
    assert signed_in(cast.staff).post(answer, {"act": "answer", "what": "accepted", "why": "x"}).status_code == 302
    administrator = signed_in(cast.administrator)
    for page in (queue, answer, reverse("admin:recordings_deletionrequest_change", args=[request.pk])):
        words = administrator.get(page).content.decode()
        assert cast.ada.patient.name not in words and "First visit" not in words and "/media/" not in words
    incomplete = administrator.post(answer, {"act": "answer", "what": "refused", "why": WHY})
    assert "Say until which day" in incomplete.content.decode() and not DeletionRequest.objects.get().answer
    administrator.post(answer, {"act": "answer", "what": "accepted", "why": "Yes"})
    administrator.post(answer, {"act": "confirm"})
    assert not DeletionRequest.objects.get().confirmed_at
    signed_in(second).post(answer, {"act": "confirm"})
    assert DeletionRequest.objects.get().confirmed_by == second
    assert Recording.objects.get(pk=cast.ada.recording.pk).status == "erased"


def test_every_page_of_a_replay_says_how_long_it_is_kept_from_one_setting(cast: Cast, settings: Any) -> None:
    settings.RECORDING_RETENTION_DAYS = 77
    Recording.objects.filter(pk=cast.ada.recording.pk).update(retain_until="2031-05-04T12:00:00+00:00")
    for user in (cast.ada.patient.user, cast.ada.clinician.user):
        for page in (keeping(cast.ada), "/recordings/"):
            assert "at least 77 days" in reads(user, page)
        assert "Kept at least until 4 May 2031" in reads(user, f"/recordings/{cast.ada.recording.pk}/")
    assert playback.held_among(cast.ben.patient.user, [cast.ada.recording.pk], actor=Actor(), now=cast.now) == []
