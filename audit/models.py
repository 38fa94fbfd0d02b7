"""The ledger's table, whose rows never change, and the alerts that wait for somebody of the staff.

Written by `audit.ledger` and `audit.alerts` alone.
"""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _


class Action(models.TextChoices):
    """What can be said about an object in the ledger."""

    LISTED = "listed"
    OPENED = "opened"
    WATCHED = "watched"
    REFUSED = "refused"
    PAUSED = "paused"
    GRANTED = "granted"
    REVOKED = "revoked"
    CONSENTED = "consented"
    WITHDREW = "withdrew"
    CAPTURED = "captured"
    PUBLISHED = "published"
    QUARANTINED = "quarantined"
    MISUSED = "misused"
    ALERTED = "alerted"
    HANDLED = "handled"
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    RELEASED = "released"
    DISCARDED = "discarded"
    INVITED = "invited"
    SHARED = "shared"
    PROPOSED = "proposed"
    AGREED = "agreed"
    UNSHARED = "unshared"
    REPORTED = "reported"
    SIGNED = "signed"
    REGISTERED = "registered"
    CHANGED = "changed"
    RETRIED = "retried"
    DOWNLOADED = "downloaded"
    ASKED = "asked"
    ANSWERED = "answered"


class Entry(models.Model):
    """One line: who did what to which object of which patient. Holds ids only, no names and no content."""

    seq = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    actor = models.UUIDField(null=True)
    action = models.CharField(max_length=16, choices=Action)
    object_type = models.CharField(max_length=32, blank=True)
    object_id = models.UUIDField(null=True)
    patient = models.UUIDField(null=True)
    reason = models.CharField(max_length=64, blank=True)
    detail = models.JSONField(default=dict)
    session_hash = models.CharField(max_length=64, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    prev_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64, unique=True)

    class Meta:
        verbose_name_plural = "entries"
        constraints = [
            models.CheckConstraint(condition=models.Q(action__in=Action.values), name="entry_action_is_known"),
            models.CheckConstraint(condition=models.Q(seq__gte=1), name="entry_seq_starts_at_one"),
        ]
        indexes = [
            models.Index(fields=["object_id", "-seq"], name="entry_by_object"),
            models.Index(fields=["patient", "-seq"], name="entry_by_patient"),
            models.Index(fields=["actor", "-seq"], name="entry_by_actor"),
            # Few of all; counted before each of somebody's refusals.
            models.Index(
                fields=["actor", "-seq"],
                condition=models.Q(action__in=[Action.REFUSED, Action.MISUSED]),
                name="entry_refusals_by_actor",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.action}"


class Checkpoint(models.Model):
    """What is known here of a signed statement about the ledger; the statement itself lies in the second place."""

    number = models.BigIntegerField(primary_key=True)
    seq = models.BigIntegerField()
    head = models.CharField(max_length=64)
    count = models.PositiveIntegerField()
    root = models.CharField(max_length=64)
    previous = models.CharField(max_length=64)
    at = models.DateTimeField()
    digest = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(number__gte=1, count__gte=1), name="checkpoint_holds_entries"),
        ]

    def __str__(self) -> str:
        return f"checkpoint {self.number}"


class Verification(models.Model):
    """One round of the verifier. `faults` are its sentences, none if everything holds."""

    at = models.DateTimeField()
    is_full = models.BooleanField()
    entries = models.BigIntegerField()
    last_seq = models.BigIntegerField()
    anchored_seq = models.BigIntegerField()
    checkpoint = models.BigIntegerField()
    faults = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"verification of {self.at:%Y-%m-%d %H:%M}"


class AlertKind(models.TextChoices):
    TWO_KEYS = "two_keys", _("A grant and its reason disagree")
    FOREIGN_ROW = "foreign_row", _("An answer held what is somebody else's")
    MISUSED_CREDENTIAL = "misused_credential", _("A valid credential was used for something else")
    GRANTS_DIFFER = "grants_differ", _("Grants differ from what the relationships say")
    LEDGER_BROKEN = "ledger_broken", _("The ledger does not hold")
    QUARANTINED = "quarantined", _("A recording is held back")
    NOT_RECOGNISED = "not_recognised", _("Somebody does not recognise an access to their recording")
    GUESSING = "guessing", _("Somebody tries one address after the other")


class Alert(models.Model):
    """Something that must never happen did, or was stopped in the act. Holds ids only, like the ledger.

    The same thing seen again while nobody has handled it counts up `times`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=32, choices=AlertKind)
    raised_at = models.DateTimeField()
    last_at = models.DateTimeField()
    times = models.PositiveIntegerField(default=1)
    actor = models.UUIDField(null=True)
    object_type = models.CharField(max_length=32, blank=True)
    object_id = models.UUIDField(null=True)
    patient = models.UUIDField(null=True)
    detail = models.JSONField(default=dict)
    mailed_at = models.DateTimeField(null=True)
    handled_at = models.DateTimeField(null=True)
    handled_by = models.UUIDField(null=True)
    note = models.TextField(_("what was found and done"), blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=AlertKind.values),
                name="alert_kind_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(handled_at=None, handled_by=None)
                | models.Q(handled_at__isnull=False, handled_by__isnull=False) & ~models.Q(note=""),
                name="alert_is_handled_by_somebody_with_a_note",
            ),
        ]
        indexes = [models.Index(fields=["handled_at", "-last_at"], name="alert_open_first")]

    def __str__(self) -> str:
        return self.get_kind_display()
