"""Still pictures for stretches without video, as single VP8 key frames."""

from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Literal

import av
from av.video.codeccontext import VideoCodecContext

from recordings.media.job import Size

CardKind = Literal["audio", "hole", "paused"]
_PICTURES = Path(__file__).with_name("cards")


@lru_cache(maxsize=32)
def key_frame(kind: CardKind, size: Size) -> bytes:
    """Return the card scaled to size, encoded so that any VP8 stream may show it at any time."""
    with av.open(str(_PICTURES / f"{kind}.png"), "r", format="png_pipe") as container:
        picture = next(container.decode(video=0))
    frame = picture.reformat(size.width, size.height, "yuv420p", interpolation="LANCZOS")
    frame.pts, frame.time_base = 0, Fraction(1, 1000)
    encoder = av.CodecContext.create("libvpx", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height = size
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, 1000)
    # One thread and fixed quantisers: a re-run gives the same bytes.
    quantisers = {"qmin": "16", "qmax": "24", "crf": "20"}
    encoder.options = {"deadline": "good", "cpu-used": "0", **quantisers}
    encoder.bit_rate = 1_000_000
    encoder.thread_count = 1
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    return bytes(packets[0])
