"""Every door is in the table, and every line of the table is a door."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import URLResolver, path
from django.urls.resolvers import RegexPattern

from telehealth import urls
from tests.access import registry
from tests.access.table import table

FOUND = {
    "doors": registry.http,
    "messages": registry.messages,
    "tasks": registry.tasks,
    "commands": registry.commands,
    "actions": registry.actions,
}


@pytest.mark.parametrize("kind", FOUND)
def test_every_door_has_a_row_and_every_row_a_door(kind: str) -> None:
    said = registry.differences(kind, FOUND[kind](), set(getattr(table(), kind)))
    assert not said, "\n".join(said)


# The application looks at the database from a thread of its own when it is first imported.
@pytest.mark.django_db(transaction=True)
def test_every_socket_has_a_row_and_every_row_a_socket() -> None:
    said = registry.differences("sockets", registry.sockets(), set(table().sockets))
    assert not said, "\n".join(said)


def view(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def test_a_view_that_nobody_listed_is_named_with_what_to_do() -> None:
    planted = URLResolver(RegexPattern(r"^/"), [*urls.urlpatterns, path("recordings/export/", view)])
    (said,) = registry.differences("doors", registry.http(planted), set(table().doors))
    assert said.startswith("/recordings/export/ is a door nobody has judged: add a line for it under [doors]")


def test_a_row_without_a_door_is_named_with_what_to_do() -> None:
    (said,) = registry.differences("tasks", registry.tasks(), {*table().tasks, "recordings.forgotten"})
    assert said.startswith("recordings.forgotten stands under [tasks]") and "strike the line" in said
