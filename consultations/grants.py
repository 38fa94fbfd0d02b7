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
NOT_WORKING_HERE = Q(role=Participant.Role.CLINICIAN, consultation__clinician__is_active=False)


def judged(grants: QuerySet[Any]) -> QuerySet[Any]:
    place = Participant.objects.filter(RIGHTFUL, consultation=OuterRef("content_object"), user=OuterRef("user"))
    because = Case(
        When(~Exists(place), then=Value(Because.NO_RELATIONSHIP.value)),
        When(Q(user__is_active=False) | Exists(place.filter(NOT_WORKING_HERE)), then=Value(Because.LAPSED.value)),
        default=Value(""),
    )
    with_reasons: QuerySet[Any] = grants.annotate(because=because)
    return with_reasons


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
