"""`manage.py verify_vault` finds each object that is not what was recorded, and nothing else."""

import uuid
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from patients.models import PatientKey
from recordings import safe
from recordings.models import Chunk, Rendition
from tests.cast import Cast
from tests.replays import noise, put_replay
from tests.vault.shelves import Shelf, file_shelf, s3_shelf
from tests.visits import Visit, recorded_visit

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture(params=["directory", "bucket"])
def shelf(request: pytest.FixtureRequest, settings, tmp_path: Path) -> Shelf:
    """The portal's storage, of either kind."""
    if request.param == "directory":
        settings.STORAGE_URL, shelf = tmp_path.as_uri(), file_shelf(tmp_path)
    else:
        aws = request.getfixturevalue("aws")
        settings.STORAGE_URL, shelf = aws.storage_url, s3_shelf(aws)
    safe.vault.cache_clear()
    return shelf


@pytest.fixture
def visit(shelf: Shelf, cast: Cast) -> Visit:
    """Two chunks of Ada's; each world of the cast has a replay besides."""
    return recorded_visit(cast.ada, at=cast.now - timedelta(hours=6), seconds=2)


def verify(*words: str) -> tuple[str, str]:
    """Return what the command prints, and what it fails with."""
    out = StringIO()
    try:
        call_command("verify_vault", *words, stdout=out)
    except CommandError as error:
        assert error.returncode == 1
        return out.getvalue(), str(error)
    return out.getvalue(), ""


def name_of(shelf: Shelf, row: Chunk | Rendition) -> str:
    recording = row.segment.recording_id if isinstance(row, Chunk) else row.recording_id
    return shelf.name_of((row.patient.vault_id, recording, row.pk))


def flip(shelf: Shelf, row: Chunk | Rendition, at: int) -> None:
    content = bytearray(shelf.contents()[name_of(shelf, row)])
    content[at] ^= 1
    shelf.replace(name_of(shelf, row), bytes(content))


def test_a_vault_that_is_sound_is_said_to_be_so(visit: Visit) -> None:
    assert verify() == ("4 objects: 4 are as recorded, 0 are erased.\n", "")
    assert verify("--recording", str(visit.recording.pk))[0].startswith("2 objects")


def test_every_fault_is_named_by_its_ids_alone(shelf: Shelf, visit: Visit, cast: Cast) -> None:
    long = put_replay(cast.ada.recording, noise(1024 * 1024))
    flip(shelf, long, 500_000)
    first, second = Chunk.objects.filter(segment__recording=visit.recording).order_by("number")
    flip(shelf, first, 3)
    shelf.replace(name_of(shelf, second), shelf.contents()[name_of(shelf, second)][:-1])
    safe.vault().delete(safe.identity_of(cast.ben.replay), cast.ben.patient.vault_id)
    out, error = verify()
    assert error == "4 of 5 objects are not what was recorded; 0 are erased."
    assert set(out.splitlines()) == {
        f"rendition {long.pk} of recording {long.recording_id}: damaged",
        f"chunk {first.pk} of recording {visit.recording.pk}: notthisobject",
        f"chunk {second.pk} of recording {visit.recording.pk}: damaged",
        f"rendition {cast.ben.replay.pk} of recording {cast.ben.recording.pk}: missing",
    }
    assert verify("--recording", str(cast.ben.recording.pk))[1].startswith("1 of 1 objects")


def test_content_that_decrypts_but_is_not_what_the_row_says_is_a_fault(visit: Visit, cast: Cast) -> None:
    Rendition.objects.filter(pk=cast.ada.replay.pk).update(sha256=bytes(32))
    assert verify()[0] == f"rendition {cast.ada.replay.pk} of recording {cast.ada.recording.pk}: damaged\n"


def test_what_was_erased_with_its_key_is_no_fault(visit: Visit, cast: Cast) -> None:
    now = timezone.now()
    PatientKey.objects.filter(patient=cast.ben.patient).update(wrapped_keyset=None, destroyed_at=now, retired_at=now)
    assert verify() == ("4 objects: 3 are as recorded, 1 are erased.\n", "")


def test_a_keyset_that_does_not_open_is_a_fault_of_all_its_objects(visit: Visit, cast: Cast) -> None:
    foreign = PatientKey.objects.get(patient=cast.ben.patient).wrapped_keyset
    PatientKey.objects.filter(patient=cast.ada.patient).update(wrapped_keyset=bytes(foreign))
    out, error = verify()
    assert error.startswith("3 of 4 objects") and out.count(": keyrefused") == 3


def test_a_storage_that_does_not_answer_is_not_called_a_loss(visit: Visit, settings, tmp_path: Path) -> None:
    settings.STORAGE_URL = (tmp_path / "unmounted").as_uri()
    safe.vault.cache_clear()
    out, error = verify()
    assert out == "" and error == "Stopped after 0 objects, 0 of them faulty. The storage is not available."


def test_a_recording_that_does_not_exist_is_not_called_sound(shelf: Shelf, cast: Cast) -> None:
    assert verify("--recording", str(uuid.uuid4())) == ("", "There is no such recording.")
