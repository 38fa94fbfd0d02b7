"""Pages about replays: list and detail agree, watching is counted soberly, and the right people see who watched."""

import json
import uuid
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from audit import ledger
from audit.models import Action, Entry
from recordings import jobs, pages, playback, policy
from recordings.guard import Shown
from recordings.models import PlaybackSession, ProcessingJob, Recording
from tests.cast import ACTORS, OWNERS, Cast
from tests.replays import Viewer, lines_of, status_at
from tests.visits import CANVAS, Visit

pytestmark = pytest.mark.django_db


def listed(viewer: Viewer) -> str:
    return viewer.client.get(reverse("recordings:list")).content.decode()


@pytest.mark.parametrize("name", ACTORS)
def test_what_is_listed_is_what_opens_and_what_plays(cast: Cast, name: str) -> None:
    user = cast.actors()[name]
    viewer = Viewer(user)
    page = listed(viewer)
    for world, recording in (("ada", cast.ada.recording), ("ben", cast.ben.recording)):
        detail = viewer.client.get(reverse("recordings:detail", args=[recording.pk])).status_code
        media = viewer.head(recording.pk).status_code
        assert (str(recording.pk) in page) == (detail == 200) == (media == 200) == (name in OWNERS[world])
        assert policy.playable_by(user).filter(pk=recording.pk).exists() == (name in OWNERS[world])
    if name in {"inactive", "nobody"}:
        assert viewer.client.get(reverse("recordings:list")).status_code == 302


@pytest.mark.parametrize("name", ["ada.colleague", "ben.patient", "ben.clinician", "staff", "administrator"])
def test_a_foreign_detail_page_is_the_page_of_nothing(cast: Cast, name: str) -> None:
    client = Viewer(cast.actors()[name]).client
    foreign = client.get(reverse("recordings:detail", args=[cast.ada.recording.pk]))
    unknown = client.get(reverse("recordings:detail", args=[uuid.uuid4()]))
    assert foreign.status_code == unknown.status_code == 404
    assert strip_nonces(foreign.content) == strip_nonces(unknown.content)
    assert cast.ada.patient.name not in foreign.content.decode()


def strip_nonces(content: bytes) -> bytes:
    """Drop the CSRF token, which is masked anew in every page."""
    lines = content.decode().splitlines()
    return "\n".join(line for line in lines if "csrf" not in line.lower()).encode()


def test_a_listing_is_written_down_before_it_is_shown(cast: Cast, monkeypatch) -> None:
    viewer = Viewer(cast.ada.patient.user)
    assert cast.ada.held.reason in listed(viewer)
    (line,) = lines_of(cast.ada.recording, Action.LISTED)
    assert (line.actor, line.patient) == (cast.ada.patient.user.pk, cast.ada.patient.pk)
    assert not lines_of(cast.ben.recording, Action.LISTED)

    def unavailable(*_, **__):
        raise ledger.LedgerUnavailable

    monkeypatch.setattr(ledger, "append", unavailable)
    answer = viewer.client.get(reverse("recordings:list"))
    assert answer.status_code == 503
    assert cast.ada.held.reason not in answer.content.decode()


def test_an_empty_list_is_nothing_to_write_down(cast: Cast) -> None:
    listed(Viewer(cast.ada.colleague.user))
    assert not Entry.objects.filter(action=Action.LISTED).exists()


def report(viewer: Viewer, recording_id: object, body: object) -> int:
    url = reverse("recordings:watched", args=[recording_id])
    text = body if isinstance(body, str) else json.dumps(body)
    return viewer.client.post(url, text, content_type="application/json").status_code


def aged(recording: Recording, seconds: int) -> PlaybackSession:
    """Let the one viewing have begun so long ago."""
    viewing = PlaybackSession.objects.get(recording=recording)
    PlaybackSession.objects.filter(pk=viewing.pk).update(opened_at=viewing.opened_at - timedelta(seconds=seconds))
    return viewing


def test_watched_seconds_add_up_in_the_ledger(cast: Cast) -> None:
    viewer, recording = Viewer(cast.ada.patient.user), cast.ada.recording
    viewer.get(recording.pk)
    viewing = aged(recording, 60)
    assert report(viewer, recording.pk, {"seconds": 30, "final": False}) == 204
    assert report(viewer, recording.pk, {"seconds": 12, "final": True}) == 204
    lines = lines_of(recording, Action.WATCHED)
    assert [line.detail["seconds"] for line in lines] == [30, 42]
    assert {line.detail["viewing"] for line in lines} == {str(viewing.pk)}
    assert lines[1].detail["bytes"] == len(cast.ada.canary)
    assert (lines[0].actor, lines[0].patient) == (cast.ada.patient.user.pk, cast.ada.patient.pk)


def test_nobody_can_have_watched_for_longer_than_there_was_time(cast: Cast) -> None:
    viewer, recording = Viewer(cast.ada.patient.user), cast.ada.recording
    viewer.get(recording.pk)
    viewing = aged(recording, 100)
    for _ in range(20):
        assert report(viewer, recording.pk, {"seconds": 120}) == 204
    viewing.refresh_from_db()
    watched, passed_s = viewing.seconds_watched, (timezone.now() - viewing.opened_at).total_seconds()
    assert 200 <= watched <= 2 * passed_s + playback.REPORTED_LATE_S + 1
    lines = lines_of(recording, Action.WATCHED)
    assert lines[-1].detail["seconds"] == watched
    totals = [line.detail["seconds"] for line in lines]
    assert totals == sorted(set(totals)), "what does not grow is not written again"


BAD_REPORTS = [
    "", "x", "[]", "3", "null", '"seconds"', "{}", '{"seconds": "9"}', '{"seconds": 1.5}', '{"seconds": true}',
    '{"seconds": -1}', '{"seconds": 121}', '{"seconds": null}', '{"seconds": 1e999}', "[" * 100_000,
    '{"seconds": ' + "9" * 5000 + "}",
]  # fmt: skip


def test_a_report_that_cannot_be_is_refused(cast: Cast) -> None:
    viewer, recording = Viewer(cast.ada.patient.user), cast.ada.recording
    assert {body[:20]: report(viewer, recording.pk, body) for body in BAD_REPORTS} == {b[:20]: 400 for b in BAD_REPORTS}
    assert not PlaybackSession.objects.exists()
    assert not lines_of(recording, Action.WATCHED)
    assert report(viewer, recording.pk, '{"seconds": 120}') == 204


@pytest.mark.parametrize("seconds", [0, 1])
def test_nobody_reports_for_what_is_not_theirs(cast: Cast, seconds: int) -> None:
    viewer, body = Viewer(cast.ben.patient.user), {"seconds": seconds}
    assert report(viewer, cast.ada.recording.pk, body) == report(viewer, uuid.uuid4(), body) == 404
    assert report(viewer, cast.ben.recording.pk, body) == 204
    assert not PlaybackSession.objects.filter(recording=cast.ada.recording).exists()
    assert report(Viewer(None), cast.ada.recording.pk, body) == 302
    assert viewer.client.get(reverse("recordings:watched", args=[cast.ben.recording.pk])).status_code == 405


def open_as(user, recording: Recording, now) -> None:
    actor = ledger.Actor(user.pk, uuid.uuid4().hex)
    playback.open_replay(user, recording.pk, actor=actor, now=now)


def shown_to(user, recording: Recording) -> Shown:
    return playback.recording_or_404(user, recording.pk, actor=ledger.Actor(user.pk), now=timezone.now())


def accesses(user, recording: Recording, **most: int) -> list[dict]:
    return pages.accesses([shown_to(user, recording)], user, **most)


def test_both_people_see_everybody_who_watched_and_the_neighbour_nothing(cast: Cast) -> None:
    recording, patient, clinician = cast.ada.recording, cast.ada.patient.user, cast.ada.clinician.user
    open_as(patient, recording, cast.now)
    open_as(clinician, recording, cast.now)
    open_as(cast.ben.patient.user, cast.ben.recording, cast.now)
    seen = accesses(patient, recording)
    assert [row["who"] for row in seen] == [cast.ada.clinician.display_name, "You"]
    assert [row["role"] for row in seen] == ["clinician", ""]
    assert [row["who"] for row in accesses(clinician, recording)] == ["You", patient.name]
    page = Viewer(patient).client.get(reverse("recordings:detail", args=[recording.pk])).content.decode()
    assert cast.ada.clinician.display_name in page and cast.ben.patient.name not in page
    assert [row["who"] for row in accesses(cast.ben.patient.user, cast.ben.recording)] == ["You"]


def test_a_watcher_cannot_hide_behind_many_reports_or_many_openings(cast: Cast) -> None:
    recording, patient, clinician = cast.ada.recording, cast.ada.patient.user, cast.ada.clinician.user
    now = timezone.now()
    actor = ledger.Actor(clinician.pk, "session")
    viewing = playback.open_replay(clinician, recording.pk, actor=actor, now=now).viewing
    line = {"viewing": str(viewing.pk), "bytes": 0}
    reports = [
        ledger.Line(Action.WATCHED, "recording", recording.pk, recording.patient_id, detail=line | {"seconds": n + 1})
        for n in range(300)
    ]
    ledger.append(actor, *reports, now=now)
    for _ in range(25):
        open_as(patient, recording, now)
    seen = accesses(patient, recording, most=5)
    assert [row["who"] for row in seen] == ["You"] * 5 + [cast.ada.clinician.display_name]
    assert seen[-1]["what"] == "watched 5 min"


def test_refusals_and_listings_are_not_shown_as_watching(cast: Cast) -> None:
    Viewer(cast.ben.patient.user).get(cast.ada.recording.pk)
    listed(Viewer(cast.ada.clinician.user))
    assert accesses(cast.ada.patient.user, cast.ada.recording) == []


def status(user, visit: Visit) -> dict:
    return status_at(user, visit.consultation)


def test_both_people_see_how_far_their_recording_is_and_others_see_nothing(cast: Cast, settings) -> None:
    settings.RECORDING_CANVAS = CANVAS
    visit = Visit(cast.ada, at=cast.now - timedelta(hours=6)).begin()
    both = [cast.ada.patient.user, cast.ada.clinician.user]
    others = [cast.ada.colleague.user, cast.ben.patient.user, cast.staff, cast.administrator, cast.inactive]

    def seen() -> tuple:
        (one, other) = (status(user, visit) for user in both)
        assert one == other
        assert {status(user, visit)["state"] for user in others} == {"none"}
        assert not any(status(user, visit)["replay_url"] for user in others)
        return one["state"], one["stage_text"], one["percent"], one["waiting"], bool(one["replay_url"])

    assert seen() == ("capturing", "Saving the last seconds", 5, True, False)
    visit.record()
    visit.end()
    assert seen() == ("sealed", "Waiting for its turn", 10, True, False)
    job = jobs.claim(visit.job.pk, now=timezone.now())
    assert seen() == ("processing", "Checking that every piece arrived", 24, True, False)
    percents = []
    for stage in ("probing", "joining", "checking", "publishing"):
        jobs.advance(job, stage)
        percents.append(seen()[2])
    assert percents == sorted(percents) and percents[-1] < 100
    ProcessingJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    visit.process()
    assert seen() == ("ready", "", 100, False, True)
    policy.withdraw_playback(visit.recording, both[1])
    assert status(both[1], visit)["state"] == "none"
    assert status(both[0], visit)["state"] == "ready"


def test_without_script_the_page_of_a_consultation_leads_to_the_replays(cast: Cast) -> None:
    client = Viewer(cast.ada.patient.user).client
    page = client.get(reverse("consultations:detail", args=[cast.ada.held.pk])).content.decode()
    waiting = page.partition('id="recording-status"')[2].partition("</div>")[0]
    assert "Looking for the recording" in waiting and f'href="{reverse("recordings:list")}"' in waiting


def test_before_anything_is_recorded_the_page_waits_while_the_call_is_live(cast: Cast) -> None:
    visit = Visit(cast.ada, at=cast.now - timedelta(hours=6)).begin(patient="audio")
    Recording.objects.filter(call=visit.call).first()
    planned = status_at(cast.ada.patient.user, cast.ada.planned)
    assert (planned["state"], planned["waiting"]) == ("none", False)


@pytest.mark.parametrize("state", ["quarantined", "failed", "withdrawn", "erased"])
def test_a_recording_that_came_to_nothing_says_so_and_does_not_ask_again(cast: Cast, state: str) -> None:
    Recording.objects.filter(pk=cast.ada.recording.pk).update(status=state)
    seen = status_at(cast.ada.patient.user, cast.ada.held)
    assert (seen["state"], seen["waiting"], seen["replay_url"]) == (state, False, "")
    url = reverse("recordings:status", args=[cast.ada.held.pk])
    assert Viewer(cast.ada.patient.user).client.get(url).status_code == 200
    assert Viewer(cast.ben.patient.user).client.get(url).status_code == 404


def test_the_timeline_says_who_asked_for_each_switch(cast: Cast, settings) -> None:
    settings.RECORDING_CANVAS = CANVAS
    visit = Visit(cast.ada, at=cast.now - timedelta(hours=6)).begin()
    visit.record("audio", 3)
    visit.switch("video")
    visit.record("video", 3)
    recording = visit.end().process()
    for user, words in (
        (cast.ada.clinician.user, "asked by you"),
        (cast.ada.patient.user, f"asked by {cast.ada.clinician.display_name}"),
    ):
        assert [part["text"] for part in pages.parts(shown_to(user, recording))] == ["", words]
        page = Viewer(user).client.get(reverse("recordings:detail", args=[recording.pk])).content.decode()
        assert words in page


def test_a_clinician_who_opens_a_row_of_the_clinic_site_stands_in_the_ledger(cast: Cast) -> None:
    recording = cast.ada.recording
    address = f"/clinic/recordings/recording/{recording.pk}/change/"
    assert Viewer(cast.ben.clinician.user).client.get(address).status_code in (302, 404)
    assert not lines_of(recording, Action.LISTED)
    assert Viewer(cast.ada.clinician.user).client.get(address).status_code == 200
    (line,) = lines_of(recording, Action.LISTED)
    assert line.actor == cast.ada.clinician.user.pk
