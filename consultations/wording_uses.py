"""How many consents refer to each wording. Staff read it; nobody's consent is in it."""

from dataclasses import dataclass

from django.db.models import Count, Q

from consultations.models import ConsentWording, RecordingConsent


@dataclass(frozen=True)
class Used:
    """`given` counts every yes, `in_force` those that nobody has withdrawn."""

    wording: ConsentWording
    given: int
    in_force: int


def with_uses() -> list[Used]:
    """Return every wording, the newest first. A consent counts for the very text it was given to."""
    rows = RecordingConsent.objects.order_by().values_list("wording_version", "wording_sha256")
    counts = {
        (version, sha256): (given, in_force)
        for version, sha256, given, in_force in rows.annotate(
            given=Count("pk"), in_force=Count("pk", filter=Q(withdrawn_at=None))
        )
    }
    newest = ConsentWording.objects.select_related("proposed_by", "published_by").order_by("-since", "language")
    return [Used(one, *counts.get((one.version, one.sha256), (0, 0))) for one in newest]
