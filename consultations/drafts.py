"""What was said about a consultation whose time is gone, kept for the next time that is chosen.

SECURITY: it lies in the session of who typed it, for this patient alone, until it is booked or they sign out: never in
an address, which browsers, proxies and logs remember.
"""

from django.http import HttpRequest

from consultations.booking_forms import WishesForm
from patients.models import Patient

KEY = "booking_draft"


def keep(request: HttpRequest, patient: Patient, form: WishesForm) -> None:
    """Keep what was sent with a form, if anything was; what is wrong in it is asked again."""
    if not form.is_bound:
        return
    form.is_valid()  # so that it is read
    said = {name: form.cleaned_data[name] for name in WishesForm.base_fields if name in form.cleaned_data}
    request.session[KEY] = {"patient": str(patient.pk), "said": said}


def kept(request: HttpRequest, patient: Patient) -> dict[str, str]:
    draft = request.session.get(KEY, {})
    said: dict[str, str] = draft["said"] if draft.get("patient") == str(patient.pk) else {}
    return said


def drop(request: HttpRequest) -> None:
    request.session.pop(KEY, None)
