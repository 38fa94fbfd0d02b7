"""What people consent to: two administrators publish it, consents keep theirs, a call keeps the one it began with."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils import timezone, translation

from accounts.models import User
from audit.ledger import Actor
from audit.models import Action, Entry
from consultations import consents, publishing, wordings
from consultations.calls import Refused, open_call
from consultations.models import ConsentWording, Participant, RecordingConsent, WordingProposal
from consultations.publishing import CannotPublish
from consultations.wordings import FIRST
from tests.cast import Cast, make_pieces
from tests.quarantined import another_administrator

pytestmark = [pytest.mark.database, pytest.mark.django_db]
PAGE = "/admin/wordings/"
NEW = "We would like to record this visit.\nYou can say no."
DAY = timedelta(days=1)


@pytest.fixture
def second() -> User:
    return another_administrator()


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def reads(user: User, page: str) -> str:
    return " ".join(signed_in(user).get(page).content.decode().split())


def who(person: User, now: datetime) -> dict[str, Any]:
    return {"by": person, "actor": Actor(person.pk), "now": now}


def proposed(by: User, now: datetime, text: str = NEW, since: datetime | None = None, **more: str) -> WordingProposal:
    texts = {"en-gb": text, **more}
    return publishing.propose(texts, since=since or now, why="Plainer words.", **who(by, now))


def published(cast: Cast, by: User, now: datetime, text: str = NEW, **more: Any) -> str:
    proposal = proposed(cast.administrator, now, text, **more)
    return publishing.confirm(proposal.pk, **who(by, now))


def test_the_wording_that_comes_with_the_portal_is_the_first_row_once() -> None:
    wordings.make_first()
    row = ConsentWording.objects.get()
    assert (row.version, row.text, row.sha256, row.since) == (FIRST.version, FIRST.text, FIRST.sha256, FIRST.since)
    assert wordings.wording_at(FIRST.since - 400 * DAY) == row, "who looks back further finds the oldest"


def test_a_wording_that_stands_is_neither_edited_nor_removed() -> None:
    for act in (lambda rows: rows.update(text="Yes"), lambda rows: rows.delete()):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            act(ConsentWording.objects.all())


def test_one_person_proposes_and_another_one_publishes(cast: Cast, second: User) -> None:
    administrator, colleague = signed_in(cast.administrator), signed_in(second)
    today = timezone.localdate()
    said = {"act": "propose", "text_en-gb": NEW, "since": today.isoformat(), "why": "Plainer words."}
    assert signed_in(cast.staff).post(PAGE, said).status_code == 403
    assert "Propose a new version" in reads(second, PAGE) and "Propose a new" not in reads(cast.staff, PAGE)
    assert "Error:" in administrator.post(PAGE, said | {"text_en-gb": " "}).content.decode()
    assert "words in use" in administrator.post(PAGE, said | {"text_en-gb": FIRST.text}, follow=True).content.decode()
    administrator.post(PAGE, said)
    proposal = WordingProposal.objects.get()
    with pytest.raises(CannotPublish, match="already"):
        proposed(second, cast.now)
    page = reads(second, PAGE)
    assert "We would like to record this visit." in page and "Allow recording" in page and "Confirm: publish" in page
    assert "Confirm: publish" not in reads(cast.administrator, PAGE)
    confirms = {"act": "confirm", "proposal": str(proposal.pk)}
    administrator.post(PAGE, confirms)
    assert ConsentWording.objects.count() == 1, "nothing happens by one person"
    colleague.post(PAGE, confirms)
    new = ConsentWording.objects.exclude(version=FIRST.version).get()
    assert (new.text, new.language, new.proposed_by, new.published_by) == (NEW, "en-gb", cast.administrator, second)
    assert new.version == f"{timezone.now():%Y-%m-%d}" and new.sha256 == wordings.sha256_of(NEW)
    assert wordings.wording_at(timezone.now()) == new
    lines = Entry.objects.filter(object_type="wordingproposal").order_by("seq")
    assert [(line.action, line.actor) for line in lines] == [
        (Action.PROPOSED, cast.administrator.pk),
        (Action.PUBLISHED, second.pk),
    ]
    assert lines.last().detail["sha256_en-gb"] == new.sha256 and NEW not in str([line.detail for line in lines])


@pytest.mark.parametrize("why", ["no right", "switched off", "withdrawn", "a week later", "the proposer left"])
def test_what_does_not_stand_any_more_is_not_published(why: str, cast: Cast, second: User) -> None:
    proposal, now = proposed(cast.administrator, cast.now), cast.now
    if why == "no right":
        second = cast.staff
    elif why == "switched off":
        User.objects.filter(pk=second.pk).update(is_active=False)
    elif why == "withdrawn":
        publishing.withdraw(proposal.pk, **who(second, now))
    elif why == "a week later":
        now += publishing.LAPSES_AFTER
    else:
        User.objects.filter(pk=cast.administrator.pk).update(is_active=False)
    with pytest.raises(CannotPublish):
        publishing.confirm(proposal.pk, **who(second, now))
    assert ConsentWording.objects.count() == 1 and not WordingProposal.objects.get().confirmed_at


def test_a_version_is_in_use_from_its_day_and_two_of_a_day_have_two_names(cast: Cast, second: User) -> None:
    first = published(cast, second, cast.now, since=cast.now + 3 * DAY)
    other = published(cast, second, cast.now, "Other words.", since=cast.now - 3 * DAY)
    assert other == f"{first}.2"
    assert wordings.wording_at(cast.now - DAY).version == FIRST.version, "nothing was asked with it before it stood"
    assert wordings.wording_at(cast.now).version == other
    assert wordings.wording_at(cast.now + 3 * DAY).version == first
    assert "to come" in reads(cast.staff, PAGE)


def test_a_language_without_a_text_of_its_own_falls_back_to_the_portals(cast: Cast, second: User) -> None:
    published(cast, second, cast.now, cy="Hoffem recordio.")
    with translation.override("cy"):
        assert wordings.wording_at(cast.now).text == "Hoffem recordio."
    with translation.override("fr"):
        assert wordings.wording_at(cast.now).text == NEW


def test_a_call_that_goes_on_keeps_the_wording_it_began_with_and_the_next_has_the_new_one(
    cast: Cast, second: User
) -> None:
    planned, place = cast.ada.planned, cast.ada.place_of(Participant.Role.PATIENT, cast.ada.planned)
    call, later = open_call(planned, now=cast.now - timedelta(minutes=10)), cast.now
    version = published(cast, second, later)

    def says_yes(to: Any, *, call: Any, place: Participant) -> None:
        actor = Actor(place.user_id)
        consents.give(call.pk, by=place, version=to.version, sha256=to.sha256, scope="audio", actor=actor, now=later)

    new = ConsentWording.objects.get(version=version)
    page = f"/consultations/{planned.pk}/call/"
    assert FIRST.text in reads(cast.ada.patient.user, page)
    with pytest.raises(Refused):
        says_yes(new, call=call, place=place)
    says_yes(FIRST, call=call, place=place)
    assert RecordingConsent.objects.get(participant=place).wording_sha256 == FIRST.sha256
    theirs = cast.ben.place_of(Participant.Role.PATIENT, cast.ben.planned)
    assert "We would like to record" in reads(cast.ben.patient.user, f"/consultations/{cast.ben.planned.pk}/call/")
    fresh = open_call(cast.ben.planned, now=later)
    with pytest.raises(Refused):
        says_yes(FIRST, call=fresh, place=theirs)
    says_yes(new, call=fresh, place=theirs)


def test_what_somebody_said_yes_to_stays_what_they_read(cast: Cast, second: User) -> None:
    consent = make_pieces(cast.ada).consent
    published(cast, second, cast.now)
    page = reads(cast.ada.patient.user, "/account/consents/")
    assert FIRST.text in page and "We would like" not in page
    for facts in ({"wording_version": "x"}, {"wording_sha256": "0" * 64}):
        with pytest.raises(DatabaseError, match="never change"), transaction.atomic():
            RecordingConsent.objects.filter(pk=consent.pk).update(**facts)


def test_pages_ask_for_wordings_a_fixed_number_of_times(
    cast: Cast, second: User, django_assert_num_queries: Any
) -> None:
    for number in range(5):
        published(cast, second, cast.now + number * DAY, f"Words {number}.", cy=f"Geiriau {number}.")
    with django_assert_num_queries(1):
        assert wordings.wording_at(cast.now + 5 * DAY).text == "Words 4."
    consents_given = [RecordingConsent(wording_version=one) for one in (FIRST.version, "2025-01", "2025-02")]
    with django_assert_num_queries(1):
        assert set(wordings.read_for(consents_given)) == {(FIRST.version, FIRST.sha256)}
