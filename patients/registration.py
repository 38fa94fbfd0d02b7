"""Registers people whom the clinic knows: account without a password, invitation, profile, care and grants, in one
transaction. The letter is owed with it, and goes out once it has been written down.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from accounts import invitations
from accounts.models import User
from audit import ledger
from audit.ledger import Actor, Line
from audit.models import Action
from patients import policy
from patients.models import Clinician, Patient
from patients.services import begin_care

WHY_CARE = "chosen when the patient was registered"


class CannotInvite(Exception):
    """This account takes no invitation: it is closed, or its owner has chosen a password."""


@dataclass(frozen=True)
class NewPatient:
    name: str
    email: str
    date_of_birth: date
    nhs_number: str | None = None
    communication_needs: str = ""
    clinicians: Sequence[Clinician] = ()
    language: str = ""


@dataclass(frozen=True)
class NewClinician:
    name: str
    email: str
    title: str
    registration_number: str
    speciality: str
    language: str = ""


@transaction.atomic
def register_patient(new: NewPatient, *, actor: Actor, now: datetime) -> Patient:
    """Errors: AlreadyHere for a known address, IntegrityError for a known NHS number, LedgerUnavailable."""
    user = invitations.new_account(new.email, name=new.name, language=new.language, actor=actor, now=now)
    patient = Patient.objects.create(
        user=user,
        name=new.name,
        date_of_birth=new.date_of_birth,
        nhs_number=new.nhs_number or None,
        communication_needs=new.communication_needs,
    )
    policy.grant_view(patient, user)
    for clinician in new.clinicians:
        begin_care(patient, clinician, why=WHY_CARE, now=now)
    ledger.append(actor, Line(Action.REGISTERED, "patient", patient.pk, patient.pk), now=now)
    for clinician in new.clinicians:
        detail = {"to": str(clinician.user_id)}
        ledger.append(actor, Line(Action.GRANTED, "patient", patient.pk, patient.pk, "care", detail), now=now)
    return patient


@transaction.atomic
def register_clinician(new: NewClinician, *, actor: Actor, now: datetime) -> Clinician:
    """Errors: AlreadyHere for a known address, IntegrityError for a known number, LedgerUnavailable."""
    user = invitations.new_account(new.email, name=new.name, language=new.language, actor=actor, now=now)
    clinician = Clinician.objects.create(
        user=user, title=new.title, registration_number=new.registration_number, speciality=new.speciality
    )
    ledger.append(actor, Line(Action.REGISTERED, "clinician", clinician.pk), now=now)
    return clinician


def demand_uninvited(user: User | None) -> User:
    """Return who can be invited again. Errors: CannotInvite."""
    if user is None or not user.is_active or user.has_usable_password():
        raise CannotInvite
    return user


def invite_again(of: Patient | Clinician, *, actor: Actor, now: datetime) -> User:
    """Invite somebody once more who has not chosen a password yet. Errors: CannotInvite, LedgerUnavailable."""
    user = demand_uninvited(of.user)
    patient = of.pk if isinstance(of, Patient) else None
    invitations.invite(user, actor=actor, now=now, patient=patient, reason="again")
    return user
