"""What reception types while a patient says it on the phone."""

from datetime import timedelta
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from consultations.booking_forms import WishesForm
from consultations.models import Mode
from consultations.slots import Slot


class BookForm(WishesForm):
    reason = forms.CharField(
        label=_("What for"),
        max_length=200,
        help_text=_("In the patient's own words. They and their clinician see it, and staff never again."),
    )
    preferred_mode = forms.ChoiceField(
        label=_("How they would like to talk"),
        choices=[(Mode.AUDIO, _("By voice")), (Mode.VIDEO, _("By voice and video"))],
        initial=Mode.AUDIO,
    )
    adjustments = forms.CharField(
        label=_("Needs"), max_length=300, required=False, help_text=_("For example an interpreter, or more time.")
    )


class PlanForm(BookForm):
    """A time that nobody offered, for example outside of the clinician's hours."""

    starts_at = forms.DateTimeField(
        label=_("Start"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    )
    minutes = forms.IntegerField(label=_("Minutes"), min_value=5, max_value=240, initial=15)
    field_order = ("starts_at", "minutes", "reason", "preferred_mode", "adjustments")

    def slot(self, clinician: UUID) -> Slot:
        starts_at = self.cleaned_data["starts_at"]
        return Slot(starts_at, starts_at + timedelta(minutes=self.cleaned_data["minutes"]), clinician)
