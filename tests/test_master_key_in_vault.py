"""The portal with its master key in HashiCorp Vault: what people get is what they get with a key in a file."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from audit.models import Action
from patients.models import PatientKey
from recordings import safe
from recordings.models import Rendition
from recordings.vault import KeyRefused, MasterKeyUnusable
from tests.cast import Cast
from tests.replays import MIB, Viewer, lines_of, noise, path_of, put_replay
from tests.transit import SEALED, Transit
from tests.visits import CANVAS, Visit

pytestmark = pytest.mark.django_db
LONG = noise(MIB)


@pytest.fixture(autouse=True)
def in_vault(transit: Transit, settings) -> None:
    settings.MASTER_KEY_URI, settings.RECORDING_CANVAS = transit.new_key(), CANVAS
    safe.vault.cache_clear()


@pytest.fixture
def ada(cast: Cast) -> Viewer:
    return Viewer(cast.ada.patient.user)


@pytest.fixture
def replay(cast: Cast) -> Rendition:
    return put_replay(cast.ada.recording, LONG)


@pytest.mark.database
def test_a_patients_keyset_is_made_kept_and_opens_what_was_written_with_it(
    cast: Cast, ada: Viewer, replay: Rendition, transit: Transit
) -> None:
    row = PatientKey.objects.get(patient=cast.ada.patient)
    assert b"vault:v1:" in bytes(row.wrapped_keyset)
    stored = path_of(replay).read_bytes()
    assert len(stored) > MIB and LONG[1000:1064] not in stored
    transit.keys["portal"].rotate()
    safe.vault.cache_clear()
    transit.asked.clear()
    for start in range(0, MIB, MIB // 4):
        answer = ada.get(replay.recording_id, Range=f"bytes={start}-{start + 999}")
        assert (answer.status_code, answer.body) == (206, LONG[start : start + 1000])
    assert len(transit.asked) == 5, "the key is tried with four, then unwraps once"
    assert Viewer(cast.ben.patient.user).get(replay.recording_id).status_code == 404


@pytest.mark.database
def test_the_neighbours_keyset_in_ones_own_row_opens_nothing(cast: Cast, ada: Viewer, replay: Rendition) -> None:
    theirs = PatientKey.objects.get(patient=cast.ben.patient).wrapped_keyset
    mine = PatientKey.objects.filter(patient=cast.ada.patient)
    own = bytes(mine.get().wrapped_keyset)
    mine.update(wrapped_keyset=theirs)
    with pytest.raises(KeyRefused):
        safe.active_keyset(cast.ada.patient)
    assert (ada.get(replay.recording_id).status_code, ada.get(replay.recording_id).body) == (503, b"")
    mine.update(wrapped_keyset=own)
    assert (ada.get(replay.recording_id).status_code, ada.get(replay.recording_id).body) == (200, LONG)


def test_a_sealed_vault_is_a_pause_and_never_a_quarantine(cast: Cast, ada: Viewer, transit: Transit) -> None:
    visit = Visit(cast.ada, at=timezone.now() - timedelta(minutes=1), consultation=cast.ada.planned).begin()
    visit.now = timezone.now() - timedelta(seconds=20)
    visit.record("audio", 2)
    visit.end()
    safe.vault.cache_clear()
    transit.fails(SEALED)
    answer = ada.get(cast.ada.recording.pk)
    assert (answer.status_code, answer.body, answer["Retry-After"]) == (503, b"", "5")
    assert not lines_of(cast.ada.recording, Action.REFUSED), "nobody was refused"
    assert visit.process().status == "processing"
    assert visit.job.fault == "MasterKeyUnusable"
    transit.fails(None)
    assert ada.get(cast.ada.recording.pk).status_code == 200


def test_without_its_vault_the_portal_is_not_ready_and_says_why_to_whoever_prepares_it(
    transit: Transit, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys
) -> None:
    assert Client().get("/readyz").status_code == 200
    call_command("prepare_vault")
    assert "Nobody may delete it there" in capsys.readouterr().out
    monkeypatch.setenv("VAULT_TOKEN", "hvs.hunter2")
    safe.vault.cache_clear()
    assert (Client().get("/readyz").status_code, Client().get("/readyz").content) == (503, b"not ready")
    with pytest.raises(CommandError, match="token is wrong or has expired"):
        call_command("prepare_vault")
    assert "not ready: Vault refuses: the token is wrong or has expired" in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.django_db(transaction=True)
def test_the_embedded_portal_does_not_start_without_its_vault(transit: Transit) -> None:
    transit.fails(SEALED)
    with pytest.raises(MasterKeyUnusable, match="Unseal it"):
        call_command("portal")
