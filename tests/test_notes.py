"""The clinician's note: who reads, writes, signs and shares it; what is signed stays; readings are in the ledger."""

import threading
from datetime import timedelta

import pytest
from django.contrib import admin
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection, transaction
from django.db.models import Q
from django.http import Http404

from accounts.models import User
from accounts.sites import StaffSite
from audit import ledger
from audit.models import Action, Alert, Entry
from consultations import notes, policy
from consultations.models import Note, Participant
from consultations.notes import NothingToSign, StaleNote
from tests.cast import ACTORS, OWNERS, Cast, World, make_note

pytestmark = [pytest.mark.database, pytest.mark.django_db]
EVERYBODY = pytest.mark.parametrize("actor", ACTORS)
AN_HOUR = timedelta(hours=1)
LONG_AGO = "'2001-01-01 00:00:00+00:00'"


def as_(user: User) -> ledger.Actor:
    return ledger.Actor(user.pk)


def lines_about(note: Note) -> list[tuple]:
    lines = Entry.objects.filter(object_type="note", object_id=note.pk).order_by("seq")
    return list(lines.values_list("action", "actor", "patient"))


def of(world: World) -> Q:
    return Q(consultation=world.held)


def signed(world: World, text: str = "Seen and signed.", *, shared: bool = False) -> Note:
    at = world.held.ends_at
    return make_note(world, text, signed_at=at, shared_at=at if shared else None)


def readable(user: object) -> set:
    return set(policy.readable_notes(user).values_list("text", flat=True))


# Who may.


@EVERYBODY
def test_the_clinician_reads_every_version_the_patient_what_is_shared_and_nobody_else_anything(
    actor: str, cast: Cast
) -> None:
    for name in ("ada", "ben"):
        world = getattr(cast, name)
        signed(world, f"shared with {name}", shared=True)
        signed(world, f"signed about {name}")
        make_note(world, f"draft about {name}")
    user = cast.actors()[actor]
    expected = {
        **{f"{name}.clinician": {f"{kind} {name}" for kind in ("shared with", "signed about", "draft about")}
           for name in OWNERS},
        **{f"{name}.patient": {f"shared with {name}"} for name in OWNERS},
    }  # fmt: skip
    assert readable(user) == expected.get(actor, set())


@EVERYBODY
def test_only_the_clinician_of_a_consultation_keeps_its_note(actor: str, cast: Cast) -> None:
    user = cast.actors()[actor]
    expected = {f"{name}.clinician": {getattr(cast, name).held.pk, getattr(cast, name).planned.pk} for name in OWNERS}
    assert set(policy.held_by(user).values_list("pk", flat=True)) == expected.get(actor, set())


@pytest.mark.parametrize("role", [Participant.Role.PATIENT, Participant.Role.CLINICIAN])
def test_without_the_grant_on_its_consultation_nobody_reads_a_note(role: Participant.Role, cast: Cast) -> None:
    signed(cast.ada, shared=True)
    place = cast.ada.place_of(role)
    assert readable(place.user) == {"Seen and signed."}
    policy.revoke_place(place)
    assert readable(place.user) == set()
    assert cast.ada.held not in policy.held_by(place.user)


def test_a_clinician_who_left_reads_and_writes_no_notes(cast: Cast) -> None:
    signed(cast.ada, shared=True)
    clinician = cast.ada.clinician
    clinician.is_active = False
    clinician.save(update_fields=["is_active"])
    assert readable(clinician.user) == set()
    assert not policy.held_by(clinician.user).exists()


# Saving: two tabs never silently overwrite each other.


def test_a_draft_is_begun_and_saved_again_by_who_has_seen_it(cast: Cast) -> None:
    first = notes.save(cast.ada.held, "One", version=1, revision=0, now=cast.now)
    second = notes.save(cast.ada.held, "Two", version=1, revision=first.revision, now=cast.now + AN_HOUR)
    (note,) = Note.objects.filter(consultation=cast.ada.held)
    assert (note.text, note.revision, note.saved_at) == ("Two", second.revision, cast.now + AN_HOUR)
    assert (note.patient, note.clinician) == (cast.ada.patient, cast.ada.clinician)
    assert lines_about(note) == []


@pytest.mark.parametrize(("version", "revision"), [(1, 0), (1, 1), (1, 3), (2, 0), (2, 2)])
def test_words_that_did_not_see_what_stands_replace_nothing(version: int, revision: int, cast: Cast) -> None:
    notes.save(cast.ada.held, "One", version=1, revision=0, now=cast.now)
    notes.save(cast.ada.held, "The other tab's", version=1, revision=1, now=cast.now)
    with pytest.raises(StaleNote):
        notes.save(cast.ada.held, "Mine", version=version, revision=revision, now=cast.now)
    assert [note.text for note in Note.objects.filter(consultation=cast.ada.held)] == ["The other tab's"]


def test_words_for_a_version_that_was_signed_meanwhile_do_not_become_an_addendum(cast: Cast) -> None:
    notes.save(cast.ada.held, "One", version=1, revision=0, now=cast.now)
    notes.sign(cast.ada.held, version=1, revision=1, actor=as_(cast.ada.clinician.user), now=cast.now)
    for revision in (0, 1):
        with pytest.raises(StaleNote):
            notes.save(cast.ada.held, "More", version=1, revision=revision, now=cast.now)
    assert [note.text for note in Note.objects.filter(consultation=cast.ada.held)] == ["One"]


@pytest.mark.django_db(transaction=True)
def test_of_two_tabs_that_begin_or_save_at_once_one_is_told(cast: Cast) -> None:
    for revision in (0, 1):
        outcomes = at_once(cast, revision)
        assert sorted(outcomes) == ["saved", "stale"]
    assert Note.objects.get(consultation=cast.ada.held).revision == 2


def at_once(cast: Cast, revision: int) -> list[str]:
    gate, outcomes = threading.Barrier(2, timeout=30), list[str]()

    def save(words: str) -> None:
        gate.wait()
        try:
            notes.save(cast.ada.held, words, version=1, revision=revision, now=cast.now)
            outcomes.append("saved")
        except StaleNote:
            outcomes.append("stale")
        finally:
            connection.close()

    tabs = [threading.Thread(target=save, args=(words,)) for words in (f"mine {revision}", f"yours {revision}")]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join()
    return outcomes


def test_the_same_words_again_and_an_empty_beginning_write_nothing(cast: Cast) -> None:
    assert notes.save(cast.ada.held, "", version=1, revision=0, now=cast.now).revision == 0
    assert not Note.objects.filter(consultation=cast.ada.held).exists()
    notes.save(cast.ada.held, "One", version=1, revision=0, now=cast.now)
    assert notes.save(cast.ada.held, "One", version=1, revision=1, now=cast.now + AN_HOUR).saved_at == cast.now


# Signing and sharing.


def test_signing_and_sharing_are_two_decisions_each_with_its_line(cast: Cast) -> None:
    doctor, patient = cast.ada.clinician.user, cast.ada.patient
    draft = notes.save(cast.ada.held, "Seen.", version=1, revision=0, now=cast.now)
    note = notes.sign(cast.ada.held, version=1, revision=draft.revision, actor=as_(doctor), now=cast.now)
    assert readable(patient.user) == set()
    notes.share(note, actor=as_(doctor), now=cast.now + AN_HOUR)
    notes.share(note, actor=as_(doctor), now=cast.now + 2 * AN_HOUR)
    note.refresh_from_db()
    assert (note.signed_at, note.shared_at) == (cast.now, cast.now + AN_HOUR)
    assert readable(patient.user) == {"Seen."}
    assert lines_about(note) == [(Action.SIGNED, doctor.pk, patient.pk), (Action.SHARED, doctor.pk, patient.pk)]


def test_what_is_signed_is_what_was_seen(cast: Cast) -> None:
    notes.save(cast.ada.held, "One", version=1, revision=0, now=cast.now)
    notes.save(cast.ada.held, "The other tab's", version=1, revision=1, now=cast.now)
    with pytest.raises(StaleNote):
        notes.sign(cast.ada.held, version=1, revision=1, actor=as_(cast.ada.clinician.user), now=cast.now)
    assert not Note.objects.filter(consultation=cast.ada.held, signed_at__isnull=False).exists()


@pytest.mark.parametrize("text", ["", " \n\t "])
def test_a_note_without_words_is_not_signed(text: str, cast: Cast) -> None:
    draft = notes.save(cast.ada.held, text, version=1, revision=0, now=cast.now)
    with pytest.raises(NothingToSign):
        notes.sign(cast.ada.held, version=1, revision=draft.revision, actor=ledger.PORTAL, now=cast.now)
    assert lines_about(draft) == []


def test_a_draft_is_not_shared(cast: Cast) -> None:
    draft = make_note(cast.ada, "Half a thought")
    with pytest.raises(StaleNote):
        notes.share(draft, actor=ledger.PORTAL, now=cast.now)
    assert Note.objects.get(pk=draft.pk).shared_at is None


def test_an_addendum_is_a_new_version_that_is_shared_for_itself(cast: Cast) -> None:
    signed(cast.ada, "First", shared=True)
    assert notes.draft_after(notes.newest_of(cast.ada.held), cast.ada.held).version == 2
    notes.save(cast.ada.held, "Second", version=2, revision=0, now=cast.now)
    addendum = notes.sign(
        cast.ada.held, version=2, revision=1, actor=as_(cast.ada.clinician.user), now=cast.now + AN_HOUR
    )
    assert addendum.is_addendum
    assert readable(cast.ada.patient.user) == {"First"}


# The database keeps it, whatever our code does.


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("text", "'Other words'"),
        ("revision", "9"),
        ("saved_at", LONG_AGO),
        ("signed_at", LONG_AGO),
        ("signed_at", "NULL"),
    ],
)
def test_a_signed_version_never_changes(column: str, value: str, cast: Cast) -> None:
    note, draft = signed(cast.ada), make_note(cast.ada, "Still a draft")
    Note.objects.filter(pk=draft.pk).update(text="Another draft", revision=2)
    with pytest.raises(DatabaseError, match="never change once signed_at is set"), transaction.atomic():
        sql(f"UPDATE consultations_note SET {column} = {value} WHERE version = {note.version}")
    note.refresh_from_db()
    assert (note.text, note.signed_at) == ("Seen and signed.", cast.ada.held.ends_at)


def sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_shared_version_stays_shared(cast: Cast) -> None:
    note = signed(cast.ada, shared=True)
    for value in ("NULL", LONG_AGO.replace("2001", "2099")):
        with pytest.raises(DatabaseError, match="never change once shared_at is set"), transaction.atomic():
            sql(f"UPDATE consultations_note SET shared_at = {value}")
    note.refresh_from_db()
    assert note.shared_at == cast.ada.held.ends_at


def test_no_version_is_ever_deleted(cast: Cast) -> None:
    signed(cast.ada)
    make_note(cast.ada, "Still a draft")
    for version in (1, 2):
        with pytest.raises(DatabaseError, match="never deleted"), transaction.atomic():
            sql(f"DELETE FROM consultations_note WHERE version = {version}")
    assert Note.objects.filter(consultation=cast.ada.held).count() == 2


# Reading.


@pytest.mark.parametrize("role", ["patient", "clinician"])
def test_every_reading_is_in_the_ledger_with_ids_only(role: str, cast: Cast) -> None:
    reader, patient = getattr(cast.ada, role).user, cast.ada.patient
    note = signed(cast.ada, "Words for two people alone", shared=True)
    assert notes.read(reader, of(cast.ada), actor=as_(reader), now=cast.now) == [note]
    assert lines_about(note) == [(Action.OPENED, reader.pk, patient.pk)]
    assert "Words for two" not in str(Entry.objects.get(object_id=note.pk).__dict__)


@pytest.mark.parametrize("role", ["patient", "clinician"])
def test_without_the_ledger_nothing_is_read_signed_or_shared_and_words_are_still_saved(
    role: str, cast: Cast, monkeypatch
) -> None:
    note = signed(cast.ada, shared=True)
    other = make_note(cast.ada, "A draft")
    unshared = signed(cast.ben)

    def fail(*_: object, **__: object) -> None:
        raise ledger.LedgerUnavailable

    monkeypatch.setattr(ledger, "append", fail)
    reader = getattr(cast.ada, role).user
    for act in (
        lambda: notes.read(reader, of(cast.ada), actor=as_(reader), now=cast.now),
        lambda: notes.sign(cast.ada.held, version=2, revision=1, actor=as_(reader), now=cast.now),
        lambda: notes.share(unshared, actor=as_(reader), now=cast.now),
    ):
        with pytest.raises(ledger.LedgerUnavailable):
            act()
    assert Note.objects.get(pk=other.pk).signed_at is None
    assert Note.objects.get(pk=unshared.pk).shared_at is None
    assert notes.save(cast.ada.held, "More", version=2, revision=1, now=cast.now).text == "More"
    assert note.shared_at


def test_nobody_else_reads_anything_and_nothing_is_written_about_it(cast: Cast) -> None:
    note = signed(cast.ada, shared=True)
    for actor in set(ACTORS) - OWNERS["ada"]:
        user = cast.actors()[actor]
        assert notes.read(user, of(cast.ada), actor=ledger.PORTAL, now=cast.now) == []
    assert lines_about(note) == []


def strangers(cast: Cast) -> list[str]:
    """Everybody with a sign-in who may not read what is only signed."""
    return [actor for actor in ACTORS if actor not in ("ada.clinician", "nobody")]


def test_a_policy_that_lets_everything_through_shows_nobody_a_word(cast: Cast, monkeypatch) -> None:
    note = signed(cast.ada)
    monkeypatch.setattr(policy, "readable_notes", lambda user: Note.objects.all())
    for actor in strangers(cast):
        user = cast.actors()[actor]
        with pytest.raises(Http404):
            notes.read(user, of(cast.ada), actor=as_(user), now=cast.now)
        alert = Alert.objects.get(actor=user.pk)
        assert (alert.kind, alert.object_id, alert.patient) == ("foreign_row", note.pk, cast.ada.patient.pk)
    assert notes.read(cast.ada.clinician.user, of(cast.ada), actor=ledger.PORTAL, now=cast.now) == [note]


# Staff.


def test_the_staff_site_refuses_what_is_content() -> None:
    site = StaffSite()
    with pytest.raises(ImproperlyConfigured, match="content"):
        site.register(Note)
    assert Note.is_content and not site.is_registered(Note)


def test_no_page_of_the_staff_site_reaches_a_notes_text() -> None:
    """Columns, fields, filters, searches and inlines, however far they look."""
    assert not admin.site.is_registered(Note)
    for page in admin.site._registry.values():
        named = [page.list_display, page.fields or (), page.list_filter, page.search_fields, page.list_select_related]
        words = {str(word) for names in named if isinstance(names, list | tuple) for word in names}
        assert not {word for word in words if "notes" in word.split("__")}, page
        assert not {inline.model for inline in page.inlines} & {Note}, page
