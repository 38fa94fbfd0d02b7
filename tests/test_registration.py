"""Staff register people and invite them: one form, one letter, no account taken over, every step in the ledger."""

import re
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import settings
from django.core import mail
from django.core.mail import EmailMessage
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.invitations import AlreadyHere
from accounts.models import User
from audit import ledger
from audit.models import Action, Entry
from notices import delivery, outbox
from notices.models import Kind, Notice
from patients import policy, registration
from patients.models import CareRelationship, Clinician, Patient
from patients.registration import NewPatient
from tests.cast import Cast

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.one_cast]
LINK = re.compile(rf"{re.escape(settings.PORTAL_URL)}(/\S+)")
NEW_PASSWORD = "a sentence that only Nia knows"
NOTHING_WRITTEN_DOWN = "/account/password/reset/"
NIA = {"name": "Nia Quill", "email": "Nia@Home.Test", "date_of_birth": "29/02/1980", "nhs_number": "999 000 0018"}


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def register(client: Client, **facts: Any) -> HttpResponse:
    return client.post("/admin/patients/patient/add/", NIA | facts, follow=True)


def text_of(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def sent() -> list[EmailMessage]:
    """Let what is owed to whom staff registered go out; return all letters so far."""
    Notice.objects.exclude(kind=Kind.INVITED).delete()
    delivery.deliver(now=timezone.now())
    return mail.outbox


def lines(action: Action) -> list[tuple[str, Any]]:
    return list(Entry.objects.filter(action=action).order_by("seq").values_list("object_type", "object_id"))


def test_a_patient_is_registered_invited_and_signs_in_by_the_link_once(cast: Cast) -> None:
    answer = register(signed_in(cast.staff), clinicians=[str(cast.ben.clinician.pk)])
    assert "An invitation is on its way" in text_of(answer)
    nia = Patient.objects.get(name="Nia Quill")
    assert (nia.nhs_number, nia.user.email, nia.user.has_usable_password()) == ("9990000018", "nia@home.test", False)
    assert not nia.user.is_staff
    cares = CareRelationship.objects.get(patient=nia)
    assert cares.clinician == cast.ben.clinician
    assert set(policy.visible_to(cast.ben.clinician.user)) == {cast.ben.patient, nia}
    assert list(policy.visible_to(nia.user)) == [nia]
    assert mail.outbox == [] and NOTHING_WRITTEN_DOWN not in str(Notice.objects.filter(kind=Kind.INVITED).values())
    (letter,) = sent()
    assert letter.to == ["nia@home.test"]
    assert not [told for told in ("Nia", "Quill", "999", "Haddad", "1980") if told in letter.subject + letter.body]
    path = LINK.findall(letter.body)[0]
    browser = Client()
    form = browser.get(path, follow=True)
    browser.post(form.request["PATH_INFO"], {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    assert "This link is used up" in Client().get(path, follow=True).content.decode()
    landed = browser.post("/account/login/", {"login": "nia@home.test", "password": NEW_PASSWORD}, follow=True)
    assert landed.request["PATH_INFO"] == "/"
    assert ("patient", nia.pk) in lines(Action.REGISTERED)
    assert ("user", nia.user.pk) in lines(Action.INVITED)
    assert ("patient", nia.pk) in lines(Action.GRANTED)


@pytest.mark.parametrize("who", ["patient", "clinician", "staff"])
def test_an_address_that_signs_in_already_is_registered_for_nobody_else(cast: Cast, who: str) -> None:
    owner = cast.staff if who == "staff" else getattr(cast.ada, who).user
    before = (Patient.objects.count(), User.objects.count(), Entry.objects.count())
    answer = register(signed_in(cast.staff), email=owner.email.upper())
    assert "Somebody already signs in with this email address" in text_of(answer)
    assert (Patient.objects.count(), User.objects.count(), Entry.objects.count()) == before
    assert mail.outbox == []
    owner.refresh_from_db()
    assert owner.has_usable_password()
    new = NewPatient(name="N", email=owner.email.upper(), date_of_birth=timezone.localdate())
    with pytest.raises(AlreadyHere):
        registration.register_patient(new, actor=ledger.Actor(cast.staff.pk), now=cast.now)
    assert Patient.objects.count() == before[0]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"nhs_number": "9990000019"}, "This is not an NHS number"),
        ({"nhs_number": "9990000026"}, "A patient with this NHS number is registered already"),
        ({"date_of_birth": "02/29/1980"}, "This is not a date"),
        ({"date_of_birth": "01/01/2999"}, "Nobody who is a patient here was born on that day"),
        ({"email": "nia"}, "email"),
        ({"name": ""}, "required"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written_or_lost(cast: Cast, wrong: dict[str, str], says: str) -> None:
    Patient.objects.filter(pk=cast.ben.patient.pk).update(nhs_number="9990000026")
    before = User.objects.count()
    answer = register(signed_in(cast.staff), communication_needs="Larger text", **wrong)
    assert says in text_of(answer) and "Error:" in text_of(answer)
    assert "Larger text" in text_of(answer)
    assert User.objects.count() == before and mail.outbox == []


def test_with_the_ledger_down_nobody_is_registered(cast: Cast) -> None:
    client, before = signed_in(cast.staff), User.objects.count()
    with patch.object(ledger, "append", side_effect=ledger.LedgerUnavailable):
        assert register(client).status_code == 503
    assert User.objects.count() == before and mail.outbox == []


def test_a_letter_that_cannot_be_sent_undoes_nothing_and_is_sent_again(cast: Cast) -> None:
    client, people = signed_in(cast.staff), "/admin/patients/patient/"
    assert "cannot be sent" not in text_of(register(client))
    assert "the invitation waits to be sent" in text_of(client.get(people))
    with patch("django.core.mail.message.EmailMessage.send", side_effect=OSError):
        sent()
    nia = Patient.objects.get(name="Nia Quill")
    for page in (people, f"{people}{nia.pk}/change/"):
        assert "the invitation could not be sent yet" in text_of(client.get(page))
    Notice.objects.filter(user=nia.user).update(fault="SMTPRecipientsRefused")
    assert "Letters cannot" not in text_of(register(client, email="uma@home.test", nhs_number="")), "it is one address"
    Notice.objects.filter(user=nia.user).update(fault="OSError")
    answer = register(client, email="ora@home.test", nhs_number="")
    assert "Letters cannot be sent at the moment" in text_of(answer)
    Notice.objects.filter(user=nia.user).update(failed_at=timezone.now())
    assert "the invitation could not be sent ·" in text_of(client.get(people)) and "Invite again" in text_of(answer)
    assert "OSError" in text_of(client.get("/admin/notices/notice/")), "it stands in the queue of what failed"
    page = reverse("admin:patients_patient_invite", args=[nia.pk])
    assert "nia@home.test" in text_of(client.get(page)) and mail.outbox == []
    client.post(page)
    Notice.objects.exclude(user=nia.user).delete()
    assert [letter.to for letter in sent()] == [["nia@home.test"]]
    assert "invited ·" in text_of(client.get(people))
    again = Entry.objects.filter(action=Action.INVITED, reason="again").get()
    assert (again.actor, again.object_id, again.patient) == (cast.staff.pk, nia.user.pk, nia.pk)
    outbox.send_again(Notice.objects.values_list("pk", flat=True), now=timezone.now())
    assert len(sent()) == 1, "a later invitation says it"
    client.post(page)
    nia.user.set_password(NEW_PASSWORD)
    nia.user.save()
    assert "needs no invitation" in text_of(client.post(page, follow=True))
    assert len(sent()) == 1, "whoever has a password needs no link that sets one"


def test_a_link_is_as_old_as_its_letter_whenever_it_goes_out(cast: Cast) -> None:
    register(signed_in(cast.staff))
    night = timezone.now().replace(hour=23, minute=30)
    delivery.deliver(now=night)
    (letter,) = [one for one in mail.outbox if one.to == ["nia@home.test"]]
    assert Client().get(LINK.findall(letter.body)[0], follow=True).status_code == 200
    assert "/account/login/" not in letter.body and settings.PORTAL_URL in letter.body


def test_an_account_of_staff_is_invited_like_everybody_and_by_administrators_alone(cast: Cast) -> None:
    facts = {"email": "pat@home.test", "name": "Pat Reed", "time_zone": "Europe/London", "language": "en-gb"}
    facts |= {"is_active": "on", "is_staff": "on", "why": "joined"}
    page = "/admin/accounts/user/add/"
    assert signed_in(cast.staff).post(page, facts).status_code == 403 and not User.objects.filter(name="Pat Reed")
    answer = signed_in(cast.administrator).post(page, facts, follow=True)
    assert "They get a letter with a link" in text_of(answer)
    pat = User.objects.get(name="Pat Reed")
    assert ("user", pat.pk) in lines(Action.INVITED) and ("user", pat.pk) in lines(Action.REGISTERED)
    (letter,) = sent()
    assert letter.to == [pat.email] and "Pat" not in letter.body
    path = LINK.findall(letter.body)[0]
    assert "/password/reset/key/" in path
    signed_in(cast.administrator).post(f"/admin/accounts/user/{pat.pk}/change/", facts | {"name": "Pat Reed-Lowe"})
    assert Notice.objects.filter(user=pat).count() == 1, "a change invites nobody"


def test_staff_register_patients_and_only_administrators_clinicians(cast: Cast) -> None:
    facts = {"name": "Ora Pell", "email": "ora@home.test", "registration_number": "55", "speciality": "Surgery"}
    page = "/admin/patients/clinician/add/"
    assert signed_in(cast.staff).post(page, facts).status_code == 403
    assert not Clinician.objects.filter(registration_number="55").exists()
    signed_in(cast.administrator).post(page, facts | {"title": "Prof"})
    ora = Clinician.objects.get(registration_number="55")
    assert ora.display_name == "Prof Ora Pell"
    assert ("clinician", ora.pk) in lines(Action.REGISTERED)
    assert [letter.to for letter in sent()] == [["ora@home.test"]]


def test_opening_and_changing_somebodys_page_stands_in_the_ledger(cast: Cast) -> None:
    clerk, world = signed_in(cast.staff), cast.ada
    care = CareRelationship.objects.get(patient=world.patient, clinician=world.clinician)
    pages = {
        ("patient", world.patient.pk): f"patients/patient/{world.patient.pk}/change/",
        ("clinician", world.clinician.pk): f"patients/clinician/{world.clinician.pk}/change/",
        ("user", world.patient.user_id): f"accounts/user/{world.patient.user_id}/change/",
        ("carerelationship", care.pk): f"patients/carerelationship/{care.pk}/change/",
        ("consultation", world.held.pk): f"consultations/consultation/{world.held.pk}/change/",
        ("patient", cast.ben.patient.pk): f"patients/patient/{cast.ben.patient.pk}/history/",
    }
    for page in pages.values():
        assert clerk.get(f"/admin/{page}").status_code == 200
    assert lines(Action.OPENED) == list(pages)
    assert set(Entry.objects.filter(action=Action.OPENED).values_list("actor", flat=True)) == {cast.staff.pk}
    with patch.object(ledger, "append", side_effect=ledger.LedgerUnavailable):
        answer = clerk.get(f"/admin/patients/patient/{world.patient.pk}/change/")
    assert answer.status_code == 503 and world.patient.name not in answer.content.decode()
    signed_in(cast.administrator).post(
        f"/admin/patients/patient/{world.patient.pk}/change/", {"name": "New Name", "date_of_birth": "1980-02-29"}
    )
    changed = Entry.objects.get(action=Action.CHANGED)
    assert (changed.object_id, changed.patient, changed.detail) == (
        world.patient.pk, world.patient.pk, {"fields": ["name"]},
    )  # fmt: skip
    world.patient.user.refresh_from_db()
    assert world.patient.user.name == "New Name", "they have one name on every page"


@pytest.mark.parametrize("of", ["user", "clinician"])
def test_an_administrator_who_takes_access_away_says_why(cast: Cast, of: str) -> None:
    profile = cast.ada.colleague
    user, client = profile.user, signed_in(cast.administrator)
    row: Any = user if of == "user" else profile
    page = f"/admin/{'accounts/user' if of == 'user' else 'patients/clinician'}/{row.pk}/change/"
    facts = {"name": user.name, "time_zone": user.time_zone, "language": user.language}
    facts |= {"registration_number": profile.registration_number, "speciality": "Surgery", "title": "Dr"}
    assert "Say why" in text_of(client.post(page, facts))
    row.refresh_from_db()
    assert row.is_active
    client.post(page, facts | {"why": "left"})
    row.refresh_from_db()
    assert not row.is_active
    changed = Entry.objects.get(action=Action.CHANGED, object_id=row.pk)
    assert changed.reason == "left" and "is_active" in changed.detail["fields"]
    assert "id_why" not in text_of(signed_in(cast.staff).get(page)), "staff look, and are asked nothing"


def test_a_page_offers_invite_again_to_who_may_and_only_where_it_is_needed(cast: Cast) -> None:
    register(signed_in(cast.staff))
    nia = Patient.objects.get(name="Nia Quill")
    User.objects.filter(pk=cast.ben.clinician.user.pk).update(password="!")
    for client, page, is_offered in [
        (signed_in(cast.staff), f"/admin/patients/patient/{nia.pk}/change/", True),
        (signed_in(cast.staff), f"/admin/patients/patient/{cast.ada.patient.pk}/change/", False),
        (signed_in(cast.staff), f"/admin/patients/clinician/{cast.ben.clinician.pk}/change/", False),
        (signed_in(cast.staff), "/admin/patients/clinician/", False),
        (signed_in(cast.administrator), "/admin/patients/clinician/", True),
    ]:
        assert ("Invite again" in text_of(client.get(page))) == is_offered, page
    Notice.objects.all().delete()
    invite = reverse("admin:patients_clinician_invite", args=[cast.ben.clinician.pk])
    assert signed_in(cast.staff).post(invite).status_code == 403 and sent() == []
    signed_in(cast.administrator).post(invite)
    assert [letter.to for letter in sent()] == [[cast.ben.clinician.user.email]]


def test_a_patient_without_an_account_is_given_one_once_and_for_a_reason(cast: Cast) -> None:
    lone = Patient.objects.create(name="Lone Quill", date_of_birth="1980-02-29")
    owner, client = User.objects.create_user("lone@home.test", "x", name="Lone"), signed_in(cast.administrator)
    page = f"/admin/patients/patient/{lone.pk}/change/"
    facts = {"name": lone.name, "date_of_birth": "1980-02-29", "user": str(owner.pk)}
    assert "no account" in text_of(client.get(page)) and "Say why" in text_of(client.post(page, facts))
    client.post(page, facts | {"why": "asked"})
    assert list(policy.visible_to(owner)) == [lone]
    client.post(page, facts | {"why": "asked", "user": str(cast.staff.pk)})
    assert list(policy.visible_to(owner)) == [lone] and list(policy.visible_to(cast.staff)) == []
