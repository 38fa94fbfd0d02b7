"""Who takes part in a walk, and who may see what of whose: plain Python, no queries."""

import uuid
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from django.contrib.auth.models import AnonymousUser

from accounts.models import User
from patients.models import Clinician, Patient
from recordings.quarantine import What
from tests.cast import make_clinician, make_patient

Actor = User | AnonymousUser
Id = uuid.UUID


@dataclass(frozen=True)
class People:
    patients: list[Patient]
    clinicians: list[Clinician]
    administrators: list[User]

    @property
    def actors(self) -> list[Actor]:
        own = [person.user for person in (*self.patients, *self.clinicians)]
        return [*own, *self.administrators, AnonymousUser()]

    @property
    def users(self) -> list[User]:
        return [actor for actor in self.actors if isinstance(actor, User)]


def make_people() -> People:
    return People(
        [make_patient(name) for name in ("Ada Lovell", "Ben Carrow", "Cleo Marsh")],
        [make_clinician(name) for name in ("Samuel Osei", "Nour Haddad")],
        [User.objects.create_superuser(f"{name}@walk.test", name=name) for name in ("ari", "bo")],
    )


class Answer(Enum):
    NOTHING, PAUSED, PLAYS = "nothing", "paused", "plays"


class Owners(NamedTuple):
    """The accounts and the profiles of the two whose recording it is."""

    patient_user: Id
    clinician_user: Id
    patient: Id
    clinician: Id


class Proposal(NamedTuple):
    id: Id
    what: What
    by: Id


@dataclass
class Model:
    """Everything by ids; a right is (recording, account)."""

    owners: dict[Id, Owners] = field(default_factory=dict)
    published: set[Id] = field(default_factory=set)
    held_back: set[Id] = field(default_factory=set)
    releasing: set[Id] = field(default_factory=set)
    discarded: set[Id] = field(default_factory=set)
    emptied: set[Id] = field(default_factory=set)
    on_hold: set[Id] = field(default_factory=set)
    proposals: dict[Id, Proposal] = field(default_factory=dict)
    granted: set[tuple[Id, Id]] = field(default_factory=set)
    revoked: set[tuple[Id, Id]] = field(default_factory=set)
    closed_accounts: set[Id] = field(default_factory=set)
    gone_clinicians: set[Id] = field(default_factory=set)
    pauses: set[tuple[str, Id | None]] = field(default_factory=set)

    def is_based(self, actor: Id | None, recording: Id) -> bool:
        """Say whether it is one's own. A share will be one more way in, here and with what must be granted for it."""
        owners = self.owners[recording]
        works_here = owners.clinician not in self.gone_clinicians
        is_own = actor == owners.patient_user or (actor == owners.clinician_user and works_here)
        return is_own and actor not in self.closed_accounts

    def may_list(self, actor: Id | None, recording: Id) -> bool:
        right = (recording, actor)
        has_both_keys = right in self.granted and self.is_based(actor, recording)
        return recording in self.playable and has_both_keys and right not in self.revoked

    @property
    def playable(self) -> set[Id]:
        return self.published - self.held_back - self.discarded

    def granted_to(self, actor: Id | None) -> set[Id]:
        return {recording for recording, user in self.granted if user == actor}

    def based_for(self, actor: Id | None) -> set[Id]:
        return {recording for recording in self.owners if self.is_based(actor, recording)}

    def listed(self, actor: Id | None) -> set[Id]:
        return {recording for recording in self.owners if self.may_list(actor, recording)}

    def answer(self, actor: Id | None, recording: Id) -> Answer:
        if not self.may_list(actor, recording):
            return Answer.NOTHING
        _, _, patient, clinician = self.owners[recording]
        covers = {("everything", None), ("recording", recording), ("patient", patient), ("clinician", clinician)}
        return Answer.PAUSED if covers & self.pauses else Answer.PLAYS

    def is_suspicious(self, actor: Id | None, recording: Id) -> bool:
        """Say whether the keys to something playable disagree without a reason that is written down."""
        is_granted, is_based = (recording, actor) in self.granted, self.is_based(actor, recording)
        if recording not in self.playable or not (is_granted or is_based):
            return False
        if (recording, actor) in self.revoked:
            return is_granted
        has_lapsed = is_granted and actor in self.owners[recording][:2]
        return is_granted != is_based and not has_lapsed

    def publish(self, recording: Id) -> None:
        """A first replay is granted to both people of it, but for what was revoked; a later one to nobody."""
        if recording not in self.published:
            owners = self.owners[recording]
            both = {(recording, owners.patient_user), (recording, owners.clinician_user)}
            self.granted |= both - self.revoked
        self.published.add(recording)
        self.held_back.discard(recording)
        self.releasing.discard(recording)

    def restore(self, recording: Id, user: Id) -> None:
        self.revoked.discard((recording, user))
        was_checked = recording in self.published | self.held_back | self.discarded
        if was_checked and user in self.owners[recording][:2]:
            self.granted.add((recording, user))

    def may_decide(self, user: Id, recording: Id, deciders: set[Id]) -> bool:
        """Say whether this person may decide about this recording now, whatever it is they decide."""
        may = user in deciders and user not in self.closed_accounts
        return may and recording in self.held_back and recording not in self.releasing

    def standing(self, recording: Id) -> Proposal | None:
        """Return what waits for a second person, unless the first may no longer decide."""
        proposal = self.proposals.get(recording)
        return proposal if proposal and proposal.by not in self.closed_accounts else None
