"""The table of rights to play that were taken on purpose; a model of this app like those in `models`."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from consultations.states import closed_vocabulary
from patients.models import Patient


@closed_vocabulary("why")
class PlaybackRevocation(models.Model):
    """Somebody's right to play a recording was taken on purpose. While the row stands nothing gives it back by itself.

    Written by `revocations` alone.
    """

    class Why(models.TextChoices):
        LEFT = "left", _("they left")
        OBJECTION = "objection", _("an objection was upheld")
        SAFEGUARDING = "safeguarding", _("somebody has to be protected")
        CONDUCT = "conduct", _("they misused what they may see")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    recording = models.ForeignKey("recordings.Recording", on_delete=models.PROTECT, related_name="revocations")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    why = models.CharField(_("why"), max_length=16, choices=Why)
    revoked_at = models.DateTimeField()
    revoked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["recording", "user"],
                condition=Q(ended_at=None),
                name="one_standing_revocation_per_recording_and_user",
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None, ended_by=None) | Q(ended_at__gte=F("revoked_at"), ended_by__isnull=False),
                name="revocation_is_ended_by_somebody_after_it_began",
            ),
        ]

    def __str__(self) -> str:
        return f"revocation {self.pk}"
