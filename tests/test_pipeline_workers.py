"""Workers die, wake up late and come in pairs; a recording becomes ready exactly once, and nothing is left behind."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import pytest
from django.conf import settings as project
from django.db import connections
from django.utils import timezone

from audit.models import Action, Entry
from recordings import jobs, pipeline, safe
from recordings.media.faults import MediaChildDied
from recordings.models import Chunk, ProcessingJob
from recordings.vault import StoreFull
from tests.cast import Cast
from tests.crowd import at_once
from tests.visits import CANVAS, Visit, media, recorded_visit, stored_files

pytestmark = pytest.mark.database
process_module = import_module("recordings.pipeline.process")
publish_module = import_module("recordings.pipeline.publish")
# Where a worker is killed, as a function that is entered just before.
BORDERS = {
    "claimed": "recordings.jobs.kept",
    "gathered": "recordings.pipeline.process.run_job",
    "joined": "recordings.pipeline.process.publish",
    "writing": "recordings.vault.durable._publish",
    "stored": "recordings.vault.vault.Vault.verify",
    "verified": "recordings.jobs.finishing",
    "granting": "recordings.policy.grant_playback",
}
CHILD = """
import importlib, os, signal, sys
import django
from django.conf import settings
django.setup()
settings.DATABASES["default"]["NAME"] = sys.argv[1]
settings.RECORDING_CANVAS = {canvas!r}
settings.STORAGES = {storages!r}
border = sys.argv[3]
if border != "done":
    path, name = border.rsplit(".", 1)
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        try:
            target = importlib.import_module(".".join(parts[:length]))
            break
        except ImportError:
            continue
    for part in parts[length:]:
        target = getattr(target, part)
    setattr(target, name, lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL))
from recordings import pipeline
pipeline.process(__import__("uuid").UUID(sys.argv[2]))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def small_pictures(settings) -> None:
    settings.RECORDING_CANVAS = CANVAS


@pytest.fixture
def visit(cast: Cast) -> Visit:
    return recorded_visit(cast.ada, at=cast.now - timedelta(hours=6), seconds=2)


def work_and_die(visit: Visit, border: str) -> None:
    """Run a worker in a process of its own that is killed at a border."""
    script = CHILD.format(canvas=CANVAS, storages=project.STORAGES)
    database = str(connections["default"].settings_dict["NAME"])
    words = [sys.executable, "-c", script, database, str(visit.job.pk), border]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "telehealth.settings"}
    done = subprocess.run(words, cwd=project.BASE_DIR, env=environment, capture_output=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def plaintext_left(visit: Visit) -> list[Path]:
    """Return files, of the portal's and in temporary places, that hold a piece of what was said."""
    piece = media("audio", 2)[1][-400:-100]
    files = [file for place in (project.DATA_DIR, Path("/dev/shm")) for file in place.rglob("*")]
    return [file for file in files if piece in content_of(file)]


def content_of(file: Path) -> bytes:
    """Other programs keep files there, too: what is gone again, or another account's, is none of ours."""
    try:
        return file.read_bytes() if file.is_file() else b""
    except (FileNotFoundError, PermissionError):
        return b""


def objects_expected(visit: Visit) -> set[str]:
    chunks = Chunk.objects.filter(segment__recording=visit.recording).values_list("pk", flat=True)
    return {str(pk) for pk in [*chunks, *visit.recording.renditions.values_list("pk", flat=True)]}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("border", BORDERS)
def test_a_worker_killed_at_any_stage_is_made_good_by_the_next(visit: Visit, border: str) -> None:
    work_and_die(visit, BORDERS[border])
    assert (visit.recording.status, visit.job.status) == ("processing", "running")
    assert not visit.recording.renditions.exists()
    pipeline.process(visit.job.pk)
    assert visit.job.attempts == 1, "the dead one's lease still holds"
    ProcessingJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    pipeline.process(visit.job.pk)
    assert (visit.recording.status, visit.job.status, visit.job.attempts) == ("ready", "done", 2)
    assert visit.recording.renditions.count() == 1
    assert Entry.objects.filter(object_id=visit.recording.pk, action=Action.PUBLISHED).count() == 1
    assert Entry.objects.filter(object_id=visit.recording.pk, action=Action.GRANTED).count() == 2
    assert bool([name for name in stored_files(visit.recording) if name.startswith(".part-")]) == (border == "writing")
    safe.sweep_storage(older_than=timedelta(0))
    assert stored_files(visit.recording) == objects_expected(visit)
    assert plaintext_left(visit) == []


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_after_its_commit_has_done_its_work(visit: Visit) -> None:
    work_and_die(visit, "done")
    assert (visit.recording.status, visit.job.status) == ("ready", "done")
    pipeline.process(visit.job.pk)
    assert visit.recording.renditions.count() == 1
    assert stored_files(visit.recording) == objects_expected(visit)


@pytest.mark.django_db
def test_a_job_that_kills_every_worker_is_given_up_after_five(visit: Visit) -> None:
    for _ in range(jobs.MOST_ATTEMPTS):
        assert jobs.claim(visit.job.pk, now=timezone.now())
        ProcessingJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    visit.process()
    assert (visit.recording.status, visit.recording.reason) == ("failed", "worker_died")
    assert (visit.job.status, jobs.due(timezone.now() + timedelta(days=1))) == ("given_up", [])
    assert Chunk.objects.filter(segment__recording=visit.recording).count() == 2, "what was recorded is kept"


@pytest.mark.django_db
@pytest.mark.parametrize("fault", [MediaChildDied(-9), StoreFull(), MemoryError(), ZeroDivisionError()])
def test_our_own_fault_is_tried_five_times_and_then_failed_not_quarantined(visit: Visit, monkeypatch, fault) -> None:
    def broken(*_, **__):
        raise fault

    monkeypatch.setattr(process_module, "run_job", broken)
    for attempt in range(1, jobs.MOST_ATTEMPTS + 1):
        assert visit.recording.status in ("sealed", "processing")
        visit.process()
        assert (visit.job.attempts, visit.job.fault) == (attempt, type(fault).__name__)
        ProcessingJob.objects.update(not_before=timezone.now() - timedelta(seconds=1))
    assert (visit.recording.status, visit.job.status) == ("failed", "given_up")
    assert not Entry.objects.filter(object_id=visit.recording.pk).exists()


@pytest.mark.django_db
def test_a_storage_that_comes_back_is_enough(visit: Visit, monkeypatch) -> None:
    vault = safe.vault()

    def full(*_, **__):
        raise StoreFull

    with monkeypatch.context() as broken:
        broken.setattr(vault, "write", full)
        visit.process()
    assert (visit.job.status, visit.job.fault, visit.recording.status) == ("queued", "StoreFull", "processing")
    ProcessingJob.objects.update(not_before=timezone.now() - timedelta(seconds=1))
    assert visit.process().status == "ready"


@pytest.mark.django_db
def test_a_replay_that_reads_back_wrongly_is_never_shown(visit: Visit, monkeypatch) -> None:
    vault = safe.vault()
    write = vault.write

    def rotten(identity, vault_id, keyset, source):
        sealed = write(identity, vault_id, keyset, source)
        path = project.DATA_DIR / "storage" / "vaults" / str(vault_id) / str(identity.recording) / str(identity.object)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        return sealed

    monkeypatch.setattr(vault, "write", rotten)
    visit.process()
    assert (visit.recording.status, visit.job.status) == ("processing", "queued")
    assert not visit.recording.renditions.exists()
    assert stored_files(visit.recording) == objects_expected(visit)


@pytest.mark.django_db
def test_a_worker_that_wakes_up_late_leaves_nothing(visit: Visit, monkeypatch) -> None:
    store = publish_module._store

    def slept(*arguments):
        store(*arguments)
        # Its lease ran out and somebody else has the job by now.
        ProcessingJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        assert jobs.claim(visit.job.pk, now=timezone.now())

    with monkeypatch.context() as sleepy:
        sleepy.setattr(publish_module, "_store", slept)
        visit.process()
    assert (visit.recording.status, visit.job.status, visit.job.fence) == ("processing", "running", 2)
    assert not visit.recording.renditions.exists()
    assert stored_files(visit.recording) == objects_expected(visit)
    assert not Entry.objects.filter(object_id=visit.recording.pk).exists()
    ProcessingJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert visit.process().status == "ready"
    assert visit.recording.renditions.count() == 1


@pytest.mark.django_db
def test_a_worker_fenced_off_while_joining_stops_its_media_process(visit: Visit, monkeypatch) -> None:
    advance = jobs.advance

    def overtaken(job, stage, **other):
        ProcessingJob.objects.update(fence=job.fence + 1)
        advance(job, stage, **other)

    monkeypatch.setattr(jobs, "advance", overtaken)
    before = children()
    visit.process()
    assert children() == before
    assert (visit.recording.status, visit.job.status, visit.recording.renditions.count()) == (
        "processing",
        "running",
        0,
    )


def children() -> set[int]:
    """A thread that ends while we look leaves its children to another one of ours."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            found |= {int(pid) for pid in (task / "children").read_text().split()}
    return found


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_are_one_replay(visit: Visit) -> None:
    job_id = visit.job.pk
    at_once(2, lambda _: pipeline.process(job_id))
    assert (visit.recording.status, visit.job.attempts) == ("ready", 1)
    assert visit.recording.renditions.count() == 1
    assert stored_files(visit.recording) == objects_expected(visit)


@pytest.mark.django_db
def test_what_a_killed_try_stored_is_removed_by_the_next_and_no_row_that_stands_loses_its_object(visit: Visit) -> None:
    job = visit.job
    assert visit.process().status == "ready"
    ProcessingJob.objects.filter(pk=job.pk).update(fence=5)
    publish_module.remove_leftovers(ProcessingJob.objects.select_related("recording__patient").get(pk=job.pk))
    assert stored_files(visit.recording) == objects_expected(visit)
