"""Patients with watermarks and their clinicians, and what each of them is shown in lists while others are recorded."""

import random
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import cycle

from accounts.models import User
from consultations.booking import book
from consultations.models import Call, Consultation, Participant
from patients.models import Clinician, Patient
from recordings.models import Chunk, RecorderLease, Recording, Rendition, Segment
from tests.babylon.marks import Mark, marks
from tests.cast import A_WEEK, FIFTEEN, make_clinician, make_ended_call, make_patient, make_ready_recording
from tests.replays import Viewer
from tests.visits import Visit

BETWEEN_BOOKINGS = timedelta(minutes=20)
UUID_TEXT = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
# Every table whose rows have an id and a patient.
OWNED = (Consultation, Call, Participant, Recording, RecorderLease, Segment, Chunk, Rendition)


@dataclass(frozen=True)
class Person:
    """A patient, whom they speak with, and their watermark. `older` is last week's replay, which lists hold already."""

    patient: Patient
    clinician: Clinician
    mark: Mark
    visit: Visit
    older: Recording

    @property
    def users(self) -> set[object]:
        return {self.patient.user_id, self.clinician.user_id}


@dataclass(frozen=True)
class _World:
    patient: Patient
    clinician: Clinician


def make_people(count: int, *, now: datetime) -> list[Person]:
    """Every clinician has up to two of the patients, in consultations one after the other; neighbours in the list
    have different clinicians."""
    clinicians = [make_clinician(f"Medic {number:03d} Hale") for number in range(max(2, (count + 1) // 2))]
    return [
        _make_person(mark, clinicians[mark.number % len(clinicians)], 1 + mark.number // len(clinicians), now)
        for mark in marks(count)
    ]


def _make_person(mark: Mark, clinician: Clinician, turn: int, now: datetime) -> Person:
    patient = make_patient(f"Person {mark.number:03d} Grey")
    before, at = now - A_WEEK - turn * BETWEEN_BOOKINGS, now - turn * BETWEEN_BOOKINGS
    held = book(patient, clinician, starts_at=before, ends_at=before + FIFTEEN, reason="First visit", now=before)
    older, _ = make_ready_recording(make_ended_call(held), f"canary of {mark.number}".encode())
    return Person(patient, clinician, mark, Visit(_World(patient, clinician), at=at), older)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Look:
    """One answer somebody got: the ids and names in it."""

    user: object
    path: str
    status: int
    told: frozenset[str]


@dataclass
class Lists:
    """Asks for everybody's lists in turn and remembers what was in each."""

    people: list[Person]
    looks: list[Look] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._viewers: dict[object, Viewer] = {}
        self._names = {one.patient.name for one in self.people} | {one.clinician.user.name for one in self.people}
        self._turns = self._everybodys_turns()

    def _everybodys_turns(self) -> Iterator[tuple[User, str]]:
        order = [
            turn for person in self.people for turn in [*self._patients_lists(person), *self._clinicians_lists(person)]
        ]
        random.Random(0).shuffle(order)
        return cycle(order)

    def _patients_lists(self, person: Person) -> Iterator[tuple[User, str]]:
        for path in ("/recordings/", "/", f"/recordings/of/{person.visit.consultation.pk}/status/"):
            yield person.patient.user, path

    def _clinicians_lists(self, person: Person) -> Iterator[tuple[User, str]]:
        for path in ("/clinic/recordings/recording/", "/clinic/", "/api/v1/segments/unfinished/"):
            yield person.clinician.user, path

    def poll(self, times: int = 1) -> None:
        """Let the next ones look."""
        for _ in range(times):
            user, path = next(self._turns)
            self.look(user, path)

    def poll_all(self) -> None:
        """Let everybody look at each of their lists once."""
        self.poll(6 * len(self.people))

    def look(self, user: User, path: str) -> Look:
        if user.pk not in self._viewers:
            self._viewers[user.pk] = Viewer(user)
        answer = self._viewers[user.pk].client.get(path)
        text = answer.content.decode()
        told = frozenset(UUID_TEXT.findall(text)) | {name for name in self._names if name in text}
        look = Look(user.pk, path, answer.status_code, told)
        self.looks.append(look)
        return look

    def foreign(self) -> list[tuple[Look, str]]:
        """Return what somebody was told of a patient, or of a clinician, who is not theirs."""
        theirs = self._who_may_know()
        return [
            (look, mark) for look in self.looks for mark in look.told if look.user not in theirs.get(mark, {look.user})
        ]

    def own_rows(self) -> int:
        """Return how many recordings of their own people were shown. Nothing foreign in empty lists means nothing."""
        recordings = {str(pk) for pk in Recording.objects.values_list("pk", flat=True)}
        return sum(len(look.told & recordings) for look in self.looks)

    def _who_may_know(self) -> dict[str, set[object]]:
        theirs: dict[str, set[object]] = defaultdict(set)
        of_patient = {person.patient.pk: person.users for person in self.people}
        for person in self.people:
            for mark in (person.patient.name, str(person.patient.pk), str(person.patient.vault_id)):
                theirs[mark] |= person.users
            theirs[person.clinician.user.name] |= person.users
        for model in OWNED:
            for pk, patient in model.objects.values_list("pk", "patient"):
                theirs[str(pk)] |= of_patient[patient]
        return theirs
