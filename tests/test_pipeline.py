"""From a sealed recording to a replay: what arrived is shown, what is absent is a hole, what was withdrawn is cut."""

import io
from datetime import timedelta
from importlib import import_module
from itertools import pairwise

import av
import pytest
from django.utils import timezone

from audit.models import Action, Entry
from consultations import calls
from recordings import capture, jobs, policy, safe, upkeep
from recordings.models import Recording, Segment
from tests.cast import Cast
from tests.visits import CANVAS, CLINICIAN, PATIENT, Visit, media, parts, recorded_visit, stored_files

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def small_pictures(settings) -> None:
    settings.RECORDING_CANVAS = CANVAS


@pytest.fixture
def visit(cast: Cast) -> Visit:
    return Visit(cast.ada, at=cast.now - timedelta(hours=6)).begin()


def replay_of(recording: Recording) -> bytes:
    rendition = recording.renditions.latest("version")
    with safe.open_object(rendition, recording.patient.vault_id) as reader:
        return reader.read_range(0, rendition.byte_length)


def test_a_visit_becomes_one_replay_of_all_its_modes(visit: Visit) -> None:
    visit.record("audio", 3)
    visit.switch("video")
    visit.record("video", 3)
    visit.switch("audio")
    visit.record("audio", 2)
    recording = visit.end().process()
    assert recording.status == "ready"
    assert parts(recording) == [("audio", 0, 3), ("video", 3, 6), ("audio", 6, 8)]
    assert recording.duration_ms == pytest.approx(8000, abs=100)
    assert recording.retain_until == recording.started_at + timedelta(days=365)
    rendition = recording.renditions.get()
    assert (rendition.version, rendition.content_type, rendition.patient) == (1, "video/webm", visit.world.patient)
    with av.open(io.BytesIO(replay_of(recording))) as replay:
        assert {stream.type for stream in replay.streams} == {"audio", "video"}
        assert replay.duration / 1_000_000 == pytest.approx(8, abs=0.2)
    assert set(Segment.objects.filter(recording=recording).values_list("status", flat=True)) == {"verified"}
    assert (visit.job.status, visit.job.stage, visit.job.attempts, visit.job.fault) == ("done", "finished", 1, "")
    assert visit.job.lease_until is None


def test_it_is_granted_to_the_two_who_spoke_and_written_down(cast: Cast, visit: Visit) -> None:
    visit.record()
    recording = visit.end().process()
    able = {name for name, user in cast.actors().items() if policy.playable_by(user).filter(pk=recording.pk).exists()}
    assert able == {"ada.patient", "ada.clinician"}
    lines = Entry.objects.filter(object_id=recording.pk).order_by("seq")
    assert [line.action for line in lines] == [Action.PUBLISHED, Action.GRANTED, Action.GRANTED]
    people = {str(visit.world.patient.user.pk), str(visit.world.clinician.user.pk)}
    assert {line.detail["to"] for line in lines[1:]} == people
    assert {line.patient for line in lines} == {visit.world.patient.pk}


def test_sound_alone_becomes_a_sound_file(visit: Visit) -> None:
    visit.record("audio", 2)
    recording = visit.end().process()
    assert recording.renditions.get().content_type == "audio/webm"


def test_a_lost_middle_chunk_is_a_hole_and_what_follows_keeps_its_time(visit: Visit) -> None:
    visit.record("audio", 6, lost=[2], closes=True)
    visit.end()
    upkeep.sweep(now=visit.after(601))
    recording = visit.process()
    assert recording.status == "partial"
    assert parts(recording) == [("audio", 0, 2), ("damaged", 2, 3), ("audio", 3, 6)]
    assert Segment.objects.get(recording=recording).status == "abandoned"


def test_a_lost_first_chunk_borrows_the_header_of_a_later_sibling(visit: Visit) -> None:
    visit.switch("video")
    visit.record("video", 4, lost=[0])
    visit.switch("audio")
    visit.record("audio", 2)
    visit.after(2)
    visit.switch("video")
    visit.record("video", 2)
    visit.end()
    upkeep.sweep(now=visit.after(601))
    recording = visit.process()
    assert recording.status == "partial", recording.reason
    kinds = [kind for kind, _, _ in parts(recording)]
    assert kinds.count("video") == 2 and "audio" in kinds
    assert parts(recording)[-1][2] == pytest.approx(10, abs=0.2)


def test_chunks_are_any_pieces_of_bytes_and_a_lost_one_takes_nothing_else_with_it(visit: Visit) -> None:
    whole = b"".join(media("audio", 8))
    cuts = [len(whole) * n // 8 + (37 if 0 < n < 8 else 0) for n in range(9)]
    pieces = [whole[begin:end] for begin, end in pairwise(cuts)]
    visit.record(chunks=pieces, lost=[3])
    visit.end()
    upkeep.sweep(now=visit.after(601))
    recording = visit.process()
    assert recording.status == "partial", recording.reason
    (_, _, first_end), (kind, _, _), (_, second, end) = parts(recording)
    assert kind in {"damaged", "missing"}
    assert 2.5 <= first_end <= 3.3 and 3.8 <= second <= 4.5 and end == pytest.approx(8, abs=0.1)
    # Torn packets are no sound: every packet of the replay is one that was recorded, or silence.
    silence = bytes.fromhex("F8FFFE")
    assert packets(replay_of(recording)) <= packets(whole) | {silence}


def test_a_borrowed_header_that_names_the_tracks_the_other_way_round_is_turned(visit: Visit) -> None:
    visit.switch("video")
    visit.record("video", 3, chunks=media("video", 3, is_video_first=False), lost=[0])
    visit.switch("audio")
    visit.after(2)
    visit.switch("video")
    visit.record("video", 2)
    visit.end()
    upkeep.sweep(now=visit.after(601))
    recording = visit.process()
    assert recording.status == "partial", recording.reason
    assert [kind for kind, _, _ in parts(recording)].count("video") == 2


def test_a_first_chunk_that_nobody_can_replace_is_a_hole_not_a_suspicion(visit: Visit) -> None:
    visit.record("audio", 3, lost=[0])
    visit.switch("video")
    visit.record("video", 3)
    visit.end()
    upkeep.sweep(now=visit.after(601))
    recording = visit.process()
    assert recording.status == "partial", recording.reason
    assert [kind for kind, _, _ in parts(recording)] == ["damaged", "video"]


def test_a_recorder_that_ended_at_once_spoils_nothing(visit: Visit) -> None:
    header = media("audio", 3)[0].split(bytes.fromhex("1F43B675"))[0]
    opened = visit.open()
    visit.put(opened, 0, header)
    visit.close(opened, [header])
    visit.record("audio", 2)
    recording = visit.end().process()
    assert recording.status == "partial", recording.reason
    assert parts(recording)[-1][0] == "audio"


def test_a_crashed_recorder_leaves_what_it_had_sent(visit: Visit) -> None:
    visit.record("audio", 4, lost=[2, 3], closes=False)
    visit.end()
    upkeep.sweep(now=visit.after(601))
    recording = visit.process()
    assert recording.status == "partial"
    assert parts(recording) == [("audio", 0, 2), ("interrupted", 2, 4)]


def test_nothing_captured_fails_and_is_nobodys_replay(visit: Visit) -> None:
    visit.end()
    upkeep.sweep(now=visit.after(61))
    recording = visit.process()
    assert (recording.status, recording.reason) == ("failed", "nothing_captured")
    assert (visit.job.status, visit.job.fault) == ("given_up", "nothing_captured")
    assert not recording.renditions.exists() and stored_files(recording) == set()
    assert not policy.granted_to(visit.world.patient.user).filter(pk=recording.pk).exists()


def record_through_a_withdrawal(visit: Visit) -> tuple[float, float]:
    """Go on recording for 1.5 s after a withdrawal in mid-second; return when it began, in s of the recording."""
    opened, chunks = visit.open(), media("audio", 6)
    for number in range(3):
        visit.after(1)
        visit.put(opened, number, chunks[number])
    visit.after(0.5)
    visit.withdraw()
    for number in (3, 4):
        visit.after(1)
        visit.put(opened, number, chunks[number])
    visit.close(opened, chunks[:5], reason="revoked")
    return 3.5


@pytest.mark.parametrize("reason", ["ended", "lost"])
def test_what_was_recorded_after_a_withdrawal_is_cut_to_a_tenth_of_a_second(visit: Visit, reason: str) -> None:
    withdrawn_s = record_through_a_withdrawal(visit)
    visit.after(60)
    recording = visit.end(reason).process()
    assert recording.status == "ready"
    assert recording.duration_ms / 1000 == pytest.approx(withdrawn_s, abs=0.1)
    with av.open(io.BytesIO(replay_of(recording))) as replay:
        last = max(float(packet.pts * packet.time_base) for packet in replay.demux() if packet.pts is not None)
        assert last <= withdrawn_s


def test_a_withdrawn_interval_is_off_the_record_and_both_sides_stay(visit: Visit) -> None:
    withdrawn_s = record_through_a_withdrawal(visit)
    visit.after(4.5)
    visit.allow(PATIENT)
    again_s = (visit.now - visit.recording.started_at).total_seconds()
    visit.record("audio", 2)
    recording = visit.end().process()
    (_, _, first_end), (kind, begin, end), (_, second, _) = parts(recording)
    assert (kind, begin, end) == ("paused", first_end, second)
    assert begin == pytest.approx(withdrawn_s, abs=0.1)
    assert end == pytest.approx(again_s, abs=0.1)


def test_a_first_part_of_which_nothing_came_is_a_hole_at_the_beginning(visit: Visit) -> None:
    visit.record("audio", 3, lost=[0, 1, 2], closes=False)
    visit.record("audio", 3)
    visit.end()
    upkeep.sweep(now=visit.after(601))
    recording = visit.process()
    assert (recording.status, parts(recording)) == ("partial", [("damaged", 0, 3), ("audio", 3, 6)])
    assert recording.timeline[0]["reason"] == "damaged"


def test_a_replay_waits_for_the_part_that_was_allowed_last(visit: Visit) -> None:
    visit.record("audio", 2)
    visit.allow(CLINICIAN, "audio_video")
    visit.withdraw(CLINICIAN)
    visit.allow(CLINICIAN)  # a new lease in the same epoch; its first part is still on its way
    calls.end(visit.call.pk, reason="ended", now=visit.now)
    assert not capture.seal_if_whole(visit.recording, now=visit.after(1))
    assert capture.seal_if_whole(visit.recording, now=visit.after(61))


def test_late_chunks_that_stay_incomplete_are_used_after_ten_quiet_minutes(visit: Visit) -> None:
    opened = visit.record("audio", 5, lost=[2, 3, 4], closes=False)
    visit.end()
    upkeep.sweep(now=visit.after(601))
    first = visit.process()
    visit.now = timezone.now() + timedelta(minutes=1)
    visit.put(opened, 2, media("audio", 5)[2])
    visit.put(opened, 4, media("audio", 5)[4])
    upkeep.sweep(now=visit.after(590))
    assert first.jobs.count() == 1
    upkeep.sweep(now=visit.after(20))
    upkeep.sweep(now=visit.after(1))
    assert first.jobs.count() == 2
    jobs.ProcessingJob.objects.update(not_before=timezone.now())
    second = visit.process()
    assert [(begin, end) for _, begin, end in parts(second)] == [(0, 3), (3, 4), (4, 5)]
    assert parts(second)[1][0] in {"damaged", "missing"}
    upkeep.sweep(now=visit.after(3600))
    assert first.jobs.count() == 2


def test_what_became_whole_while_the_replay_was_made_is_not_called_verified(visit: Visit, monkeypatch) -> None:
    opened = visit.record("audio", 3, lost=[2], closes=False)
    visit.end()
    upkeep.sweep(now=visit.after(601))
    module = import_module("recordings.pipeline.process")
    real = module.run_job

    def meanwhile(*arguments, **other):
        if Segment.objects.get(recording=visit.recording).status == "abandoned":
            visit.now = timezone.now()
            visit.put(opened, 2, media("audio", 3)[2])
            visit.close(opened, media("audio", 3))
        return real(*arguments, **other)

    monkeypatch.setattr(module, "run_job", meanwhile)
    first = visit.process()
    assert Segment.objects.get(recording=first).status == "complete"
    assert first.jobs.count() == 1
    upkeep.sweep(now=visit.after(0.001))
    assert first.jobs.count() == 2
    second = visit.process()
    assert (second.status, Segment.objects.get(recording=first).status) == ("ready", "verified")
    assert recording_seconds(second) > recording_seconds(first)
    upkeep.sweep(now=visit.after(1))
    assert first.jobs.count() == 2


def recording_seconds(recording: Recording) -> float:
    return sum(end - begin for kind, begin, end in parts(recording) if kind == "audio")


def test_the_neighbours_replay_holds_the_neighbours_voice(cast: Cast) -> None:
    at = cast.now - timedelta(days=1)
    ada, ben = Visit(cast.ada, at=at).begin(), Visit(cast.ben, at=at).begin()
    ada.record("audio", 2, tone_hz=440)
    ben.record("audio", 2, tone_hz=1000)
    sounds = {}
    for visit in (ada, ben):
        sounds[visit] = replay_of(visit.end().process())
        assert stored_files(visit.recording)
    assert media("audio", 2, 440)[0][-200:] != media("audio", 2, 1000)[0][-200:]
    frame = {ada: media("audio", 2, 440), ben: media("audio", 2, 1000)}
    for visit, other in ((ada, ben), (ben, ada)):
        own = packets(b"".join(frame[visit]))
        assert packets(sounds[visit]) & own
        assert not packets(sounds[other]) & own


def packets(webm: bytes) -> set[bytes]:
    with av.open(io.BytesIO(webm)) as file:
        return {bytes(packet) for packet in file.demux() if packet.size > 20}


def test_everybody_who_spoke_was_asked(visit: Visit) -> None:
    """A call in which one person declined pictures is recorded as sound, though both see each other."""
    visit.allow(CLINICIAN, "audio")
    visit.switch("video")
    visit.record("audio", 2)
    assert parts(visit.end().process()) == [("audio", 0, 2)]


def test_the_helper_makes_a_visit_that_waits_for_a_worker(cast: Cast) -> None:
    assert recorded_visit(cast.ada, at=cast.now - timedelta(days=2)).job.status == "queued"
