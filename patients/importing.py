"""Registers everybody in a file, or nobody: the file is checked first, and only that very file is taken."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core import signing
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.invitations import AlreadyHere
from accounts.models import User
from audit.ledger import Actor
from patients import people_file
from patients.models import Clinician, Patient
from patients.people_file import PATIENTS, Fault, Kind, Row, Unreadable
from patients.registration import register_clinician, register_patient
from patients.registration_forms import ClinicianForm, PatientForm

STANDS_FOR = timedelta(minutes=30)
ONCE = ("email", "nhs_number", "registration_number")


class NotTheCheckedFile(Exception):
    """What is to be imported was not checked by this person within the last half hour."""


class FileRefused(Exception):
    """Something in the file is wrong, so nobody of it was registered; `faults` says what."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__()
        self.faults = faults


class PatientLine(PatientForm):
    """A line names clinicians by their registration numbers."""

    clinicians = forms.CharField(label=gettext_lazy("clinicians"), required=False)

    def clean_clinicians(self) -> list[Clinician]:
        wanted = [number.strip() for number in self.cleaned_data["clinicians"].split("|") if number.strip()]
        known = {c.registration_number: c for c in Clinician.objects.filter(registration_number__in=wanted)}
        for number in wanted:
            if number not in known or not known[number].is_active:
                raise ValidationError(
                    _("No clinician who works here has the registration number %(number)s. Put | between several."),
                    params={"number": number},
                )
        return [known[number] for number in dict.fromkeys(wanted)]


FORMS: dict[str, type[Any]] = {"patients": PatientLine, "clinicians": ClinicianForm}


@dataclass(frozen=True)
class Checked:
    """What a file holds: a valid form for each line, unless there are `faults`."""

    forms: Sequence[Any]
    faults: Sequence[Fault]


def check(data: bytes, kind: Kind) -> Checked:
    """Look at every line, write nothing."""
    try:
        rows, faults = people_file.read(data, kind)
    except Unreadable as unreadable:
        return Checked([], [unreadable.fault])
    lines = [(row, FORMS[kind.name](row.values)) for row in rows]
    for row, form in lines:
        for column, errors in form.errors.items():
            faults += [Fault(row.line, "" if column == NON_FIELD_ERRORS else column, str(e)) for e in errors]
    faults += _twice(lines)
    return Checked([form for _row, form in lines], sorted(faults))


def _twice(lines: Sequence[tuple[Row, Any]]) -> list[Fault]:
    first: dict[tuple[str, Any], int] = {}
    found = []
    for row, form in lines:
        for column in ONCE:
            value = form.cleaned_data.get(column)
            if not value:
                continue
            known = first.setdefault((column, str(value).casefold()), row.line)
            if known != row.line:
                found.append(Fault(row.line, column, _("The same stands in line %(line)d.") % {"line": known}))
    return found


def seal(data: bytes, kind: Kind, by: User) -> str:
    """Return the checked file, signed for this person; it lies nowhere but on the page that they look at."""
    return _signer(kind, by).sign(base64.urlsafe_b64encode(data).decode())


def opened(sealed: str, kind: Kind, by: User) -> bytes:
    """Return exactly the bytes that were checked. Errors: NotTheCheckedFile."""
    try:
        return base64.urlsafe_b64decode(_signer(kind, by).unsign(sealed, max_age=STANDS_FOR))
    except signing.BadSignature as error:
        raise NotTheCheckedFile from error


def _signer(kind: Kind, by: User) -> signing.TimestampSigner:
    # SECURITY: the salt is part of the key, so a file checked by somebody else, or as another kind, is refused.
    return signing.TimestampSigner(salt=f"people:{kind.name}:{by.pk}")


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@transaction.atomic
def import_people(data: bytes, kind: Kind, *, actor: Actor, now: datetime) -> list[Patient | Clinician]:
    """Register all of them or, with FileRefused, none. Errors: LedgerUnavailable."""
    checked = check(data, kind)
    if checked.faults:
        raise FileRefused(checked.faults)
    register: Any = register_patient if kind is PATIENTS else register_clinician
    try:
        return [register(form.new(), actor=actor, now=now) for form in checked.forms]
    except (AlreadyHere, IntegrityError) as error:
        # RACE: somebody was registered since the look above; it finds them now.
        raise FileRefused([Fault(0, "", _("Somebody was registered a moment ago. Check the file again."))]) from error
