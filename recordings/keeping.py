"""The tables of how long recordings are kept, and what became of that; models of this app like those in `models`."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from consultations.states import closed_vocabulary
from patients.models import Patient


class RetentionPeriod(models.Model):
    """For how many days recordings are kept. Append-only: of those that have begun, the one set last holds.

    Without a row `RECORDING_RETENTION_DAYS` holds. Written by `retention` alone.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    days = models.PositiveIntegerField(_("days"))
    since = models.DateTimeField(_("since"))
    reason = models.TextField(_("why"))
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("set by")
    )
    set_at = models.DateTimeField(_("set"))

    class Meta:
        verbose_name, verbose_name_plural = _("retention period"), _("retention periods")
        default_permissions = ()
        permissions = [("set_retentionperiod", "Can set for how long recordings are kept")]
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="retention_period_has_a_reason"),
            models.CheckConstraint(condition=Q(days__gte=1), name="retention_period_lasts_a_day"),
            models.CheckConstraint(condition=Q(since__gte=F("set_at")), name="retention_period_begins_once_set"),
        ]

    def __str__(self) -> str:
        return f"{self.days} days since {self.since:%Y-%m-%d}"

    @property
    def was_announced(self) -> bool:
        """It began later than it was set, so that people could read of it."""
        return self.since > self.set_at


@closed_vocabulary("why")
class LegalHold(models.Model):
    """A recording is kept whatever its day. `Recording.legal_hold` says that one stands; written by `holds` alone."""

    class Why(models.TextChoices):
        TREATMENT = "treatment", _("an open question about the treatment")
        COMPLAINT = "complaint", _("a complaint")
        AUTHORITY = "authority", _("a court or an authority asks that it be kept")
        INCIDENT = "incident", _("an incident is being looked into")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    recording = models.ForeignKey("recordings.Recording", on_delete=models.PROTECT, related_name="holds")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    why = models.CharField(_("why"), max_length=16, choices=Why)
    note = models.TextField(_("note"))
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("set by")
    )
    set_at = models.DateTimeField(_("set"))
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("lifted by")
    )
    lifted_at = models.DateTimeField(_("lifted"), null=True)
    lifted_note = models.TextField(_("why it was lifted"), blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("legal hold"), _("legal holds")
        default_permissions = ()
        permissions = [("decide_legalhold", "Can put recordings under legal hold and lift it")]
        constraints = [
            models.CheckConstraint(condition=~Q(note=""), name="legal_hold_has_a_note"),
            models.CheckConstraint(
                condition=Q(lifted_at=None, lifted_by=None, lifted_note="")
                | Q(lifted_at__gte=F("set_at"), lifted_by__isnull=False) & ~Q(lifted_note=""),
                name="legal_hold_is_lifted_by_somebody_with_a_note",
            ),
            models.UniqueConstraint(
                fields=["recording"], condition=Q(lifted_at=None), name="one_standing_legal_hold_per_recording"
            ),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"


class Expiry(models.Model):
    """A recording was erased because its day had come. Written by `expiry` and `erasure` alone."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    recording = models.OneToOneField("recordings.Recording", on_delete=models.PROTECT, related_name="expiry")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    kept_until = models.DateTimeField()
    erased_at = models.DateTimeField()
    emptied_at = models.DateTimeField(null=True, help_text="when it had left the vault")

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=Q(erased_at__gte=F("kept_until")), name="recording_expires_on_its_day"),
            models.CheckConstraint(
                condition=Q(emptied_at=None) | Q(emptied_at__gte=F("erased_at")), name="expiry_empties_once_erased"
            ),
        ]
        indexes = [models.Index(fields=["erased_at"], name="expiry_by_day")]

    def __str__(self) -> str:
        return f"expiry of {self.recording_id}"
