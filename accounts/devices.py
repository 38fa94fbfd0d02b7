"""Where somebody is signed in: one row per session, with what its browser called itself."""

from dataclasses import dataclass
from datetime import datetime

from allauth.usersessions.models import UserSession
from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts import sessions
from accounts.models import User

# In this order: most browsers call themselves by several names, the telling one before the common ones.
BROWSERS = {
    "Edg": "Edge", "OPR/": "Opera", "SamsungBrowser/": "Samsung Internet", "Firefox/": "Firefox", "FxiOS/": "Firefox",
    "CriOS/": "Chrome", "Chrome/": "Chrome", "Safari/": "Safari",
}  # fmt: skip
SYSTEMS = {
    "iPhone": "iPhone", "iPad": "iPad", "Android": "Android", "CrOS": "Chromebook", "Windows": "Windows",
    "Mac OS X": "Mac", "Linux": "Linux",
}  # fmt: skip


@dataclass(frozen=True)
class Device:
    id: int
    name: str
    signed_in_at: datetime
    is_this: bool


def of(request: HttpRequest, user: User) -> list[Device]:
    """Return where this person is signed in, this browser first, then the newest."""
    if not UserSession.objects.filter(session_key=request.session.session_key).exists():
        # Signed in before sessions were written down, or by a test's short cut.
        UserSession.objects.create_from_request(request)
    devices = [
        Device(
            session.pk, name_of(session.user_agent), session.created_at,
            is_this=session.session_key == request.session.session_key,
        )
        for session in sessions.standing(user)
    ]  # fmt: skip
    return sorted(devices, key=lambda device: not device.is_this)


def name_of(user_agent: str) -> str:
    """Return what a person would call it: the browser and the kind of device, as far as it says."""
    browser = next((name for sign, name in BROWSERS.items() if sign in user_agent), "")
    system = next((name for sign, name in SYSTEMS.items() if sign in user_agent), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or _("Another device")


def sign_out(user: User, *, only: int | None = None, but: str = "") -> int:
    """End one session of this person, or all but the one with the key `but`. Return how many were ended.

    Its pages, sockets and running replays ask for the session again and find none.
    """
    sessions = UserSession.objects.filter(user=user).exclude(session_key=but)
    if only is not None:
        sessions = sessions.filter(pk=only)
    ended = list(sessions)
    for session in ended:
        session.end()
    return len(ended)
