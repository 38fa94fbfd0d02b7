"""Rules the database itself keeps, whatever our own code does: append-only tables, passports, no overlaps.

Each `Guard` is a named rule of one table with its SQL for SQLite and PostgreSQL. Apps register theirs in
`AppConfig.ready()`; they are installed after every `migrate`, and the portal refuses to start while one is missing.
Knows table names, no models.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.core.checks import CheckMessage
from django.core.checks import Warning as CheckWarning
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper


@dataclass(frozen=True)
class Guard:
    """One rule of one table. `sqlite` and `postgresql` map a trigger or constraint name to its SQL."""

    table: str
    sqlite: dict[str, str]
    postgresql: dict[str, str]


_guards: list[Guard] = []


def register(*guards: Guard) -> None:
    _guards.extend(guard for guard in guards if guard not in _guards)


def append_only(table: str) -> Guard:
    """Refuse every change of a row that stands, on PostgreSQL also TRUNCATE."""
    refusal = f"{table} is append-only"
    sqlite = {
        f"{table}_no_{verb.lower()}": f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
        for verb in ("UPDATE", "DELETE")
    }
    function = _postgresql_function(f"{table}_append_only", f"RAISE EXCEPTION '{refusal}';")
    postgresql = {
        f"{table}_no_change": function
        + _postgresql_trigger(f"{table}_no_change", table, "BEFORE UPDATE OR DELETE", f"{table}_append_only"),
        f"{table}_no_truncate": function
        + _postgresql_trigger(
            f"{table}_no_truncate", table, "BEFORE TRUNCATE", f"{table}_append_only", each="STATEMENT"
        ),
    }
    return Guard(table, sqlite, postgresql)


def never_deleted(table: str) -> Guard:
    """Refuse deleting a row, on PostgreSQL also TRUNCATE."""
    name, refusal = f"{table}_no_delete", f"rows of {table} are never deleted"
    sqlite = f"CREATE TRIGGER {name} BEFORE DELETE ON {table} BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
    function = _postgresql_function(name, f"RAISE EXCEPTION '{refusal}';")
    postgresql = {
        name: function + _postgresql_trigger(name, table, "BEFORE DELETE", name),
        f"{table}_no_truncate": function
        + _postgresql_trigger(f"{table}_no_truncate", table, "BEFORE TRUNCATE", name, each="STATEMENT"),
    }
    return Guard(table, {name: sqlite}, postgresql)


def immutable(table: str, columns: Sequence[str]) -> Guard:
    """Refuse changing any of `columns` once the row stands."""
    name, refusal = f"{table}_owner_is_fixed", f"passport: {', '.join(columns)} of {table} never change"
    changed = " OR ".join(f"NEW.{c} IS NOT OLD.{c}" for c in columns)
    distinct = " OR ".join(f"NEW.{c} IS DISTINCT FROM OLD.{c}" for c in columns)
    sqlite = (
        f"CREATE TRIGGER {name} BEFORE UPDATE ON {table} WHEN {changed} BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
    )
    body = f"IF {distinct} THEN RAISE EXCEPTION '{refusal}'; END IF; RETURN NEW;"
    postgresql = _postgresql_function(name, body) + _postgresql_trigger(name, table, "BEFORE UPDATE", name)
    return Guard(table, {name: sqlite}, {name: postgresql})


def set_once(table: str, columns: Sequence[str]) -> Guard:
    """Refuse changing any of `columns` once it holds something: what has happened is not undone."""
    name, refusal = f"{table}_is_set_once", f"set once: {', '.join(columns)} of {table} stay as they are"
    changed = " OR ".join(f"OLD.{c} IS NOT NULL AND NEW.{c} IS NOT OLD.{c}" for c in columns)
    distinct = " OR ".join(f"OLD.{c} IS NOT NULL AND NEW.{c} IS DISTINCT FROM OLD.{c}" for c in columns)
    sqlite = (
        f"CREATE TRIGGER {name} BEFORE UPDATE ON {table} WHEN {changed} BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
    )
    body = f"IF {distinct} THEN RAISE EXCEPTION '{refusal}'; END IF; RETURN NEW;"
    postgresql = _postgresql_function(name, body) + _postgresql_trigger(name, table, "BEFORE UPDATE", name)
    return Guard(table, {name: sqlite}, {name: postgresql})


def fixed_once(table: str, marker: str, columns: Sequence[str]) -> Guard:
    """Refuse changing any of `columns` of a row whose `marker` is set."""
    name = f"{table}_is_fixed_once_{marker.removesuffix('_at')}"
    refusal = f"{', '.join(columns)} of {table} never change once {marker} is set"
    changed = " OR ".join(f"NEW.{c} IS NOT OLD.{c}" for c in columns)
    distinct = " OR ".join(f"NEW.{c} IS DISTINCT FROM OLD.{c}" for c in columns)
    sqlite = (
        f"CREATE TRIGGER {name} BEFORE UPDATE ON {table} WHEN OLD.{marker} IS NOT NULL AND ({changed}) "
        f"BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
    )
    body = f"IF OLD.{marker} IS NOT NULL AND ({distinct}) THEN RAISE EXCEPTION '{refusal}'; END IF; RETURN NEW;"
    postgresql = _postgresql_function(name, body) + _postgresql_trigger(name, table, "BEFORE UPDATE", name)
    return Guard(table, {name: sqlite}, {name: postgresql})


def passport(table: str, *, parent: str, parent_column: str, owners: Sequence[str]) -> Guard:
    """Refuse a row whose `owners` columns differ from those of its parent's row.

    On PostgreSQL a composite foreign key says the same again; the parent has a unique constraint over (id, owners).
    """
    name = f"{table}_same_owner_as_{parent_column.removesuffix('_id')}"
    refusal = f"passport: {', '.join(owners)} of {table} must be those of its {parent_column.removesuffix('_id')}"
    same = " AND ".join([f"parent.id = NEW.{parent_column}", *(f"parent.{column} = NEW.{column}" for column in owners)])
    stranger = f"NOT EXISTS (SELECT 1 FROM {parent} parent WHERE {same})"
    sqlite = {
        f"{name}_{verb.lower()}": f"CREATE TRIGGER {name}_{verb.lower()} BEFORE {verb} ON {table} WHEN {stranger} "
        f"BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
        for verb in ("INSERT", "UPDATE")
    }
    body = f"IF {stranger} THEN RAISE EXCEPTION '{refusal}'; END IF; RETURN NEW;"
    own, theirs = ", ".join([parent_column, *owners]), ", ".join(["id", *owners])
    postgresql = {
        name: _postgresql_function(name, body) + _postgresql_trigger(name, table, "BEFORE INSERT OR UPDATE", name),
        f"{name}_fk": postgresql_constraint(f"{name}_fk", table, f"FOREIGN KEY ({own}) REFERENCES {parent} ({theirs})"),
    }
    return Guard(table, sqlite, postgresql)


def postgresql_constraint(name: str, table: str, definition: str) -> str:
    return (
        f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = '{name}') THEN "
        f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}; END IF; END $$;"
    )


def _postgresql_function(name: str, body: str) -> str:
    return f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$;"


def _postgresql_trigger(name: str, table: str, when: str, function: str, each: str = "ROW") -> str:
    return f"CREATE OR REPLACE TRIGGER {name} {when} ON {table} FOR EACH {each} EXECUTE FUNCTION {function}();"


def _rules(connection: BaseDatabaseWrapper) -> Iterator[tuple[str, str, str]]:
    """Yield (table, name, SQL) of every rule for this database, of tables that exist."""
    tables = set(connection.introspection.table_names())
    for guard in _guards:
        if guard.table in tables:
            for name, sql in getattr(guard, connection.vendor).items():
                yield guard.table, name, sql


def _present(connection: BaseDatabaseWrapper) -> set[tuple[str, str]]:
    """Return (name, definition) of what fires and holds in this database."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            return set(cursor.fetchall())
        # A trigger that is disabled, or fires on replicas only, keeps nothing.
        cursor.execute(
            "SELECT tgname, pg_get_triggerdef(t.oid, true) || prosrc "
            "FROM pg_trigger t JOIN pg_proc p ON p.oid = tgfoid WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')"
        )
        fires = set(cursor.fetchall())
        cursor.execute(
            "SELECT conname, conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE contype IN ('f', 'x')"
        )
        return fires | {(name, _bare(definition)) for name, definition in cursor.fetchall()}


_PG_TRIGGER = re.compile(
    r"CREATE OR REPLACE TRIGGER (\w+) (BEFORE|AFTER) ([A-Z ]+) ON (\w+) FOR EACH (\w+) EXECUTE FUNCTION (\w+\(\))"
)


def _definition(connection: BaseDatabaseWrapper, table: str, sql: str) -> str:
    """Return how the database prints a rule that was installed with this SQL."""
    if connection.vendor == "sqlite":
        return sql
    if made := _PG_TRIGGER.search(sql):
        name, moment, verbs, on, each, function = made.groups()
        in_order = " OR ".join(verb for verb in ("INSERT", "DELETE", "UPDATE", "TRUNCATE") if verb in verbs)
        body = sql[sql.index("$$") + 2 : sql.rindex("$$")]
        return f"CREATE TRIGGER {name} {moment} {in_order} ON {on} FOR EACH {each} EXECUTE FUNCTION {function}{body}"
    added = sql[sql.index("ADD CONSTRAINT") : sql.rindex("; END IF;")].split(maxsplit=3)[3]
    return _bare(f"{table} {added}")


def _bare(constraint: str) -> str:
    """Return a constraint's definition without what PostgreSQL adds or writes differently when it prints one."""
    return re.sub(r"::(text|character varying)(\[\])?|[\s()\[\]]", "", constraint).replace("=ANYARRAY", "IN")


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the names of rules that this database does not keep, or keeps in other words than ours."""
    present = _present(connection)
    return [
        name for table, name, sql in _rules(connection) if (name, _definition(connection, table, sql)) not in present
    ]


def install(connection: BaseDatabaseWrapper) -> None:
    """Install every rule; one that stands already is put in anew."""
    with connection.cursor() as cursor:
        for _, name, sql in _rules(connection):
            if connection.vendor == "sqlite":
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
            cursor.execute(sql)


def lift_before_migrate(*, using: str, **_: Any) -> None:
    """SQLite renames no table while a trigger names a missing one, which is how Django remakes tables there."""
    if connections[using].vendor == "sqlite":
        _lift(connections[using])


def install_after_migrate(*, using: str, **_: Any) -> None:
    install(connections[using])


def _lift(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        for table, name, sql in _rules(connection):
            if "CREATE TRIGGER" in sql:
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
            elif "CREATE OR REPLACE TRIGGER" in sql:
                cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")


@contextmanager
def lifted(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Lift every trigger for a while. For tests that empty tables; nothing else may call this."""
    _lift(connection)
    try:
        yield
    finally:
        install(connection)


def check_installed(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Name rules the database does not keep: warnings, so that `migrate` can mend it; the portal starts with none."""
    return [
        CheckWarning(
            f"The database does not keep the rule {name}.",
            hint="Run manage.py migrate: it puts every rule back.",
            id="audit.W001",
        )
        for alias in databases or []
        for name in missing(connections[alias])
    ]
