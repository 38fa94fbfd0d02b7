"""Rows of the clinic that are not one's own: noted and counted like every refusal, and told where the keys disagree."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.db.models import Model
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from guardian.shortcuts import assign_perm

from accounts.models import User
from audit.models import Action, Alert, Entry
from audit.refusals import MOST
from consultations import policy as consultations
from consultations.models import Participant
from patients import policy as patients
from recordings import policy as recordings
from tests.cast import Cast, World
from tests.lines import session_of

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.one_cast]


@dataclass(frozen=True)
class Rows:
    """One of the clinic's pages of rows: which of them a world has, and the right that opens it."""

    name: str
    right: str
    of: Callable[[World], Model]

    def page(self, pk: object, view: str = "change") -> str:
        app = self.right.split(".")[0]
        return reverse(f"clinic:{app}_{self.name}_{view}", args=[pk])

    def gain(self, cast: Cast) -> User:
        assign_perm(self.right, cast.ben.clinician.user, self.of(cast.ada))
        return cast.ben.clinician.user

    def lose(self, cast: Cast) -> User:
        world = cast.ada
        recordings.withdraw_playback(world.recording, world.clinician.user)
        consultations.revoke_place(world.place_of(Participant.Role.CLINICIAN, world.planned))
        patients.revoke_view(world.patient, world.clinician.user)
        return world.clinician.user


ROWS = [
    Rows("recording", f"recordings.{recordings.PLAY}", lambda world: world.recording),
    Rows("consultation", f"consultations.{consultations.VIEW}", lambda world: world.planned),
    Rows("patient", patients.VIEW, lambda world: world.patient),
]
EACH = pytest.mark.parametrize("rows", ROWS, ids=[rows.name for rows in ROWS])


def seen(answer: HttpResponse, asked: object) -> tuple[object, ...]:
    """Return everything that tells one refusal from another, but the id that was asked for."""
    told = [str(message).replace(str(asked), "ID") for message in get_messages(answer.wsgi_request)]
    headers = {name: value for name, value in answer.items() if name != "Expires"}
    return answer.status_code, headers, answer.content, told


def refused() -> list[tuple[object, ...]]:
    lines = Entry.objects.filter(action=Action.REFUSED).order_by("seq")
    return list(lines.values_list("object_type", "object_id", "patient", "reason"))


@EACH
@pytest.mark.parametrize(
    ("goes_wrong", "reason"), [(Rows.lose, "basis_without_grant"), (Rows.gain, "grant_without_basis")]
)
def test_keys_that_disagree_about_a_row_are_told_to_the_staff(
    rows: Rows, goes_wrong: Callable[[Rows, Cast], User], reason: str, cast: Cast
) -> None:
    row, patient = rows.of(cast.ada), cast.ada.patient.pk
    user = goes_wrong(rows, cast)
    client = session_of(user)
    for times, view in enumerate(("change", "history"), start=1):
        answer = client.get(rows.page(row.pk, view))
        assert (answer.status_code, answer["Location"]) == (302, "/clinic/")
        alert = Alert.objects.get()
        assert (alert.kind, alert.object_type, alert.object_id) == ("two_keys", rows.name, row.pk)
        assert (alert.actor, alert.patient, alert.times, alert.detail) == (user.pk, patient, times, {"reason": reason})
        assert refused() == [(rows.name, row.pk, patient, reason)] * times


@EACH
def test_a_strangers_row_and_one_that_never_was_are_noted_and_look_alike(rows: Rows, cast: Cast) -> None:
    foreign, unknown = rows.of(cast.ada).pk, uuid.uuid4()
    looks, asked = [], []
    session_of(cast.ben.clinician.user).get(rows.page(rows.of(cast.ben).pk))
    assert not refused()
    for pk in (uuid.uuid4(), foreign, unknown):  # the first one warms what a process keeps
        client = session_of(cast.ben.clinician.user)
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(rows.page(pk))
        looks.append(seen(answer, pk))
        asked.append(len(queries))
    assert looks[1] == looks[2] and looks[1][0] == 302
    assert asked[1] == asked[2]
    of_recordings = [("recording", foreign, cast.ada.patient.pk, "stranger"), ("recording", unknown, None, "unknown")]
    plain = [(rows.name, pk, None, "") for pk in (foreign, unknown)]
    assert refused()[1:] == (of_recordings if rows.name == "recording" else plain)
    assert not Alert.objects.exists()


def test_guessing_rows_of_all_kinds_ends_alike_and_ones_own_stay_open(cast: Cast) -> None:
    client = session_of(cast.ben.clinician.user)
    guesses = [client.get(ROWS[number % 3].page(uuid.uuid4())) for number in range(MOST)]
    assert {answer.status_code for answer in guesses} == {302}
    for rows in ROWS:
        # Each in a browser of its own, which has no messages of earlier refusals left to show.
        asked = (uuid.uuid4(), rows.of(cast.ada).pk)
        answers = [session_of(cast.ben.clinician.user).get(rows.page(pk)) for pk in asked]
        assert [answer.status_code for answer in answers] == [429, 429]
        assert answers[0].content == answers[1].content and 0 < int(answers[1]["Retry-After"]) <= 60
        assert client.get(rows.page(rows.of(cast.ben).pk)).status_code == 200
    assert len(refused()) == MOST
    assert Alert.objects.get().kind == "guessing"


@pytest.mark.parametrize("rows", ROWS[1:], ids=[rows.name for rows in ROWS[1:]])
def test_every_method_that_is_told_of_absence_is_noted_and_no_other(rows: Rows, cast: Cast) -> None:
    client, pk = session_of(cast.ben.clinician.user), rows.of(cast.ada).pk
    change, history, delete = (rows.page(pk, view) for view in ("change", "history", "delete"))
    absent = [client.head(change), client.options(change), client.put(change), client.post(history)]
    assert [answer.status_code for answer in absent] == [302] * 4
    assert len(refused()) == 4
    assert [answer.status_code for answer in (client.post(change), client.get(delete), client.post(delete))] == [
        403
    ] * 3
    assert len(refused()) == 4


@EACH
def test_an_id_is_known_however_it_is_written(rows: Rows, cast: Cast) -> None:
    pk = rows.of(cast.ada).pk
    rows.gain(cast)
    client = session_of(cast.ben.clinician.user)
    for written in (pk.hex.upper(), f"urn_3Auuid_3A{pk}", f"{{{pk}}}"):  # the second is quoted in the admin site's way
        address = rows.page(pk).replace(str(pk), written)
        assert client.get(address).status_code == 302
    assert refused() == [(rows.name, pk, cast.ada.patient.pk, "grant_without_basis")] * 3


def test_what_is_no_id_or_has_no_patient_in_it_is_not_noted(cast: Cast) -> None:
    client = session_of(cast.ben.clinician.user)
    hours = reverse("clinic:consultations_availability_change", args=[uuid.uuid4()])
    for address in (*(rows.page("no-id") for rows in ROWS), hours):
        assert client.get(address).status_code == 302
    assert not refused()
