"""All steps together, those who look at recordings among them, and what must hold after each."""

import gc
import uuid
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction
from django.db.models import F, QuerySet
from hypothesis.stateful import invariant, rule

from accounts.models import User
from audit import ledger
from audit.models import Alert, AlertKind
from recordings import policy
from recordings.models import Chunk, Recording, Rendition, Segment
from tests.replays import Viewer
from tests.walk.base import WHICH, pick
from tests.walk.calls import Calls
from tests.walk.deletions import Deletions
from tests.walk.model import Actor, Answer, Id
from tests.walk.rights import Rights
from tests.walk.staff import HeldBack

Place = tuple[str, ...]
# Somebody who asks too often for what is not theirs is told to wait.
REFUSED = {401, 404, 429}
STATUS = {Answer.PLAYS: {200}, Answer.PAUSED: {503, 429}, Answer.NOTHING: REFUSED}


class Machine(Calls, Rights, Deletions, HeldBack):
    """Given by whoever starts it: `strange`, what was stored before the world was made, and `world_objects`, both."""

    strange: frozenset[Place]
    world_objects: dict[Place, bytes]
    steps = asked = 0

    def __init__(self) -> None:
        super().__init__()
        self.actors = {actor.pk: actor for actor in self.people.actors}
        self.viewers: dict[Id | None, Viewer] = {}
        self.keys = {pk: Keys.of(actor) for pk, actor in self.actors.items()}
        self.answers = self.all_answers()

    @rule(one=WHICH, two=WHICH)
    def somebody_opens_it(self, one: int, two: int) -> None:
        self.demand_bytes(pick(list(self.actors), two), self.story(one).recording)

    @rule(one=WHICH)
    def somebody_signs_out(self, one: int) -> None:
        actor = pick(list(self.viewers) or [None], one)
        viewer = self.viewer(actor)
        viewer.client.logout()
        assert viewer.get(self.touched.recording).status_code == 401
        self.viewers.pop(actor, None)

    @rule(one=WHICH)
    def somebody_looks_at_their_list(self, one: int) -> None:
        actor = pick(list(self.actors), one)
        answer = self.viewer(actor).client.get("/recordings/")
        is_in = actor is not None and actor not in self.model.closed_accounts
        assert answer.status_code == (200 if is_in else 302)
        html = answer.content.decode()
        listed = self.model.listed(actor)
        assert {pk for pk in self.model.owners if f'"/recordings/{pk}/"' in html} == listed
        # What its own patient asked to have deleted stands there, too, without a way to it.
        own = {pk for pk, owners in self.model.owners.items() if owners.patient_user == actor}
        assert {pk for pk in self.model.owners if str(pk) in html} <= listed | own

    def viewer(self, actor: Id | None) -> Viewer:
        """Return this person's browser; it stays signed in when their account is closed."""
        if actor is None or (actor not in self.viewers and actor in self.model.closed_accounts):
            return Viewer(None)
        if actor not in self.viewers:
            self.viewers[actor] = Viewer(User.objects.get(pk=actor))
        return self.viewers[actor]

    @invariant()
    def portal_and_model_agree(self) -> None:
        """Ask for everybody's list and both keys; of whoever gained or lost for the decision, and their bytes.

        Decisions and bytes of others are asked for by `somebody_opens_it` and, for everybody, at the end of a walk.
        """
        type(self).steps += 1
        for pk, keys in self.keys.items():
            assert keys.listed() == self.model.listed(pk)
            assert keys.granted() == self.model.granted_to(pk)
            assert keys.based() == self.model.based_for(pk)
        before, self.answers = self.answers, self.all_answers()
        changed = [pair for pair, answer in self.answers.items() if before.get(pair, Answer.NOTHING) != answer]
        for actor, recording in changed:
            self.reached[f"becomes {self.answers[actor, recording].value}"] += 1
            self.demand_decision(actor, recording)
            if recording == self.touched.recording:
                self.demand_bytes(actor, recording)

    def all_answers(self) -> dict[tuple[Id | None, Id], Answer]:
        return {(pk, of): self.model.answer(pk, of) for pk in self.actors for of in self.model.owners}

    def demand_decision(self, actor: Id | None, recording: Id) -> None:
        type(self).asked += 1
        decision, answer = policy.decide(self.actors[actor], recording), self.model.answer(actor, recording)
        found = decision.recording.pk if decision.recording else None
        assert found == (recording if answer == Answer.PLAYS else None), (decision.reason, answer)
        assert decision.is_paused == (answer == Answer.PAUSED), (decision.reason, answer)
        assert decision.is_suspicious == self.model.is_suspicious(actor, recording), decision.reason

    def demand_bytes(self, actor: Id | None, recording: Id) -> None:
        type(self).asked += 1
        answer, response = self.model.answer(actor, recording), self.viewer(actor).get(recording)
        status, mark = response.status_code, f"<{recording}>".encode()
        assert status in STATUS[answer], (status, answer)
        if status == 200:
            assert response.body.count(b"<") == response.body.count(mark) > 0
        else:
            assert mark not in response.body

    def demand_passports(self) -> None:
        assert not Segment.objects.exclude(patient=F("recording__patient")).exists()
        assert not Chunk.objects.exclude(patient=F("segment__recording__patient")).exists()
        assert not Rendition.objects.exclude(patient=F("recording__patient")).exists()

    def teardown(self) -> None:
        try:
            for actor in self.actors:
                for recording in self.model.owners:
                    self.demand_decision(actor, recording)
            for actor in self.actors:
                self.demand_bytes(actor, self.touched.recording)
            self.demand_passports()
            assert objects_stored().keys() - self.strange == objects_expected(self.model.emptied)
            assert ledger.first_fault() is None
            assert not Alert.objects.filter(kind=AlertKind.FOREIGN_ROW).exists()
        finally:
            transaction.set_rollback(True)
            self.undone.__exit__(None, None, None)
            put_back(self.world_objects)
            gc.collect()


class Written:
    """A query of somebody's, written once: to write it takes fifty times as long as to ask it."""

    def __init__(self, recordings: QuerySet[Recording]) -> None:
        try:
            self.query = recordings.values_list("pk").query.sql_with_params()
        except EmptyResultSet:
            self.query = None

    def __call__(self) -> set[Id]:
        if self.query is None:
            return set()
        with connection.cursor() as cursor:
            cursor.execute(*self.query)
            return {uuid.UUID(str(row[0])) for row in cursor.fetchall()}


@dataclass(frozen=True)
class Keys:
    """What the policy says of one person."""

    listed: Written
    granted: Written
    based: Written

    @classmethod
    def of(cls, actor: Actor) -> "Keys":
        return cls(*(Written(ask(actor)) for ask in (policy.playable_by, policy.granted_to, policy.basis_for)))


def vaults() -> Path:
    return settings.DATA_DIR / "storage" / "vaults"


def objects_stored() -> dict[Place, bytes]:
    return {path.relative_to(vaults()).parts: path.read_bytes() for path in vaults().glob("*/*/*")}


def put_back(objects: dict[Place, bytes]) -> None:
    """Remove what was stored since, store what was removed. What is stored is never changed."""
    stored = objects_stored().keys()
    for place in stored - objects.keys():
        vaults().joinpath(*place).unlink()
    for place in objects.keys() - stored:
        vaults().joinpath(*place).write_bytes(objects[place])


def objects_expected(emptied: set[Id]) -> set[Place]:
    """Return where each object must lie: below its own recording's own patient, as the tables say."""
    chunks = Chunk.objects.exclude(segment__recording__in=emptied)
    renditions = Rendition.objects.exclude(recording__in=emptied)
    places = (
        *chunks.values_list("segment__recording__patient__vault_id", "segment__recording", "pk"),
        *renditions.values_list("recording__patient__vault_id", "recording", "pk"),
    )
    return {tuple(map(str, place)) for place in places}
