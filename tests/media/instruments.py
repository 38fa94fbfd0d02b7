"""Hears and sees what a replay holds at a time, by decoding it."""

import io
from functools import cached_property
from typing import Any

import av
import numpy as np

from recordings.media.cards import CardKind, key_frame
from recordings.media.job import Size

RATE = 48_000
Samples = np.ndarray[Any, np.dtype[np.float32]]
Picture = np.ndarray[Any, np.dtype[np.int16]]


class Replay:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def open(self) -> av.container.InputContainer:
        return av.open(io.BytesIO(self.data), "r", format="matroska")

    @cached_property
    def duration_ms(self) -> float:
        with self.open() as container:
            return (container.duration or 0) / 1000

    @cached_property
    def packets(self) -> list[tuple[float, str, bytes]]:
        with self.open() as container:
            return [
                (float(p.pts * p.time_base) * 1000, p.stream.type, bytes(p))
                for p in container.demux()
                if p.pts is not None
            ]

    @cached_property
    def samples(self) -> Samples:
        """Sound laid out by time stamps, so that a gap is a gap."""
        length = int((self.packets[-1][0] / 1000 + 2) * RATE)
        out: Samples = np.zeros(length, dtype=np.float32)
        with self.open() as container:
            for frame in container.decode(audio=0):
                heard = frame.to_ndarray()[0]
                at = max(0, round((frame.time or 0.0) * RATE))
                out[at : at + len(heard)] = heard
        return out

    @cached_property
    def pictures(self) -> list[tuple[float, Picture]]:
        with self.open() as container:
            return [
                (frame.time * 1000, frame.to_ndarray(format="gray").astype(np.int16))
                for frame in container.decode(video=0)
            ]

    def loudness(self, tone: int, at_ms: float, window_ms: int = 40) -> float:
        """Return the amplitude of a tone in a window around a time."""
        begin = max(0, round((at_ms - window_ms / 2) * RATE / 1000))
        heard = self.samples[begin : begin + window_ms * RATE // 1000]
        wave = np.exp(-2j * np.pi * tone * np.arange(len(heard)) / RATE)
        return float(2 * abs(np.dot(heard, wave)) / len(heard))

    def tone_at(self, at_ms: float, tones: tuple[int, ...] = (440, 880, 1320)) -> int | None:
        loudest = max(tones, key=lambda tone: self.loudness(tone, at_ms))
        return loudest if self.loudness(loudest, at_ms) > 0.1 else None

    def switch_ms(self, before: int, after: int, near_ms: float) -> float:
        """Return when one tone gives way to the other, to 5 ms."""
        for at in np.arange(near_ms - 400, near_ms + 400, 5):
            if self.loudness(after, at, 20) > self.loudness(before, at, 20):
                return float(at)
        raise AssertionError("no switch heard")

    def picture_at(self, at_ms: float) -> Picture:
        return [picture for shown_ms, picture in self.pictures if shown_ms <= at_ms][-1]

    def shows_card(self, kind: CardKind, at_ms: float) -> bool:
        shown = self.picture_at(at_ms)
        return difference(shown, card(kind, Size(shown.shape[1], shown.shape[0]))) < 2

    def moves_at(self, at_ms: float) -> bool:
        return difference(self.picture_at(at_ms), self.picture_at(at_ms + 500)) > 2


def difference(one: Picture, other: Picture) -> float:
    return float(np.abs(one - other).mean())


def card(kind: CardKind, size: Size) -> Picture:
    decoder = av.CodecContext.create("vp8", "r")
    frames = [*decoder.decode(av.Packet(key_frame(kind, size))), *decoder.decode(None)]
    picture: Picture = frames[0].to_ndarray(format="gray").astype(np.int16)
    return picture
