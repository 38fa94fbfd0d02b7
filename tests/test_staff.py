"""What staff and administrators could try with the pages they have: ask what is not shown, or become somebody else."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from consultations.models import Consultation
from recordings import policy
from recordings.models import Recording
from telehealth.groups import SCHEDULE
from tests.cast import FIFTEEN, Cast, make_clinician
from tests.visits import Recorder, Visit, recorded_visit

pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk(cast: Cast) -> Client:
    cast.staff.groups.add(Group.objects.get(name="Staff"))
    client = Client()
    client.force_login(cast.staff)
    return client


@pytest.fixture
def administrator(cast: Cast) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("chief@cast.test", "x", name="A"))
    return client


@pytest.mark.parametrize(
    "question",
    [
        "accounts/user/?password__startswith=md5",
        "accounts/user/?password=x",
        "consultations/consultation/?reason__icontains=Visit",
        "consultations/consultation/?starts_at__gte=2026-11-23",
        "consultations/consultation/?starts_at=2026-11-23T09:15:00Z",
        "consultations/consultation/?clinician__user__password__startswith=md5",
        "recordings/recording/?patient__exact=1",
        "recordings/recording/?timeline__icontains=video",
        "patients/patient/?communication_needs__icontains=a",
    ],
)
def test_staff_cannot_ask_about_what_is_not_offered(clerk: Client, question: str) -> None:
    path = question.split("?")[0]
    assert clerk.get(f"/admin/{path}").status_code == 200
    assert clerk.get(f"/admin/{question}").status_code == 400


@pytest.mark.parametrize(
    "filter_",
    [
        "accounts/user/?is_active__exact=1",
        "recordings/recording/?status__exact=ready",
        "audit/entry/?action__exact=opened",
        "notices/notice/?kind__exact=moved&state=all",
    ],
)
def test_the_filters_a_page_offers_work(clerk: Client, filter_: str) -> None:
    assert clerk.get(f"/admin/{filter_}").status_code == 200


def test_staff_filter_consultations_by_clinician(
    clerk: Client, cast: Cast, django_assert_max_num_queries: Callable[[int], AbstractContextManager[object]]
) -> None:
    with CaptureQueriesContext(connection) as few:
        clerk.get("/admin/consultations/consultation/")
    named = [make_clinician(f"Doctor {number}").display_name for number in range(5)]
    with django_assert_max_num_queries(len(few)):
        page = clerk.get("/admin/consultations/consultation/").content.decode()
    assert all(name in page for name in named)
    answer = clerk.get(f"/admin/consultations/consultation/?clinician__id__exact={cast.ada.clinician.pk}")
    assert answer.status_code == 200
    assert cast.ben.patient.name not in answer.content.decode()


@pytest.mark.parametrize(
    ("person", "page"),
    [
        ("staff", "/admin/consultations/consultation/"),
        ("staff", "/admin/recordings/recording/"),
        ("ada.clinician", "/clinic/consultations/consultation/"),
        ("ada.clinician", "/clinic/recordings/recording/"),
    ],
)
def test_what_was_last_april_is_found_by_its_days_on_the_readers_clock(cast: Cast, person: str, page: str) -> None:
    client, world = Client(), cast.ada
    client.force_login(cast.actors()[person])
    at = datetime(2025, 3, 31, 23, 30, tzinfo=UTC)  # half an hour after midnight in London
    Consultation.objects.filter(pk=world.held.pk).update(starts_at=at, ends_at=at + FIFTEEN)
    Recording.objects.filter(pk=world.recording.pk).update(started_at=at)
    own = {world.held.pk, world.recording.pk}

    def found(**days: str) -> set[object]:
        answer = client.get(page, days)
        assert answer.status_code == 200
        assert all(f'value="{day}"' in answer.content.decode() for day in days.values())
        return {row.pk for row in answer.context["cl"].result_list}

    assert len(found(**{"from": "2025-04-01", "to": "2025-04-30"}) & own) == 1
    assert len(found(to="2025-04-01")) == 1
    assert not found(**{"from": "2025-04-02"}) & own and not found(to="2025-03-31")
    for no_day in ("2025-02-30", "last April", "9999-12-31"):
        assert found(to=no_day) == found()


def test_the_staff_site_holds_our_own_pages_only() -> None:
    assert {model._meta.label for model in admin.site._registry} == {
        "accounts.User",
        "audit.Alert",
        "audit.Entry",
        "consultations.Availability",
        "consultations.Consultation",
        "consultations.TimeOff",
        "notices.Notice",
        "patients.CareRelationship",
        "patients.Clinician",
        "patients.Patient",
        "recordings.AccessReport",
        "recordings.DeletionRequest",
        "recordings.PlaybackRevocation",
        "recordings.PlaybackSuspension",
        "recordings.ProcessingJob",
        "recordings.QuarantineDecision",
        "recordings.Recording",
    }


def test_an_administrator_registers_people_and_cannot_relink_a_profile(administrator: Client, cast: Cast) -> None:
    page = f"/admin/patients/patient/{cast.ada.patient.pk}/change/"
    assert administrator.get(page).status_code == 200
    mine = User.objects.get(email="chief@cast.test")
    administrator.post(page, {"name": "New Name", "date_of_birth": "1990-01-01", "user": str(mine.pk)})
    cast.ada.patient.refresh_from_db()
    assert (cast.ada.patient.name, cast.ada.patient.user.email) == ("New Name", cast.ada.patient.user.email)
    assert cast.ada.patient.user != mine


def test_nobody_sets_anothers_password_or_address(administrator: Client, cast: Cast) -> None:
    user = cast.ada.clinician.user
    page = administrator.get(f"/admin/accounts/user/{user.pk}/change/").content.decode()
    assert 'name="password"' not in page and 'name="email"' not in page
    assert administrator.get(f"/admin/accounts/user/{user.pk}/password/").status_code in (302, 404)


def test_the_groups_hold_no_right_to_play_or_join() -> None:
    """Both stand after every migrate."""
    codenames = set(Permission.objects.filter(group__isnull=False).values_list("codename", flat=True))
    assert {"play_recording", "join_consultation"} & codenames == set()
    staff = Group.objects.get(name="Staff").permissions.values_list("codename", flat=True)
    schedule = set(SCHEDULE["consultations"])
    reception = {"add_patient"}
    assert all(codename.startswith("view_") or codename in schedule | reception for codename in staff)
    assert {codename.split("_")[-1] for codename in schedule} == {"consultation", "availability", "timeoff"}


def test_a_profile_linked_to_another_account_gives_that_account_no_replay(cast: Cast) -> None:
    visit = recorded_visit(cast.ada, at=cast.now - timedelta(hours=6))
    stranger = User.objects.create_user("stranger@cast.test", name="S")
    type(cast.ada.patient).objects.filter(pk=cast.ada.patient.pk).update(user=stranger)
    recording = visit.process()
    assert recording.status == Recording.Status.READY
    assert policy.decide(stranger, recording.pk).recording is None
    assert policy.decide(cast.ada.clinician.user, recording.pk).recording is not None


def test_a_clinician_who_no_longer_works_here_captures_nothing_more(cast: Cast) -> None:
    visit = Visit(cast.ada, at=timezone.now() - timedelta(minutes=1), consultation=cast.ada.planned).begin()
    visit.now = timezone.now()
    recorder = Recorder(visit)
    assert recorder.open().status_code == 201
    type(cast.ada.clinician).objects.filter(pk=cast.ada.clinician.pk).update(is_active=False)
    assert recorder.open().status_code == 404


def test_the_schema_of_the_api_is_for_people_who_are_signed_in(client: Client, clerk: Client) -> None:
    assert Client().get("/api/v1/schema/").status_code == 401
    assert clerk.get("/api/v1/schema/").status_code == 200
