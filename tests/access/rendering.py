"""Writes the table into docs/access.md, between two markers. Knows nothing of Django."""

from collections.abc import Iterator
from pathlib import Path

from tests.access.table import METHODS, NOTHING_ASKED, Door, Rule, Table, Unsaid

PAGE = Path(__file__).parents[2] / "docs" / "access.md"
BEGIN = "<!-- doors: written by `python -m tests.access` from tests/access/doors.toml -->"
END = "<!-- doors end -->"
KINDS = {"sockets": "socket", "messages": "message", "tasks": "task", "commands": "command", "actions": "admin action"}
SAME = "〃"


def written_into(page: str, table: Table) -> str:
    """Return the page with what stands between the markers written anew."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n\n{rendered(table)}\n{END}{rest.split(END)[1]}"


def rendered(table: Table) -> str:
    return "\n".join([*_people(table), "", *_grid(table), "", *_doors(table)])


def _people(table: Table) -> Iterator[str]:
    for actors in columns(table):
        yield f"- **{_heading(table, actors)}**: {'; '.join(table.actors[actor] for actor in actors)}."
    yield ""
    yield from (f"- *{name.replace('-', ' ')}* (not built): {why}" for name, why in table.not_built.items())
    yield ""
    yield "; ".join(f"**{name}** {meaning}" for name, meaning in table.outcomes.items()) + "."


def columns(table: Table) -> list[list[str]]:
    """Return the actors, those together whom every rule treats alike."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for actor in table.actors:
        said = tuple(_said(table, rule, actor, relation) for rule, relation in _lines(table))
        alike.setdefault(said, []).append(actor)
    return list(alike.values())


def _heading(table: Table, actors: list[str]) -> str:
    group = next((name for name, members in table.groups.items() if set(members) == set(actors)), "")
    return group.replace("-", " ") or ", ".join(actor.replace("-", " ") for actor in actors)


def _said(table: Table, rule: Rule, actor: str, relation: str) -> str:
    try:
        return table.outcome(rule.name, actor, relation)
    except Unsaid:
        return ""


def _lines(table: Table) -> Iterator[tuple[Rule, str]]:
    """Yield every line that a door can reach, without those that only repeat the one before."""
    for rule in table.rules.values():
        if "all" in rule.lines and len(rule.lines) == 1:
            yield rule, "all"
        elif NOTHING_ASKED in rule.lines:
            yield rule, NOTHING_ASKED
        else:
            yield from ((rule, relation) for relation in ("own", "other", "gone") if relation in {"own", *rule.lines})


def _grid(table: Table) -> Iterator[str]:
    """Yield rules × people."""
    people = columns(table)
    yield "| rule | asks for | " + " | ".join(_heading(table, actors) for actors in people) + " |"
    yield "|---|---|" + "---|" * len(people)
    before = ""
    for rule, relation in _lines(table):
        asks = {"all": "anything", "none": "–", "other": "another's", "gone": "gone, never was"}.get(relation, relation)
        if relation == "other" and "gone" not in rule.lines:
            asks = "another's, gone, never was"
        cells = [_said(table, rule, actors[0], relation) for actors in people]
        name = SAME if rule.name == before else f"**{rule.name}** {rule.says}"
        yield f"| {name} | {asks} | " + " | ".join(cells) + " |"
        before = rule.name


def _doors(table: Table) -> Iterator[str]:
    """Yield rule → its doors, with their methods."""
    yield "| rule | doors |"
    yield "|---|---|"
    for rule in table.rules:
        doors = [*_http_doors(table, rule)]
        for kind, word in KINDS.items():
            names = [name for name, its in getattr(table, kind).items() if its == rule]
            doors += [f"{word}s " + ", ".join(f"`{name}`" for name in names)] if names else []
        yield f"| {rule} | {' · '.join(doors) if rule != 'closed' else 'every method that no rule below names'} |"


def _http_doors(table: Table, rule: str) -> Iterator[str]:
    by_methods: dict[str, list[Door]] = {}
    for door in table.doors.values():
        if methods := door.methods_of(rule):
            named = " ".join(method for method in methods if method != "HEAD")
            words = "any method" if methods == list(METHODS) else named
            by_methods.setdefault(words, []).append(door)
    for methods, doors in by_methods.items():
        yield f"{methods} " + ", ".join(f"`{door.name}`" for door in doors)
