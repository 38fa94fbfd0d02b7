"""Letters about shares: that there is something to look at, and the way in. No names, no content, nobody's own words.

A letter is sent after what it tells of has been written down; one that cannot be sent undoes nothing.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from smtplib import SMTPException

from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from accounts import invitations
from accounts.models import User

# Makes a whole address of a path of this portal, as `HttpRequest.build_absolute_uri` does.
Absolute = Callable[[str], str]
log = logging.getLogger(__name__)


def tell_grantee(grantee: User, until: datetime, absolute: Absolute) -> bool:
    """Write to whom a replay is shared with; the letter holds the link that lets somebody without a password in."""
    link = absolute(invitations.way_in(grantee))
    facts = {"until": until, "has_password": grantee.has_usable_password(), "link": link}
    return _send(grantee, _("A recording was shared with you"), "shared", facts)


def tell_patient(patient: User, link: str) -> bool:
    """Write to the patient that their clinician proposes to share a replay; `link` leads to the whole address."""
    return _send(patient, _("A question about one of your recordings"), "proposed", {"link": link})


def _send(to: User, subject: str, name: str, facts: dict[str, object]) -> bool:
    """Return whether it is on its way; to a closed account nothing is sent, and nobody learns that from us."""
    if not to.is_active:
        return True
    try:
        send_mail(subject, render_to_string(f"recordings/letters/{name}.txt", facts), None, [to.email])
    except (OSError, SMTPException):
        log.exception("a letter about a share could not be sent to account %s", to.pk)
        return False
    return True
