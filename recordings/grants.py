"""Which grants there must be on recordings: to the two who spoke and to whom it is shared with, unless revoked."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When

from accounts.reconciliation import Because, Rule
from consultations.grants import own_places
from consultations.models import Participant
from consultations.policy import OWN_PLACE
from recordings.models import (
    PlaybackRevocation,
    Recording,
    RecordingGroupObjectPermission,
    RecordingUserObjectPermission,
    Share,
)
from recordings.policy import PLAY


def judged(grants: QuerySet[Any]) -> QuerySet[Any]:
    is_patient, is_clinician, works_here = own_places("content_object", "content_object__consultation")
    shares = Share.objects.filter(recording=OuterRef("content_object"), grantee=OuterRef("user"))
    is_own, is_shared, ran_out = is_patient | is_clinician, Q(Exists(shares.live())), Q(Exists(shares.ran_out()))
    because = Case(
        When(~is_own & ~is_shared & ran_out, then=Value(Because.RAN_OUT.value)),
        When(~is_own & ~is_shared, then=Value(Because.NO_RELATIONSHIP.value)),
        When(_revoked("content_object", "user"), then=Value(Because.DESPITE_REVOCATION.value)),
        When(content_object__status__in=Recording.UNPUBLISHED, then=Value(Because.NOT_PUBLISHED.value)),
        When(Q(user__is_active=False) | is_clinician & ~works_here & ~is_shared, then=Value(Because.LAPSED.value)),
        default=Value(""),
    )
    with_reasons: QuerySet[Any] = grants.annotate(because=because)
    return with_reasons


def expected() -> Sequence[QuerySet[Any]]:
    """A recording that cannot be played now keeps its grants and needs none."""
    places = Participant.objects.filter(OWN_PLACE, consultation__recordings__status__in=Recording.PLAYABLE)
    shares = Share.objects.live().filter(recording__status__in=Recording.PLAYABLE)
    because = Case(
        When(_revoked("of", "to"), then=Value(Because.REVOKED.value)), default=Value(Because.NEVER_GIVEN.value)
    )
    return (
        places.annotate(of=F("consultation__recordings"), to=F("user"), whose=F("patient")).annotate(because=because),
        shares.annotate(of=F("recording"), to=F("grantee"), whose=F("patient")).annotate(because=because),
    )


def _revoked(recording: str, user: str) -> Exists:
    standing = PlaybackRevocation.objects.filter(ended_at=None)
    return Exists(standing.filter(recording=OuterRef(recording), user=OuterRef(user)))


RULE = Rule(
    grants=RecordingUserObjectPermission,
    group_grants=RecordingGroupObjectPermission,
    codenames=(PLAY,),
    whose="content_object__patient",
    judged=judged,
    expected=expected,
)
