"""Dangerous settings and data are refused with a sentence, and the portal does not start with them."""

import os
import stat
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.checks import Tags, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test import override_settings

from accounts.models import User
from audit import triggers
from telehealth import checks, environment

DANGERS = {
    "telehealth.E001": {"ALLOWED_HOSTS": ["portal.test", "*"]},
    "telehealth.E002": {"GUARDIAN_AUTO_PREFETCH": True},
    "telehealth.E003": {"ANONYMOUS_USER_NAME": "AnonymousUser"},
    "telehealth.E004": {"CELERY_ACCEPT_CONTENT": ["json", "pickle"]},
    "telehealth.E005": {"DEBUG": True, "USES_TLS": True},
}


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
        (message,) = checks.refuse_dangerous_settings()
    assert message.is_serious() and message.hint and message.hint.endswith(".")


@pytest.mark.database
@pytest.mark.django_db
@pytest.mark.parametrize("codename", ["play_recording", "join_consultation"])
@pytest.mark.parametrize("by", ["group", "person"])
def test_a_global_right_to_play_or_join_is_refused(codename: str, by: str) -> None:
    assert checks.refuse_dangerous_grants(databases=["default"]) == []
    permission = Permission.objects.get(codename=codename)
    if by == "group":
        Group.objects.create(name="Everybody").permissions.add(permission)
    else:
        User.objects.create_user("one@cast.test", name="One").user_permissions.add(permission)
    (message,) = checks.refuse_dangerous_grants(databases=["default"])
    assert message.id == "telehealth.E006" and codename in message.msg


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
