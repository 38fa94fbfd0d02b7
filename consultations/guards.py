"""The rules about consultations that the database keeps itself."""

from audit.triggers import (
    Guard,
    append_only,
    fixed_once,
    immutable,
    never_deleted,
    passport,
    postgresql_constraint,
    set_once,
)

CONSULTATION, CALL, PARTICIPANT = "consultations_consultation", "consultations_call", "consultations_participant"
NOTE, MESSAGE, FOLLOW_UP = "consultations_note", "consultations_clinicmessage", "consultations_followup"
PROPOSAL = "consultations_wordingproposal"
RECEIPT = "consultations_messagereceipt"
TAKES_TIME = "('planned', 'in_progress')"


def _no_overlap() -> Guard:
    """A clinician has one consultation at a time."""
    name, refusal = "clinician_has_no_overlap", "this clinician has another consultation at that time"
    overlap = (
        f"NEW.status IN {TAKES_TIME} AND EXISTS (SELECT 1 FROM {CONSULTATION} other WHERE "
        f"other.clinician_id = NEW.clinician_id AND other.id <> NEW.id AND other.status IN {TAKES_TIME} "
        "AND other.starts_at < NEW.ends_at AND other.ends_at > NEW.starts_at)"
    )
    sqlite = {
        f"{name}_{verb.lower()}": f"CREATE TRIGGER {name}_{verb.lower()} BEFORE {verb} ON {CONSULTATION} "
        f"WHEN {overlap} BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
        for verb in ("INSERT", "UPDATE")
    }
    exclusion = (
        "EXCLUDE USING gist (clinician_id WITH =, tstzrange(starts_at, ends_at) WITH &&) "
        f"WHERE (status IN {TAKES_TIME})"
    )
    postgresql = {
        name: "CREATE EXTENSION IF NOT EXISTS btree_gist; " + postgresql_constraint(name, CONSULTATION, exclusion)
    }
    return Guard(CONSULTATION, sqlite, postgresql)


GUARDS = (
    immutable(CONSULTATION, ["patient_id", "clinician_id"]),
    append_only("consultations_consultationchange"),
    passport(
        "consultations_consultationchange",
        parent=CONSULTATION,
        parent_column="consultation_id",
        owners=["patient_id"],
    ),
    append_only(MESSAGE),
    passport(MESSAGE, parent=CONSULTATION, parent_column="consultation_id", owners=["patient_id"]),
    append_only(RECEIPT),
    passport(RECEIPT, parent=MESSAGE, parent_column="message_id", owners=["patient_id"]),
    append_only(FOLLOW_UP),
    passport(FOLLOW_UP, parent=CONSULTATION, parent_column="consultation_id", owners=["patient_id"]),
    passport(FOLLOW_UP, parent=CONSULTATION, parent_column="next_id", owners=["patient_id"]),
    immutable("consultations_waitinglistentry", ["patient_id"]),
    immutable("consultations_slotoffer", ["entry_id", "patient_id", "clinician_id", "starts_at", "ends_at"]),
    passport(
        "consultations_slotoffer",
        parent="consultations_waitinglistentry",
        parent_column="entry_id",
        owners=["patient_id"],
    ),
    immutable(CALL, ["consultation_id", "patient_id", "clinician_id"]),
    passport(CALL, parent=CONSULTATION, parent_column="consultation_id", owners=["patient_id", "clinician_id"]),
    immutable(PARTICIPANT, ["consultation_id", "patient_id", "user_id", "role"]),
    passport(PARTICIPANT, parent=CONSULTATION, parent_column="consultation_id", owners=["patient_id"]),
    append_only("consultations_callevent"),
    passport("consultations_callevent", parent=CALL, parent_column="call_id", owners=["patient_id"]),
    immutable(
        "consultations_recordingconsent",
        ["participant_id", "patient_id", "scope", "wording_version", "wording_sha256", "given_at"],
    ),
    append_only("consultations_consentwording"),
    immutable(PROPOSAL, ["texts", "since", "why", "proposed_by_id", "proposed_at"]),
    set_once(PROPOSAL, ["confirmed_at", "confirmed_by_id", "withdrawn_at"]),
    never_deleted(PROPOSAL),
    passport(
        "consultations_recordingconsent", parent=PARTICIPANT, parent_column="participant_id", owners=["patient_id"]
    ),
    immutable(NOTE, ["consultation_id", "patient_id", "clinician_id", "version"]),
    passport(NOTE, parent=CONSULTATION, parent_column="consultation_id", owners=["patient_id", "clinician_id"]),
    fixed_once(NOTE, "signed_at", ["text", "revision", "saved_at", "signed_at"]),
    fixed_once(NOTE, "shared_at", ["shared_at"]),
    never_deleted(NOTE),
    immutable("consultations_notetemplate", ["clinician_id"]),
    _no_overlap(),
)
