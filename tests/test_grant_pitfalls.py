"""Ways in which object permissions have leaked elsewhere: global rights, reused keys, kept users, forged rows."""

import random
import uuid
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import IntegrityError, connection, models, transaction
from django.db.models import ProtectedError, QuerySet
from django.http import Http404
from guardian.core import ObjectPermissionChecker
from guardian.shortcuts import assign_perm
from guardian.utils import get_user_obj_perms_model

from accounts import reconciliation
from accounts.models import User
from accounts.reconciliation import Because
from consultations import policy as consultations
from consultations.models import Participant
from patients import policy as patients
from patients.models import Clinician, Patient
from patients.services import begin_care, end_care
from recordings import policy as recordings
from recordings.models import Recording, RecordingUserObjectPermission
from tests.cast import OWNERS, Cast, make_ended_call, make_patient, make_user
from tests.damage import permission
from tests.figures import record

pytestmark = [pytest.mark.database, pytest.mark.django_db]
OF_IT = pytest.mark.parametrize("actor", sorted(OWNERS["ada"]))
LISTS: list[Callable[[User], QuerySet]] = [patients.visible_to, consultations.visible_to, recordings.playable_by]


def shown(user: User) -> list[set[models.Model]]:
    return [set(listed(user)) for listed in LISTS]


def opens(user: User, cast: Cast) -> list[bool]:
    """Whether this person, as the instance at hand, sees, joins and plays what is Ada's."""
    try:
        sees = consultations.get_visible_or_404(user, cast.ada.planned.pk) is not None
    except Http404:
        sees = False
    return [
        sees,
        consultations.place_in(user, cast.ada.planned.pk) is not None,
        recordings.decide(user, cast.ada.recording.pk).recording is not None,
        recordings.playable_by(user).filter(pk=cast.ada.recording.pk).exists(),
    ]


@pytest.mark.parametrize("how", ["everywhere", "on each object"])
@pytest.mark.parametrize("actor", ["ben.patient", "ben.clinician", "ada.colleague", "staff"])
def test_what_a_group_was_given_widens_no_list(how: str, actor: str, cast: Cast) -> None:
    user = cast.actors()[actor]
    before, group = shown(user), Group.objects.create(name="Clinicians")
    user.groups.add(group)
    for rule in reconciliation.rules():
        for codename in rule.codenames:
            right = permission(rule, codename)
            if how == "everywhere":
                group.permissions.add(right)
            else:
                for of in rule.model.objects.all():
                    rule.group_grants.objects.create(content_object=of, group=group, permission=right)
    fresh = User.objects.get(pk=user.pk)
    assert fresh.has_perm("recordings.play_recording", None if how == "everywhere" else cast.ada.recording)
    assert shown(fresh) == before
    assert actor == "ada.colleague" or opens(fresh, cast) == [False] * 4


# Reused keys.


def bare_recording(cast: Cast, **facts: object) -> Recording:
    """Make a recording that nothing refers to yet: the only kind that can be deleted at all."""
    call = make_ended_call(cast.ada.held)
    return Recording.objects.create(
        call=call, consultation=call.consultation, patient=call.patient, clinician=call.clinician,
        status=Recording.Status.READY, started_at=call.opened_at, created_at=call.opened_at, duration_ms=1, **facts,
    )  # fmt: skip


def test_a_recording_with_a_replay_cannot_be_deleted(cast: Cast) -> None:
    with pytest.raises(ProtectedError):
        cast.ada.recording.delete()


def test_who_was_granted_a_recording_has_nothing_of_the_next_one_with_its_key(cast: Cast) -> None:
    first = bare_recording(cast)
    recordings.grant_playback(first)
    assign_perm("recordings.play_recording", cast.ben.patient.user, first)
    key = first.pk
    first.delete()
    assert not RecordingUserObjectPermission.objects.filter(content_object_id=key).exists()
    again = bare_recording(cast, pk=key)
    assert again.pk == key
    for user in User.objects.all():
        assert not recordings.granted_to(user).filter(pk=key).exists()
        assert recordings.decide(user, key).recording is None


@pytest.mark.django_db(transaction=True)
def test_the_database_itself_lets_no_grant_outlive_its_recording(cast: Cast) -> None:
    bare = bare_recording(cast)
    recordings.grant_playback(bare)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        key = Recording._meta.pk.get_db_prep_value(bare.pk, connection)
        cursor.execute("DELETE FROM recordings_recording WHERE id = %s", [key])
    assert Recording.objects.filter(pk=bare.pk).exists()


def test_grants_lie_in_tables_with_real_keys() -> None:
    for rule in reconciliation.rules():
        assert get_user_obj_perms_model(rule.model) is rule.grants
        field = rule.grants._meta.get_field("content_object")
        assert field.remote_field.on_delete is models.CASCADE and field.db_constraint


# Kept users and checkers.


@OF_IT
def test_a_user_who_was_kept_in_memory_opens_nothing_once_deactivated(actor: str, cast: Cast) -> None:
    kept = User.objects.get(pk=cast.actors()[actor].pk)
    assert opens(kept, cast) == [True] * 4
    User.objects.filter(pk=kept.pk).update(is_active=False)
    assert kept.is_active, "as a socket would still have it"
    assert opens(kept, cast) == [False] * 4
    assert shown(kept)[1:] == [set(), set()] and not patients.visible_to(kept).exists()


@OF_IT
def test_what_was_looked_up_before_a_withdrawal_does_not_count_after_it(actor: str, cast: Cast) -> None:
    kept = User.objects.get(pk=cast.actors()[actor].pk)
    checker = ObjectPermissionChecker(kept)
    checker.prefetch_perms([cast.ada.recording])
    kept._guardian_perms_cache = checker
    assert checker.has_perm("play_recording", cast.ada.recording)
    recordings.withdraw_playback(cast.ada.recording, kept)
    consultations.revoke_place(Participant.objects.get(consultation=cast.ada.planned, user=kept))
    assert checker.has_perm("play_recording", cast.ada.recording), "the trap: a kept checker still says yes"
    assert opens(kept, cast) == [False] * 4


def test_a_kept_clinician_opens_nothing_once_they_left(cast: Cast) -> None:
    kept = User.objects.get(pk=cast.ada.clinician.user_id)
    assert kept.clinician.is_active
    Clinician.objects.filter(user=kept).update(is_active=False)
    assert kept.clinician.is_active and opens(kept, cast) == [False] * 4


# Forged rows.


def test_a_forged_recording_grants_its_own_people_and_nobody_it_names(cast: Cast) -> None:
    ada, ben = cast.ada, cast.ben
    forged = Recording(
        pk=ben.recording.pk, consultation=ada.held, patient=ada.patient, clinician=ada.clinician, call=ada.call
    )
    assert {user.pk for user in recordings.grant_playback(forged)} == {ben.patient.user_id, ben.clinician.user_id}
    for user in (ada.patient.user, ada.clinician.user):
        assert not recordings.granted_to(user).filter(pk=ben.recording.pk).exists()


def test_a_forged_place_grants_what_the_real_one_is_and_nothing_it_names(cast: Cast) -> None:
    real = Participant.objects.get(consultation=cast.ben.planned, user=cast.ben.patient.user)
    consultations.grant_place(Participant(pk=real.pk, user=cast.ada.patient.user, consultation=cast.ben.planned))
    consultations.grant_place(Participant(pk=real.pk, user=cast.ben.patient.user, consultation=cast.ada.planned))
    assert reconciliation_is_clean()
    with pytest.raises(Participant.DoesNotExist):
        consultations.grant_place(Participant(user=cast.ada.patient.user, consultation=cast.ben.planned))
    assert reconciliation_is_clean()


def reconciliation_is_clean() -> bool:
    return list(reconciliation.differences()) == []


def test_an_id_that_was_never_stored_is_unknown(cast: Cast) -> None:
    assert recordings.decide(cast.ada.patient.user, uuid.uuid4()).reason == "unknown"


# Many deletions.


@pytest.mark.isolation
@pytest.mark.long
def test_a_thousand_deletions_leave_no_orphan() -> None:
    """People and patients without history, with grants on each other, deleted in any order."""
    chance = random.Random(20)
    see = Permission.objects.get(codename="see_patient")
    people: list[models.Model] = [make_user(f"Person {number}") for number in range(700)]
    charts: list[models.Model] = [
        Patient.objects.create(name=f"Chart {number}", date_of_birth="1980-02-29") for number in range(700)
    ]
    table = reconciliation.rules()[0].grants
    table.objects.bulk_create(
        table(user=person, content_object=chart, permission=see)
        for person in people
        for chart in chance.sample(charts, 5)
    )
    for row in chance.sample([*people, *charts], 1000):
        row.delete()
    left = table.objects.count()
    orphans = sum(1 for one in reconciliation.differences() if one.because == Because.ORPHAN)
    assert 0 < left < 3500
    record("grants: orphans after 1,000 random deletions", orphans, "0")
    assert orphans == 0


def test_ending_care_and_beginning_it_again_leaves_the_grants_right(cast: Cast) -> None:
    patient = make_patient("Cleo Marsh")
    for _ in range(2):
        care = begin_care(patient, cast.ben.clinician, why="cover", now=cast.now)
        assert reconciliation_is_clean() == patients.visible_to(cast.ben.clinician.user).filter(pk=patient.pk).exists()
        end_care(care, now=cast.now + (cast.now - cast.ada.held.starts_at))
        assert not patients.visible_to(cast.ben.clinician.user).filter(pk=patient.pk).exists()
        assert reconciliation_is_clean()
