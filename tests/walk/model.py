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


class Shared(Enum):
    """`OVER` ran out and waits to be swept."""

    PROPOSED, LIVE, OVER = "proposed", "live", "over"


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
    shares: dict[tuple[Id, Id], Shared] = field(default_factory=dict)
    closed_accounts: set[Id] = field(default_factory=set)
    gone_clinicians: set[Id] = field(default_factory=set)
    pauses: set[tuple[str, Id | None]] = field(default_factory=set)

    def is_own(self, actor: Id | None, recording: Id) -> bool:
        owners = self.owners[recording]
        works_here = owners.clinician not in self.gone_clinicians
        return actor == owners.patient_user or (actor == owners.clinician_user and works_here)

    def is_based(self, actor: Id | None, recording: Id) -> bool:
        """Say whether it is one's own, or shared with them now."""
        return (self.is_own(actor, recording) or self.is_shared(actor, recording)) and actor not in self.closed_accounts

    def is_shared(self, actor: Id | None, recording: Id) -> bool:
        return actor is not None and self.shares.get((recording, actor)) == Shared.LIVE

    def holds(self, actor: Id, recording: Id) -> bool:
        """Say whether they are one of its two people by both keys, in whatever state it is."""
        right = (recording, actor)
        has_grant = right in self.granted and right not in self.revoked
        return has_grant and self.is_own(actor, recording) and actor not in self.closed_accounts

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
        was_shared = actor is not None and self.shares.get((recording, actor)) in {Shared.LIVE, Shared.OVER}
        has_lapsed = is_granted and (actor in self.owners[recording][:2] or was_shared)
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
        if was_checked and self.is_entitled(user, recording):
            self.granted.add((recording, user))

    def is_entitled(self, user: Id, recording: Id) -> bool:
        """Say whether a grant is given to them when it is asked for: an account that is closed keeps its own."""
        is_theirs = user in self.owners[recording][:2] or self.is_shared(user, recording)
        return is_theirs and (recording, user) not in self.revoked

    def may_share(self, by: Id, grantee: Id, recording: Id, *, is_over: bool) -> bool:
        """Say whether somebody who holds it may; a share that ran out makes room for one that begins now."""
        standing = self.shares.get((recording, grantee))
        has_room = standing is None or (standing == Shared.OVER and not is_over)
        return recording in self.playable and by != grantee and has_room

    def share(self, recording: Id, grantee: Id, state: Shared) -> None:
        """A proposal gives nothing; what a share gives while it is live stands until the sweep."""
        if self.shares.get((recording, grantee)) == Shared.OVER:
            self.end_share(recording, grantee)
        self.shares[recording, grantee] = state
        if state != Shared.PROPOSED and self.is_entitled(grantee, recording):
            self.granted.add((recording, grantee))

    def end_share(self, recording: Id, grantee: Id) -> None:
        del self.shares[recording, grantee]
        if not self.is_entitled(grantee, recording):
            self.granted.discard((recording, grantee))

    def may_decide(self, user: Id, recording: Id, deciders: set[Id]) -> bool:
        """Say whether this person may decide about this recording now, whatever it is they decide."""
        may = user in deciders and user not in self.closed_accounts
        return may and recording in self.held_back and recording not in self.releasing

    def standing(self, recording: Id) -> Proposal | None:
        """Return what waits for a second person, unless the first may no longer decide."""
        proposal = self.proposals.get(recording)
        return proposal if proposal and proposal.by not in self.closed_accounts else None
