"""Who has seen a recording, in words for its two people; and what happens when they do not recognise somebody."""

from datetime import timedelta
from typing import Any

import pytest
from django.http import Http404
from django.test import Client
from django.utils import timezone

from accounts.models import User
from audit import ledger
from audit.ledger import Actor
from audit.models import Action, Alert, AlertKind, Entry
from recordings import history, playback, revocations, sharing, suspensions, unrecognised, viewings
from recordings.models import AccessReport, PlaybackSession, Recording
from recordings.revocations import Why
from recordings.suspensions import Scope
from recordings.unrecognised import CannotAnswer, Outcome
from tests.cast import Cast, make_user
from tests.ledgers import ledger_down
from tests.replays import MIB, Viewer
from tests.shares import own, share

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.one_cast]
ADMIN = "/admin/recordings/accessreport/"


def client_of(user: User) -> Client:
    return Viewer(user).client


def page(cast: Cast) -> str:
    return f"/recordings/{cast.ada.recording.pk}/access/"


def rows(cast: Cast, user: User | None = None) -> list[dict[str, Any]]:
    return list(history.page_of(own(cast.ada, user), None))


def told(cast: Cast, user: User | None = None) -> list[tuple[str, str, str, str]]:
    """Return (who, role, what, why) of each row, the oldest first."""
    return [(row["who"], row["role"], row["what"], row["why"]) for row in reversed(rows(cast, user))]


def watch(user: User, cast: Cast, seconds: int) -> None:
    actor, began = Actor(user.pk, f"session of {user.pk}"), timezone.now() - timedelta(minutes=10)
    playback.open_replay(user, cast.ada.recording.pk, actor=actor, now=began)
    for _ in range(2):
        later = began + timedelta(minutes=4)
        playback.count_seconds(user, cast.ada.recording.pk, seconds // 2, actor=actor, now=later)


def test_a_viewing_is_one_line_with_its_seconds_and_listings_of_a_day_are_one(cast: Cast) -> None:
    clinician, patient = cast.ada.clinician.user, cast.ada.patient.user
    watch(clinician, cast, 180)
    for _ in range(3):
        client_of(patient).get("/recordings/")
    assert told(cast) == [
        ("Dr Samuel Osei", "clinician of this consultation", "watched 3 min", ""),
        ("You", "patient", "saw it in a list, 3 times that day", ""),
    ]
    assert told(cast, clinician)[0][:2] == ("You", "clinician of this consultation")
    assert told(cast, clinician)[1][0] == "Ada Lovell"


def test_a_replay_that_was_taken_without_our_player_is_told_with_its_size_once(cast: Cast) -> None:
    clinician, recording = cast.ada.clinician.user, cast.ada.recording
    actor, began = Actor(clinician.pk, "a session"), timezone.now()
    playback.count_bytes(playback.open_replay(clinician, recording.pk, actor=actor, now=began).viewing, 3 * MIB)
    quiet = began + viewings.ONE_VIEWING
    assert viewings.settle(now=quiet - timedelta(seconds=1)) == 0, "it may go on"
    assert told(cast)[0][2] == "opened it"
    assert [viewings.settle(now=quiet), viewings.settle(now=quiet)] == [1, 0]
    line = Entry.objects.get(action=Action.WATCHED)
    assert (line.actor, line.object_id, line.patient) == (clinician.pk, recording.pk, cast.ada.patient.pk)
    assert (line.session_hash, line.detail["seconds"], line.detail["bytes"]) == ("a session", 0, 3 * MIB)
    assert told(cast)[0][2] == "played it (3.0\xa0MB); for how long is not known"
    assert "played it (3.0" in client_of(cast.ada.patient.user).get(f"/recordings/{recording.pk}/").content.decode()


def test_what_left_after_the_last_report_is_added_to_it(cast: Cast) -> None:
    clinician, began = cast.ada.clinician.user, timezone.now() - timedelta(minutes=10)
    watch(clinician, cast, 180)
    viewing = PlaybackSession.objects.get()
    settled = began + timedelta(hours=2)
    assert viewings.settle(now=settled) == 0, "no byte has left since"
    playback.count_bytes(viewing, MIB)
    with ledger_down(), pytest.raises(ledger.LedgerUnavailable):
        viewings.settle(now=settled)
    assert viewings.settle(now=settled) == 1
    assert [line.detail["bytes"] for line in Entry.objects.filter(action=Action.WATCHED).order_by("seq")] == [0, 0, MIB]
    assert told(cast)[0][2] == "watched 3 min"


def test_shares_are_told_in_the_words_of_whoever_shared(cast: Cast) -> None:
    patient = cast.ada.patient.user
    proposal = share(cast.ada, cast.ada.colleague.user.email, by=cast.ada.clinician.user)
    sharing.agree(proposal.pk, by=patient, actor=Actor(patient.pk), now=timezone.now())
    watch(cast.ada.colleague.user, cast, 60)
    sharing.withdraw(proposal.pk, by=patient, actor=Actor(patient.pk), now=timezone.now())
    until = timezone.localtime(proposal.expires_at).strftime("%-d %b %Y")
    assert told(cast) == [
        ("Dr Samuel Osei", "clinician of this consultation", f"proposed to share it with Hana Older until {until}", ""),
        ("You", "patient", f"agreed to share it with Hana Older until {until}", ""),
        ("Dr Karin Lind", "it was shared with them", "watched 1 min", ""),
        ("You", "patient", "ended the share with Hana Older", ""),
    ]


def test_a_refusal_names_who_had_been_let_in_and_nobody_else(cast: Cast) -> None:
    shared, patient = share(cast.ada), cast.ada.patient.user
    sharing.withdraw(shared.pk, by=patient, actor=Actor(patient.pk), now=timezone.now())
    for user in (shared.grantee, cast.ben.patient.user, cast.ben.clinician.user):
        assert Viewer(user).get(cast.ada.recording.pk).status_code == 404
    refused = "tried to open it and was refused"
    assert told(cast)[-3:] == [
        ("Hana Older", "it was shared with them", refused, "nothing gives them the right"),
        ("Somebody else with an account here", "", refused, "nothing gives them the right"),
        ("Dr Nour Haddad", "another clinician", refused, "nothing gives them the right"),
    ]
    assert "Ben Carrow" not in client_of(patient).get(page(cast)).content.decode()


def test_what_staff_did_with_it_is_there_too(cast: Cast) -> None:
    by, now = Actor(cast.administrator.pk), timezone.now()
    paused = suspensions.suspend(Scope.RECORDING, cast.ada.recording.pk, reason="Looking", actor=by, now=now)
    suspensions.resume(paused, note="All is well", actor=by, now=now)
    suspensions.suspend(Scope.RECORDING, cast.ben.recording.pk, reason="Looking", actor=by, now=now)
    revoked = revocations.revoke_playback(cast.ada.recording, cast.ada.clinician.user, why=Why.LEFT, actor=by, now=now)
    revocations.restore_playback(revoked, why=revocations.WhyBack.SETTLED, actor=by, now=now)
    assert told(cast) == [
        ("Ari Admin", "staff", "paused it for everybody", ""),
        ("Ari Admin", "staff", "let it be watched again", ""),
        ("Ari Admin", "staff", "took from Dr Samuel Osei the right to watch", "they left"),
        ("Ari Admin", "staff", "gave Dr Samuel Osei the right to watch", "what it was taken for is settled"),
    ]


def test_every_action_of_the_ledger_about_a_recording_has_words() -> None:
    elsewhere = {*history.ELSEWHERE, Action.OPENED, Action.UNSHARED}
    never_about_one = {
        Action.CONSENTED, Action.WITHDREW, Action.CAPTURED, Action.MISUSED, Action.INVITED, Action.SIGNED,
        Action.REGISTERED, Action.CHANGED,
    }  # fmt: skip
    assert set(Action) - elsewhere - never_about_one == set(history.WORDS)


@pytest.mark.parametrize("actor", ["ada.patient", "ada.clinician"])
@pytest.mark.parametrize("what", ["paused", "quarantined", "withdrawn"])
def test_both_people_read_it_whatever_became_of_the_recording(what: str, actor: str, cast: Cast) -> None:
    if what == "paused":
        suspensions.suspend(Scope.EVERYTHING, reason="x", actor=Actor(cast.administrator.pk), now=timezone.now())
    else:
        Recording.objects.filter(pk=cast.ada.recording.pk).update(status=what)
    assert client_of(cast.actors()[actor]).get(page(cast)).status_code == 200


@pytest.mark.parametrize("actor", ["ada.colleague", "ben.patient", "ben.clinician", "staff", "administrator"])
def test_nobody_else_reads_it(actor: str, cast: Cast) -> None:
    assert client_of(cast.actors()[actor]).get(page(cast)).status_code == 404


def test_a_share_holder_does_not_read_it_or_report(cast: Cast) -> None:
    holder = share(cast.ada).grantee
    client = client_of(holder)
    assert client.get(page(cast)).status_code == 404
    assert client.post(f"{page(cast)}{Entry.objects.latest('seq').seq}/report/").status_code == 404
    shown = playback.recording_or_404(holder, cast.ada.recording.pk, actor=Actor(holder.pk), now=timezone.now())
    with pytest.raises(ValueError, match="two people"):
        history.lines_about(shown)


def test_the_page_has_pages(cast: Cast) -> None:
    recording = cast.ada.recording
    line = ledger.Line(Action.REFUSED, "recording", recording.pk, recording.patient_id, reason="stranger")
    ledger.append(Actor(cast.ben.patient.user.pk), *[line] * (history.PER_PAGE + 5))
    client = client_of(cast.ada.patient.user)
    first, second = (client.get(page(cast), {"page": number}).content.decode() for number in (1, 2))
    assert first.count("tried to open it") == history.PER_PAGE and second.count("tried to open it") == 5
    assert "Older" in first and "Newer" in second


def test_the_neighbours_lines_are_never_among_them(cast: Cast) -> None:
    watch(cast.ada.clinician.user, cast, 60)
    Viewer(cast.ben.patient.user).get(cast.ben.recording.pk)
    about = {entry.object_id for entry in history.lines_about(own(cast.ada))}
    assert about == {cast.ada.recording.pk}


# Not recognised.


def seen_by_clinician(cast: Cast) -> int:
    """Let the clinician watch; return the number of that line."""
    watch(cast.ada.clinician.user, cast, 60)
    return Entry.objects.get(action=Action.OPENED, actor=cast.ada.clinician.user.pk).seq


def report(cast: Cast, line: int, user: User | None = None) -> Any:
    return client_of(user or cast.ada.patient.user).post(f"{page(cast)}{line}/report/", follow=True)


def test_it_reaches_staff_at_once_and_the_patient_reads_that_it_did(cast: Cast) -> None:
    line = seen_by_clinician(cast)
    for _ in range(2):
        text = report(cast, line).content.decode()
    assert "that you do not recognise this. Staff are looking into it." in text
    made = AccessReport.objects.get()
    assert (made.line, made.reported_by, made.patient) == (line, cast.ada.patient.user, cast.ada.patient)
    alert = Alert.objects.get(kind=AlertKind.NOT_RECOGNISED)
    assert (alert.object_id, alert.patient, alert.times) == (made.pk, cast.ada.patient.pk, 1)
    assert alert.detail == {
        "recording": str(cast.ada.recording.pk), "line": line, "whose": str(cast.ada.clinician.user.pk)
    }  # fmt: skip
    written = Entry.objects.get(action=Action.REPORTED)
    assert (written.actor, written.object_id, written.detail["line"]) == (
        cast.ada.patient.user.pk, cast.ada.recording.pk, line
    )  # fmt: skip
    assert "looking into it" not in client_of(cast.ada.clinician.user).get(page(cast)).content.decode()


def test_only_lines_about_it_that_somebody_else_caused_can_be_reported(cast: Cast) -> None:
    line = seen_by_clinician(cast)
    Viewer(cast.ada.patient.user).get(cast.ada.recording.pk)
    Viewer(cast.ben.clinician.user).get(cast.ben.recording.pk)
    mine = Entry.objects.get(action=Action.OPENED, actor=cast.ada.patient.user.pk).seq
    theirs = Entry.objects.get(action=Action.OPENED, actor=cast.ben.clinician.user.pk).seq
    for wrong in (mine, theirs, 0, 10**9, 10**30):
        assert report(cast, wrong).status_code == 404
    assert report(cast, line, cast.ben.patient.user).status_code == 404
    assert not AccessReport.objects.exists() and not Alert.objects.filter(kind=AlertKind.NOT_RECOGNISED).exists()
    assert report(cast, line).status_code == 200


def test_without_the_ledger_nothing_is_reported(cast: Cast) -> None:
    line, shown = seen_by_clinician(cast), own(cast.ada)
    with ledger_down(), pytest.raises(ledger.LedgerUnavailable):
        unrecognised.report(shown, line, actor=Actor(cast.ada.patient.user.pk), now=timezone.now())
    assert not AccessReport.objects.exists()


def reported(cast: Cast) -> AccessReport:
    report(cast, seen_by_clinician(cast))
    return AccessReport.objects.get()


def test_staff_see_facts_without_content_and_administrators_answer(cast: Cast) -> None:
    made = reported(cast)
    for path in (ADMIN, f"{ADMIN}{made.pk}/change/"):
        text = client_of(cast.staff).get(path).content.decode()
        assert cast.ada.clinician.user.email in text and "the patient" in text
        assert cast.ada.patient.name not in text and "First visit" not in text
    said = {"outcome": "in_order", "note": "Your clinician looked at it before your next visit."}
    assert client_of(cast.staff).post(f"{ADMIN}{made.pk}/change/", said).status_code == 403
    assert client_of(cast.administrator).post(f"{ADMIN}{made.pk}/change/", {"outcome": "wrong"}).status_code == 200
    assert client_of(cast.administrator).post(f"{ADMIN}{made.pk}/change/", said).status_code == 302
    made.refresh_from_db()
    assert (made.outcome, made.handled_by) == ("in_order", cast.administrator)
    text = client_of(cast.ada.patient.user).get(page(cast)).content.decode()
    assert "It was in order." in text and "before your next visit" in text
    alert = Alert.objects.get(kind=AlertKind.NOT_RECOGNISED)
    assert (alert.handled_by, alert.note) == (cast.administrator.pk, said["note"])
    lines = Entry.objects.filter(action=Action.HANDLED).values_list("object_type", "object_id", "reason")
    assert set(lines) == {("accessreport", made.pk, "in_order"), ("alert", alert.pk, "")}
    assert client_of(cast.administrator).post(f"{ADMIN}{made.pk}/change/", said).status_code == 403, (
        "it is answered once"
    )


def test_whom_it_is_about_does_not_answer(cast: Cast) -> None:
    holder = share(cast.ada, cast.administrator.email).grantee
    watch(holder, cast, 60)
    line = Entry.objects.get(action=Action.OPENED, actor=holder.pk).seq
    report(cast, line)
    made = AccessReport.objects.get()
    said = {"outcome": "in_order", "note": "It was me."}
    answer = client_of(cast.administrator).post(f"{ADMIN}{made.pk}/change/", said)
    assert answer.status_code == 200 and "a colleague answers" in answer.content.decode()
    with pytest.raises(CannotAnswer):
        unrecognised.answer(
            made.pk, outcome=Outcome.IN_ORDER, note="x", by=holder, actor=Actor(holder.pk), now=timezone.now()
        )
    made.refresh_from_db()
    assert made.handled_at is None


def test_an_answer_needs_a_note_and_is_given_once(cast: Cast) -> None:
    made, facts = (
        reported(cast),
        {"actor": Actor(cast.administrator.pk), "now": timezone.now(), "by": cast.administrator},
    )
    with pytest.raises(CannotAnswer):
        unrecognised.answer(made.pk, outcome=Outcome.WRONG, note="  ", **facts)
    unrecognised.answer(made.pk, outcome=Outcome.WRONG, note="Talked to them.", **facts)
    with pytest.raises(CannotAnswer):
        unrecognised.answer(made.pk, outcome=Outcome.IN_ORDER, note="Changed my mind.", **facts)
    made.refresh_from_db()
    assert made.outcome == "wrong"


def test_a_line_of_somebody_who_is_gone_is_still_told(cast: Cast) -> None:
    gone = make_user("Gone Person")
    recording = cast.ada.recording
    ledger.append(Actor(gone.pk), ledger.Line(Action.OPENED, "recording", recording.pk, recording.patient_id))
    User.objects.filter(pk=gone.pk).delete()
    assert told(cast) == [("Somebody else with an account here", "", "opened it", "")]


def test_the_service_refuses_a_line_that_is_not_there(cast: Cast) -> None:
    with pytest.raises(Http404):
        unrecognised.report(own(cast.ada), 12345, actor=Actor(cast.ada.patient.user.pk), now=timezone.now())
