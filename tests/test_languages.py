"""The portal in another language: the catalogue is whole, and everybody is spoken to in the language they chose."""

import re
from datetime import UTC, datetime
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.core import mail
from django.test import Client

from accounts.models import User
from telehealth import environment
from tests.cast import Cast
from tests.owed import at_any_hour, deliver, plan

CATALOGUES = sorted(Path(settings.BASE_DIR, "locale").rglob("*.po"))
PLACES = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}|</?\w+[^>]*>")
EACH_CATALOGUE = pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: "-".join(path.parts[-3::2]))


def test_every_language_has_its_catalogues() -> None:
    translated = {code for code, _name in settings.LANGUAGES} - {settings.LANGUAGE_CODE}
    assert translated == {path.parts[-3] for path in CATALOGUES}
    assert {path.stem for path in CATALOGUES} == {"django", "djangojs"}


@EACH_CATALOGUE
def test_every_sentence_is_translated_with_its_places(path: Path) -> None:
    catalogue = polib.pofile(str(path))
    forms = int(catalogue.metadata["Plural-Forms"].partition("nplurals=")[2][0])
    wrong = []
    for entry in catalogue:
        said = list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]
        if "fuzzy" in entry.flags or not all(said) or len(said) != (forms if entry.msgid_plural else 1):
            wrong.append(f"not translated: {entry.msgid!r}")
        places = [sorted(PLACES.findall(text)) for text in (entry.msgid, entry.msgid_plural) if text]
        wrong += [f"{text!r} has not the places of {entry.msgid!r}" for text in said if not fits(text, places)]
    assert not wrong, "\n".join(wrong)


def fits(text: str, places: list[list[str]]) -> bool:
    return sorted(PLACES.findall(text)) in places


@EACH_CATALOGUE
def test_what_is_read_is_what_was_translated(path: Path) -> None:
    def facts(catalogue: polib.POFile | polib.MOFile) -> dict[tuple[str | None, str], object]:
        return {(one.msgctxt, one.msgid): one.msgstr_plural or one.msgstr for one in catalogue}

    compiled = polib.mofile(str(path.with_suffix(".mo")))
    assert facts(compiled) == facts(polib.pofile(str(path))), "run `python manage.py compilemessages`"


@pytest.fixture
def polish(cast: Cast) -> User:
    user: User = cast.ada.patient.user  # type: ignore[assignment]
    user.language = "pl"
    user.save(update_fields=["language"])
    return user


@pytest.mark.django_db
def test_everybody_is_spoken_to_in_their_language_whatever_the_browser_says(cast: Cast, polish: User) -> None:
    for user, said in ((polish, "pl"), (cast.ben.patient.user, "en-gb")):
        client = Client(headers={"Accept-Language": "pl" if said == "en-gb" else "en"})
        client.force_login(user)  # type: ignore[arg-type]
        for page in ("/", "/consultations/", "/recordings/", "/account/"):
            answer = client.get(page)
            assert answer.headers["Content-Language"] == said
            text = answer.content.decode()
            assert f'<html lang="{said}"' in text
            assert ("Wyloguj" in text, "Sign out" in text) == (said == "pl", said != "pl")


@pytest.mark.django_db
def test_whoever_is_not_signed_in_is_answered_in_their_browsers_language() -> None:
    for accepts, said in (("pl-PL,pl;q=0.9,en;q=0.5", "pl"), ("de", "en-gb"), ("en", "en-gb")):
        answer = Client(headers={"Accept-Language": accepts}).get("/account/login/")
        assert (answer.headers["Content-Language"], f'<html lang="{said}"' in answer.content.decode()) == (said, True)


@pytest.mark.django_db
def test_somebody_chooses_a_language_and_is_answered_in_it_at_once(cast: Cast) -> None:
    user = cast.ada.patient.user
    client = Client()
    client.force_login(user)  # type: ignore[arg-type]
    form = {"phone": "", "time_zone": "Europe/Warsaw", "language": "pl"}
    page = client.post("/account/", form, follow=True).content.decode()
    assert "Your details are saved." not in page and '<html lang="pl"' in page
    assert 'lang="xx"' not in client.post("/account/", form | {"language": "xx"}).content.decode()
    user.refresh_from_db()  # type: ignore[union-attr]
    assert user.language == "pl"  # type: ignore[union-attr]


@pytest.mark.django_db
def test_letters_and_days_are_in_the_language_of_whom_they_go_to(cast: Cast, polish: User) -> None:
    osei = cast.ada.clinician.user
    at_any_hour(polish, osei)
    plan(cast.ada, starts_at=datetime(2031, 11, 10, 9, tzinfo=UTC), booked_at=cast.now)
    deliver(cast.now)
    to = {who: [one for one in mail.outbox if one.to == [who.email]] for who in (polish, osei)}
    assert any("konsultacja" in one.body and "10 listopada 2031" in one.body for one in to[polish])
    assert all("consultation" not in one.body.replace("/consultations/", "") for one in to[polish])
    assert to[osei] and all("konsultacja" not in one.body for one in to[osei])


@pytest.mark.parametrize(("said", "offered"), [("", ["en-gb", "pl"]), ("pl", ["pl"]), (" pl , en-gb", ["pl", "en-gb"])])
def test_a_clinic_chooses_what_it_offers(monkeypatch: pytest.MonkeyPatch, said: str, offered: list[str]) -> None:
    monkeypatch.setenv("LANGUAGES", said)
    assert [code for code, _name in environment.languages({"en-gb": "English", "pl": "Polski"})] == offered
    monkeypatch.setenv("LANGUAGES", "pl,xx")
    with pytest.raises(environment.Misconfigured, match="xx is not"):
        environment.languages({"en-gb": "English", "pl": "Polski"})
