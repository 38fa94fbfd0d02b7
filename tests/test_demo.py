"""The demo is made once, by the real pipeline, and never for real people."""

from collections import Counter

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command

from recordings.models import Recording
from telehealth import demo
from tests.visits import CANVAS, stored_files

KINDS = ("audio", "video", "audio")


def rows() -> Counter[str]:
    return Counter({model._meta.label: model._default_manager.count() for model in apps.get_models()})


@pytest.mark.django_db
def test_nobody_gets_a_public_password_by_accident(settings) -> None:
    settings.IS_DEMO_ALLOWED = False
    before = rows()
    with pytest.raises(CommandError, match="Set DEMO=1"):
        call_command("demo")
    assert rows() == before


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_asked_for_again_nothing_is_made_twice(settings, capsys: pytest.CaptureFixture[str]) -> None:
    settings.IS_DEMO_ALLOWED, settings.RECORDING_CANVAS = True, CANVAS
    call_command("demo")
    made, replays = rows(), list(Recording.objects.filter(status="ready"))
    assert {replay.patient.user.email for replay in replays} == {person.email for person in demo.PATIENTS}
    for replay in replays:
        assert tuple(part["kind"] for part in replay.timeline) == KINDS and stored_files(replay)
    assert f"Made {len(replays)} past consultations" in capsys.readouterr().out
    call_command("demo")
    assert rows() == made
    assert "Made" not in capsys.readouterr().out
