"""What has to be known of somebody to register them: by hand, or by a line of a file."""

from datetime import date
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from patients.clinic import DATES, as_nhs_number
from patients.models import Clinician, Patient
from patients.nhs_number import validate_nhs_number
from patients.registration import NewClinician, NewPatient

EARLIEST = date(1900, 1, 1)
MOST_NEEDS = 2000
KNOWN_ADDRESS = _("Somebody already signs in with this email address. Look for them in the lists, or ask for another.")


class PersonForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    email = forms.EmailField(
        label=_("Email address"),
        help_text=_("They sign in with it, and the invitation goes there. Nobody can change it later."),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    language = forms.ChoiceField(
        label=_("Language"),
        choices=settings.LANGUAGES,
        initial=settings.LANGUAGE_CODE,
        help_text=_("Of their pages and letters. They can change it."),
        required=False,
    )

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"].lower()
        if User.objects.filter(email__iexact=email).exists():
            raise ValidationError(KNOWN_ADDRESS)
        return email


class PatientForm(PersonForm):
    date_of_birth = forms.DateField(
        label=_("Date of birth"),
        input_formats=DATES,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"invalid": _("This is not a date. Write it like 29/02/1980, the day first.")},
    )
    nhs_number = forms.CharField(label=_("NHS number"), max_length=20, required=False)
    communication_needs = forms.CharField(
        label=_("Communication needs"),
        help_text=_("For example an interpreter, sign language, larger text, more time. No words about their health."),
        max_length=MOST_NEEDS,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    clinicians: forms.Field = forms.ModelMultipleChoiceField(
        Clinician.objects.none(),
        label=_("Their clinicians"),
        help_text=_("Each of them sees who this patient is, and can be booked by them."),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        here = Clinician.objects.filter(is_active=True).select_related("user").order_by("user__name")
        if isinstance(self.fields["clinicians"], forms.ModelMultipleChoiceField):
            self.fields["clinicians"].queryset = here

    def clean_date_of_birth(self) -> date:
        born: date = self.cleaned_data["date_of_birth"]
        if not EARLIEST <= born <= timezone.localdate():
            raise ValidationError(_("Nobody who is a patient here was born on that day."))
        return born

    def clean_nhs_number(self) -> str | None:
        written: str = self.cleaned_data["nhs_number"]
        if not written:
            return None
        number = as_nhs_number(written) or ""
        validate_nhs_number(number)
        if Patient.objects.filter(nhs_number=number).exists():
            raise ValidationError(_("A patient with this NHS number is registered already."))
        return number

    def new(self) -> NewPatient:
        return NewPatient(**self.cleaned_data)


class ClinicianForm(PersonForm):
    title = forms.CharField(label=_("Title"), max_length=20, initial="Dr", required=False)
    registration_number = forms.CharField(label=_("Registration number"), max_length=20)
    speciality = forms.CharField(label=_("Speciality"), max_length=100)

    def clean_registration_number(self) -> str:
        number: str = self.cleaned_data["registration_number"]
        if Clinician.objects.filter(registration_number__iexact=number).exists():
            raise ValidationError(_("A clinician with this registration number is registered already."))
        return number

    def new(self) -> NewClinician:
        return NewClinician(**self.cleaned_data)
