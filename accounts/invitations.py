"""Lets people in who have no account yet: an account without a password, and a link that sets one, once.

Knows nothing of what they are invited to. Whether an address was known is for this module alone: callers do and say
the same for both.
"""

from datetime import datetime
from uuid import UUID

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse

from accounts import signals
from accounts.models import User
from audit import ledger
from audit.ledger import Actor, Line
from audit.models import Action


def account_of(email: str, *, name: str, actor: Actor) -> User:
    """Return the account with this address, made without a password where there is none. Errors: LedgerUnavailable.

    Call it in the transaction of what they are invited to; the letter about that lets them in.
    """
    try:
        with transaction.atomic():
            if known := User.objects.filter(email__iexact=email).first():
                return known
            user = _made(email, name)
            ledger.append(actor, Line(Action.INVITED, "user", user.pk))
            return user
    except IntegrityError:
        # RACE: invited twice at the same moment; the other one made it.
        return User.objects.get(email__iexact=email)


class AlreadyHere(Exception):
    """Somebody signs in with this address already; it can be given to nobody else."""


@transaction.atomic
def new_account(email: str, *, name: str, language: str = "", actor: Actor, now: datetime) -> User:
    """Make the account of somebody who is registered here, and invite them. Errors: AlreadyHere, LedgerUnavailable.

    SECURITY: never hands out one that stands; what its owner may see would be shown to whoever is registered.
    """
    if User.objects.filter(email__iexact=email).exists():
        raise AlreadyHere
    try:
        with transaction.atomic():
            user = _made(email, name, language)
    except IntegrityError as error:
        # RACE: registered twice at the same moment; the other one made it.
        raise AlreadyHere from error
    invite(user, actor=actor, now=now)
    return user


def _made(email: str, name: str, language: str = "") -> User:
    return User.objects.create_user(email.lower(), name=name, language=language or settings.LANGUAGE_CODE)


@transaction.atomic
def invite(user: User, *, actor: Actor, now: datetime, patient: UUID | None = None, reason: str = "") -> None:
    """Write down that somebody is invited; the letter is owed with it. Errors: LedgerUnavailable."""
    ledger.append(actor, Line(Action.INVITED, "user", user.pk, patient, reason=reason), now=now)
    signals.invited.send(sender=User, user=user, now=now)


def way_in(user: User) -> str:
    """Return the path of the sign-in page, or, for somebody without a password, of the page that sets one.

    SECURITY: it goes into a letter to that person and nowhere else. It works until a password is set, three days at
    most; after that "I forgot my password" sends another.
    """
    if user.has_usable_password():
        return reverse("account_login")
    key = default_token_generator.make_token(user)
    return reverse("account_reset_password_from_key", kwargs={"uidb36": user_pk_to_url_str(user), "key": key})
