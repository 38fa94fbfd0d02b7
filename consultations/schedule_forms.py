"""Forms on which clinicians and staff say when somebody works, and move or cancel what is planned."""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from consultations.schedule import Availability, TimeOff


class AvailabilityForm(forms.ModelForm):  # type: ignore[type-arg]
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        help_text=_("The hours are read on a clock there. They stay the same in summer and winter."),
    )

    class Meta:
        model = Availability
        fields = "__all__"
        help_texts = {
            "valid_until": _("Leave it empty if there is none. For one day alone, take that day as first and last."),
            "for_new_patients": _("Patients who are new to the clinician may book these hours."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if zone := self.fields.get("time_zone"):
            zone.choices = [(name, name.replace("_", " ")) for name in sorted(available_timezones())]  # type: ignore[attr-defined]
            zone.initial = timezone.get_current_timezone_name()


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
