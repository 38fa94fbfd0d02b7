"""The test rig keeps its promises: guards stand again, services stop, real data stays out of reach."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.files.storage import storages
from django.db import DatabaseError, connection
from django.test import TransactionTestCase

from audit import ledger, triggers
from audit.models import Action, Entry
from recordings import safe, tasks
from telehealth.settings import SQLITE_OPTIONS
from tests import services
from tests.cast import Cast


class Emptying(TransactionTestCase):
    databases = {"default"}

    def runTest(self) -> None: ...


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_emptying_the_tables_after_a_test_leaves_every_guard_in_place(cast: Cast) -> None:
    ledger.append(ledger.PORTAL, ledger.Line(Action.LISTED))
    Emptying()._fixture_teardown()
    assert not Entry.objects.exists()
    assert triggers.missing(connection) == []
    ledger.append(ledger.PORTAL, ledger.Line(Action.LISTED))
    with pytest.raises(DatabaseError, match="append-only"):
        Entry.objects.update(reason="changed")


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_guards_stand_again_even_if_emptying_fails() -> None:
    with pytest.raises(ZeroDivisionError), triggers.lifted(connection):
        assert triggers.missing(connection)
        raise ZeroDivisionError
    assert triggers.missing(connection) == []


@pytest.mark.database
@pytest.mark.django_db
def test_the_next_test_finds_every_guard() -> None:
    assert triggers.missing(connection) == []
    assert not Entry.objects.exists()


@pytest.mark.database
@pytest.mark.django_db
def test_the_database_is_the_one_that_was_asked_for() -> None:
    wanted = "postgresql" if os.environ.get("DATABASE_URL", "").startswith("postgres") else "sqlite"
    assert connection.vendor == wanted
    assert "test" in str(connection.settings_dict["NAME"])


def pragmas(cursor: Any) -> dict[str, object]:
    names = ("journal_mode", "synchronous", "recursive_triggers")
    return {name: cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in names}


@pytest.mark.sqlite
@pytest.mark.django_db
def test_sqlite_runs_as_in_the_portal_but_for_waiting_for_the_disk(tmp_path: Path) -> None:
    with connection.cursor() as cursor:
        assert pragmas(cursor) == {"journal_mode": "wal", "synchronous": 0, "recursive_triggers": 1}
    with closing(sqlite3.connect(tmp_path / "portal.sqlite3")) as portal:
        portal.executescript(SQLITE_OPTIONS["init_command"])
        assert pragmas(portal) == {"journal_mode": "wal", "synchronous": 2, "recursive_triggers": 1}


def test_tests_keep_out_of_the_developers_data() -> None:
    assert settings.DATA_DIR != settings.BASE_DIR / "data"
    assert (settings.DATA_DIR / "storage").as_uri() == settings.STORAGE_URL
    for path in (settings.BROKER_DIR, settings.STATIC_ROOT, settings.EMAIL_FILE_PATH):
        assert Path(path).is_relative_to(settings.DATA_DIR)
    assert settings.CELERY_BROKER_URL.startswith("filesystem://")
    assert safe.vault() is safe.vault()


def test_pages_need_no_collected_static_files() -> None:
    assert storages["staticfiles"].url("css/portal.css") == "/static/css/portal.css"


@pytest.mark.django_db
def test_a_rung_task_waits_in_the_tests_own_broker() -> None:
    queue = settings.BROKER_DIR / "queue"
    before = len(list(queue.iterdir()))
    tasks.sweep.delay()
    assert len(list(queue.iterdir())) == before + 1


@pytest.mark.django_db
@pytest.mark.usefixtures("work_at_once")
def test_a_task_can_be_run_where_it_is_rung() -> None:
    assert tasks.sweep.delay().successful()


@pytest.mark.django_db
def test_the_cast_has_two_worlds_that_share_nothing(cast: Cast) -> None:
    for name in ("patient", "clinician", "colleague", "planned", "held", "call", "recording", "replay"):
        assert getattr(cast.ada, name).pk != getattr(cast.ben, name).pk
    with safe.open_object(cast.ada.replay, cast.ada.patient.vault_id) as reader:
        assert b"".join(reader.iter_range(0, len(cast.ada.canary))) == cast.ada.canary


@pytest.mark.services
def test_a_private_postgresql_starts_answers_and_stops() -> None:
    with services.postgres() as url, psycopg.connect(url) as link:
        assert link.execute("SHOW listen_addresses").fetchone() == ("",)
        directory = Path(link.execute("SHOW data_directory").fetchone()[0]).parent
        number = int(Path(directory, "cluster/postmaster.pid").read_text().splitlines()[0])
        assert os.stat(f"/proc/{number}").st_uid != 0
    assert not directory.exists()
    assert not Path(f"/proc/{number}").exists()


@pytest.mark.services
@pytest.mark.parametrize("start", [services.postgres, services.redis])
@pytest.mark.parametrize("failure", [ZeroDivisionError, KeyboardInterrupt])
def test_a_service_stops_when_what_it_served_breaks_off(start, failure) -> None:
    before = _children()
    with pytest.raises(failure), start():
        assert _children() > before
        raise failure
    assert _children() == before


@pytest.mark.services
def test_a_command_runs_with_the_services_it_names_and_its_status_is_kept() -> None:
    said = "import os, sys; print(os.environ['DATABASE_URL'], os.environ['REDIS_URL']); sys.exit(7)"
    command = [sys.executable, "-m", "tests.services", "postgres", "redis", "--", sys.executable, "-c", said]
    done = subprocess.run(command, capture_output=True, text=True, cwd=settings.BASE_DIR)
    assert done.returncode == 7
    assert done.stdout.startswith("postgresql://") and " redis://127.0.0.1:" in done.stdout


def test_a_missing_program_is_named_with_what_to_do() -> None:
    with pytest.raises(services.ServiceMissing, match="no-such-server is not installed. Run tests/bin/install"):
        services.program("no-such-server")


def _children() -> set[int]:
    tasks_of_this = Path("/proc/self/task")
    return {int(pid) for task in tasks_of_this.iterdir() for pid in (task / "children").read_text().split()}
