"""What a patient says about themselves."""

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from patients.models import Patient

MOST = 2000


class NeedsForm(forms.ModelForm):  # type: ignore[type-arg]
    communication_needs = forms.CharField(
        label=gettext_lazy("What helps you in a consultation?"),
        help_text=gettext_lazy(
            "For example an interpreter, sign language, larger text, more time, or somebody with you."
        ),
        max_length=MOST,
        required=False,
        widget=forms.Textarea(attrs={"rows": 5}),
    )

    class Meta:
        model = Patient
        fields = ("communication_needs",)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def needs(request: HttpRequest) -> HttpResponse:
    """One's own needs. Whoever is no patient finds nothing here."""
    patient = Patient.objects.filter(user=request.user.pk).first()
    if patient is None:
        raise Http404
    form = NeedsForm(request.POST or None, instance=patient)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("What helps you is saved. Your clinicians see it before they call."))
        return redirect("patients:needs")
    return render(request, "account/needs.html", {"form": form})
