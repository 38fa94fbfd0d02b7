"""Somebody's own account: details and where they are signed in. Upper apps add pages of theirs beside these."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import devices
from accounts.forms import DetailsForm
from accounts.models import User


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def details(request: HttpRequest) -> HttpResponse:
    form = DetailsForm(request.POST or None, instance=_afresh(request))
    if request.method == "POST" and form.is_valid():
        form.save()
        with translation.override(form.instance.language):  # which may have been chosen just now
            messages.success(request, _("Your details are saved."))
        return redirect("account")
    return render(request, "account/details.html", {"form": form})


@require_safe
@login_required
def device_list(request: HttpRequest) -> HttpResponse:
    return render(request, "account/devices.html", {"devices": devices.of(request, _afresh(request))})


@require_POST
@login_required
def sign_out_device(request: HttpRequest, pk: int) -> HttpResponse:
    """End one session of one's own. Somebody else's looks like one that has ended already."""
    here = request.session.session_key or ""
    if devices.sign_out(_afresh(request), only=pk, but=here):
        messages.success(request, _("That device is signed out."))
    else:
        messages.info(request, _("That device was signed out already."))
    return redirect("account_devices")


@require_POST
@login_required
def sign_out_others(request: HttpRequest) -> HttpResponse:
    ended = devices.sign_out(_afresh(request), but=request.session.session_key or "")
    text = ngettext("%(n)d other device is signed out.", "%(n)d other devices are signed out.", ended)
    messages.success(request, text % {"n": ended})
    return redirect("account_devices")


def _afresh(request: HttpRequest) -> User:
    """A form writes into the row it is given, also what it then refuses: never into the request's own person."""
    return User.objects.get(pk=request.user.pk)  # type: ignore[misc]  # somebody is signed in
