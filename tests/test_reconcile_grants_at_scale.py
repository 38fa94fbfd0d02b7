"""A hundred thousand recordings are compared without being loaded; a few planted differences are found among them."""

import resource
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

import pytest
from django.db.models import Model
from django.utils import timezone

from accounts import reconciliation
from accounts.reconciliation import Because, Rule
from consultations.models import Call, Consultation, Participant
from patients.models import Clinician, Patient
from patients.services import begin_care
from recordings.models import Recording
from tests.cast import FIFTEEN, make_clinician, make_patient, make_user
from tests.damage import permission
from tests.figures import record

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.isolation, pytest.mark.long]
RECORDINGS, AT_ONCE, MIB = 100_000, 5_000, 1 << 20


def store(rows: Iterator[Model]) -> None:
    while batch := list(islice(rows, AT_ONCE)):
        type(batch[0])._default_manager.bulk_create(batch)


def visits(patient: Patient, clinician: Clinician) -> None:
    """Make consultations that were held, each with its call, its recording and its grants."""
    people = {Participant.Role.PATIENT: patient.user_id, Participant.Role.CLINICIAN: clinician.user_id}
    own, now = {"patient": patient, "clinician": clinician}, timezone.now()
    store(
        Consultation(
            **own, starts_at=now - number * FIFTEEN, ends_at=now - (number - 1) * FIFTEEN, status="completed",
            ended_at=now, reason="Visit",
        )
        for number in range(1, RECORDINGS + 1)
    )  # fmt: skip
    ids = list(Consultation.objects.values_list("pk", flat=True))
    store(
        Participant(consultation_id=i, patient=patient, user_id=people[role], role=role) for i in ids for role in people
    )
    store(Call(consultation_id=i, **own, status="ended", ended_at=now) for i in ids)
    calls = list(Call.objects.values_list("pk", "consultation"))
    facts = {"status": "ready", "started_at": now - timedelta(hours=1), "duration_ms": 1}
    store(Recording(call_id=pk, consultation_id=i, **own, **facts) for pk, i in calls)
    for rule in reconciliation.rules()[1:]:
        grant(rule, list(people.values()))


def grant(rule: Rule, users: list[object]) -> None:
    ids = list(rule.model._default_manager.values_list("pk", flat=True))
    for codename in rule.codenames:
        right = permission(rule, codename)
        store(rule.grants(content_object_id=i, user_id=user, permission=right) for i in ids for user in users)


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_among_a_hundred_thousand_recordings_the_few_differences_are_found() -> None:
    patient, clinician = make_patient("Ada Lovell"), make_clinician("Samuel Osei")
    begin_care(patient, clinician, why="consultation", now=timezone.now())
    visits(patient, clinician)
    table, stranger = reconciliation.rules()[-1].grants, make_user("Nobody")
    lost = table.objects.order_by("pk")[7]
    lost.delete()
    right = permission(reconciliation.rules()[-1], "play_recording")
    table.objects.create(content_object=Recording.objects.first(), user=stranger, permission=right)
    before, began = peak_bytes(), time.monotonic()
    found = sorted(one.because for one in reconciliation.differences())
    took_s, grown = time.monotonic() - began, peak_bytes() - before
    assert found == [Because.NEVER_GIVEN, Because.NO_RELATIONSHIP]
    record("grants: differences among 100,000 recordings", f"{len(found)} of 2 in {took_s:.0f} s", "all")
    record("grants: memory to compare 100,000 recordings", f"{grown / MIB:.0f} MiB more", "64 MiB at most")
    assert grown <= 64 * MIB
    table.objects.all().delete()
    before, began = peak_bytes(), time.monotonic()
    missing = sum(1 for _ in reconciliation.differences())
    assert missing == 2 * RECORDINGS
    grown = peak_bytes() - before
    record("grants: memory to name 200,000 missing ones", f"{grown / MIB:.0f} MiB more", "64 MiB at most")
    assert grown <= 64 * MIB
