"""Finds lines of the ledger by person or by object. Who looks at somebody's lines leaves a line themselves."""

from uuid import UUID

from django.db.models import Q, QuerySet

from audit import ledger, people
from audit.ledger import Actor, Line
from audit.models import Action, Entry


def about(lines: QuerySet[Entry], term: str, *, actor: Actor) -> QuerySet[Entry]:
    """Return the lines by or about whom or what the term names, having written down that they were looked for.

    Errors: LedgerUnavailable; nothing is shown then.
    """
    wanted, patient = _ids(term.strip())
    if not wanted:
        return lines.none()
    # SECURITY: what happened with a person says a lot about them; before it is shown it is told who looked.
    said = sorted(wanted, key=str)
    ledger.append(actor, *(Line(Action.LISTED, "entry", one, patient) for one in said))
    return lines.filter(Q(actor__in=wanted) | Q(patient__in=wanted) | Q(object_id__in=wanted))


def _ids(term: str) -> tuple[set[UUID], UUID | None]:
    """Return every id that the person goes by, or the one that was typed, and which of them is a patient's."""
    known = people.found(term)
    if known:
        ids = {one for person in known for one in person.ids}
        return ids, next((person.patient for person in known if person.patient), None)
    typed = people.as_id(term)
    if typed is None:
        return set(), None
    last = Entry.objects.filter(object_id=typed, patient__isnull=False).order_by("-seq")
    return {typed}, last.values_list("patient", flat=True).first()
