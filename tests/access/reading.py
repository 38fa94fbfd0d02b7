"""Which names our own views read from a request: one that is added is tried with somebody else's id from then on."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings

from tests.access.registry import our_apps

# GET by either name, and all that a browser can say beside its path and body.
CARRIERS = {
    "GET": "GET",
    "query_params": "GET",
    "POST": "POST",
    "headers": "headers",
    "COOKIES": "COOKIES",
    "META": "META",
}
READERS = frozenset({"get", "getlist"})


@dataclass(frozen=True)
class Reading:
    """One place that looks into a request. `name` is empty where all of it is handed on, as to a form."""

    carrier: str
    name: str
    place: str


def names_read(carrier: str) -> frozenset[str]:
    return frozenset(one.name for one in readings() if one.carrier == carrier and one.name)


def handed_on(carrier: str) -> set[str]:
    """Return the places that hand on all of it, so that no name can be read off them."""
    return {one.place for one in readings() if one.carrier == carrier and not one.name}


@cache
def readings() -> tuple[Reading, ...]:
    return tuple(one for app in sorted(our_apps()) for path in _files(app) for one in read_in(path.read_text(), path))


def _files(app: str) -> list[Path]:
    return sorted(path for path in (settings.BASE_DIR / app).rglob("*.py") if "migrations" not in path.parts)


def read_in(text: str, path: Path) -> Iterator[Reading]:
    tree = ast.parse(text)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in CARRIERS and _is_request(node.value):
            name = _literal(_key(node, parents), constants)
            yield Reading(CARRIERS[node.attr], name, f"{path.parent.name}/{path.name}:{node.lineno}")


def _is_request(node: ast.expr) -> bool:
    return (isinstance(node, ast.Name) and node.id == "request") or (
        isinstance(node, ast.Attribute) and node.attr == "request"
    )


def _key(node: ast.Attribute, parents: dict[ast.AST, ast.AST]) -> ast.AST | None:
    """Return what is looked up: the x of `GET.get(x)`, `GET[x]` and `x in GET`."""
    parent = parents[node]
    if isinstance(parent, ast.Attribute) and parent.attr in READERS and isinstance(call := parents[parent], ast.Call):
        return call.args[0]
    if isinstance(parent, ast.Subscript):
        return parent.slice
    if isinstance(parent, ast.Compare) and isinstance(parent.ops[0], ast.In):
        return parent.left
    return None


def _literal(key: ast.AST | None, constants: dict[str, ast.expr]) -> str:
    if isinstance(key, ast.Name):
        key = constants.get(key.id)
    return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""
