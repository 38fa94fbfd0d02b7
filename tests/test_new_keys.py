"""Another master key for everybody, another keyset for one patient: what was recorded opens as ever."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from patients.models import PatientKey
from recordings import safe
from recordings.vault import KeyRefused, MasterKey, create_master_key_file, new_wrapped_keyset
from tests.aws import Aws
from tests.cast import Cast, World
from tests.replays import Viewer, noise, put_replay

pytestmark = [pytest.mark.database, pytest.mark.django_db]
CONTENT = noise(3000)


@pytest.fixture
def new_uri(tmp_path: Path) -> str:
    return (tmp_path / "new.key").as_uri()


@pytest.fixture(autouse=True)
def _own_vault(settings):
    yield
    safe.vault.cache_clear()


def run(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def watched(world: World) -> bytes:
    return Viewer(world.patient.user).get(world.recording.pk).body


def keysets() -> dict[int, bytes]:
    return {key.pk: bytes(key.wrapped_keyset) for key in PatientKey.objects.exclude(wrapped_keyset=None)}


def restart(settings, uri: str) -> None:
    settings.MASTER_KEY_URI = uri
    safe.vault.cache_clear()


def test_everybodys_replay_plays_with_the_new_master_key_and_not_with_the_old(cast: Cast, settings, new_uri) -> None:
    old_uri, before = settings.MASTER_KEY_URI, keysets()
    said = run("change_master_key", "--to", new_uri)
    assert f"{len(before)} keysets are wrapped" in said and new_uri in said and old_uri in said
    assert not set(keysets().values()) & set(before.values())
    restart(settings, new_uri)
    for world in (cast.ada, cast.ben):
        assert watched(world) == world.canary
    assert "are as recorded" in run("verify_vault")
    restart(settings, old_uri)
    with pytest.raises(KeyRefused):
        safe.keyset(cast.ada.patient.pk, 1)


def test_a_second_run_changes_nothing_and_one_keyset_that_came_late_is_taken_along(
    cast: Cast, settings, new_uri
) -> None:
    run("change_master_key", "--to", new_uri)
    once = keysets()
    assert f"0 keysets are wrapped with the new master key, {len(once)} were already" in run(
        "change_master_key", "--to", new_uri
    )
    assert keysets() == once
    late = PatientKey.objects.get(patient=cast.ada.patient)
    late.wrapped_keyset = new_wrapped_keyset(MasterKey.load(settings.MASTER_KEY_URI), late.patient_id, late.version)
    late.save()
    old_uri = settings.MASTER_KEY_URI
    restart(settings, new_uri)
    assert "1 keysets are wrapped" in run("change_master_key", "--to", new_uri, "--old", old_uri)


def test_one_keyset_that_no_key_opens_leaves_all_as_they_were(cast: Cast, settings, new_uri, tmp_path: Path) -> None:
    create_master_key_file(tmp_path / "strange.key")
    strange = MasterKey.load((tmp_path / "strange.key").as_uri())
    key = PatientKey.objects.latest("pk")
    key.wrapped_keyset = new_wrapped_keyset(strange, key.patient_id, key.version)
    key.save()
    before = keysets()
    with pytest.raises(CommandError, match=f"Nothing was changed.*{key.patient_id}"):
        run("change_master_key", "--to", new_uri)
    assert keysets() == before


@pytest.mark.parametrize("uri", ["file://elsewhere/key", "ftp://key", "file:///proc/no/such/key"])
def test_a_master_key_that_cannot_be_used_changes_nothing(cast: Cast, uri: str) -> None:
    before = keysets()
    with pytest.raises(CommandError, match="Nothing was changed"):
        run("change_master_key", "--to", uri)
    assert keysets() == before


def test_the_key_in_use_is_no_new_one(cast: Cast, settings) -> None:
    with pytest.raises(CommandError, match="in use"):
        run("change_master_key", "--to", settings.MASTER_KEY_URI)


def test_a_portal_moves_from_a_file_to_a_key_service(cast: Cast, settings, aws: Aws) -> None:
    key_service = aws.new_key()
    run("change_master_key", "--to", key_service)
    restart(settings, key_service)
    assert watched(cast.ada) == cast.ada.canary


def test_a_new_keyset_is_for_what_comes_and_the_old_one_for_what_was(cast: Cast) -> None:
    bens = safe.active_keyset(cast.ben.patient).version
    assert "version 2" in run("renew_patient_key", str(cast.ada.patient.pk))
    after = put_replay(cast.ada.recording, CONTENT)
    assert (cast.ada.replay.key_version, after.key_version) == (1, 2)
    assert "are as recorded" in run("verify_vault")
    assert watched(cast.ada) == CONTENT
    assert safe.active_keyset(cast.ben.patient).version == bens


def test_who_was_erased_or_never_recorded_gets_no_keyset_this_way(cast: Cast) -> None:
    PatientKey.objects.filter(patient=cast.ada.patient).update(
        wrapped_keyset=None, retired_at=cast.now, destroyed_at=cast.now
    )
    PatientKey.objects.filter(patient=cast.ben.patient).delete()
    for patient in (cast.ada.patient, cast.ben.patient):
        with pytest.raises(CommandError, match="no keyset that could be renewed"):
            run("renew_patient_key", str(patient.pk))
    with pytest.raises(CommandError, match="no such patient"):
        run("renew_patient_key", "00000000-0000-4000-8000-000000000000")
