"""The page that shares a replay: the same words whoever is named, letters that tell nothing, a way in for once."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts.models import User
from audit.models import Action, Entry
from notices.models import Notice
from recordings.models import Recording, Share
from tests.cast import PASSWORD, Cast
from tests.owed import deliver
from tests.replays import Viewer
from tests.shares import HOLDER, share

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.one_cast]
LINK = re.compile(r"http://127\.0\.0\.1:8000(?!/account/notices/)(/\S+)")
NEW_PASSWORD = "a sentence that only Hana knows"


@pytest.fixture(autouse=True)
def at_any_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is invited has chosen no hours yet, and tests run at night, too."""
    monkeypatch.setattr("notices.preferences.quiet_hours_of", lambda user: (None, None))


@pytest.fixture(autouse=True)
def nothing_is_owed(cast: Cast) -> None:
    Notice.objects.all().delete()


def client_of(user: User) -> Client:
    return Viewer(user).client


def wanted(email: str = HOLDER, **facts: str) -> dict[str, str]:
    until = timezone.localdate() + timedelta(days=7)
    return {"name": "Hana Older", "email": email, "reason": "Second opinion", "until": until.isoformat(), **facts}


def page(cast: Cast) -> str:
    return f"/recordings/{cast.ada.recording.pk}/sharing/"


def ask(cast: Cast, user: User, **facts: str) -> HttpResponse:
    answer = client_of(user).post(page(cast), wanted(**facts), follow=True)
    deliver(timezone.now())
    return answer


def without_what_differs(answer: HttpResponse, email: str) -> str:
    text = re.sub(r"[0-9a-f-]{36}|[A-Za-z0-9]{64}", "", answer.content.decode())
    return text.replace(email, "EMAIL")


def letter_to(address: str) -> EmailMessage:
    (letter,) = [one for one in mail.outbox if one.to == [address]]
    return letter


def test_the_page_says_the_same_whether_the_address_is_known_or_not(cast: Cast) -> None:
    known = cast.ada.colleague.user.email
    answers = []
    for email in (known, HOLDER):
        answer = ask(cast, cast.ada.patient.user, email=email)
        answers.append(without_what_differs(answer, email))
        client_of(cast.ada.patient.user).post(f"/recordings/shares/{Share.objects.standing().get().pk}/withdraw/")
    assert answers[0] == answers[1]
    assert "Hana Older" in answers[0] and "Shared." in answers[0]
    assert [one.to for one in mail.outbox] == [[known], [HOLDER]], "one letter each"


def test_the_page_never_names_the_account_behind_an_address(cast: Cast) -> None:
    known = cast.ada.colleague.user
    User.objects.filter(pk=known.pk).update(email="Karin.Lind@Cast.Test")
    text = ask(cast, cast.ada.patient.user, email="karin.lind@cast.test").content.decode()
    assert known.name not in text and "Karin.Lind@" not in text


def test_a_letter_names_nobody_and_nothing(cast: Cast) -> None:
    ask(cast, cast.ada.patient.user)
    text = letter_to(HOLDER).subject + letter_to(HOLDER).body
    for told in ("Ada", "Osei", "Hana", "First visit", "Second opinion", str(cast.ada.recording.pk)):
        assert told not in text


def test_somebody_invited_chooses_a_password_once_signs_in_and_watches(cast: Cast) -> None:
    ask(cast, cast.ada.patient.user)
    (path,) = LINK.findall(letter_to(HOLDER).body)
    browser = Client()
    form = browser.get(path, follow=True)
    done = browser.post(form.request["PATH_INFO"], {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}, follow=True)
    assert "Your new password is saved" in done.content.decode()
    assert "This link is used up" in Client().get(path, follow=True).content.decode()
    landed = browser.post("/account/login/", {"login": HOLDER, "password": NEW_PASSWORD}, follow=True)
    assert landed.request["PATH_INFO"] == "/recordings/"
    text = landed.content.decode()
    assert "Ada Lovell" in text and "Shared with you until" in text and "First visit" not in text
    watch = browser.get(f"/recordings/{cast.ada.recording.pk}/").content.decode()
    assert "Ada Lovell shared this with you until" in watch
    assert "First visit" not in watch and "Who has seen this" not in watch and "sharing" not in watch
    holder = User.objects.get(email=HOLDER)
    assert Viewer(holder).get(cast.ada.recording.pk).body == cast.ada.canary
    assert Entry.objects.filter(actor=holder.pk, action=Action.OPENED, object_id=cast.ada.recording.pk).exists()


def test_somebody_who_has_a_password_is_sent_to_the_sign_in_page(cast: Cast) -> None:
    ask(cast, cast.ada.patient.user, email=cast.ada.colleague.user.email)
    assert LINK.findall(letter_to(cast.ada.colleague.user.email).body) == ["/account/login/"]


def test_a_closed_account_gets_no_letter_and_the_page_does_not_tell(cast: Cast) -> None:
    answer = ask(cast, cast.ada.patient.user, email=cast.inactive.email)
    assert mail.outbox == [] and "Shared." in answer.content.decode()


def test_a_share_holder_is_shown_nothing_else_of_the_consultation(cast: Cast) -> None:
    client = client_of(share(cast.ada).grantee)
    held, recording = cast.ada.held.pk, cast.ada.recording.pk
    closed = [page(cast), f"/consultations/{held}/", f"/consultations/{held}/call/", f"/recordings/of/{held}/status/"]
    assert [client.get(path).status_code for path in closed] == [404] * 4
    assert client.post(page(cast), wanted("third@cast.test")).status_code == 404
    assert str(held) not in client.get("/consultations/").content.decode()
    assert client.get(f"/clinic/recordings/recording/{recording}/change/").status_code == 302
    assert client.get("/").headers["Location"] == "/recordings/"
    assert not User.objects.filter(email="third@cast.test").exists()


def test_a_clinician_proposes_and_the_patient_agrees(cast: Cast) -> None:
    patient, clinician = cast.ada.patient.user, cast.ada.clinician.user
    assert "Proposed." in ask(cast, clinician).content.decode()
    assert [one.to for one in mail.outbox] == [[patient.email]]
    assert "Hana" not in letter_to(patient.email).body
    proposal = Share.objects.get()
    assert client_of(clinician).post(f"/recordings/shares/{proposal.pk}/agree/").status_code == 404
    assert "Waits for your answer" in client_of(patient).get("/").content.decode()
    assert (
        "Read with whom and decide" in client_of(patient).get(f"/recordings/{cast.ada.recording.pk}/").content.decode()
    )
    text = client_of(patient).get(page(cast)).content.decode()
    assert "Hana Older" in text and "Second opinion" in text and "proposed by Samuel Osei" in text
    client_of(patient).post(f"/recordings/shares/{proposal.pk}/agree/")
    deliver(timezone.now())
    assert letter_to(HOLDER)
    assert Viewer(proposal.grantee).get(cast.ada.recording.pk).status_code == 200
    watch = client_of(patient).get(f"/recordings/{cast.ada.recording.pk}/").content.decode()
    assert "You, Dr Samuel Osei and 1 other person can watch this" in watch


@pytest.mark.parametrize("actor", ["ada.colleague", "ben.patient", "ben.clinician", "staff", "administrator"])
def test_strangers_find_no_page_and_can_neither_agree_nor_end(actor: str, cast: Cast) -> None:
    client, shared = client_of(cast.actors()[actor]), share(cast.ada)
    assert client.get(page(cast)).status_code == 404
    for act in ("agree", "withdraw"):
        assert client.post(f"/recordings/shares/{shared.pk}/{act}/").status_code == 404
    shared.refresh_from_db()
    assert shared.revoked_at is None


def test_the_patient_ends_it_with_one_press(cast: Cast) -> None:
    shared, client = share(cast.ada), client_of(cast.ada.patient.user)
    answer = client.post(f"/recordings/shares/{shared.pk}/withdraw/", follow=True)
    assert "Ended." in answer.content.decode() and HOLDER not in answer.content.decode()
    assert Viewer(shared.grantee).get(cast.ada.recording.pk).status_code == 404


@pytest.mark.parametrize(
    "facts", [{"until": "2020-01-01"}, {"until": "2999-01-01"}, {"until": "soon"}, {"email": "nobody"}, {"reason": " "}]
)
def test_what_cannot_be_taken_is_said_and_nothing_typed_is_lost(facts: dict[str, Any], cast: Cast) -> None:
    answer = ask(cast, cast.ada.patient.user, **facts)
    text = answer.content.decode()
    assert "<title>Error:" in text and 'value="Hana Older"' in text
    assert not Share.objects.exists() and mail.outbox == []


def test_it_opens_until_the_last_minute_of_that_day_where_the_patient_lives(cast: Cast) -> None:
    User.objects.filter(pk=cast.ada.patient.user.pk).update(time_zone="Pacific/Auckland")
    ask(cast, User.objects.get(pk=cast.ada.patient.user.pk))
    shared = Share.objects.get()
    with timezone.override("Pacific/Auckland"):
        assert timezone.localtime(shared.expires_at).strftime("%H:%M") == "23:59"


def test_what_cannot_be_watched_cannot_be_shared_and_is_still_ended(cast: Cast) -> None:
    shared = share(cast.ada)
    Recording.objects.filter(pk=cast.ada.recording.pk).update(status=Recording.Status.QUARANTINED)
    answer = ask(cast, cast.ada.patient.user, email="new@cast.test")
    assert "cannot be shared" in answer.content.decode()
    client_of(cast.ada.patient.user).post(f"/recordings/shares/{shared.pk}/withdraw/")
    assert not Share.objects.standing().exists()


def test_a_letter_that_cannot_be_sent_undoes_nothing(cast: Cast, settings: Any) -> None:
    settings.EMAIL_BACKEND = "tests.test_share_pages.Broken"
    assert "Shared." in ask(cast, cast.ada.patient.user).content.decode()
    assert Share.objects.live().count() == 1 and Notice.objects.get().fault == "ConnectionRefusedError"


class Broken:
    """A letter box that nobody answers at."""

    def __init__(self, **_: object) -> None: ...

    def send_messages(self, letters: list[EmailMessage]) -> int:
        raise ConnectionRefusedError


def test_people_who_sign_in_as_before_are_not_sent_elsewhere(cast: Cast) -> None:
    answer = Client().post("/account/login/", {"login": cast.ada.patient.user.email, "password": PASSWORD}, follow=True)
    assert answer.request["PATH_INFO"] == "/"
