"""Long lists by pages, without counting them."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.paging import Part, part
from tests.cast import Cast
from tests.crowded import hold

ELEVEN = list(range(11))


def page(said: str | None, rows: list[int] = ELEVEN, per_page: int = 5) -> Part[int]:
    return part(said, per_page, lambda between: rows[between])


@pytest.mark.parametrize(
    ("said", "rows", "previous", "following"),
    [
        (None, [0, 1, 2, 3, 4], False, True),
        ("1", [0, 1, 2, 3, 4], False, True),
        ("2", [5, 6, 7, 8, 9], True, True),
        ("3", [10], True, False),
    ],
)
def test_each_page_holds_its_rows_and_says_whether_there_are_more(
    said: str | None, rows: list[int], previous: bool, following: bool
) -> None:
    found = page(said)
    assert (list(found), len(found)) == (rows, len(rows))
    assert (found.has_previous, found.has_next) == (previous, following)
    assert (found.previous_page_number, found.next_page_number) == (found.number - 1, found.number + 1)
    assert found.has_other_pages


@pytest.mark.parametrize("said", ["4", "0", "-1", "x", "", "1e3", "1.5", "9" * 30, "10001", "²"])
def test_whatever_else_an_address_says_the_first_page_is_shown(said: str) -> None:
    assert page(said) == page(None)


def test_a_list_that_fills_its_page_exactly_has_no_other() -> None:
    assert not page(None, ELEVEN[:5]).has_other_pages
    assert not page(None, []).has_other_pages
    assert page("7", []).rows == []


@pytest.mark.database
@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/recordings/", "/consultations/"])
def test_pages_turn_over_every_row_once_and_count_nothing(path: str, cast: Cast, client: Client) -> None:
    hold([(cast.ada.patient, cast.ada.clinician)], 52)
    client.force_login(cast.ada.patient.user)
    seen: list[str] = []
    for number in (1, 2, 3):
        with CaptureQueriesContext(connection) as queries:
            text = client.get(path, {"page": str(number)}).content.decode()
        assert not any("COUNT(" in query["sql"] for query in queries)
        seen += links_of(text, path)
        assert (f"?page={number + 1}" in text) == (number < 3)
    kept = 53  # and the one the cast has
    assert len(seen) == len(set(seen)) == kept


def links_of(text: str, path: str) -> list[str]:
    """Return the addresses of the past rows of a list."""
    past = text.split('id="past-title"')[-1]
    return [part.split('"')[0] for part in past.split(f'class="cover" href="{path}')[1:]]
