"""Every page that the table of doors shows to a patient, a clinician, an administrator and to who is not signed in."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.template.loader import render_to_string

from tests.access.knocking import Browser, ask, knock
from tests.access.table import table
from tests.access.world import Matrix

PEOPLE = ("anonymous", "patient", "clinician", "administrator")
HTML = ("Content-Type", "text/html; charset=utf-8")
ERRORS = ("400.html", "403.html", "403_csrf.html", "404.html", "429.html", "500.html", "503.html")
CALL = "/consultations/<pk>/call/"


@dataclass(frozen=True)
class Page:
    """`door` is its address as the table has it."""

    door: str
    person: str
    html: str

    @property
    def is_whole(self) -> bool:
        """Parts of a page are what htmx puts into another."""
        return self.html.lstrip().lower().startswith("<!doctype html>")

    def __str__(self) -> str:
        return f"{self.door} as {self.person}"


def pages_of(matrix: Matrix) -> Iterator[Page]:
    for name in PEOPLE:
        person = matrix.people[name]
        browser = Browser(person.cookies)
        for door in table().doors.values():
            for relation in door.relations():
                target = matrix.target(person, door.of, relation) if door.of else ""
                if target is None or table().outcome(door.rules["GET"], name, relation) != "shown":
                    continue
                answer = knock(browser, ask(matrix, person, door, "GET", target))
                if answer.status == 200 and HTML in answer.headers:
                    yield Page(door.name, name, answer.body.decode())
                    break


def error_pages() -> Iterator[Page]:
    yield from (Page(name, "anybody", render_to_string(name)) for name in ERRORS)
