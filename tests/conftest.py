"""The rig: a data directory of its own, settings that need no build step, tables that can be emptied.

Everything here runs before or around the tests; who plays in them is in tests/cast.py.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from copy import deepcopy
from pathlib import Path
from typing import Any

import django
import pytest
from asgiref.sync import SyncToAsync
from django.conf import settings

if settings.configured:
    raise pytest.UsageError("Unset DJANGO_SETTINGS_MODULE: tests choose their settings and data directory themselves.")

# Before Django reads its settings: whatever stands in the developer's shell must not reach their real data.
DATA_DIR = Path(tempfile.mkdtemp(prefix="portal-data-"))
atexit.register(shutil.rmtree, DATA_DIR, ignore_errors=True)
STRANGE = {
    "ALERT_EMAILS", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "DEBUG", "DEMO", "DEFAULT_PERSON_TIME_ZONE",
    "DATABASE_POOL_SIZE", "DEFAULT_FROM_EMAIL", "EMAIL_HOST", "EMAIL_HOST_PASSWORD", "EMAIL_HOST_USER", "EMAIL_PORT",
    "EMAIL_USE_TLS", "MASTER_KEY_URI", "RECORDING_RETENTION_DAYS", "REDIS_URL", "SECRET_KEY",
    "LANGUAGES", "SMALL_PICTURES", "STATIC_ROOT", "STORAGE_URL", "TURN_SECRET", "TURN_URLS", "USES_TLS",
    "CHECKPOINT_URL", "LEDGER_SIGNING_KEY", "LEDGER_SPOOL_DIR", "PORTAL_URL", "RETENTION_LEAST_DAYS",
    "NOTICE_RETENTION_DAYS", "CLINIC_PHONE",
}  # fmt: skip
for name in STRANGE:
    os.environ.pop(name, None)
# Nor their token of a Vault or account at AWS: boto3 would look into the shell, their home and the machine's identity.
for name in [name for name in os.environ if name.startswith(("AWS_", "VAULT_"))]:
    del os.environ[name]
os.environ |= dict.fromkeys(["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "BOTO_CONFIG"], os.devnull)
os.environ |= {"AWS_EC2_METADATA_DISABLED": "true", "AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing"}
os.environ |= {"DATA_DIR": str(DATA_DIR), "DJANGO_SETTINGS_MODULE": "telehealth.settings"}
for folder in ("static", "storage", "broker/queue", "broker/processed", "broker/control"):
    (DATA_DIR / folder).mkdir(parents=True)
django.setup()

from django.db import connections, transaction  # noqa: E402  the apps are loaded from here on
from django.test import TransactionTestCase, override_settings  # noqa: E402

from audit import triggers  # noqa: E402
from recordings import safe  # noqa: E402
from recordings.vault import create_master_key_file  # noqa: E402
from telehealth.celery import app as celery  # noqa: E402
from tests.aws import Aws  # noqa: E402
from tests.cast import Cast, make_cast  # noqa: E402
from tests.transit import Transit  # noqa: E402

# The processes that share the tests among them (pytest -n) begin here, too, each with a directory of its own.
del os.environ["DJANGO_SETTINGS_MODULE"]
BROWSER_STORIES = Path(__file__).parent / "browser"
SETTINGS = {
    # Hashed names need `collectstatic`; the started portal of the browser tests has them.
    "STORAGES": {
        "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    },
    "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser stories last; skip what can mean nothing on the database at hand, and say why."""
    is_postgres = connections["default"].vendor == "postgresql"
    for item in items:
        if item.path.is_relative_to(BROWSER_STORIES):
            item.add_marker("browser")
        if is_postgres and item.get_closest_marker("sqlite"):
            item.add_marker(pytest.mark.skip(reason="is about SQLite"))
        if not is_postgres and item.get_closest_marker("postgres"):
            item.add_marker(pytest.mark.skip(reason="is about PostgreSQL; `make test` runs it there"))
    # Playwright keeps a process and an event loop for the rest of the run, which others would stumble over.
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.fixture(scope="session", autouse=True)
def quick_settings() -> Iterator[None]:
    with override_settings(**SETTINGS):
        yield


@pytest.fixture(scope="session", autouse=True)
def master_key() -> Path:
    """The portal makes it at its first start; `safe.prepare_master_key` would ask the database first."""
    path = DATA_DIR / "master.key"
    create_master_key_file(path)
    return path


@pytest.fixture(autouse=True)
def own_vault() -> Iterator[None]:
    """Forget this process's vault after each test: the next one may have other settings."""
    yield
    safe.vault.cache_clear()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """SQLite in a file, as in real life: threads wait for each other, WAL and the timeout apply.

    Only that nothing waits for the disk: this database is thrown away, as PostgreSQL's of the tests is.
    """
    for database in settings.DATABASES.values():
        if database["ENGINE"].endswith("sqlite3"):
            database.setdefault("TEST", {})["NAME"] = str(DATA_DIR / "test.sqlite3")
            hurried = database["OPTIONS"]["init_command"].replace("synchronous=FULL", "synchronous=OFF")
            database["OPTIONS"] = database["OPTIONS"] | {"init_command": hurried}


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """Close what async tests left open: their database work runs in a thread that nothing else would tidy up."""
    yield
    SyncToAsync.single_thread_executor.submit(connections.close_all).result()


@pytest.fixture(scope="session", autouse=True)
def guards_are_lifted_for_emptying() -> Iterator[None]:
    """Let `django_db(transaction=True)` empty the tables after itself: append-only ones refuse it otherwise."""
    emptied = TransactionTestCase._fixture_teardown

    def lifted(case: TransactionTestCase) -> None:
        with ExitStack() as lifting:
            for alias in case._databases_names(include_mirrors=False):
                lifting.enter_context(triggers.lifted(connections[alias]))
            emptied(case)

    TransactionTestCase._fixture_teardown = lifted
    yield
    TransactionTestCase._fixture_teardown = emptied


@pytest.fixture
def ledger_places(settings: Any, tmp_path: Path) -> Path:
    """Give the ledger a signing key, a second place and a spool of its own; return the folder they are in."""
    settings.LEDGER_SIGNING_KEY = f"file://{tmp_path / 'signing.key'}"
    settings.CHECKPOINT_URL = f"file://{tmp_path / 'checkpoints'}"
    settings.LEDGER_SPOOL_DIR = tmp_path / "spool"
    return tmp_path


@pytest.fixture(scope="module")
def cast_of_module(request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: Any) -> Iterator[Any]:
    """Everybody, made once for a module of many small tests that is marked `one_cast`, each of which is taken back.

    No test of it may be `django_db(transaction=True)` or change what lies in the vault.
    """
    if request.node.get_closest_marker("one_cast") is None:
        yield None
        return
    with django_db_blocker.unblock(), transaction.atomic():
        yield make_cast()
        transaction.set_rollback(True)


@pytest.fixture
def cast(cast_of_module: Cast | None, db: None) -> Cast:
    """Everybody, freshly made: tests/cast.py says who they are."""
    return deepcopy(cast_of_module) if cast_of_module else make_cast()


@pytest.fixture
def work_at_once() -> Iterator[None]:
    """Run Celery's tasks where they are rung. Without this they stay in the broker's folder, unread."""
    celery.conf.task_always_eager, before = True, celery.conf.task_always_eager
    yield
    celery.conf.task_always_eager = before


@pytest.fixture(scope="session")
def aws_server() -> Iterator[Aws]:
    server = Aws()
    yield server
    server.stop()


@pytest.fixture
def aws(aws_server: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """S3 and KMS on this machine, with an empty bucket; tests/aws.py says how it can be made to fail."""
    # What is tested is what comes of the tries, not how long they wait for each other.
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    aws_server.begin()
    yield aws_server
    aws_server.fault = None


@pytest.fixture(scope="session")
def transit_server() -> Iterator[Transit]:
    server = Transit()
    yield server
    server.stop()


@pytest.fixture
def transit(transit_server: Transit, monkeypatch: pytest.MonkeyPatch) -> Iterator[Transit]:
    """HashiCorp Vault's Transit engine on this machine, as tests/transit.py plays it, and the token for it."""
    transit_server.begin()
    monkeypatch.setenv("VAULT_TOKEN", transit_server.token)
    yield transit_server
    transit_server.begin()
