"""Reads doors.toml. Knows nothing of Django, so that docs/access.md can be written without a database."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("doors.toml")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
RELATIONS = ("own", "other", "deleted", "never")
NOTHING_ASKED = "none"
NEVER_EXISTED = frozenset({"deleted", "never", "gone"})
EVERYBODY = "everybody"


class Unsaid(LookupError):
    """The table has no answer; the text says which line is missing."""


@dataclass(frozen=True)
class Rule:
    name: str
    says: str
    lines: dict[str, dict[str, str]]

    def line(self, relation: str) -> dict[str, str]:
        """Return who gets what for this relation; what is gone looks like what is another's unless it is said."""
        for name in ("gone", "other", "all") if relation in NEVER_EXISTED else (relation, "all"):
            if name in self.lines:
                return self.lines[name]
        raise Unsaid(f"doors.toml: rule {self.name} has no line for the relation {relation!r}, nor one for 'all'")


@dataclass(frozen=True)
class Door:
    """`of` is the kind of object its address or body names, empty for none. `rules`: method → name of a rule."""

    name: str
    of: str
    rules: dict[str, str]
    is_token: bool = False

    def relations(self) -> tuple[str, ...]:
        return RELATIONS if self.of else (NOTHING_ASKED,)

    def methods_of(self, rule: str) -> list[str]:
        return [method for method in METHODS if self.rules[method] == rule]


@dataclass(frozen=True)
class Table:
    actors: dict[str, str]
    groups: dict[str, list[str]]
    outcomes: dict[str, str]
    rules: dict[str, Rule]
    doors: dict[str, Door]
    messages: dict[str, str]
    sockets: dict[str, str]
    tasks: dict[str, str]
    commands: dict[str, str]
    actions: dict[str, str]
    not_built: dict[str, str]

    def outcome(self, rule: str, actor: str, relation: str) -> str:
        """Return what this actor gets: by name, else by a group they are in, else as everybody."""
        line = self.rules[rule].line(relation)
        names = [actor, *(group for group, members in self.groups.items() if actor in members), EVERYBODY]
        for name in names:
            if name in line:
                return line[name]
        raise Unsaid(f"doors.toml: rule {rule} says nothing about {actor} for {relation}, nor about 'everybody'")


@cache
def table() -> Table:
    return parsed(FILE.read_text())


def parsed(text: str) -> Table:
    raw = tomllib.loads(text)
    rules = {name: Rule(name, facts.pop("says"), facts) for name, facts in raw["rules"].items()}
    doors = {name: _door(name, facts) for name, facts in raw["doors"].items()}
    for prefix, facts in raw["admin-pages"].items():
        doors |= _family(prefix, facts["of"], raw["families"][facts["like"]], facts)
    kinds = ("messages", "sockets", "tasks", "commands", "actions", "not-built")
    rest = {kind.replace("-", "_"): raw[kind] for kind in kinds}
    return Table(raw["actors"], raw["groups"], raw["outcomes"], rules, doors, **rest)


def _door(name: str, facts: dict[str, Any]) -> Door:
    by_default = facts.get("any", "closed")
    rules = {method: facts.get(method, by_default) for method in METHODS}
    if "HEAD" not in facts and "GET" in facts:
        rules["HEAD"] = facts["GET"]
    return Door(name, facts.get("of", ""), rules, facts.get("token", False))


def _family(prefix: str, of: str, pages: dict[str, Any], facts: dict[str, Any]) -> dict[str, Door]:
    """Return the doors of one registered ModelAdmin; only those that name a row have an object."""
    doors = {}
    for suffix, page in pages.items():
        own = {**page, **facts.get(suffix, {}), "of": of if "<" in suffix else ""}
        doors[prefix + suffix] = _door(prefix + suffix, own)
    return doors
