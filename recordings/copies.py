"""A copy of one's own replay as a file. For its patient alone: clinicians and whoever it is shared with watch it here,
where a right that ends ends what they can see."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.http import Http404

from accounts.models import Viewer
from audit import ledger, refusals
from audit.models import Action, Entry
from recordings import playback
from recordings.models import Recording
from recordings.playback import Opened
from recordings.viewings import ONE_VIEWING


def find_copy(user: Viewer, recording_id: UUID, *, actor: ledger.Actor, now: datetime) -> Opened:
    """Find the newest replay for its patient to keep.

    Errors: Http404, TooManyRefusals, Paused, LedgerUnavailable.
    """
    shown = playback.recording_or_404(user, recording_id, actor=actor, now=now)
    recording = shown.recording
    if recording.patient.user_id != user.pk:
        line = ledger.Line(Action.REFUSED, "recording", recording.pk, recording.patient_id, reason="copy_not_theirs")
        refusals.note(actor, line, now=now)
        raise Http404
    return Opened(shown, playback.newest_replay_or_404(recording), None)


@transaction.atomic
def begin(found: Opened, *, actor: ledger.Actor, now: datetime) -> Opened:
    """Write one line for a download, however often its connection breaks and it goes on. Errors: LedgerUnavailable."""
    recording, rendition = found.recording, found.rendition
    # RACE: a download manager asks for several pieces at once.
    Recording.objects.select_for_update(no_key=True).get(pk=recording.pk)
    told = Entry.objects.filter(
        object_id=recording.pk, action=Action.DOWNLOADED, actor=actor.id, session_hash=actor.session_hash,
        detail__replay=str(rendition.pk), at__gt=now - ONE_VIEWING,
    )  # fmt: skip
    if not told.exists():
        detail = {"replay": str(rendition.pk), "bytes": rendition.byte_length}
        line = ledger.Line(Action.DOWNLOADED, "recording", recording.pk, recording.patient_id, detail=detail)
        ledger.append(actor, line, now=now)
    return found
