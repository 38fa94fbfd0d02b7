"""Damages grants as a wrong script, a careless hand or a bug could, and says what must then be found."""

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.utils import timezone
from guardian.models import GroupObjectPermission, UserObjectPermission

from accounts import reconciliation
from accounts.models import User
from accounts.reconciliation import Because, Rule
from consultations.booking import book
from patients.models import Clinician
from recordings import policy
from recordings.models import PlaybackRevocation, Recording
from tests.cast import make_clinician, make_ended_call, make_patient

# kind, object, codename, holder, why
Found = tuple[str, str, str, str, Because]
FIFTEEN = timedelta(minutes=15)


@dataclass(frozen=True)
class Side:
    """One patient, one clinician, one consultation and its playable recording: eight grants."""

    recording: Recording

    @property
    def users(self) -> list[User]:
        return [self.recording.patient.user, self.recording.clinician.user]

    def of(self, rule: Rule) -> Model:
        return {
            "patient": self.recording.patient,
            "consultation": self.recording.consultation,
            "recording": self.recording,
        }[kind_of(rule)]


def make_side(number: int) -> Side:
    at = timezone.now()
    patient, clinician = make_patient(f"Patient {number}"), make_clinician(f"Clinician {number}")
    call = make_ended_call(book(patient, clinician, starts_at=at, ends_at=at + FIFTEEN, reason="Visit", now=at))
    recording = Recording.objects.create(
        call=call, consultation=call.consultation, patient=patient, clinician=clinician,
        status=Recording.Status.READY, started_at=at, created_at=at, duration_ms=1000,
    )  # fmt: skip
    policy.grant_playback(recording)
    return Side(recording)


def kind_of(rule: Rule) -> str:
    return str(rule.model._meta.model_name)


def permission(rule: Rule, codename: str) -> Permission:
    return Permission.objects.get(codename=codename, content_type=ContentType.objects.get_for_model(rule.model))


class Damage:
    """Plants one thing per side, chosen at random from `seed`. Each returns what must be found of it."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.kinds: list[Callable[[Side], list[Found]]] = [
            self.take, self.give_to_a_stranger, self.give_to_a_group, self.give_generically,
            self.give_a_group_generically, self.give_another_permission, self.revoke, self.give_despite_revocation,
            self.unpublish, self.close_an_account, self.leave,
        ]  # fmt: skip

    def plant(self, sides: list[Side]) -> list[Found]:
        kinds = [*self.kinds, *self.random.choices(self.kinds, k=max(0, len(sides) - len(self.kinds)))]
        return sorted(found for kind, side in zip(kinds, sides, strict=False) for found in kind(side))

    def _choice(self) -> tuple[Rule, str]:
        rule = self.random.choice(reconciliation.rules())
        return rule, self.random.choice(rule.codenames)

    def _stranger(self) -> User:
        return User.objects.create_user(f"{uuid.uuid4()}@cast.test", name="Nobody")

    def _group(self) -> Group:
        return Group.objects.create(name=str(uuid.uuid4()))

    def take(self, side: Side) -> list[Found]:
        rule, codename = self._choice()
        of, user = side.of(rule), self.random.choice(side.users)
        rule.grants.objects.get(content_object=of, user=user, permission__codename=codename).delete()
        return [(kind_of(rule), str(of.pk), codename, str(user.pk), Because.NEVER_GIVEN)]

    def give_to_a_stranger(self, side: Side) -> list[Found]:
        (rule, codename), user = self._choice(), self._stranger()
        of = side.of(rule)
        rule.grants.objects.create(content_object=of, user=user, permission=permission(rule, codename))
        return [(kind_of(rule), str(of.pk), codename, str(user.pk), Because.NO_RELATIONSHIP)]

    def give_to_a_group(self, side: Side) -> list[Found]:
        (rule, codename), group = self._choice(), self._group()
        of = side.of(rule)
        rule.group_grants.objects.create(content_object=of, group=group, permission=permission(rule, codename))
        return [(kind_of(rule), str(of.pk), codename, str(group.pk), Because.TO_A_GROUP)]

    def give_generically(self, side: Side) -> list[Found]:
        return self._give_generically(UserObjectPermission, side, user=self.random.choice(side.users))

    def give_a_group_generically(self, side: Side) -> list[Found]:
        return self._give_generically(GroupObjectPermission, side, group=self._group())

    def _give_generically(self, table: type[Model], side: Side, **holder: Model) -> list[Found]:
        rule, codename = self._choice()
        of, right = side.of(rule), permission(rule, codename)
        table.objects.create(object_pk=str(of.pk), content_type=right.content_type, permission=right, **holder)
        (to,) = holder.values()
        return [("generic", str(of.pk), codename, str(to.pk), Because.GENERIC)]

    def give_another_permission(self, side: Side) -> list[Found]:
        """To somebody whose own it is: what the admin site calls viewing is no grant."""
        rule, _ = self._choice()
        of, user, codename = side.of(rule), self.random.choice(side.users), f"view_{kind_of(rule)}"
        rule.grants.objects.create(content_object=of, user=user, permission=permission(rule, codename))
        return [(kind_of(rule), str(of.pk), codename, str(user.pk), Because.OTHER_PERMISSION)]

    def revoke(self, side: Side) -> list[Found]:
        user = self._revoke(side)
        policy.withdraw_playback(side.recording, user)
        return [("recording", str(side.recording.pk), policy.PLAY, str(user.pk), Because.REVOKED)]

    def give_despite_revocation(self, side: Side) -> list[Found]:
        user = self._revoke(side)
        return [("recording", str(side.recording.pk), policy.PLAY, str(user.pk), Because.DESPITE_REVOCATION)]

    def _revoke(self, side: Side) -> User:
        user, recording = self.random.choice(side.users), side.recording
        PlaybackRevocation.objects.create(
            recording=recording, patient=recording.patient, user=user, why="objection",
            revoked_at=recording.created_at, revoked_by=user,
        )  # fmt: skip
        return user

    def unpublish(self, side: Side) -> list[Found]:
        status = self.random.choice(Recording.UNPUBLISHED)
        Recording.objects.filter(pk=side.recording.pk).update(status=status)
        of = str(side.recording.pk)
        return [("recording", of, policy.PLAY, str(user.pk), Because.NOT_PUBLISHED) for user in side.users]

    def close_an_account(self, side: Side) -> list[Found]:
        user = self.random.choice(side.users)
        User.objects.filter(pk=user.pk).update(is_active=False)
        return self._all_of(side, user, Because.LAPSED)

    def leave(self, side: Side) -> list[Found]:
        Clinician.objects.filter(pk=side.recording.clinician_id).update(is_active=False)
        return self._all_of(side, side.recording.clinician.user, Because.LAPSED)

    def _all_of(self, side: Side, user: User, because: Because) -> list[Found]:
        return [
            (kind_of(rule), str(side.of(rule).pk), codename, str(user.pk), because)
            for rule in reconciliation.rules()
            for codename in rule.codenames
        ]
