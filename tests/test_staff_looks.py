"""Every view that staff have of a person or a recording stands in the ledger; lists as one line, and who was found."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from audit import search
from audit.ledger import Actor
from audit.models import Action, Entry
from recordings.models import ProcessingJob, Recording
from recordings.suspensions import Scope, suspend
from tests.cast import Cast, make_pieces
from tests.ledgers import ledger_down
from tests.replays import Viewer
from tests.shares import share

pytestmark = [pytest.mark.database, pytest.mark.django_db]
LISTS = (
    "accounts/user", "patients/patient", "patients/clinician", "patients/carerelationship",
    "consultations/consultation", "notices/notice", "recordings/recording", "recordings/processingjob",
    "recordings/accessreport", "recordings/deletionrequest", "recordings/playbackrevocation",
    "recordings/quarantinedecision", "recordings/playbacksuspension",
)  # fmt: skip


def client_of(user: User) -> Client:
    return Viewer(user).client


def looks(user: User, action: Action) -> list[tuple]:
    lines = Entry.objects.filter(actor=user.pk, action=action).order_by("seq")
    return list(lines.values_list("object_type", "object_id", "patient", "reason"))


def test_a_list_is_one_line_that_says_how_many_and_by_which_filters(cast: Cast) -> None:
    chief = client_of(cast.administrator)
    for page in LISTS:
        assert chief.get(f"/admin/{page}/").status_code == 200, page
    lines = Entry.objects.filter(actor=cast.administrator.pk).order_by("seq")
    assert [line.object_type for line in lines] == [page.split("/")[1] for page in LISTS]
    assert {(line.action, line.object_id, line.patient) for line in lines} == {(Action.LISTED, None, None)}
    chief.get("/admin/patients/patient/", {"q": cast.ada.patient.name})
    found, line = Entry.objects.order_by("-seq")[:2]
    assert line.detail == {"shown": 1, "by": ["q"]} and cast.ada.patient.name not in str(line.detail)
    assert (found.object_id, found.patient, found.reason, found.detail) == (*[cast.ada.patient.pk] * 2, "found", {})
    chief.get("/admin/accounts/user/", {"is_active__exact": "1"})
    assert Entry.objects.latest("seq").detail["by"] == ["is_active__exact"]


def test_whoever_is_looked_up_is_named_once_and_can_be_told_by_whom(cast: Cast) -> None:
    clerk, patient = client_of(cast.staff), cast.ada.patient
    for page in ("patients/patient", "consultations/consultation", "accounts/user"):
        assert patient.name in clerk.get(f"/admin/{page}/", {"q": patient.name}).content.decode()
    named = [look for look in looks(cast.staff, Action.LISTED) if look[1]]
    assert [(kind, whose) for kind, _, whose, _ in named] == [
        ("patient", patient.pk), ("consultation", patient.pk), ("user", None),
    ]  # fmt: skip
    assert named[2][1] == patient.user_id, "an account is named by itself"
    clerk.get("/admin/patients/patient/", {"o": "1"})
    assert len([look for look in looks(cast.staff, Action.LISTED) if look[1]]) == 3, "nobody was looked for"
    found = search.about(Entry.objects.all(), patient.user.email, actor=Actor(cast.administrator.pk))
    assert set(found.filter(actor=cast.staff.pk).values_list("object_type", flat=True)) == {kind for kind, *_ in named}


def test_every_page_about_a_recording_is_a_look_at_it_that_its_people_read(cast: Cast) -> None:
    pieces, recording, chief = make_pieces(cast.ada), cast.ada.recording, client_of(cast.administrator)
    about = (recording.pk, recording.patient_id)
    Recording.objects.filter(pk=recording.pk).update(status=Recording.Status.READY)
    pages = [
        reverse("admin:recordings_recording_change", args=[recording.pk]),
        reverse("admin:recordings_recording_history", args=[recording.pk]),
        reverse("admin:recording_hold", args=[recording.pk]),
        reverse("admin:recordings_processingjob_change", args=[ProcessingJob.objects.get(recording=recording).pk]),
        reverse("admin:processingjob_again", args=[pieces.job.pk]),
        reverse("admin:recordings_quarantinedecision_change", args=[pieces.decision.pk]),
    ]
    for page in pages:
        assert chief.get(page).status_code == 200, page
    assert looks(cast.administrator, Action.OPENED) == [("recording", *about, "facts")] * len(pages)
    patient = client_of(cast.ada.patient.user)
    history = patient.get(f"/recordings/{recording.pk}/access/").content.decode()
    assert history.count("looked at its state and dates, not at what it holds") == len(pages)
    assert cast.administrator.name not in patient.get("/").content.decode(), "nobody has watched it"
    stranger = client_of(cast.ben.patient.user)
    assert stranger.get(f"/recordings/{recording.pk}/access/").status_code == 404


def test_a_pause_is_a_page_about_its_patient(cast: Cast) -> None:
    made = suspend(
        Scope.RECORDING, cast.ada.recording.pk, reason="Why.", actor=Actor(cast.administrator.pk), now=cast.now
    )
    client_of(cast.staff).get(reverse("admin:recordings_playbacksuspension_change", args=[made.pk]))
    assert looks(cast.staff, Action.OPENED) == [("playbacksuspension", made.pk, cast.ada.patient.pk, "")]


def test_the_day_asks_again_and_is_one_line_in_ten_minutes(cast: Cast) -> None:
    clerk = client_of(cast.staff)
    for page in ("/admin/", "/admin/now/", "/admin/now/"):
        assert clerk.get(page).status_code == 200
    assert looks(cast.staff, Action.LISTED) == [("consultation", None, None, "day")]
    client_of(cast.administrator).get("/admin/now/")
    assert len(looks(cast.administrator, Action.LISTED)) == 1, "everybody for themselves"


def test_looking_for_somebody_at_the_desk_is_noted_without_what_was_typed(cast: Cast) -> None:
    clerk = client_of(cast.staff)
    clerk.get("/admin/consultations/consultation/desk/")
    assert looks(cast.staff, Action.LISTED) == []
    clerk.get("/admin/consultations/consultation/desk/", {"q": cast.ada.patient.name})
    patient = cast.ada.patient.pk
    assert looks(cast.staff, Action.LISTED) == [
        ("patient", None, None, "desk"), ("patient", patient, patient, "desk")
    ]  # fmt: skip
    assert [line.detail for line in Entry.objects.order_by("seq")] == [{"shown": 1, "by": ["q"]}, {}]


def test_names_that_are_offered_while_typing_are_a_list_too(cast: Cast) -> None:
    chief = client_of(cast.administrator)
    chief.raise_request_exception = False
    asked = {"app_label": "patients", "model_name": "patient", "field_name": "user", "term": "zq"}
    answer = chief.get("/admin/autocomplete/", asked)
    assert answer.status_code == 200
    last = Entry.objects.latest("seq")
    assert (last.action, last.object_type, last.reason) == (Action.LISTED, "patient", "choice")
    assert last.detail == {"shown": len(answer.json()["results"]), "by": ["term"]}
    with ledger_down():
        assert chief.get("/admin/autocomplete/", asked).status_code == 503


def test_without_the_ledger_nobody_is_shown(cast: Cast) -> None:
    share(cast.ada)
    clerk = client_of(cast.staff)
    clerk.raise_request_exception = False
    recording = reverse("admin:recordings_recording_change", args=[cast.ada.recording.pk])
    with ledger_down():
        assert [clerk.get(page).status_code for page in ("/admin/patients/patient/", recording)] == [503, 503]
        day = clerk.get("/admin/")
        assert day.status_code == 200 and "Waiting now" not in day.content.decode()
    assert "Waiting now" in clerk.get("/admin/").content.decode()
