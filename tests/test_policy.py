"""Who may see, join and play: every actor against every right, each key alone, and nobody above the rules."""

import dataclasses
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import FieldError
from django.core.management import call_command
from django.db import connection
from django.db.models import QuerySet
from django.http import Http404
from django.test.utils import CaptureQueriesContext
from guardian.shortcuts import assign_perm, remove_perm

from accounts.models import ADMINISTRATORS, User
from audit.ledger import Actor
from audit.models import Action, Entry
from consultations import policy as consultations
from consultations.models import Consultation, Participant
from patients import policy as patients
from patients.models import CareRelationship, Clinician
from patients.services import end_care
from recordings import playback
from recordings import policy as recordings
from recordings.models import Recording
from tests.cast import ACTORS, OWNERS, Cast, World

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.one_cast]
EVERYBODY = pytest.mark.parametrize("actor", ACTORS)
OF_IT = pytest.mark.parametrize("actor", sorted(OWNERS["ada"]))
STRANGERS = pytest.mark.parametrize("actor", [actor for actor in ACTORS if actor not in OWNERS["ada"]])
PLAY = "recordings.play_recording"


def worlds_of(actor: str, cast: Cast) -> list[World]:
    return [getattr(cast, name) for name in ("ada", "ben") if actor in OWNERS[name]]


def stored(queryset: QuerySet) -> set:
    return set(queryset.values_list("pk", flat=True))


def test_the_list_of_actors_is_the_cast(cast: Cast) -> None:
    assert list(cast.actors()) == ACTORS


# Consultations.


@EVERYBODY
def test_everybody_sees_their_own_consultations_and_no_other(actor: str, cast: Cast) -> None:
    user = cast.actors()[actor]
    expected = {pk for world in worlds_of(actor, cast) for pk in (world.planned.pk, world.held.pk)}
    assert stored(consultations.visible_to(user)) == expected


@EVERYBODY
def test_list_page_and_place_agree_about_a_consultation(actor: str, cast: Cast) -> None:
    user = cast.actors()[actor]
    for consultation in Consultation.objects.all():
        listed = consultations.visible_to(user).filter(pk=consultation.pk).exists()
        assert found(consultations.get_visible_or_404, user, consultation.pk) == listed
        assert found(consultations.get_place_or_404, user, consultation.pk) == listed
        place = consultations.place_in(user, consultation.pk)
        assert (place is not None) == listed
        if place:
            assert (place.user_id, place.consultation_id) == (user.pk, consultation.pk)


def found(get: Callable[..., object], *words: object) -> bool:
    try:
        return get(*words) is not None
    except Http404:
        return False


@STRANGERS
def test_a_grant_alone_does_not_show_a_consultation_or_open_its_call(actor: str, cast: Cast) -> None:
    user = cast.actors()[actor]
    if actor == "nobody":
        return
    for codename in (consultations.VIEW, consultations.JOIN):
        assign_perm(f"consultations.{codename}", user, cast.ada.planned)
    assert cast.ada.planned.pk not in stored(consultations.visible_to(user))
    assert consultations.place_in(user, cast.ada.planned.pk) is None


@OF_IT
def test_a_relationship_alone_does_not_show_a_consultation_or_open_its_call(actor: str, cast: Cast) -> None:
    user = cast.actors()[actor]
    consultations.revoke_place(Participant.objects.get(consultation=cast.ada.planned, user=user))
    assert cast.ada.planned.pk not in stored(consultations.visible_to(user))
    assert consultations.place_in(user, cast.ada.planned.pk) is None
    assert cast.ada.held.pk in stored(consultations.visible_to(user))


@OF_IT
def test_seeing_a_consultation_is_not_joining_it(actor: str, cast: Cast) -> None:
    user = cast.actors()[actor]
    remove_perm(f"consultations.{consultations.JOIN}", user, cast.ada.planned)
    assert cast.ada.planned.pk in stored(consultations.visible_to(user))
    assert consultations.place_in(user, cast.ada.planned.pk) is None


@OF_IT
def test_both_keys_without_a_place_open_no_call(actor: str, cast: Cast) -> None:
    user = cast.actors()[actor]
    Participant.objects.filter(consultation=cast.ada.planned, user=user).delete()
    assert consultations.place_in(user, cast.ada.planned.pk) is None


# Recordings.


@EVERYBODY
def test_everybody_plays_their_own_recordings_and_no_other(actor: str, cast: Cast) -> None:
    expected = {world.recording.pk for world in worlds_of(actor, cast)}
    assert stored(recordings.playable_by(cast.actors()[actor])) == expected


@EVERYBODY
def test_list_and_decision_agree_about_a_recording(actor: str, cast: Cast) -> None:
    user = cast.actors()[actor]
    for recording in Recording.objects.all():
        decision = recordings.decide(user, recording.pk)
        listed = recordings.playable_by(user).filter(pk=recording.pk).exists()
        assert (decision.recording == recording) == listed
        assert decision.reason == ("both_keys" if listed else "stranger")
        assert decision.patient == recording.patient_id
        assert not decision.is_suspicious


@EVERYBODY
@pytest.mark.parametrize("granted", [True, False])
@pytest.mark.parametrize("status", Recording.Status.values)
def test_list_and_decision_agree_whatever_one_key_and_the_state_say(
    actor: str, granted: bool, status: str, cast: Cast
) -> None:
    user, recording = cast.actors()[actor], cast.ada.recording
    if actor != "nobody":
        (assign_perm if granted else remove_perm)(PLAY, user, recording)
    Recording.objects.filter(pk=recording.pk).update(status=status)
    decision = recordings.decide(user, recording.pk)
    listed = recordings.playable_by(user).filter(pk=recording.pk).exists()
    expected = granted and actor in OWNERS["ada"] and status in ("ready", "partial")
    assert (decision.recording is not None) == listed == expected


@pytest.mark.parametrize("actor", [name for name in ACTORS if name not in OWNERS["ada"] | {"nobody"}])
def test_a_grant_without_a_basis_plays_nothing_and_is_suspicious(actor: str, cast: Cast) -> None:
    user = cast.actors()[actor]
    assign_perm(PLAY, user, cast.ada.recording)
    decision = recordings.decide(user, cast.ada.recording.pk)
    assert (decision.recording, decision.reason) == (None, "grant_without_basis")
    assert decision.is_suspicious
    assert cast.ada.recording.pk not in stored(recordings.playable_by(user))


@OF_IT
def test_a_basis_without_a_grant_plays_nothing_and_is_suspicious(actor: str, cast: Cast) -> None:
    user = cast.actors()[actor]
    recordings.withdraw_playback(cast.ada.recording, user)
    decision = recordings.decide(user, cast.ada.recording.pk)
    assert (decision.recording, decision.reason) == (None, "basis_without_grant")
    assert decision.is_suspicious
    assert not recordings.playable_by(user).exists()


def test_the_grant_of_another_recording_does_not_open_this_one(cast: Cast) -> None:
    assign_perm(PLAY, cast.ada.patient.user, cast.ben.recording)
    assert stored(recordings.playable_by(cast.ada.patient.user)) == {cast.ada.recording.pk}
    assert recordings.decide(cast.ada.patient.user, cast.ben.recording.pk).recording is None


@OF_IT
def test_a_grant_of_the_neighbours_recording_does_not_stand_in_for_the_own_one(actor: str, cast: Cast) -> None:
    user = cast.actors()[actor]
    recordings.withdraw_playback(cast.ada.recording, user)
    assign_perm(PLAY, user, cast.ben.recording)
    assert not recordings.playable_by(user).exists()
    assert recordings.decide(user, cast.ada.recording.pk).reason == "basis_without_grant"
    assert recordings.decide(user, cast.ben.recording.pk).reason == "grant_without_basis"


@OF_IT
def test_a_grant_of_one_consultation_does_not_stand_in_for_another(actor: str, cast: Cast) -> None:
    user = cast.actors()[actor]
    consultations.revoke_place(Participant.objects.get(consultation=cast.ada.planned, user=user))
    assert stored(consultations.visible_to(user)) == {cast.ada.held.pk}
    assert consultations.place_in(user, cast.ada.planned.pk) is None
    assert consultations.place_in(user, cast.ada.held.pk) is not None


def test_booking_gives_the_two_people_of_the_consultation_a_place_and_nobody_else(cast: Cast) -> None:
    for world in (cast.ada, cast.ben):
        own = {world.patient.user_id, world.clinician.user_id}
        assert set(world.planned.participants.values_list("user", flat=True)) == own
        for codename in (consultations.VIEW, consultations.JOIN):
            granted = consultations.granted_to
            assert own == {
                u.pk for u in User.objects.all() if granted(u, codename).filter(pk=world.planned.pk).exists()
            }


def test_granting_gives_the_two_people_of_the_consultation_and_nobody_else(cast: Cast) -> None:
    for world in (cast.ada, cast.ben):
        holders = {u.pk for u in User.objects.all() if recordings.granted_to(u).filter(pk=world.recording.pk).exists()}
        assert holders == {world.patient.user_id, world.clinician.user_id}


@OF_IT
@pytest.mark.parametrize("status", [s for s in Recording.Status.values if s not in ("ready", "partial")])
def test_what_is_not_ready_is_not_played_even_with_both_keys(actor: str, status: str, cast: Cast) -> None:
    Recording.objects.filter(pk=cast.ada.recording.pk).update(status=status)
    decision = recordings.decide(cast.actors()[actor], cast.ada.recording.pk)
    assert (decision.recording, decision.reason) == (None, f"state_{status}")
    assert not decision.is_suspicious
    assert not recordings.playable_by(cast.actors()[actor]).exists()


def test_an_id_that_never_existed_is_unknown(cast: Cast) -> None:
    decision = recordings.decide(cast.ada.patient.user, cast.ada.patient.pk)
    assert dataclasses.astuple(decision) == (None, "unknown", None)


def test_deciding_about_what_never_existed_asks_as_much_as_about_what_is_somebody_elses(cast: Cast) -> None:
    asked = []
    for target in (cast.ada.patient.pk, cast.ada.recording.pk):
        with CaptureQueriesContext(connection) as queries:
            recordings.decide(cast.ben.patient.user, target)
        asked.append(len(queries))
    assert asked[0] == asked[1]


def test_unknown_and_forbidden_look_alike_outside_and_differ_in_the_ledger(cast: Cast) -> None:
    user = cast.ben.patient.user
    for target, reason in ((cast.ada.patient.pk, "unknown"), (cast.ada.recording.pk, "stranger")):
        with pytest.raises(Http404) as refusal:
            playback.open_replay(user, target, actor=Actor(user.pk), now=cast.now)
        assert str(refusal.value) == ""
        assert Entry.objects.get(action=Action.REFUSED, object_id=target).reason == reason


# Accounts that ended, people who left.


@OF_IT
def test_a_deactivated_account_sees_nothing_even_through_a_user_object_read_before(actor: str, cast: Cast) -> None:
    stale = cast.actors()[actor]
    User.objects.filter(pk=stale.pk).update(is_active=False)
    assert stale.is_active
    for user in (stale, User.objects.get(pk=stale.pk)):
        assert not consultations.visible_to(user).exists()
        assert consultations.place_in(user, cast.ada.planned.pk) is None
        assert not recordings.playable_by(user).exists()
        assert recordings.decide(user, cast.ada.recording.pk).recording is None
        assert not patients.visible_to(user).exists()


def test_a_clinician_who_no_longer_works_here_sees_and_plays_nothing(cast: Cast) -> None:
    Clinician.objects.filter(pk=cast.ada.clinician.pk).update(is_active=False)
    user = cast.ada.clinician.user
    assert not consultations.visible_to(user).exists()
    assert consultations.place_in(user, cast.ada.planned.pk) is None
    assert not recordings.playable_by(user).exists()
    assert recordings.decide(user, cast.ada.recording.pk).recording is None
    assert not patients.visible_to(user).exists()
    assert recordings.playable_by(cast.ada.patient.user).exists(), "the patient keeps theirs"


def test_ending_the_care_relationship_does_not_take_the_clinicians_own_recordings(cast: Cast) -> None:
    care = CareRelationship.objects.get(patient=cast.ada.patient, clinician=cast.ada.clinician)
    end_care(care, now=cast.now)
    assert recordings.playable_by(cast.ada.clinician.user).exists()
    assert cast.ada.patient.pk not in stored(patients.visible_to(cast.ada.clinician.user))


def test_the_colleague_who_cares_for_the_patient_sees_the_patient_and_no_recording(cast: Cast) -> None:
    colleague = cast.ada.colleague.user
    assert stored(patients.visible_to(colleague)) == {cast.ada.patient.pk}
    assert not consultations.visible_to(colleague).exists()
    assert not recordings.playable_by(colleague).exists()


# Patients.


@EVERYBODY
def test_everybody_sees_themselves_or_whom_they_care_for_and_no_other_patient(actor: str, cast: Cast) -> None:
    world = actor.split(".")[0]
    expected = {getattr(cast, world).patient.pk} if world in ("ada", "ben") else set()
    assert stored(patients.visible_to(cast.actors()[actor])) == expected


def test_neither_key_alone_shows_a_patient(cast: Cast) -> None:
    assign_perm(patients.VIEW, cast.ben.clinician.user, cast.ada.patient)
    assert cast.ada.patient.pk not in stored(patients.visible_to(cast.ben.clinician.user))
    patients.revoke_view(cast.ada.patient, cast.ada.clinician.user)
    assert not patients.visible_to(cast.ada.clinician.user).exists()


# Nobody stands above the rules.


def every_permission(user: User) -> None:
    """Give everything that can be given globally, by group and by person."""
    group = Group.objects.get_or_create(name=ADMINISTRATORS)[0]
    group.permissions.set(Permission.objects.all())
    user.groups.add(group)
    user.user_permissions.set(Permission.objects.all())


@pytest.mark.parametrize("actor", ["staff", "administrator", "ada.colleague", "ben.patient"])
def test_every_global_permission_together_opens_nothing(actor: str, cast: Cast) -> None:
    before = (
        stored(recordings.playable_by(cast.actors()[actor])),
        stored(consultations.visible_to(cast.actors()[actor])),
    )
    every_permission(cast.actors()[actor])
    user = User.objects.get(pk=cast.actors()[actor].pk)
    assert user.has_perm(PLAY)
    assert (stored(recordings.playable_by(user)), stored(consultations.visible_to(user))) == before
    assert recordings.decide(user, cast.ada.recording.pk).recording is None
    assert consultations.place_in(user, cast.ada.planned.pk) is None
    assert cast.ada.patient.pk not in stored(patients.visible_to(user)) or actor == "ada.colleague"


@pytest.mark.parametrize("actor", ["staff", "administrator"])
def test_staff_who_are_called_superuser_in_memory_open_nothing(actor: str, cast: Cast) -> None:
    user = cast.actors()[actor]
    user.is_superuser = True
    assert not recordings.playable_by(user).exists()
    assert recordings.decide(user, cast.ada.recording.pk).recording is None
    assert not consultations.visible_to(user).exists()
    user.save()
    assert not User.objects.get(pk=user.pk).is_superuser


def test_nobody_can_be_made_a_superuser(cast: Cast) -> None:
    assert User.is_superuser is False
    assert not any(field.name == "is_superuser" for field in User._meta.get_fields())
    with pytest.raises(FieldError):
        User.objects.filter(is_superuser=True)
    with pytest.raises(TypeError):
        User(is_superuser=True)
    with pytest.raises(TypeError):
        User.objects.create_user("root@cast.test", name="Root", is_superuser=True)
    assert not User.objects.filter(email="root@cast.test").exists()


def test_createsuperuser_makes_an_administrator_who_is_no_superuser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "another long sentence")
    call_command("createsuperuser", email="boss@cast.test", name="Bo Boss", interactive=False, verbosity=0)
    boss = User.objects.get(email="boss@cast.test")
    assert boss.is_staff and not boss.is_superuser
    assert [group.name for group in boss.groups.all()] == [ADMINISTRATORS]
    assert boss.check_password("another long sentence")
    assert not recordings.playable_by(boss).exists()
