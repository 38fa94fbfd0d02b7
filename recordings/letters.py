"""Who is told what about replays and shares, and the words for it. Rows are read anew when a letter is sent.

A letter about a share names nobody and nothing; one about a replay says of which day and with which clinician.
"""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from accounts import invitations
from accounts.models import User
from audit.ledger import PORTAL
from notices import letters, outbox
from notices.letters import Letter, NotYet
from notices.models import Kind, Notice
from recordings import guard, policy, retention
from recordings.deciders import may_decide
from recordings.models import AccessReport, DeletionRequest, Recording, Share


def post_replay_ready(recording: Recording, *, now: datetime) -> None:
    outbox.post(outbox.notice(Kind.REPLAY_READY, recording.patient.user_id, recording, now=now))


def post_opened(recording: Recording, viewer: UUID, *, now: datetime) -> None:
    """Tell the patient the first time that somebody else opens a replay."""
    patient = recording.patient.user_id
    if viewer != patient:
        outbox.post(outbox.notice(Kind.NEW_VIEWER, patient, recording, now=now, occasion=viewer))


def post_shared(share: Share, *, now: datetime) -> None:
    outbox.post(outbox.notice(Kind.SHARED, share.grantee_id, share, now=now))


def post_deletion_asked(request: DeletionRequest, deciders: Iterable[User], *, now: datetime) -> None:
    outbox.post(*(outbox.notice(Kind.DELETE_ASKED, one.pk, request, now=now) for one in deciders))


def post_deletion_answered(request: DeletionRequest, *, now: datetime) -> None:
    outbox.post(outbox.notice(Kind.DELETE_ANSWERED, request.patient.user_id, request, now=now))


def post_report_answered(report: AccessReport, *, now: datetime) -> None:
    outbox.post(outbox.notice(Kind.REPORT_ANSWERED, report.reported_by_id, report, now=now))


def post_proposed(share: Share, *, now: datetime) -> None:
    outbox.post(outbox.notice(Kind.PROPOSED, share.recording.patient.user_id, share, now=now))


def _replay_ready(notice: Notice, now: datetime) -> Letter | None:
    """Errors: NotYet while it is paused: a letter about what cannot be watched helps nobody."""
    recording = _own(policy.playable_by(notice.user), notice.object_id, notice, now)
    if recording is None:
        return None
    if recording.is_paused:
        raise NotYet
    says = _("The replay of your consultation of %(day)s with %(clinician)s is ready. Watch it here:")
    path = reverse("recordings:detail", args=[recording.pk])
    return Letter(_("Your replay is ready"), says % _facts(recording), path)


def _new_viewer(notice: Notice, now: datetime) -> Letter | None:
    recording = _own(policy.held_by(notice.user), notice.object_id, notice, now)
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
    if share is None or not _own(policy.held_by(notice.user), share.recording_id, notice, now):
        return None
    says = _(
        "Your clinician would like to share one of your recordings with somebody. Nothing is shared unless you agree. "
        "Read with whom and why:"
    )
    path = reverse("recordings:sharing", args=[share.recording_id])
    return Letter(_("A question about one of your recordings"), says, path, share.expires_at)


def _deletion_asked(notice: Notice, now: datetime) -> Letter | None:
    waits = DeletionRequest.objects.filter(pk=notice.object_id, withdrawn_at=None, answer="")
    if not may_decide(notice.user) or not waits.exists():
        return None
    says = _("A patient asks that a recording of theirs be deleted. The request waits for an answer here:")
    path = reverse("admin:recordings_deletionrequest_change", args=[notice.object_id])
    return Letter(_("A request to delete a recording"), says, path)


def _deletion_answered(notice: Notice, now: datetime) -> Letter | None:
    answered = Q(answer=DeletionRequest.Answer.REFUSED) | Q(confirmed_at__isnull=False)
    request = DeletionRequest.objects.filter(answered, pk=notice.object_id).first()
    recording = request and _own(policy.held_by(notice.user), request.recording_id, notice, now)
    if not recording:
        return None
    says = _(
        "You asked that the recording of your consultation of %(day)s with %(clinician)s be deleted. Read the answer "
        "here:"
    )
    path = reverse("recordings:keeping", args=[recording.pk])
    return Letter(_("Your request is answered"), says % _facts(recording), path)


def _kept_shorter(notice: Notice, now: datetime) -> Letter | None:
    period = retention.coming(now)
    if period is None or period.pk != notice.object_id:  # it was taken back, or holds already
        return None
    own = _guarded(policy.held_by(notice.user).filter(patient__user=notice.user_id), notice, now)
    if not any(retention.sooner(one, period) for one in own):
        return None
    says = _(
        "From %(day)s on recordings are kept for less time, and some of yours end sooner than you were told. Until "
        "then nothing changes. Read until when each is kept, and keep a copy if you want one:"
    )
    day = date_format(localtime(period.since), "j F Y")
    return Letter(_("Your recordings are kept for less time"), says % {"day": day}, reverse("recordings:list"))


def _report_answered(notice: Notice, now: datetime) -> Letter | None:
    answered = AccessReport.objects.filter(pk=notice.object_id, reported_by=notice.user_id, handled_at__isnull=False)
    report = answered.first()
    held = _guarded(policy.held_by(notice.user).filter(pk=report.recording_id), notice, now) if report else []
    if not held:
        return None
    says = _("We have looked at what you did not recognise about one of your recordings. Read what came of it here:")
    path = reverse("recordings:access", args=[held[0].pk])
    return Letter(_("Your question is answered"), says, path)


def _own(allowed: QuerySet[Recording], recording_id: UUID, notice: Notice, now: datetime) -> Recording | None:
    """Return a recording to the patient it is of."""
    return next(iter(_guarded(allowed.filter(pk=recording_id, patient__user=notice.user_id), notice, now)), None)


def _guarded(allowed: QuerySet[Recording], notice: Notice, now: datetime) -> list[Recording]:
    """Return the recordings that the policy allows, past the leak guard; none at all if one is somebody else's."""
    rows = allowed.select_related("consultation", "patient", "clinician__user")
    with suppress(guard.Leak):  # staff are alerted; nobody is written to
        return [shown.recording for shown in guard.show(notice.user, rows, actor=PORTAL, now=now)]
    return []


def _facts(recording: Recording) -> dict[str, str]:
    day = date_format(localtime(recording.consultation.starts_at), "j F Y")
    return {"clinician": recording.clinician.display_name, "day": day}


for kind, teller in {
    Kind.REPLAY_READY: _replay_ready, Kind.NEW_VIEWER: _new_viewer, Kind.SHARED: _shared, Kind.PROPOSED: _proposed,
    Kind.DELETE_ASKED: _deletion_asked, Kind.DELETE_ANSWERED: _deletion_answered,
    Kind.KEPT_SHORTER: _kept_shorter, Kind.REPORT_ANSWERED: _report_answered,
}.items():  # fmt: skip
    letters.register(kind, teller)
