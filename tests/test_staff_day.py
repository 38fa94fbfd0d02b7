"""The staff's start page: who waits, what waits for somebody, how the ledger stands; facts, and only for staff."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from audit import alerts, ledger, verification
from audit.models import AlertKind
from consultations.models import Consultation, Participant
from recordings.models import Recording
from tests.cast import Cast, make_pieces

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text_of(client: Client, page: str = "/admin/now/") -> str:
    answer = client.get(page)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def count(text: str, link: str) -> int:
    found = re.search(rf'id="{link}".*?<b class="count[^"]*">(\d+)</b>', text)
    assert found, text
    return int(found[1])


def comes(consultation: Consultation, **facts: object) -> None:
    place = Participant.objects.filter(consultation=consultation, role="patient")
    place.update(**{"sid": "s", "waiting_at": timezone.now() - timedelta(minutes=4), **facts})


def test_staff_see_who_waits_for_whom_since_when_and_nobody_else(cast: Cast) -> None:
    clerk = signed_in(cast.staff)
    assert "Nobody is waiting" in text_of(clerk)
    comes(cast.ada.planned)
    comes(cast.ben.planned, admitted_at=timezone.now())
    text = text_of(clerk)
    assert cast.ada.patient.name in text and cast.ada.clinician.display_name in text and "4 minutes" in text
    assert cast.ben.patient.name not in text
    assert cast.ada.planned.reason not in text
    comes(cast.ada.planned, disconnected_at=timezone.now())
    assert "Nobody is waiting" in text_of(clerk)
    Participant.objects.update(disconnected_at=None, waiting_at=timezone.now(), sid="s")
    Consultation.objects.filter(pk=cast.ada.planned.pk).update(status=Consultation.Status.CANCELLED)
    assert cast.ada.patient.name not in text_of(clerk)


def test_what_waits_for_somebody_is_counted_and_leads_to_its_list(cast: Cast) -> None:
    clerk = signed_in(cast.staff)
    before = text_of(clerk)
    links = ("o-alerts", "o-reports", "o-held", "o-failed", "o-jobs", "o-pauses")
    assert [count(before, link) for link in links] == [0] * 6
    make_pieces(cast.ada)
    Recording.objects.filter(pk=cast.ada.recording.pk).update(status=Recording.Status.FAILED)
    Recording.objects.filter(pk=cast.ben.recording.pk).update(status=Recording.Status.QUARANTINED)
    alerts.raise_alert(AlertKind.GUESSING, actor=ledger.PORTAL, now=cast.now)
    text = text_of(clerk)
    assert [count(text, link) for link in links] == [1, 0, 1, 1, 1, 0]
    for link in links:
        href = re.search(rf'id="{link}" href="([^"]+)"', text)
        assert href and clerk.get(href[1]).status_code == 200
    counted = text.partition('id="work-title"')[2]
    assert counted and cast.ada.patient.name not in counted and cast.ben.patient.name not in counted


def test_the_page_says_when_the_ledger_was_verified_and_what_was_found(cast: Cast, ledger_places: object) -> None:
    clerk = signed_in(cast.staff)
    assert "Not verified yet" in text_of(clerk, "/admin/")
    verification.record(verification.verify(), now=cast.now)
    assert "everything holds" in text_of(clerk, "/admin/")
    report = verification.verify()
    report.faults.append("Entry 3 was changed.")
    verification.record(report, now=cast.now)
    assert "The ledger does not hold" in text_of(clerk, "/admin/") and "Entry 3 was changed." in text_of(clerk)


def test_the_page_asks_again_by_itself_and_says_nothing_without_a_group(cast: Cast) -> None:
    comes(cast.ada.planned)
    assert 'hx-get="/admin/now/"' in text_of(signed_in(cast.staff), "/admin/")
    newcomer = User.objects.create_user("new@cast.test", "x", name="New", is_staff=True)
    text = text_of(signed_in(newcomer), "/admin/")
    assert cast.ada.patient.name not in text and "o-alerts" not in text and "Register a patient" not in text
    assert signed_in(cast.ada.clinician.user).get("/admin/now/").status_code == 302
    assert Client().get("/admin/now/").status_code == 302
