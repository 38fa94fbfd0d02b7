"""A hundred thousand recordings are compared without being loaded; a few planted differences are found among them."""

import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path

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
RECORDINGS, AT_ONCE, MOST_MIB = 100_000, 5_000, 64


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


class Memory:
    """How far this process grew, at most, since it was made. Linux keeps the peak, and forgets it on demand."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")
        self.before = self._kib("VmHWM")

    def grown_mib(self) -> float:
        return (self._kib("VmHWM") - self.before) / 1024

    @staticmethod
    def _kib(name: str) -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def test_among_a_hundred_thousand_recordings_the_few_differences_are_found() -> None:
    patient, clinician = make_patient("Ada Lovell"), make_clinician("Samuel Osei")
    begin_care(patient, clinician, why="consultation", now=timezone.now())
    visits(patient, clinician)
    table, stranger = reconciliation.rules()[-1].grants, make_user("Nobody")
    lost = table.objects.order_by("pk")[7]
    lost.delete()
    right = permission(reconciliation.rules()[-1], "play_recording")
    table.objects.create(content_object=Recording.objects.first(), user=stranger, permission=right)
    memory, began = Memory(), time.monotonic()
    found = sorted(one.because for one in reconciliation.differences())
    took_s, grown = time.monotonic() - began, memory.grown_mib()
    assert found == [Because.NEVER_GIVEN, Because.NO_RELATIONSHIP]
    record("grants: differences among 100,000 recordings", f"{len(found)} of 2 in {took_s:.0f} s", "all")
    record("grants: memory to compare 100,000 recordings", f"{grown:.0f} MiB more", f"{MOST_MIB} MiB at most")
    assert grown <= MOST_MIB
    table.objects.all().delete()
    memory = Memory()
    missing = sum(1 for _ in reconciliation.differences())
    assert missing == 2 * RECORDINGS
    grown = memory.grown_mib()
    record("grants: memory to name 200,000 missing ones", f"{grown:.0f} MiB more", f"{MOST_MIB} MiB at most")
    assert grown <= MOST_MIB
