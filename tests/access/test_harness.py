"""The matrix itself: it must notice a wrong status, a stray word, a stray write and a difference of one byte."""

import dataclasses
import uuid

import pytest
from django.http import HttpRequest, HttpResponse

from accounts.models import User
from consultations import policy, views
from consultations.models import Consultation
from patients.models import Patient
from tests.access import test_matrix as matrix_tests
from tests.access.markers import Markers, mark
from tests.access.table import Table, table
from tests.access.world import Matrix

pytestmark = pytest.mark.django_db
DETAIL = "/consultations/<pk>/"


@pytest.fixture
def one_door(monkeypatch: pytest.MonkeyPatch) -> Table:
    """The table with a single door: a whole round of it takes a moment."""
    short = dataclasses.replace(table(), doors={DETAIL: table().doors[DETAIL]})
    monkeypatch.setattr(matrix_tests, "table", lambda: short)
    return short


def wrong(matrix: Matrix, actor: str) -> str:
    return "\n".join(matrix_tests.judged(matrix, matrix.people[actor], all_of_them=True)[0])


def test_a_right_door_passes(one_door: Table, matrix: Matrix, briskly) -> None:
    assert wrong(matrix, "neighbour") == ""


def test_an_unscoped_queryset_is_found(one_door: Table, matrix: Matrix, briskly, monkeypatch) -> None:
    monkeypatch.setattr(policy, "get_visible_or_404", lambda user, pk: Consultation.objects.get(pk=pk))
    monkeypatch.setattr(views.policy, "get_visible_or_404", policy.get_visible_or_404)
    said = wrong(matrix, "neighbour")
    assert f"GET {DETAIL} as neighbour (other): shown, and rule consultation says absent" in said
    assert f"GET {DETAIL} as neighbour (other): shows the reason of ada: {mark('ada', 'reason')}" in said


def test_a_changed_status_is_found(one_door: Table, matrix: Matrix, briskly, monkeypatch) -> None:
    rule = dataclasses.replace(table().rules["consultation"], lines={"all": {"everybody": "refused"}})
    short = dataclasses.replace(one_door, rules={**table().rules, "consultation": rule})
    monkeypatch.setattr(matrix_tests, "table", lambda: short)
    assert f"GET {DETAIL} as neighbour (never): absent, and rule consultation says refused" in wrong(
        matrix, "neighbour"
    )


def test_a_refusal_that_differs_by_a_byte_or_writes_is_found(
    one_door: Table, matrix: Matrix, briskly, monkeypatch
) -> None:
    def telling(request: HttpRequest, exception: Exception) -> HttpResponse:
        exists = Consultation.objects.filter(pk=uuid.UUID(request.path.split("/")[2])).exists()
        Patient.objects.filter(pk=uuid.uuid4()).update(name="x")
        return HttpResponse("nothing here!" if exists else "nothing here.", status=404)

    monkeypatch.setattr("telehealth.urls.handler404", telling, raising=False)
    said = wrong(matrix, "neighbour")
    assert "absent for other is not the same bytes as for what never existed" in said
    assert "absent, and wrote into patients_patient" in said


def test_a_stray_word_is_found_however_it_is_written() -> None:
    markers, id_ = Markers(), uuid.uuid4()
    markers.add_ids("ada", [id_], "facts")
    for text in (mark("ada", "name").upper(), f"a{mark('ada', 'name')}@b", str(id_), id_.hex, str(id_).upper()):
        assert markers.strays(text.encode(), life="ben", is_staff=False, own=b"", asked=b""), text
        assert not markers.strays(text.encode(), life="ada", is_staff=False, own=b"", asked=b""), text
    facts, content = str(id_).encode(), mark("ada", "reason").encode()
    assert not markers.strays(facts, life="", is_staff=True, own=b"", asked=b"")
    assert markers.strays(content, life="", is_staff=True, own=b"", asked=b"")
    assert not markers.strays(content, life="", is_staff=True, own=b"", asked=b"q=" + content)


def test_random_letters_of_a_token_are_nobodys_word() -> None:
    assert not Markers().found_in(b"zQllIvdPnRxsSYikGaXZq")  # once the middle of a form's token
    assert Markers().found_in(mark("ada", "why").encode() * 2) == {mark("ada", "why").encode(): ("ada", "why")}
    with pytest.raises(ValueError, match="KINDS"):
        mark("ada", "whim")


def test_everybody_of_the_table_is_in_the_world(matrix: Matrix) -> None:
    assert set(matrix.people) == set(table().actors)
    emails = {person.user.email for person in matrix.people.values() if person.user}
    assert len(emails) == len(matrix.people) - 1
    assert User.objects.filter(email__in=emails).count() == len(emails)
