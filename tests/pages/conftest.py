"""Renders every page once, in a made-up language that is written from right to left and marks what it translates."""

import logging
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import transaction
from django.test import override_settings
from django.utils import translation

from tests.access.conftest import STATIC_FILES
from tests.access.world import make_matrix
from tests.pages.every import Page, error_pages, pages_of

OPEN, CLOSE = "\u2af7", "\u2af8"


def marked(word: str) -> str:
    return f"{OPEN}{word}{CLOSE}"


TRANSLATIONS = {
    "gettext": marked,
    "pgettext": lambda context, word: marked(word),
    "ngettext": lambda one, many, number: marked(one if number == 1 else many),
    "npgettext": lambda context, one, many, number: marked(one if number == 1 else many),
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
        with translation.override("ar"):
            for name, function in TRANSLATIONS.items():
                patch.setattr(translation._trans, name, function)
            found = [*pages_of(matrix), *error_pages()]
        transaction.set_rollback(True)
        logging.disable(logging.NOTSET)
    yield found
