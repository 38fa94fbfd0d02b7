"""What lies on the disk is ciphertext in the patient's place; a fault of storage, key or network leaves no half."""

import asyncio
import base64
from datetime import timedelta

import pytest
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.db import OperationalError, connection
from django.utils import timezone

from recordings import capture, safe
from recordings.capture import CaptureRefused, OpenSegment
from recordings.models import Chunk, Segment
from recordings.vault import FileStore, StoreFull, StoreUnavailable
from tests.cast import Cast
from tests.crowd import at_once
from tests.visits import Recorder, Visit, digest, media, stored_files

BODIES = media("audio", 3)
CANARY = b"a tone that only Ada may hear " * 64


@pytest.fixture
def visit(cast: Cast) -> Visit:
    visit = Visit(cast.ada, at=timezone.now() - timedelta(minutes=1), consultation=cast.ada.planned).begin()
    visit.now = timezone.now() - timedelta(seconds=20)
    return visit


@pytest.fixture
def opened(visit: Visit) -> OpenSegment:
    return visit.open()


def put(visit: Visit, opened: OpenSegment, number: int = 0, body: bytes = BODIES[0]):
    return Recorder(visit).put(opened.segment.pk, opened.upload_token, number, body)


def chunks_of(visit: Visit):
    return Chunk.objects.filter(segment__recording=visit.recording)


@pytest.mark.django_db(transaction=True)
def test_no_file_of_the_portal_holds_what_was_said(visit: Visit, opened: OpenSegment) -> None:
    body = BODIES[0] + CANARY
    assert put(visit, opened, 0, body).status_code == 201
    chunk = chunks_of(visit).get()
    patient, recording = visit.world.patient, visit.recording
    path = settings.DATA_DIR / "storage" / "vaults" / str(patient.vault_id) / str(recording.pk) / str(chunk.pk)
    assert path.stat().st_size == len(body) + 40 + 16
    if connection.vendor == "sqlite":
        connection.cursor().execute("PRAGMA wal_checkpoint")
    plain = [CANARY[:30], body[:64], opened.key]
    seen = 0
    for file in settings.DATA_DIR.rglob("*"):
        if file.is_file():
            seen += 1
            content = file.read_bytes()
            assert not [text for text in plain if text in content], file
    assert seen > 3


@pytest.mark.django_db
@pytest.mark.parametrize("fault", [StoreFull, StoreUnavailable])
def test_a_storage_that_is_full_or_gone_is_a_pause_for_the_recorder(visit: Visit, opened, monkeypatch, fault) -> None:
    def refuse(*_, **__):
        raise fault

    with monkeypatch.context() as broken:
        broken.setattr(FileStore, "put", refuse)
        answer = put(visit, opened)
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "storage", "2")
    assert not chunks_of(visit).exists() and stored_files(visit.recording) == set()
    assert put(visit, opened).status_code == 201


@pytest.mark.django_db
def test_a_write_that_breaks_off_in_the_middle_leaves_nothing(visit: Visit, opened, monkeypatch) -> None:
    def torn(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("recordings.vault.durable.os.fsync", torn)
        assert put(visit, opened).status_code == 503
    assert not chunks_of(visit).exists() and stored_files(visit.recording) == set()
    assert put(visit, opened).status_code == 201


@pytest.mark.django_db
def test_without_the_master_key_nothing_is_taken_and_nothing_is_lost(visit: Visit, opened, settings) -> None:
    settings.MASTER_KEY_URI = f"file://{settings.DATA_DIR / 'no-such.key'}"
    safe.vault.cache_clear()
    answer = put(visit, opened)
    assert (answer.status_code, answer.json()["code"]) == (503, "storage")
    assert "no-such" not in answer.content.decode()
    assert not chunks_of(visit).exists() and stored_files(visit.recording) == set()


@pytest.mark.django_db
@pytest.mark.parametrize(("named", "is_made"), [("storage", True), ("elsewhere", False)])
def test_the_very_first_start_makes_the_default_directory_and_no_other(settings, tmp_path, named, is_made) -> None:
    settings.DATA_DIR, settings.STORAGE_URL = tmp_path, (tmp_path / named).as_uri()
    safe.prepare_storage()
    assert [path.name for path in tmp_path.iterdir()] == ([named] if is_made else [])


@pytest.mark.django_db
def test_a_storage_that_vanished_is_not_replaced_by_an_empty_one(cast: Cast, settings, tmp_path) -> None:
    settings.DATA_DIR, settings.STORAGE_URL = tmp_path, (tmp_path / "storage").as_uri()
    safe.prepare_storage()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.django_db
def test_a_database_that_does_not_answer_acknowledges_nothing(visit: Visit, opened, monkeypatch) -> None:
    def locked(*_, **__):
        raise OperationalError("database is locked")

    with monkeypatch.context() as broken:
        broken.setattr(Chunk, "save", locked)
        answer = put(visit, opened)
    assert (answer.status_code, answer.json()["code"]) == (503, "storage")
    assert not chunks_of(visit).exists()
    assert put(visit, opened).status_code == 201


@pytest.mark.django_db
def test_a_recording_sealed_while_a_chunk_was_being_written_does_not_take_it(visit: Visit, opened, monkeypatch) -> None:
    vault = safe.vault()
    write = vault.write

    def written_too_late(*arguments):
        sealed = write(*arguments)
        Segment.objects.update(status="complete", chunks_expected=0)
        return sealed

    monkeypatch.setattr(vault, "write", written_too_late)
    with pytest.raises(CaptureRefused, match="over"):
        visit.put(opened, 0, BODIES[0])
    assert not chunks_of(visit).exists() and stored_files(visit.recording) == set()


@pytest.mark.django_db(transaction=True)
def test_the_same_chunk_sent_twice_at_once_is_one_row_and_one_object(visit: Visit, opened: OpenSegment) -> None:
    answers = at_once(6, lambda n: put(visit, opened).status_code)
    assert sorted(answers) == [200] * 5 + [201]
    assert stored_files(visit.recording) == {str(chunks_of(visit).get().pk)}


@pytest.mark.django_db(transaction=True)
def test_different_bytes_for_one_number_at_once_leave_exactly_one(visit: Visit, opened: OpenSegment) -> None:
    answers = at_once(6, lambda n: put(visit, opened, 0, BODIES[0] + bytes([n])).status_code)
    assert sorted(answers) == [201] + [409] * 5
    assert stored_files(visit.recording) == {str(chunks_of(visit).get().pk)}


@pytest.mark.django_db(transaction=True)
def test_the_last_two_chunks_at_once_complete_the_segment(visit: Visit, opened: OpenSegment) -> None:
    visit.put(opened, 0, BODIES[0])
    visit.close(opened, BODIES)
    visit.end()
    assert at_once(2, lambda n: put(visit, opened, n + 1, BODIES[n + 1]).status_code) == [201, 201]
    assert Segment.objects.get().status == "complete"
    assert (visit.recording.status, visit.job.status) == ("sealed", "queued")


# Django leaves what it had read of a refused body to the garbage collector.
@pytest.mark.filterwarnings("ignore:.*SpooledTemporaryFile:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("declared", [None, b"10", b"999999999"])
def test_a_body_without_end_is_stopped_at_the_limit_whatever_its_length_says(visit: Visit, opened, declared) -> None:
    status, taken = asyncio.run(asgi_put(opened, [bytes(1 << 16)] * 200, declared=declared))
    assert status == 413
    assert taken <= settings.REQUEST_BODY_LIMIT_BYTES // (1 << 16) + 2
    assert not chunks_of(visit).exists() and stored_files(visit.recording) == set()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("declared", [None, b"10"])
def test_a_body_sent_in_pieces_counts_as_what_it_is(visit: Visit, opened, declared) -> None:
    pieces = [BODIES[0][at : at + 1000] for at in range(0, len(BODIES[0]), 1000)]
    status, _ = asyncio.run(asgi_put(opened, pieces, declared=declared))
    assert status == 201
    assert chunks_of(visit).get().byte_length == len(BODIES[0])


async def asgi_put(opened: OpenSegment, pieces: list[bytes], *, declared: bytes | None) -> tuple[int, int]:
    """Send a body piece by piece to the real application; return the status and how many pieces were taken."""
    from telehealth.asgi import application

    said = base64.b64encode(digest(b"".join(pieces)))
    headers = [
        (b"host", b"localhost"), (b"authorization", b"Bearer " + opened.upload_token.encode()),
        (b"content-digest", b"sha-256=:" + said + b":"), (b"x-chunk-time", b"0-1000"),
        (b"content-type", b"application/octet-stream"),
    ]  # fmt: skip
    headers += [(b"content-length", declared)] if declared else []
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "PUT", "scheme": "http",
        "path": f"/api/v1/segments/{opened.segment.pk}/chunks/0/", "raw_path": b"", "query_string": b"",
        "root_path": "", "headers": headers, "client": ("127.0.0.1", 1), "server": ("localhost", 80),
    }  # fmt: skip
    taken = 0
    waiting = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    waiting[-1]["more_body"] = False

    async def counted(scope, receive, send):
        async def receive_one():
            nonlocal taken
            message = await receive()
            taken += message["type"] == "http.request"
            return message

        await application(scope, receive_one, send)

    communicator = ApplicationCommunicator(counted, scope)
    for message in waiting:
        await communicator.send_input(message)
    start = await communicator.receive_output(10)
    await communicator.receive_output(10)
    await communicator.send_input({"type": "http.disconnect"})
    await communicator.wait(10)
    return start["status"], taken


@pytest.mark.django_db
def test_a_service_refuses_what_the_api_would_not_even_read(visit: Visit, opened: OpenSegment) -> None:
    segment = capture.segment_of_token(opened.upload_token, opened.segment.pk, now=visit.now)
    body = bytes(capture.MAX_CHUNK_BYTES + 1)
    with pytest.raises(CaptureRefused, match="too_big"):
        capture.store_chunk(segment, number=0, body=body, digest=digest(body), from_ms=0, to_ms=1, now=visit.now)
    assert stored_files(visit.recording) == set()
