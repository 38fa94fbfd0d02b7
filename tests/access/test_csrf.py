"""No page of another site can change anything in somebody's name: every unsafe method wants the token."""

import pytest
from django.conf import settings

from tests.access.knocking import Browser, ask, knock
from tests.access.table import Door, table
from tests.access.world import Matrix
from tests.figures import record

pytestmark = pytest.mark.django_db
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
API = "/api/"


def expected(door: Door, actor: str) -> str:
    """The API asks for the token once it knows who asks; an upload token is no cookie and needs none."""
    return "unauthorised" if door.name.startswith(API) and actor in table().groups["without-session"] else "refused"


def passed(matrix: Matrix, actor: str) -> tuple[list[str], int]:
    """Return the unsafe requests without a token that were heard, and how many there were."""
    person, wrong, asked_for = matrix.people[actor], [], 0
    browser = Browser(person.cookies, asks_for_csrf=True)
    for door in table().doors.values():
        target = (matrix.target(person, door.of, "own") or matrix.target(person, door.of, "other")) if door.of else ""
        for method in () if door.is_token else UNSAFE:
            answer = knock(browser, ask(matrix, person, door, method, target))
            asked_for += 1
            if answer.outcome() != expected(door, actor) or answer.wrote - {"django_session"}:
                wrong.append(f"{method} {door.name} as {actor}: {answer.outcome()}, wrote {sorted(answer.wrote)}")
    return wrong, asked_for


@pytest.mark.parametrize("actor", ["anonymous", "patient", "clinician", "administrator"])
def test_without_the_token_nothing_unsafe_passes(actor: str, matrix: Matrix, briskly) -> None:
    wrong, asked_for = passed(matrix, actor)
    print(f"{asked_for} unsafe requests without a token as {actor}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.long
@pytest.mark.database
@pytest.mark.isolation
@pytest.mark.parametrize("actor", table().actors)
def test_without_the_token_nothing_unsafe_passes_for_anybody(actor: str, matrix: Matrix, briskly) -> None:
    wrong, asked_for = passed(matrix, actor)
    record(f"unsafe requests without a token as {actor}: heard", f"{len(wrong)} of {asked_for}", "0")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("actor", ["anonymous", "patient", "clinician", "administrator"])
def test_a_cookie_is_nothing_to_a_door_that_takes_tokens(actor: str, matrix: Matrix, briskly) -> None:
    """What needs no CSRF token must not know the session either."""
    person = matrix.people[actor]
    for door in (door for door in table().doors.values() if door.is_token):
        for method in UNSAFE:
            asked = ask(matrix, person, door, method, matrix.ids["ada"]["segment"])
            with_session = knock(Browser(person.cookies), asked)
            without = knock(Browser(matrix.people["anonymous"].cookies), asked)
            assert with_session.without("-") == without.without("-"), (method, door.name)


def test_the_session_is_not_sent_from_pages_of_other_sites() -> None:
    assert settings.SESSION_COOKIE_SAMESITE == "Lax" and settings.SESSION_COOKIE_HTTPONLY
