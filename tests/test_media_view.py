"""Playing a replay: exactly the bytes asked for, to exactly the people who may, written down before the first."""

import random
import uuid
from datetime import timedelta

import pytest

from audit import ledger
from audit.models import Action, Entry
from notices.models import Kind, Notice
from recordings import intact, playback, policy
from recordings.models import PlaybackSession, Recording, RecordingUserObjectPermission
from tests.cast import ACTORS, OWNERS, Cast
from tests.crowd import at_once
from tests.replays import MIB, Viewer, lines_of, noise, put_replay

pytestmark = pytest.mark.django_db
LONG = noise(5 * MIB + 12_345)


@pytest.fixture
def ada(cast: Cast) -> Viewer:
    return Viewer(cast.ada.patient.user)


@pytest.fixture
def long(cast: Cast) -> Recording:
    put_replay(cast.ada.recording, LONG)
    return cast.ada.recording


def test_without_a_range_the_whole_replay_comes(ada: Viewer, long: Recording) -> None:
    answer = ada.get(long.pk)
    assert answer.status_code == 200
    assert (answer["Content-Length"], answer["Accept-Ranges"]) == (str(len(LONG)), "bytes")
    assert "Content-Range" not in answer
    assert answer.body == LONG


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-1023", 0, 1024),
        ("bytes=262143-262145", 262143, 262146),
        ("bytes=1000000-", 1_000_000, 1_000_000 + 2 * MIB),
        ("bytes=-100", len(LONG) - 100, len(LONG)),
        (f"bytes={len(LONG) - 1}-", len(LONG) - 1, len(LONG)),
    ],
)
def test_a_range_is_exactly_those_bytes(ada: Viewer, long: Recording, asked: str, start: int, stop: int) -> None:
    answer = ada.get(long.pk, Range=asked)
    assert answer.status_code == 206
    assert answer["Content-Range"] == f"bytes {start}-{stop - 1}/{len(LONG)}"
    assert answer["Content-Length"] == str(stop - start)
    assert answer.body == LONG[start:stop]


def test_sixty_random_ranges_are_those_of_the_stored_replay(ada: Viewer, long: Recording) -> None:
    dice = random.Random(7)
    for _ in range(60):
        start = dice.randrange(len(LONG))
        last = dice.randrange(start, min(len(LONG), start + 600_000))
        assert ada.get(long.pk, Range=f"bytes={start}-{last}").body == LONG[start : last + 1]


def test_a_range_behind_the_end_gets_the_length_and_nothing_else(ada: Viewer, long: Recording) -> None:
    answer = ada.get(long.pk, Range=f"bytes={len(LONG)}-")
    assert (answer.status_code, answer["Content-Range"], answer.body) == (416, f"bytes */{len(LONG)}", b"")


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "bytes=9-1", "cats=1-2", f"bytes={'9' * 5000}-"])
def test_a_range_nobody_understands_is_ignored(ada: Viewer, cast: Cast, asked: str) -> None:
    answer = ada.get(cast.ada.recording.pk, Range=asked)
    assert (answer.status_code, answer.body) == (200, cast.ada.canary)


def test_if_range_asks_for_the_same_version(ada: Viewer, cast: Cast) -> None:
    recording = cast.ada.recording
    tag = ada.head(recording.pk)["ETag"]
    assert ada.get(recording.pk, Range="bytes=1-2", If_Range=tag).status_code == 206
    for other in ('"another"', f"W/{tag}", "Sat, 29 Oct 1994 19:43:31 GMT"):
        assert ada.get(recording.pk, Range="bytes=1-2", If_Range=other).status_code == 200
    put_replay(recording, b"a newer version")
    assert ada.get(recording.pk, Range="bytes=1-2", If_Range=tag).status_code == 200


def test_head_tells_and_gives_nothing(ada: Viewer, long: Recording) -> None:
    whole, part = ada.head(long.pk), ada.head(long.pk, Range="bytes=10-19")
    assert (whole.status_code, whole["Content-Length"], whole.body) == (200, str(len(LONG)), b"")
    assert (part.status_code, part["Content-Length"], part.body) == (206, "10", b"")
    assert part["Content-Range"] == f"bytes 10-19/{len(LONG)}"


def test_an_answer_without_bytes_opens_nothing_and_writes_to_nobody(cast: Cast, long: Recording) -> None:
    viewer = Viewer(cast.ada.clinician.user)
    assert viewer.head(long.pk).status_code == 200
    assert viewer.get(long.pk, Range=f"bytes={len(LONG)}-").status_code == 416
    letters = Notice.objects.filter(kind=Kind.NEW_VIEWER)
    assert not PlaybackSession.objects.exists() and not letters.exists()
    assert not lines_of(long, Action.OPENED)
    assert viewer.get(long.pk, Range="bytes=0-0").body == LONG[:1]
    assert PlaybackSession.objects.get().bytes_served == 1 and len(lines_of(long, Action.OPENED)) == 1
    assert letters.get().user == cast.ada.patient.user


def test_every_answer_keeps_out_of_caches_and_other_sites(ada: Viewer, cast: Cast) -> None:
    recording = cast.ada.recording
    tags = set()
    for answer in (ada.get(recording.pk), ada.get(recording.pk, Range="bytes=0-3"), ada.head(recording.pk)):
        assert answer["Cache-Control"] == "private, no-store"
        assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Content-Disposition"] == 'inline; filename="consultation.webm"'
        assert answer["Content-Type"] == "video/webm"
        assert "Cookie" in answer["Vary"]
        tags.add(answer["ETag"])
    clinicians = Viewer(cast.ada.clinician.user).head(recording.pk)["ETag"]
    assert len(tags) == 1 and clinicians not in tags
    assert str(recording.pk) not in clinicians


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
def test_only_reading_is_possible(ada: Viewer, cast: Cast, method: str) -> None:
    assert getattr(ada.client, method)(f"/recordings/{cast.ada.recording.pk}/media/").status_code == 405


def visible(answer) -> tuple:
    headers = {name: value for name, value in answer.items() if name != "Set-Cookie"}
    return answer.status_code, answer.body, headers


@pytest.mark.parametrize("name", ACTORS)
def test_only_the_two_who_spoke_get_a_byte_and_others_cannot_tell_it_from_nothing(cast: Cast, name: str) -> None:
    viewer, recording = Viewer(cast.actors()[name]), cast.ada.recording
    answer, nothing = viewer.get(recording.pk), viewer.get(uuid.uuid4())
    if name in OWNERS["ada"]:
        assert (answer.status_code, answer.body) == (200, cast.ada.canary)
        assert [line.actor for line in lines_of(recording, Action.OPENED)] == [cast.actors()[name].pk]
        return
    assert visible(answer) == visible(nothing)
    assert cast.ada.canary not in answer.body
    assert not lines_of(recording, Action.OPENED) and not PlaybackSession.objects.exists()
    assert visible(viewer.head(recording.pk)) == visible(viewer.head(uuid.uuid4()))
    if name in {"inactive", "nobody"}:
        assert answer.status_code == 401
        assert not lines_of(recording, Action.REFUSED)
    else:
        assert answer.status_code == 404
        line = lines_of(recording, Action.REFUSED)[0]
        assert (line.actor, line.reason) == (cast.actors()[name].pk, "stranger")


@pytest.mark.parametrize(
    "status", ["capturing", "sealed", "processing", "quarantined", "failed", "withdrawn", "erased"]
)
def test_a_recording_that_is_not_ready_is_nothing_to_its_own_people(cast: Cast, ada: Viewer, status: str) -> None:
    Recording.objects.filter(pk=cast.ada.recording.pk).update(status=status)
    assert visible(ada.get(cast.ada.recording.pk)) == visible(ada.get(uuid.uuid4()))
    assert [line.reason for line in lines_of(cast.ada.recording, Action.REFUSED)] == [f"state_{status}"]


def test_a_grant_without_a_basis_plays_nothing_and_is_told(cast: Cast, caplog) -> None:
    stranger, recording = cast.ben.patient.user, cast.ada.recording
    permission = RecordingUserObjectPermission.objects.filter(content_object=recording).first().permission
    RecordingUserObjectPermission.objects.create(content_object=recording, user=stranger, permission=permission)
    viewer = Viewer(stranger)
    assert visible(viewer.get(recording.pk)) == visible(viewer.get(uuid.uuid4()))
    assert [line.reason for line in lines_of(recording, Action.REFUSED)] == ["grant_without_basis"]
    assert "grant_without_basis" in caplog.text


def test_a_basis_without_a_grant_plays_nothing_and_is_told(cast: Cast, ada: Viewer, caplog) -> None:
    recording = cast.ada.recording
    policy.withdraw_playback(recording, cast.ada.patient.user)
    assert visible(ada.get(recording.pk)) == visible(ada.get(uuid.uuid4()))
    assert [line.reason for line in lines_of(recording, Action.REFUSED)] == ["basis_without_grant"]
    assert "basis_without_grant" in caplog.text
    assert Viewer(cast.ada.clinician.user).get(recording.pk).status_code == 200


def test_a_recording_without_a_replay_is_nothing(cast: Cast, ada: Viewer) -> None:
    cast.ada.recording.renditions.all().delete()
    assert visible(ada.get(cast.ada.recording.pk)) == visible(ada.get(uuid.uuid4()))


def test_the_ledger_has_the_line_before_a_reader_exists(cast: Cast, ada: Viewer, monkeypatch) -> None:
    seen, real = [], intact.open_verified

    def spied(rendition, vault_id):
        seen.append([line.actor for line in lines_of(cast.ada.recording, Action.OPENED)])
        return real(rendition, vault_id)

    monkeypatch.setattr(intact, "open_verified", spied)
    assert ada.get(cast.ada.recording.pk).body == cast.ada.canary
    assert seen == [[cast.ada.patient.user.pk]]
    line = lines_of(cast.ada.recording, Action.OPENED)[0]
    assert line.patient == cast.ada.patient.pk
    assert line.session_hash and ada.client.session.session_key not in line.session_hash
    assert line.detail == {"viewing": str(PlaybackSession.objects.get().pk)}


def test_without_the_ledger_there_is_no_byte_and_no_viewing(cast: Cast, ada: Viewer, monkeypatch) -> None:
    def unavailable(*_, **__):
        raise ledger.LedgerUnavailable

    opened = []
    monkeypatch.setattr(intact, "open_verified", lambda *_: opened.append(1))
    monkeypatch.setattr(ledger, "append", unavailable)
    for answer in (ada.get(cast.ada.recording.pk), ada.get(cast.ben.recording.pk), ada.get(uuid.uuid4())):
        assert answer.status_code == 503
        assert cast.ada.canary not in answer.body
    assert not opened and not PlaybackSession.objects.exists()


def test_one_viewing_is_one_line_however_many_ranges(cast: Cast, ada: Viewer, long: Recording) -> None:
    for start in range(0, len(LONG), MIB):
        ada.get(long.pk, Range=f"bytes={start}-{start + 999}")
    viewing = PlaybackSession.objects.get()
    assert (viewing.ranges, viewing.bytes_served) == (6, 6000)
    assert len(lines_of(long, Action.OPENED)) == 1
    # Another session, and half an hour of quiet, are another viewing.
    Viewer(cast.ada.patient.user).get(long.pk, Range="bytes=0-1")
    assert len(lines_of(long, Action.OPENED)) == 2
    PlaybackSession.objects.filter(pk=viewing.pk).update(seen_at=viewing.seen_at - timedelta(minutes=31))
    ada.get(long.pk, Range="bytes=0-1")
    assert len(lines_of(long, Action.OPENED)) == 3


@pytest.mark.django_db(transaction=True)
def test_ranges_that_are_asked_for_at_once_begin_one_viewing(cast: Cast) -> None:
    user, recording = cast.ada.patient.user, cast.ada.recording
    actor = ledger.Actor(user.pk, "one session")
    at_once(6, lambda _: playback.open_replay(user, recording.pk, actor=actor, now=cast.now))
    assert PlaybackSession.objects.filter(recording=recording).count() == 1
    assert len(lines_of(recording, Action.OPENED)) == 1


def test_a_viewing_whose_row_cannot_be_written_leaves_no_line(cast: Cast, ada: Viewer, monkeypatch) -> None:
    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(PlaybackSession, "save", broken)
    with pytest.raises(ZeroDivisionError):
        playback.open_replay(
            cast.ada.patient.user, cast.ada.recording.pk, actor=ledger.Actor(cast.ada.patient.user.pk), now=cast.now
        )
    assert not Entry.objects.filter(action=Action.OPENED).exists()
