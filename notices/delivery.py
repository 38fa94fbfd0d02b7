"""Sends what is owed: claimed by compare-and-set, sent after the claim, tried again with pauses, then for staff to see.

At least once: a worker that dies between the server's yes and its own mark leaves a claim that runs out, and the letter
goes a second time, with the same Message-ID. The other way round a cancellation could be lost, which is worse.
"""

import logging
from datetime import datetime, timedelta
from smtplib import SMTPException, SMTPResponseException
from uuid import UUID

from django.core.mail import EmailMessage
from django.db.models import F

from notices import letters, preferences
from notices.letters import Letter, NotYet
from notices.models import Notice

AT_ONCE = 100
# How long a notice rests about which there is nothing to say yet.
REST = timedelta(minutes=10)
# Longer than a round may last, so that nobody takes over what somebody is still sending.
CLAIM = timedelta(minutes=15)
MOST_TRIES = 6
FIRST_PAUSE = timedelta(minutes=1)  # then four times as long each time: all tries together take under six hours
# Whatever has waited for so long is no news. It is also why nobody is told of what is dated into the past.
STALE_AFTER = timedelta(days=3)
# What is about the next two hours is told at any hour.
NEAR = timedelta(hours=2)
log = logging.getLogger(__name__)


def deliver(*, now: datetime) -> int:
    """Send what is due, oldest first; return how many were sent.

    Idempotent because one worker at a time holds a notice. A round ends with the first letter that does not go: where
    the server is away the others would not go either, and they keep their tries.
    """
    sent = 0
    for pk in list(Notice.objects.due(now).order_by("due_at").values_list("pk", flat=True)[:AT_ONCE]):
        notice = claim(pk, now=now)
        message = _prepared(notice, now=now) if notice else None
        if notice and message:
            if not _sent(notice, message, now=now):
                break
            sent += 1
    return sent


def claim(pk: UUID, *, now: datetime) -> Notice | None:
    """Take a notice for one try, or return None. RACE: the update is the compare-and-set.

    The try is counted here, so that one that kills its worker counts, too.
    """
    claimed_until = now + CLAIM
    if not Notice.objects.due(now).filter(pk=pk).update(tries=F("tries") + 1, claimed_until=claimed_until):
        return None
    notice = Notice.objects.select_related("user").get(pk=pk)
    if notice.tries > MOST_TRIES:
        _end(notice, failed_at=now)
        return None
    return notice


def _prepared(notice: Notice, *, now: datetime) -> EmailMessage | None:
    """Return what to send now, or None after the notice was dropped or put off."""
    with letters.speaking_to(notice.user):
        try:
            letter = letters.letter_of(notice, now=now)
        except NotYet:
            _put_off(notice, now + REST)
            return None
        if why_not := _why_not(notice, letter, now):
            _end(notice, dropped_at=now, fault=why_not)
            return None
        assert letter is not None
        later = _after_the_quiet(notice, letter, now)
        if later is not None:
            _put_off(notice, later)
            return None
        return letters.written(notice, letter)


def _put_off(notice: Notice, until: datetime) -> None:
    _end(notice, due_at=until, tries=notice.tries - 1)


def _why_not(notice: Notice, letter: Letter | None, now: datetime) -> str:
    if not notice.user.is_active:
        return "account_closed"
    if notice.due_at <= now - STALE_AFTER:
        return "stale"
    if preferences.is_muted(notice.user, notice.kind):
        return "muted"
    return "" if letter else "over"


def _after_the_quiet(notice: Notice, letter: Letter, now: datetime) -> datetime | None:
    is_near = letter.about is not None and letter.about - now <= NEAR
    return None if is_near else preferences.quiet_until(notice.user, now=now)


def _sent(notice: Notice, message: EmailMessage, *, now: datetime) -> bool:
    try:
        message.send()
    except (OSError, SMTPException) as fault:
        log.warning("notice %s was not sent: %s", notice.pk, type(fault).__name__)
        _try_later(notice, fault, now=now)
        return False
    _end(notice, sent_at=now, fault="")
    return True


def _try_later(notice: Notice, fault: Exception, *, now: datetime) -> None:
    # A server's sentence may repeat the address or the text: its number says enough.
    code = f" {fault.smtp_code}" if isinstance(fault, SMTPResponseException) else ""
    said = f"{type(fault).__name__}{code}"
    if notice.tries >= MOST_TRIES:
        _end(notice, failed_at=now, fault=said)
    else:
        _end(notice, due_at=now + FIRST_PAUSE * 4 ** (notice.tries - 1), fault=said)


def _end(notice: Notice, **facts: object) -> None:
    """End this claim. RACE: only as long as it is ours."""
    ours = Notice.objects.pending().filter(pk=notice.pk, claimed_until=notice.claimed_until)
    if not ours.update(claimed_until=None, **facts):
        log.warning("notice %s was taken over by another worker", notice.pk)
