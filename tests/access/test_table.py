"""The table itself: it says something for everybody, and the same for what is another's and what never was."""

import pytest

from tests.access.rendering import BEGIN, END, PAGE, written_into
from tests.access.table import METHODS, Table, Unsaid, parsed, table

RUNNING_THE_PORTAL = frozenset({"staff", "administrator"})
KINDS = ("messages", "sockets", "tasks", "commands", "actions")


def test_every_line_names_what_exists() -> None:
    said = table()
    rules = {rule for door in said.doors.values() for rule in door.rules.values()}
    rules |= {rule for kind in KINDS for rule in getattr(said, kind).values()}
    assert rules == set(said.rules), "a rule that no door names, or a door that names no rule"
    assert {actor for members in said.groups.values() for actor in members} <= set(said.actors)
    lines = [line for rule in said.rules.values() for line in rule.lines.values()]
    assert {name for line in lines for name in line} <= {*said.actors, *said.groups, "everybody"}
    assert {outcome for line in lines for outcome in line.values()} == set(said.outcomes)
    assert not set(said.not_built) & set(said.actors)


def test_it_says_something_for_everybody_at_every_door() -> None:
    for door in table().doors.values():
        for method in METHODS:
            for relation in door.relations():
                for actor in table().actors:
                    assert table().outcome(door.rules[method], actor, relation) in table().outcomes


def test_only_those_who_run_the_portal_can_tell_what_is_anothers_from_what_never_was() -> None:
    told = {
        actor
        for door in table().doors.values()
        if door.of
        for rule in door.rules.values()
        for actor in table().actors
        if table().outcome(rule, actor, "other") != table().outcome(rule, actor, "never")
    }
    assert told == RUNNING_THE_PORTAL


def test_a_missing_line_is_named() -> None:
    text = (
        "[actors]\n[groups]\n[outcomes]\n[doors]\n[admin-pages]\n[families]\n[messages]\n[sockets]\n[tasks]\n[commands]\n"
        '[actions]\n[not-built]\n[rules.page]\nsays = ""\nown = { patient = "shown" }'
    )
    with pytest.raises(Unsaid, match="rule page has no line for the relation 'other'"):
        parsed(text).outcome("page", "patient", "other")
    with pytest.raises(Unsaid, match="says nothing about staff for own"):
        parsed(text).outcome("page", "staff", "own")


def test_the_page_in_the_docs_is_the_table() -> None:
    page = PAGE.read_text()
    assert page == written_into(page, table()), "docs/access.md is stale: run `python -m tests.access`"


def test_a_changed_rule_changes_the_page() -> None:
    page, said = PAGE.read_text(), table()
    changed = Table(**{**vars(said), "rules": {**said.rules, "replay": said.rules["open"]}})
    assert written_into(page, changed) != page
    assert written_into(f"a {BEGIN} b {END} c", said).startswith(f"a {BEGIN}")
