"""The rules about recordings that the database keeps itself."""

from audit.triggers import Guard, append_only, fixed_once, immutable, never_deleted, passport, set_once

RECORDING, SEGMENT, LEASE = "recordings_recording", "recordings_segment", "recordings_recorderlease"
SUSPENSION, REVOCATION = "recordings_playbacksuspension", "recordings_playbackrevocation"
DECISION, SHARE = "recordings_quarantinedecision", "recordings_share"
REPORT, REQUEST = "recordings_accessreport", "recordings_deletionrequest"
HOLD, EXPIRY = "recordings_legalhold", "recordings_expiry"


def _belongs_to(parent: str, column: str, table: str) -> tuple[Guard, Guard]:
    """A row of `table` has its parent's patient and keeps parent and patient for ever."""
    return (
        immutable(table, [column, "patient_id"]),
        passport(table, parent=parent, parent_column=column, owners=["patient_id"]),
    )


GUARDS = (
    immutable(RECORDING, ["call_id", "consultation_id", "patient_id", "clinician_id"]),
    passport(
        RECORDING,
        parent="consultations_call",
        parent_column="call_id",
        owners=["consultation_id", "patient_id", "clinician_id"],
    ),
    passport(LEASE, parent=RECORDING, parent_column="recording_id", owners=["consultation_id", "patient_id"]),
    passport(
        LEASE,
        parent="consultations_participant",
        parent_column="participant_id",
        owners=["consultation_id", "patient_id"],
    ),
    immutable(LEASE, ["recording_id", "participant_id", "consultation_id", "patient_id", "sid"]),
    *_belongs_to(RECORDING, "recording_id", SEGMENT),
    passport(SEGMENT, parent=LEASE, parent_column="lease_id", owners=["recording_id", "patient_id"]),
    *_belongs_to(SEGMENT, "segment_id", "recordings_chunk"),
    *_belongs_to(RECORDING, "recording_id", "recordings_rendition"),
    *_belongs_to(RECORDING, "recording_id", "recordings_processingjob"),
    *_belongs_to(RECORDING, "recording_id", "recordings_playbacksession"),
    immutable(
        SUSPENSION, ["scope", "recording_id", "patient_id", "clinician_id", "reason", "opened_at", "opened_by_id"]
    ),
    never_deleted(SUSPENSION),
    passport(REVOCATION, parent=RECORDING, parent_column="recording_id", owners=["patient_id"]),
    immutable(REVOCATION, ["recording_id", "patient_id", "user_id", "why", "revoked_at", "revoked_by_id"]),
    never_deleted(REVOCATION),
    immutable(
        DECISION,
        ["recording_id", "patient_id", "what", "misfit", "facts", "why", "proposed_by_id", "proposed_at"],
    ),
    passport(DECISION, parent=RECORDING, parent_column="recording_id", owners=["patient_id"]),
    never_deleted(DECISION),
    passport(SHARE, parent=RECORDING, parent_column="recording_id", owners=["patient_id"]),
    immutable(
        SHARE,
        ["recording_id", "patient_id", "grantee_id", "name", "reason", "granted_by_id", "granted_at", "expires_at"],
    ),
    set_once(SHARE, ["agreed_by_patient_at", "revoked_at", "revoked_by_id", "swept_at"]),
    never_deleted(SHARE),
    passport(REPORT, parent=RECORDING, parent_column="recording_id", owners=["patient_id"]),
    immutable(REPORT, ["recording_id", "patient_id", "line", "reported_by_id", "reported_at"]),
    set_once(REPORT, ["handled_at", "handled_by_id"]),
    never_deleted(REPORT),
    passport(REQUEST, parent=RECORDING, parent_column="recording_id", owners=["patient_id"]),
    immutable(REQUEST, ["recording_id", "patient_id", "asked_by_id", "asked_at"]),
    # An acceptance can be taken back until it is confirmed; a refusal says until when and stands.
    fixed_once(REQUEST, "kept_until", ["answer", "why", "kept_until", "answered_by_id", "answered_at"]),
    fixed_once(REQUEST, "confirmed_at", ["answer", "why", "answered_by_id", "answered_at", "confirmed_by_id"]),
    set_once(REQUEST, ["withdrawn_at", "confirmed_at", "emptied_at"]),
    never_deleted(REQUEST),
    append_only("recordings_retentionperiod"),
    passport(HOLD, parent=RECORDING, parent_column="recording_id", owners=["patient_id"]),
    immutable(HOLD, ["recording_id", "patient_id", "why", "note", "set_by_id", "set_at"]),
    fixed_once(HOLD, "lifted_at", ["lifted_at", "lifted_by_id", "lifted_note"]),
    never_deleted(HOLD),
    passport(EXPIRY, parent=RECORDING, parent_column="recording_id", owners=["patient_id"]),
    immutable(EXPIRY, ["recording_id", "patient_id", "kept_until", "erased_at"]),
    set_once(EXPIRY, ["emptied_at"]),
    never_deleted(EXPIRY),
)
