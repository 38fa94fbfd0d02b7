"""A file of people: what is wrong by line and column, nobody written before somebody says so, then all or nobody."""

import re
from datetime import timedelta
from unittest.mock import patch

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client

from accounts.models import User
from audit.models import Action, Entry
from notices.models import Kind, Notice
from patients import importing, people_file
from patients.models import CareRelationship, Clinician, Patient
from patients.people_file import CLINICIANS, PATIENTS
from tests.cast import Cast

pytestmark = [pytest.mark.database, pytest.mark.django_db]
PAGE = "/admin/patients/patient/import/"
HEADING = "name,email,date_of_birth,nhs_number,communication_needs,clinicians"
NIA, ORA = "Nia Quill,nia@home.test,29/02/1980,9990000018,,", "Ora Pell,ora@home.test,1.4.1975,,Larger text,"
SEALED = re.compile(r'name="sealed" value="([^"]+)"')


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def file_of(*lines: str) -> bytes:
    return "\r\n".join(lines).encode()


def check(client: Client, data: bytes) -> HttpResponse:
    return client.post(PAGE, {"file": SimpleUploadedFile("people.csv", data)})


def sealed_in(answer: HttpResponse) -> str:
    found = SEALED.search(answer.content.decode())
    assert found, answer.content.decode()
    return found[1]


def faults(data: bytes) -> list[tuple[int, str]]:
    return [(fault.line, fault.column) for fault in importing.check(data, PATIENTS).faults]


@pytest.fixture
def chief(cast: Cast) -> Client:
    return signed_in(cast.administrator)


def test_checking_writes_nothing_and_importing_writes_everybody(cast: Cast, chief: Client) -> None:
    doctor = cast.ben.clinician
    data = file_of(HEADING, f"{NIA}{doctor.registration_number}", "", ORA)
    before = (User.objects.count(), Entry.objects.count())
    answer = check(chief, data)
    assert "This file holds 2 people" in answer.content.decode() and "Import 2 people" in answer.content.decode()
    assert importing.digest(data) in answer.content.decode()
    assert (User.objects.count(), Entry.objects.count()) == before
    assert not Notice.objects.filter(kind=Kind.INVITED).exists()
    text = chief.post(PAGE, {"sealed": sealed_in(answer)}, follow=True).content.decode()
    assert "2 invitations are on their way" in text
    nia, ora = Patient.objects.get(name="Nia Quill"), Patient.objects.get(name="Ora Pell")
    assert (nia.nhs_number, nia.user.email, nia.date_of_birth.isoformat()) == (
        "9990000018",
        "nia@home.test",
        "1980-02-29",
    )
    assert (ora.nhs_number, ora.communication_needs, ora.date_of_birth.isoformat()) == (
        None,
        "Larger text",
        "1975-04-01",
    )
    assert CareRelationship.objects.get(patient=nia).clinician == doctor
    invited = Notice.objects.filter(kind=Kind.INVITED).values_list("user__email", flat=True)
    assert sorted(invited) == ["nia@home.test", "ora@home.test"]
    assert Entry.objects.filter(action=Action.REGISTERED, actor=cast.administrator.pk).count() == 2
    again = chief.post(PAGE, {"sealed": sealed_in(answer)}).content.decode()
    assert "Somebody already signs in" in again and Patient.objects.filter(name="Nia Quill").count() == 1


def test_every_fault_is_named_by_its_line_and_column(cast: Cast) -> None:
    Patient.objects.filter(pk=cast.ben.patient.pk).update(nhs_number="9990000026")
    data = file_of(
        HEADING,
        NIA,
        "Zed,nowhere,31/02/1980,9990000019,,NOBODY",
        "Zed,zed@home.test,1/1/1980",
        f"Zed,{cast.ada.patient.user.email.upper()},1/1/2999,9990000026,,",
        "Nia Twin,NIA@home.test,29/02/1980,999 000 0018,,",
        '=cmd|calc,zed@home.test,1/1/1980,,"two\nlines",',
        ",last@home.test,,,,",
    )
    assert faults(data) == [
        (3, "clinicians"), (3, "date_of_birth"), (3, "email"), (3, "nhs_number"), (4, ""), (5, "date_of_birth"),
        (5, "email"), (5, "nhs_number"), (6, "email"), (6, "nhs_number"), (7, "name"), (9, "date_of_birth"),
        (9, "name"),
    ]  # fmt: skip


@pytest.mark.parametrize("data", [
    b"", b"\n\n", b"\xff\xfen\x00a\x00", b"name,email\x00", file_of(HEADING), b"name;mail\nA;b",
    file_of("name,name,email,date_of_birth", "A,A,a@b.test,1/1/1980"), file_of("name,email", "A,a@b.test"),
    file_of(HEADING, '"Nia,nia@home.test,29/02/1980,,,'), file_of(HEADING, *[NIA] * 201), b"x" * 200_001,
])  # fmt: skip
def test_what_is_no_file_of_people_is_refused_in_one_sentence(db: None, data: bytes) -> None:
    found = importing.check(data, PATIENTS)
    assert len(found.faults) == 1 and found.forms == [] and found.faults[0].says.endswith(".")


@pytest.mark.parametrize("data", [
    "﻿name;email;date_of_birth\nNia Ö;nia@home.test;29.02.1980\n".encode(),
    "Email,Name,Date of birth\r\nnia@home.test,Nia Ö,1980-02-29".encode(),
    'date_of_birth,name,email\n29 February 1980," Nia Ö ",nia@home.test\n\n'.encode(),
])  # fmt: skip
def test_marks_semicolons_order_of_columns_and_ways_to_write_a_day_make_no_difference(db: None, data: bytes) -> None:
    found = importing.check(data, PATIENTS)
    assert found.faults == []
    (person,) = [form.new() for form in found.forms]
    assert (person.name, person.email, person.date_of_birth.isoformat()) == ("Nia Ö", "nia@home.test", "1980-02-29")


def test_a_fault_that_only_importing_finds_takes_everybody_back(cast: Cast, chief: Client) -> None:
    sealed = sealed_in(check(chief, file_of(HEADING, NIA, ORA)))
    real = importing.register_patient

    def second_fails(new: object, **facts: object) -> Patient:
        if Patient.objects.filter(name="Nia Quill").exists():
            raise importing.AlreadyHere
        return real(new, **facts)

    before, lines = User.objects.count(), Entry.objects.count()
    with patch.object(importing, "register_patient", second_fails):
        assert "registered a moment ago" in chief.post(PAGE, {"sealed": sealed}).content.decode()
    assert (User.objects.count(), Entry.objects.count()) == (before, lines)
    assert not Notice.objects.filter(kind=Kind.INVITED).exists()


def test_only_the_very_file_is_taken_and_only_from_whom_it_was_checked_for(cast: Cast, chief: Client) -> None:
    sealed = sealed_in(check(chief, file_of(HEADING, NIA)))
    other = signed_in(User.objects.create_superuser("second@cast.test", "x", name="B"))
    _body, *signature = sealed.split(":")
    swapped = ":".join([importing.seal(file_of(HEADING, ORA), PATIENTS, cast.staff).split(":")[0], *signature])
    before = User.objects.count()
    for client, page, what in [
        (other, PAGE, sealed), (chief, PAGE, swapped), (chief, PAGE, ""),
        (chief, PAGE.replace("patient/", "clinician/"), sealed),
    ]:  # fmt: skip
        text = client.post(page, {"sealed": what}, follow=True).content.decode()
        assert "This is not the file that was checked" in text, what
    with patch.object(importing, "STANDS_FOR", timedelta(seconds=-1)):
        assert "too long ago" in chief.post(PAGE, {"sealed": sealed}, follow=True).content.decode()
    assert User.objects.count() == before


def test_staff_import_nobody(cast: Cast) -> None:
    clerk = signed_in(cast.staff)
    for page in (PAGE, f"{PAGE}template.csv", PAGE.replace("patient/", "clinician/")):
        assert clerk.get(page).status_code == 403
    assert check(clerk, file_of(HEADING, NIA)).status_code == 403


def test_clinicians_come_from_a_file_too_and_the_template_fits_its_own_check(cast: Cast, chief: Client) -> None:
    page = PAGE.replace("patient/", "clinician/")
    template = chief.get(f"{page}template.csv")
    assert "attachment" in template["Content-Disposition"]
    filled = template.content.replace(b"sam@example.org", b"sam@cast.test")
    answer = chief.post(page, {"file": SimpleUploadedFile("people.csv", filled)})
    chief.post(page, {"sealed": sealed_in(answer)})
    assert Clinician.objects.get(registration_number="1234567").display_name == "Dr Sam Example"
    for kind in (PATIENTS, CLINICIANS):
        # The line that shows how is nobody to be registered, and to be written to.
        faults = importing.check(people_file.template(kind).encode(), kind).faults
        assert {one.line for one in faults} == {2}
        assert any(one.column == "email" and "Take it out" in one.says for one in faults)
