"""A page asks the database as often in its third year as on its second day."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit import ledger
from audit.models import Action, Entry
from recordings.models import AccessReport, Recording
from tests import surroundings
from tests.cast import Cast, make_patient
from tests.crowded import hold

pytestmark = [pytest.mark.database, pytest.mark.django_db]
FEW = 2
PAGES = {
    "ada.patient": [
        "/", "/consultations/", "/recordings/", "/account/", "/account/consents/", "/account/devices/", "/book/",
        "/consultations/{held}/", "/recordings/{recording}/", "/recordings/{recording}/access/",
        "/recordings/{recording}/keeping/", "/recordings/{recording}/sharing/", "/recordings/of/{held}/status/",
        "/consultations/calendar/", "/consultations/{planned}/", "/book/wait/", "/account/needs/", "/account/notices/",
    ],
    "ada.clinician": [
        "/clinic/", "/clinic/consultations/consultation/", "/clinic/recordings/recording/", "/clinic/patients/patient/",
        "/clinic/patients/patient/{patient}/change/", "/clinic/consultations/consultation/{held}/change/",
        "/clinic/consultations/consultation/?q=visit", "/recordings/", "/clinic/week/", "/clinic/today/",
        "/clinic/recordings/recording/{recording}/change/", "/consultations/{planned}/next/",
        "/consultations/{planned}/beside/", "/clinic/consultations/availability/", "/clinic/consultations/timeoff/",
        "/clinic/consultations/notetemplate/",
    ],
    "administrator": [
        "/admin/", "/admin/consultations/consultation/", "/admin/recordings/recording/", "/admin/audit/entry/",
        "/admin/patients/patient/", "/admin/patients/carerelationship/", "/admin/recordings/processingjob/",
        "/admin/consultations/consultation/desk/?q=a", "/admin/consultations/consultation/desk/{patient}/",
        "/admin/consultations/consultation/desk/{patient}/book/", "/admin/accounts/user/", "/admin/now/",
        "/admin/figures/", "/admin/wordings/", "/admin/patients/clinician/", "/admin/recordings/quarantinedecision/",
        "/admin/recordings/accessreport/", "/admin/recordings/deletionrequest/",
        "/admin/recordings/playbackrevocation/", "/admin/recordings/playbacksuspension/", "/admin/notices/notice/",
        "/admin/audit/alert/", "/admin/retention/", "/admin/consultations/availability/",
        "/admin/consultations/consultation/{held}/change/", "/admin/recordings/recording/{recording}/change/",
        "/admin/patients/patient/{patient}/change/",
    ],
}  # fmt: skip


def path_of(cast: Cast, path: str) -> str:
    world = cast.ada
    return path.format(
        held=world.held.pk, planned=world.planned.pk, recording=world.recording.pk, patient=world.patient.pk
    )


def asked(client: Client, path: str) -> int:
    """Return how many queries an answer takes once what processes keep is warm."""
    client.get(path)
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return len(queries)


def all_asked(cast: Cast) -> Iterator[tuple[str, int]]:
    for actor, paths in PAGES.items():
        client = Client()
        client.force_login(cast.actors()[actor])
        for path in paths:
            yield f"{path} as {actor}", asked(client, path_of(cast, path))


def await_staff(cast: Cast, number: int) -> None:
    """Have so many recordings held back, and so many accesses not recognised."""
    ledger.append(ledger.Actor(cast.ada.clinician.user.pk), ledger.Line(Action.LISTED), now=timezone.now())
    entry = Entry.objects.latest("seq")
    for recording in list(
        Recording.objects.filter(patient=cast.ada.patient, status="ready").exclude(pk=cast.ada.recording.pk)[:number]
    ):
        Recording.objects.filter(pk=recording.pk).update(status="quarantined", reason="uploader")
        AccessReport.objects.create(
            recording=recording, patient=cast.ada.patient, line=entry.seq, reported_by=cast.ada.patient.user,
            reported_at=timezone.now(),
        )  # fmt: skip


@pytest.mark.parametrize("many", [100, pytest.param(10_000, marks=pytest.mark.long)])
def test_no_page_asks_more_often_because_there_is_more(cast: Cast, many: int) -> None:
    world = cast.ada
    others = [make_patient(f"Patient {number}") for number in range(5)]
    hold([(world.patient, world.clinician)], FEW)
    await_staff(cast, 1)
    surroundings.add(cast, 1)
    few = dict(all_asked(cast))
    hold([(patient, world.clinician) for patient in (world.patient, *others)], many)
    await_staff(cast, 10)
    surroundings.add(cast, 4)
    more = {page: (few[page], number) for page, number in all_asked(cast) if number > few[page]}
    assert not more, f"asks more often, before and now: {more}"
