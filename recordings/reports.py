"""The table of accesses that somebody did not recognise; a model of this app like those in `models`."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from consultations.states import closed_vocabulary
from patients.models import Patient


@closed_vocabulary("outcome")
class AccessReport(models.Model):
    """One of a recording's two people does not recognise a line of the ledger about it.

    Written by `unrecognised` alone.
    """

    class Outcome(models.TextChoices):
        IN_ORDER = "in_order", _("It was in order.")
        WRONG = "wrong", _("It should not have happened. We have acted on it.")
        UNCLEAR = "unclear", _("We could not find out.")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    recording = models.ForeignKey("recordings.Recording", on_delete=models.PROTECT, related_name="access_reports")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    line = models.PositiveBigIntegerField(_("line of the ledger"))
    reported_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reported_at = models.DateTimeField(_("reported"))
    outcome = models.CharField(_("what came of it"), max_length=16, choices=Outcome, blank=True)
    note = models.TextField(_("what was found and done"), blank=True)
    handled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("answered by")
    )
    handled_at = models.DateTimeField(_("answered"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("access not recognised"), _("accesses not recognised")
        default_permissions = ("change", "view")
        constraints = [
            models.UniqueConstraint(
                fields=["recording", "line", "reported_by"], name="one_access_report_per_line_and_person"
            ),
            models.CheckConstraint(
                condition=Q(handled_at=None, handled_by=None, outcome="", note="")
                | Q(handled_at__isnull=False, handled_by__isnull=False) & ~Q(outcome="") & ~Q(note=""),
                name="access_report_is_answered_by_somebody_with_a_note",
            ),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"
