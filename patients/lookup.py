"""Says which patient or clinician a number, an address or an id names, for who looks for their lines in the ledger."""

from collections.abc import Iterator

from django.db.models import Q

from audit.people import Known, as_id
from patients.clinic import as_nhs_number
from patients.models import Clinician, Patient


def known(term: str) -> Iterator[Known]:
    """A person with an account goes by its id, too: as patient in one line, as who acted in another."""
    named = Q(user__email__iexact=term)
    if one := as_id(term):
        named |= Q(pk=one) | Q(user=one)
    numbered = Q(nhs_number=number) if (number := as_nhs_number(term)) else Q(pk=None)
    for patient in Patient.objects.filter(named | numbered):
        yield Known(frozenset(one for one in (patient.pk, patient.user_id) if one), patient.pk)
    for clinician in Clinician.objects.filter(named):
        yield Known(frozenset({clinician.pk, clinician.user_id}))
