"""One's own account: details, needs, consents, and the devices one is signed in on."""

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from accounts import devices
from accounts.models import User
from consultations.models import Participant, RecordingConsent
from consultations.wordings import FIRST
from tests.cast import PASSWORD, Cast

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.one_cast]
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605 Version/17.5 Mobile/15E148 Safari/604.1"
LAPTOP = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537 Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0"


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def signed_in(user: User, user_agent: str) -> Client:
    client = Client(HTTP_USER_AGENT=user_agent)
    answer = client.post("/account/login/", {"login": user.email, "password": PASSWORD})
    assert answer.status_code == 302
    return client


def test_somebody_changes_how_to_reach_them_and_nothing_else(cast: Cast) -> None:
    user = cast.ada.patient.user
    before = User.objects.get(pk=user.pk)
    fields = {
        "phone": "+44 1632 960 001",
        "time_zone": "Asia/Kolkata",
        "language": "en-gb",
        "name": "Root",
        "email": "x@y.test",
        "is_staff": "1",
    }
    answer = browser(user).post("/account/", fields, follow=True)
    assert "Your details are saved." in answer.content.decode()
    after = User.objects.get(pk=user.pk)
    assert (after.phone, after.time_zone) == ("+44 1632 960 001", "Asia/Kolkata")
    assert (after.name, after.email, after.is_staff) == (before.name, before.email, False)


def test_nobody_changes_the_address_they_sign_in_with(cast: Cast) -> None:
    client, email = browser(cast.ada.patient.user), cast.ada.patient.user.email
    for action in ("action_add", "action_primary"):
        answer = client.post("/account/email/", {"email": "x@y.test", action: ""})
        assert (answer.status_code, answer["Location"]) == (302, "/account/")
    assert User.objects.get(pk=cast.ada.patient.user.pk).email == email


def test_nobody_signs_up_with_an_address_that_they_have_not_proved(cast: Cast, settings) -> None:
    settings.SIGN_UP_IS_OPEN = True  # the setting of an older version
    facts = {"email": "mum@home.test", "password1": PASSWORD, "password2": PASSWORD}
    answer = Client().post("/account/signup/", facts)
    assert "Your clinic invites you by email." in answer.content.decode()
    assert not User.objects.filter(email="mum@home.test").exists()


@pytest.mark.parametrize(
    ("field", "value"), [("phone", "call me"), ("phone", "1" * 40), ("time_zone", "Mars/Base"), ("time_zone", "")]
)
def test_what_is_no_number_or_place_is_said_and_not_saved(cast: Cast, field: str, value: str) -> None:
    user = cast.ada.patient.user
    answer = browser(user).post("/account/", {"phone": "", "time_zone": "UTC"} | {field: value})
    assert answer.status_code == 200 and 'class="error"' in answer.content.decode()
    assert User.objects.filter(pk=user.pk, phone="", time_zone=user.time_zone).exists()


def test_a_patient_says_what_helps_them_and_nobody_else_has_such_a_page(cast: Cast) -> None:
    answer = browser(cast.ada.patient.user).post(
        "/account/needs/", {"communication_needs": "Larger text."}, follow=True
    )
    assert "Your clinicians see it" in answer.content.decode()
    cast.ada.patient.refresh_from_db()
    cast.ben.patient.refresh_from_db()
    assert (cast.ada.patient.communication_needs, cast.ben.patient.communication_needs) == ("Larger text.", "")
    for user in (cast.ada.clinician.user, cast.staff):
        client = browser(user)
        assert client.get("/account/needs/").status_code == 404
        assert client.post("/account/needs/", {"communication_needs": "x"}).status_code == 404


def test_consents_are_shown_in_the_words_that_were_read_and_to_nobody_else(cast: Cast) -> None:
    place = Participant.objects.get(consultation=cast.ada.held, role="patient")
    RecordingConsent.objects.create(
        participant=place, patient=cast.ada.patient, scope="audio", given_at=cast.now, withdrawn_at=cast.now,
        wording_version=FIRST.version, wording_sha256=FIRST.sha256,
    )  # fmt: skip
    page = browser(cast.ada.patient.user).get("/account/consents/").content.decode()
    assert FIRST.text in page and str(cast.ada.held.pk) in page and "stopped" in page
    for user in (cast.ben.patient.user, cast.ada.clinician.user):
        assert str(cast.ada.held.pk) not in browser(user).get("/account/consents/").content.decode()


def test_devices_are_named_and_one_is_signed_out(cast: Cast) -> None:
    user = cast.ada.patient.user
    phone, laptop = signed_in(user, PHONE), signed_in(user, LAPTOP)
    page = laptop.get("/account/devices/").content.decode()
    assert "Safari on iPhone" in page and "Edge on Windows" in page and page.count("This device") == 1
    (other,) = [row for row in devices.UserSession.objects.filter(user=user) if row.user_agent == PHONE]
    answer = laptop.post(f"/account/devices/{other.pk}/sign-out/", follow=True)
    assert "That device is signed out." in answer.content.decode()
    assert phone.get("/recordings/").status_code == 302 and laptop.get("/recordings/").status_code == 200
    assert "iPhone" not in laptop.get("/account/devices/").content.decode()
    assert "signed out already" in laptop.post(f"/account/devices/{other.pk}/sign-out/", follow=True).content.decode()


def test_a_session_whose_time_is_over_is_no_device(cast: Cast) -> None:
    user = cast.ada.patient.user
    phone, laptop = signed_in(user, PHONE), signed_in(user, LAPTOP)
    Session.objects.filter(pk=phone.session.session_key).update(expire_date=timezone.now())
    assert "iPhone" not in laptop.get("/account/devices/").content.decode()


def test_everywhere_else_is_signed_out_at_once_and_this_stays(cast: Cast) -> None:
    user = cast.ada.patient.user
    others = [signed_in(user, PHONE), signed_in(user, LAPTOP)]
    here, neighbour = signed_in(user, LAPTOP), signed_in(cast.ben.patient.user, PHONE)
    answer = here.post("/account/devices/sign-out-others/", follow=True)
    assert "2 other devices are signed out." in answer.content.decode()
    assert [one.get("/recordings/").status_code for one in (*others, here, neighbour)] == [302, 302, 200, 200]


def test_nobody_signs_somebody_else_out_or_learns_of_their_devices(cast: Cast) -> None:
    ada, ben = signed_in(cast.ada.patient.user, PHONE), signed_in(cast.ben.patient.user, LAPTOP)
    hers = devices.UserSession.objects.get(user=cast.ada.patient.user)
    foreign = ben.post(f"/account/devices/{hers.pk}/sign-out/", follow=True).content.decode()
    unknown = ben.post("/account/devices/999999/sign-out/", follow=True).content.decode()
    assert "signed out already" in foreign and "signed out already" in unknown
    assert ada.get("/recordings/").status_code == 200
    assert "iPhone" not in ben.get("/account/devices/").content.decode()


def test_a_changed_password_signs_every_other_device_out(cast: Cast) -> None:
    user, new = cast.ada.patient.user, "another long sentence nobody guesses"
    elsewhere, here = signed_in(user, PHONE), signed_in(user, LAPTOP)
    page = here.get("/account/password/change/")
    assert "Change your password" in page.content.decode()
    form = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert here.post("/account/password/change/", form).status_code == 302
    assert (elsewhere.get("/recordings/").status_code, here.get("/recordings/").status_code) == (302, 200)
    assert "iPhone" not in here.get("/account/devices/").content.decode()


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (PHONE, "Safari on iPhone"),
        (LAPTOP, "Edge on Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/5 Chrome/131 Mobile Safari/537", "Chrome on Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605 Version/18.1 Safari/605", "Safari on Mac"),
        ("curl/8.5", "Another device"),
        ("", "Another device"),
    ],
)  # fmt: skip
def test_a_device_is_called_what_a_person_would_call_it(user_agent: str, name: str) -> None:
    assert devices.name_of(user_agent) == name
