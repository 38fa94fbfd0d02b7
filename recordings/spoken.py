"""Names and durations as pages say them, and how long viewings were, from the ledger."""

from collections.abc import Iterable

from django.utils.translation import gettext as _

from accounts.models import User
from audit.models import Action, Entry

# The reason of an opening that showed what is known of a recording and nothing of what it holds.
FACTS = "facts"


def name_of(person: User) -> str:
    clinician = getattr(person, "clinician", None)
    return clinician.display_name if clinician else person.name


def spoken(seconds: int) -> str:
    if seconds < 60:
        return _("%(n)d s") % {"n": seconds}
    return _("%(n)d min") % {"n": round(seconds / 60)}


def seconds_of(openings: Iterable[Entry]) -> dict[str, int]:
    """Return the seconds watched so far by viewing; each line of the ledger repeats its viewing's total."""
    at_hand = list(openings)
    viewings = [entry.detail["viewing"] for entry in at_hand if "viewing" in entry.detail]
    recordings = {entry.object_id for entry in at_hand}
    lines = Entry.objects.filter(object_id__in=recordings, action=Action.WATCHED, detail__viewing__in=viewings)
    return {entry.detail["viewing"]: entry.detail["seconds"] for entry in lines.order_by("seq")}
