"""What a patient says when they book, move or cancel."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from consultations.booking import Wishes
from consultations.models import Mode


class WishesForm(forms.Form):
    """Who and when stand in the address; the server looks again whether they may have it."""

    reason = forms.CharField(
        label=_("What is it about?"),
        max_length=200,
        help_text=_("A few words, for example “My inhaler does not help as it did”. Only your clinician sees them."),
        error_messages={"required": _("Say in a few words what it is about.")},
    )
    preferred_mode = forms.ChoiceField(
        label=_("How would you like to talk?"),
        choices=[(Mode.AUDIO, _("By voice")), (Mode.VIDEO, _("By voice and video"))],
        initial=Mode.AUDIO,
        widget=forms.RadioSelect,
        help_text=_("You can change your mind during the consultation. It always begins with voice alone."),
    )
    adjustments = forms.CharField(
        label=_("What would make it easier for you?"),
        max_length=300,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("For example an interpreter, more time, or somebody with you. The clinic sees this, too."),
    )

    def wishes(self) -> Wishes:
        data: dict[str, Any] = self.cleaned_data
        return Wishes(data["reason"], Mode(data["preferred_mode"]), data["adjustments"])


class WhyForm(forms.Form):
    why = forms.CharField(
        label=_("Why?"), max_length=200, required=False, help_text=_("Your clinician and the clinic can read it.")
    )
