"""A portal in its third year: very many consultations that were held, written straight into the tables."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import cycle, islice

from django.db import connection
from django.db.models import Model
from django.utils import timezone

from accounts import reconciliation
from accounts.reconciliation import Rule
from consultations.models import Call, Consultation, Participant
from patients.models import Clinician, Patient
from recordings.models import Recording
from tests.cast import FIFTEEN
from tests.damage import permission

AT_ONCE = 5_000
OWNERS = ("patient_id", "clinician_id", "patient__user", "clinician__user")


def store(rows: Iterator[Model]) -> None:
    while batch := list(islice(rows, AT_ONCE)):
        model = type(batch[0])
        model._default_manager.bulk_create(batch)
        plan_anew(connection.ops.quote_name(model._meta.db_table))


def plan_anew(table: str = "") -> None:
    """Let queries and triggers be planned for what is there now: autovacuum sees no open transaction's rows."""
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {table}")


def hold(pairs: Sequence[tuple[Patient, Clinician]], number: int) -> None:
    """Make so many consultations that were held, by the pairs in turn, each with its call, recording and grants."""
    now, before = timezone.now(), set(Consultation.objects.values_list("pk", flat=True))
    store(
        Consultation(
            patient=patient, clinician=clinician, starts_at=now - back * FIFTEEN, ends_at=now - (back - 1) * FIFTEEN,
            status="completed", ended_at=now, reason="Visit",
        )
        for back, (patient, clinician) in enumerate(islice(cycle(pairs), number), 1)
    )  # fmt: skip
    held = [row for row in Consultation.objects.values_list("pk", *OWNERS) if row[0] not in before]
    store(
        Participant(consultation_id=pk, patient_id=patient, user_id=user, role=role)
        for pk, patient, _, *users in held
        for user, role in zip(users, (Participant.Role.PATIENT, Participant.Role.CLINICIAN), strict=True)
    )
    own = {pk: {"consultation_id": pk, "patient_id": patient, "clinician_id": who} for pk, patient, who, *_ in held}
    calls = {pk: Call(**facts, status="ended", ended_at=now) for pk, facts in own.items()}
    store(iter(calls.values()))
    facts = {"status": "ready", "started_at": now - timedelta(hours=1), "duration_ms": 1}
    store(Recording(call=calls[pk], **own[pk], **facts) for pk in own)
    for rule in reconciliation.rules()[1:]:
        _grant(rule)


def _grant(rule: Rule) -> None:
    granted = set(rule.grants._default_manager.values_list("content_object_id", flat=True))
    rows = rule.model._default_manager.values_list("pk", *OWNERS[2:])
    new = [(pk, users) for pk, *users in rows if pk not in granted]
    for codename in rule.codenames:
        right = permission(rule, codename)
        store(
            rule.grants(content_object_id=pk, user_id=user, permission=right)
            for pk, users in new
            for user in users
            if user
        )
