"""Each barrier can be knocked out here, as a hasty change or a broken library would do it. Only tests import this."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib import import_module
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Viewer
from audit import triggers
from audit.ledger import PORTAL
from recordings import guard, policy, safe, suspensions
from recordings.models import Recording, Rendition
from recordings.vault import ObjectIdentity, Vault, VaultError
from tests.cast import Cast, make_patient
from tests.leaks import forget_the_guard
from tests.visits import recorded_visit

Patch = pytest.MonkeyPatch


@dataclass(frozen=True)
class Barrier:
    """`is_out` asks the code itself about Ben and Ada's recording: a barrier that still stands says no."""

    knock_out: Callable[[Patch], None]
    is_out: Callable[[Cast], bool]


def everything(user: Viewer) -> QuerySet[Recording]:
    return Recording.objects.all()


def all_playable(user: Viewer) -> QuerySet[Recording]:
    return suspensions.marked(policy.in_playable_state(Recording.objects.all()))


def _lists_forget_who_asks(patch: Patch) -> None:
    patch.setattr(policy, "playable_by", all_playable)


def _everybody_has_a_grant(patch: Patch) -> None:
    def based(user: Viewer) -> QuerySet[Recording]:
        return suspensions.marked(policy.in_playable_state(policy.basis_for(user)))

    patch.setattr(policy, "granted_to", everything)
    patch.setattr(policy, "playable_by", based)


def _everybody_has_a_basis(patch: Patch) -> None:
    patch.setattr(policy, "basis_for", everything)


def _is_yes(rule: str) -> Callable[[Cast], bool]:
    def is_out(cast: Cast) -> bool:
        allowed = getattr(policy, rule)(cast.ben.patient.user)
        return bool(allowed.filter(pk=cast.ada.recording.pk).exists())

    return is_out


def _one_vault_for_all(patch: Patch) -> None:
    """Place, key and identity of every object are those of one and the same patient."""
    common, real_key, real_keyset, real_identity = (
        make_patient("Common Vault"), safe.active_keyset, safe.keyset, safe.identity_of,
    )  # fmt: skip
    patch.setattr(safe, "active_keyset", lambda patient: real_key(common))
    patch.setattr(safe, "keyset", lambda patient_id, version: real_keyset(common.pk, version))
    patch.setattr(safe, "identity_of", lambda row: replace(real_identity(row), patient=common.pk))
    for name in ("write", "open", "delete"):
        patch.setattr(Vault, name, _in_vault(common.vault_id, getattr(Vault, name)))


def _in_vault(common: UUID, real: Callable[..., Any]) -> Callable[..., Any]:
    def method(vault: Vault, identity: ObjectIdentity, vault_id: UUID, *args: Any, **facts: Any) -> Any:
        return real(vault, identity, common, *args, **facts)

    return method


def _bytes_open_for_another_patient(cast: Cast) -> bool:
    row = Rendition.objects.select_related("recording").get(pk=cast.ada.replay.pk)
    row.patient = cast.ben.patient
    try:
        safe.open_object(row, cast.ben.patient.vault_id).close()
    except VaultError:
        return False
    return True


def _nothing_is_checked(patch: Patch) -> None:
    patch.setattr("recordings.pipeline.gather.check_segments", lambda *_, **__: None)
    patch.setattr("recordings.pipeline.publish.check_replay", lambda *_, **__: None)
    # The package calls a function of the same name its own.
    patch.setattr(import_module("recordings.pipeline.process"), "recorded_at_once", lambda *_, **__: [])


def _what_nobody_allowed_is_published(cast: Cast) -> bool:
    visit = recorded_visit(cast.ada, at=cast.now - timedelta(hours=6), seconds=1)
    visit.recording.segments.update(epoch=99)
    return visit.process().status in Recording.PLAYABLE


def _the_guard_looks_away(patch: Patch) -> None:
    forget_the_guard(patch)
    patch.setattr(guard, "check_call", lambda *_, **__: None)


def _a_foreign_row_is_shown(cast: Cast) -> bool:
    try:
        return bool(guard.show(cast.ben.patient.user, [cast.ada.recording], actor=PORTAL, now=timezone.now()))
    except guard.Leak:
        return False


def _passports_are_not_read(patch: Patch) -> None:
    triggers._lift(connection)


BARRIERS = {
    "list": Barrier(_lists_forget_who_asks, _is_yes("playable_by")),
    "grant": Barrier(_everybody_has_a_grant, _is_yes("granted_to")),
    "basis": Barrier(_everybody_has_a_basis, _is_yes("basis_for")),
    "vault": Barrier(_one_vault_for_all, _bytes_open_for_another_patient),
    "quarantine": Barrier(_nothing_is_checked, _what_nobody_allowed_is_published),
    "guard": Barrier(_the_guard_looks_away, _a_foreign_row_is_shown),
    "passport": Barrier(_passports_are_not_read, lambda cast: bool(triggers.missing(connection))),
}
