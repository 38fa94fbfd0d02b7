"""What a patient says when they book, move or cancel."""

from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from consultations import booking_pages
from consultations.booking import Wishes
from consultations.models import Mode


class NeedsForm(forms.Form):
    adjustments = forms.CharField(
        label=_("What would make it easier for you?"),
        max_length=300,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("For example an interpreter, more time, or somebody with you. The clinic sees this, too."),
    )


class WishesForm(NeedsForm):
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
    field_order: tuple[str, ...] = ("reason", "preferred_mode", "adjustments")

    def wishes(self) -> Wishes:
        data: dict[str, Any] = self.cleaned_data
        return Wishes(data["reason"], Mode(data["preferred_mode"]), data["adjustments"])


class WaitForm(WishesForm):
    clinician = forms.ChoiceField(label=_("Who would you like to talk to?"), widget=forms.RadioSelect)
    until = forms.DateField(
        label=_("Until which day does it help?"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("After that day you are taken off the list."),
        error_messages={"required": _("Choose a day.")},
    )
    field_order = ("clinician", "until", "reason", "preferred_mode", "adjustments")

    def __init__(self, *args: Any, choices: list[dict[str, str]], today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["clinician"].choices = [(one["key"], one["name"]) for one in choices]  # type: ignore[attr-defined]
        self.first, self.last = today, today + settings.BOOKING_AHEAD
        self.fields["until"].widget.attrs |= {"min": self.first.isoformat(), "max": self.last.isoformat()}

    def clean_until(self) -> date:
        until: date = self.cleaned_data["until"]
        if not self.first <= until <= self.last:
            raise forms.ValidationError(
                _("Choose a day between %(first)s and %(last)s."),
                params={"first": date_format(self.first, "j M"), "last": date_format(self.last, "j M Y")},
            )
        return until

    def clinician_id(self) -> UUID | None:
        """Return who was chosen, None for whoever is free first."""
        chosen: str = self.cleaned_data["clinician"]
        return None if chosen == booking_pages.ANYBODY else UUID(chosen)


class WhyForm(forms.Form):
    why = forms.CharField(
        label=_("Why?"), max_length=200, required=False, help_text=_("Your clinician and the clinic can read it.")
    )
