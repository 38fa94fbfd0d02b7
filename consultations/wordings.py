"""The wordings people consent to. A wording that was shown is never edited; a new one gets a new version."""

import hashlib
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Wording:
    """`since` is the day from which people were asked with it."""

    version: str
    since: date
    text: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


WORDINGS = {
    wording.version: wording
    for wording in [
        Wording(
            "2026-11",
            date(2026, 11, 1),
            "This consultation can be recorded, so that you can watch it again later. The recording holds "
            "what is said and, while video is on, what the cameras show. Only the patient, the clinician of "
            "this consultation and people one of you names can watch it. It is kept in encrypted storage "
            "that belongs to the patient. You can stop recording at any time. If you say no, the "
            "consultation goes on just the same, with video too.",
        ),
    ]
}
CURRENT = WORDINGS["2026-11"]
