"""Calendar files: one consultation, a private feed, and the page on which its address is made and withdrawn."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from audit import refusals
from audit.ledger import actor_of
from consultations import calendars, policy
from consultations.schedule import CalendarFeed

# In the session, from the press to the page that follows it.
JUST_MADE = "calendar_just_made"


@require_safe
@login_required
def one(request: HttpRequest, pk: UUID) -> HttpResponse:
    with refusals.noted(request, "consultation", pk):
        consultation = policy.get_visible_or_404(request.user, pk)
    answer = _answer(calendars.written([consultation], reader=request.user, address=_address(request)))
    answer["Content-Disposition"] = 'attachment; filename="appointment.ics"'
    return answer


@require_safe
def feed(request: HttpRequest, token: str) -> HttpResponse:
    """SECURITY: a calendar program signs in by the address alone. A wrong one is a plain 404 and no line in the ledger,
    which anybody could fill."""
    now = timezone.now()
    reader = calendars.reader_of(token, now=now)
    if reader is None:
        raise Http404
    own = calendars.of(reader, now=now)
    return _answer(calendars.written(own, reader=reader, address=_address(request)))


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def manage(request: HttpRequest) -> HttpResponse:
    """The new address is on the page that follows, once: nobody can read it later, and loading it again makes no other
    one, which would silently close the one that was just copied."""
    assert isinstance(request.user, User)
    user = request.user
    if request.method == "POST":
        _act(request, user)
        return redirect("consultations:calendar")
    token = request.session.pop(JUST_MADE, "")
    address = request.build_absolute_uri(reverse("calendar-feed", args=[token])) if token else ""
    standing = CalendarFeed.objects.filter(user=user).first()
    return render(request, "consultations/calendar.html", {"feed": standing, "address": address})


def _act(request: HttpRequest, user: User) -> None:
    act, actor, now = request.POST.get("act"), actor_of(request), timezone.now()
    if act == "make":
        request.session[JUST_MADE] = calendars.make_address(user, actor=actor, now=now)
    elif act == "withdraw":
        request.session.pop(JUST_MADE, None)
        calendars.withdraw_address(user, actor=actor, now=now)


def _address(request: HttpRequest) -> calendars.Address:
    return lambda consultation: request.build_absolute_uri(reverse("consultations:detail", args=[consultation.pk]))


def _answer(content: bytes) -> HttpResponse:
    return HttpResponse(content, content_type="text/calendar; charset=utf-8", headers={"Cache-Control": "no-store"})
