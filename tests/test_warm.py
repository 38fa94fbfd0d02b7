"""What a web process does before its first request."""

import subprocess
import sys
from importlib import import_module

import pytest

from telehealth import warm

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
def test_a_web_process_does_so_when_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    monkeypatch.setattr(warm, "warm_up", lambda: called.append("warm"))
    monkeypatch.delitem(sys.modules, "telehealth.asgi", raising=False)
    import_module("telehealth.asgi")
    assert called == ["warm"]
