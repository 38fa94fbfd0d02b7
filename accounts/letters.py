"""The letter to whom the clinic has registered: that there is an account, and the way in. No word of care in it."""

import logging
from collections.abc import Iterable
from smtplib import SMTPException
from urllib.parse import urljoin

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from accounts import invitations
from accounts.models import User

log = logging.getLogger(__name__)


def invite(people: Iterable[User]) -> list[User]:
    """Write to each, over one connection; return to whom it could not be sent. Call it after the commit.

    A letter that cannot be sent undoes nothing; "Invite again" sends another.
    """
    connection, unsent = get_connection(), []
    for user in people:
        # SECURITY: from the settings, never from a request's Host, which whoever asks could choose.
        link = urljoin(settings.PORTAL_URL, invitations.way_in(user))
        facts = {"link": link, "has_password": user.has_usable_password()}
        text = render_to_string("account/letters/invited.txt", facts)
        letter = EmailMessage(_("Your account on the telehealth portal"), text, to=[user.email], connection=connection)
        try:
            letter.send()
        except (OSError, SMTPException):
            log.exception("the invitation of account %s could not be sent", user.pk)
            unsent.append(user)
    return unsent
