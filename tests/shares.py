"""Shares for tests: somebody whom a world's patient lets watch the replay, and every way in which that can end."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.utils import timezone
from guardian.shortcuts import assign_perm

from accounts.models import User
from audit.ledger import Actor
from recordings import playback, revocations, sharing
from recordings.guard import Shown
from recordings.models import Share
from recordings.revocations import Why
from recordings.sharing import Wish
from tests.cast import Cast, World

HOLDER = "holder@cast.test"
PLAY = "recordings.play_recording"
A_DAY = timedelta(days=1)


def own(world: World, user: User | None = None) -> Shown:
    """Return a world's recording as its patient, or its other person, is shown it."""
    who = user or world.patient.user
    return playback.held_or_404(who, world.recording.pk, actor=Actor(who.pk), now=timezone.now())


def wish(email: str = HOLDER, *, until: datetime | None = None, name: str = "Hana Older") -> Wish:
    return Wish(name, email, "Second opinion", until or timezone.now() + 7 * A_DAY)


def share(world: World, email: str = HOLDER, *, by: User | None = None, now: datetime | None = None) -> Share:
    """Let the patient share, or `by` the clinician propose."""
    who = by or world.patient.user
    return sharing.share(own(world, who), wish(email), actor=Actor(who.pk), now=now or timezone.now())


def ran_out(world: World, email: str = HOLDER) -> Share:
    """Return a share whose time was over yesterday and whose grant still stands: nothing has swept it yet."""
    then, who = timezone.now() - 8 * A_DAY, world.patient.user
    over = sharing.share(own(world), wish(email, until=then + 7 * A_DAY), actor=Actor(who.pk), now=then)
    assign_perm(PLAY, over.grantee, world.recording)
    return over


def _withdrawn(cast: Cast) -> User:
    ended = share(cast.ada)
    sharing.withdraw(ended.pk, by=cast.ada.patient.user, actor=Actor(cast.ada.patient.user.pk), now=timezone.now())
    return ended.grantee


def _swept(cast: Cast) -> User:
    over = ran_out(cast.ada)
    assert sharing.sweep(now=timezone.now()) == 1
    return over.grantee


def _proposed(cast: Cast) -> User:
    return share(cast.ada, by=cast.ada.clinician.user).grantee


def _revoked(cast: Cast) -> User:
    grantee = share(cast.ada).grantee
    by = Actor(cast.administrator.pk)
    revocations.revoke_playback(cast.ada.recording, grantee, why=Why.CONDUCT, actor=by, now=timezone.now())
    return grantee


def _closed(cast: Cast) -> User:
    grantee = share(cast.ada).grantee
    User.objects.filter(pk=grantee.pk).update(is_active=False)
    return grantee


# Whoever it was shared with, after the share ended in one of these ways or never began; and what `decide` then says.
ENDS: dict[str, tuple[Callable[[Cast], User], str]] = {
    "withdrawn": (_withdrawn, "stranger"),
    "ran out": (lambda cast: ran_out(cast.ada).grantee, "share_ran_out"),
    "swept": (_swept, "stranger"),
    "not agreed to": (_proposed, "stranger"),
    "revoked": (_revoked, "revoked"),
    "account closed": (_closed, "basis_lapsed"),
}
