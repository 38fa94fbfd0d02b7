"""`manage.py process_recording`: prepares again what was given up, and says what became of it."""

import uuid
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from recordings import safe
from recordings.models import ProcessingJob
from tests.cast import Cast
from tests.visits import CANVAS, Visit, recorded_visit

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def small_pictures(settings) -> None:
    settings.RECORDING_CANVAS = CANVAS


def given_up(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Visit:
    """Return a visit whose recording could not be prepared while the storage was away."""
    visit = recorded_visit(cast.ada, at=cast.now - timedelta(hours=6))
    ProcessingJob.objects.filter(pk=visit.job.pk).update(attempts=4)
    with monkeypatch.context() as away:
        away.setattr(safe, "vault", lambda: 1 / 0)
        assert visit.process().status == "failed"
    return visit


def run(*arguments: object) -> str:
    out = StringIO()
    call_command("process_recording", *map(str, arguments), stdout=out, stderr=out)
    return out.getvalue()


def test_what_was_given_up_becomes_ready(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    visit = given_up(cast, monkeypatch)
    assert run("--failed") == f"{visit.recording.pk}: ready\n"
    assert visit.recording.status == "ready"
    assert run("--failed") == ""


def test_a_replay_that_stands_is_made_once_more(cast: Cast) -> None:
    visit = recorded_visit(cast.ada, at=cast.now - timedelta(hours=6))
    visit.process()
    assert run(visit.recording.pk) == f"{visit.recording.pk}: ready\n"
    assert visit.recording.renditions.count() == 2


def test_what_fails_again_says_so(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    visit = given_up(cast, monkeypatch)
    visit.recording.segments.update(root="0" * 64)
    with pytest.raises(CommandError, match=r"1 of 1 did not become ready"):
        run(visit.recording.pk)
    assert (visit.recording.status, visit.recording.reason) == ("quarantined", "manifest")


def test_what_cannot_be_prepared_is_named(cast: Cast) -> None:
    nobody = uuid.uuid4()
    with pytest.raises(CommandError, match="1 of 1"):
        run(nobody)
    visit = recorded_visit(cast.ada, at=cast.now - timedelta(hours=6))
    type(visit.recording).objects.filter(pk=visit.recording.pk).update(status="withdrawn")
    with pytest.raises(CommandError, match="1 of 1"):
        run(visit.recording.pk)
    assert visit.recording.status == "withdrawn"
    with pytest.raises(CommandError):
        run()
