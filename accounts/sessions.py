"""Reads from the database, now, whom a session belongs to – for sockets, which outlive requests. Clears ended ones."""

from datetime import datetime, timedelta
from importlib import import_module

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef
from django.utils.crypto import constant_time_compare

from accounts.models import User

A_DAY = timedelta(days=1)


def user_of_session(session_key: str | None) -> User | None:
    """Return the active person signed in by this session, or None once it ended or the password changed."""
    if not session_key:
        return None
    session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    facts = session.load()
    if facts.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return None
    user = User.objects.filter(pk=facts.get(SESSION_KEY), is_active=True).first()
    if user is None or not constant_time_compare(facts.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()):
        return None
    return user


def clear_ended(*, now: datetime) -> None:
    """Remove sessions whose time is over, and what is known of the browsers of sessions that are gone."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    standing = Session.objects.filter(session_key=OuterRef("session_key"))
    # RACE: whoever signs in right now has the one row a moment before the other.
    UserSession.objects.filter(~Exists(standing), created_at__lt=now - A_DAY).delete()
