"""Which grants there must be on consultations: to whoever has a place in one, to see and to join it."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When

from accounts.reconciliation import Because, Rule
from consultations.models import (
    ConsultationGroupObjectPermission,
    ConsultationUserObjectPermission,
    Participant,
)
from consultations.policy import JOIN, OWN_PLACE, VIEW

RIGHTFUL = OWN_PLACE | Q(role=Participant.Role.GUEST)


def judged(grants: QuerySet[Any]) -> QuerySet[Any]:
    is_patient, is_clinician, works_here = own_places("content_object", "content_object")
    is_guest = Q(place_of(Participant.Role.GUEST, "content_object"))
    because = Case(
        When(~(is_patient | is_clinician | is_guest), then=Value(Because.NO_RELATIONSHIP.value)),
        When(Q(user__is_active=False) | is_clinician & ~works_here, then=Value(Because.LAPSED.value)),
        default=Value(""),
    )
    with_reasons: QuerySet[Any] = grants.annotate(because=because)
    return with_reasons


def own_places(path: str, consultation: str) -> tuple[Q, Q, Q]:
    """Say of a grant whether its user is the patient, or the clinician, with the place to match, and still works here.

    `path` leads from the grant to what has a patient and a clinician, `consultation` to the consultation. The profiles
    are joined once outside: a lookup of the place alone is the same for every planner.
    """
    is_patient = Q(place_of(Participant.Role.PATIENT, consultation), **{f"{path}__patient__user": F("user")})
    is_clinician = Q(place_of(Participant.Role.CLINICIAN, consultation), **{f"{path}__clinician__user": F("user")})
    return is_patient, is_clinician, Q(**{f"{path}__clinician__is_active": True})


def place_of(role: Participant.Role, consultation: str) -> Exists:
    own = Participant.objects.filter(consultation=OuterRef(consultation), user=OuterRef("user"), role=role)
    return Exists(own.filter(withdrawn_at=None))


def expected() -> Sequence[QuerySet[Any]]:
    never_given = Value(Because.NEVER_GIVEN.value)
    places = Participant.objects.filter(RIGHTFUL)
    return (places.annotate(of=F("consultation"), to=F("user"), whose=F("patient"), because=never_given),)


RULE = Rule(
    grants=ConsultationUserObjectPermission,
    group_grants=ConsultationGroupObjectPermission,
    codenames=(VIEW, JOIN),
    whose="content_object__patient",
    judged=judged,
    expected=expected,
)
