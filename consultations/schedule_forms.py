"""Forms on which clinicians and staff say when somebody works, and move or cancel what is planned."""

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.forms import LongSelect, time_zones
from consultations.schedule import Availability, TimeOff


class AvailabilityForm(forms.ModelForm):  # type: ignore[type-arg]
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=time_zones,
        widget=LongSelect,
        initial=timezone.get_current_timezone_name,
        help_text=_("The hours are read on a clock there. They stay the same in summer and winter."),
    )

    class Meta:
        model = Availability
        fields = "__all__"
        help_texts = {
            "valid_until": _("Leave it empty if there is none. For one day alone, take that day as first and last."),
            "for_new_patients": _("Patients who are new to the clinician may book these hours."),
        }


class TimeOffForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = TimeOff
        fields = "__all__"


class CancelForm(forms.Form):
    why = forms.CharField(
        label=_("Why"), max_length=200, help_text=_("The patient and the clinician read this. No clinical words.")
    )


class MoveForm(CancelForm):
    starts_at = forms.DateTimeField(
        label=_("New start"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("It may be outside of the clinician's hours, and lasts as long as before."),
    )
    field_order = ("starts_at", "why")
