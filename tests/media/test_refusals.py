"""What is refused, why, and that nothing else was opened on the way."""

import io
import os
import random
from fractions import Fraction
from pathlib import Path

import av
import pytest

from recordings.media import ebml, source
from recordings.media.cards import key_frame
from recordings.media.ebml import header_of
from recordings.media.faults import Unreadable, UnreadableMedia
from recordings.media.job import SegmentInput, Size
from recordings.media.probe import probe
from recordings.media.runner import run_job
from recordings.media.timeline import Mode
from tests.media.conftest import SIZE, TONE_1, MakeFd, Studio, audio, video

FFCONCAT = b"ffconcat version 1.0\nfile neighbour.webm\n"
SDP = b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 15004 RTP/AVP 0\n"
HLS = b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n"
SCRIPTS = pytest.mark.parametrize("script", [FFCONCAT, SDP, HLS], ids=["ffconcat", "sdp", "hls"])


def refusal(make_fd: MakeFd, data: bytes, mode: Mode = "video", t_end_ms: int | None = None) -> Unreadable:
    segment = SegmentInput(7, mode, 0, make_fd(data), t_end_ms)
    with pytest.raises(UnreadableMedia) as refused:
        probe(segment, size=SIZE)
    assert refused.value.segment == 7
    return refused.value.reason


def made(codec: str, kind: str, container: str = "matroska") -> bytes:
    """One short stream of another codec."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        if kind == "video":
            picture = output.add_stream(codec, rate=10, width=320, height=180, pix_fmt="yuv420p")
            for _ in range(3):
                output.mux(picture.encode(av.VideoFrame(320, 180, "yuv420p")))  # type: ignore[union-attr,arg-type]
            output.mux(picture.encode(None))  # type: ignore[union-attr]
        else:
            sound = output.add_stream(codec, rate=48_000)
            frame = av.AudioFrame(format="s16", layout="mono", samples=960)
            frame.sample_rate = 48_000
            output.mux(sound.encode(frame))  # type: ignore[union-attr,arg-type]
            output.mux(sound.encode(None))  # type: ignore[union-attr]
    return file.getvalue()


@SCRIPTS
def test_a_script_is_refused_before_the_library_sees_it(
    script: bytes, make_fd: MakeFd, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*args: object, **kwargs: object) -> None:
        raise AssertionError("opened")

    monkeypatch.setattr(av, "open", never)
    assert refusal(make_fd, script) == "not_webm"


@SCRIPTS
def test_the_forced_format_refuses_a_script_too(
    script: bytes, make_fd: MakeFd, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    neighbour = tmp_path / "neighbour.webm"
    neighbour.write_bytes(b"".join(audio(TONE_1)))
    os.utime(neighbour, (1, 1))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ebml, "MAGIC", script[:4])
    sockets = Path("/proc/self/net/udp").read_text()
    assert refusal(make_fd, script) == "damaged"
    assert "3A9C" not in Path("/proc/self/net/udp").read_text().replace(sockets, "")
    assert neighbour.stat().st_atime == 1


def test_a_file_cannot_make_the_library_open_another(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PermissionError):
        source._open_nothing("file:///etc/hostname", 0, {})


def test_an_empty_file_is_refused(make_fd: MakeFd) -> None:
    assert refusal(make_fd, b"") == "empty"


def test_a_header_without_media_is_refused(make_fd: MakeFd) -> None:
    assert refusal(make_fd, header_of(audio(TONE_1)[0]), "audio") == "damaged"


def test_noise_behind_the_magic_bytes_is_refused(make_fd: MakeFd) -> None:
    noise = random.Random(1).randbytes(4000)
    assert refusal(make_fd, ebml.MAGIC + noise) == "damaged"


@pytest.mark.parametrize(("codec", "kind"), [("libvpx-vp9", "video"), ("ffv1", "video"), ("pcm_s16le", "audio")])
def test_another_codec_is_refused(codec: str, kind: str, make_fd: MakeFd) -> None:
    assert refusal(make_fd, made(codec, kind)) == "codec"


def test_a_frame_larger_than_allowed_is_refused_by_its_own_header(make_fd: MakeFd) -> None:
    assert refusal(make_fd, resized(b"".join(video(TONE_1)), 16_000, 16_000)) == "too_large_picture"


def test_a_frame_of_another_size_is_refused(make_fd: MakeFd) -> None:
    smaller = b"".join(video(TONE_1, size=Size(160, 90)))
    assert refusal(make_fd, smaller) == "size_changed"


def test_a_size_that_changes_inside_a_segment_is_refused(make_fd: MakeFd) -> None:
    whole = b"".join(video(TONE_1))
    second = whole.rindex(b"\x9d\x01\x2a")
    assert refusal(make_fd, whole[:second] + resized(whole[second:], 160, 90)) == "size_changed"


def test_pictures_in_an_audio_segment_are_refused(make_fd: MakeFd) -> None:
    assert refusal(make_fd, b"".join(video(TONE_1)), "audio") == "unexpected_video"


def test_media_far_longer_than_the_clock_on_the_wall_is_refused(make_fd: MakeFd) -> None:
    four_seconds = b"".join(audio(TONE_1))
    assert refusal(make_fd, four_seconds, "audio", t_end_ms=1_000) == "too_long"
    kept = SegmentInput(7, "audio", 0, make_fd(four_seconds), t_end_ms=3_950)
    assert probe(kept, size=SIZE).duration_ms >= 4_000


def test_a_time_stamp_days_ahead_is_refused(make_fd: MakeFd) -> None:
    chunks = list(audio(TONE_1))
    cluster = ebml.element_at(ebml.reader_of(chunks[2]), 0)
    assert cluster is not None
    fields = ebml.children(ebml.reader_of(chunks[2]), cluster.body, cluster.end)
    time = next(field for field in fields if field.id == ebml.CLUSTER_TIME)
    assert time.end is not None
    ahead = bytearray(chunks[2])
    ahead[time.body : time.end] = b"\xff" * (time.end - time.body)
    moved = [*chunks[:2], bytes(ahead), *chunks[3:]]
    far = (1 << 8 * (time.end - time.body)) - 1
    t_end_ms = 4_000 if far < 12 * 3_600_000 else None
    assert refusal(make_fd, b"".join(moved), "audio", t_end_ms) == "too_long"


def test_ten_tracks_are_refused(make_fd: MakeFd) -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as output:
        tracks = [output.add_mux_stream("vp8", width=320, height=180) for _ in range(10)]
        for track in tracks:
            packet = av.Packet(key_frame("audio", SIZE))
            packet.stream, packet.pts, packet.dts = track, 0, 0
            packet.time_base = Fraction(1, 1000)
            output.mux(packet)
    assert refusal(make_fd, file.getvalue()) in {"damaged", "too_many_streams"}


def test_a_header_of_swapped_tracks_is_noticed_and_can_be_put_right(make_fd: MakeFd) -> None:
    chunks = video(TONE_1)
    wrong = ebml.with_tracks_swapped(header_of(chunks[0]))
    assert refusal(make_fd, wrong + b"".join(chunks[1:])) == "header_mismatch"
    right = ebml.with_tracks_swapped(wrong)
    segment = SegmentInput(7, "video", 0, make_fd(right + b"".join(chunks[1:])))
    assert probe(segment, size=SIZE).has_video


def test_two_hundred_damaged_files_are_read_or_refused_and_nothing_else(make_fd: MakeFd) -> None:
    dice = random.Random(7)
    whole = b"".join(video(TONE_1, 1.0))
    fd = make_fd(b"")
    for _ in range(200):
        damaged = bytearray(whole)
        for _ in range(dice.randrange(1, 30)):
            damaged[dice.randrange(4, len(whole))] = dice.randrange(256)
        os.ftruncate(fd, 0)
        os.pwrite(fd, damaged[: dice.randrange(4, len(whole))], 0)
        try:
            probe(SegmentInput(1, "video", 0, fd), size=SIZE)
        except UnreadableMedia as refused:
            assert refused.reason in Unreadable


def test_the_refusal_names_the_segment_across_the_process(studio: Studio) -> None:
    good = studio.segment(1, audio(TONE_1), 0)
    bad = SegmentInput(2, "audio", 4_000, studio.make_fd(FFCONCAT))
    with pytest.raises(UnreadableMedia) as refused:
        run_job(studio.job(good, bad))
    assert (refused.value.reason, refused.value.segment) == (Unreadable.NOT_WEBM, 2)


def resized(data: bytes, width: int, height: int) -> bytes:
    """Change the size in the header of every VP8 key frame."""
    start = b"\x9d\x01\x2a"
    old = start + SIZE.width.to_bytes(2, "little") + SIZE.height.to_bytes(2, "little")
    assert old in data
    return data.replace(old, start + width.to_bytes(2, "little") + height.to_bytes(2, "little"))
