"""In the list ⇔ the policy says so ⇔ the page opens ⇔ the bytes come ⇔ the clinic has the row ⇔ the socket stays open.

People, recordings, states and grants are thrown by seeded dice; what must come out is worked out here from plain notes,
without asking the policy. tests/test_policy.py holds the rules one by one.
"""

import logging
import random
import re
import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone
from guardian.shortcuts import assign_perm

from accounts.models import STAFF, User
from accounts.sites import clinic_site
from audit import refusals
from consultations import pages as consultation_pages
from consultations import policy as consultation_policy
from consultations.booking import book
from consultations.models import Consultation, Participant
from patients import policy as patient_policy
from patients.models import CareRelationship, Clinician, Patient
from patients.services import end_care
from recordings import playback, policy
from recordings.models import Recording, Share
from tests.cast import FIFTEEN, make_clinician, make_ended_call, make_patient, make_ready_recording, make_user
from tests.figures import record
from tests.lines import House, opened_house
from tests.replays import Viewer

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]
SEEDS = (7, 2020)
IN_ADDRESS = r"/%s/([0-9a-f]{8}-[0-9a-f-]{27})/"
MAY_BE_SEEN = frozenset({"ready", "partial"})
Ids = set[uuid.UUID]


@dataclass
class Town:
    """`knows`, `sees` and `plays` are the notes: user → the patients, consultations and replays that are theirs.

    As it was thrown; of the replays `shared` is not of their own consultations. `booked` are all consultations; those
    that can be joined now are `open`, the others were held.
    """

    dice: random.Random
    patients: list[Patient] = field(default_factory=list)
    clinicians: list[Clinician] = field(default_factory=list)
    booked: dict[uuid.UUID, Consultation] = field(default_factory=dict)
    open: Ids = field(default_factory=set)
    recordings: dict[uuid.UUID, Recording] = field(default_factory=dict)
    knows: dict[uuid.UUID, Ids] = field(default_factory=dict)
    sees: dict[uuid.UUID, Ids] = field(default_factory=dict)
    plays: dict[uuid.UUID, Ids] = field(default_factory=dict)
    shared: dict[uuid.UUID, Ids] = field(default_factory=dict)

    def people(self) -> list[User]:
        return [person.user for person in (*self.patients, *self.clinicians) if person.user]


def settle(dice: random.Random, people: int, recordings: int) -> Town:
    town = Town(dice)
    town.patients = [make_patient(f"P {uuid.uuid4().hex}") for _ in range(people // 2)]
    town.clinicians = [make_clinician(f"C {uuid.uuid4().hex}") for _ in range(people - people // 2)]
    town.knows, town.sees, town.plays, town.shared = ({user.pk: set() for user in town.people()} for _ in range(4))
    for number in range(recordings):
        hold(town, timezone.now() - timedelta(hours=number + 2))
    for patient, clinician in zip(dice.sample(town.patients, len(town.patients)), town.clinicians, strict=False):
        meet(town, patient, clinician, timezone.now())
    return town


def meet(town: Town, patient: Patient, clinician: Clinician, at: datetime) -> Consultation:
    """Book what can be joined from `at` on; now and then somebody loses their place or sight of the patient."""
    booked = book(patient, clinician, starts_at=at, ends_at=at + FIFTEEN, reason="Visit", now=at)
    town.booked[booked.pk] = booked
    town.open.add(booked.pk)
    for user in (patient.user, clinician.user):
        assert user is not None
        town.knows[user.pk].add(patient.pk)
        if town.dice.random() < 0.15:
            patient_policy.revoke_view(patient, user)
            town.knows[user.pk].remove(patient.pk)
        if town.dice.random() < 0.15:
            consultation_policy.revoke_place(Participant.objects.get(consultation=booked, user=user))
        else:
            town.sees[user.pk].add(booked.pk)
    return booked


def hold(town: Town, at: datetime) -> None:
    """Hold one consultation, and let things happen to what came of it."""
    dice, patient, clinician = town.dice, town.dice.choice(town.patients), town.dice.choice(town.clinicians)
    held = meet(town, patient, clinician, at)
    recording, _ = make_ready_recording(make_ended_call(held), uuid.uuid4().bytes * 8)
    town.open.remove(held.pk)
    town.recordings[recording.pk] = recording
    status = dice.choice([*MAY_BE_SEEN] * 4 + Recording.Status.values)
    Recording.objects.filter(pk=recording.pk).update(status=status)
    for user in (patient.user, clinician.user):
        assert user is not None
        if dice.random() < 0.15:
            policy.withdraw_playback(recording, user)
        elif status in MAY_BE_SEEN:
            town.plays[user.pk].add(recording.pk)
    if dice.random() < 0.5:
        share(town, recording, status)
    elif dice.random() < 0.5:  # a grant that nothing justifies
        stray = dice.choice([user for user in town.people() if user not in (patient.user, clinician.user)])
        assign_perm(f"recordings.{policy.PLAY}", stray, recording)
        assign_perm(f"consultations.{consultation_policy.VIEW}", stray, held)
        assign_perm(f"consultations.{consultation_policy.JOIN}", stray, held)
        if not CareRelationship.objects.filter(patient=patient, clinician__user=stray).exists():
            patient_policy.grant_view(patient, stray)


def share(town: Town, recording: Recording, status: str) -> None:
    """Let the patient share it with somebody who was not there, until some time; or the share has ended already."""
    patient, dice, now = recording.patient.user, town.dice, timezone.now()
    others = [user for user in town.people() if user not in (patient, recording.clinician.user)]
    days, is_agreed, is_withdrawn = dice.choice((-1, 7, 7)), dice.random() < 0.8, dice.random() < 0.2
    since, grantee = now - timedelta(days=9), dice.choice(others)
    Share.objects.create(
        recording=recording, patient=recording.patient, grantee=grantee, name="Friend", reason="Advice",
        granted_by=patient, granted_at=since, agreed_by_patient_at=since if is_agreed else None,
        expires_at=now + timedelta(days=days), revoked_at=now if is_withdrawn else None,
        revoked_by=patient if is_withdrawn else None,
    )  # fmt: skip
    if dice.random() < 0.8:
        assign_perm(f"recordings.{policy.PLAY}", grantee, recording)
        if is_agreed and not is_withdrawn and days > 0 and status in MAY_BE_SEEN:
            town.plays[grantee.pk].add(recording.pk)
            town.shared[grantee.pk].add(recording.pk)


def upset(town: Town) -> None:
    """Let care end, clinicians leave and accounts be switched off; take it from the notes."""
    for care in CareRelationship.objects.filter(patient__in=town.patients, until=None).order_by("since", "pk"):
        if town.dice.random() < 0.2:
            end_care(care, now=timezone.now())
            town.knows[care.clinician.user_id].discard(care.patient_id)
            if town.dice.random() < 0.5:  # a grant that nothing justifies any more
                patient_policy.grant_view(care.patient, care.clinician.user)
    gone = town.dice.sample(town.clinicians, max(1, len(town.clinicians) // 8))
    Clinician.objects.filter(pk__in=[clinician.pk for clinician in gone]).update(is_active=False)
    off = town.dice.sample(town.people(), max(1, len(town.people()) // 10))
    User.objects.filter(pk__in=[user.pk for user in off]).update(is_active=False)
    for user in (clinician.user for clinician in gone):
        town.knows[user.pk], town.sees[user.pk] = set(), set()
        town.plays[user.pk] &= town.shared[user.pk]
    for user in off:
        town.knows[user.pk], town.sees[user.pk], town.plays[user.pk] = set(), set(), set()


def named(client: Client, address: str, kind: str) -> Ids:
    page = client.get(address)
    return {uuid.UUID(found) for found in re.findall(IN_ADDRESS % kind, page.content.decode())}


def surfaces(town: Town, user: User, viewer: Viewer, asked: Ids) -> dict[str, Ids]:
    """Return what each way of looking gives this person; `asked` are those tried one by one."""
    client = viewer.client
    return {
        "list": named(client, "/recordings/", "recordings"),
        "policy": set(policy.playable_by(user).values_list("pk", flat=True)),
        "decision": {pk for pk in town.recordings if policy.decide(user, pk).recording is not None},
        "page": {pk for pk in asked if client.get(f"/recordings/{pk}/").status_code == 200},
        "media": {pk for pk in asked if viewer.get(pk, Range="bytes=0-3").status_code == 206},
    }


def clinic_surfaces(town: Town, user: User, client: Client, others: int) -> Iterator[tuple[dict[str, Ids], Ids]]:
    """Yield what the clinic has for this person and what it should have: their own side, if they work there."""
    plays, patients = town.plays[user.pk], {patient.pk for patient in town.patients}
    kinds = [
        ("recordings/recording", plays, plays - town.shared[user.pk], town.recordings),
        ("consultations/consultation", town.sees[user.pk], town.sees[user.pk], town.booked),
        ("patients/patient", town.knows[user.pk], town.knows[user.pk], patients),
    ]
    for kind, theirs, expected, every in kinds:
        site, asked = f"clinic/{kind}", theirs | some(town, every, others)
        listed = named(client, f"/{site}/", site)
        opened = {pk for pk in asked if client.get(f"/{site}/{pk}/change/").status_code == 200}
        yield {f"{site} list": listed, f"{site} row": opened}, expected if works_here(user) else set()


def works_here(user: User) -> bool:
    return Clinician.objects.filter(user=user.pk, is_active=True, user__is_active=True).exists()


def patient_surfaces(user: User) -> dict[str, Ids]:
    return {"patients": set(patient_policy.visible_to(user).values_list("pk", flat=True))}


def consultation_surfaces(town: Town, user: User, client: Client, asked: Ids) -> dict[str, Ids]:
    return {
        "list": named(client, "/consultations/", "consultations"),
        "policy": set(consultation_policy.visible_to(user).values_list("pk", flat=True)),
        "place": {pk for pk in town.booked if consultation_policy.place_in(user, pk) is not None},
        "page": {pk for pk in asked if client.get(f"/consultations/{pk}/").status_code == 200},
        "status": {pk for pk in asked if client.get(f"/recordings/of/{pk}/status/").status_code == 200},
    }


def stays_open(house: House, user: User, client: Client, consultation: uuid.UUID) -> bool:
    """Say whether the socket takes this person's hello: it welcomes them, or says that the consultation is over."""
    line = house.portal.line(user, consultation, client=client)
    line.say("hello", tab="t")
    if line.hears_welcome_or_close() is None:
        line.drop()
        return True
    assert line.closed in (4401, 4404, 4410), line.closed
    return line.closed == 4410


def some(town: Town, ids: Collection[uuid.UUID], most: int) -> Ids:
    return set(town.dice.sample(sorted(ids), min(most, len(ids))))


def disagreements(town: Town, house: House, *, others: int, sockets: int) -> list[str]:
    """Return whoever gets something else than the notes say. `others`: how many are asked one by one beside theirs."""
    viewers = {user.pk: Viewer(user) for user in town.people()}  # their sessions are older than what happens next
    upset(town)
    wrong = []
    for user in town.people():
        viewer, plays, sees = viewers[user.pk], town.plays[user.pk], town.sees[user.pk]
        asked, seen = plays | some(town, town.recordings, others), sees | some(town, town.booked, others)
        ways = [
            (surfaces(town, user, viewer, asked), plays),
            (consultation_surfaces(town, user, viewer.client, seen), sees),
            (patient_surfaces(user), town.knows[user.pk]),
            *clinic_surfaces(town, user, viewer.client, others // 4),
        ]
        wrong += [
            f"{user.name}: {way} differs in {sorted(given ^ expected)}"
            for given_by, expected in ways
            for way, given in given_by.items()
            if given != expected
        ]
        # What can be joined now is rare: somebody's own, and one of others.
        for pk in (sees & town.open) | some(town, town.open, 1) | some(town, seen, sockets):
            if stays_open(house, user, viewer.client, pk) != (pk in sees):
                wrong.append(f"{user.name}: the socket of {pk} differs")
    return wrong


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Thousands of refusals are no news."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def long_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (playback, consultation_pages):
        monkeypatch.setattr(module, "PER_PAGE", 1000)
    monkeypatch.setattr(refusals, "MOST", 1_000_000)  # everybody asks for everything here, within a minute
    for model in (Recording, Consultation, Patient):
        monkeypatch.setattr(clinic_site._registry[model], "list_per_page", 1000)


@pytest.mark.parametrize("seed", SEEDS[:1])
def test_every_surface_gives_everybody_the_same(seed: int, long_lists) -> None:
    print(f"seed {seed}")
    with opened_house() as house:
        town = settle(random.Random(seed), people=10, recordings=36)
        assert disagreements(town, house, others=5, sockets=2) == []
        assert sum(map(len, town.plays.values())) > 20, "the dice left too little to compare"
        assert sum(map(len, town.shared.values())) > 3, "the dice left too few shares"
        assert sum(map(len, town.knows.values())) > 10, "the dice left too little care"
        assert any(town.open & sees for sees in town.sees.values()), "the dice left nobody who can join"


@pytest.mark.long
@pytest.mark.isolation
@pytest.mark.parametrize("seed", SEEDS)
def test_every_surface_gives_two_hundred_people_the_same(seed: int, long_lists) -> None:
    print(f"seed {seed}")
    with opened_house() as house:
        found = disagreements(settle(random.Random(seed), people=200, recordings=600), house, others=10, sockets=3)
    record(f"disagreements of list, decision, page, media, socket and admin row (seed {seed})", len(found), "none")
    assert found == []


def test_staff_see_the_row_of_every_recording_and_play_none(long_lists) -> None:
    town = settle(random.Random(1), people=4, recordings=4)
    staff = make_user("Robin Vale", is_staff=True)
    staff.groups.add(Group.objects.get_or_create(name=STAFF)[0])
    viewer = Viewer(staff)
    assert not policy.playable_by(staff).exists()
    for pk in town.recordings:
        assert viewer.client.get(f"/admin/recordings/recording/{pk}/change/").status_code == 200
        assert viewer.get(pk).status_code == viewer.client.get(f"/recordings/{pk}/").status_code == 404
    assert named(viewer.client, "/recordings/", "recordings") == set()
