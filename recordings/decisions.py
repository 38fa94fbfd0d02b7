"""What staff decide about held-back recordings. A model of `recordings.models`, which has no room for it."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from consultations.states import closed_vocabulary


@closed_vocabulary("what")
class QuarantineDecision(models.Model):
    """What is to become of a held-back recording: proposed by one person, confirmed by another.

    Written by `quarantine` alone.
    """

    class What(models.TextChoices):
        RELEASE = "release", _("release")
        DISCARD = "discard", _("discard")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    recording = models.ForeignKey("recordings.Recording", on_delete=models.PROTECT, related_name="decisions")
    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, related_name="+")
    what = models.CharField(_("what"), max_length=16, choices=What)
    misfit = models.CharField(max_length=64, help_text="the reason it was held back for, and the only one accepted")
    facts = models.CharField(max_length=64, help_text="digest of what the proposer saw")
    why = models.TextField(_("why"))
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("proposed by")
    )
    proposed_at = models.DateTimeField(_("proposed"))
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("confirmed by")
    )
    confirmed_at = models.DateTimeField(_("confirmed"), null=True)
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True)
    job = models.OneToOneField(
        "recordings.ProcessingJob",
        on_delete=models.PROTECT,
        null=True,
        related_name="release",
        help_text="the run that releases",
    )
    emptied_at = models.DateTimeField(
        _("removed"), null=True, help_text=_("when what was discarded had left the vault")
    )

    class Meta:
        verbose_name, verbose_name_plural = _("quarantine decision"), _("quarantine decisions")
        default_permissions = ("view",)
        permissions = [("decide_quarantine", "Can propose and confirm what becomes of held-back recordings")]
        constraints = [
            models.CheckConstraint(
                condition=Q(confirmed_by=None) | ~Q(confirmed_by=F("proposed_by")),
                name="decision_takes_two_people",
            ),
            models.CheckConstraint(
                condition=Q(confirmed_at=None, confirmed_by=None)
                | Q(confirmed_at__isnull=False, confirmed_by__isnull=False, withdrawn_at=None),
                name="decision_is_confirmed_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(job=None) | Q(what="release", confirmed_at__isnull=False),
                name="decision_runs_once_confirmed",
            ),
            models.CheckConstraint(
                condition=Q(emptied_at=None) | Q(what="discard", confirmed_at__isnull=False),
                name="decision_empties_once_confirmed",
            ),
            models.CheckConstraint(condition=~Q(why="") & ~Q(misfit=""), name="decision_has_a_reason"),
            models.UniqueConstraint(
                fields=["recording"],
                condition=Q(confirmed_at=None, withdrawn_at=None),
                name="one_open_decision_per_recording",
            ),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"
