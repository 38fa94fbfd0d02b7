"""What a web process does before its first request."""

import gc
import subprocess
import sys

import pytest

from telehealth.warm import YOUNG

LOADED = """
import django, gc, sys
django.setup()
from telehealth.warm import warm_up
before = len(gc.get_objects())
warm_up()
print("recordings.views" in sys.modules, "patients.clinic" in sys.modules, gc.get_freeze_count() >= before)
"""


def test_every_page_is_loaded_and_set_aside_before_the_first_request() -> None:
    """In a process of its own: this one has loaded everything already."""
    said = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["True", "True", "True"]


@pytest.mark.django_db
def test_a_web_process_does_so_when_it_starts() -> None:
    from telehealth.asgi import application  # it looks at the database

    assert application
    assert gc.get_freeze_count() > 0
    assert gc.get_threshold()[0] == YOUNG
