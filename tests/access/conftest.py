"""One world for all the tests of a module: nothing that is asked of it remains."""

import logging
from collections.abc import Iterator

import pytest
from django.db import transaction

from tests.access.world import Matrix, make_matrix

# Serves static files and passes on everything else; the one middleware that makes each request a thread.
STATIC_FILES = "servestatic.middleware.ServeStaticMiddleware"


@pytest.fixture(scope="module")
def matrix(django_db_setup: None, django_db_blocker) -> Iterator[Matrix]:
    with django_db_blocker.unblock(), transaction.atomic():
        yield make_matrix()
        transaction.set_rollback(True)


@pytest.fixture
def briskly(settings) -> Iterator[None]:
    """For tens of thousands of requests: no news of refusals, no limit on trying, no thread for each."""
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name != STATIC_FILES]
    # The limits are counted for one address, and all of these people share it.
    settings.ACCOUNT_RATE_LIMITS = False
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
