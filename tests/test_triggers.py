"""The database's own rules: one that is gone, switched off or replaced by a harmless namesake is found."""

import pytest
from django.apps import apps
from django.core.management import call_command
from django.core.management.sql import emit_pre_migrate_signal
from django.db import connection, models, transaction

from audit import triggers
from consultations.models import Call, Consultation, Participant
from recordings.models import Chunk, RecorderLease, Recording, Segment
from tests.cast import Cast
from tests.test_passport import BY_MODEL, copy_of, insert, make_sides, refused, strange

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


# What a migration does to the guards.


def remake(model: type[models.Model]) -> None:
    """Do what most schema changes do: SQLite builds the table anew, PostgreSQL alters it in place."""
    with connection.schema_editor() as editor:
        if connection.vendor == "sqlite":
            editor._remake_table(model)
        else:
            editor.execute(f"ALTER TABLE {model._meta.db_table} ADD COLUMN later integer NULL")
            editor.execute(f"ALTER TABLE {model._meta.db_table} DROP COLUMN later")


@pytest.mark.django_db(transaction=True)
def test_a_migration_that_remakes_a_table_gets_its_guards_back(cast: Cast) -> None:
    child, sides = BY_MODEL["Chunk"], make_sides(cast)
    stranger = copy_of(child, sides) | {"patient_id": strange(child, "patient_id", sides)}
    remake(Chunk)
    if connection.vendor == "sqlite":
        gone = set(triggers.missing(connection))
        assert gone and all(name.startswith("recordings_chunk_") for name in gone)
        with transaction.atomic():  # without the repair the neighbour's row would be taken
            insert(Chunk, stranger)
            transaction.set_rollback(True)
    else:
        assert triggers.missing(connection) == []
    call_command("migrate", verbosity=0)
    assert triggers.missing(connection) == []
    with refused("passport"):
        insert(Chunk, stranger)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("model", [Consultation, Participant, Call, Recording, RecorderLease, Segment])
def test_a_table_that_others_guards_look_at_can_be_remade_by_a_migration(model: type[models.Model]) -> None:
    """SQLite renames no table while a trigger of another one names a missing one: `migrate` would not run."""
    emit_pre_migrate_signal(0, False, "default", apps=apps, plan=[])
    remake(model)
    call_command("migrate", verbosity=0)
    assert triggers.missing(connection) == []


@pytest.mark.django_db(transaction=True)
def test_migrate_puts_back_a_guard_that_somebody_dropped() -> None:
    drop_a_guard()
    assert triggers.missing(connection)
    call_command("migrate", verbosity=0)
    assert triggers.missing(connection) == []


def drop_a_guard() -> str:
    """Drop one trigger as a careless hand would; return its name."""
    is_sqlite = connection.vendor == "sqlite"
    name = "recordings_chunk_same_owner_as_segment" + ("_insert" if is_sqlite else "")
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {name}" + ("" if is_sqlite else " ON recordings_chunk"))
    return name


def test_a_missing_guard_is_named_by_the_system_check() -> None:
    assert triggers.check_installed(databases=["default"]) == []
    name = drop_a_guard()
    (warning,) = triggers.check_installed(databases=["default"])
    assert warning.id == "audit.W001" and name in warning.msg


@pytest.mark.postgres
def test_a_disabled_trigger_counts_as_missing() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_no_change")
    assert triggers.missing(connection) == ["audit_entry_no_change"]
