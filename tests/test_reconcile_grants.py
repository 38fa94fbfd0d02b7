"""Grants are recomputed from the relationships: every difference is named, none else, and a repair leaves none."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import reconciliation, tasks
from accounts.models import User
from accounts.reconciliation import EXPLAINED, Because
from audit.ledger import Actor, LedgerUnavailable
from audit.models import Action, Alert, Entry
from patients import policy as patients
from patients.models import Patient
from recordings import policy, revocations
from recordings.models import Recording, RecordingUserObjectPermission
from recordings.revocations import Why
from tests.cast import Cast, make_patient
from tests.crowded import plan_anew
from tests.damage import Damage, Found, make_side, permission
from tests.figures import record
from tests.ledgers import ledger_down

pytestmark = [pytest.mark.database, pytest.mark.django_db]
SIDES, SEEDS = 24, range(5)


def found() -> list[Found]:
    differences = reconciliation.differences()
    return sorted((d.kind, str(d.of), d.codename, str(d.to), d.because) for d in differences)


def unexplained(all_of_them: list[Found]) -> list[Found]:
    return [one for one in all_of_them if one[-1] not in EXPLAINED]


def reconcile(*words: str) -> tuple[str, bool]:
    """Return what the command prints and whether it ended with status 0."""
    out = StringIO()
    try:
        call_command("reconcile_grants", *words, stdout=out)
    except CommandError:
        return out.getvalue(), False
    return out.getvalue(), True


def test_every_guarded_model_has_a_rule() -> None:
    assert [rule.model._meta.label for rule in reconciliation.rules()] == [
        "patients.Patient", "consultations.Consultation", "recordings.Recording"
    ]  # fmt: skip


def test_what_the_portal_itself_granted_differs_in_nothing(cast: Cast) -> None:
    assert found() == []
    assert reconcile() == ("0 differences, 0 of them unexplained; 0 orphans, 0 in guardian's generic tables.\n", True)


@pytest.mark.isolation
def test_every_planted_difference_is_named_and_none_else_and_a_repair_leaves_none() -> None:
    planted = named = left = 0
    for seed in SEEDS:
        before = found()
        sides = [make_side(1000 * seed + number) for number in range(SIDES)]
        plan_anew()
        fresh = Damage(seed).plant(sides)
        after = found()
        assert after == sorted([*before, *fresh]), f"seed {seed}"
        planted, named = planted + len(fresh), named + len(set(after) & set(fresh))
        assert reconciliation.mend(now=timezone.now()) == len(unexplained(fresh))
        left += len(unexplained(found()))
        kept = [one for one in fresh if one[-1] in EXPLAINED]
        assert set(kept) <= set(found()), "what is explained stays as it is"
    record("grants: planted differences named, none else", f"{named} of {planted}", "all")
    record("grants: unexplained differences after a repair", left, "0")
    assert left == 0


def test_the_command_names_each_by_ids_alone_and_says_so_with_its_status() -> None:
    side = make_side(1)
    side_b = make_side(2)
    (stranger,) = Damage(1).give_to_a_stranger(side)
    (taken,) = Damage(1).revoke(side_b)
    text, is_well = reconcile()
    assert not is_well
    assert f"{stranger[0]} {stranger[1]}: {stranger[2]} granted, user {stranger[3]}: no_relationship\n" in text
    assert f"recording {taken[1]}: play_recording missing, user {taken[3]}: revoked\n" in text
    assert "2 differences, 1 of them unexplained; 0 orphans" in text
    assert "@" not in text and "Patient 1" not in text
    text, is_well = reconcile("--repair")
    assert is_well and "1 mended." in text
    assert [one[-1] for one in found()] == [Because.REVOKED]
    assert reconcile()[1], "what is explained is no failure"


def test_a_repair_writes_each_change_into_the_ledger_under_its_patient() -> None:
    sides = [make_side(1), make_side(2)]
    (taken,) = Damage(3).take(sides[0])
    (given,) = Damage(3).give_to_a_stranger(sides[1])
    reconciliation.mend(now=timezone.now())
    granted, revoked = (Entry.objects.get(action=action) for action in (Action.GRANTED, Action.REVOKED))
    for line, side, one, to in ((granted, sides[0], taken, "to"), (revoked, sides[1], given, "from")):
        assert (line.object_type, str(line.object_id), line.reason) == (one[0], one[1], one[-1])
        assert line.detail == {to: one[3], "permission": one[2]}
        assert line.patient == side.recording.patient_id


def test_without_the_ledger_nothing_is_repaired() -> None:
    Damage(1).take(make_side(1))
    before = found()
    with ledger_down(), pytest.raises(LedgerUnavailable):
        reconciliation.mend(now=timezone.now())
    assert found() == before


def test_what_was_revoked_after_it_was_found_missing_is_not_given_back() -> None:
    side = make_side(1)
    patient, clinician = side.users
    policy.withdraw_playback(side.recording, patient)
    (stale,) = reconciliation.differences(explained=False)
    revocations.revoke_playback(
        side.recording, patient, why=Why.OBJECTION, actor=Actor(clinician.pk), now=timezone.now()
    )  # fmt: skip
    assert not reconciliation._mend(stale, now=timezone.now())
    assert policy.decide(patient, side.recording.pk).reason == "revoked"


def test_what_is_withdrawn_or_erased_keeps_its_grants_and_needs_none() -> None:
    side = make_side(1)
    for status in ("withdrawn", "erased", "quarantined"):
        Recording.objects.filter(pk=side.recording.pk).update(status=status)
        assert found() == []
    policy.withdraw_playback(side.recording, side.users[0])
    assert found() == []


@contextmanager
def orphan(side, **strange: uuid.UUID) -> Iterator[RecordingUserObjectPermission]:
    """Keep a row whose object or person is not there: the database looks at its keys when the transaction ends."""
    rule = reconciliation.rules()[-1]
    facts = {"content_object_id": side.recording.pk, "user_id": side.users[0].pk} | strange
    (row,) = rule.grants.objects.bulk_create([rule.grants(permission=permission(rule, policy.PLAY), **facts)])
    yield row
    row.delete()
    connection.check_constraints()


@pytest.mark.parametrize("what", ["content_object_id", "user_id"])
def test_an_orphan_is_counted_and_removed(what: str) -> None:
    with orphan(make_side(1), **{what: uuid.uuid4()}) as row:
        ((kind, of, _, to, because),) = found()
        assert (kind, of, to, because) == ("recording", str(row.content_object_id), str(row.user_id), Because.ORPHAN)
        assert "1 orphans" in reconcile()[0]
        assert reconciliation.mend(now=timezone.now()) == 1
        assert found() == []


# Every night.


def alerts() -> list[tuple[str, str, int]]:
    return sorted((a.object_type, a.detail.get("difference", ""), a.times) for a in Alert.objects.all())


def test_every_night_what_is_unexplained_raises_an_alert_once_and_is_left_as_it_is() -> None:
    sides = [make_side(number) for number in range(3)]
    (stranger,) = Damage(1).give_to_a_stranger(sides[0])
    Damage(1).revoke(sides[1])
    Damage(1).close_an_account(sides[2])
    before = found()
    for _ in range(2):
        tasks.reconcile_grants()
    ((kind, difference, times),) = alerts()
    assert (kind, times) == (stranger[0], 1) and stranger[1] in difference
    alert = Alert.objects.get()
    assert (alert.kind, str(alert.object_id), alert.patient) == (
        "grants_differ", stranger[1], sides[0].recording.patient_id
    )  # fmt: skip
    assert found() == before


def test_many_at_once_are_one_more_alert_and_not_a_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "MOST_ALERTS", 2)
    for number in range(5):
        Damage(number).give_to_a_stranger(make_side(number))
    for _ in range(2):
        tasks.reconcile_grants()
    assert Alert.objects.count() == 3
    assert Alert.objects.get(object_id=None).detail == {"more": 3}


def test_it_is_on_the_nights_list(settings) -> None:
    assert "accounts.reconcile_grants" in {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}


# What staff do.


def test_a_patient_who_gets_a_sign_in_from_staff_may_see_themselves(cast: Cast) -> None:
    newcomer = make_patient("Nell New")
    user = newcomer.user
    Patient.objects.filter(pk=newcomer.pk).update(user=None)
    client = Client()
    client.force_login(cast.administrator)
    facts = {"user": str(user.pk), "name": newcomer.name, "date_of_birth": "1980-02-29", "why": "asked"}
    answer = client.post(f"/admin/patients/patient/{newcomer.pk}/change/", facts)
    assert answer.status_code == 302, answer.content[:3000]
    assert patients.visible_to(User.objects.get(pk=user.pk)).filter(pk=newcomer.pk).exists()
    assert found() == []
