"""The supervisor: what dies is started again, Ctrl-C leaves nothing behind, jobs survive a forgetful broker."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from redis import Redis

from tests.browser import portal as portals
from tests.browser.portal import ROOT, Portal
from tests.services import redis

pytestmark = pytest.mark.browser


def children_of(pid: int) -> dict[int, str]:
    """Return the direct children of a process with their command lines."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(status[1]) == pid:
            found[int(folder.name)] = command
    return found


def child(portal: Portal, word: str) -> int:
    return next((pid for pid, command in children_of(portal.process.pid).items() if word in command), 0)


def eventually(is_so: Callable[[], object], *, within_s: float = 30, every_s: float = 0.2) -> None:
    until = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(every_s)


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def hold_a_past_visit(portal: Portal) -> None:
    """Hold a recorded visit through the real services, in a process of its own; the portal's workers do the rest."""
    script = (
        "import django; django.setup()\n"
        "from datetime import timedelta\n"
        "from django.utils import timezone\n"
        "from telehealth import demo\n"
        "from patients.models import Patient, Clinician\n"
        "demo.VisitInThePast._process = lambda self: None\n"
        "patient = Patient.objects.get(user__email='ada@demo.test')\n"
        "clinician = Clinician.objects.get(user__email='dr.lind@demo.test')\n"
        "demo.past_visit(patient, clinician, starts_at=timezone.now() - timedelta(days=2))\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=portal.environment, check=True, timeout=120)


def statuses(portal: Portal) -> str:
    return portal.ask("sorted(Recording.objects.values_list('status', flat=True))")


def test_a_child_that_dies_is_started_again_and_ctrl_c_leaves_nothing_behind(portal: Portal) -> None:
    worker, web = child(portal, "worker"), child(portal, "uvicorn")
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: child(portal, "worker") not in (0, worker))
    assert child(portal, "uvicorn") == web
    everybody = [*children_of(portal.process.pid)]
    portals.stop(portal)
    assert portal.process.returncode == 0
    eventually(lambda: not any(is_alive(pid) for pid in everybody), within_s=10)


def kill_in_mid_job(portal: Portal, worker: int) -> None:
    """Let a stopped worker begin its job, kill it while that is running, and let its lease be over at once.

    Holding the database's only write lock keeps the job where it is between the look and the kill.
    """
    database = sqlite3.connect(portal.data_dir / "portal.sqlite3", isolation_level=None, timeout=20)

    def is_running() -> bool:
        database.execute("BEGIN IMMEDIATE")
        running = database.execute("SELECT count(*) FROM recordings_processingjob WHERE status = 'running'").fetchone()
        if running != (1,):
            database.execute("ROLLBACK")
        return running == (1,)

    os.killpg(worker, signal.SIGCONT)
    eventually(is_running, within_s=60, every_s=0.02)
    os.killpg(worker, signal.SIGKILL)
    database.execute("UPDATE recordings_processingjob SET lease_until = '2000-01-01 00:00:00'")
    database.execute("COMMIT")
    database.close()


def test_a_job_ends_ready_though_its_worker_was_killed_in_the_middle_and_the_broker_emptied(tmp_path: Path) -> None:
    with redis() as url:
        portal = portals.start(tmp_path / "data", REDIS_URL=url)
        try:
            worker, beat = child(portal, "worker"), child(portal, "beat")
            for process in (worker, beat):
                os.killpg(process, signal.SIGSTOP)
            hold_a_past_visit(portal)
            kill_in_mid_job(portal, worker)
            Redis.from_url(url).flushall()
            os.killpg(beat, signal.SIGCONT)
            eventually(lambda: statuses(portal) == "['ready']", within_s=120)
            assert portal.ask("ProcessingJob.objects.get().attempts") == "2"
        finally:
            portals.stop(portal)
