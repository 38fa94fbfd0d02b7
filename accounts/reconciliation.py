"""Compares what guardian's tables hold with what the relationships say, names every difference, mends it on request.

Each app registers a `Rule` per guarded model in `AppConfig.ready()`. Works on the tables by sets, so that only the
differences themselves are ever in memory. Knows ids, and no models of the apps above.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Permission
from django.db import transaction
from django.db.models import Exists, F, Model, OuterRef, QuerySet, Subquery, TextChoices, UUIDField, Value
from guardian.models import GroupObjectPermission, UserObjectPermission

from accounts.models import User
from audit import ledger
from audit.ledger import Line
from audit.models import Action

Rows = QuerySet[Any]
NOBODY = Value(None, output_field=UUIDField())
AT_ONCE = 2000


class Because(TextChoices):
    """Why what is granted differs from what should be. The last three explain it; the others are somebody's mistake."""

    NO_RELATIONSHIP = "no_relationship", "granted to somebody who has nothing to do with it"
    OTHER_PERMISSION = "other_permission", "a permission that is never granted on single objects"
    TO_A_GROUP = "to_a_group", "granted to a group"
    GENERIC = "generic", "in guardian's generic tables, which nothing here uses"
    ORPHAN = "orphan", "a grant of something, or to somebody, that is not there"
    NOT_PUBLISHED = "not_published", "granted before there was anything to play"
    DESPITE_REVOCATION = "despite_revocation", "granted although it was revoked"
    NEVER_GIVEN = "never_given", "not granted to somebody whose own it is"
    REVOKED = "revoked", "was taken on purpose"
    LAPSED = "lapsed", "their account or profile is not active; the grant waits and opens nothing"
    RAN_OUT = "ran_out", "its time is over; the grant opens nothing and is about to be swept"


EXPLAINED = {Because.REVOKED, Because.LAPSED, Because.RAN_OUT}


@dataclass(frozen=True)
class Rule:
    """What is granted on one model, and the relationships that justify it.

    `judged` takes rows of `grants` and annotates `because`, empty for a grant that should be there. `expected` returns
    querysets annotated with `of` (object), `to` (user), `whose` (patient) and `because` (why it may be missing).
    `whose` is the path from a grant to the patient.
    """

    grants: type[Model]
    group_grants: type[Model]
    codenames: tuple[str, ...]
    whose: str
    judged: Callable[[Rows], Rows]
    expected: Callable[[], Sequence[Rows]]

    @property
    def model(self) -> type[Model]:
        guarded = self.grants._meta.get_field("content_object").related_model
        assert isinstance(guarded, type) and issubclass(guarded, Model)
        return guarded


_rules: list[Rule] = []


def register(rule: Rule) -> None:
    if rule not in _rules:
        _rules.append(rule)


def rules() -> tuple[Rule, ...]:
    return tuple(_rules)


@dataclass(frozen=True)
class _Source:
    """Rows that differ, all for one permission or of one table: each has `of`, `to`, `whose`, `codename`, `because`."""

    rows: Rows
    kind: str
    holder: str = "user"
    missing_in: Rule | None = None


@dataclass(frozen=True)
class Difference:
    """One grant too many, or one too few. `row` is the key of the row that was found."""

    source: _Source
    row: Any
    of: Any
    to: Any
    patient: UUID | None
    codename: str
    because: Because

    @property
    def kind(self) -> str:
        return self.source.kind

    @property
    def is_missing(self) -> bool:
        return self.source.missing_in is not None

    @property
    def is_explained(self) -> bool:
        return self.because in EXPLAINED

    @property
    def object_id(self) -> UUID | None:
        """The object's id, unless it is one of guardian's generic rows that name something else."""
        try:
            return UUID(str(self.of))
        except ValueError:
            return None

    def __str__(self) -> str:
        sign = "missing" if self.is_missing else "granted"
        return f"{self.kind} {self.of}: {self.codename} {sign}, {self.source.holder} {self.to}: {self.because.value}"


def differences(*, explained: bool = True) -> Iterator[Difference]:
    """Yield every difference, one query after the other; without the `explained` ones if those are not wanted."""
    for source in _sources():
        rows = source.rows if explained else source.rows.exclude(because__in=EXPLAINED)
        found = rows.values_list("pk", "of", "to", "whose", "codename", "because")
        for row, of, to, patient, codename, because in found.iterator(chunk_size=AT_ONCE):
            yield Difference(source, row, of, to, patient, codename, Because(because))


def _sources() -> Iterator[_Source]:
    for rule in _rules:
        yield from _granted(rule)
        yield from _missing(rule)
    for table, holder in ((UserObjectPermission, "user"), (GroupObjectPermission, "group")):
        rows = table.objects.annotate(of=F("object_pk"), to=F(holder), whose=NOBODY, **_named(Because.GENERIC))
        yield _Source(rows, "generic", holder)


def _named(because: Because) -> dict[str, Any]:
    return {"codename": F("permission__codename"), "because": Value(because.value)}


def _granted(rule: Rule) -> Iterator[_Source]:
    """Yield grants that should not stand."""
    kind = str(rule.model._meta.model_name)
    grants = rule.grants._default_manager.annotate(of=F("content_object_id"), to=F("user_id"))
    is_whole = Exists(rule.model._default_manager.filter(pk=OuterRef("content_object_id"))) & Exists(
        User.objects.filter(pk=OuterRef("user_id"))
    )
    app = rule.model._meta.app_label
    own = {"permission__codename__in": rule.codenames, "permission__content_type__app_label": app}
    whole, named = grants.filter(is_whole), {"codename": F("permission__codename"), "whose": F(rule.whose)}
    yield _Source(rule.judged(whole.filter(**own).annotate(**named)).exclude(because=""), kind)
    others = whole.exclude(**own).annotate(whose=F(rule.whose), **_named(Because.OTHER_PERMISSION))
    yield _Source(others, kind)
    yield _Source(grants.exclude(is_whole).annotate(whose=NOBODY, **_named(Because.ORPHAN)), kind)
    to_groups = rule.group_grants._default_manager.annotate(of=F("content_object_id"), to=F("group_id"))
    yield _Source(to_groups.annotate(whose=F(rule.whose), **_named(Because.TO_A_GROUP)), kind, "group")


def _missing(rule: Rule) -> Iterator[_Source]:
    """Yield people who should have been granted something."""
    for codename in rule.codenames:
        # By its key, so that the table's unique index answers also for somebody who holds thousands of grants.
        right = Subquery(_permissions(rule, codename).values("pk")[:1])
        standing = rule.grants._default_manager.filter(
            content_object=OuterRef("of"), user=OuterRef("to"), permission=right
        )
        for rows in rule.expected():
            missing = rows.annotate(codename=Value(codename)).filter(~Exists(standing))
            yield _Source(missing, str(rule.model._meta.model_name), missing_in=rule)


def mend(*, now: datetime) -> int:
    """Withdraw what nothing explains and give what is missing; return how many. Errors: LedgerUnavailable.

    Idempotent because each difference is looked at again in the transaction that mends it.
    """
    mended = 0
    while batch := list(islice(differences(explained=False), AT_ONCE)):
        done = sum(_mend(difference, now=now) for difference in batch)
        mended += done
        if not done:
            break
    return mended


@transaction.atomic
def _mend(difference: Difference, *, now: datetime) -> bool:
    rule = difference.source.missing_in
    if rule is not None:
        # RACE: whoever revokes holds this row, too; what was taken meanwhile is then seen below.
        rule.model._default_manager.select_for_update(no_key=True).get(pk=difference.of)
        if not _still_differs(difference, of=difference.of, to=difference.to):
            return False
        rule.grants._default_manager.create(
            content_object_id=difference.of,
            user_id=difference.to,
            permission=_permissions(rule, difference.codename).get(),
        )
    elif not _still_differs(difference):
        return False
    else:
        difference.source.rows.model._default_manager.filter(pk=difference.row).delete()
    action, side = (Action.GRANTED, "to") if rule else (Action.REVOKED, "from")
    detail = {side: str(difference.to), "permission": difference.codename}
    if difference.source.holder != "user":
        detail["holder"] = difference.source.holder
    of, patient, reason = difference.object_id, difference.patient, difference.because.value
    line = Line(action, difference.kind, of, patient, reason=reason, detail=detail)
    ledger.append(ledger.PORTAL, line, now=now)
    return True


def _still_differs(difference: Difference, **same: Any) -> bool:
    return difference.source.rows.filter(pk=difference.row, because=difference.because, **same).exists()


def _permissions(rule: Rule, codename: str) -> QuerySet[Permission]:
    return Permission.objects.filter(codename=codename, content_type__app_label=rule.model._meta.app_label)
