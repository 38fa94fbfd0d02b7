"""The upload token: names one segment, its epoch and its participant, and nothing else may be done with it."""

from datetime import datetime, timedelta
from uuid import UUID

from django.core import signing

from audit import alerts, ledger, refusals, spool
from audit.models import Action, AlertKind
from consultations.policy import place_in
from recordings.capture.refusals import CaptureRefused
from recordings.models import Segment

TOKEN_LIFE = timedelta(hours=24)
_SALT = "recordings.capture"
_UNREADABLE = (401, "token", "Sign in again; what was recorded is kept here until then.")


def issue(segment: Segment, *, now: datetime) -> str:
    claims = {
        "s": str(segment.pk),
        "p": str(segment.lease.participant_id),
        "e": segment.epoch,
        "until": (now + TOKEN_LIFE).timestamp(),
    }
    return signing.Signer(salt=_SALT).sign_object(claims)


def segment_of_token(token: str, segment_id: UUID, *, now: datetime) -> Segment:
    """Return the segment this upload token is for.

    Errors: CaptureRefused 401 for no token, 403 with a line in the ledger for a valid one that is for something else;
    TooManyRefusals.
    """
    try:
        claims = signing.Signer(salt=_SALT).unsign_object(token)
    except signing.BadSignature as error:
        raise CaptureRefused(*_UNREADABLE) from error
    segments = Segment.objects.select_related("recording__patient", "recording__call", "lease__participant__user")
    segment = segments.filter(pk=claims["s"]).first()
    if segment is None or now.timestamp() > claims["until"]:
        raise CaptureRefused(*_UNREADABLE)
    # A token outlives a sign-out, never the right to be in that consultation.
    if place_in(segment.lease.participant.user, segment.lease.consultation_id) is None:
        raise CaptureRefused(*_UNREADABLE)
    # The recording of the lease and of the segment are one (passport): one row for both.
    segment.lease.recording = segment.recording
    named = (claims["s"], claims["p"], claims["e"])
    if named != (str(segment_id), str(segment.lease.participant_id), segment.epoch):
        _tell_misuse(segment, segment_id, now=now)
        raise CaptureRefused(403, "wrong_token", "This does not belong here.")
    return segment


def _tell_misuse(segment: Segment, segment_id: UUID, *, now: datetime) -> None:
    """Say it in the ledger and to the staff, under the patient whose segment was reached for."""
    patient = Segment.objects.filter(pk=segment_id).values_list("patient", flat=True).first()
    actor, detail = ledger.Actor(segment.lease.participant.user_id), {"token_of": str(segment.pk)}
    refusals.demand_patience(actor, now=now)
    line = ledger.Line(Action.MISUSED, "segment", segment_id, patient, reason="upload_token", detail=detail)
    spool.append_or_spool(actor, line, now=now)
    alerts.raise_alert(
        AlertKind.MISUSED_CREDENTIAL,
        actor=actor,
        now=now,
        object_type="segment",
        object_id=segment_id,
        patient=patient,
        detail=detail,
    )
