"""Decodes a replay and says who can be heard and seen in it, second by second."""

import io
from dataclasses import dataclass

import av
import numpy as np

RATE = 48_000


@dataclass
class Replay:
    """Decoded media: `sound` is mono at 48 kHz, `pictures` are (seconds, RGB array)."""

    sound: np.ndarray
    pictures: list[tuple[float, np.ndarray]]
    duration_s: float

    def loudness(self, hertz: float, from_s: float, to_s: float) -> float:
        """Return the share of the spectrum's strongest peak that lies at this tone, 0 to 1."""
        piece = self.sound[int(from_s * RATE) : int(to_s * RATE)]
        spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece))))
        hertz_per_bin = RATE / len(piece)
        near = slice(int((hertz - 15) / hertz_per_bin), int((hertz + 15) / hertz_per_bin) + 2)
        return float(spectrum[near].max() / max(spectrum.max(), 1e-9))

    def pictures_between(self, from_s: float, to_s: float) -> list[np.ndarray]:
        return [picture for at, picture in self.pictures if from_s <= at <= to_s]

    def shows(self, colour: tuple[int, int, int], from_s: float, to_s: float) -> float:
        """Return the largest share of any picture's pixels near this colour."""
        shares = [
            float((np.abs(picture.astype(int) - np.array(colour)).max(axis=2) < 40).mean())
            for picture in self.pictures_between(from_s, to_s)
        ]
        return max(shares, default=0.0)

    def moves(self, from_s: float, to_s: float) -> float:
        """Return how much consecutive pictures differ on average, in grey levels."""
        pictures = [picture.astype(float).mean(axis=2) for picture in self.pictures_between(from_s, to_s)]
        steps = [float(np.abs(a - b).mean()) for a, b in zip(pictures, pictures[1:], strict=False)]
        return float(np.mean(steps)) if steps else 0.0


def decode(media: bytes) -> Replay:
    with av.open(io.BytesIO(media), format="matroska") as container:
        duration = float(container.duration or 0) / av.time_base
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        sound = np.zeros(int((duration + 2) * RATE), dtype=np.float32)
        pictures = []
        for frame in container.decode():
            if isinstance(frame, av.VideoFrame):
                pictures.append((float(frame.time or 0), frame.reformat(160, 90, "rgb24").to_ndarray()))
                continue
            at = round(float(frame.time or 0) * RATE)
            for piece in resampler.resample(frame):
                samples = piece.to_ndarray().reshape(-1)
                end = min(len(sound), at + len(samples))
                sound[at:end] = samples[: end - at]
                at = end
    return Replay(sound[: int(duration * RATE)], pictures, duration)
