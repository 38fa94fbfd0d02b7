"""Closed vocabularies kept by the database, and moving a status by compare-and-set along a written transition table."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.db import models

M = TypeVar("M", bound=type[models.Model])


def closed_vocabulary(*names: str) -> Callable[[M], M]:
    """Give a model a named constraint per field: the database takes no word outside the field's choices."""

    def constrain(model: M) -> M:
        for name in names:
            field = model._meta.get_field(name)
            words = [str(word) for word, _ in field.choices or []] + ([""] if field.blank else [])  # type: ignore[union-attr]
            condition = models.Q(**{f"{name}__in": words})
            constraint = models.CheckConstraint(condition=condition, name=f"{model._meta.model_name}_{name}_is_known")
            model._meta.constraints = [*model._meta.constraints, constraint]
            # Migrations see what stands in a model's own Meta; one without constraints there would get none.
            model._meta.original_attrs["constraints"] = model._meta.constraints
        return model

    return constrain


class StaleTransition(Exception):
    """The row is not (or no longer) in a status from which this step is allowed."""


def move(row: models.Model, to: str, *, transitions: Mapping[Any, frozenset[Any]], **facts: Any) -> None:
    """Set `row.status` to `to` in the database if its present status allows that; also set `facts`.

    Errors: StaleTransition when another process was faster or the step does not exist.
    """
    sources = [source for source, targets in transitions.items() if to in targets]
    updated = type(row)._default_manager.filter(pk=row.pk, status__in=sources).update(status=to, **facts)
    if updated != 1:
        raise StaleTransition(f"{type(row).__name__} may not become {to} now.")
    for name, value in {"status": to, **facts}.items():
        setattr(row, name, value)
