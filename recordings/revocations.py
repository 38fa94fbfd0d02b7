"""Takes somebody's right to play one recording on purpose, and gives it back only by the same deliberate act."""

from datetime import datetime

from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit import ledger
from audit.ledger import Actor, Line
from audit.models import Action
from recordings import policy
from recordings.models import PlaybackRevocation, Recording

Why = PlaybackRevocation.Why


class WhyBack(models.TextChoices):
    """Why a right is given back; it stands in the line of the ledger."""

    MISTAKE = "mistake", _("it was taken by mistake")
    SETTLED = "settled", _("what it was taken for is settled")
    NEEDED = "needed", _("they need it for this patient's care")


@transaction.atomic
def revoke_playback(recording: Recording, user: User, *, why: Why, actor: Actor, now: datetime) -> PlaybackRevocation:
    """Take the right and keep it taken: no later version of the replay and no repair gives it back.

    What is revoked already stays so, with its first reason. Errors: ValueError without a person, LedgerUnavailable.
    """
    if actor.id is None:
        raise ValueError("A right is taken by a person.")
    kept = _locked(recording)
    revocation, is_new = PlaybackRevocation.objects.get_or_create(
        recording=kept,
        user=user,
        ended_at=None,
        defaults={"patient_id": kept.patient_id, "why": why, "revoked_at": now, "revoked_by_id": actor.id},
    )
    policy.withdraw_playback(kept, user)
    if is_new:
        detail = {"from": str(user.pk), "revocation": str(revocation.pk)}
        line = Line(Action.REVOKED, "recording", kept.pk, kept.patient_id, reason=why.value, detail=detail)
        ledger.append(actor, line, now=now)
    return revocation


@transaction.atomic
def restore_playback(revocation: PlaybackRevocation, *, why: WhyBack, actor: Actor, now: datetime) -> None:
    """End a revocation and grant again. Idempotent because it ends once.

    Before the first replay there is nothing to grant yet: publishing it does. Errors: ValueError without a person,
    LedgerUnavailable.
    """
    if actor.id is None:
        raise ValueError("A right is given back by a person.")
    kept = _locked(revocation.recording)
    standing = PlaybackRevocation.objects.filter(pk=revocation.pk, ended_at=None)
    if not standing.update(ended_at=now, ended_by=actor.id):
        return
    if kept.status not in Recording.UNPUBLISHED:
        policy.grant_playback(kept, only=revocation.user)
    detail = {"to": str(revocation.user_id), "revocation": str(revocation.pk), "why": why.value}
    line = Line(Action.GRANTED, "recording", kept.pk, kept.patient_id, reason="restored", detail=detail)
    ledger.append(actor, line, now=now)


def _locked(recording: Recording) -> Recording:
    # RACE: publishing moves this row before it grants, so that one of the two sees what the other did.
    return Recording.objects.select_for_update(no_key=True).get(pk=recording.pk)
