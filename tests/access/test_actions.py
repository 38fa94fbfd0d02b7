"""What a list of an admin site can be told to do with its rows: asked for by everybody, it happens to nobody."""

from urllib.parse import urlencode

import pytest

from tests.access.knocking import LEFT_BY_A_REFUSAL, Asked, Browser, knock
from tests.access.table import table
from tests.access.world import Matrix

pytestmark = [pytest.mark.database, pytest.mark.django_db]
OFFERED_TO_NOBODY = {"no-action", "list-with-actions"}
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("actor", table().actors)
def test_actions_on_chosen_rows_do_what_the_table_says(actor: str, matrix: Matrix, briskly) -> None:
    person, wrong = matrix.people[actor], []
    for line, rule in table().actions.items():
        page, name = line.split(" ")
        row = matrix.ids["ada"][table().doors[f"{page}<object_id>/change/"].of]
        for more in ({}, {"post": "yes"}, {"select_across": "1", "post": "yes"}):
            body = urlencode({"action": name, "_selected_action": row, "index": "0", **more}).encode()
            answer = knock(Browser(person.cookies), Asked("POST", page, body, FORM))
            expected = table().outcome(rule, actor, "all")
            did = answer.wrote - LEFT_BY_A_REFUSAL if rule in OFFERED_TO_NOBODY else frozenset()
            if answer.outcome() != expected or did:
                wrong.append(f"{name} at {page} as {actor}: {answer.outcome()}, wrote {sorted(answer.wrote)}")
    assert not wrong, "\n".join(wrong)
