"""Moving a status by compare-and-set along a written transition table."""

from typing import Any

from django.db import models


class StaleTransition(Exception):
    """The row is not (or no longer) in a status from which this step is allowed."""


def move(
    row: models.Model, to: str, *, transitions: dict[str, frozenset[str]], **facts: Any
) -> None:
    """Set `row.status` to `to` in the database if its present status allows that; also set `facts`.

    Errors: StaleTransition when another process was faster or the step does not exist.
    """
    sources = [source for source, targets in transitions.items() if to in targets]
    updated = type(row)._default_manager.filter(pk=row.pk, status__in=sources).update(status=to, **facts)
    if updated != 1:
        raise StaleTransition(f"{type(row).__name__} may not become {to} now.")
    for name, value in {"status": to, **facts}.items():
        setattr(row, name, value)
