"""Ids and words of somebody else in the query, the filters, the order: they change nothing and find nothing."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlencode
from uuid import UUID

import pytest
from django.utils import timezone

from accounts.sites import clinic_site
from consultations import booking_pages
from consultations.schedule import Availability
from patients.clinic import OwnPatientsAdmin
from patients.models import Patient
from tests.access.actors import each
from tests.access.knocking import Answer, Asked, Browser, ask, knock
from tests.access.markers import mark
from tests.access.reading import handed_on, names_read, read_in
from tests.access.table import NOTHING_ASKED, table
from tests.access.test_matrix import GIVES, strays
from tests.access.world import NEVER, NUMBERED, Matrix, Person
from tests.figures import record

pytestmark = pytest.mark.django_db
# (parameter, what is somebody's, the same that is nobody's and just as long)
Question = tuple[str, str, str]
RUNNING_THE_PORTAL = table().groups["staff-members"]
WITH_A_SESSION = [name for name in table().actors if name not in table().groups["without-session"]]
STRANGERS = [name for name in WITH_A_SESSION if name not in RUNNING_THE_PORTAL]
# Of two in the same place, one is asked at every change.
BRIEFLY = [name for name in STRANGERS if name not in {"neighbour", "other-clinician"}]
# Whom another life is not all of: a patient they care for, a recording shared with them, a call they were put out of.
# What was said there is nothing to them, whatever else they may be shown.
NOT_THE_CONTENT_OF = {"colleague": "ada", "share-holder": "sha", "share-ran-out": "end", "revoked": "rev"}
# Lists that Django filters and sorts: what one of them does not offer, it turns away before it looks at the rest.
LISTS = tuple(
    name for name in table().doors if name.startswith("/clinic/") and name.count("/") == 4 and "<" not in name
)
STAFF_LISTS = tuple(name for name in table().doors if name.startswith("/admin/") and name.count("/") == 4)
COMPLETED = (
    "/clinic/autocomplete/?app_label=consultations&model_name=consultation&field_name=patient&",
    "/clinic/autocomplete/?app_label=recordings&model_name=recording&field_name=consultation&",
)
BY_DJANGO = (
    "id", "pk", "patient__id", "patient__id__exact", "clinician__id__exact", "patient__user", "id__in",
    "_selected_action", "cursor", "o", "_to_field", "_changelist_filters", "next", "object_id",
)  # fmt: skip
WORD_PARAMETERS = (
    "q", "search", "term", "patient__name__icontains", "reason__icontains", "consultation__reason__startswith",
    "patient__nhs_number", "patient__user__email__startswith", "communication_needs__contains",
)  # fmt: skip
ODD_PARAMETERS = ("id__in", "o", "cursor", "_to_field", "_changelist_filters")
KIND_OF = {"with": "clinician", "clinician__id__exact": "clinician", "id": "recording", "pk": "recording"}
# What is nobody's to name and may change one's own page, never whose rows stand on it.
ORDERINGS = (
    ("o", "1.2"), ("o", "-1.-2"), ("o", "3.-4"), ("o", "99"), ("p", "2"), ("page", "2"), ("all", ""), ("weeks", "52"),
    ("_popup", "1"), ("_facets", "True"), ("gone", ""), ("e", "1"),
)  # fmt: skip


def neighbour_of(person: Person) -> str:
    return "ben" if "ada" in (person.life, person.cares_for) else "ada"


def addresses(matrix: Matrix, person: Person) -> dict[str, str]:
    """Return door → address of all that this person can read without naming anything of anybody else's."""
    found = {}
    for door in table().doors.values():
        own = matrix.target(person, door.of, "own") if door.of else ""
        gives = table().outcome(door.rules["GET"], person.name, "own" if door.of else NOTHING_ASKED) in GIVES
        if gives and own is not None and not door.is_token:
            found[door.name] = ask(matrix, person, door, "GET", own).path
    return found


def ids_of(matrix: Matrix, key: str) -> list[Question]:
    """Ask for every kind of thing by its own name, and by every name that Django or a view of ours reads."""
    ids = {kind: pk for kind, pk in matrix.ids[key].items() if kind not in NUMBERED}
    named = dict.fromkeys((*BY_DJANGO, *sorted(names_read("GET") - {"at"})), "patient")
    named |= {kind: kind for kind in ids} | KIND_OF
    return [(name, ids[kind], str(NEVER)) for name, kind in named.items()] + [moment_of(matrix, key)]


def moment_of(matrix: Matrix, key: str) -> Question:
    planned = matrix.lives[key].upcoming.starts_at
    return "at", booking_pages.said(planned), booking_pages.said(planned + timedelta(minutes=1))


def words_of(key: str, kind: str) -> list[Question]:
    offered = {name for page in clinic_site._registry.values() for name in page.search_fields}
    names = (*WORD_PARAMETERS, *sorted(offered))
    return [(name, mark(key, kind), mark("q" * len(key), kind)) for name in names]


def person_of(matrix: Matrix, key: str) -> list[Question]:
    """Ask for somebody as they are found: by number and by address."""
    patient = matrix.lives[key].world.patient
    email = patient.user.email if patient.user else ""
    by_email = [(name, email, "q" * len(email)) for name in ("q", "email", "login", "username")]
    return [("q", patient.nhs_number or "", "9999999999"), *by_email]


def content_of(matrix: Matrix, key: str) -> list[Question]:
    ids = [(name, matrix.ids[key]["consultation"], str(NEVER)) for name in ("consultation", "id", "pk", "q", "page")]
    return ids + words_of(key, "reason")


def everything_about(matrix: Matrix, person: Person) -> list[Question]:
    if person.is_staff:  # who has which id, name and number is theirs to look up
        return words_of("ben", "reason") + [(name, mark("ben", "why"), mark("qqq", "why")) for name in ODD_PARAMETERS]
    key = neighbour_of(person)
    asked = [*ids_of(matrix, key), *words_of(key, "name"), *words_of(key, "reason"), *person_of(matrix, key)]
    other = NOT_THE_CONTENT_OF.get(person.name)
    return asked + (content_of(matrix, other) if other else [])


def together(matrix: Matrix, person: Person) -> Iterator[list[Question]]:
    """Yield what can be asked at once, as long as whoever reads one parameter does not turn another away."""
    key, other = neighbour_of(person), NOT_THE_CONTENT_OF.get(person.name)
    yield ids_of(matrix, key)
    yield words_of(key, "reason")
    if other:
        yield content_of(matrix, other)


def as_anybody(answer: Answer, said: Iterable[str]) -> tuple:
    """Return the answer as somebody would see it who said something else."""
    for value in sorted(set(said), key=len, reverse=True):
        status, headers, body, told = answer.without(value)
        answer = Answer(status, headers, body, told, answer.wrote)
    return answer.status, answer.headers, answer.body, answer.told


def oracle(matrix: Matrix, person: Person, address: str, asked_for: list[Question]) -> Iterator[str]:
    """Yield what one learns at an address by saying what is somebody's instead of what is nobody's."""
    # What the address itself names is nobody's secret there.
    asked_for = [one for one in asked_for if one[1] not in address]
    browser, joint = Browser(person.cookies), "" if address.endswith("&") else "?"
    asked = Asked("GET", f"{address}{joint}{urlencode([(name, real) for name, real, _ in asked_for])}")
    never = Asked("GET", f"{address}{joint}{urlencode([(name, unreal) for name, _, unreal in asked_for])}")
    moment = timezone.now()  # which a page about one's own recording shows
    with patch.object(timezone, "now", lambda: moment):
        answer, nothing = knock(browser, asked), knock(browser, never)
    if stray := strays(matrix, person, asked, answer):
        yield f"{asked.path} as {person.name} shows the {stray}"
    said = as_anybody(answer, [real for _, real, _ in asked_for])
    if said != as_anybody(nothing, [unreal for _, _, unreal in asked_for]):
        yield f"{asked.path} as {person.name} answers otherwise than {never.path}"


def sorted_otherwise(matrix: Matrix, person: Person, address: str) -> Iterator[str]:
    """Yield what of somebody else's comes with another order, page or day of one's own list."""
    day = timezone.localdate(matrix.lives[neighbour_of(person)].upcoming.starts_at).isoformat()
    born = "1980-02-29"  # of everybody here
    for question in (*ORDERINGS, ("day", day), ("q", born), ("date_of_birth", born)):
        asked = Asked("GET", f"{address}?{urlencode([question])}")
        answer = knock(Browser(person.cookies), asked)
        for stray in strays(matrix, person, asked, answer):
            yield f"{asked.path} as {person.name} shows the {stray}"


@pytest.mark.parametrize("actor", each(BRIEFLY))
def test_an_address_asked_about_somebody_else_answers_as_if_they_did_not_exist(
    actor: str, matrix: Matrix, briskly
) -> None:
    person = matrix.people[actor]
    asked = [(path, questions) for path in pages_of(matrix, person) for questions in together(matrix, person)]
    print(f"{len(asked)} addresses and sets of parameters as {actor}")
    assert len(asked) > 30
    assert [wrong for path, questions in asked for wrong in oracle(matrix, person, path, questions)] == []


def pages_of(matrix: Matrix, person: Person) -> list[str]:
    return [path for door, path in addresses(matrix, person).items() if door not in (*LISTS, *STAFF_LISTS)]


@pytest.mark.parametrize("actor", each(["clinician", "colleague", "revoked"]))
def test_a_list_asked_about_somebody_else_answers_as_if_they_did_not_exist(actor: str, matrix: Matrix, briskly) -> None:
    person = matrix.people[actor]
    key = neighbour_of(person)
    questions = [
        *words_of(key, "name")[:4], *person_of(matrix, key)[:1],
        *((name, matrix.ids[key]["patient"], str(NEVER)) for name in ("q", "patient__id__exact", *ODD_PARAMETERS)),
    ]  # fmt: skip
    wrong = []
    for path in (*LISTS, *COMPLETED):
        wrong += [one for question in questions for one in oracle(matrix, person, path, [question])]
    for path in LISTS:
        wrong += sorted_otherwise(matrix, person, path)
    assert wrong == []


@pytest.mark.long
@pytest.mark.database
@pytest.mark.isolation
@pytest.mark.parametrize("actor", table().actors)
def test_every_address_asked_everything_one_by_one(actor: str, matrix: Matrix, briskly) -> None:
    person = matrix.people[actor]
    paths, questions = list(addresses(matrix, person).values()), everything_about(matrix, person)
    completed = COMPLETED if "/clinic/" in addresses(matrix, person) else ()
    wrong = [
        one
        for path in (*paths, *completed)
        for question in questions
        for one in oracle(matrix, person, path, [question])
    ]
    wrong += [one for path in paths for one in sorted_otherwise(matrix, person, path)]
    asked = (len(paths) + len(completed)) * len(questions)
    record(f"{len(paths)} addresses asked about somebody else as {actor}: tells", f"{len(wrong)} of {asked}", "0")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("actor", each(RUNNING_THE_PORTAL))
def test_staff_learn_no_content_by_asking_their_lists(actor: str, matrix: Matrix, briskly) -> None:
    person = matrix.people[actor]
    questions = [(name, mark("ben", "reason"), mark("qqq", "reason")) for name in (*WORD_PARAMETERS, *ODD_PARAMETERS)]
    asked = [(path, [question]) for path in STAFF_LISTS for question in questions]
    asked += [(path, questions) for path in pages_of(matrix, person)]
    wrong = [one for path, questions in asked for one in oracle(matrix, person, path, questions)]
    assert not wrong, "\n".join(wrong)


def test_whoever_believes_a_parameter_is_found(matrix: Matrix, briskly, monkeypatch: pytest.MonkeyPatch) -> None:
    """The questions above are such as would be answered."""
    patient, colleague = matrix.people["patient"], matrix.people["colleague"]

    def found(person: Person, path: str, questions: list[Question]) -> str:
        return "\n".join(oracle(matrix, person, path, questions))

    assert not found(patient, "/book/", ids_of(matrix, "ben"))
    every = [
        {"key": pk, "name": "", "speciality": ""} for pk in (matrix.ids["ben"]["clinician"], booking_pages.ANYBODY)
    ]
    monkeypatch.setattr(booking_pages, "choices", lambda of: every)
    monkeypatch.setattr(
        booking_pages, "rules_for", lambda of, chosen: Availability.objects.filter(clinician__pk=UUID(chosen))
    )
    assert "answers otherwise" in found(patient, "/book/", ids_of(matrix, "ben"))
    monkeypatch.setattr(OwnPatientsAdmin, "own_rows", lambda page, request: Patient.objects.all())
    by_name = [("q", mark("ben", "name"), mark("qqq", "name"))]
    assert "answers otherwise" in found(colleague, "/clinic/patients/patient/", by_name)
    shown = "\n".join(sorted_otherwise(matrix, colleague, "/clinic/patients/patient/"))
    assert f"?q=1980-02-29 as colleague shows the name of ben: {mark('ben', 'name')}" in shown


def test_every_parameter_that_a_view_reads_is_seen_by_its_name() -> None:
    """Who takes the whole query has names that nobody would try; no view of ours reads cookies or the environment."""
    assert names_read("GET") >= {"with", "at", "weeks", "day", "page", "q"}
    assert handed_on("GET") == set()
    assert names_read("COOKIES") == names_read("META") == handed_on("COOKIES") == handed_on("META") == frozenset()


def test_readings_are_found_however_they_are_written() -> None:
    text = """
HERE = "c"
request.GET.get("a"), request.GET["b"], HERE in request.GET, self.request.query_params.getlist("d")
request.POST.get(HERE), request.COOKIES["e"], Form(request.GET), request.GET.get(name), response.headers["f"]
"""
    found = [(one.carrier, one.name) for one in read_in(text, Path("here.py"))]
    assert sorted(found) == [
        ("COOKIES", "e"), ("GET", ""), ("GET", ""), ("GET", "a"), ("GET", "b"), ("GET", "c"), ("GET", "d"),
        ("POST", "c"),
    ]  # fmt: skip
