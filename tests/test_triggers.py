"""The database's own rules: one that is gone, switched off or replaced by a harmless namesake is found."""

import pytest
from django.db import connection

from audit import triggers

pytestmark = [pytest.mark.database, pytest.mark.django_db]
IS_HARMLESS = {
    "sqlite": {
        "audit_entry_no_update": [
            "DROP TRIGGER audit_entry_no_update",
            "CREATE TRIGGER audit_entry_no_update BEFORE UPDATE ON audit_entry BEGIN SELECT 1; END",
        ],
        "audit_entry_no_delete": [
            "DROP TRIGGER audit_entry_no_delete",
            "CREATE TRIGGER audit_entry_no_delete BEFORE DELETE ON audit_entry WHEN OLD.seq < 0 "
            "BEGIN SELECT RAISE(ABORT, 'audit_entry is append-only'); END",
        ],
        "recordings_chunk_owner_is_fixed": [
            "DROP TRIGGER recordings_chunk_owner_is_fixed",
            "CREATE TRIGGER recordings_chunk_owner_is_fixed BEFORE UPDATE ON audit_alert BEGIN SELECT 1; END",
        ],
    },
    "postgresql": {
        "audit_entry_no_change": [
            "CREATE OR REPLACE FUNCTION audit_entry_append_only() RETURNS trigger LANGUAGE plpgsql "
            "AS $$ BEGIN RETURN NEW; END $$"
        ],
        "audit_entry_no_truncate": ["ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_no_truncate"],
        "recordings_chunk_owner_is_fixed": [
            "ALTER TABLE recordings_chunk ENABLE REPLICA TRIGGER recordings_chunk_owner_is_fixed"
        ],
        "consultations_callevent_no_change": [
            "CREATE OR REPLACE TRIGGER consultations_callevent_no_change BEFORE DELETE ON consultations_callevent "
            "FOR EACH ROW EXECUTE FUNCTION consultations_callevent_append_only()"
        ],
        "recordings_chunk_same_owner_as_segment": [
            "CREATE OR REPLACE TRIGGER recordings_chunk_same_owner_as_segment BEFORE INSERT OR UPDATE "
            "ON recordings_chunk FOR EACH ROW WHEN (NEW.number < 0) "
            "EXECUTE FUNCTION recordings_chunk_same_owner_as_segment()"
        ],
        "recordings_chunk_same_owner_as_segment_fk": [
            "ALTER TABLE recordings_chunk DROP CONSTRAINT recordings_chunk_same_owner_as_segment_fk",
            "ALTER TABLE recordings_chunk ADD CONSTRAINT recordings_chunk_same_owner_as_segment_fk "
            "FOREIGN KEY (segment_id) REFERENCES recordings_segment (id)",
        ],
        "clinician_has_no_overlap": [
            "ALTER TABLE consultations_consultation DROP CONSTRAINT clinician_has_no_overlap",
            "ALTER TABLE consultations_consultation ADD CONSTRAINT clinician_has_no_overlap "
            "EXCLUDE USING gist (clinician_id WITH =, tstzrange(starts_at, ends_at) WITH &&) "
            "WHERE (status IN ('planned'))",
        ],
    },
}


@pytest.mark.parametrize("name", sorted({name for rules in IS_HARMLESS.values() for name in rules}))
def test_a_rule_replaced_by_a_harmless_namesake_is_found(name: str) -> None:
    replacements = IS_HARMLESS[connection.vendor]
    if name not in replacements:
        pytest.skip("the rule has this name on the other database")
    assert triggers.missing(connection) == []
    with connection.cursor() as cursor:
        for statement in replacements[name]:
            cursor.execute(statement)
    assert name in triggers.missing(connection)
    found = [message.msg for message in triggers.check_installed(databases=["default"])]
    assert f"The database does not keep the rule {name}." in found


@pytest.mark.parametrize("vendor", IS_HARMLESS)
def test_what_was_replaced_is_put_back_by_migrate(vendor: str) -> None:
    if vendor != connection.vendor:
        pytest.skip("is about the other database")
    with connection.cursor() as cursor:
        for name, statements in IS_HARMLESS[vendor].items():
            for statement in statements if "CONSTRAINT" not in statements[0] else ():
                cursor.execute(statement)
            assert ("CONSTRAINT" in statements[0]) == (name not in triggers.missing(connection))
    triggers.install(connection)
    assert triggers.missing(connection) == []
