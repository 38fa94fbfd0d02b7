"""The page on which somebody chooses what they are written to about, and when."""

from datetime import time
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from notices import preferences
from notices.models import Mute, Notice
from tests.cast import Cast

pytestmark = [pytest.mark.database, pytest.mark.django_db]
PAGE = "/account/notices/"


def browser(user: User | None) -> Client:
    client = Client()
    assert user is not None
    client.force_login(user)
    return client


def choose(user: User | None, **said: Any) -> str:
    fields = {"wanted": ["hour_before"], "quiet_from": "22:00", "quiet_until": "07:30"} | said
    return browser(user).post(PAGE, fields, follow=True).content.decode()


def test_a_patient_chooses_and_finds_it_so(cast: Cast) -> None:
    user = cast.ada.patient.user
    assert browser(user).get(PAGE).content.decode().count("checked") == 6
    assert "is saved" in choose(user)
    assert preferences.muted_by(user) == {"day_before", "waiting", "replay_ready", "new_viewer", "note_shared"}
    assert preferences.quiet_hours_of(user) == (time(22), time(7, 30))
    text = browser(user).get(PAGE).content.decode()
    assert text.count("checked") == 1 and 'value="22:00"' in text and 'value="07:30"' in text
    assert choose(user, wanted=["day_before", "waiting"], quiet_from="", quiet_until="")
    assert preferences.muted_by(user) == {"hour_before", "replay_ready", "new_viewer", "note_shared"}
    assert preferences.quiet_hours_of(user) == (None, None)
    assert not Mute.objects.exclude(user=user).exists()


def test_what_cannot_be_turned_off_is_said_and_stays_on(cast: Cast) -> None:
    user = cast.ada.patient.user
    text = browser(user).get(PAGE).content.decode()
    assert "When a consultation of yours is cancelled" in text and 'value="cancelled"' not in text
    assert "is saved" not in choose(user, wanted=["cancelled"]), "nothing that is not offered is taken"
    assert not preferences.is_muted(user, "cancelled")


@pytest.mark.parametrize(
    ("actor", "offered"), [("ada.clinician", {"taken"}), ("staff", set()), ("administrator", set())]
)
def test_everybody_is_asked_about_what_they_get(cast: Cast, actor: str, offered: set[str]) -> None:
    user = cast.actors()[actor]
    assert isinstance(user, User)
    text = browser(user).get(PAGE).content.decode()
    assert {kind for kind in Notice._meta.get_field("kind").flatchoices if f'value="{kind[0]}"' in text} == {
        kind for kind in Notice._meta.get_field("kind").flatchoices if kind[0] in offered
    }
    assert "is saved" in choose(user, wanted=[])
    assert preferences.muted_by(user) == offered and "Quiet hours" in text


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ({"quiet_until": ""}, "when they end, or leave both empty"),
        ({"quiet_from": ""}, "when they end, or leave both empty"),
        ({"quiet_until": "22:00"}, "begin and end at the same time"),
        ({"quiet_from": "late"}, "Enter a valid time"),
    ],
)
def test_hours_that_make_no_sense_are_said_and_nothing_is_lost(cast: Cast, said: dict[str, str], answer: str) -> None:
    text = choose(cast.ada.patient.user, **said)
    assert answer in text and "<title>Error:" in text and text.count("checked") == 1
    assert not Mute.objects.exists() and preferences.quiet_hours_of(cast.ada.patient.user)[0] == time(21)


def test_the_page_stands_beside_the_others_and_asks_who_is_not_signed_in_to_do_so(cast: Cast) -> None:
    assert f'href="{PAGE}"' in browser(cast.ada.patient.user).get("/account/").content.decode()
    assert Client().get(PAGE).headers["Location"].startswith("/account/login/")
