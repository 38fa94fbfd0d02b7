"""A patient keeps a copy of their own replay: exactly its bytes, resumable, written down once, and nobody else's."""

import pytest
from django.http import HttpResponse

from audit import ledger
from audit.models import Action
from recordings import suspensions
from recordings.models import PlaybackSession, Recording
from tests.cast import Cast, World
from tests.replays import MIB, Viewer, body_of, lines_of, noise, put_replay
from tests.shares import share

pytestmark = pytest.mark.django_db
LONG = noise(5 * MIB + 12_345)


def download(viewer: Viewer, recording: Recording, **headers: str) -> HttpResponse:
    answer = viewer.client.get(f"/recordings/{recording.pk}/download/", headers=headers)
    answer.body = body_of(answer)
    return answer


@pytest.fixture
def ada(cast: Cast) -> Viewer:
    return Viewer(cast.ada.patient.user)


@pytest.fixture
def long(cast: Cast) -> Recording:
    put_replay(cast.ada.recording, LONG)
    return cast.ada.recording


def test_the_patient_gets_the_whole_file_under_a_name_that_says_nothing(ada: Viewer, long: Recording) -> None:
    answer = download(ada, long)
    assert (answer.status_code, answer.body) == (200, LONG)
    assert answer["Content-Disposition"] == 'attachment; filename="consultation.webm"'
    assert (answer["Cache-Control"], answer["Accept-Ranges"]) == ("private, no-store", "bytes")
    (line,) = lines_of(long, Action.DOWNLOADED)
    assert (line.actor, line.patient, line.detail["bytes"]) == (long.patient.user_id, long.patient_id, len(LONG))
    assert not lines_of(long, Action.OPENED) and not PlaybackSession.objects.exists()
    for page in (f"/recordings/{long.pk}/access/", f"/recordings/{long.pk}/"):
        assert "downloaded a copy" in ada.client.get(page).content.decode()


def test_what_broke_off_goes_on_to_its_very_end_and_is_still_one_download(ada: Viewer, long: Recording) -> None:
    first = download(ada, long, Range="bytes=0-999999")
    rest = download(ada, long, Range="bytes=1000000-", **{"If-Range": first["ETag"]})
    assert (rest.status_code, rest["Content-Range"]) == (206, f"bytes 1000000-{len(LONG) - 1}/{len(LONG)}")
    assert first.body + rest.body == LONG
    assert len(lines_of(long, Action.DOWNLOADED)) == 1
    assert download(Viewer(long.patient.user), long).status_code == 200  # another session is another download
    assert len(lines_of(long, Action.DOWNLOADED)) == 2
    stale = download(ada, long, Range="bytes=1000000-", **{"If-Range": '"of-another-version"'})
    assert (stale.status_code, stale.body) == (200, LONG)
    assert download(ada, long, Range=f"bytes={len(LONG)}-").status_code == 416


def test_asking_how_long_it_is_gives_nothing_out_and_is_no_download(ada: Viewer, long: Recording) -> None:
    answer = ada.client.head(f"/recordings/{long.pk}/download/")
    assert (answer.status_code, answer["Content-Length"], body_of(answer)) == (200, str(len(LONG)), b"")
    assert download(ada, long, Range=f"bytes={len(LONG)}-").status_code == 416
    assert not lines_of(long, Action.DOWNLOADED)


def strangers(world: World, other: World) -> list[Viewer]:
    people = [world.clinician, world.colleague, other.patient, other.clinician]
    return [Viewer(person.user) for person in people]


def test_nobody_else_gets_a_copy_not_even_who_may_watch_it(cast: Cast, long: Recording) -> None:
    holder = share(cast.ada).grantee
    watcher = Viewer(holder)
    assert watcher.get(long.pk).status_code == 200
    for viewer in [*strangers(cast.ada, cast.ben), watcher, Viewer(cast.staff)]:
        answer = download(viewer, long)
        assert answer.status_code == 404 and LONG[:100] not in answer.body
    assert not lines_of(long, Action.DOWNLOADED)
    assert [line.reason for line in lines_of(long, Action.REFUSED)].count("copy_not_theirs") == 2
    for person in (cast.ada.clinician.user, holder):
        assert "Download a copy" not in Viewer(person).client.get(f"/recordings/{long.pk}/").content.decode()
    assert download(Viewer(None), long)["Location"].startswith("/account/login/?next=")


def test_the_breaker_and_the_ledger_stop_a_copy_too(
    cast: Cast, ada: Viewer, long: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise ledger.LedgerUnavailable

    monkeypatch.setattr(ledger, "append", away)
    assert download(ada, long).status_code == 503
    monkeypatch.undo()
    actor = ledger.Actor(cast.administrator.pk)
    suspensions.suspend(suspensions.Scope.RECORDING, long.pk, reason="A check", actor=actor, now=cast.now)
    assert LONG[:100] not in download(ada, long).body and not lines_of(long, Action.DOWNLOADED)
