"""What people say about themselves."""

import zoneinfo
from functools import cache
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.models import User


@cache
def time_zones() -> tuple[tuple[str, str], ...]:
    """Every place that has a clock of its own, as `Europe/London` is written for people."""
    places = sorted(name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith("Etc/"))
    return ("UTC", "UTC"), *((name, name.replace("_", " ")) for name in places)


class LongSelect(forms.Select):
    """For hundreds of choices: Django's own renders a template for each of them."""

    template_name = "widgets/long_select.html"


class DetailsForm(forms.ModelForm):  # type: ignore[type-arg]
    """How to reach somebody, and what time it is where they are. Name and email are the clinic's to change."""

    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=time_zones,
        widget=LongSelect,
        help_text=_("Times on every page are shown in this zone."),
    )

    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)

    class Meta:
        model = User
        fields = ("phone", "time_zone", "language")
        labels = {"phone": _("Phone number")}
        help_texts = {"phone": _("For when the call does not work. Only the clinic sees it.")}
        widgets = {"phone": forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if len(settings.LANGUAGES) < 2:
            del self.fields["language"]
