"""Whoever tries one address after the other is told to wait; a stale link is none, and one's own stays open."""

import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit import refusals
from audit.ledger import Actor, Line
from audit.models import Action, Alert, Entry
from audit.refusals import MOST, WITHIN, TooManyRefusals
from tests.cast import Cast
from tests.ledgers import EARLY, ledger_down
from tests.lines import session_of
from tests.visits import Recorder, Visit

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.usefixtures("ledger_places")]


def try_often(actor: Actor, times: int, *, now=EARLY) -> int:
    """Return how often it was only written down."""
    written = 0
    for _ in range(times):
        try:
            refusals.note(actor, Line(Action.REFUSED, "recording", uuid.uuid4()), now=now)
            written += 1
        except TooManyRefusals:
            pass
    return written


def test_twenty_a_minute_are_written_and_no_more() -> None:
    ben, ada = Actor(uuid.uuid4()), Actor(uuid.uuid4())
    assert try_often(ben, 50) == MOST == 20
    assert Entry.objects.filter(actor=ben.id, action=Action.REFUSED).count() == MOST
    assert try_often(ada, 1) == 1
    assert try_often(ben, 1, now=EARLY + WITHIN - timedelta(seconds=1)) == 0
    assert try_often(ben, 50, now=EARLY + WITHIN) == MOST


def test_how_long_to_wait_is_said() -> None:
    ben = Actor(uuid.uuid4())
    try_often(ben, MOST)
    with pytest.raises(TooManyRefusals) as refused:
        refusals.demand_patience(ben, now=EARLY + timedelta(seconds=20))
    assert refused.value.retry_after_s == 40


def test_it_is_one_alert_that_is_told_again_at_most_once_a_minute() -> None:
    ben = Actor(uuid.uuid4())
    for second in range(0, 120, 2):
        try_often(ben, 3, now=EARLY + timedelta(seconds=second))
    alert = Alert.objects.get()
    assert (alert.kind, alert.actor, alert.times) == ("guessing", ben.id, 2)


@pytest.mark.django_db(transaction=True)
def test_several_processes_together_count_as_one() -> None:
    ben, start, written = Actor(uuid.uuid4()), threading.Barrier(4), []

    def work() -> None:
        start.wait(30)
        written.append(try_often(ben, 10))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(written) == MOST == Entry.objects.filter(actor=ben.id, action=Action.REFUSED).count()


DOORS = {
    "a recording": "recordings:detail",
    "its bytes": "recordings:media",
    "a consultation": "consultations:detail",
    "a call": "consultations:call",
    "the state of a recording": "recordings:status",
}


@pytest.mark.parametrize("door", DOORS)
def test_trying_unknown_and_foreign_ids_ends_alike(door: str, cast: Cast) -> None:
    client = session_of(cast.ben.patient.user)
    foreign = cast.ada.recording.pk if "recordings" in DOORS[door] and door != "the state of a recording" else None
    foreign = foreign or cast.ada.held.pk
    answers = [client.get(reverse(DOORS[door], args=[uuid.uuid4()])) for _ in range(MOST)]
    assert {answer.status_code for answer in answers} == {404}
    refused = [client.get(reverse(DOORS[door], args=[pk])) for pk in (uuid.uuid4(), foreign)]
    assert [answer.status_code for answer in refused] == [429, 429]
    assert refused[0].content == refused[1].content
    assert all(0 < int(answer["Retry-After"]) <= 60 for answer in refused)
    assert Entry.objects.filter(actor=cast.ben.patient.user_id, action=Action.REFUSED).count() == MOST
    assert Alert.objects.get().kind == "guessing"


def test_ones_own_stays_open_and_the_neighbour_notices_nothing(cast: Cast) -> None:
    ben, ada = session_of(cast.ben.patient.user), session_of(cast.ada.patient.user)
    for _ in range(MOST + 5):
        ben.get(reverse("recordings:detail", args=[uuid.uuid4()]))
    assert ben.get(reverse("recordings:detail", args=[cast.ben.recording.pk])).status_code == 200
    assert ben.get(reverse("consultations:detail", args=[cast.ben.held.pk])).status_code == 200
    assert ada.get(reverse("recordings:detail", args=[uuid.uuid4()])).status_code == 404


def test_one_stale_link_is_one_line_and_no_alert(cast: Cast) -> None:
    answer = session_of(cast.ada.patient.user).get(reverse("consultations:detail", args=[uuid.uuid4()]))
    assert answer.status_code == 404
    line = Entry.objects.get()
    assert (line.action, line.object_type, line.actor) == (Action.REFUSED, "consultation", cast.ada.patient.user_id)
    assert not Alert.objects.exists()


def test_visitors_are_sent_to_sign_in_and_write_nothing(client: Client) -> None:
    for _ in range(MOST + 5):
        assert client.get(reverse("recordings:detail", args=[uuid.uuid4()])).status_code == 302
    assert not Entry.objects.exists()


def test_capture_takes_no_guesses_either(cast: Cast) -> None:
    visit = Visit(cast.ada, at=timezone.now() - timedelta(minutes=1), consultation=cast.ada.planned).begin()
    ben = Recorder(visit, cast.ben.clinician.user)
    assert {ben.open(lease=uuid.uuid4()).status_code for _ in range(MOST)} == {404}
    foreign, unknown = ben.open(lease=visit.lease.pk), ben.open(lease=uuid.uuid4())
    assert foreign.status_code == unknown.status_code == 429
    assert foreign.content == unknown.content and foreign.json()["code"] == "too_many"
    assert int(foreign["Retry-After"]) > 2
    assert Recorder(visit).open().status_code == 201


def test_a_misused_token_writes_no_more_than_that(cast: Cast) -> None:
    visit = Visit(cast.ada, at=timezone.now() - timedelta(minutes=1), consultation=cast.ada.planned).begin()
    token, client = visit.open().upload_token, Client()
    answers = [
        client.get(f"/api/v1/segments/{uuid.uuid4()}/", headers={"Authorization": f"Bearer {token}"})
        for _ in range(MOST + 5)
    ]
    assert [answer.status_code for answer in answers] == [403] * MOST + [429] * 5
    assert Entry.objects.filter(action=Action.MISUSED).count() == MOST


def test_without_the_ledger_live_doors_refuse_just_the_same(cast: Cast) -> None:
    visit = Visit(cast.ada, at=timezone.now() - timedelta(minutes=1), consultation=cast.ada.planned).begin()
    with ledger_down():
        assert Recorder(visit, cast.ben.clinician.user).open(lease=uuid.uuid4()).status_code == 404
