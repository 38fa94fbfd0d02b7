"""Ids of somebody else inside of what is sent to one's own address: nothing of theirs is changed, copied or shown."""

import dataclasses
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
from django import forms
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db.models import ForeignKey, Model, Q
from django.utils import timezone
from rest_framework import serializers

from consultations import clinic_messages, note_templates
from consultations.models import ClinicMessage, Consultation, MessageReceipt, NoteTemplate
from patients.models import Clinician, Patient
from tests.access.actors import each
from tests.access.knocking import LEFT_BY_A_REFUSAL, Asked, Browser, ask, knock
from tests.access.markers import mark
from tests.access.reading import names_read
from tests.access.registry import our_apps
from tests.access.table import NOTHING_ASKED, Door, table
from tests.access.test_matrix import GIVES, strays
from tests.access.world import NEVER, Life, Matrix, Person

pytestmark = pytest.mark.django_db
TAKES_BODIES = ("patient", "clinician")
# Who has less to say: one watches what was shared with them, one cares for Ada, one changes what staff may of hers.
OTHERS = ("share-holder", "colleague", "staff")
# One's own, and yet refused: the body was read for that.
READS = GIVES | {"over", "conflict"}
# Read by views themselves, and words.
SAID = frozenset({"act", "text"})
OWNERS = (Patient, Clinician, get_user_model())
HOURS = {
    "weekday": "1", "starts": "09:00", "ends": "10:00", "slot_minutes": "15", "time_zone": "Europe/London",
    "valid_from": "2026-01-01", "valid_until": "",
}  # fmt: skip
OFF = {"starts_at_0": "2027-01-11", "starts_at_1": "09:00", "ends_at_0": "2027-01-11", "ends_at_1": "10:00"}


def whole(door: Door, own: str) -> dict[str, Any]:
    """Return what this door wants to hear beside ids, so that it does not stop at something that is missing."""
    soon = (timezone.localdate() + timedelta(days=7)).isoformat()
    said: dict[str, dict[str, Any]] = {
        "/book/wait/": {"until": soon, "reason": "A cough", "preferred_mode": "audio"},
        "/recordings/<pk>/sharing/": {"name": "Hana", "email": "h@cast.test", "reason": "Advice", "until": soon},
        "/recordings/<pk>/watched/": {"seconds": 1},
        "/consultations/<pk>/note/": {"version": "2", "revision": "0", "do": "fill", "text": ""},
        "/consultations/<pk>/message/": {"text": "A few words"},
        "/book/offers/<pk>/": {"act": "take"},
        "/account/needs/": {"communication_needs": "Large print"},
        "/clinic/consultations/availability/add/": HOURS,
        "/clinic/consultations/availability/<object_id>/change/": HOURS,
        "/clinic/consultations/timeoff/add/": OFF,
        "/clinic/consultations/timeoff/<object_id>/change/": OFF,
        "/clinic/consultations/notetemplate/add/": {"name": "Mine", "text": "Words"},
        "/clinic/consultations/notetemplate/<object_id>/change/": {"name": "Mine", "text": "Words"},
        "/api/v1/segments/": {"lease": own, "mode": "audio", "epoch": 1, "mime": "audio/webm", "t0": 1},
        "/api/v1/segments/<pk>/close/": {
            "chunks": 1, "bytes": 1, "root": "0" * 64, "duration_ms": 1, "reason": "ended"
        },
    }  # fmt: skip
    return said.get(door.name, {})


def names_of_ids() -> set[str]:
    """Return what our forms, serializers and views take beside words: a field that is added is tried from then on."""
    names = set(names_read("POST") - SAID)
    for kind in (*subclasses(forms.BaseForm), *subclasses(serializers.Serializer)):
        fields = getattr(kind, "base_fields", None) or getattr(kind, "_declared_fields", {})
        names |= {name for name, field in fields.items() if type(field).__name__ != "CharField"}
    return names


def subclasses(kind: type) -> Iterator[type]:
    for one in kind.__subclasses__():
        yield from subclasses(one)
        if one.__module__.split(".")[0] in our_apps():
            yield one


def ids_to_try(matrix: Matrix, key: str) -> dict[str, str]:
    """Return name → id of this life, by every name that a body could have it under."""
    ids = matrix.ids[key]
    message = str(ClinicMessage.objects.get(patient=matrix.lives[key].world.patient).pk)
    more = {"id": "recording", "pk": "recording", "grantee": "user", "owner": "patient", "object_id": "recording"}
    tried = dict.fromkeys(names_of_ids(), ids["recording"]) | {f"{kind}_id": pk for kind, pk in ids.items()}
    return tried | {name: ids[kind] for name, kind in more.items()} | ids | {"upto": message}


def asked_with(matrix: Matrix, person: Person, door: Door, said: dict[str, str]) -> Asked:
    """Return the request for one's own with these ids in its body; in JSON they are further down, too."""
    target = matrix.target(person, door.of, relation_to(person)) if door.of else ""
    plain = ask(matrix, person, door, "POST", target)
    body: dict[str, Any] = said | whole(door, target or "")
    if plain.content_type != "application/json":
        return Asked("POST", plain.path, urlencode(body).encode(), plain.content_type, plain.headers)
    nested = {"items": [said], "of": said}
    return Asked("POST", plain.path, json.dumps(nested | body).encode(), plain.content_type, plain.headers)


def relation_to(person: Person) -> str:
    """Nothing is staff's own: `other` is Ada's to them."""
    return "other" if person.is_staff else "own"


def doors_of(matrix: Matrix, person: Person) -> Iterator[Door]:
    for door in table().doors.values():
        relation = relation_to(person) if door.of else NOTHING_ASKED
        reads = table().outcome(door.rules["POST"], person.name, relation) in READS and "logout" not in door.name
        # Whom staff enter into an empty form is theirs to say.
        has_one = matrix.target(person, door.of, relation) is not None if door.of else not person.is_staff
        if reads and has_one:
            yield door


def rows_of(life: Life) -> list[tuple[Any, ...]]:
    """Return every row of ours that belongs to one of the people of this life."""
    world, found = life.world, list[tuple[Any, ...]]()
    people: list[Any] = [world.patient, world.clinician, world.colleague]
    ids = {pk for one in people for pk in (one.pk, one.user_id)}
    for model in apps.get_models():
        if model._meta.app_label in our_apps() and (belongs := belonging(model, ids)):
            found += [
                (model.__name__, *row) for row in model._base_manager.filter(belongs).order_by("pk").values_list()
            ]
    return found


def belonging(model: type[Model], ids: set[object]) -> Q:
    if model in OWNERS:
        return Q(pk__in=ids)
    fields = [field for field in model._meta.get_fields() if isinstance(field, ForeignKey)]
    theirs = Q()
    for field in fields:
        if field.related_model in OWNERS:
            theirs |= Q(**{f"{field.name}__in": ids})
    return theirs


def copied(matrix: Matrix, rows: list[tuple[Any, ...]], key: str) -> set[str]:
    """Return what of this life stands in rows of another: a reference, or a word. Ids as text were said by oneself."""
    values = [value for row in rows for value in row]
    words = " ".join(value for value in values if isinstance(value, str)).encode()
    references = " ".join(str(value) for value in values if isinstance(value, UUID)).encode()
    found = matrix.markers.found_in(references) | {
        marker: whose for marker, whose in matrix.markers.found_in(words).items() if marker.startswith(b"zq")
    }
    return {f"{kind}: {marker.decode()}" for marker, (life, kind) in found.items() if life == key}


def taken(matrix: Matrix, person: Person, key: str) -> Iterator[str]:
    """Yield what comes of ids of the life `key` in bodies that this person sends to addresses of their own."""
    browser, foreign, own = Browser(person.cookies), matrix.lives[key], matrix.lives[person.life or "ada"]
    said, theirs = ids_to_try(matrix, key), rows_of(foreign)
    nobodys = dict.fromkeys(said, str(NEVER))
    assert not copied(matrix, rows_of(own), key)
    for door in doors_of(matrix, person):
        where, changed = f"POST {door.name} as {person.name}", list[str]()

        def look(wrote: set[str], where: str = where, changed: list[str] = changed) -> None:
            if wrote <= LEFT_BY_A_REFUSAL:
                return
            now = rows_of(foreign)
            changed += [f"{where} changes {row[:2]}" for row in now if row not in theirs]
            changed += [f"{where} removes {row[:2]}" for row in theirs if row not in now]
            changed += [f"{where} takes the {what}" for what in copied(matrix, rows_of(own), key)]

        asked = asked_with(matrix, person, door, said)
        answer = knock(browser, asked, look=look)
        yield from changed
        yield from (f"{where} shows the {stray}" for stray in strays(matrix, person, asked, answer))
        came, never = answer.outcome(), knock(browser, asked_with(matrix, person, door, nobodys)).outcome()
        if came != never:
            yield f"{where} tells somebody else's ids from ids that never were: {came}, {never}"


@pytest.mark.parametrize("actor", each((*TAKES_BODIES, *OTHERS)))
def test_ids_of_somebody_else_in_a_body_for_ones_own_take_nothing(actor: str, matrix: Matrix, briskly) -> None:
    person = matrix.people[actor]
    doors = list(doors_of(matrix, person))
    print(f"{len(doors)} doors, {len(ids_to_try(matrix, 'ben'))} names of ids as {actor}")
    assert len(doors) > (15 if actor in TAKES_BODIES else 5)
    assert list(taken(matrix, person, "ben")) == []


def test_doors_that_believe_ids_in_bodies_are_found(matrix: Matrix, briskly, monkeypatch: pytest.MonkeyPatch) -> None:
    """The attempts above are such as would succeed."""
    note, read = "/consultations/<pk>/note/", "/consultations/<pk>/message/read/"
    short = dataclasses.replace(table(), doors={name: table().doors[name] for name in (note, read)})
    monkeypatch.setattr("tests.access.test_bodies.table", lambda: short)
    for actor in TAKES_BODIES:
        assert list(taken(matrix, matrix.people[actor], "ben")) == []

    def everybodys(clinician: Clinician) -> list[dict[str, str]]:
        return [{"key": str(one.pk), "name": one.name, "text": one.text} for one in NoteTemplate.objects.all()]

    def mark_read(consultation: Consultation, *, upto: UUID, now: datetime) -> None:
        message = ClinicMessage.objects.get(pk=upto)
        MessageReceipt.objects.create(message=message, patient_id=message.patient_id, read_at=now)

    monkeypatch.setattr(note_templates, "choices", everybodys)
    monkeypatch.setattr(clinic_messages, "mark_read", mark_read)
    found = "\n".join(one for actor in TAKES_BODIES for one in taken(matrix, matrix.people[actor], "ben"))
    assert f"POST {note} as clinician takes the template: {mark('ben', 'template')}" in found
    assert f"POST {read} as patient changes ('MessageReceipt'," in found
