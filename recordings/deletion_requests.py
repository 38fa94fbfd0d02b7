"""The table of patients' requests to delete a recording; a model of this app like those in `models`."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from consultations.states import closed_vocabulary
from patients.models import Patient


@closed_vocabulary("answer")
class DeletionRequest(models.Model):
    """A patient asks that their recording be deleted. Refused by one administrator; accepted by two, and then done.

    Written by `deletion` and `erasure` alone.
    """

    class Answer(models.TextChoices):
        REFUSED = "refused", _("refused")
        ACCEPTED = "accepted", _("accepted")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    recording = models.ForeignKey("recordings.Recording", on_delete=models.PROTECT, related_name="deletion_requests")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(_("asked"))
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True)
    answer = models.CharField(_("answer"), max_length=16, choices=Answer, blank=True)
    why = models.TextField(_("why"), blank=True)
    kept_until = models.DateField(_("kept until"), null=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("answered by")
    )
    answered_at = models.DateTimeField(_("answered"), null=True)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("confirmed by")
    )
    confirmed_at = models.DateTimeField(_("confirmed"), null=True)
    emptied_at = models.DateTimeField(_("removed"), null=True, help_text=_("when it had left the vault"))

    class Meta:
        verbose_name, verbose_name_plural = _("request to delete"), _("requests to delete")
        default_permissions = ("view",)
        permissions = [("decide_deletion", "Can answer requests to delete recordings")]
        constraints = [
            models.UniqueConstraint(
                fields=["recording"],
                condition=Q(withdrawn_at=None) & ~Q(answer="refused"),
                name="one_open_deletion_request_per_recording",
            ),
            models.CheckConstraint(
                condition=Q(answer="", why="", answered_at=None, answered_by=None)
                | ~Q(answer="") & ~Q(why="") & Q(answered_at__isnull=False, answered_by__isnull=False),
                name="deletion_request_is_answered_with_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(answer="refused", kept_until__isnull=False) | ~Q(answer="refused") & Q(kept_until=None),
                name="deletion_is_refused_until_a_day",
            ),
            models.CheckConstraint(
                condition=Q(confirmed_by=None) | ~Q(confirmed_by=F("answered_by")),
                name="deletion_takes_two_people",
            ),
            models.CheckConstraint(
                condition=Q(confirmed_at=None, confirmed_by=None)
                | Q(confirmed_at__isnull=False, confirmed_by__isnull=False, answer="accepted"),
                name="deletion_is_confirmed_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at=None) | ~Q(answer="refused") & Q(confirmed_at=None),
                name="deletion_request_is_withdrawn_while_open",
            ),
            models.CheckConstraint(
                condition=Q(emptied_at=None) | Q(confirmed_at__isnull=False), name="deletion_empties_once_confirmed"
            ),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"

    @property
    def is_open(self) -> bool:
        """It waits for an answer, or for the second person."""
        return self.withdrawn_at is None and self.answer != self.Answer.REFUSED and self.confirmed_at is None
