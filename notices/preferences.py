"""What somebody chose about notices: which kinds they do without, and their quiet hours."""

from collections.abc import Collection
from datetime import datetime, time
from zoneinfo import ZoneInfo

from django.db import transaction

from accounts.models import User
from notices import quiet
from notices.models import OPTIONAL, Kind, Mute, Preferences

# What each role is written to about at all; what is not optional cannot be turned off.
NOT_OF_PATIENTS = (Kind.TAKEN, Kind.SHARED, Kind.INVITED, Kind.DELETE_ASKED)
OF_PATIENTS = tuple(kind for kind in Kind if kind not in NOT_OF_PATIENTS)
OF_CLINICIANS = (Kind.TAKEN, Kind.MOVED, Kind.CANCELLED, Kind.REPORT_ANSWERED)
OF_STAFF = (Kind.DELETE_ASKED,)
BY_ROLE: dict[str, tuple[Kind, ...]] = {"patient": OF_PATIENTS, "clinician": OF_CLINICIANS, "staff": OF_STAFF}


def optional_of(role: str) -> list[Kind]:
    return [kind for kind in BY_ROLE.get(role, ()) if kind in OPTIONAL]


def fixed_of(role: str) -> list[Kind]:
    return [kind for kind in (*BY_ROLE.get(role, ()), Kind.SHARED) if kind not in OPTIONAL]


def is_muted(user: User, kind: str) -> bool:
    return Mute.objects.filter(user=user, kind=kind).exists()


def muted_by(user: User) -> set[str]:
    return set(Mute.objects.filter(user=user).values_list("kind", flat=True))


def quiet_hours_of(user: User) -> tuple[time | None, time | None]:
    """Return from when until when; both None where somebody has none."""
    chosen = Preferences.objects.filter(user=user).first()
    return (chosen.quiet_from, chosen.quiet_until) if chosen else (quiet.FROM, quiet.UNTIL)


def quiet_until(user: User, *, now: datetime) -> datetime | None:
    """Return when the quiet hours end that this person has now, or None."""
    from_, until = quiet_hours_of(user)
    if from_ is None or until is None:
        return None
    return quiet.quiet_until(now, ZoneInfo(user.time_zone), from_, until)


@transaction.atomic
def choose(
    user: User, *, role: str, wanted: Collection[str], quiet_from: time | None, quiet_until: time | None
) -> None:
    """Keep what somebody chose. Kinds that they were not asked about stay as they are."""
    asked = optional_of(role)
    Mute.objects.filter(user=user, kind__in=[kind for kind in asked if kind in wanted]).delete()
    unwanted = [Mute(user=user, kind=kind) for kind in asked if kind not in wanted]
    Mute.objects.bulk_create(unwanted, ignore_conflicts=True)
    Preferences.objects.update_or_create(user=user, defaults={"quiet_from": quiet_from, "quiet_until": quiet_until})
