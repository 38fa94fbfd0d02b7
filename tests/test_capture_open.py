"""Opening a segment over the capture API: only what the call's own log allows, only for who holds the lease."""

import base64
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from audit import triggers
from recordings import capture
from recordings.models import RecorderLease, Recording, Segment
from tests.cast import Cast
from tests.visits import CLINICIAN, PATIENT, Recorder, Visit, media

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.one_cast]
A_DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def visit(cast: Cast) -> Visit:
    """Ada's visit, which began a minute ago."""
    visit = Visit(cast.ada, at=timezone.now() - timedelta(minutes=1), consultation=cast.ada.planned).begin()
    visit.now = timezone.now()
    return visit


def ms(moment) -> int:
    return round(moment.timestamp() * 1000)


def test_lease_holder_opens_a_segment_once_and_finds_it_again(visit: Visit) -> None:
    recorder = Recorder(visit)
    wish = {"segment": str(uuid.uuid4()), "t0": ms(visit.now)}
    first, again = recorder.open(**wish), recorder.open(**wish)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["segment"] == again.json()["segment"] == wish["segment"]
    assert first.json()["key"] == again.json()["key"]
    assert len(base64.b64decode(first.json()["key"])) == 32
    assert first.json()["max_chunk"] == 2 * 1024 * 1024
    assert first.json()["have"] == [] and first.json()["status"] == "open"
    segment = Segment.objects.get()
    assert (segment.patient_id, segment.recording_id) == (visit.world.patient.pk, visit.recording.pk)
    assert (segment.number, segment.mode, segment.epoch) == (0, "audio", visit.call.epoch)
    assert base64.b64decode(first.json()["key"]) not in bytes(segment.wrapped_spool_key)
    assert recorder.open().json()["key"] != first.json()["key"]
    assert sorted(Segment.objects.values_list("number", flat=True)) == [0, 1]


def test_foreign_and_unknown_leases_are_the_same_nothing(cast: Cast, visit: Visit) -> None:
    foreign, unknown = (
        Recorder(visit, cast.ben.clinician.user).open(lease=lease) for lease in (visit.lease.pk, uuid.uuid4())
    )
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.content == unknown.content
    assert foreign.headers == unknown.headers
    # The patient of this very call holds no lease either: only a recorder records.
    assert Recorder(visit, visit.world.patient.user).open().content == unknown.content
    assert not Segment.objects.exists()


def test_another_persons_segment_id_is_nothing_too(cast: Cast, visit: Visit) -> None:
    other = Visit(cast.ben, at=timezone.now() - timedelta(minutes=1), consultation=cast.ben.planned).begin()
    theirs = other.open()
    answer = Recorder(visit).open(segment=str(theirs.segment.pk))
    assert answer.status_code == 404
    assert answer.json() == {"code": "not_found", "detail": "There is nothing here."}
    assert Segment.objects.get() == theirs.segment


def test_without_a_session_or_a_csrf_token_nothing_opens(visit: Visit) -> None:
    anonymous = Client().post("/api/v1/segments/", {}, content_type="application/json")
    assert (anonymous.status_code, anonymous.json()["code"]) == (401, "not_authenticated")
    assert Client().get("/api/v1/segments/unfinished/").status_code == 401
    assert Recorder(visit, enforce_csrf_checks=True).open().status_code == 403
    assert not Segment.objects.exists()
    assert Recorder(visit).open().status_code == 201


NOT_ALLOWED = [
    ({"epoch": 7}, 409, "stale_epoch"),
    ({"mode": "video", "mime": "video/webm"}, 409, "wrong_mode"),
    ({"mime": "text/html"}, 415, "mime"),
    ({"mime": "video/webm"}, 415, "mime"),
    ({"mime": "audio/webm;codecs=opus\r\nX-Evil: 1"}, 415, "mime"),
    ({"mode": "screen"}, 400, "bad_shape"),
    ({"segment": "../../etc"}, 400, "bad_shape"),
    ({"t0": -1}, 400, "bad_shape"),
    ({"t0": "soon"}, 400, "bad_shape"),
]


def test_what_the_log_does_not_allow_does_not_open(visit: Visit) -> None:
    for wrong, status, code in NOT_ALLOWED:
        answer = Recorder(visit).open(**wrong)
        assert (answer.status_code, answer.json()["code"]) == (status, code), wrong
        assert set(answer.json()) == {"code", "detail"}
    assert not Segment.objects.exists()


@pytest.mark.parametrize("off_ms", [-A_DAY_MS, -70_000, 3_000, A_DAY_MS, 2**51])
def test_a_start_outside_the_permission_is_refused_and_nothing_breaks(visit: Visit, off_ms: int) -> None:
    answer = Recorder(visit).open(t0=ms(timezone.now()) + off_ms)
    assert (answer.status_code, answer.json()["code"]) == (409, "clock")
    assert not Segment.objects.exists()


@pytest.mark.parametrize("off_ms", [-50_000, -10, 1_500])
def test_a_start_within_the_permission_opens_at_its_place(visit: Visit, off_ms: int) -> None:
    t0 = ms(timezone.now()) + off_ms
    assert Recorder(visit).open(t0=t0).status_code == 201
    assert Segment.objects.get().t0_ms == t0 - ms(visit.recording.started_at)


def test_owner_patient_and_path_in_the_body_mean_nothing(cast: Cast, visit: Visit) -> None:
    ben = cast.ben
    claims = {
        "patient": str(ben.patient.pk), "patient_id": str(ben.patient.pk), "owner": str(ben.clinician.user.pk),
        "recording": str(ben.recording.pk), "path": "../../x", "vault_id": str(ben.patient.vault_id), "number": 99,
        "status": "verified",
    }  # fmt: skip
    assert Recorder(visit).open(**claims).status_code == 201
    segment = Segment.objects.get()
    assert (segment.patient, segment.recording, segment.number) == (visit.world.patient, visit.recording, 0)
    assert segment.status == "open"


def test_a_lease_that_was_taken_opens_only_what_began_before(visit: Visit) -> None:
    lease, epoch = visit.lease, visit.call.epoch
    visit.now = timezone.now() - timedelta(seconds=10)
    visit.withdraw()
    facts = {"lease": str(lease.pk), "epoch": epoch, "mode": "audio", "mime": "audio/webm"}

    def opened(t0):
        body = facts | {"segment": str(uuid.uuid4()), "t0": ms(t0)}
        return Recorder(visit).client.post("/api/v1/segments/", body, content_type="application/json")

    after = opened(visit.now + timedelta(seconds=1))
    assert (after.status_code, after.json()["code"]) == (409, "lease_over")
    assert opened(visit.now - timedelta(seconds=5)).status_code == 201
    RecorderLease.objects.filter(pk=lease.pk).update(revoked_at=visit.now - timedelta(minutes=1))
    assert opened(visit.now - timedelta(minutes=1, seconds=-15)).json()["code"] == "lease_over"
    assert Segment.objects.count() == 1


def test_pictures_do_not_open_once_consent_was_narrowed_to_sound_in_the_same_epoch(visit: Visit) -> None:
    visit.now = timezone.now() - timedelta(seconds=30)
    visit.switch("video")
    epoch = visit.call.epoch
    visit.after(10)
    assert visit.open("video").segment.mode == "video"
    visit.allow(PATIENT, "audio")
    visit.call.refresh_from_db()
    assert (visit.call.epoch, visit.call.mode) == (epoch, "video")
    visit.now = timezone.now()
    late = Recorder(visit).open("video")
    assert (late.status_code, late.json()["code"]) == (409, "stale_epoch")
    assert Recorder(visit).open("audio").status_code == 201
    visit.allow(PATIENT, "audio_video")
    assert Recorder(visit).open("video").status_code == 201


def test_an_old_epoch_opens_nothing_new_after_a_switch(visit: Visit) -> None:
    visit.now = timezone.now() - timedelta(seconds=20)
    before = visit.call.epoch
    visit.switch("video")
    assert visit.call.epoch == before + 1
    visit.now = timezone.now()
    late = Recorder(visit).open("audio", epoch=before)
    assert (late.status_code, late.json()["code"]) == (409, "stale_epoch")
    in_time = Recorder(visit).open("audio", epoch=before, t0=ms(timezone.now()) - 25_000)
    assert in_time.status_code == 201


def test_nothing_opens_in_a_recording_that_is_sealed(visit: Visit) -> None:
    lease = visit.lease
    Recording.objects.filter(pk=visit.recording.pk).update(status="sealed")
    answer = Recorder(visit).open(lease=str(lease.pk))
    assert (answer.status_code, answer.json()["code"]) == (410, "over")
    assert not Segment.objects.exists()


def test_a_recording_has_room_for_so_many_parts_only(visit: Visit, monkeypatch) -> None:
    monkeypatch.setattr(capture.segments, "MAX_SEGMENTS", 2)
    assert [Recorder(visit).open().status_code for _ in range(3)] == [201, 201, 413]
    assert Segment.objects.count() == 2


def test_a_deactivated_clinician_opens_nothing(visit: Visit) -> None:
    recorder = Recorder(visit)
    visit.world.clinician.user.__class__.objects.filter(pk=visit.world.clinician.user.pk).update(is_active=False)
    assert recorder.open().status_code == 401
    assert not Segment.objects.exists()


def test_unfinished_segments_are_listed_for_their_recorder_alone(cast: Cast, visit: Visit) -> None:
    opened = visit.open()
    visit.put(opened, 0, media("audio", 3)[0])
    visit.put(opened, 2, media("audio", 3)[2])
    whole = visit.record("audio", 1)
    (listed,) = Recorder(visit).client.get("/api/v1/segments/unfinished/").json()
    assert listed["segment"] == str(opened.segment.pk) != str(whole.segment.pk)
    assert listed["consultation"] == str(visit.consultation.pk)
    assert listed["have"] == [[0, 0], [2, 2]]
    assert base64.b64decode(listed["key"]) == opened.key
    assert Recorder(visit).state(listed["segment"], listed["upload_token"]).json() == {
        "segment": listed["segment"], "status": "open", "have": [[0, 0], [2, 2]], "closed": False,
    }  # fmt: skip
    for other in (cast.ben.clinician, cast.ada.colleague, cast.ada.patient):
        assert Recorder(visit, other.user).client.get("/api/v1/segments/unfinished/").json() == []
    for status, count in (("processing", 1), ("ready", 1), ("failed", 1), ("quarantined", 0), ("withdrawn", 0)):
        Recording.objects.filter(pk=visit.recording.pk).update(status=status, duration_ms=1)
        assert len(Recorder(visit).client.get("/api/v1/segments/unfinished/").json()) == count, status


def test_unfinished_segments_are_forgotten_with_the_browsers_spool(visit: Visit) -> None:
    visit.open()
    user = visit.world.clinician.user
    assert len(capture.unfinished_of(user, now=visit.now + timedelta(days=7))) == 1
    assert capture.unfinished_of(user, now=visit.now + timedelta(days=9)) == []


def test_an_erased_patient_gets_no_new_key_by_a_recording(visit: Visit) -> None:
    keys = visit.world.patient.keys
    with triggers.lifted(connection):
        keys.update(version=2, wrapped_keyset=None, destroyed_at=visit.now, retired_at=visit.now)
    answer = Recorder(visit).open()
    assert (answer.status_code, answer.json()["code"]) == (503, "storage")
    assert keys.filter(retired_at=None).count() == 0
    assert not Segment.objects.exists()


def test_the_clinician_may_record_though_the_patient_left(visit: Visit) -> None:
    assert visit.place(CLINICIAN).is_present
    assert Recorder(visit).open().status_code == 201
