"""The portal with its vault in a bucket and its master key in KMS: what people get is what they get from a disk."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import Action, Alert
from patients.models import PatientKey
from recordings import safe
from recordings.models import Chunk, Rendition
from recordings.vault import SeekableReader
from tests.aws import Aws
from tests.cast import Cast
from tests.replays import MIB, Viewer, lines_of, noise, put_replay
from tests.visits import CANVAS, Recorder, Visit, media

pytestmark = pytest.mark.django_db
LONG = noise(3 * MIB)
BODIES = media("audio", 3)


@pytest.fixture(autouse=True)
def in_the_cloud(aws: Aws, settings) -> None:
    settings.STORAGE_URL, settings.MASTER_KEY_URI = aws.storage_url, aws.new_key()
    settings.RECORDING_CANVAS = CANVAS
    safe.vault.cache_clear()


@pytest.fixture
def visit(cast: Cast) -> Visit:
    visit = Visit(cast.ada, at=timezone.now() - timedelta(minutes=1), consultation=cast.ada.planned).begin()
    visit.now = timezone.now() - timedelta(seconds=20)
    return visit


@pytest.fixture
def ada(cast: Cast) -> Viewer:
    return Viewer(cast.ada.patient.user)


@pytest.fixture
def replay(cast: Cast) -> Rendition:
    return put_replay(cast.ada.recording, LONG)


def name_of(row: Rendition | Chunk, recording_id: object) -> str:
    return f"portal/vaults/{row.patient.vault_id}/{recording_id}/{row.pk}"


@pytest.mark.database
def test_what_is_said_in_a_call_is_heard_again_by_its_patient_and_not_by_the_neighbour(
    cast: Cast, visit: Visit, ada: Viewer, aws: Aws
) -> None:
    recorder, opened = Recorder(visit), visit.open()
    for number, body in enumerate(BODIES):
        times = f"{1000 * number}-{1000 * (number + 1)}"
        answer = recorder.put(opened.segment.pk, opened.upload_token, number, body, times=times)
        assert answer.status_code == 201
        visit.after(1)
    assert recorder.close(opened.segment.pk, opened.upload_token, BODIES).status_code == 200
    recording = visit.end().process()
    assert recording.status == "ready"
    replay = recording.renditions.get()

    answer = ada.get(recording.pk, Range="bytes=0-")
    assert answer.status_code == 206 and len(answer.body) == replay.byte_length
    assert answer.body.startswith(BODIES[0][:4])
    assert Viewer(cast.ben.patient.user).get(recording.pk).status_code == 404

    own = {key: content for key, content in aws.contents().items() if str(recording.pk) in key}
    rows = [*Chunk.objects.filter(segment__recording=recording), replay]
    assert set(own) == {name_of(row, recording.pk) for row in rows}
    assert not [key for key, content in own.items() if BODIES[1][200:232] in content or answer.body[:64] in content]
    assert bytes(PatientKey.objects.get(patient=cast.ada.patient).wrapped_keyset)


def test_kms_is_not_asked_for_every_range(ada: Viewer, replay: Rendition, aws: Aws) -> None:
    safe.vault.cache_clear()
    aws.asked.clear()
    for start in range(0, MIB, MIB // 4):
        answer = ada.get(replay.recording_id, Range=f"bytes={start}-{start + 999}")
        assert (answer.status_code, answer.body) == (206, LONG[start : start + 1000])
    assert len([asked for asked in aws.asked if asked.service == "kms"]) == 3, "the key is tried, then unwraps once"


def test_a_range_of_a_known_replay_fetches_little_more_than_itself(ada: Viewer, replay: Rendition, aws: Aws) -> None:
    ada.get(replay.recording_id, Range="bytes=0-9")
    aws.asked.clear()
    assert ada.get(replay.recording_id, Range="bytes=1000000-1000999").body == LONG[1_000_000:1_001_000]
    assert sum(asked.range_length for asked in aws.asked) <= 64 + 2 * 256 * 1024
    assert len(aws.asked) == 3


def test_a_replay_is_compared_whole_once_per_version_in_the_bucket(
    ada: Viewer, replay: Rendition, aws: Aws, monkeypatch
) -> None:
    checked, real = [], SeekableReader.demand_whole

    def counting(reader: SeekableReader, sha256: bytes) -> None:
        checked.append(sha256)
        real(reader, sha256)

    monkeypatch.setattr(SeekableReader, "demand_whole", counting)
    for _ in range(3):
        assert ada.get(replay.recording_id, Range="bytes=0-9").body == LONG[:10]
    assert len(checked) == 1
    name = name_of(replay, replay.recording_id)
    content = bytearray(aws.contents()[name])
    content[len(content) // 2] ^= 1
    aws.replace(name, bytes(content))
    answer = ada.get(replay.recording_id, Range="bytes=0-9")
    assert (answer.status_code, answer.body, len(checked)) == (503, b"", 2)


DAMAGE = {
    "a bit in the middle": lambda content: content[: MIB] + bytes([content[MIB] ^ 1]) + content[MIB + 1 :],
    "truncated": lambda content: content[: 4 * 256 * 1024],
    "appended": lambda content: content + b"more",
    "empty": lambda content: b"",
}  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGE)
def test_not_one_byte_of_a_damaged_replay_is_served(cast: Cast, ada: Viewer, replay, aws: Aws, kind: str) -> None:
    name = name_of(replay, replay.recording_id)
    aws.replace(name, DAMAGE[kind](aws.contents()[name]))
    answer = ada.get(replay.recording_id, Range="bytes=0-99")
    assert (answer.status_code, answer.body, answer["Retry-After"]) == (503, b"", "5")
    assert lines_of(cast.ada.recording, Action.REFUSED)[-1].reason in {"replay_damaged", "replay_notthisobject"}
    neighbour = Viewer(cast.ben.patient.user).get(cast.ben.recording.pk)
    assert (neighbour.status_code, neighbour.body) == (200, cast.ben.canary)


def test_the_neighbours_object_in_place_of_ones_own_is_not_served(cast: Cast, ada: Viewer, aws: Aws) -> None:
    mine, theirs = put_replay(cast.ada.recording, LONG), put_replay(cast.ben.recording, noise(3 * MIB + 1)[:-1])
    stored = aws.contents()
    aws.replace(name_of(mine, mine.recording_id), stored[name_of(theirs, theirs.recording_id)])
    assert (ada.get(mine.recording_id).status_code, ada.get(mine.recording_id).body) == (503, b"")


def test_a_bucket_that_is_gone_is_a_pause_and_no_alarm(cast: Cast, ada: Viewer, replay: Rendition, aws: Aws) -> None:
    aws.fails("503", "GET")
    answer = ada.get(replay.recording_id)
    assert (answer.status_code, answer.body, answer["Retry-After"]) == (503, b"", "5")
    assert not lines_of(cast.ada.recording, Action.REFUSED)


def test_a_bucket_that_fails_in_the_middle_ends_the_stream_short(cast: Cast, ada: Viewer, aws: Aws) -> None:
    replay = put_replay(cast.ada.recording, noise(6 * MIB))
    assert ada.get(replay.recording_id, Range="bytes=0-9").status_code == 206
    aws.fails("503", "GET", after=3)
    answer = ada.get(replay.recording_id)
    assert answer.status_code == 200 and 0 < len(answer.body) < 3 * MIB
    assert not lines_of(cast.ada.recording, Action.REFUSED) and not Alert.objects.exists(), "an outage is no alarm"


def test_a_bucket_that_takes_nothing_is_a_pause_for_the_recorder(visit: Visit, aws: Aws) -> None:
    opened, recorder = visit.open(), Recorder(visit)
    aws.fails("503", "PUT")
    answer = recorder.put(opened.segment.pk, opened.upload_token, 0, BODIES[0])
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "storage", "2")
    assert not Chunk.objects.filter(segment__recording=visit.recording).exists()
    aws.fault = None
    assert recorder.put(opened.segment.pk, opened.upload_token, 0, BODIES[0]).status_code == 201


def test_kms_that_is_gone_is_a_pause_and_never_a_quarantine(cast: Cast, visit: Visit, ada: Viewer, aws: Aws) -> None:
    visit.record("audio", 2)
    visit.end()
    safe.vault.cache_clear()
    aws.fails("ThrottlingException", "POST")
    assert ada.get(cast.ada.recording.pk).status_code == 503
    assert visit.process().status == "processing"
    assert visit.job.fault == "MasterKeyUnusable"


@pytest.mark.parametrize("fault", ["503", "a bucket that does not exist"])
def test_the_portal_is_not_ready_without_its_bucket(aws: Aws, settings, fault: str) -> None:
    assert Client().get("/readyz").status_code == 200
    if fault == "503":
        aws.fails("503", "GET")
    else:
        aws.s3.delete_bucket(Bucket=aws.bucket)
    assert (Client().get("/readyz").status_code, Client().get("/readyz").content) == (503, b"not ready")
