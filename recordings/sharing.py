"""Sharing a replay: its patient says with whom and until when; its clinician may propose it, and the patient decides.

A share opens the one replay to one account, by both keys, until it runs out or the patient withdraws it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.http import Http404
from django.utils.translation import gettext as _

from accounts import invitations
from accounts.models import User, Viewer
from audit import ledger
from audit.ledger import Actor, Line
from audit.models import Action
from recordings import letters, policy
from recordings.guard import Shown
from recordings.models import Recording, Share

LONGEST = timedelta(days=90)
MOST_AT_ONCE = 10


class CannotShare(Exception):
    """It cannot be shared or agreed to; the text is a sentence for whoever wanted it."""


@dataclass(frozen=True)
class Wish:
    """With whom a replay is to be shared, until when, and why: the words of whoever shares."""

    name: str
    email: str
    reason: str
    until: datetime


def is_its_patient(shown: Shown) -> bool:
    return shown.is_own and shown.viewer.pk is not None and shown.recording.patient.user_id == shown.viewer.pk


@transaction.atomic
def share(shown: Shown, wish: Wish, *, actor: Actor, now: datetime) -> Share:
    """Share one's own recording as its patient, or propose it as its clinician; then it opens nothing yet.

    What happens is the same whether the address was known or not. Errors: CannotShare, LedgerUnavailable.
    """
    if not shown.is_own or shown.viewer.pk is None:
        raise ValueError("Only the two people of a recording share it.")
    recording, by_patient = _locked(shown.recording.pk), is_its_patient(shown)
    grantee = invitations.account_of(wish.email, name=wish.name, actor=actor)
    _demand_room(recording, shown.viewer, grantee, wish, now)
    made = Share.objects.create(
        recording=recording,
        patient_id=recording.patient_id,
        grantee=grantee,
        name=wish.name,
        reason=wish.reason,
        granted_by_id=shown.viewer.pk,
        granted_at=now,
        agreed_by_patient_at=now if by_patient else None,
        expires_at=wish.until,
    )
    if by_patient:
        policy.grant_playback(recording, only=grantee)
    ledger.append(actor, _line(Action.SHARED if by_patient else Action.PROPOSED, made), now=now)
    (letters.post_shared if by_patient else letters.post_proposed)(made, now=now)
    return made


def _demand_room(recording: Recording, by: Viewer, grantee: User, wish: Wish, now: datetime) -> None:
    _demand_a_replay(recording)
    if grantee.pk == by.pk:
        raise CannotShare(_("This is your own email address. You can watch it already."))
    if not now < wish.until <= now + LONGEST + timedelta(days=1):
        raise CannotShare(_("Choose a day within the next %(days)d days.") % {"days": LONGEST.days})
    for over in recording.shares.unfinished().filter(grantee=grantee, expires_at__lte=now):
        _sweep(over, now)
    standing = recording.shares.unfinished()
    if standing.filter(grantee=grantee).exists():
        raise CannotShare(_("There is a share with this address already. End it first, then share anew."))
    if standing.count() >= MOST_AT_ONCE:
        raise CannotShare(_("This recording is shared with many people already. End a share first."))


def _demand_a_replay(recording: Recording) -> None:
    if recording.status not in Recording.PLAYABLE:
        raise CannotShare(_("Nobody can watch this recording at the moment, so it cannot be shared."))


@transaction.atomic
def agree(share_id: UUID, *, by: Viewer, actor: Actor, now: datetime) -> Share:
    """The patient agrees to what their clinician proposed. Idempotent because it is agreed to once.

    Errors: Http404, CannotShare when it was taken back or ran out, LedgerUnavailable.
    """
    found = _locked_share(share_id, Q(recording__patient__user=by.pk))
    if found.agreed_by_patient_at is not None and found.revoked_at is None:
        return found
    if found.revoked_at or found.swept_at or found.expires_at <= now:
        raise CannotShare(_("This proposal no longer stands."))
    _demand_a_replay(found.recording)
    Share.objects.filter(pk=found.pk).update(agreed_by_patient_at=now)
    policy.grant_playback(found.recording, only=found.grantee)
    ledger.append(actor, _line(Action.AGREED, found), now=now)
    letters.post_shared(found, now=now)
    return found


@transaction.atomic
def withdraw(share_id: UUID, *, by: Viewer, actor: Actor, now: datetime) -> Share:
    """End a share: the patient any of theirs, whatever became of the recording; a clinician their own proposals.

    Idempotent because it ends once. Errors: Http404, LedgerUnavailable.
    """
    found = _locked_share(share_id, Q(recording__patient__user=by.pk) | Q(granted_by=by.pk))
    if found.revoked_at or found.swept_at:
        return found
    Share.objects.filter(pk=found.pk).update(revoked_at=now, revoked_by_id=by.pk)
    policy.withdraw_shared(found.recording, found.grantee)
    reason = "withdrawn" if found.agreed_by_patient_at else "declined"
    ledger.append(actor, _line(Action.UNSHARED, found, reason), now=now)
    return found


def sweep(*, now: datetime) -> int:
    """Take the grants of shares that ran out; return how many. Idempotent because each is swept once."""
    over = Share.objects.unfinished().filter(expires_at__lte=now)
    return sum(_sweep_locked(share_id, now) for share_id in over.values_list("pk", flat=True))


@transaction.atomic
def _sweep_locked(share_id: UUID, now: datetime) -> bool:
    found = _locked_share(share_id, Q())
    return _sweep(found, now)


def _sweep(over: Share, now: datetime) -> bool:
    if not Share.objects.unfinished().filter(pk=over.pk).update(swept_at=now):
        return False
    policy.withdraw_shared(over.recording, over.grantee)
    ledger.append(ledger.PORTAL, _line(Action.UNSHARED, over, "ran_out"), now=now)
    return True


def _locked(recording_id: UUID) -> Recording:
    # RACE: publishing and revoking hold this row, too, so that one of the two sees what the other did.
    return Recording.objects.select_for_update(no_key=True).get(pk=recording_id)


def _locked_share(share_id: UUID, whose: Q) -> Share:
    """Errors: Http404. SECURITY: also for a share of somebody else; there is nothing to tell them of it."""
    of = Share.objects.filter(whose, pk=share_id).values_list("recording", flat=True).first()
    if of is None:
        raise Http404
    _locked(of)
    return Share.objects.select_related("recording", "grantee").get(pk=share_id)


def _line(action: Action, of: Share, reason: str = "") -> Line:
    """Say which share by ids; whom they named and why are people's own words and stay out of the ledger."""
    side = "from" if action == Action.UNSHARED else "to"
    detail = {"share": str(of.pk), side: str(of.grantee_id), "until": of.expires_at.isoformat(timespec="seconds")}
    return Line(action, "recording", of.recording_id, of.patient_id, reason=reason, detail=detail)


def standing_of(shown: Shown) -> list[Share]:
    """Return who else may watch this now, and what waits for the patient. Errors: ValueError for a share holder."""
    if not shown.is_own:
        raise ValueError("Whom a replay is shared with is known to its two people.")
    standing = Share.objects.standing().filter(recording=shown.recording.pk)
    return list(standing.select_related("granted_by", "grantee").order_by("granted_at"))
