"""A page asks the database as often in its third year as on its second day."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.cast import Cast, make_patient
from tests.crowded import hold

pytestmark = [pytest.mark.database, pytest.mark.django_db]
FEW = 2
PAGES = {
    "ada.patient": [
        "/", "/consultations/", "/recordings/", "/account/", "/account/consents/", "/book/",
        "/consultations/{held}/", "/recordings/{recording}/", "/recordings/{recording}/access/",
    ],
    "ada.clinician": [
        "/clinic/", "/clinic/consultations/consultation/", "/clinic/recordings/recording/", "/clinic/patients/patient/",
        "/clinic/patients/patient/{patient}/change/", "/clinic/consultations/consultation/{held}/change/",
        "/clinic/consultations/consultation/?q=visit", "/recordings/",
    ],
    "administrator": [
        "/admin/", "/admin/consultations/consultation/", "/admin/recordings/recording/", "/admin/audit/entry/",
        "/admin/patients/patient/", "/admin/patients/carerelationship/", "/admin/recordings/processingjob/",
        "/admin/accounts/user/", "/admin/now/", "/admin/figures/", "/admin/wordings/", "/admin/patients/clinician/",
    ],
}  # fmt: skip


def path_of(cast: Cast, path: str) -> str:
    world = cast.ada
    return path.format(held=world.held.pk, recording=world.recording.pk, patient=world.patient.pk)


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


@pytest.mark.parametrize("many", [400, pytest.param(10_000, marks=pytest.mark.long)])
def test_no_page_asks_more_often_because_there_is_more(cast: Cast, many: int) -> None:
    world = cast.ada
    others = [make_patient(f"Patient {number}") for number in range(5)]
    hold([(world.patient, world.clinician)], FEW)
    few = dict(all_asked(cast))
    hold([(patient, world.clinician) for patient in (world.patient, *others)], many)
    more = {page: (few[page], number) for page, number in all_asked(cast) if number > few[page]}
    assert not more, f"asks more often, before and now: {more}"
