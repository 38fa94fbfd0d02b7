"""Ids and names of somebody else in the headers: they make nobody somebody else, and find nothing."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator

import pytest
from django.http import HttpRequest, HttpResponseBase

from accounts.models import User
from tests.access.actors import each
from tests.access.knocking import Browser, ask, knock
from tests.access.reading import handed_on, names_read
from tests.access.table import Door, table
from tests.access.test_matrix import strays
from tests.access.test_sideways import neighbour_of
from tests.access.world import Matrix, Person
from tests.figures import record

pytestmark = pytest.mark.django_db
# Sent together, what would not stand in each other's way: said alone, none of them can do more.
FORGED = (
    {
        "X-Forwarded-User": "{email}", "X-Remote-User": "{email}", "Remote-User": "{email}", "X-User-Id": "{user}",
        "X-Patient-Id": "{patient}", "X-Forwarded-For": "127.0.0.1", "Sec-Fetch-Site": "same-origin",
        "Referer": "http://testserver/recordings/{recording}/",
    },
    {"Authorization": "Bearer {token}", "Cookie2": "sessionid={user}", "X-Request-ID": "{recording}"},
    {"X-Original-URL": "/recordings/{mine}/media/", "X-Rewrite-URL": "/recordings/{mine}/media/"},
    {"X-HTTP-Method-Override": "GET", "Accept": "application/json;x={recording}"},
    {"Content-Digest": "sha-256=:{recording}:", "X-Chunk-Time": "0-1000"},
    {"Range": "bytes=0-10", "If-Range": '"{recording}"'},
    {"If-None-Match": "*", "If-Modified-Since": "Sat, 29 Oct 1994 19:43:31 GMT"},
    {
        "HX-Request": "true", "HX-Target": "{recording}",
        "HX-Current-URL": "http://testserver/recordings/{recording}/",
    },
)  # fmt: skip


def forged(matrix: Matrix, person: Person, doors: Iterable[Door], methods: tuple[str, ...]) -> Iterator[str]:
    """Yield where a header changes the answer about another's rows; what is one's own stays one's own."""
    browser, key = Browser(person.cookies), neighbour_of(person)
    facts = matrix.ids[key] | {"token": matrix.lives[key].token, "mine": matrix.ids[key]["recording"]}
    facts["email"] = matrix.lives[key].world.patient.user.email  # type: ignore[union-attr]
    for door in doors:
        target = matrix.target(person, door.of, "other")
        for method in methods:
            asked = ask(matrix, person, door, method, target)
            plain = knock(browser, asked).without(target or "")
            for headers in FORGED:
                said = tuple((name, value.format(**facts)) for name, value in headers.items())
                lied = dataclasses.replace(asked, headers=asked.headers + said)
                answer, names = knock(browser, lied), ", ".join(headers)
                if answer.without(target or "") != plain:
                    yield f"{names} changes the answer of {method} {door.name} as {person.name}: {answer.outcome()}"
                for stray in strays(matrix, person, lied, answer):
                    yield f"{names} at {method} {door.name}: {stray}"


def doors_of_others(person: Person, *, all_of_them: bool) -> list[Door]:
    """Return the doors that name something; briefly without those of a site that sends this person away unheard."""

    def counts(door: Door) -> bool:
        sent_away = table().outcome(door.rules["GET"], person.name, "other") == "site-sign-in"
        return all_of_them or not (sent_away or door.name.startswith("/admin/"))

    return [door for door in table().doors.values() if door.of and not door.is_token and counts(door)]


@pytest.mark.parametrize("actor", each(["anonymous", "patient", "clinician", "revoked", "colleague", "share-holder"]))
def test_no_header_makes_somebody_else_of_anybody(actor: str, matrix: Matrix, briskly) -> None:
    person = matrix.people[actor]
    wrong = list(forged(matrix, person, doors_of_others(person, all_of_them=False), ("GET",)))
    assert not wrong, "\n".join(wrong)


@pytest.mark.long
@pytest.mark.database
@pytest.mark.isolation
@pytest.mark.parametrize("actor", table().actors)
def test_no_header_makes_somebody_else_of_anybody_at_any_door(actor: str, matrix: Matrix, briskly) -> None:
    person = matrix.people[actor]
    doors, methods = doors_of_others(person, all_of_them=True), ("GET", "POST")
    wrong = list(forged(matrix, person, doors, methods))
    asked = len(doors) * len(methods) * len(FORGED)
    record(f"{len(FORGED)} sets of forged headers as {actor}: change something", f"{len(wrong)} of {asked}", "0")
    assert not wrong, "\n".join(wrong)


def believing(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """A middleware that takes a proxy's word for who asks."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        if email := request.headers.get("X-Remote-User"):
            request.user = User.objects.get(email=email)
        return get_response(request)

    return answer


def test_whoever_believes_a_header_is_found(matrix: Matrix, briskly, settings) -> None:
    """The headers above are such as would be believed."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.believing"]
    doors = [table().doors["/recordings/<pk>/"]]
    wrong = "\n".join(forged(matrix, matrix.people["neighbour"], doors, ("GET",)))
    assert "changes the answer of GET /recordings/<pk>/ as neighbour: shown" in wrong
    assert "at GET /recordings/<pk>/: reason of ada" in wrong


def test_every_header_that_a_view_reads_is_forged() -> None:
    assert names_read("headers") <= {name for headers in FORGED for name in headers}
    assert handed_on("headers") == set()
