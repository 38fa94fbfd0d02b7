"""Ids and words of somebody else in the query, the filters, the headers: they change nothing and find nothing."""

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from tests.access.actors import each
from tests.access.knocking import Asked, Browser, ask, knock
from tests.access.markers import mark
from tests.access.table import table
from tests.access.test_matrix import strays
from tests.access.world import NEVER, Matrix, Person

pytestmark = pytest.mark.django_db
READERS = ("patient", "clinician", "revoked")
RUNNING_THE_PORTAL = ("staff", "administrator")
LISTS = (
    "/", "/consultations/", "/recordings/", "/api/v1/segments/unfinished/", "/clinic/", "/clinic/today/",
    "/clinic/consultations/consultation/", "/clinic/recordings/recording/",
)  # fmt: skip
STAFF_LISTS = tuple(name for name in table().doors if name.startswith("/admin/") and name.count("/") == 4)
ID_PARAMETERS = (
    "id", "pk", "patient__id", "patient__id__exact", "clinician__id__exact", "consultation", "recording", "user",
    "patient__user", "id__in", "_selected_action", "page", "cursor", "o", "_to_field", "_changelist_filters", "next",
)  # fmt: skip
WORD_PARAMETERS = (
    "q", "search", "patient__name__icontains", "reason__icontains", "consultation__reason__startswith",
    "patient__nhs_number", "patient__user__email__startswith", "communication_needs__contains",
)  # fmt: skip
ODD_PARAMETERS = ("id__in", "o", "cursor", "_to_field", "_changelist_filters")
# Sent together, what would not stand in each other's way: said alone, none of them can do more.
FORGED = (
    {
        "X-Forwarded-User": "{email}", "X-Remote-User": "{email}", "Remote-User": "{email}", "X-User-Id": "{user}",
        "X-Patient-Id": "{patient}", "X-Forwarded-For": "127.0.0.1", "Sec-Fetch-Site": "same-origin",
        "Referer": "http://testserver/recordings/{recording}/",
    },
    {"Authorization": "Bearer {token}"},
    {"X-Original-URL": "/recordings/{mine}/media/", "X-Rewrite-URL": "/recordings/{mine}/media/"},
    {"X-HTTP-Method-Override": "GET", "Accept": "application/json;x={recording}"},
    {"Range": "bytes=0-10", "If-Range": '"{recording}"'},
    {"If-None-Match": "*", "If-Modified-Since": "Sat, 29 Oct 1994 19:43:31 GMT"},
    {
        "HX-Request": "true", "HX-Target": "{recording}",
        "HX-Current-URL": "http://testserver/recordings/{recording}/",
    },
)  # fmt: skip


def neighbour_of(person: Person) -> str:
    return "ada" if person.life != "ada" else "ben"


def questions(matrix: Matrix, key: str) -> Iterator[tuple[str, str, str]]:
    """Yield (parameter, what is somebody's, the same that is nobody's)."""
    for name in ID_PARAMETERS:
        kind = name if name in ("consultation", "recording", "user") else "patient"
        yield name, matrix.ids[key][kind], str(NEVER)
    for name in WORD_PARAMETERS:
        yield from ((name, mark(key, kind), mark("q" * len(key), kind)) for kind in ("name", "reason"))
    yield "q", matrix.lives[key].world.patient.nhs_number or "", "9999999999"


def oracles(matrix: Matrix, person: Person, lists: tuple[str, ...]) -> Iterator[str]:
    """Yield what one can learn by asking a list about somebody else's ids or words."""
    browser = Browser(person.cookies)
    for door in lists:
        for name, real, unreal in questions(matrix, neighbour_of(person)):
            asked, never = (Asked("GET", f"{door}?{urlencode({name: value})}") for value in (real, unreal))
            answer, nothing = knock(browser, asked), knock(browser, never)
            if stray := strays(matrix, person, asked, answer):
                yield f"{asked.path} as {person.name} shows the {stray}"
            if answer.without(real) != nothing.without(unreal):
                yield f"{asked.path} as {person.name} answers otherwise than {never.path}"


@pytest.mark.parametrize("actor", each(READERS))
def test_a_list_asked_about_somebody_else_answers_as_if_they_did_not_exist(actor: str, matrix: Matrix, briskly) -> None:
    assert list(oracles(matrix, matrix.people[actor], LISTS)) == []


@pytest.mark.parametrize("actor", each(RUNNING_THE_PORTAL))
def test_staff_learn_no_content_by_asking_their_lists(actor: str, matrix: Matrix, briskly) -> None:
    person = matrix.people[actor]
    browser, wrong = Browser(person.cookies), []
    for door in STAFF_LISTS:
        for name in (*WORD_PARAMETERS, *ODD_PARAMETERS):
            asked, never = (
                Asked("GET", f"{door}?{urlencode({name: mark(life, 'reason')})}") for life in ("ben", "qqq")
            )
            answer, nothing = knock(browser, asked), knock(browser, never)
            wrong += [f"{asked.path}: {stray}" for stray in strays(matrix, person, asked, answer)]
            if answer.without(mark("ben", "reason")) != nothing.without(mark("qqq", "reason")):
                wrong.append(f"{asked.path} answers otherwise than {never.path}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("actor", each(["anonymous", *READERS]))
def test_no_header_makes_somebody_else_of_anybody(actor: str, matrix: Matrix, briskly) -> None:
    """Each answer is the one without the header, for another's rows; what is one's own stays one's own."""
    person = matrix.people[actor]
    browser, key, wrong = Browser(person.cookies), neighbour_of(person), []
    facts = matrix.ids[key] | {"token": matrix.lives[key].token, "mine": matrix.ids[key]["recording"]}
    facts["email"] = matrix.lives[key].world.patient.user.email  # type: ignore[union-attr]
    for door in table().doors.values():
        if not door.of or door.is_token or door.name.startswith("/admin/"):
            continue
        target = matrix.target(person, door.of, "other")
        asked = ask(matrix, person, door, "GET", target)
        plain = knock(browser, asked)
        for headers in FORGED:
            said = tuple((name, value.format(**facts)) for name, value in headers.items())
            forged, names = Asked("GET", asked.path, headers=said), ", ".join(headers)
            answer = knock(browser, forged)
            if answer.without(target or "") != plain.without(target or ""):
                wrong.append(f"{names} changes the answer of GET {door.name} as {actor}: {answer.outcome()}")
            wrong += [f"{names} at {door.name}: {stray}" for stray in strays(matrix, person, forged, answer)]
    assert not wrong, "\n".join(wrong)
