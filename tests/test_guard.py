"""The leak guard: our own code shows somebody else's recording, and nothing of it leaves the portal."""

import uuid
from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import FieldError
from django.db import DatabaseError
from django.db.models import QuerySet
from django.http import Http404
from django.template import Context, Template
from django.test import Client, RequestFactory

from accounts.models import User
from audit import alerts, ledger
from audit.models import Action, Alert, AlertKind, Entry
from consultations.models import Participant
from recordings import guard, pages, suspensions
from recordings.admin import RecordingAdmin
from recordings.jobs_admin import ProcessingJobAdmin
from recordings.models import PlaybackSuspension, Recording
from tests.cast import Cast, make_world
from tests.figures import record
from tests.leaks import DOORS, Door, confuse, forget_the_guard, how_soon, plant, told_of
from tests.replays import Viewer

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.one_cast]
EVERY_DOOR = pytest.mark.parametrize("name", DOORS)


def open_ones() -> list[PlaybackSuspension]:
    return list(PlaybackSuspension.objects.filter(closed_at=None))


def seen(answer: Any) -> tuple:
    headers = {name: value for name, value in answer.items() if name not in {"Set-Cookie", "Content-Length"}}
    headers["Vary"] = sorted(answer["Vary"].split(", "))  # an admin site names them in another order
    return answer.status_code, answer.body, headers


def nothing_there(door: Door, cast: Cast) -> Any:
    """What the same person gets for what never existed, from a portal that works."""
    nowhere = Door(lambda own, other: f"/recordings/{uuid.uuid4()}/", who=door.who)
    return nowhere.opens_for(cast.ada, cast.ben)


@EVERY_DOOR
def test_a_foreign_recording_leaves_by_no_door(cast: Cast, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    door, nothing = DOORS[name], nothing_there(DOORS[name], cast)
    plant(monkeypatch, cast, only=name)
    answer = door.opens_for(cast.ada, cast.ben)
    assert answer.status_code == 404
    assert told_of(cast.ben, answer) == told_of(cast.ada, answer) == []
    if door.path(cast.ada, cast.ben).startswith("/api"):
        assert answer.json() == {"code": "not_found", "detail": "There is nothing here."}
    else:
        assert seen(answer) == seen(nothing)
    alert = Alert.objects.get()
    assert (alert.kind, alert.object_id, alert.patient, alert.actor) == (
        AlertKind.FOREIGN_ROW,
        cast.ben.recording.pk,
        cast.ben.patient.pk,
        getattr(cast.ada, door.who).user.pk,
    )
    assert alert.detail == {"recordings": [str(cast.ben.recording.pk)]}
    (suspension,) = open_ones()
    assert (suspension.scope, suspension.patient, suspension.opened_by) == ("patient", cast.ben.patient, None)
    shown = {Action.LISTED, Action.OPENED, Action.WATCHED}
    assert not Entry.objects.filter(action__in=shown, object_type="recording", actor=alert.actor).exists(), (
        "what is not shown is not written down as shown"
    )


@EVERY_DOOR
def test_without_the_guard_every_door_would_have_told(cast: Cast, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Otherwise the test above would pass because nothing was planted."""
    plant(monkeypatch, cast, only=name)
    forget_the_guard(monkeypatch)
    # What is for the two people of a recording asks its row as well.
    monkeypatch.setattr(guard.Shown, "is_own", property(lambda shown: shown.was_there))
    answer = DOORS[name].opens_for(cast.ada, cast.ben)
    assert answer.status_code in {200, 201, 204}
    assert told_of(cast.ben, answer) or name in {"seconds", "segment"}
    assert not Alert.objects.exists() and not open_ones()


@EVERY_DOOR
def test_when_the_guard_itself_fails_nothing_is_shown(cast: Cast, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def fails(*_: object) -> None:
        raise FieldError

    plant(monkeypatch, cast, only=name)
    monkeypatch.setattr(guard, "_own", fails)
    answer = DOORS[name].opens_for(cast.ada, cast.ben)
    assert answer.status_code == 500
    assert told_of(cast.ben, answer) == told_of(cast.ada, answer) == []


@pytest.mark.parametrize("name", [name for name, door in DOORS.items() if "api" not in name and name != "segment"])
def test_who_has_a_right_passes_every_door(cast: Cast, name: str) -> None:
    answer = DOORS[name].opens_for(cast.ada, cast.ada)
    assert answer.status_code in {200, 204}
    assert not Alert.objects.exists() and not open_ones()


def test_a_panel_that_a_page_is_already_being_written_with_ends_the_whole_page(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, rf: RequestFactory
) -> None:
    request = rf.get("/")
    request.user, request.session = cast.ada.patient.user, SessionStore()
    page = Template("{% load recordings %}begun {% recording_status consultation %}")
    facts = {"request": request, "consultation": cast.ada.held}
    assert "Your replay is ready." in page.render(Context(facts))
    plant(monkeypatch, cast, only="status")
    with pytest.raises(Http404):
        page.render(Context(facts))
    assert Alert.objects.count() == len(open_ones()) == 1


def test_nothing_is_asked_about_a_row_that_somebody_tries_to_change(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be asked in a transaction, whose end would take the alert with it."""
    plant(monkeypatch, cast, only="clinic row")
    client = Viewer(cast.ada.clinician.user).client
    for verb in ("change", "delete"):
        answer = client.post(f"/clinic/recordings/recording/{cast.ben.recording.pk}/{verb}/", {"post": "yes"})
        assert answer.status_code == 403
        assert cast.ben.patient.name not in answer.content.decode()


def test_everybody_elses_pages_are_as_before(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        plant(broken, cast, only="list")
        assert Viewer(cast.ada.patient.user).client.get("/recordings/").status_code == 404
    for person in (cast.ada.patient.user, cast.ada.clinician.user):
        assert Viewer(person).client.get("/recordings/").status_code == 200
        assert Viewer(person).get(cast.ada.recording.pk).body == cast.ada.canary
    assert Viewer(cast.ben.patient.user).get(cast.ben.recording.pk).status_code == 503


def test_two_patients_in_one_answer_pause_everything(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    third = make_world("Cleo Marsh", "Tom Birch", "Una Vega", cast.now)
    with monkeypatch.context() as broken:
        confuse(broken, cast.ada.recording, cast.ben.recording, third.recording)
        assert Viewer(cast.ada.patient.user).client.get("/recordings/").status_code == 404
    (suspension,) = open_ones()
    assert (suspension.scope, suspension.patient) == ("everything", None)
    assert set(Alert.objects.get().detail["recordings"]) == {str(cast.ben.recording.pk), str(third.recording.pk)}
    for world in (cast.ada, cast.ben, third):
        assert Viewer(world.patient.user).get(world.recording.pk).status_code == 503


def test_a_leak_that_is_met_again_is_one_pause_and_counts_up_one_alert(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, cast, only="list")
    for _ in range(3):
        Viewer(cast.ada.patient.user).client.get("/recordings/")
    assert (len(open_ones()), Alert.objects.get().times) == (1, 3)
    assert Entry.objects.filter(action=Action.SUSPENDED).count() == 1


def test_without_the_ledger_the_answer_is_still_nothing(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unavailable(*_: object, **__: object) -> None:
        raise ledger.LedgerUnavailable

    monkeypatch.setattr(ledger, "append", unavailable)
    plant(monkeypatch, cast, only="list")
    answer = DOORS["list"].opens_for(cast.ada, cast.ben)
    assert (answer.status_code, told_of(cast.ben, answer)) == (404, [])
    assert "foreign_row" in caplog.text and "could not be paused" in caplog.text
    assert not open_ones()


@pytest.mark.parametrize("part", ["alert", "breaker"])
def test_what_fails_after_the_finding_does_not_stand_in_its_way(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise DatabaseError

    target = (
        (alerts.Alert.objects, "create")
        if part == "alert"
        else (suspensions.PlaybackSuspension.objects, "get_or_create")
    )
    monkeypatch.setattr(*target, fails)
    plant(monkeypatch, cast, only="list")
    answer = DOORS["list"].opens_for(cast.ada, cast.ben)
    assert (answer.status_code, told_of(cast.ben, answer)) == (404, [])
    assert (Alert.objects.count(), len(open_ones())) == ((0, 1) if part == "alert" else (1, 0))


# What counts as one's own


def may_be_shown(user: object, *recordings: Recording) -> bool:
    try:
        guard.show(user, recordings, actor=ledger.PORTAL, now=recordings[0].created_at)  # type: ignore[arg-type]
    except guard.Leak:
        return False
    return True


def test_only_those_who_sat_in_the_consultation_are_shown_its_recording(cast: Cast) -> None:
    own = {name for name, user in cast.actors().items() if may_be_shown(user, cast.ada.recording)}
    assert own == {"ada.patient", "ada.clinician"}


def test_a_guest_is_shown_nothing(cast: Cast) -> None:
    guest = User.objects.create_user("guest@cast.test", name="G")
    Participant.objects.create(consultation=cast.ada.held, patient=cast.ada.patient, user=guest, role="guest")
    assert not may_be_shown(guest, cast.ada.recording)


def test_a_place_without_the_profile_and_a_profile_without_the_place_are_not_enough(cast: Cast) -> None:
    stranger = User.objects.create_user("stranger@cast.test", name="S")
    before = cast.ada.patient.user
    type(cast.ada.patient).objects.filter(pk=cast.ada.patient.pk).update(user=stranger)
    assert not may_be_shown(before, cast.ada.recording)
    assert not may_be_shown(stranger, cast.ada.recording)


def test_an_account_closed_a_moment_ago_is_no_leak(cast: Cast) -> None:
    """The policy refuses it; a race between the two must not pause anybody's replays."""
    user = cast.ada.patient.user
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert may_be_shown(user, cast.ada.recording)


def test_a_row_that_says_something_else_than_the_database_is_foreign(cast: Cast) -> None:
    recording = Recording.objects.get(pk=cast.ada.recording.pk)
    recording.patient = cast.ben.patient
    assert not may_be_shown(cast.ada.patient.user, recording)
    assert Alert.objects.count() == 1


def test_the_guard_asks_once_however_many_rows(cast: Cast, django_assert_num_queries: Any) -> None:
    rows = list(Recording.objects.filter(pk=cast.ada.recording.pk)) * 25
    with django_assert_num_queries(1):
        assert may_be_shown(cast.ada.patient.user, *rows)
    with django_assert_num_queries(0):
        assert guard.show(cast.ada.patient.user, [], actor=ledger.PORTAL, now=cast.now) == []


def test_nobody_but_the_guard_says_what_may_be_shown(cast: Cast) -> None:
    with pytest.raises(TypeError):
        guard.Shown(cast.ben.recording, cast.ada.patient.user, object(), was_there=True)
    with pytest.raises((AttributeError, TypeError)):
        pages.row(cast.ben.recording)  # type: ignore[arg-type]


def contents(value: object, depth: int = 0) -> list[object]:
    """Everything in a template's context, as far as a template could walk into plain containers."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple) and depth < 4:
        return [inner for one in value for inner in contents(one, depth + 1)]
    return [value]


@pytest.mark.parametrize("name", ["home", "list", "player", "status", "clinic"])
def test_templates_are_handed_no_bare_recording(cast: Cast, name: str) -> None:
    world, door = cast.ada, DOORS[name]
    answer = door.opens_for(world, world)
    parts = answer.context if isinstance(answer.context, list) else [answer.context]
    handed = [one for part in parts for layer in part.dicts for one in contents(layer)]
    assert len(handed) > 10
    bare = [
        one for one in handed if isinstance(one, Recording) or (isinstance(one, QuerySet) and one.model is Recording)
    ]
    assert bare == []


# Staff


@pytest.mark.parametrize("page", [RecordingAdmin, ProcessingJobAdmin])
@pytest.mark.parametrize("strange", ["timeline", "patient", "patient__name", "consultation", "recording"])
def test_a_staff_page_that_asks_for_more_than_facts_is_not_built(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, page: Any, strange: str
) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(cast.administrator)
    name = page.__name__.removesuffix("Admin").lower()
    address = f"/admin/recordings/{name}/"
    assert client.get(address).status_code == 200
    for columns in ("list_display", "fields"):
        with monkeypatch.context() as careless:
            careless.setattr(page, columns, (*getattr(page, columns), strange))
            row = f"{cast.ada.recording.pk}/change/" if columns == "fields" and page is RecordingAdmin else ""
            if columns == "fields" and not row:
                continue
            answer = client.get(address + row)
            assert answer.status_code == 500
            assert cast.ada.patient.name not in answer.content.decode()


@pytest.mark.isolation
def test_how_soon_a_leak_is_noticed(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, cast, only="list")
    client = Viewer(cast.ada.patient.user).client
    found = [how_soon(monkeypatch, lambda: client.get("/recordings/")) for _ in range(50)]
    slowest = max(one.alert_s for one in found), max(one.breaker_s for one in found)
    record("a foreign row raises the alert, slowest of 50", f"{1000 * slowest[0]:.0f} ms", "5 s")
    record("a foreign row finds the breaker open, slowest of 50", f"{1000 * slowest[1]:.0f} ms", "10 s")
    assert all(0 < one.alert_s < one.breaker_s for one in found)
