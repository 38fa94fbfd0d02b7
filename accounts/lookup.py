"""Says whose account an address or an id is, for who looks for somebody's lines in the ledger."""

from collections.abc import Iterator

from django.db.models import Q

from accounts.models import User
from audit.people import Known, as_id


def known(term: str) -> Iterator[Known]:
    named = Q(email__iexact=term)
    if one := as_id(term):
        named |= Q(pk=one)
    for user in User.objects.filter(named):
        yield Known(frozenset({user.pk}))
