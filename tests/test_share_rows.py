"""What the database itself keeps about shares: facts and ends; tests/test_passport.py violates its constraints."""

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from audit.ledger import Actor
from recordings import sharing
from recordings.models import Share
from tests.cast import Cast
from tests.shares import A_DAY, share

pytestmark = [pytest.mark.database, pytest.mark.django_db]

FACTS = ("grantee_id", "name", "reason", "granted_by_id", "granted_at", "expires_at", "recording_id", "patient_id")


def test_the_facts_of_a_share_never_change_and_its_end_is_not_undone(cast: Cast) -> None:
    ended, live = (
        sharing.withdraw(
            share(cast.ada).pk, by=cast.ada.patient.user, actor=Actor(cast.ada.patient.user.pk), now=timezone.now()
        ),
        share(cast.ada, "living@cast.test"),
    )
    other = {
        "grantee_id": cast.staff.pk, "granted_by_id": cast.staff.pk, "recording_id": cast.ben.recording.pk,
        "patient_id": cast.ben.patient.pk, "granted_at": cast.now - A_DAY, "expires_at": cast.now + 80 * A_DAY,
    }  # fmt: skip
    for column in FACTS:
        with pytest.raises(DatabaseError, match="passport"), transaction.atomic():
            Share.objects.filter(pk=live.pk).update(**{column: other.get(column, "other words")})
    for facts in ({"revoked_at": None, "revoked_by": None}, {"agreed_by_patient_at": None}):
        with pytest.raises(DatabaseError, match="set once"), transaction.atomic():
            Share.objects.filter(pk=ended.pk).update(**facts)
    with pytest.raises(DatabaseError, match="never deleted"), transaction.atomic():
        live.delete()
