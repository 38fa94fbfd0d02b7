"""Signed checkpoints in a second place: what somebody with the database alone can do to the ledger is found."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from accounts.models import STAFF, User
from audit import checkpoints, files, ledger, places, signing, tasks, triggers, verification
from audit.ledger import Line
from audit.merkle import root_of
from audit.models import Action, Alert, Checkpoint, Entry, Verification
from tests.ledgers import EARLY, rewrite_from, write_lines

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.usefixtures("ledger_places")]


def anchored_ledger(rounds: int = 3, lines: int = 4) -> None:
    for _ in range(rounds):
        write_lines(lines)
        checkpoints.write(now=EARLY)


def file_of(number: int) -> Path:
    return places.place().folder / places.name_of(number)


def faults() -> list[str]:
    return verification.verify().faults


def leaf(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def test_the_root_is_that_of_rfc_6962() -> None:
    a, b, c, d, e = (leaf(bytes([n])) for n in range(5))
    assert root_of([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert root_of([a]) == a
    assert root_of([a, b, c]) == node(node(a, b), c)
    assert root_of([a, b, c, d, e]) == node(node(node(a, b), node(c, d)), e)


def test_a_checkpoint_is_a_file_that_nobody_needs_our_code_to_verify() -> None:
    write_lines(3)
    (written,) = checkpoints.write(now=EARLY)
    entries = list(Entry.objects.order_by("seq"))
    data = file_of(1).read_bytes()
    said = json.loads(data)
    assert said["checkpoint"] == {
        "number": 1, "seq": 3, "count": 3, "head": entries[2].hash, "at": "2026-01-02T03:04:05.000678+00:00",
        "root": root_of([leaf(ledger.canonical(entry)) for entry in entries]).hex(), "previous": "0" * 64,
    }  # fmt: skip
    assert Checkpoint.objects.get().digest == sha256(data).hexdigest() == written.digest
    assert file_of(1).stat().st_mode & 0o777 == 0o600
    write_lines(2)
    checkpoints.write(now=EARLY)
    following = json.loads(file_of(2).read_bytes())["checkpoint"]
    assert (following["previous"], following["seq"], following["count"]) == (written.digest, 5, 2)
    assert verification.verify().anchored.number == 2


def test_nothing_new_makes_no_checkpoint_and_much_makes_several(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checkpoints.write(now=EARLY) == []
    monkeypatch.setattr(ledger, "CHECKPOINT_EVERY", 4)
    write_lines(10)
    assert [(c.number, c.seq, c.count) for c in checkpoints.write(now=EARLY)] == [(1, 4, 4), (2, 8, 4), (3, 10, 2)]
    assert checkpoints.write(now=EARLY) == []
    assert faults() == []


@pytest.mark.django_db(transaction=True)
def test_every_thousand_entries_ring_for_a_checkpoint_once_they_are_committed(work_at_once: None) -> None:
    ledger.append(ledger.PORTAL, *[Line(Action.LISTED)] * 998)
    assert not Checkpoint.objects.exists()
    with transaction.atomic():
        ledger.append(ledger.PORTAL, *[Line(Action.LISTED)] * 5)
        assert not Checkpoint.objects.exists()
    assert list(Checkpoint.objects.order_by("number").values_list("seq", flat=True)) == [1000, 1003]


def cut_the_tail() -> None:
    Entry.objects.filter(seq__gt=10).delete()


def empty_the_ledger() -> None:
    Entry.objects.all().delete()


def cut_the_tail_and_go_on() -> None:
    Entry.objects.filter(seq__gt=10).delete()
    write_lines(4)


def remove_a_checkpoint() -> None:
    file_of(2).unlink()


def remove_the_last_checkpoint() -> None:
    file_of(3).unlink()


def swap_checkpoints() -> None:
    first, second = file_of(1).read_bytes(), file_of(2).read_bytes()
    file_of(1).write_bytes(second)
    file_of(2).write_bytes(first)


def edit_a_checkpoint() -> None:
    file_of(2).write_bytes(file_of(2).read_bytes().replace(b'"count":4', b'"count":3'))


def spoil_a_checkpoint() -> None:
    file_of(2).write_bytes(b"\xff{}")


def forge_the_last_checkpoint() -> None:
    """With the chain written anew, another key and everything but ours."""
    rewrite_from(10, reason="nothing to see here")
    entries = list(Entry.objects.filter(seq__gt=8).order_by("seq"))
    forged = Checkpoint.objects.get(number=3)
    forged.head, forged.root = entries[-1].hash, root_of([bytes.fromhex(e.hash) for e in entries]).hex()
    file_of(3).write_bytes(checkpoints.signed(forged, Ed25519PrivateKey.generate()))


DEEDS: dict[str, tuple[Callable[[], None], list[str]]] = {
    "the tail was cut": (
        cut_the_tail,
        ["The ledger ends at entry 10, but checkpoint 3 anchored entry 12: at least 2 entries were cut off."],
    ),
    "the ledger was emptied": (
        empty_the_ledger,
        ["The ledger ends at entry 0, but checkpoint 3 anchored entry 12: at least 12 entries were cut off."],
    ),
    "the tail was cut and the ledger went on": (
        cut_the_tail_and_go_on,
        ["Entries 9 to 12 are not those that checkpoint 3 anchored: they were written anew."],
    ),
    "the whole chain was computed anew": (
        lambda: rewrite_from(1, reason="nothing to see here"),
        ["Entries 1 to 4 are not those that checkpoint 1 anchored: they were written anew."],
    ),
    "the chain was computed anew from one line on": (
        lambda: rewrite_from(7, reason="nothing to see here"),
        ["Entries 5 to 8 are not those that checkpoint 2 anchored: they were written anew."],
    ),
    "a checkpoint was removed": (remove_a_checkpoint, ["Checkpoint 2 is missing."]),
    "the last checkpoint was removed": (remove_the_last_checkpoint, ["Checkpoint 3 is missing."]),
    "two checkpoints were swapped": (
        swap_checkpoints,
        [
            "Checkpoint 1 is missing; checkpoint 2 stands in its place.",
            "Checkpoint 2 is missing; checkpoint 1 stands in its place.",
        ],
    ),
    "a checkpoint was edited": (edit_a_checkpoint, ["Checkpoint 2 was not signed with the ledger's key."]),
    "a checkpoint was spoiled": (spoil_a_checkpoint, ["Checkpoint 2 was not signed with the ledger's key."]),
    "a checkpoint was forged": (
        forge_the_last_checkpoint,
        ["Checkpoint 3 was not signed with the ledger's key."],
    ),
}


@pytest.mark.parametrize(("deed", "named"), DEEDS.values(), ids=DEEDS)
def test_what_was_done_to_ledger_or_checkpoints_is_named(
    deed: Callable[[], None], named: list[str], ledger_places: Path
) -> None:
    anchored_ledger()
    assert faults() == []
    with triggers.lifted(connection):
        deed()
    found = faults()
    assert len(found) == len(named)
    assert [text[: len(start)] for text, start in zip(found, named, strict=True)] == named
    with pytest.raises(CommandError) as refused:
        call_command("verify_ledger", stdout=StringIO())
    assert named[0] in str(refused.value)


def put_another_for_the_last_checkpoint() -> None:
    file_of(3).write_bytes(file_of(2).read_bytes())


UNSIGNABLE = [
    cut_the_tail,
    cut_the_tail_and_go_on,
    remove_the_last_checkpoint,
    put_another_for_the_last_checkpoint,
    lambda: rewrite_from(1, reason="x"),
]


@pytest.mark.parametrize("deed", UNSIGNABLE)
def test_what_was_tampered_with_never_gets_our_signature(deed: Callable[[], None]) -> None:
    anchored_ledger()
    with triggers.lifted(connection):
        deed()
    write_lines(2)
    before = sorted(places.place().folder.iterdir())
    with pytest.raises(checkpoints.LedgerBroken):
        checkpoints.write(now=EARLY)
    assert sorted(places.place().folder.iterdir()) == before


def test_a_removed_row_of_a_checkpoint_is_found_again_in_the_second_place() -> None:
    anchored_ledger()
    with triggers.lifted(connection):
        Checkpoint.objects.all().delete()
    write_lines(1)
    assert [c.number for c in checkpoints.write(now=EARLY)] == [4]
    assert Checkpoint.objects.count() == 4 and faults() == []


def test_another_key_signs_nothing_beside_checkpoints_of_the_first(ledger_places: Path) -> None:
    anchored_ledger(1)
    key = ledger_places / "signing.key"
    assert key.stat().st_mode & 0o777 == 0o600
    key.unlink()
    write_lines(1)
    with pytest.raises(signing.KeyUnusable, match="no readable private key"):
        checkpoints.write(now=EARLY)
    signing.make_signing_key()
    with pytest.raises(checkpoints.LedgerBroken, match="is not that of LEDGER_SIGNING_KEY"):
        checkpoints.write(now=EARLY)
    assert not file_of(2).exists()


def test_an_auditor_needs_the_public_key_only(ledger_places: Path) -> None:
    anchored_ledger()
    own_copy = ledger_places / "copy.pem"
    own_copy.write_bytes((places.place().folder / places.PUBLIC_KEY).read_bytes())
    (ledger_places / "signing.key").unlink()
    said = StringIO()
    call_command("verify_ledger", public_key=own_copy, stdout=said)
    assert "12 entries, the chain holds. Anchored up to entry 12 by checkpoint 3; 0 not anchored" in said.getvalue()
    own_copy.write_bytes(signing.public_pem(Ed25519PrivateKey.generate().public_key()))
    with pytest.raises(CommandError, match="Checkpoint 1 was not signed"):
        call_command("verify_ledger", public_key=own_copy, stdout=StringIO())


def test_the_command_anchors_what_holds() -> None:
    write_lines(5)
    said = StringIO()
    call_command("verify_ledger", checkpoint=True, stdout=said)
    assert "Anchored up to entry 5 by checkpoint 1; 0 not anchored yet." in said.getvalue()


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_make_no_fork() -> None:
    write_lines(30)
    start, failures, before = threading.Barrier(4), [], ledger.CHECKPOINT_EVERY
    ledger.CHECKPOINT_EVERY = 3

    def work(number: int) -> None:
        try:
            start.wait(30)
            checkpoints.write(now=EARLY + timedelta(seconds=number))
        except (checkpoints.LedgerBroken, OSError) as error:
            failures.append(error)
        finally:
            connection.close()

    signing.make_signing_key()
    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        checkpoints.write(now=EARLY)
    finally:
        ledger.CHECKPOINT_EVERY = before
    assert failures == []
    report = verification.verify()
    assert (report.faults, report.anchored.number, report.anchored.seq) == ([], 10, 30)
    assert Checkpoint.objects.count() == 10


@pytest.mark.parametrize("dies_at", ["link", "row"])
def test_a_worker_killed_between_write_and_commit_loses_and_doubles_nothing(
    dies_at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException): ...

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    anchored_ledger(1)
    write_lines(2)
    with monkeypatch.context() as dying, pytest.raises(Killed):
        dying.setattr(*((files.os, "link") if dies_at == "link" else (checkpoints, "_remember")), die)
        checkpoints.write(now=EARLY)
    assert Checkpoint.objects.count() == 1 and file_of(2).exists() == (dies_at == "row")
    assert faults() == []
    write_lines(1)
    checkpoints.write(now=EARLY)
    report = verification.verify()
    assert (report.faults, report.anchored.seq, Checkpoint.objects.count()) == ([], 7, 2 + (dies_at == "row"))


# What runs by itself, and what staff see of it.


def test_the_hourly_round_looks_at_what_was_added_and_the_daily_one_at_everything() -> None:
    anchored_ledger()
    tasks.verify(full=True)
    write_lines(2)
    tasks.verify()
    rounds = list(Verification.objects.order_by("pk").values_list("is_full", "entries", "last_seq", "faults"))
    assert rounds == [(True, 12, 12, []), (False, 2, 14, [])]
    with triggers.lifted(connection):
        Entry.objects.filter(seq=3).update(reason="x")
    tasks.verify()
    assert not Alert.objects.exists()
    tasks.verify(full=True)
    assert Verification.objects.latest("pk").faults == ["Entry 3 was changed. Nothing after it can be trusted."]
    assert Alert.objects.get().kind == "ledger_broken"


def test_a_fault_alerts_once_an_hour_and_staff_read_it_above_the_ledger() -> None:
    anchored_ledger()
    with triggers.lifted(connection):
        rewrite_from(6, reason="x")
    for _ in range(3):
        tasks.verify(full=True)
        tasks.checkpoint()
    assert Alert.objects.get().times == 1
    staff = User.objects.create_user("robin@cast.test", "x", name="Robin", is_staff=True)
    staff.groups.add(Group.objects.get_or_create(name=STAFF)[0])
    client = Client()
    client.force_login(staff)
    page = client.get(reverse("admin:audit_entry_changelist")).content.decode()
    assert "The ledger does not hold." in page
    assert "Entries 5 to 8 are not those that checkpoint 2 anchored" in page


def test_staff_read_how_far_the_ledger_is_anchored() -> None:
    staff = User.objects.create_user("robin@cast.test", "x", name="Robin", is_staff=True)
    staff.groups.add(Group.objects.get(name=STAFF))
    client = Client()
    client.force_login(staff)
    address = reverse("admin:audit_entry_changelist")
    page = client.get(address).content.decode()
    assert "Not verified yet." in page and "No checkpoint was written yet." in page
    anchored_ledger()
    tasks.verify(full=True)
    write_lines(2)
    page = client.get(address).content.decode()
    assert "up to entry 12: everything holds." in page and "anchors everything up to entry 12." in page
    assert "2 entries are not anchored yet." in page


def test_a_second_place_that_cannot_be_reached_is_an_alert_and_stops_nobody(ledger_places: Path) -> None:
    write_lines(1)
    (ledger_places / "checkpoints").write_text("a file where the folder should be")
    tasks.checkpoint()
    assert "could be written" in Alert.objects.get().detail["faults"][0]
    write_lines(1)
