"""What a tab sends of a note: its words, and which version and revision it has seen."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from consultations.notes import MOST_CHARACTERS


class NoteForm(forms.Form):
    DOES = [("save", "save"), ("fill", "fill"), ("sign", "sign")]

    text = forms.CharField(
        required=False,
        strip=False,
        max_length=MOST_CHARACTERS,
        error_messages={"max_length": _("This is longer than a note can be. Nothing of it was saved yet: shorten it.")},
    )
    version = forms.IntegerField(min_value=1)
    revision = forms.IntegerField(min_value=0)
    do = forms.ChoiceField(choices=DOES)
    template = forms.CharField(required=False)

    def clean_text(self) -> str:
        """Browsers send forms with CRLF, and scripts without."""
        text: Any = self.cleaned_data["text"]
        return str(text).replace("\r\n", "\n")
