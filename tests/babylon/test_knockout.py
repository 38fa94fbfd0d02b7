"""Each barrier is knocked out in turn, and still nobody gets anything of somebody else's recording."""

from collections.abc import Iterator

import pytest
from django.db import connection

from audit import ledger, triggers
from audit.models import Alert, AlertKind
from recordings.models import PlaybackSuspension, Recording
from tests.babylon.attempts import STRANGERS, attempts_at, caught_at
from tests.babylon.barriers import BARRIERS, all_playable
from tests.babylon.run import run
from tests.cast import Cast, make_cast, make_pieces
from tests.figures import record
from tests.leaks import how_soon
from tests.replays import Viewer
from tests.visits import CANVAS, stored_files

pytestmark = [pytest.mark.database, pytest.mark.django_db]
EVERY_BARRIER = pytest.mark.parametrize("name", BARRIERS)


@pytest.fixture(autouse=True)
def small_pictures(settings) -> None:
    settings.RECORDING_CANVAS = CANVAS


@pytest.fixture(autouse=True)
def rules_are_put_back(db: None) -> Iterator[None]:
    yield
    triggers.install(connection)


def knocked_out(name: str, patch: pytest.MonkeyPatch) -> Cast:
    """Return everybody, in a portal that never had this barrier."""
    BARRIERS[name].knock_out(patch)
    return make_cast()


@EVERY_BARRIER
def test_a_barrier_stands_until_it_is_knocked_out(name: str) -> None:
    assert not BARRIERS[name].is_out(make_cast())


@EVERY_BARRIER
def test_a_knocked_out_barrier_is_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the tests below would pass because nothing was missing."""
    assert BARRIERS[name].is_out(knocked_out(name, monkeypatch))


@pytest.mark.isolation
@EVERY_BARRIER
def test_without_one_barrier_no_stranger_learns_anything(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cast = knocked_out(name, monkeypatch)
    stored = stored_files(cast.ada.recording)
    caught = caught_at(cast)
    record(f"leaks to {len(STRANGERS)} strangers without the barrier “{name}”", len(caught), "0")
    assert caught == []
    assert stored_files(cast.ada.recording) == stored
    assert ledger.first_fault() is None


@pytest.mark.isolation
@pytest.mark.parametrize(("patients", "switches"), [(2, 2), pytest.param(5, 20, marks=pytest.mark.long)])
@EVERY_BARRIER
def test_without_one_barrier_people_who_switch_are_shown_their_own(
    name: str, patients: int, switches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    BARRIERS[name].knock_out(monkeypatch)
    outcome = run(patients, switches, seed=1, crowded=False)
    right = [call for call in outcome.calls if outcome.is_right(call)]
    foreign = outcome.lists.foreign()
    switched = sum(call.switched for call in right)
    whose = f"switches of {patients} patients that are right without the barrier “{name}”"
    record(whose, f"{switched} of {outcome.switches}", "all")
    record(f"foreign rows in {len(outcome.lists.looks)} lists without it", len(foreign), "0")
    assert right == outcome.calls and outcome.switches == patients * switches
    assert foreign == []
    assert all(call.refused == call.tried > 0 for call in outcome.calls)
    if name != "list":
        assert outcome.lists.own_rows()
    else:
        assert {look.status for look in outcome.lists.looks if look.path == "/recordings/"} == {404}


def test_without_two_barriers_strangers_do_learn_something(monkeypatch: pytest.MonkeyPatch) -> None:
    """The attempts above are such as would succeed."""
    cast = knocked_out("list", monkeypatch)
    BARRIERS["guard"].knock_out(monkeypatch)
    caught = {(one.who, one.attempt.path) for one in caught_at(cast)}
    assert {("ben.patient", "/recordings/"), ("staff", "/recordings/"), ("ben.patient", "/")} <= caught


def test_without_two_barriers_lists_do_hold_foreign_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("list", "guard"):
        BARRIERS[name].knock_out(monkeypatch)
    foreign = run(2, 1, seed=1, crowded=False).lists.foreign()
    assert {"/", "/recordings/"} <= {look.path for look, _ in foreign}


def test_without_both_keys_and_the_guard_every_address_of_a_replay_would_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cast = knocked_out("grant", monkeypatch)
    for name in ("basis", "guard"):
        BARRIERS[name].knock_out(monkeypatch)
    monkeypatch.setattr("recordings.policy.playable_by", all_playable)
    told = {(one.attempt.path, mark) for one in caught_at(cast) if one.who == "ben.patient" for mark in one.told}
    page = f"/recordings/{cast.ada.recording.pk}/"
    # The row still says that he was not there: he is told what a guest of the replay is.
    expected = {(page, cast.ada.patient.name), (f"{page}media/", cast.ada.canary.decode())}
    assert expected | {(f"{page}watched/", "answered 204")} <= told


@pytest.mark.isolation
def test_a_list_that_forgets_who_asks_is_noticed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cast = knocked_out("list", monkeypatch)
    client = Viewer(cast.ada.patient.user).client
    found = [how_soon(monkeypatch, lambda: client.get("/recordings/")) for _ in range(50)]
    soon = [one for one in found if one.alert_s <= 5 and one.breaker_s <= 10]
    record("lists that forget who asks: alert within 5 s, breaker within 10 s", f"{len(soon)} of {len(found)}", "all")
    assert Alert.objects.get(kind=AlertKind.FOREIGN_ROW).times == len(found)
    assert PlaybackSuspension.objects.filter(closed_at=None).count() == 1


@pytest.mark.sqlite  # PostgreSQL's foreign keys refuse it without any trigger
def test_a_recording_whose_owner_was_changed_is_shown_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    cast = knocked_out("passport", monkeypatch)
    segment = make_pieces(cast.ada).segment
    Recording.objects.filter(pk=cast.ada.recording.pk).update(patient=cast.ben.patient)
    for who in ("ben.patient", "ben.clinician", "ada.patient", "ada.clinician"):
        for attempt in attempts_at(cast.ada, segment, ""):
            answer = attempt.by(cast.actors()[who])
            assert cast.ada.canary not in answer.body
            # The consultation is still Ada's, and so is her clinician's lease; the recording is nobody's any more.
            if attempt.path.endswith("/status/"):
                assert str(cast.ada.recording.pk).encode() not in answer.body
            elif not attempt.is_list and not attempt.path.startswith("/api"):
                assert answer.status_code in (302, 404, 503), (who, attempt, answer.status_code)
