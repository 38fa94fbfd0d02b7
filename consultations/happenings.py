"""What happens around a consultation: it is changed, the clinic sends word, another one follows. Models like those in
`models`."""

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from consultations.states import closed_vocabulary
from patients.models import Patient


@closed_vocabulary("what")
class ConsultationChange(models.Model):
    """What became of a booking, by whom and why. Append-only; the patient can read all of it."""

    class What(models.TextChoices):
        MOVED = "moved", _("moved")
        CANCELLED = "cancelled", _("cancelled")
        MISSED = "missed", _("missed")
        EXPECTED = "expected", _("expected after all")
        NEEDS = "needs", _("needs changed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    consultation = models.ForeignKey("consultations.Consultation", on_delete=models.PROTECT, related_name="changes")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    what = models.CharField(max_length=16, choices=What)
    was = models.DateTimeField()  # when it would have started
    why = models.CharField(max_length=200, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        ordering = ["at"]
        constraints = [
            models.CheckConstraint(condition=~Q(what="missed") | Q(at__gt=F("was")), name="missed_after_it_began")
        ]

    def __str__(self) -> str:
        return f"{self.what}: {self.consultation_id}"


class ClinicMessageQuerySet(models.QuerySet["ClinicMessage"]):
    def unread(self) -> "ClinicMessageQuerySet":
        return self.filter(receipt=None)


class ClinicMessage(models.Model):
    """A few words of the clinic to the patient of one consultation: "I am running ten minutes late". Append-only."""

    MOST_CHARACTERS = 200

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    consultation = models.ForeignKey(
        "consultations.Consultation", on_delete=models.PROTECT, related_name="clinic_messages"
    )
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    text = models.CharField(_("message"), max_length=MOST_CHARACTERS)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    sent_at = models.DateTimeField()

    objects = ClinicMessageQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        ordering = ["sent_at"]
        constraints = [
            models.UniqueConstraint(fields=["id", "patient"], name="clinic_message_passport"),
            models.CheckConstraint(condition=~Q(text=""), name="clinic_message_says_something"),
        ]

    def __str__(self) -> str:
        return f"message {self.pk}"

    @property
    def read_at(self) -> datetime | None:
        """When its patient said that they had read it."""
        return self.receipt.read_at if hasattr(self, "receipt") else None


class MessageReceipt(models.Model):
    """The patient said that they had read a message. Append-only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    message = models.OneToOneField(ClinicMessage, on_delete=models.PROTECT, related_name="receipt")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    read_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"receipt {self.pk}"


class FollowUp(models.Model):
    """A consultation that was booked from within another one of the same patient."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    consultation = models.ForeignKey("consultations.Consultation", on_delete=models.PROTECT, related_name="follow_ups")
    next = models.OneToOneField("consultations.Consultation", on_delete=models.PROTECT, related_name="follows")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=~Q(consultation=F("next")), name="follow_up_is_another_consultation")
        ]

    def __str__(self) -> str:
        return f"follow-up {self.pk}"
