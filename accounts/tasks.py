"""Background upkeep of grants."""

from itertools import islice
from typing import Any
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from accounts import reconciliation, sessions
from audit import alerts, ledger
from audit.models import Alert, AlertKind

MOST_ALERTS = 20


@shared_task(name="accounts.reconcile_grants", soft_time_limit=3600, time_limit=3660)
def reconcile_grants() -> None:
    """Tell of grants that nothing explains; mends none. Idempotent because a matter that is open is not told again."""
    found = reconciliation.differences(explained=False)
    for one in islice(found, MOST_ALERTS):
        _tell({"difference": str(one)}, one.kind, one.object_id, one.patient)
    if more := sum(1 for _ in found):
        _tell({"more": more})  # so many are one mistake; the command names them all


@shared_task(name="accounts.clear_sessions", soft_time_limit=600, time_limit=660)
def clear_sessions() -> None:
    """Remove sign-ins that have ended. Idempotent because what is gone is gone."""
    sessions.clear_ended(now=timezone.now())


def _tell(detail: dict[str, Any], kind: str = "", of: UUID | None = None, patient: UUID | None = None) -> None:
    matter = Alert.objects.filter(kind=AlertKind.GRANTS_DIFFER, actor=None, handled_at=None)
    if matter.filter(object_type=kind, object_id=of, patient=patient).exists():
        return
    alerts.raise_alert(
        AlertKind.GRANTS_DIFFER,
        actor=ledger.PORTAL,
        now=timezone.now(),
        object_type=kind,
        object_id=of,
        patient=patient,
        detail=detail,
    )
