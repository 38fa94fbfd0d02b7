"""Which grants there must be on patients: to themselves, and to who cares for them now."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When

from accounts.reconciliation import Because, Rule
from patients.models import CareRelationship, Patient, PatientGroupObjectPermission, PatientUserObjectPermission
from patients.policy import SEE


def judged(grants: QuerySet[Any]) -> QuerySet[Any]:
    is_own = Exists(Patient.objects.filter(pk=OuterRef("content_object"), user=OuterRef("user")))
    care = CareRelationship.objects.filter(
        patient=OuterRef("content_object"), clinician__user=OuterRef("user"), until=None
    )
    works_here = Exists(care.filter(clinician__is_active=True))
    because = Case(
        When(~is_own & ~Exists(care), then=Value(Because.NO_RELATIONSHIP.value)),
        When(Q(user__is_active=False) | ~is_own & ~works_here, then=Value(Because.LAPSED.value)),
        default=Value(""),
    )
    with_reasons: QuerySet[Any] = grants.annotate(because=because)
    return with_reasons


def expected() -> Sequence[QuerySet[Any]]:
    never_given = Value(Because.NEVER_GIVEN.value)
    return (
        Patient.objects.filter(user__isnull=False).annotate(
            of=F("pk"), to=F("user"), whose=F("pk"), because=never_given
        ),
        CareRelationship.objects.filter(until=None).annotate(
            of=F("patient"), to=F("clinician__user"), whose=F("patient"), because=never_given
        ),
    )


RULE = Rule(
    grants=PatientUserObjectPermission,
    group_grants=PatientGroupObjectPermission,
    codenames=(SEE,),
    whose="content_object",
    judged=judged,
    expected=expected,
)
