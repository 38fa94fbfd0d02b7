"""Watermarks: each person has a tone and a colour of their own, and a judge says whose are in a decoded replay."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np

from recordings.media.sample import tone_and_bars
from recordings.media.timeline import Mode
from tests.browser.media_checks import RATE, decode
from tests.visits import CANVAS

Colour = tuple[int, int, int]
# A quarter of a step above the multiples of a step: the second, third and fourth overtones, which the codec adds when
# a part begins, lie a quarter of a step or more from anybody's tone.
LOWEST_HZ, APART_HZ = 476, 112
WINDOW_S, STEP_S = 0.4, 0.2
# Codec delay and the rounding of pictures to the canvas's rate: nothing is said of what is nearer to a border.
BORDER_S = 0.3
LEVELS = (25, 97, 169, 241)
# A stripe of another brightness wanders over a person's colour, so it never fills the picture.
MOST_OF_A_PICTURE, SOME_OF_A_PICTURE = 0.6, 0.25
SILENCE = 0.01
# Below it is what a tone that begins or ends within a window spreads over others' (measured: 0.16).
A_NEIGHBOURS_TONE = 0.3


@dataclass(frozen=True)
class Mark:
    number: int
    tone_hz: int
    colour: Colour

    def media(self, mode: Mode, seconds: float = 2.0) -> tuple[bytes, ...]:
        """Return a recording that holds this mark and nothing else, in chunks of one second."""
        return _media(self, mode, seconds)


def colours() -> list[Colour]:
    """Colours that stay apart through the codec. No greys: the cards that stand for parts without pictures are such."""
    return [colour for colour in product(LEVELS, repeat=3) if max(colour) - min(colour) > 60]


def marks(count: int) -> list[Mark]:
    # Neighbours in the list get colours and tones that are far apart.
    chosen = colours()
    return [
        Mark(number, LOWEST_HZ + APART_HZ * (number * 19 % 53), chosen[number * 17 % len(chosen)])
        for number in range(count)
    ]


@cache
def _media(mark: Mark, mode: Mode, seconds: float) -> tuple[bytes, ...]:
    size = (CANVAS["width"], CANVAS["height"])
    tones, bars = [mark.tone_hz], [mark.colour]
    return tuple(
        tone_and_bars(
            tones_hz=tones,
            colours=bars,
            mode=mode,
            duration_s=seconds,
            size=size,
            fps=CANVAS["frame_rate"],
            chunk_s=1.0,
            key_every_s=1.0,
        )  # fmt: skip
    )


@dataclass(frozen=True)
class Verdict:
    """What a judge found in one replay. `foreign` says where somebody else was heard or seen, `absent` where the
    owner should have been and was not."""

    foreign: tuple[str, ...]
    absent: tuple[str, ...]
    windows: int
    pictures: int

    @property
    def is_pure(self) -> bool:
        return not self.foreign and not self.absent


def judge(replay: bytes, owner: Mark, others: Sequence[Mark], timeline: Sequence[dict]) -> Verdict:
    """Look at all of a replay; `timeline` says where its owner must be."""
    decoded = decode(replay)
    spoken = [_seconds(part) for part in timeline if part["kind"] != "hole"]
    filmed = [_seconds(part) for part in timeline if part["kind"] == "video"]
    foreign, absent, windows = [], [], 0
    for begin in np.arange(0, decoded.duration_s - WINDOW_S, STEP_S):
        heard = _heard(decoded.sound[int(begin * RATE) : int((begin + WINDOW_S) * RATE)], [owner, *others])
        is_due = any(a + BORDER_S <= begin and begin + WINDOW_S <= b - BORDER_S for a, b in spoken)
        windows += is_due
        foreign += [f"tone of {mark.number} at {begin:.1f} s" for mark in heard if mark != owner]
        if is_due and owner not in heard:
            absent.append(f"tone at {begin:.1f} s")
    for at, whole in decoded.pictures:
        picture = whole[::3, ::3].astype(int)  # a ninth of its points tells as much
        foreign += [
            f"colour of {mark.number} at {at:.1f} s" for mark in others if _share(picture, mark) > SOME_OF_A_PICTURE
        ]
        is_due = any(a + BORDER_S <= at <= b - BORDER_S for a, b in filmed)
        if is_due and _share(picture, owner) < MOST_OF_A_PICTURE:
            absent.append(f"colour at {at:.1f} s")
    return Verdict(tuple(foreign), tuple(absent), windows, len(decoded.pictures))


def _seconds(part: dict) -> tuple[float, float]:
    return part["from_ms"] / 1000, part["to_ms"] / 1000


def _heard(sound: np.ndarray, people: Sequence[Mark]) -> list[Mark]:
    """Return whose tones are in this piece, however softly; nobody's in silence."""
    if not len(sound) or float(np.sqrt(np.mean(sound**2))) < SILENCE:
        return []
    length = 4 * len(sound)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), length))
    per_bin, loudest = RATE / length, spectrum.max()
    near = max(1, int(10 / per_bin))

    def share(mark: Mark) -> float:
        middle = round(mark.tone_hz / per_bin)
        return float(spectrum[middle - near : middle + near + 1].max() / loudest)

    return [mark for mark in people if share(mark) > A_NEIGHBOURS_TONE]


def _share(picture: np.ndarray, mark: Mark) -> float:
    """Return the share of a picture that has this person's colour."""
    return float((np.abs(picture - np.array(mark.colour)).max(axis=2) < 30).mean())
