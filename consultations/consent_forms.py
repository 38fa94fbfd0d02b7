"""An answer about recording that is given on a page, not in the call."""

from django import forms

from consultations.models import RecordingConsent

ALLOW, REFUSE = "allow", "refuse"


class AnswerForm(forms.Form):
    """`version` and `sha256` name the wording that stood on the page."""

    answer = forms.ChoiceField(choices=[(ALLOW, ALLOW), (REFUSE, REFUSE)])
    sound_only = forms.BooleanField(required=False)
    version = forms.CharField(max_length=16)
    sha256 = forms.CharField(max_length=64)

    def scope(self) -> str:
        scope = RecordingConsent.Scope
        return scope.AUDIO if self.cleaned_data["sound_only"] else scope.AUDIO_VIDEO
