"""Playing a replay when something is wrong with it, or changes while it is played."""

import asyncio
import os

import pytest
from django.db import connection
from django.test import AsyncClient

from accounts.models import User
from audit.models import Action, Alert, AlertKind
from patients.models import Clinician, PatientKey
from recordings import intact, policy, safe
from recordings.models import Recording, Rendition
from recordings.vault import MasterKeyUnusable, SeekableReader, StoreUnavailable
from tests.cast import Cast
from tests.replays import MIB, Stream, Viewer, lines_of, noise, path_of, put_replay

LONG = noise(3 * MIB)
SEGMENT = 256 * 1024


@pytest.fixture
def ada(cast: Cast) -> Viewer:
    return Viewer(cast.ada.patient.user)


@pytest.fixture
def replay(cast: Cast) -> Rendition:
    return put_replay(cast.ada.recording, LONG)


def flip(replay: Rendition, at: int) -> None:
    content = bytearray(path_of(replay).read_bytes())
    content[at] ^= 1
    path_of(replay).write_bytes(content)


def swap_segments(replay: Rendition) -> None:
    content = bytearray(path_of(replay).read_bytes())
    one, other = slice(SEGMENT, 2 * SEGMENT), slice(2 * SEGMENT, 3 * SEGMENT)
    content[one], content[other] = content[other], content[one]
    path_of(replay).write_bytes(content)


DAMAGE = {
    "a bit in the header": lambda replay: flip(replay, 3),
    "a bit in the first segment": lambda replay: flip(replay, 100),
    "a bit in the middle": lambda replay: flip(replay, len(LONG) // 2),
    "a bit at the end": lambda replay: flip(replay, -1),
    "two segments swapped": swap_segments,
    "cut at a segment's border": lambda replay: os.truncate(path_of(replay), 4 * SEGMENT),
    "something appended": lambda replay: path_of(replay).open("ab").write(b"more") and None,
    "gone": lambda replay: path_of(replay).unlink(),
    "a link to something else": lambda replay: (path_of(replay).unlink(), path_of(replay).symlink_to("/etc/passwd")),
    "empty": lambda replay: os.truncate(path_of(replay), 0),
}


@pytest.mark.django_db
@pytest.mark.filterwarnings("ignore:.*_io.BufferedWriter:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize("kind", DAMAGE)
def test_not_one_byte_of_a_damaged_replay_is_served(cast: Cast, ada: Viewer, replay: Rendition, caplog, kind) -> None:
    DAMAGE[kind](replay)
    for headers in ({}, {"Range": "bytes=0-99"}):
        answer = ada.get(replay.recording_id, **headers)
        assert (answer.status_code, answer.body, answer["Retry-After"]) == (503, b"", "5")
        assert "ETag" not in answer and answer["Cache-Control"] == "private, no-store"
    line = lines_of(cast.ada.recording, Action.REFUSED)[-1]
    assert line.reason in {"replay_damaged", "replay_notthisobject", "replay_missing"}
    assert (line.actor, line.patient) == (cast.ada.patient.user.pk, cast.ada.patient.pk)
    alert = Alert.objects.get(kind=AlertKind.ALTERED)
    assert (alert.object_id, alert.patient, alert.times) == (replay.recording_id, cast.ada.patient.pk, 2)
    assert f"altered: recording {replay.recording_id}" in caplog.text
    assert cast.ada.recording.viewings.get().bytes_served == 0
    neighbour = Viewer(cast.ben.patient.user).get(cast.ben.recording.pk)
    assert (neighbour.status_code, neighbour.body) == (200, cast.ben.canary)


@pytest.mark.django_db
@pytest.mark.parametrize("outage", [StoreUnavailable, MasterKeyUnusable])
def test_an_outage_is_no_alarm_and_no_refusal(cast: Cast, ada: Viewer, monkeypatch, outage: type[Exception]) -> None:
    def fails(*_: object) -> None:
        raise outage

    monkeypatch.setattr(intact, "open_verified", fails)
    answer = ada.get(cast.ada.recording.pk)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert not Alert.objects.exists() and not lines_of(cast.ada.recording, Action.REFUSED)


@pytest.mark.django_db
def test_the_neighbours_object_in_place_of_ones_own_is_not_served(cast: Cast, ada: Viewer) -> None:
    mine, theirs = put_replay(cast.ada.recording, LONG), put_replay(cast.ben.recording, noise(3 * MIB + 1)[:-1])
    path_of(mine).write_bytes(path_of(theirs).read_bytes())
    answer = ada.get(mine.recording_id)
    assert (answer.status_code, answer.body) == (503, b"")


@pytest.mark.django_db
def test_an_older_version_in_place_of_the_newest_is_not_served(cast: Cast, ada: Viewer) -> None:
    old, new = put_replay(cast.ada.recording, LONG), put_replay(cast.ada.recording, LONG[::-1])
    path_of(new).write_bytes(path_of(old).read_bytes())
    assert ada.get(new.recording_id).status_code == 503
    Rendition.objects.filter(pk=new.pk).update(header=old.header)
    assert ada.get(new.recording_id).status_code == 503, "the object's own id is bound into it"


@pytest.mark.django_db
def test_content_that_is_not_what_was_recorded_is_not_served_though_it_decrypts(
    cast: Cast, ada: Viewer, replay
) -> None:
    Rendition.objects.filter(pk=replay.pk).update(sha256=bytes(32))
    assert ada.get(replay.recording_id, Range="bytes=0-9").status_code == 503
    assert lines_of(cast.ada.recording, Action.REFUSED)[-1].reason == "replay_damaged"


@pytest.mark.django_db
def test_the_whole_content_is_read_once_per_process_and_file_version(
    ada: Viewer, replay: Rendition, monkeypatch
) -> None:
    checked, real = [], SeekableReader.demand_whole
    count = lambda reader, sha256: (checked.append(sha256), real(reader, sha256))  # noqa: E731
    monkeypatch.setattr(SeekableReader, "demand_whole", count)
    for _ in range(3):
        assert ada.get(replay.recording_id, Range="bytes=0-9").body == LONG[:10]
    assert checked == [replay.sha256]
    content = path_of(replay).read_bytes()
    times = path_of(replay).stat()
    path_of(replay).write_bytes(content)
    os.utime(path_of(replay), ns=(times.st_atime_ns, times.st_mtime_ns))
    assert ada.get(replay.recording_id, Range="bytes=0-9").status_code == 206
    assert checked == [replay.sha256] * 2, "a file that was touched is read again, whatever its times say"


@pytest.mark.django_db
def test_an_erased_patients_replay_is_not_served(cast: Cast, ada: Viewer, replay: Rendition) -> None:
    assert ada.get(replay.recording_id, Range="bytes=0-9").status_code == 206
    at = cast.now
    PatientKey.objects.filter(patient=cast.ada.patient).update(wrapped_keyset=None, destroyed_at=at, retired_at=at)
    answer = ada.get(replay.recording_id, Range="bytes=0-9")
    assert (answer.status_code, answer.body) == (503, b"")
    assert lines_of(cast.ada.recording, Action.REFUSED)[-1].reason == "replay_keyrefused"


@pytest.mark.django_db
def test_without_the_master_key_there_is_a_pause(ada: Viewer, replay: Rendition, settings) -> None:
    settings.MASTER_KEY_URI = f"file://{settings.DATA_DIR / 'no-such.key'}"
    safe.vault.cache_clear()
    answer = ada.get(replay.recording_id)
    assert (answer.status_code, answer.body) == (503, b"")


@pytest.mark.django_db
def test_without_the_storage_there_is_a_pause_and_no_alarm(cast: Cast, ada: Viewer, replay, settings) -> None:
    settings.STORAGE_URL = (settings.DATA_DIR / "not-mounted").as_uri()
    safe.vault.cache_clear()
    answer = ada.get(replay.recording_id)
    assert (answer.status_code, answer.body, answer["Retry-After"]) == (503, b"", "5")
    assert not lines_of(cast.ada.recording, Action.REFUSED)


@pytest.mark.django_db
def test_a_reader_that_nobody_read_is_closed_with_its_answer(ada: Viewer, replay: Rendition, monkeypatch) -> None:
    closed, real = [], SeekableReader.close
    monkeypatch.setattr(SeekableReader, "close", lambda reader: (closed.append(1), real(reader)))
    answer = ada.client.get(f"/recordings/{replay.recording_id}/media/")
    assert not closed
    for closer in answer._resource_closers:
        closer()
    assert closed


@pytest.fixture
def stream(cast: Cast) -> Stream:
    put_replay(cast.ada.recording, noise(8 * MIB))
    return Stream.of(cast.ada.patient.user, cast.ada.recording)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("what", ["revoked", "deactivated", "quarantined", "signed out", "new password"])
def test_who_loses_the_right_in_the_middle_gets_no_more_than_two_mib(cast: Cast, stream: Stream, what: str) -> None:
    user, recording = cast.ada.patient.user, cast.ada.recording

    def change_password() -> None:
        user.set_password("another-one-altogether")
        user.save()

    happens = {
        "revoked": lambda: policy.withdraw_playback(recording, user),
        "deactivated": lambda: User.objects.filter(pk=user.pk).update(is_active=False),
        "quarantined": lambda: Recording.objects.filter(pk=recording.pk).update(status="quarantined"),
        "signed out": stream.client.logout,
        "new password": change_password,
    }
    assert asyncio.run(stream.watch(happens[what])) <= 2 * MIB


@pytest.mark.django_db(transaction=True)
def test_a_clinician_who_leaves_in_the_middle_gets_no_more_than_two_mib(cast: Cast) -> None:
    put_replay(cast.ada.recording, noise(8 * MIB))
    leaves = Clinician.objects.filter(pk=cast.ada.clinician.pk)
    stream = Stream.of(cast.ada.clinician.user, cast.ada.recording)
    assert asyncio.run(stream.watch(lambda: leaves.update(is_active=False))) <= 2 * MIB


@pytest.mark.django_db(transaction=True)
def test_who_keeps_the_right_gets_all_of_it(stream: Stream) -> None:
    assert asyncio.run(stream.watch(lambda: None)) == 8 * MIB


@pytest.mark.django_db(transaction=True)
def test_a_slow_viewer_holds_no_database_connection(stream: Stream) -> None:
    held: list[object] = []
    asyncio.run(stream.watch(lambda: held.append(connection.connection)))
    assert held == [None]


@pytest.mark.django_db(transaction=True)
def test_damage_that_happens_in_the_middle_ends_the_stream_before_the_damaged_piece(cast: Cast, stream: Stream) -> None:
    replay = cast.ada.recording.renditions.latest("version")

    def damage() -> None:
        with path_of(replay).open("r+b") as file:
            file.seek(3 * MIB)
            byte = file.read(1)
            file.seek(3 * MIB)
            file.write(bytes([byte[0] ^ 1]))

    assert asyncio.run(stream.watch(damage)) <= 3 * MIB
    assert [line.reason for line in lines_of(cast.ada.recording, Action.REFUSED)] == ["replay_damaged"]
    assert Alert.objects.get().kind == AlertKind.ALTERED


@pytest.mark.django_db(transaction=True)
def test_other_requests_are_answered_while_a_long_replay_streams(cast: Cast) -> None:
    put_replay(cast.ada.recording, noise(MIB) * 64)
    client = AsyncClient()
    client.force_login(cast.ada.patient.user)

    async def story() -> int:
        answered, streaming = 0, True

        async def ask() -> None:
            nonlocal answered
            while streaming:
                assert (await AsyncClient().get("/healthz")).status_code == 200
                answered += 1

        asking = asyncio.create_task(ask())
        answer = await client.get(f"/recordings/{cast.ada.recording.pk}/media/")
        begun = answered
        length = 0
        async for piece in answer:
            length += len(piece)
        streaming = False
        await asking
        assert length == 64 * MIB
        return answered - begun

    # How many depends on the machine; none would mean that the event loop stood still.
    assert asyncio.run(story()) >= 3
