"""Staff look for somebody's lines in the ledger, and that they did stands there before they see them."""

from datetime import datetime, time, timedelta
from unittest.mock import patch

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from audit import ledger
from audit.ledger import Actor, Line
from audit.models import Action, Entry
from patients.models import Patient
from tests.cast import Cast

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.one_cast]
PAGE = "/admin/audit/entry/"


@pytest.fixture
def clerk(cast: Cast) -> Client:
    client = Client()
    client.force_login(cast.staff)
    return client


@pytest.fixture
def lines(cast: Cast) -> dict[str, int]:
    """Ada and her clinician open her recording, and Ben and his open his; return the numbers of the lines."""
    made = {}
    for name, world in (("ada", cast.ada), ("ben", cast.ben)):
        about = ("recording", world.recording.pk, world.patient.pk)
        for who, user in (("patient", world.patient.user), ("clinician", world.clinician.user)):
            ledger.append(Actor(user.pk), Line(Action.OPENED, *about))
            made[f"{name}.{who}"] = Entry.objects.latest("seq").seq
    return made


def found(client: Client, **asked: str) -> set[int]:
    answer = client.get(PAGE, asked)
    assert answer.status_code == 200
    return {entry.seq for entry in answer.context["cl"].result_list}


def test_a_person_is_found_by_address_number_or_any_id_with_what_they_did_and_what_was_done_with_them(
    cast: Cast, clerk: Client, lines: dict[str, int]
) -> None:
    ada, doctor = cast.ada.patient, cast.ada.clinician
    Patient.objects.filter(pk=ada.pk).update(nhs_number="9990000018")
    both = {lines["ada.patient"], lines["ada.clinician"]}
    for term in (ada.user.email.upper(), "999 000 0018", str(ada.pk), str(ada.user_id), f" {cast.ada.recording.pk} "):
        seen = found(clerk, q=term)
        assert both <= seen and not {lines["ben.patient"], lines["ben.clinician"]} & seen, term
    for term in (doctor.user.email, str(doctor.pk), str(doctor.user_id)):
        assert lines["ada.clinician"] in found(clerk, q=term) and lines["ada.patient"] not in found(clerk, q=term)
    for term in ("Ada", "ada@", "Lovell", "nobody@cast.test", "12"):
        assert found(clerk, q=term) == set()


def test_who_looks_at_somebodys_lines_is_in_the_ledger_before_they_are_shown(
    cast: Cast, clerk: Client, lines: dict[str, int]
) -> None:
    before = Entry.objects.count()
    found(clerk)
    found(clerk, q="nobody@cast.test")
    assert Entry.objects.count() == before
    found(clerk, q=cast.ada.patient.user.email)
    told = Entry.objects.filter(seq__gt=max(lines.values()))
    assert {(e.action, e.actor, e.object_type, e.object_id, e.patient) for e in told} == {
        (Action.LISTED, cast.staff.pk, "entry", one, cast.ada.patient.pk)
        for one in (cast.ada.patient.pk, cast.ada.patient.user_id)
    }
    clerk.get(f"{PAGE}{lines['ben.patient']}/change/")
    last = Entry.objects.latest("seq")
    assert (last.action, last.object_type, last.patient) == (Action.OPENED, "entry", cast.ben.patient.pk)
    assert last.detail == {"line": lines["ben.patient"]}
    with patch.object(ledger, "append", side_effect=ledger.LedgerUnavailable):
        for page in (f"{PAGE}?q={cast.ada.patient.pk}", f"{PAGE}{lines['ada.patient']}/change/"):
            answer = clerk.get(page)
            assert answer.status_code == 503 and str(cast.ada.recording.pk) not in answer.content.decode()


@pytest.mark.parametrize("column", ["patient", "actor__exact", "object_id", "patient__in", "session_hash__startswith"])
def test_no_other_column_shows_somebodys_lines_without_a_trace(
    cast: Cast, clerk: Client, lines: dict[str, int], column: str
) -> None:
    assert clerk.get(PAGE, {column: str(cast.ada.patient.pk)}).status_code == 400


def test_lines_are_found_by_action_and_by_days_of_the_readers_clock(cast: Cast, clerk: Client) -> None:
    noon = timezone.make_aware(datetime.combine(timezone.localdate(), time(12)))
    made = []
    for days in (3, 2, 1):
        ledger.append(ledger.PORTAL, Line(Action.RETRIED), now=noon - timedelta(days=days))
        made.append(Entry.objects.latest("seq").seq)
    day = (noon - timedelta(days=2)).date().isoformat()
    assert found(clerk, **{"from": day, "to": day}) == {made[1]}
    assert set(made[1:]) <= found(clerk, **{"from": day}) and made[0] not in found(clerk, **{"from": day})
    assert found(clerk, action__exact="retried", to=day) == set(made[:2])
    assert found(clerk, **{"from": "yesterday"}) >= set(made)


def test_the_page_says_how_the_ledger_is_verified(clerk: Client) -> None:
    assert "manage.py verify_ledger" in clerk.get(PAGE).content.decode()


def test_other_people_of_the_same_address_in_no_table_are_nobodys(cast: Cast, clerk: Client) -> None:
    stranger = User.objects.create_user("stranger@cast.test", name="S")
    ledger.append(Actor(stranger.pk), Line(Action.REFUSED, "recording", cast.ben.recording.pk))
    assert found(clerk, q="stranger@cast.test") >= {Entry.objects.filter(actor=stranger.pk).get().seq}
