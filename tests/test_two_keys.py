"""The grant and the reason for it are asked by different means, in three apps, and lists and decisions agree."""

import ast
import inspect
import re
from collections.abc import Callable
from functools import partial
from types import ModuleType

import pytest
from django.db import connection, models
from django.db.models import QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext
from guardian.shortcuts import assign_perm

from accounts.models import User
from audit.models import Action, Alert, Entry
from consultations import policy as consultations
from consultations.models import Consultation, Participant
from patients import policy as patients
from patients.models import Patient
from recordings import policy as recordings
from recordings.models import Recording
from tests.cast import Cast
from tests.damage import Damage, make_side
from tests.figures import record

pytestmark = [pytest.mark.database, pytest.mark.django_db]
TABLE = re.compile(r'(?:FROM|JOIN) "(\w+)"')
# What both sides may use: the model they answer with, Django's own words for a query, and who asks.
COMMON = {"Exists", "OuterRef", "Subquery", "QuerySet", "Viewer", "objects", "filter", "values", "pk", "user"}
SIDES = [
    (patients, Patient, patients.granted_to),
    (consultations, Consultation, partial(consultations.granted_to, codename=consultations.VIEW)),
    (consultations, Consultation, partial(consultations.granted_to, codename=consultations.JOIN)),
    (recordings, Recording, recordings.granted_to),
]
EACH = pytest.mark.parametrize(
    ("policy", "model", "granted_to"), SIDES, ids=["patients", "consultations", "calls", "recordings"]
)
Asked = Callable[[User], QuerySet]


def tables(asked: Asked, user: User) -> set[str]:
    """Return the tables that the database was really asked about."""
    with CaptureQueriesContext(
        connection,
    ) as queries:
        list(asked(user))
    return {table for query in queries for table in TABLE.findall(query["sql"])}


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@EACH
def test_the_two_keys_read_no_table_in_common_but_the_one_they_answer_with(
    policy: ModuleType, model: type[models.Model], granted_to: Asked, cast: Cast
) -> None:
    user, own = cast.ada.clinician.user, model._meta.db_table
    grants = f"{model._meta.app_label}_{model._meta.model_name}userobjectpermission"
    by_grant, by_basis = tables(granted_to, user), tables(policy.basis_for, user)
    assert by_grant == {own, grants, "auth_permission"}
    assert by_grant & by_basis == {own}
    assert {"accounts_user", "patients_clinician"} <= by_basis


def names_in(function: Callable[..., object]) -> set[str]:
    """Return every name and attribute that the function's own code mentions."""
    tree = ast.parse(inspect.getsource(function))
    named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return named | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


@pytest.mark.parametrize("policy", [patients, consultations, recordings])
def test_the_two_keys_share_no_function_manager_or_constant(policy: ModuleType) -> None:
    model = {patients: Patient, consultations: Consultation, recordings: Recording}[policy]
    shared = names_in(policy.granted_to) & names_in(policy.basis_for)
    assert shared <= COMMON | {model.__name__}
    assert model.objects.all().query.where.children == [], "the manager they both start from filters nothing"
    assert not {"basis_for", "_revoked", "_difference"} & names_in(policy.granted_to)
    assert not {"granted_to", "UserObjectPermission", "has_perm"} & names_in(policy.basis_for)


@pytest.mark.isolation
def test_lists_and_decisions_agree_whatever_is_wrong_with_the_grants() -> None:
    compared = allowed = 0
    for seed in range(3):
        sides = [make_side(1000 * seed + number) for number in range(10)]
        Damage(seed).plant(sides)
        people = [user for side in sides for user in side.users]
        people += User.objects.exclude(pk__in=[user.pk for user in people]).order_by("-date_joined")[:5]
        for user in people:
            listed = set(recordings.playable_by(user).values_list("pk", flat=True))
            for side in sides:
                decision = recordings.decide(user, side.recording.pk)
                assert (decision.recording is not None) == (side.recording.pk in listed), decision.reason
                compared, allowed = compared + 1, allowed + (decision.recording is not None)
    assert allowed > 30
    record("two keys: list and decision agree", f"{compared} of {compared} pairs, {allowed} allowed", "all")


def test_a_list_is_both_keys_for_everybody(cast: Cast) -> None:
    for user in User.objects.all():
        for policy, _model, granted_to in (SIDES[0], SIDES[1]):
            both = set(granted_to(user)) & set(policy.basis_for(user))
            assert set(policy.visible_to(user)) == both
        joins = set(SIDES[2][2](user)) & set(consultations.basis_for(user))
        assert joins == {one for one in Consultation.objects.all() if consultations.place_in(user, one.pk)}
        assert set(recordings.playable_by(user)) == set(recordings.granted_to(user)) & set(recordings.basis_for(user))


def test_a_lost_grant_is_told_to_the_staff_by_every_page_of_a_recording(cast: Cast) -> None:
    user, recording = cast.ada.patient.user, cast.ada.recording
    pages = [f"/recordings/{recording.pk}/{page}" for page in ("", "sharing/", "access/", "keeping/")]
    client = browser(user)
    assert [client.get(page).status_code for page in pages] == [200] * 4
    recordings.withdraw_playback(recording, user)
    for times, page in enumerate(pages, start=1):
        assert client.get(page).status_code == 404
        alert = Alert.objects.get()
        assert (alert.kind, alert.object_id, alert.patient) == ("two_keys", recording.pk, cast.ada.patient.pk)
        assert (alert.actor, alert.times, alert.detail) == (user.pk, times, {"reason": "basis_without_grant"})
    assert {line.reason for line in Entry.objects.filter(action=Action.REFUSED)} == {"basis_without_grant"}


def lose_the_grant(cast: Cast) -> User:
    place = Participant.objects.get(consultation=cast.ada.planned, role="clinician")
    consultations.revoke_place(place)
    return place.user


def gain_a_grant(cast: Cast) -> User:
    for codename in (consultations.VIEW, consultations.JOIN):
        assign_perm(f"consultations.{codename}", cast.ben.clinician.user, cast.ada.planned)
    return cast.ben.clinician.user


@pytest.mark.parametrize("goes_wrong", [lose_the_grant, gain_a_grant])
def test_keys_of_a_consultation_that_disagree_are_told_to_the_staff(
    goes_wrong: Callable[[Cast], User], cast: Cast
) -> None:
    user, consultation = goes_wrong(cast), cast.ada.planned
    reason = "basis_without_grant" if goes_wrong is lose_the_grant else "grant_without_basis"
    client = browser(user)
    for times, page in enumerate(("", "call/", "next/", "beside/"), start=1):
        assert client.get(f"/consultations/{consultation.pk}/{page}").status_code == 404
        alert = Alert.objects.get()
        assert (alert.kind, alert.object_id, alert.patient) == ("two_keys", consultation.pk, cast.ada.patient.pk)
        assert (alert.actor, alert.times, alert.detail) == (user.pk, times, {"reason": reason})
    assert {line.reason for line in Entry.objects.filter(action=Action.REFUSED)} == {reason}
