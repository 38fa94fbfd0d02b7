"""Publishes what people consent to: one administrator proposes a wording, another confirms it.

Assumes nothing about who asks: every right is read afresh. A version that stands is never edited; consents keep theirs.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import count
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from audit import ledger
from audit.ledger import Actor, Line
from audit.models import Action
from consultations.models import ConsentWording, WordingProposal
from consultations.wordings import sha256_of, texts_at

LAPSES_AFTER = timedelta(days=7)
RIGHT = "consultations.publish_wording"


class CannotPublish(Exception):
    """It cannot be proposed or confirmed; the text is a sentence for the administrator."""


def may_publish(person: User) -> bool:
    """Say whether they may today: a held user object may be older than a deactivation."""
    account = User.objects.filter(pk=person.pk, is_active=True, is_staff=True).first()
    return account is not None and account.has_perm(RIGHT)


def open_proposal(*, now: datetime) -> WordingProposal | None:
    """Return what can still be confirmed: for a week, and while its proposer may publish."""
    standing = WordingProposal.objects.filter(
        confirmed_at=None, withdrawn_at=None, proposed_at__gt=now - LAPSES_AFTER
    ).select_related("proposed_by")
    return next((one for one in standing.order_by("-proposed_at") if may_publish(one.proposed_by)), None)


@transaction.atomic
def propose(
    texts: Mapping[str, str], *, since: datetime, why: str, by: User, actor: Actor, now: datetime
) -> WordingProposal:
    """`texts` by language code. Errors: CannotPublish, LedgerUnavailable."""
    _demand_right(by)
    said = {language: text.strip() for language, text in texts.items() if text.strip()}
    if settings.LANGUAGE_CODE not in said:
        raise CannotPublish(_("The portal's own language needs a text: it stands in for the others."))
    if not why.strip():
        raise CannotPublish(_("Say why, so that your colleague can judge it."))
    if open_proposal(now=now):
        raise CannotPublish(_("Somebody has made a proposal already. Confirm or withdraw that one."))
    if said == {one.language: one.text for one in texts_at(now)}:
        raise CannotPublish(_("These are the words in use."))
    proposal = WordingProposal.objects.create(texts=said, since=since, why=why.strip(), proposed_by=by, proposed_at=now)
    ledger.append(actor, Line(Action.PROPOSED, "wordingproposal", proposal.pk, detail=_prints(said)), now=now)
    return proposal


@transaction.atomic
def withdraw(proposal_id: UUID, *, by: User, actor: Actor, now: datetime) -> None:
    """Take a proposal back, one's own or a colleague's. Errors: CannotPublish, LedgerUnavailable."""
    proposal = _standing(proposal_id, by, now)
    WordingProposal.objects.filter(pk=proposal.pk).update(withdrawn_at=now)
    ledger.append(actor, Line(Action.HANDLED, "wordingproposal", proposal.pk, reason="withdrawn"), now=now)


@transaction.atomic
def confirm(proposal_id: UUID, *, by: User, actor: Actor, now: datetime) -> str:
    """Publish it, from its day on or from now; return the version. Errors: CannotPublish, LedgerUnavailable."""
    proposal = _standing(proposal_id, by, now)
    if proposal.proposed_by_id == by.pk:
        # SECURITY: four eyes are two accounts, whatever sessions they sit in; the database says so, too.
        raise CannotPublish(_("You proposed this. Another person has to confirm it."))
    WordingProposal.objects.filter(pk=proposal.pk).update(confirmed_by=by, confirmed_at=now)
    version, since = _next_version(now), max(proposal.since, now)
    for language, text in proposal.texts.items():
        ConsentWording.objects.create(
            version=version, language=language, text=text, sha256=sha256_of(text), since=since, reason=proposal.why,
            proposed_by=proposal.proposed_by, published_by=by, published_at=now,
        )  # fmt: skip
    people = {"proposed_by": str(proposal.proposed_by_id), "confirmed_by": str(by.pk)}
    facts = {"version": version, "since": since.isoformat()} | people | _prints(proposal.texts)
    ledger.append(actor, Line(Action.PUBLISHED, "wordingproposal", proposal.pk, detail=facts), now=now)
    return version


def _next_version(now: datetime) -> str:
    """Return the day, with a number from the second one of a day on."""
    day = f"{now:%Y-%m-%d}"
    names = (day if number == 1 else f"{day}.{number}" for number in count(1))
    return next(name for name in names if not ConsentWording.objects.filter(version=name).exists())


def _standing(proposal_id: UUID, by: User, now: datetime) -> WordingProposal:
    _demand_right(by)
    proposal = open_proposal(now=now)
    if proposal is None or proposal.pk != proposal_id:
        raise CannotPublish(_("This proposal no longer stands. Look at the page again."))
    return proposal


def _demand_right(by: User) -> None:
    ledger.lock()  # RACE: of two administrators the second sees what the first has done
    if not may_publish(by):
        raise CannotPublish(_("You may look at the wordings, and not publish them."))


def _prints(texts: Mapping[str, str]) -> dict[str, str]:
    """Name the texts by their fingerprints: words stay out of the ledger."""
    return {f"sha256_{language}": sha256_of(text) for language, text in texts.items()}
