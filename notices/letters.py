"""What a notice says when it is sent. Upper apps register who reads the rows and finds the words for each kind.

SECURITY: a letter lies in a letter box that others may see. It says that something awaits, when, and the clinician's
name; never why somebody came, what was said or written, or another patient's name.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from urllib.parse import urljoin
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import User
from notices.models import Kind, Notice


@dataclass(frozen=True)
class Letter:
    """`path` is where the link leads; `about` the moment that matters: shortly before it quiet hours do not count."""

    subject: str
    says: str
    path: str
    about: datetime | None = None


class NotYet(Exception):
    """There will be something to say once a person has decided; the notice waits for that."""


# Reads the rows anew and returns None when there is nothing to say any more, or not to this person.
# Errors: NotYet.
Teller = Callable[[Notice, datetime], Letter | None]
_tellers: dict[str, Teller] = {}


def register(kind: Kind, teller: Teller) -> None:
    _tellers[kind] = teller


def letter_of(notice: Notice, *, now: datetime) -> Letter | None:
    return _tellers[notice.kind](notice, now)


def written(notice: Notice, letter: Letter) -> EmailMessage:
    """Return the whole message. The same notice has the same Message-ID, so that a letter box can tell a second one."""
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    facts = {"says": letter.says, "link": _absolute(letter.path), "choices": _absolute(reverse("account_notices"))}
    return EmailMessage(
        letter.subject,
        render_to_string("notices/letter.txt", facts),
        to=[notice.user.email],
        headers={"Message-ID": f"<notice-{notice.pk}@{domain}>", "Auto-Submitted": "auto-generated"},
    )


def _absolute(path: str) -> str:
    """SECURITY: from the settings, never from a request's Host, which whoever asks could choose."""
    return urljoin(settings.PORTAL_URL, path)


@contextmanager
def speaking_to(user: User) -> Iterator[None]:
    """Words and times for the block in this person's language and zone."""
    with translation.override(user.language), timezone.override(ZoneInfo(user.time_zone)):
        yield


def moment(at: datetime) -> str:
    """Return day and time in the reader's zone, with the zone's name: a letter is also read on a journey."""
    local = timezone.localtime(at)
    place = timezone.get_current_timezone_name().rpartition("/")[2].replace("_", " ")
    facts = {"day": date_format(local, "l j F Y"), "time": date_format(local, "H:i"), "place": place}
    return _("%(day)s at %(time)s (%(place)s time)") % facts
