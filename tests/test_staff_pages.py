"""Figures, wordings and periods for staff: aggregates and explanations, nobody's name, nobody's recording."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import User
from audit import triggers
from consultations.figures import Spread, per_day, spread
from consultations.models import Consultation, Participant, RecordingConsent
from consultations.wording_uses import with_uses
from consultations.wordings import FIRST
from recordings.figures import by_state, preparing_per_day
from recordings.models import ProcessingJob
from telehealth.charts import HEIGHT, WIDTH, Series, columns
from tests.cast import FIFTEEN, Cast, make_pieces

pytestmark = [pytest.mark.database, pytest.mark.django_db]
PAGES = ("figures", "wordings", "retention")


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text_of(client: Client, page: str) -> str:
    answer = client.get(f"/admin/{page}/")
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def test_the_pages_name_nobody_and_lead_to_no_recording(cast: Cast) -> None:
    make_pieces(cast.ada)
    for page in PAGES:
        text = text_of(signed_in(cast.staff), page)
        for world in (cast.ada, cast.ben):
            for told in (world.patient.name, world.clinician.user.name, world.held.reason, str(world.recording.pk)):
                assert told not in text, page
        assert "<video" not in text and "/recordings/" not in text.replace("/admin/recordings/", "")


def test_whoever_has_no_right_to_the_lists_sees_no_figures(cast: Cast) -> None:
    newcomer = signed_in(User.objects.create_user("new@cast.test", "x", name="New", is_staff=True))
    assert [newcomer.get(f"/admin/{page}/").status_code for page in PAGES] == [403] * 3


def test_consultations_and_waiting_are_counted_by_the_readers_day(cast: Cast) -> None:
    yesterday = cast.now - timedelta(days=1)
    for held, status, later in (
        (cast.ada.held, "completed", 0),
        (cast.ben.held, "cancelled", 0),
        (cast.ben.planned, "planned", 1),
    ):
        at = yesterday + timedelta(hours=later)
        Consultation.objects.filter(pk=held.pk).update(starts_at=at, ends_at=at + FIFTEEN, status=status)
    for world, minutes in ((cast.ada, 2), (cast.ben, 12)):
        place = Participant.objects.filter(consultation=world.held, role="patient")
        place.update(waiting_at=yesterday - timedelta(minutes=minutes), admitted_at=yesterday)
        Participant.objects.filter(consultation=world.held, role="clinician").update(
            waiting_at=yesterday - timedelta(hours=5), admitted_at=yesterday
        )
    days = {day.day: day for day in per_day(cast.now, 7)}
    assert len(days) == 7 and max(days) == timezone.localdate(cast.now)
    told = days[timezone.localdate(yesterday)]
    assert (told.held, told.not_held, told.waited) == (1, 1, Spread(120, 720))
    assert sum(day.held + day.not_held for day in days.values()) == 2


@pytest.mark.parametrize(
    ("seconds", "median", "most"),
    [([], None, None), ([7.4], 7, 7), ([1, 2], 1, 2), (list(range(1, 11)), 5, 9), ([100, 1, 1, 1], 1, 100)],
)
def test_the_median_and_nine_of_ten_are_figures_that_occurred(seconds: list[float], median: Any, most: Any) -> None:
    assert spread(seconds) == Spread(median, most)


def test_recordings_are_counted_by_state_and_preparing_is_timed(cast: Cast) -> None:
    counts = dict(by_state())
    assert counts["ready"] == 2 and counts["held back for a check"] == 0 and len(counts) == 9
    for seconds, status in ((30, "done"), (50, "done"), (9000, "given_up")):
        ProcessingJob.objects.create(
            recording=cast.ada.recording, patient=cast.ada.patient, status=status, stage="finished",
            not_before=cast.now, created_at=cast.now - timedelta(seconds=seconds), finished_at=cast.now,
        )  # fmt: skip
    assert preparing_per_day(cast.now, 3)[-1] == (timezone.localdate(cast.now), Spread(30, 50))
    assert preparing_per_day(cast.now, 3)[0][1] == Spread(None, None)


def test_a_chart_stays_in_its_picture_and_its_columns_in_proportion() -> None:
    series = [Series("first", "", list(range(28))), Series("second", "", [*[None] * 27, 54])]
    chart = columns([str(n) for n in range(28)], series)
    first, second = ([one for one in chart.columns if one.kind == kind] for kind in ("first", "second"))
    assert (len(first), len(second)) == (27, 1), "neither nothing nor nought is drawn"
    assert abs(second[0].height - 2 * first[-1].height) <= 2
    assert [one.height for one in first] == sorted(one.height for one in first)
    for one in chart.columns:
        assert min(one.x, one.y) >= 0 and one.x + one.width <= WIDTH and one.y + one.height == chart.base
    assert len(chart.labels) <= 7 and all(0 < mark.y <= HEIGHT for mark in chart.labels)
    assert [mark.text for mark in chart.lines] == ["0", "30", "60"]
    assert columns([], []).columns == [] and columns(["a"], [Series("first", "", [0])]).columns == []


def test_a_consent_counts_for_the_very_text_it_was_given_to(cast: Cast) -> None:
    first, second = make_pieces(cast.ada).consent, make_pieces(cast.ben).consent
    (used,) = with_uses()
    assert (used.wording.text, used.given, used.in_force) == (FIRST.text, 2, 2)
    RecordingConsent.objects.filter(pk=first.pk).update(withdrawn_at=cast.now)
    with triggers.lifted(connection):
        RecordingConsent.objects.filter(pk=second.pk).update(wording_sha256="0" * 64)
    (used,) = with_uses()
    assert (used.given, used.in_force) == (1, 0)
    text = text_of(signed_in(cast.staff), "wordings")
    assert FIRST.text in text and FIRST.sha256 in text and "1 Nov 2026" in text and "1 time, 0 not" in text


def test_the_page_of_periods_says_what_the_server_is_set_to(cast: Cast, settings: Any) -> None:
    settings.RECORDING_RETENTION_DAYS = 77
    assert "77 days from the consultation" in text_of(signed_in(cast.staff), "retention")
