"""The ledger's table, whose rows never change, and the alerts that wait for somebody of the staff.

Written by `audit.ledger` and `audit.alerts` alone.
"""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _


class Action(models.TextChoices):
    """What can be said about an object in the ledger."""

    LISTED = "listed", _("Listed")
    OPENED = "opened", _("Opened")
    WATCHED = "watched", _("Watched")
    REFUSED = "refused", _("Refused")
    PAUSED = "paused", _("Paused")
    GRANTED = "granted", _("Granted")
    REVOKED = "revoked", _("Revoked")
    CONSENTED = "consented", _("Consented")
    WITHDREW = "withdrew", _("Withdrew")
    CAPTURED = "captured", _("Captured")
    PUBLISHED = "published", _("Published")
    QUARANTINED = "quarantined", _("Quarantined")
    MISUSED = "misused", _("Misused")
    ALERTED = "alerted", _("Alerted")
    HANDLED = "handled", _("Handled")
    SUSPENDED = "suspended", _("Suspended")
    RESUMED = "resumed", _("Resumed")
    RELEASED = "released", _("Released")
    DISCARDED = "discarded", _("Discarded")
    INVITED = "invited", _("Invited")
    SHARED = "shared", _("Shared")
    PROPOSED = "proposed", _("Proposed")
    AGREED = "agreed", _("Agreed")
    UNSHARED = "unshared", _("Unshared")
    REPORTED = "reported", _("Reported")
    SIGNED = "signed", _("Signed")
    REGISTERED = "registered", _("Registered")
    CHANGED = "changed", _("Changed")
    RETRIED = "retried", _("Retried")
    DOWNLOADED = "downloaded", _("Downloaded")
    ASKED = "asked", _("Asked")
    ANSWERED = "answered", _("Answered")


class Entry(models.Model):
    """One line: who did what to which object of which patient. Holds ids only, no names and no content."""

    seq = models.BigIntegerField(_("line"), primary_key=True)
    at = models.DateTimeField(_("when"))
    actor = models.UUIDField(_("who"), null=True)
    action = models.CharField(_("what"), max_length=16, choices=Action)
    object_type = models.CharField(_("of what"), max_length=32, blank=True)
    object_id = models.UUIDField(_("which"), null=True)
    patient = models.UUIDField(_("patient"), null=True)
    reason = models.CharField(_("reason"), max_length=64, blank=True)
    detail = models.JSONField(_("details"), default=dict)
    session_hash = models.CharField(_("sign-in"), max_length=64, blank=True)
    request_id = models.CharField(_("request"), max_length=64, blank=True)
    prev_hash = models.CharField(_("seal of the line before"), max_length=64)
    hash = models.CharField(_("seal"), max_length=64, unique=True)

    class Meta:
        verbose_name, verbose_name_plural = _("line of the ledger"), _("lines of the ledger")
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
            # What is listed often is opened and paused rarely; its people read of both.
            models.Index(
                fields=["object_id", "-seq"],
                condition=models.Q(action__in=[Action.OPENED, Action.DOWNLOADED]),
                name="entry_openings_by_object",
            ),
            models.Index(
                fields=["patient"], condition=models.Q(object_type="suspension"), name="entry_suspensions_by_patient"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.get_action_display()}"


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
    ALTERED = "altered", _("A stored replay is not what was recorded")
    GUESSING = "guessing", _("Somebody tries one address after the other")


class Alert(models.Model):
    """Something that must never happen did, or was stopped in the act. Holds ids only, like the ledger.

    The same thing seen again while nobody has handled it counts up `times`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(_("what happened"), max_length=32, choices=AlertKind)
    raised_at = models.DateTimeField(_("first seen"))
    last_at = models.DateTimeField(_("last seen"))
    times = models.PositiveIntegerField(_("times"), default=1)
    actor = models.UUIDField(_("who"), null=True)
    object_type = models.CharField(_("with what"), max_length=32, blank=True)
    object_id = models.UUIDField(_("which"), null=True)
    patient = models.UUIDField(_("patient"), null=True)
    detail = models.JSONField(_("details"), default=dict)
    mailed_at = models.DateTimeField(null=True)
    handled_at = models.DateTimeField(_("handled"), null=True)
    handled_by = models.UUIDField(_("handled by"), null=True)
    note = models.TextField(_("what was found and done"), blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("alert"), _("alerts")
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
