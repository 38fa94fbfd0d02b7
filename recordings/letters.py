"""Who is told what about replays and shares, and the words for it. Rows are read anew when a letter is sent.

A letter about a share names nobody and nothing; one about a replay says of which day and with which clinician.
"""

from contextlib import suppress
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from accounts import invitations
from audit.ledger import PORTAL
from notices import letters, outbox
from notices.letters import Letter
from notices.models import Kind, Notice
from recordings import guard, policy
from recordings.models import Recording, Share


def post_replay_ready(recording: Recording, *, now: datetime) -> None:
    outbox.post(outbox.notice(Kind.REPLAY_READY, recording.patient.user_id, recording, now=now))


def post_opened(recording: Recording, viewer: UUID, *, now: datetime) -> None:
    """Tell the patient the first time that somebody else opens a replay."""
    patient = recording.patient.user_id
    if viewer != patient:
        outbox.post(outbox.notice(Kind.NEW_VIEWER, patient, recording, now=now, occasion=viewer))


def post_shared(share: Share, *, now: datetime) -> None:
    outbox.post(outbox.notice(Kind.SHARED, share.grantee_id, share, now=now))


def post_proposed(share: Share, *, now: datetime) -> None:
    outbox.post(outbox.notice(Kind.PROPOSED, share.recording.patient.user_id, share, now=now))


def _replay_ready(notice: Notice, now: datetime) -> Letter | None:
    recording = _guarded(policy.playable_by(notice.user), notice, now)
    if recording is None:
        return None
    says = _("The replay of your consultation of %(day)s with %(clinician)s is ready. Watch it here:")
    path = reverse("recordings:detail", args=[recording.pk])
    return Letter(_("Your replay is ready"), says % _facts(recording), path)


def _new_viewer(notice: Notice, now: datetime) -> Letter | None:
    recording = _guarded(policy.held_by(notice.user), notice, now)
    if recording is None:
        return None
    says = _(
        "Somebody opened the replay of your consultation of %(day)s with %(clinician)s for the first time. See who it "
        "was, and tell us if you do not know them:"
    )
    path = reverse("recordings:access", args=[recording.pk])
    return Letter(_("Somebody new opened your replay"), says % _facts(recording), path)


def _shared(notice: Notice, now: datetime) -> Letter | None:
    """SECURITY: the link lets somebody without a password in; it is made when it is sent and stands nowhere else."""
    share = Share.objects.live().filter(pk=notice.object_id, grantee=notice.user_id).first()
    if share is None:
        return None
    says = _(
        "Somebody has shared the recording of a consultation with you on the telehealth portal. You can watch it there "
        "until %(until)s. If you do not know what this is about, leave it alone: nothing happens then."
    ) % {"until": date_format(localtime(share.expires_at), "j F Y")}
    if notice.user.has_usable_password():
        how = _("Sign in to see who it is and to watch it:")
    else:
        how = _("Choose a password first, then sign in with this email address. The link works once, for three days:")
    path = invitations.way_in(notice.user)
    return Letter(_("A recording was shared with you"), f"{says}\n\n{how}", path, share.expires_at)


def _proposed(notice: Notice, now: datetime) -> Letter | None:
    waits = Share.objects.standing().filter(pk=notice.object_id, agreed_by_patient_at=None)
    share = waits.filter(recording__patient__user=notice.user_id).first()
    if share is None:
        return None
    says = _(
        "Your clinician would like to share one of your recordings with somebody. Nothing is shared unless you agree. "
        "Read with whom and why:"
    )
    path = reverse("recordings:sharing", args=[share.recording_id])
    return Letter(_("A question about one of your recordings"), says, path, share.expires_at)


def _guarded(allowed: QuerySet[Recording], notice: Notice, now: datetime) -> Recording | None:
    """Return the notice's recording if it is its person's own, by the policy and by the leak guard."""
    own = allowed.filter(pk=notice.object_id, patient__user=notice.user_id)
    rows = own.select_related("consultation", "patient", "clinician__user")
    with suppress(guard.Leak):  # staff are alerted; nobody is written to
        return next((shown.recording for shown in guard.show(notice.user, rows, actor=PORTAL, now=now)), None)
    return None


def _facts(recording: Recording) -> dict[str, str]:
    day = date_format(localtime(recording.consultation.starts_at), "j F Y")
    return {"clinician": recording.clinician.display_name, "day": day}


for kind, teller in {
    Kind.REPLAY_READY: _replay_ready, Kind.NEW_VIEWER: _new_viewer, Kind.SHARED: _shared, Kind.PROPOSED: _proposed,
}.items():  # fmt: skip
    letters.register(kind, teller)
