"""The leak guard by itself: whose row passes, whose does not, what is said of it. tests/mutation runs this first."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.db import DatabaseError, connection
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts.models import User
from audit import triggers
from audit.ledger import Actor, LedgerUnavailable
from audit.models import Alert, AlertKind
from consultations.models import Call, Consultation, Participant
from recordings import guard
from recordings.facts_only import FactsOnly
from recordings.guard import Leak, NotAFact, Shown
from recordings.held_back import queue
from recordings.models import AccessReport, PlaybackSuspension, Recording
from recordings.suspensions import Scope
from tests.cast import ACTORS, OWNERS, Cast, make_ended_call, make_ready_recording

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.one_cast]


def show(cast: Cast, viewer: User, *recordings: Recording) -> list[Shown]:
    return guard.show(viewer, recordings, actor=Actor(viewer.pk), now=cast.now)


def demand_leak(ask: Callable[[], object]) -> Alert:
    with pytest.raises(Leak):
        ask()
    return Alert.objects.get(kind=AlertKind.FOREIGN_ROW)


@pytest.mark.parametrize("actor", ACTORS)
def test_both_people_of_it_are_shown_it_and_for_everybody_else_it_is_a_leak(actor: str, cast: Cast) -> None:
    viewer, recording = cast.actors()[actor], cast.ada.recording
    if actor in OWNERS["ada"]:
        (shown,) = show(cast, viewer, recording)
        assert (shown.recording, shown.viewer) == (recording, viewer)
        assert not Alert.objects.exists() and not PlaybackSuspension.objects.exists()
        return
    alert = demand_leak(lambda: show(cast, viewer, recording))
    assert (alert.object_type, alert.object_id, alert.patient) == ("recording", recording.pk, cast.ada.patient.pk)
    assert alert.detail == {"recordings": [str(recording.pk)]}
    pause = PlaybackSuspension.objects.get()
    assert (pause.scope, pause.patient, pause.reason) == (Scope.PATIENT, cast.ada.patient, guard.REASON)


def test_one_foreign_row_among_ones_own_is_enough_and_is_the_one_that_is_named(cast: Cast) -> None:
    alert = demand_leak(lambda: show(cast, cast.ada.patient.user, cast.ada.recording, cast.ben.recording))
    assert alert.detail == {"recordings": [str(cast.ben.recording.pk)]}
    assert PlaybackSuspension.objects.get().patient == cast.ben.patient


def test_rows_of_two_strangers_pause_everything(cast: Cast) -> None:
    both = [cast.ada.recording, cast.ben.recording]
    alert = demand_leak(lambda: show(cast, cast.staff, *both))
    assert (alert.object_id, alert.patient) == (both[0].pk, None)
    assert alert.detail == {"recordings": [str(one.pk) for one in both]}
    assert PlaybackSuspension.objects.get().scope == Scope.EVERYTHING


def test_nothing_at_hand_is_shown_without_a_question(cast: Cast, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert show(cast, cast.staff) == []


@pytest.mark.parametrize("lie", [("consultation",), ("patient",), ("consultation", "patient")])
def test_a_row_that_lies_about_whose_it_is_passes_for_nobody(lie: tuple[str, ...], cast: Cast) -> None:
    """Nor for those whose it claims to be."""
    facts = {"consultation": cast.ada.held, "patient": cast.ada.patient}
    row = Recording.objects.get(pk=cast.ben.recording.pk)
    for name in lie:
        setattr(row, name, facts[name])
    for viewer in (cast.ada.patient.user, cast.ben.patient.user):
        with pytest.raises(Leak):
            show(cast, viewer, row)


@pytest.mark.parametrize("role", ["patient", "clinician"])
@pytest.mark.parametrize("sits", ["ada.patient", "ada.clinician", "ben.patient", "ben.clinician"])
def test_a_place_counts_for_the_account_of_its_own_profile_only(role: str, sits: str, cast: Cast) -> None:
    user = cast.actors()[sits]
    Participant.objects.filter(consultation=cast.ada.held).delete()
    Participant.objects.create(consultation=cast.ada.held, patient=cast.ada.patient, user=user, role=role)
    if sits == f"ada.{role}":
        assert len(show(cast, user, cast.ada.recording)) == 1
    else:
        demand_leak(lambda: show(cast, user, cast.ada.recording))


def test_a_place_in_another_consultation_of_the_same_two_does_not_count(cast: Cast) -> None:
    user = cast.ada.patient.user
    Participant.objects.filter(consultation=cast.ada.held, user=user).delete()
    demand_leak(lambda: show(cast, user, cast.ada.recording))


def test_only_the_guard_says_what_is_shown(cast: Cast) -> None:
    (shown,) = show(cast, cast.ada.patient.user, cast.ada.recording)
    with pytest.raises(TypeError):
        Shown(cast.ada.recording, cast.staff, object(), was_there=True)
    with pytest.raises(dataclasses.FrozenInstanceError):
        shown.recording = cast.ben.recording  # type: ignore[misc]


def test_a_call_hears_of_its_own_recording_or_of_none(cast: Cast) -> None:
    guard.check_call(cast.ada.call, None, now=cast.now)
    guard.check_call(cast.ada.call, cast.ada.recording, now=cast.now)
    assert not Alert.objects.exists()
    alert = demand_leak(lambda: guard.check_call(cast.ada.call, cast.ben.recording, now=cast.now))
    assert (alert.object_id, alert.patient) == (cast.ben.recording.pk, cast.ben.patient.pk)


def test_a_call_hears_nothing_of_another_call_of_the_same_patient(cast: Cast) -> None:
    other, _ = make_ready_recording(make_ended_call(cast.ada.planned), b"another call")
    demand_leak(lambda: guard.check_call(cast.ada.call, other, now=cast.now))


def test_a_recording_that_lies_about_its_patient_is_told_to_no_call(cast: Cast) -> None:
    row = Recording.objects.get(pk=cast.ada.recording.pk)
    row.patient = cast.ben.patient
    demand_leak(lambda: guard.check_call(cast.ada.call, row, now=cast.now))


@pytest.mark.sqlite  # PostgreSQL's foreign keys refuse it without any trigger
@pytest.mark.parametrize("lies", [Call, Consultation])
def test_a_call_or_consultation_that_came_to_another_patient_hears_nothing(lies: type[Model], cast: Cast) -> None:
    row = {Call: cast.ada.call, Consultation: cast.ada.held}[lies]
    with triggers.lifted(connection):
        lies.objects.filter(pk=row.pk).update(patient=cast.ben.patient)
        demand_leak(lambda: guard.check_call(cast.ada.call, cast.ada.recording, now=cast.now))


@pytest.mark.parametrize("fault", [DatabaseError, LedgerUnavailable])
def test_where_playback_cannot_be_paused_it_is_refused_and_told_all_the_same(
    fault: type[Exception], cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr(guard.suspensions, "suspend", fail)
    demand_leak(lambda: show(cast, cast.staff, cast.ada.recording))


def test_staff_pages_ask_for_every_fact_there_is_and_for_nothing_else(cast: Cast, rf: RequestFactory) -> None:
    """A fact that no page asks for is none: whoever adds a column to a page says here that it is one."""
    request, asked = rf.get("/admin/"), set[object]()
    request.user = cast.administrator
    for model, page in admin.site._registry.items():
        if isinstance(page, FactsOnly):
            row = AccessReport(handled_at=cast.now) if model is AccessReport else model()
            asked |= {*page.get_list_display(request), *page.get_fields(request, row)}
    Recording.objects.filter(pk=cast.ada.recording.pk).update(status="quarantined", reason="manifest")
    (held_back,) = queue(now=cast.now)
    client = Client()
    client.force_login(cast.administrator)
    hold = client.get(reverse("admin:recording_hold", args=[cast.ada.recording.pk]))
    asked |= {*held_back.facts, *hold.context["facts"]}
    assert asked == guard.FACTS
    for strange in ("patient", "timeline", "consultation"):
        with pytest.raises(NotAFact, match=strange):
            guard.only_facts(["id", strange])
