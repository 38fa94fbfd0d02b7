"""Renders every page once, in a made-up language that is written from right to left and marks what it translates."""

import logging
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import transaction
from django.test import override_settings
from django.utils import translation

from accounts.models import User
from tests.access.conftest import STATIC_FILES
from tests.access.world import make_matrix
from tests.pages.every import Page, error_pages, pages_of

OPEN, CLOSE = "\u2af7", "\u2af8"


ASKED: set[str] = set()  # what was to be translated, as a catalogue knows it


def marked(word: str, known_as: str = "") -> str:
    ASKED.add(known_as or word)
    return f"{OPEN}{word}{CLOSE}"


TRANSLATIONS = {
    "gettext": marked,
    "pgettext": lambda context, word: marked(word, f"{context}\x04{word}"),
    "ngettext": lambda one, many, number: marked(one if number == 1 else many, one),
    "npgettext": lambda context, one, many, number: marked(one if number == 1 else many, f"{context}\x04{one}"),
}


@pytest.fixture(scope="session")
def pages(django_db_setup: None, django_db_blocker) -> Iterator[list[Page]]:
    here = override_settings(
        LANGUAGE_CODE="ar",
        LANGUAGES=[("ar", "Arabic")],
        MIDDLEWARE=[name for name in settings.MIDDLEWARE if name != STATIC_FILES],
        ACCOUNT_RATE_LIMITS=False,
    )
    with django_db_blocker.unblock(), here, pytest.MonkeyPatch.context() as patch, transaction.atomic():
        logging.disable(logging.CRITICAL)
        matrix = make_matrix()
        User.objects.update(language="ar")
        with translation.override("ar"):
            for name, function in TRANSLATIONS.items():
                patch.setattr(translation._trans, name, function)
            found = [*pages_of(matrix), *error_pages()]
        transaction.set_rollback(True)
        logging.disable(logging.NOTSET)
    yield found
