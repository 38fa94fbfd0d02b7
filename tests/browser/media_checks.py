"""Decodes a replay and says who can be heard and seen in it, second by second."""

import io
from dataclasses import dataclass

import av
import numpy as np

from recordings.media.cards import CardKind
from recordings.media.job import Size
from tests.media.instruments import card, difference

RATE = 48_000
SMALL = Size(160, 90)
Half = slice  # columns of a small picture
LEFT, RIGHT, WHOLE = slice(0, SMALL.width // 2), slice(SMALL.width // 2, SMALL.width), slice(0, SMALL.width)

JITTER_S = 0.03
HIGHEST_RISE_HZ = 120  # a person's tone rises from its base by 2 Hz a second, for a minute


def _spectrum(piece: np.ndarray, rate: float) -> tuple[np.ndarray, float]:
    """Return magnitudes, zero-padded for resolution, and the hertz between two of them."""
    length = 8 * len(piece)
    return np.abs(np.fft.rfft(piece * np.hanning(len(piece)), length)), rate / length


def _band(hertz: float, hertz_per_bin: float) -> slice:
    return slice(int((hertz - 5) / hertz_per_bin), int((hertz + HIGHEST_RISE_HZ + 5) / hertz_per_bin) + 1)


def pitch(piece: np.ndarray, rate: float, hertz: float) -> float:
    """Return the pitch of somebody's rising tone in this piece, in hertz."""
    spectrum, hertz_per_bin = _spectrum(np.asarray(piece), rate)
    band = _band(hertz, hertz_per_bin)
    return float((band.start + spectrum[band].argmax()) * hertz_per_bin)


def loudness(piece: np.ndarray, rate: float, hertz: float) -> float:
    """Return how strong somebody's tone is in this piece, as a share of the strongest one, 0 to 1."""
    spectrum, hertz_per_bin = _spectrum(np.asarray(piece), rate)
    return float(spectrum[_band(hertz, hertz_per_bin)].max() / max(spectrum.max(), 1e-9))


@dataclass
class Replay:
    """Decoded media: `sound` is mono at 48 kHz, `pictures` are (seconds, RGB array)."""

    sound: np.ndarray
    pictures: list[tuple[float, np.ndarray]]
    duration_s: float

    def loudness(self, hertz: float, from_s: float, to_s: float) -> float:
        """Return how strong somebody's tone is in this stretch, as a share of the strongest one, 0 to 1."""
        return loudness(self.sound[int(from_s * RATE) : int(to_s * RATE)], RATE, hertz)

    def pitch(self, hertz: float, from_s: float, to_s: float) -> float:
        return pitch(self.sound[int(from_s * RATE) : int(to_s * RATE)], RATE, hertz)

    def pictures_between(self, from_s: float, to_s: float) -> list[np.ndarray]:
        return [picture for at, picture in self.pictures if from_s <= at <= to_s]

    def picture_at(self, at_s: float) -> float:
        """Return since when the picture stands that a player shows at this moment."""
        return max(at for at, _ in self.pictures if at <= at_s)

    def shows(self, colour: tuple[int, int, int], from_s: float, to_s: float, half: Half = WHOLE) -> float:
        """Return the largest share of any picture's pixels near this colour, in one half of it."""
        shares = [
            float((np.abs(picture[:, half].astype(int) - np.array(colour)).max(axis=2) < 40).mean())
            for picture in self.pictures_between(from_s, to_s)
        ]
        return max(shares, default=0.0)

    def moves(self, from_s: float, to_s: float, half: Half = WHOLE) -> float:
        """Return how much consecutive pictures differ on average in one half of them, in grey levels."""
        pictures = [picture[:, half].astype(float).mean(axis=2) for picture in self.pictures_between(from_s, to_s)]
        steps = [float(np.abs(a - b).mean()) for a, b in zip(pictures, pictures[1:], strict=False)]
        return float(np.mean(steps)) if steps else 0.0

    def shows_card(self, kind: CardKind, at_s: float) -> bool:
        """Say whether a player shows the portal's own card at this moment: its picture, and no other or none."""
        shown = [picture for at, picture in self.pictures if at <= at_s][-1]
        return difference(shown.astype(np.int16).mean(axis=2), card(kind, SMALL)) < 6


def decode(media: bytes) -> Replay:
    with av.open(io.BytesIO(media), format="matroska") as container:
        duration = float(container.duration or 0) / av.time_base
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        sound = np.zeros(int((duration + 2) * RATE), dtype=np.float32)
        pictures, end = [], 0
        for frame in container.decode():
            if isinstance(frame, av.VideoFrame):
                pictures.append((float(frame.time or 0), frame.reformat(*SMALL, "rgb24").to_ndarray()))
                continue
            # Browsers stamp sound up to 10 ms beside its place. Players play it in one piece; so is this:
            # a pure tone would else be heard beside its pitch.
            said = round(float(frame.time or 0) * RATE)
            at = end if abs(said - end) < RATE * JITTER_S else said
            for piece in resampler.resample(frame):
                samples = piece.to_ndarray().reshape(-1)
                end = min(len(sound), at + len(samples))
                sound[at:end] = samples[: end - at]
                at = end
    return Replay(sound[: int(duration * RATE)], pictures, duration)
