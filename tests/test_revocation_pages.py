"""Administrators take a right to play and give it back on a page of facts alone; staff look, others find nothing."""

import pytest
from django.test import Client

from accounts.models import User
from audit.models import Action, Entry
from recordings import policy
from recordings.models import PlaybackRevocation
from tests.cast import Cast
from tests.ledgers import ledger_down
from tests.replays import Viewer
from tests.shares import share

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.one_cast]
PAGE = "/admin/recordings/playbackrevocation/"
BACK = {"give_back": "on", "why_back": "settled"}


def client_of(user: User) -> Client:
    return Viewer(user).client


def take(cast: Cast, user: User, by: User | None = None, why: str = "conduct"):
    asked = {"recording": str(cast.ada.recording.pk), "user": str(user.pk), "why": why}
    return client_of(by or cast.administrator).post(f"{PAGE}add/", asked)


def plays(user: User, cast: Cast) -> bool:
    return policy.decide(user, cast.ada.recording.pk).recording is not None


def test_an_administrator_takes_a_right_with_a_reason_and_gives_it_back(cast: Cast) -> None:
    clinician = cast.ada.clinician.user
    assert take(cast, clinician).status_code == 302
    revocation = PlaybackRevocation.objects.get()
    assert (revocation.why, revocation.revoked_by, revocation.patient) == (
        "conduct",
        cast.administrator,
        cast.ada.patient,
    )
    assert not plays(clinician, cast) and plays(cast.ada.patient.user, cast)
    chief, page = client_of(cast.administrator), f"{PAGE}{revocation.pk}/change/"
    assert chief.post(page, {}).status_code == 200 and not plays(clinician, cast), "giving back is said expressly"
    for unsaid in ({"give_back": "on"}, {"give_back": "on", "why_back": "because"}):
        assert chief.post(page, unsaid).status_code == 200 and not plays(clinician, cast), "a reason is needed"
    assert chief.post(page, BACK).status_code == 302
    assert plays(clinician, cast)
    assert chief.post(page, BACK).status_code == 403, "it is given back once"
    lines = Entry.objects.filter(actor=cast.administrator.pk).exclude(reason="facts").order_by("seq")
    said = [(line.action, line.reason, line.detail.get("why")) for line in lines]
    assert said == [(Action.REVOKED, "conduct", None), (Action.GRANTED, "restored", "settled")]
    history = client_of(cast.ada.patient.user).get(f"/recordings/{cast.ada.recording.pk}/access/").content.decode()
    assert "what it was taken for is settled" in history


def test_a_share_holders_right_is_taken_too(cast: Cast) -> None:
    holder = share(cast.ada).grantee
    assert take(cast, holder).status_code == 302
    assert not plays(holder, cast)


@pytest.mark.parametrize("wrong", ["no reason", "a stranger", "no such recording"])
def test_what_cannot_be_taken_is_said_and_takes_nothing(wrong: str, cast: Cast) -> None:
    asked = {"recording": str(cast.ada.recording.pk), "user": str(cast.ada.clinician.user.pk), "why": "left"}
    asked |= {
        "no reason": {"why": ""},
        "a stranger": {"user": str(cast.ben.clinician.user.pk)},
        "no such recording": {"recording": str(cast.ada.patient.pk)},
    }[wrong]
    assert client_of(cast.administrator).post(f"{PAGE}add/", asked).status_code == 200
    assert not PlaybackRevocation.objects.exists()


def test_staff_look_and_take_nothing(cast: Cast) -> None:
    take(cast, cast.ada.clinician.user)
    revocation = PlaybackRevocation.objects.get()
    clerk, page = client_of(cast.staff), f"{PAGE}{revocation.pk}/change/"
    for path in (PAGE, page):
        assert clerk.get(path).status_code == 200
    assert clerk.post(page, BACK).status_code == 403
    assert take(cast, cast.ada.patient.user, by=cast.staff).status_code == 403
    assert plays(cast.ada.patient.user, cast) and not plays(cast.ada.clinician.user, cast)


@pytest.mark.parametrize("actor", ["ada.patient", "ada.clinician", "ada.colleague", "ben.patient"])
def test_nobody_else_has_the_page(actor: str, cast: Cast) -> None:
    assert take(cast, cast.ada.clinician.user, by=cast.actors()[actor]).status_code == 302
    assert not PlaybackRevocation.objects.exists()


def test_the_page_shows_facts_and_no_content(cast: Cast) -> None:
    take(cast, cast.ada.clinician.user)
    revocation = PlaybackRevocation.objects.get()
    for path in (PAGE, f"{PAGE}{revocation.pk}/change/"):
        text = client_of(cast.administrator).get(path).content.decode()
        assert cast.ada.clinician.user.email in text and "misused what they may see" in text
        assert cast.ada.patient.name not in text and "First visit" not in text and "/media/" not in text


def test_without_the_ledger_nothing_is_taken(cast: Cast) -> None:
    with ledger_down():
        client = client_of(cast.administrator)
        client.raise_request_exception = False
        asked = {"recording": str(cast.ada.recording.pk), "user": str(cast.ada.clinician.user.pk), "why": "left"}
        assert client.post(f"{PAGE}add/", asked).status_code == 503
    assert plays(cast.ada.clinician.user, cast)
