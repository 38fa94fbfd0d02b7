"""The invitation of whom the clinic has registered: that there is an account, and the way in. No word of care in it.

How far somebody's invitation is stands here, too, for the pages on which staff register people.
"""

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Case, OuterRef, Q, QuerySet, Subquery, Value, When
from django.dispatch import receiver
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import invitations, signals
from accounts.models import User
from notices import letters, outbox
from notices.letters import Letter
from notices.models import Kind, Notice


class State(models.TextChoices):
    SENT = "sent", gettext_lazy("invited")
    WAITING = "waiting", gettext_lazy("the invitation waits to be sent")
    DELAYED = "delayed", gettext_lazy("the invitation could not be sent yet")
    UNSENT = "unsent", gettext_lazy("the invitation could not be sent")


@receiver(signals.invited)
def post(user: User, now: datetime, **_: object) -> None:
    """Each invitation is one of its own: "Invite again" owes another."""
    outbox.post(outbox.notice(Kind.INVITED, user.pk, user, now=now, occasion=now.isoformat()))


def marked(profiles: QuerySet[Any]) -> QuerySet[Any]:
    """Return the same profiles, each saying as `invitation` the state of its account's newest one, None without any."""
    newest = Notice.objects.filter(user=OuterRef("user"), kind=Kind.INVITED).order_by("-posted_at")
    state = Case(
        When(sent_at__isnull=False, then=Value(State.SENT)),
        When(Q(failed_at__isnull=False) | Q(dropped_at__isnull=False), then=Value(State.UNSENT)),
        When(fault="", then=Value(State.WAITING)),
        default=Value(State.DELAYED),
        output_field=models.CharField(),
    )
    return profiles.annotate(invitation=Subquery(newest.annotate(state=state).values("state")[:1]))


def _invited(notice: Notice, now: datetime) -> Letter | None:
    """SECURITY: the link sets a password; it is made when it is sent and stands nowhere else."""
    later = Notice.objects.filter(user=notice.user_id, kind=Kind.INVITED, posted_at__gt=notice.posted_at)
    if notice.user.has_usable_password() or later.exists():
        return None
    says = _(
        "The clinic has made an account for you on its telehealth portal. If you do not know what this is about, leave "
        "it alone: nothing happens then."
    )
    how = _(
        "Choose a password first, then sign in with this email address. The link works once, for three days; when it "
        "is too old, choose “I forgot my password” on the sign-in page:"
    )
    # Whoever registers them may be on the phone with them, so it goes at any hour.
    path = invitations.way_in(notice.user)
    return Letter(_("Your account on the telehealth portal"), f"{says}\n\n{how}", path, about=notice.posted_at)


letters.register(Kind.INVITED, _invited)
