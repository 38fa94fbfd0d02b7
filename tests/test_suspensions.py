"""The breaker: what is paused is listed and not played, at once and everywhere, until a person lets it go on."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client

from accounts.models import User
from audit import ledger, refusals
from audit.ledger import PORTAL, Actor
from audit.models import Action, Alert, Entry
from recordings import media_view, policy, suspensions
from recordings.models import PlaybackSession, PlaybackSuspension, Recording
from recordings.suspensions import Scope
from tests.cast import ACTORS, OWNERS, Cast
from tests.crowd import at_once
from tests.replays import MIB, Stream, Viewer, body_of, lines_of, noise, put_replay, status_at

pytestmark = [pytest.mark.database, pytest.mark.django_db]
CALM = "This replay is paused while we check something. Nothing is lost."
SCOPES: dict[str, Callable[[Recording], uuid.UUID | None]] = {
    "recording": lambda recording: recording.pk,
    "patient": lambda recording: recording.patient_id,
    "clinician": lambda recording: recording.clinician_id,
    "everything": lambda recording: None,
}
EVERY_SCOPE = pytest.mark.parametrize("scope", SCOPES)


def pause(recording: Recording, scope: str = "recording", actor: Actor = PORTAL) -> PlaybackSuspension:
    now = recording.created_at
    return suspensions.suspend(Scope(scope), SCOPES[scope](recording), reason="A check.", actor=actor, now=now)


def go_on(suspension: PlaybackSuspension, by: User) -> None:
    suspensions.resume(suspension, note="All is well.", actor=Actor(by.pk), now=suspension.opened_at)


def opens(viewer: Viewer, recording: Recording) -> tuple[int, int, int]:
    """Ask for the page, the media, and to count a second."""
    page = viewer.client.get(f"/recordings/{recording.pk}/")
    report = viewer.client.post(f"/recordings/{recording.pk}/watched/", {"seconds": 1}, content_type="application/json")
    return page.status_code, viewer.get(recording.pk).status_code, report.status_code


@EVERY_SCOPE
def test_what_is_paused_is_listed_with_calm_words_and_does_not_open(cast: Cast, scope: str) -> None:
    recording, viewer = cast.ada.recording, Viewer(cast.ada.patient.user)
    suspension = pause(recording, scope)
    listed = viewer.client.get("/recordings/").content.decode()
    assert str(recording.pk) in listed and "Paused for a check" in listed
    assert opens(viewer, recording) == (503, 503, 503)
    for path in ("", "media/"):
        answer = viewer.client.get(f"/recordings/{recording.pk}/{path}")
        answer.body = body_of(answer)
        assert CALM in answer.body.decode()
        assert answer["Retry-After"] == "60" and answer["Cache-Control"] == "private, no-store"
        assert cast.ada.canary not in answer.body and cast.ada.clinician.display_name not in answer.body.decode()
    status = status_at(cast.ada.patient.user, cast.ada.held)
    assert (status["state"], status["replay_url"], status["waiting"]) == ("paused", "", False)
    clinic = Viewer(cast.ada.clinician.user).client.get("/clinic/recordings/recording/").content.decode()
    assert "Paused while we check something" in clinic and f'/recordings/{recording.pk}/"' not in clinic
    assert not PlaybackSession.objects.exists() and not lines_of(recording, Action.OPENED)
    assert len(lines_of(recording, Action.PAUSED)) == 1 and not lines_of(recording, Action.REFUSED)
    go_on(suspension, cast.administrator)
    assert "Paused" not in viewer.client.get("/recordings/").content.decode()
    assert opens(viewer, recording) == (200, 200, 204)
    assert viewer.get(recording.pk).body == cast.ada.canary


def test_trying_again_and_again_while_it_is_paused_is_nobodys_fault(cast: Cast) -> None:
    suspension, viewer = pause(cast.ada.recording), Viewer(cast.ada.patient.user)
    answers = {opens(viewer, cast.ada.recording) for _ in range(refusals.MOST)}
    assert answers == {(503, 503, 503)} and not Alert.objects.exists()
    assert len(lines_of(cast.ada.recording, Action.PAUSED)) == 1, "a line a minute, not one a try"
    go_on(suspension, cast.administrator)
    assert opens(viewer, cast.ada.recording) == (200, 200, 204)


@EVERY_SCOPE
def test_a_pause_reaches_its_scope_and_no_further(cast: Cast, scope: str) -> None:
    pause(cast.ada.recording, scope)
    neighbour = Viewer(cast.ben.patient.user)
    expected = (503, 503, 503) if scope == "everything" else (200, 200, 204)
    assert opens(neighbour, cast.ben.recording) == expected
    assert ("Paused" in neighbour.client.get("/recordings/").content.decode()) == (scope == "everything")


@pytest.mark.parametrize("name", [name for name in ACTORS if name not in {"inactive", "nobody"}])
def test_only_who_may_otherwise_play_it_learns_of_the_pause(cast: Cast, name: str) -> None:
    pause(cast.ada.recording)
    viewer = Viewer(cast.actors()[name])
    answers = opens(viewer, cast.ada.recording)
    assert answers == ((503, 503, 503) if name in OWNERS["ada"] else (404, 404, 404))
    if name not in OWNERS["ada"]:
        foreign, unknown = (viewer.client.get(f"/recordings/{pk}/") for pk in (cast.ada.recording.pk, uuid.uuid4()))
        assert foreign.content == unknown.content


def test_whose_rights_are_gone_gets_nothing_rather_than_a_pause(cast: Cast) -> None:
    pause(cast.ada.recording)
    policy.withdraw_playback(cast.ada.recording, cast.ada.patient.user)
    assert opens(Viewer(cast.ada.patient.user), cast.ada.recording) == (404, 404, 404)


def test_the_same_pause_twice_is_one(cast: Cast) -> None:
    one, again = pause(cast.ada.recording), pause(cast.ada.recording)
    assert one == again and PlaybackSuspension.objects.count() == 1
    other = pause(cast.ada.recording, "everything")
    go_on(one, cast.administrator)
    assert opens(Viewer(cast.ada.patient.user), cast.ada.recording)[0] == 503, "the wider one still holds"
    go_on(other, cast.administrator)
    anew = pause(cast.ada.recording)
    assert anew != one and PlaybackSuspension.objects.filter(closed_at=None).count() == 1


def test_opening_and_closing_stand_in_the_ledger_by_id_alone(cast: Cast) -> None:
    suspension = pause(cast.ada.recording, actor=Actor(cast.administrator.pk))
    pause(cast.ada.recording)
    for _ in range(2):
        go_on(suspension, cast.administrator)
    opened, closed = Entry.objects.filter(object_id=suspension.pk).order_by("seq")
    assert (opened.action, closed.action) == (Action.SUSPENDED, Action.RESUMED)
    for line in (opened, closed):
        assert (line.actor, line.patient, line.reason) == (cast.administrator.pk, cast.ada.patient.pk, "recording")
        assert line.detail == {"of": str(cast.ada.recording.pk)}
    suspension.refresh_from_db()
    assert (suspension.opened_by, suspension.closed_by) == (cast.administrator, cast.administrator)


def test_without_the_ledger_nothing_is_paused_or_let_go_on(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    suspension = pause(cast.ada.recording)

    def unavailable(*_: object, **__: object) -> None:
        raise ledger.LedgerUnavailable

    monkeypatch.setattr(ledger, "append", unavailable)
    with pytest.raises(ledger.LedgerUnavailable):
        pause(cast.ben.recording)
    with pytest.raises(ledger.LedgerUnavailable):
        go_on(suspension, cast.administrator)
    assert [one.pk for one in PlaybackSuspension.objects.filter(closed_at=None)] == [suspension.pk]


def test_a_pause_has_a_reason_and_is_ended_by_a_person_with_a_note(cast: Cast) -> None:
    with pytest.raises(ValueError, match="says why"):
        suspensions.suspend(Scope.EVERYTHING, reason=" ", actor=PORTAL, now=cast.now)
    suspension = pause(cast.ada.recording)
    for actor, note in ((PORTAL, "All is well."), (Actor(cast.administrator.pk), " ")):
        with pytest.raises(ValueError, match="by a person"):
            suspensions.resume(suspension, note=note, actor=actor, now=cast.now)
    assert PlaybackSuspension.objects.filter(closed_at=None).count() == 1


@pytest.mark.parametrize("column", ["scope", "recording", "patient", "reason", "opened_at", "opened_by"])
def test_a_standing_pause_stays_what_it_is_and_is_never_deleted(cast: Cast, column: str) -> None:
    suspension = pause(cast.ada.recording)
    changed: dict[str, Any] = {"scope": "everything", "recording": cast.ben.recording, "patient": cast.ada.patient}
    changed |= {"reason": "Another.", "opened_at": cast.now, "opened_by": cast.administrator}
    row = PlaybackSuspension.objects.filter(pk=suspension.pk)
    with pytest.raises(DatabaseError, match="passport"), transaction.atomic():
        row.update(**{column: changed[column]})
    with pytest.raises(DatabaseError, match="never deleted"), transaction.atomic():
        row.delete()
    if connection.vendor == "postgresql":
        with pytest.raises(DatabaseError, match="never deleted"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what waits for the commit forbids it, too
            cursor.execute("TRUNCATE recordings_playbacksuspension")
    assert row.exists()


def test_a_pause_of_nothing_is_refused(cast: Cast) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        suspensions.suspend(Scope.PATIENT, None, reason="A check.", actor=PORTAL, now=cast.now)


def test_a_list_asks_no_more_questions_for_it(cast: Cast, django_assert_num_queries: Any) -> None:
    pause(cast.ada.recording)
    with django_assert_num_queries(1):
        assert [one.is_paused for one in policy.playable_by(cast.ada.patient.user)] == [True]
    with django_assert_num_queries(4):
        assert policy.decide(cast.ada.patient.user, cast.ada.recording.pk).is_paused


# By hand, in the staff site

PAGE = "/admin/recordings/playbacksuspension/"


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_an_administrator_pauses_everything_and_lets_it_go_on(cast: Cast) -> None:
    chief = browser(cast.administrator)
    assert "Pause all replays" in chief.get(PAGE).content.decode()
    form = chief.get(f"{PAGE}add/?scope=everything").content.decode()
    assert '<option value="everything" selected>' in form
    assert chief.post(f"{PAGE}add/", {"scope": "everything", "reason": ""}).status_code == 200
    assert not PlaybackSuspension.objects.exists()
    assert chief.post(f"{PAGE}add/", {"scope": "everything", "reason": "Something looks wrong."}).status_code == 302
    suspension = PlaybackSuspension.objects.get()
    assert (suspension.opened_by, suspension.reason) == (cast.administrator, "Something looks wrong.")
    assert opens(Viewer(cast.ben.clinician.user), cast.ben.recording)[:2] == (503, 503)
    row = f"{PAGE}{suspension.pk}/change/"
    assert chief.post(row, {"note": ""}).status_code == 200
    assert opens(Viewer(cast.ben.clinician.user), cast.ben.recording)[0] == 503
    assert chief.post(row, {"note": "It was the clock.", "scope": "recording"}).status_code == 302
    suspension.refresh_from_db()
    assert (suspension.scope, suspension.closed_by, suspension.note) == (
        "everything",
        cast.administrator,
        "It was the clock.",
    )
    assert opens(Viewer(cast.ben.clinician.user), cast.ben.recording)[0] == 200
    assert chief.post(row, {"note": "Again."}).status_code == 403
    assert chief.post(f"{PAGE}{suspension.pk}/delete/", {"post": "yes"}).status_code == 403


@EVERY_SCOPE
def test_the_form_takes_exactly_what_is_paused(cast: Cast, scope: str) -> None:
    chief, wanted = browser(cast.administrator), SCOPES[scope](cast.ada.recording)
    other = "clinician" if scope == "patient" else "patient"
    wrong = {"scope": scope, "reason": "A check.", other: str(SCOPES[other](cast.ben.recording))}
    refusal = chief.post(f"{PAGE}add/", wrong)
    assert refusal.status_code == 200 and "Choose exactly what is paused" in refusal.content.decode()
    right = {"scope": scope, "reason": "A check."} | ({scope: str(wanted)} if wanted else {})
    assert chief.post(f"{PAGE}add/", right).status_code == 302
    assert chief.post(f"{PAGE}add/", right).status_code == 302
    assert PlaybackSuspension.objects.count() == Entry.objects.filter(action=Action.SUSPENDED).count() == 1


def test_staff_see_pauses_and_change_none(cast: Cast) -> None:
    suspension, clerk = pause(cast.ada.recording), browser(cast.staff)
    page = clerk.get(PAGE).content.decode()
    assert "A check." in page and "Pause all replays" not in page
    assert clerk.get(f"{PAGE}{suspension.pk}/change/").status_code == 200
    assert clerk.get(f"{PAGE}add/").status_code == 403
    assert clerk.post(f"{PAGE}{suspension.pk}/change/", {"note": "Done."}).status_code == 403
    assert browser(cast.ada.clinician.user).get(PAGE).status_code in {302, 404}
    assert PlaybackSuspension.objects.filter(closed_at=None).exists()


# Everywhere and at once


@pytest.mark.django_db(transaction=True)
def test_every_other_connection_obeys_with_its_next_question(cast: Cast) -> None:
    viewer, recording = Viewer(cast.ada.patient.user), cast.ada.recording

    def ask(_: int) -> tuple[int, int]:
        return viewer.client.get(f"/recordings/{recording.pk}/").status_code, viewer.get(recording.pk).status_code

    assert at_once(1, ask) == [(200, 200)]
    (suspension,) = at_once(1, lambda _: pause(recording, "everything"))
    assert at_once(1, ask) == [(503, 503)] and ask(0) == (503, 503)
    at_once(1, lambda _: go_on(suspension, cast.administrator))
    assert at_once(1, ask) == [(200, 200)] and ask(0) == (200, 200)


@pytest.mark.django_db(transaction=True)
def test_those_who_pause_at_the_same_moment_make_one_pause(cast: Cast) -> None:
    made = at_once(6, lambda _: pause(cast.ada.recording, "patient"))
    assert len({one.pk for one in made}) == 1
    assert Entry.objects.filter(action=Action.SUSPENDED).count() == 1


@EVERY_SCOPE
@pytest.mark.django_db(transaction=True)
def test_a_running_replay_ends_within_two_mebibytes(cast: Cast, scope: str) -> None:
    put_replay(cast.ada.recording, noise(8 * MIB))
    stream = Stream.of(cast.ada.patient.user, cast.ada.recording)
    assert asyncio.run(stream.watch(lambda: pause(cast.ada.recording, scope))) <= 2 * MIB
    assert Viewer(cast.ada.patient.user).get(cast.ada.recording.pk).status_code == 503, "and another does not begin"


@pytest.mark.django_db(transaction=True)
def test_a_slow_reader_is_cut_by_the_clock_long_before_that(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    put_replay(cast.ada.recording, noise(8 * MIB))
    monkeypatch.setattr(media_view, "RECHECK_EVERY_S", 0.0)
    stream = Stream.of(cast.ada.patient.user, cast.ada.recording)
    assert asyncio.run(stream.watch(lambda: pause(cast.ada.recording))) <= MIB // 2
