"""Reads from the database, now, whom a session belongs to – for sockets, which outlive requests – and which sessions
somebody has. Clears ended ones."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from importlib import import_module

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.models import User

A_DAY = timedelta(days=1)


def user_of_session(session_key: str | None) -> User | None:
    """Return the active person signed in by this session, or None once it ended or the password changed."""
    if not session_key:
        return None
    facts = import_module(settings.SESSION_ENGINE).SessionStore(session_key).load()
    user = User.objects.filter(pk=facts.get(SESSION_KEY), is_active=True).first()
    return user if user is not None and _signs_in(user, facts) else None


def standing(user: User) -> list[UserSession]:
    """Return the sessions that sign this person in now, the newest first, in two queries however many there are."""
    sessions = list(UserSession.objects.filter(user=user).order_by("-created_at"))
    keys = [session.session_key for session in sessions]
    stored = Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now())
    live = {session.session_key for session in stored if _signs_in(user, session.get_decoded())}
    return [session for session in sessions if session.session_key in live]


def _signs_in(user: User, facts: Mapping[str, str]) -> bool:
    return (
        facts.get(BACKEND_SESSION_KEY) in settings.AUTHENTICATION_BACKENDS
        and facts.get(SESSION_KEY) == str(user.pk)
        and constant_time_compare(facts.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash())
    )


def clear_ended(*, now: datetime) -> None:
    """Remove sessions whose time is over, and what is known of the browsers of sessions that are gone."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    standing = Session.objects.filter(session_key=OuterRef("session_key"))
    # RACE: whoever signs in right now has the one row a moment before the other.
    UserSession.objects.filter(~Exists(standing), created_at__lt=now - A_DAY).delete()
