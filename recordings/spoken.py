"""Names and durations as pages say them, and what came of viewings, from the ledger."""

from collections.abc import Iterable

from django.template.defaultfilters import filesizeformat
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


def watched(entry: Entry, told: dict[str, Entry]) -> str:
    """Say what came of an opening; nothing where nothing was played. `told` is of `totals_of`."""
    total = told.get(entry.detail.get("viewing", ""))
    if total is None:
        return ""
    if seconds := total.detail["seconds"]:
        return _("watched %(time)s") % {"time": spoken(seconds)}
    # A player reports seconds; whoever takes the bytes in another way does not.
    return _("played it (%(size)s); for how long is not known") % {"size": filesizeformat(total.detail["bytes"])}


def totals_of(openings: Iterable[Entry]) -> dict[str, Entry]:
    """Return the newest line with totals by viewing; each repeats its viewing's totals so far."""
    at_hand = list(openings)
    viewings = [entry.detail["viewing"] for entry in at_hand if "viewing" in entry.detail]
    recordings = {entry.object_id for entry in at_hand}
    lines = Entry.objects.filter(object_id__in=recordings, action=Action.WATCHED, detail__viewing__in=viewings)
    return {entry.detail["viewing"]: entry for entry in lines.order_by("seq")}
