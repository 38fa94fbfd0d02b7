"""A hundred thousand recordings are compared without being loaded; a few planted differences are found among them."""

import time
from pathlib import Path

import pytest
from django.utils import timezone

from accounts import reconciliation
from accounts.reconciliation import Because
from patients.services import begin_care
from recordings.models import Recording
from tests.cast import make_clinician, make_patient, make_user
from tests.crowded import hold
from tests.damage import permission
from tests.figures import record

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.isolation, pytest.mark.long]
RECORDINGS, MOST_MIB = 100_000, 64


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
    hold([(patient, clinician)], RECORDINGS)
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
