"""Dangerous settings and data are refused with a sentence, and the portal does not start with them."""

import os
import stat
from pathlib import Path

import pytest
from django.core.checks import CheckMessage, Tags, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from accounts.models import User
from audit import triggers
from patients.models import PatientKey
from recordings import safe
from telehealth import checks, demo, environment
from telehealth.checks import deployed, stored, switches
from telehealth.checks.switches import API
from tests.cast import make_patient

DANGERS = {
    "telehealth.E001": {"ALLOWED_HOSTS": ["portal.test", "*"]},
    "telehealth.E002": {"GUARDIAN_AUTO_PREFETCH": True},
    "telehealth.E003": {"ANONYMOUS_USER_NAME": "AnonymousUser"},
    "telehealth.E004": {"CELERY_ACCEPT_CONTENT": ["json", "pickle"]},
    "telehealth.E005": {"DEBUG": True, "USES_TLS": True},
    "telehealth.E007": {"CSRF_TRUSTED_ORIGINS": ["https://*.portal.test"]},
    "telehealth.E021": {
        "REST_FRAMEWORK": {**API, "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"]}
    },
}
POSTGRESQL = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "portal"}}
SQLITE = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
# As a portal on the open network should be; each danger below takes one fact of it away.
DEPLOYED = {
    "DEBUG": False,
    "USES_TLS": True,
    "REDIS_URL": "redis://127.0.0.1/0",
    "DATABASES": POSTGRESQL,
    "EMAIL_BACKEND": deployed.REACHING,
    "DEFAULT_FROM_EMAIL": "Clinic <portal@clinic.example>",
    "ALERT_EMAILS": ["on.call@clinic.example"],
    "SECRET_KEY": "a-key-of-the-length-and-variety-that-Django-asks-for-0123456789",
}
DEPLOYED_DANGERS = {
    "TLS without Redis": ("telehealth.E011", {"REDIS_URL": "", "DATABASES": SQLITE}),
    "PostgreSQL without Redis": ("telehealth.E011", {"REDIS_URL": "", "USES_TLS": False}),
    "mail in files": (
        "telehealth.E012",
        {"EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend"},
    ),
    "a sender that cannot exist": ("telehealth.E013", {"DEFAULT_FROM_EMAIL": "Portal <no-reply@portal.invalid>"}),
    "alerts that reach nobody": ("telehealth.W002", {"ALERT_EMAILS": []}),
    "several hosts on SQLite": ("telehealth.W001", {"DATABASES": SQLITE}),
    "a weak key": ("security.W009", {"SECRET_KEY": "weak"}),
}


@pytest.mark.parametrize("name", API)
def test_an_api_that_is_open_or_talkative_by_default_is_refused(name: str, settings) -> None:
    settings.REST_FRAMEWORK = {key: value for key, value in settings.REST_FRAMEWORK.items() if key != name}
    assert found_by_checks() == ["telehealth.E021"]


def found_by_checks() -> list[str]:
    return [str(message.id) for message in run_checks(tags=[Tags.security]) if str(message.id).startswith("telehealth")]


def test_the_settings_as_they_are_pass() -> None:
    with override_settings(DEBUG=False):
        assert found_by_checks() == []


@pytest.mark.parametrize("code", DANGERS)
def test_a_dangerous_setting_is_refused(code: str) -> None:
    with override_settings(**{"DEBUG": False, **DANGERS[code]}):
        assert found_by_checks() == [code]


@pytest.mark.parametrize("code", DANGERS)
def test_the_refusal_says_what_to_do(code: str) -> None:
    with override_settings(**{"DEBUG": False, **DANGERS[code]}):
        (message,) = switches.refuse_dangerous_settings()
    assert message.is_serious() and message.hint and message.hint.endswith(".")


def found_when_deployed() -> list[CheckMessage]:
    found = run_checks(tags=[Tags.security], include_deployment_checks=True)
    return [m for m in found if str(m.id).startswith("telehealth") or m.id in checks.REFUSED_TOO]


@pytest.mark.parametrize("danger", DEPLOYED_DANGERS)
@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
def test_what_the_open_network_needs_is_asked_for(danger: str) -> None:
    code, setting = DEPLOYED_DANGERS[danger]
    with override_settings(**DEPLOYED):
        assert found_when_deployed() == []
        with override_settings(**setting):
            (message,) = found_when_deployed()
    assert message.id == code and message.is_serious() is (message.id[-4] == "E")
    assert code in checks.REFUSED_TOO or str(message.hint).startswith("Set ")


@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
def test_the_embedded_portal_needs_none_of_it() -> None:
    with override_settings(DEBUG=False, DATABASES=SQLITE, REDIS_URL=""):
        assert [m.id for m in found_when_deployed() if m.id not in checks.REFUSED_TOO] == []


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("danger", [name for name, (code, _) in DEPLOYED_DANGERS.items() if "telehealth.W" not in code])
def test_behind_tls_nothing_starts_with_it(danger: str) -> None:
    held = {name: value for name, value in DEPLOYED.items() if name != "DATABASES"}
    with override_settings(**held):
        checks.refuse_unsafe_start()
        dangerous = {name: value for name, value in DEPLOYED_DANGERS[danger][1].items() if name != "DATABASES"}
        with override_settings(**dangerous | {"USES_TLS": True}), pytest.raises(ImproperlyConfigured):
            checks.refuse_unsafe_start()
    with override_settings(USES_TLS=False):
        checks.refuse_unsafe_start()


@pytest.mark.database
@pytest.mark.django_db
def test_debugging_is_for_invented_people_only() -> None:
    demo.people()
    with override_settings(DEBUG=True):
        assert stored.refuse_debugging_real_people(databases=["default"]) == []
        User.objects.create_user("dora@clinic.example", name="Dora Real")
        (message,) = stored.refuse_debugging_real_people(databases=["default"])
    assert message.id == "telehealth.E008" and str(message.hint).startswith("Set DEBUG=0")
    assert stored.refuse_debugging_real_people(databases=["default"]) == []


@pytest.mark.database
@pytest.mark.django_db
def test_guardians_anonymous_person_is_refused() -> None:
    assert stored.refuse_an_anonymous_person(databases=["default"]) == []
    anonymous = User.objects.create_user("anonymoususer", name="Anybody")
    (message,) = stored.refuse_an_anonymous_person(databases=["default"])
    assert message.id == "telehealth.E009" and str(message.hint).startswith("Delete this account")
    anonymous.delete()
    assert stored.refuse_an_anonymous_person(databases=["default"]) == []


@pytest.mark.database
@pytest.mark.django_db
def test_a_lost_master_key_is_refused_while_something_is_wrapped_with_it(tmp_path: Path, settings) -> None:
    patient = make_patient("Ada")
    safe.active_keyset(patient)
    assert stored.refuse_a_missing_master_key(databases=["default"]) == []
    settings.MASTER_KEY_URI = f"file://{tmp_path}/lost.key"
    (message,) = stored.refuse_a_missing_master_key(databases=["default"])
    assert message.id == "telehealth.E010" and str(message.hint).startswith("Put the file back")
    PatientKey.objects.update(wrapped_keyset=None, retired_at=timezone.now(), destroyed_at=timezone.now())
    assert stored.refuse_a_missing_master_key(databases=["default"]) == []


@pytest.mark.database
@pytest.mark.django_db
def test_on_the_open_network_nothing_starts_without_a_master_key(tmp_path: Path, settings) -> None:
    settings.USES_TLS = True
    assert stored.refuse_a_missing_master_key(databases=["default"]) == []
    settings.MASTER_KEY_URI = f"file://{tmp_path}/none.key"
    (message,) = stored.refuse_a_missing_master_key(databases=["default"])
    assert message.id == "telehealth.E020" and str(message.hint).startswith("Run manage.py prepare_vault")


def test_nothing_is_asked_of_a_database_that_nobody_named() -> None:
    """`check` without `--database` looks at settings only."""
    assert run_checks(tags=[Tags.database]) == []


@pytest.mark.parametrize("url", ["/var/storage", "s3://", "s3://key:hunter2@bucket"])
def test_a_storage_that_is_misnamed_is_refused_without_repeating_it(url: str) -> None:
    with override_settings(DEBUG=False, STORAGE_URL=url):
        assert found_by_checks() == ["telehealth.E014"]
        (message,) = switches.refuse_unusable_storage()
    assert message.is_serious() and message.hint and "hunter2" not in f"{message.msg} {message.hint}"


@pytest.mark.parametrize("url", ["file:///var/storage", "s3://bucket/portal?region=eu-west-2"])
def test_a_storage_that_is_well_named_passes_without_being_asked(url: str) -> None:
    with override_settings(DEBUG=False, STORAGE_URL=url):
        assert found_by_checks() == []


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_the_portal_does_not_start_while_the_database_lacks_a_guard() -> None:
    checks.refuse_unsafe_start()
    with triggers.lifted(connection), pytest.raises(ImproperlyConfigured, match="does not keep the rule"):
        checks.refuse_unsafe_start()
    checks.refuse_unsafe_start()


@pytest.mark.django_db(transaction=True)
def test_the_portal_does_not_start_with_a_dangerous_setting() -> None:
    with override_settings(ALLOWED_HOSTS=["*"]), pytest.raises(ImproperlyConfigured, match="ALLOWED_HOSTS"):
        checks.refuse_unsafe_start()


@pytest.mark.parametrize(
    ("read", "name", "value"), [(environment.flag, "DEBUG", "perhaps"), (environment.number, "PORT", "eighty")]
)
def test_a_malformed_value_stops_the_start_with_a_sentence(read, name, value, monkeypatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=f"{name} must be .*{value}"):
        read(name, 0)


@pytest.mark.parametrize(
    ("given", "uses_tls", "url"),
    [
        ("", True, "https://portal.example"),
        ("", False, "http://portal.example:8000"),
        ("https://clinic.example", True, "https://clinic.example"),
        ("http://127.0.0.1:9000", False, "http://127.0.0.1:9000"),
    ],
)
def test_links_in_mail_lead_to_the_portal(given: str, uses_tls: bool, url: str, monkeypatch) -> None:
    monkeypatch.setenv("PORTAL_URL", given)
    assert environment.portal_url(["portal.example", "other.example"], uses_tls) == url


@pytest.mark.parametrize("given", ["http://portal.example", "portal.example", "javascript:alert(1)"])
def test_links_in_mail_use_tls_where_the_portal_does(given: str, monkeypatch) -> None:
    monkeypatch.setenv("PORTAL_URL", given)
    with pytest.raises(SystemExit, match="PORTAL_URL must begin with https://"):
        environment.portal_url(["portal.example"], True)


def test_the_clinics_number_is_one_that_a_phone_can_call(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("", "+44 20 7946 0018", "111"):
        monkeypatch.setenv("CLINIC_PHONE", value)
        assert environment.phone("CLINIC_PHONE") == value
    monkeypatch.setenv("CLINIC_PHONE", "ask reception")
    with pytest.raises(SystemExit, match="CLINIC_PHONE must be digits and spaces"):
        environment.phone("CLINIC_PHONE")


@pytest.mark.parametrize(("value", "is_on"), [("1", True), ("TRUE", True), ("no", False), ("off", False), ("", True)])
def test_a_flag_is_read_as_people_write_it(value: str, is_on: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_FLAG", value)
    assert environment.flag("A_FLAG", True) is is_on


def test_the_secret_key_is_made_once_and_is_nobody_elses(tmp_path: Path) -> None:
    made = environment.secret_key(tmp_path / "data")
    assert len(made) > 50
    assert environment.secret_key(tmp_path / "data") == made
    assert stat.S_IMODE((tmp_path / "data/secret_key").stat().st_mode) == 0o600
    assert environment.secret_key(tmp_path / "other") != made


def test_a_given_secret_key_is_used_and_none_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "given")
    assert environment.secret_key(tmp_path) == "given"
    assert os.listdir(tmp_path) == []
