"""Reads from the database, now, whom a session belongs to – for sockets, which outlive requests."""

from importlib import import_module

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.utils.crypto import constant_time_compare

from accounts.models import User


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
