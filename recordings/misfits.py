"""Why a recording can be held back, in the words staff read, and which of these two people may accept."""

from typing import NamedTuple

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Misfit(NamedTuple):
    """`says` completes the sentence of the page. What two people cannot judge by asking somebody is never released:
    whose bytes these are, whether they were altered, and what nobody had allowed."""

    says: object
    may_be_released: bool = False


ANOTHER_CALL = "another_call_at_once"
MISFITS = {
    # times and presence: the people who were there can say how it was
    "began_outside_the_call": Misfit(_("A part begins before the call began or after it ended."), True),
    "ran_past_the_call": Misfit(_("A part goes on long after the call ended."), True),
    "longer_than_the_call": Misfit(_("The recording is longer than the call was."), True),
    "claims_more_time_than_passed": Misfit(_("A part claims to be longer than the time that had passed."), True),
    "received_before_it_was_recorded": Misfit(_("A piece arrived before it can have been recorded."), True),
    "recorder_was_absent": Misfit(_("Whoever recorded was not in the call when a part began."), True),
    ANOTHER_CALL: Misfit(_("The same clinician or patient was recorded in another call at the same time."), True),
    # the call's log, and what it allowed
    "call_log_has_gaps": Misfit(_("Lines of the call's own log are missing.")),
    "epochs_do_not_add_up": Misfit(_("The switches in the call's own log do not add up.")),
    "video_in_an_audio_call": Misfit(_("There are pictures from a time when the call had sound only.")),
    "recorder_may_not_record": Misfit(_("It was recorded by somebody who does not record.")),
    "recorder_was_not_admitted": Misfit(_("It was recorded by somebody who had not been admitted yet.")),
    "capture_was_not_allowed": Misfit(_("Nobody had allowed this part to be recorded.")),
    "began_before_it_was_allowed": Misfit(_("A part begins before everybody had allowed it.")),
    "began_after_it_was_allowed": Misfit(_("A part begins when it was no longer allowed.")),
    "ran_on_after_it_was_allowed": Misfit(_("A part goes on after it was no longer allowed.")),
    # whose it is
    "foreign_lease": Misfit(_("A part was recorded under another recording's permission.")),
    "foreign_patient": Misfit(_("A part belongs to another patient.")),
    # whether it is what was sent
    "manifest": Misfit(_("The pieces are not those that the recorder listed.")),
    "more_chunks_than_listed": Misfit(_("There are more pieces than the recorder listed.")),
    "chunk_digest": Misfit(_("A piece is not what was received.")),
    "chunk_damaged": Misfit(_("A stored piece is damaged.")),
    "chunk_missing": Misfit(_("A stored piece has gone.")),
    "chunk_notthisobject": Misfit(_("A stored piece was altered or is not this patient's.")),
    "chunk_keyrefused": Misfit(_("A stored piece does not open with this patient's key.")),
    "replay_type": Misfit(_("The finished replay is not of a kind we make.")),
    "replay_digest": Misfit(_("The finished replay is not what was stored.")),
}
_UNREADABLE = Misfit(_("A part is not what our recorders make, so no replay can be made of it."))
_UNKNOWN = Misfit(pgettext_lazy("why a recording is held back", "Something in it does not fit together."))


def misfit(word: str) -> Misfit:
    """Return what stands behind the reason of a recording; what is unknown is never released."""
    return MISFITS.get(word, _UNREADABLE if word.startswith("unreadable_") else _UNKNOWN)
