"""The ledger's table. Rows are written by `audit.ledger` alone and never change."""

from django.db import models


class Action(models.TextChoices):
    """What can be said about an object in the ledger."""

    LISTED = "listed"
    OPENED = "opened"
    WATCHED = "watched"
    REFUSED = "refused"
    GRANTED = "granted"
    REVOKED = "revoked"
    CONSENTED = "consented"
    WITHDREW = "withdrew"
    CAPTURED = "captured"
    PUBLISHED = "published"
    QUARANTINED = "quarantined"
    MISUSED = "misused"


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
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.action}"
