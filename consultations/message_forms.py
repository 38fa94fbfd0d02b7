"""Forms on which the clinic sends its patients word, and on which they say that they have read it."""

from django import forms
from django.utils.translation import gettext_lazy as _

from consultations.models import ClinicMessage


class MessageForm(forms.Form):
    text = forms.CharField(
        label=_("Your message"),
        max_length=ClinicMessage.MOST_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("The patient reads it in the waiting room and on their home page. It cannot be changed."),
        error_messages={"required": _("Write a few words.")},
    )


class ReadForm(forms.Form):
    """`upto` is the last message that was shown."""

    upto = forms.UUIDField()
