"""Everybody before every door, with every method, asking for what is theirs, another's, gone and never there."""

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.access.actors import each
from tests.access.knocking import LEFT_BY_A_REFUSAL, Answer, Asked, Browser, ask, knock
from tests.access.table import METHODS, RELATIONS, Door, table
from tests.access.world import Matrix, Person
from tests.figures import record

pytestmark = pytest.mark.django_db
# The ledger's lines are numbered: which numbers exist is no secret, and they differ in length.
COUNTED = frozenset({"entry"})
CONSULTATIONS = frozenset({"consultation", "planned", "upcoming"})
GIVES = frozenset({"shown", "done", "moved", "own-surface"})
# A line that says the same for all relations is asked for what was one's own and what never was, its rarer methods
# for one's own alone: whoever lost a right lost it there. Whom a whole site sends to its sign-in page, it sends there
# before any method is looked at: GET and POST show it. `long` asks for all.
BRIEFLY = {"GET": ("own", "never"), "POST": ("own", "never")}
# What no answer goes without, whoever asked for what: values that must be found in the header.
SAFE = {"Content-Security-Policy": "script-src 'self'", "Permissions-Policy": "geolocation=()"}


def relations(matrix: Matrix, person: Person, door: Door, method: str, *, all_of_them: bool) -> tuple[str, ...]:
    rule = door.rules[method]
    said = {table().outcome(rule, person.name, relation) for relation in door.relations()}
    if said == {"site-sign-in"} and method not in BRIEFLY and not all_of_them:
        return ()
    if not door.of or all_of_them or len(said) > 1:
        return door.relations()
    brief = BRIEFLY.get(method, ("own",))
    if matrix.target(person, door.of, "own") is None:  # Who has nothing of it asks for another's.
        return tuple("other" if relation == "own" else relation for relation in brief)
    return brief


def cells(matrix: Matrix, person: Person, *, all_of_them: bool) -> Iterator[tuple[Door, str, str, str, Asked, Answer]]:
    """Yield (door, method, relation, id asked for, request, answer) of everything this person can try."""
    browser = Browser(person.cookies)
    for door in table().doors.values():
        for method in METHODS:
            for relation in relations(matrix, person, door, method, all_of_them=all_of_them):
                target = matrix.target(person, door.of, relation) if door.of else ""
                if target is None:
                    continue
                asked = ask(matrix, person, door, method, target)
                yield door, method, relation, target, asked, knock(browser, asked)


def judged(matrix: Matrix, person: Person, *, all_of_them: bool) -> tuple[list[str], Counter[str]]:
    """Return what is wrong, each as one line, and how many cells had which outcome."""
    wrong, outcomes, never = [], Counter[str](), dict[tuple[str, str], dict[str, tuple]]()
    for door, method, relation, target, asked, answer in cells(matrix, person, all_of_them=all_of_them):
        expected, came = table().outcome(door.rules[method], person.name, relation), answer.outcome()
        where = f"{method} {door.name} as {person.name} ({relation}):"
        outcomes[came] += 1
        if came != expected:
            wrong.append(f"{where} {came}, and rule {door.rules[method]} says {expected}")
        wrong += [f"{where} shows the {stray}" for stray in strays(matrix, person, asked, answer)]
        wrong += [f"{where} has no {name}" for name, value in SAFE.items() if value not in answer.header(name)]
        if "no-store" not in answer.header("Cache-Control") and person.user and came == "shown":
            wrong.append(f"{where} may be kept by a cache")
        may_leave = LEFT_BY_A_REFUSAL | ({"audit_alert"} if is_told(person, door, relation, came) else set())
        if came not in GIVES and (rest := answer.wrote - may_leave):
            wrong.append(f"{where} {came}, and wrote into {', '.join(sorted(rest))}")
        given = relation == "own" and came in GIVES  # What was done to one's own may say so.
        if came not in {"shown", "done"} and not given and door.of not in COUNTED:
            never.setdefault((door.name, method), {})[f"{came} {relation}"] = answer.without(target or "-")
    for (door_name, method), seen in never.items():
        wrong += [f"{method} {door_name} as {person.name}: {what}" for what in apart(seen)]
    return wrong, outcomes


def is_told(person: Person, door: Door, relation: str, came: str) -> bool:
    """Say whether staff hear of it: a valid credential used for something else, a grant lost without a reason."""
    lost = person.name == "revoked" and relation == "own" and door.of in CONSULTATIONS
    return came == "refused" or lost


def strays(matrix: Matrix, person: Person, asked: Asked, answer: Answer) -> set[str]:
    user = person.user
    own = f"{user.name} {user.email} {user.pk} {user.pk.hex}".lower().encode() if user else b""
    own += person.sees.encode()
    life = "" if person.sees else person.life
    facts = {
        "life": life, "cares_for": person.cares_for, "is_staff": person.is_staff, "own": own,
        "asked": asked.words.lower(),
    }  # fmt: skip
    return matrix.markers.strays(answer.text, **facts)


def apart(seen: dict[str, tuple]) -> Iterator[str]:
    """Yield what tells a refusal of something that exists from one of something that never did."""
    for outcome in {name.split(" ")[0] for name in seen}:
        never = seen.get(f"{outcome} never")
        for relation in RELATIONS[:-1]:
            other = seen.get(f"{outcome} {relation}")
            if never and other and other != never:
                yield f"{outcome} for {relation} is not the same bytes as for what never existed: {other} {never}"


@pytest.mark.parametrize("actor", each(table().actors))
def test_everybody_gets_what_the_table_says_and_nothing_of_anybody_else(actor: str, matrix: Matrix, briskly) -> None:
    wrong, outcomes = judged(matrix, matrix.people[actor], all_of_them=False)
    print(f"{sum(outcomes.values())} cells as {actor}: {dict(outcomes)}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.long
@pytest.mark.database
@pytest.mark.isolation
@pytest.mark.parametrize("actor", table().actors)
def test_everybody_asking_for_everything_in_every_way(actor: str, matrix: Matrix, briskly) -> None:
    wrong, outcomes = judged(matrix, matrix.people[actor], all_of_them=True)
    cells = sum(outcomes.values())
    print(f"{cells} cells as {actor}: {dict(outcomes)}")
    record(f"every door as {actor}: answers as the table says", f"{cells - len(wrong)} of {cells}", "all")
    assert not wrong, "\n".join(wrong)
