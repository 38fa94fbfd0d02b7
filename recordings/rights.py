"""The tables of rights to play that were given or taken, for good or for a while; models like those in `models`."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from consultations.states import closed_vocabulary
from patients.models import Clinician, Patient


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
    recording = models.ForeignKey(
        "recordings.Recording", on_delete=models.PROTECT, related_name="revocations", verbose_name=_("recording")
    )
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("whose right")
    )
    why = models.CharField(_("why"), max_length=16, choices=Why)
    revoked_at = models.DateTimeField(_("taken"))
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("taken by")
    )
    ended_at = models.DateTimeField(_("given back"), null=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("given back by")
    )

    class Meta:
        verbose_name, verbose_name_plural = _("right that was taken"), _("rights that were taken")
        default_permissions = ("add", "change", "view")
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
        return f"{self._meta.verbose_name} {self.pk}"


class ShareQuerySet(models.QuerySet["Share"]):
    """By the database's clock, the one that all processes have in common."""

    def unfinished(self) -> "ShareQuerySet":
        """Nobody withdrew it, and nothing swept it; its time may be over."""
        return self.filter(revoked_at=None, swept_at=None)

    def standing(self) -> "ShareQuerySet":
        """Live, or waiting for the patient."""
        return self.unfinished().filter(expires_at__gt=Now())

    def live(self) -> "ShareQuerySet":
        return self.standing().filter(agreed_by_patient_at__isnull=False)

    def ran_out(self) -> "ShareQuerySet":
        """Was live until its time came and is about to be swept: its grant may still stand, and opens nothing."""
        return self.unfinished().filter(agreed_by_patient_at__isnull=False, expires_at__lte=Now())


class Share(models.Model):
    """Somebody else may watch a recording until a moment: the patient's own wish, or a proposal they agreed to.

    Written by `sharing` alone. Its facts never change; an end is never undone.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    recording = models.ForeignKey("recordings.Recording", on_delete=models.PROTECT, related_name="shares")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    grantee = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="shares")
    name = models.CharField(max_length=200, help_text="who it is in the words of whoever shares")
    reason = models.CharField(max_length=200)
    granted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    granted_at = models.DateTimeField()
    agreed_by_patient_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    swept_at = models.DateTimeField(null=True, help_text="when its grant was taken after it had run out")

    objects = ShareQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=Q(expires_at__gt=F("granted_at")), name="share_ends_after_it_began"),
            models.CheckConstraint(condition=~Q(reason="") & ~Q(name=""), name="share_says_with_whom_and_why"),
            models.CheckConstraint(condition=~Q(grantee=F("granted_by")), name="share_is_with_somebody_else"),
            models.CheckConstraint(
                condition=Q(agreed_by_patient_at=None)
                | Q(agreed_by_patient_at__gte=F("granted_at"), agreed_by_patient_at__lt=F("expires_at")),
                name="share_is_agreed_to_while_it_stands",
            ),
            models.CheckConstraint(
                condition=Q(revoked_at=None, revoked_by=None)
                | Q(revoked_at__gte=F("granted_at"), revoked_by__isnull=False, swept_at=None),
                name="share_is_withdrawn_by_somebody_or_swept",
            ),
            models.CheckConstraint(
                condition=Q(swept_at=None) | Q(swept_at__gte=F("expires_at")), name="share_is_swept_once_it_ran_out"
            ),
            models.UniqueConstraint(
                fields=["recording", "grantee"],
                condition=Q(revoked_at=None, swept_at=None),
                name="one_unfinished_share_per_recording_and_grantee",
            ),
        ]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(revoked_at=None, swept_at=None), name="share_to_be_swept"),
        ]

    def __str__(self) -> str:
        return f"share {self.pk}"


@closed_vocabulary("scope")
class PlaybackSuspension(models.Model):
    """The breaker: while a row is open, nothing in its scope is played. Opened and closed by `suspensions` alone."""

    class Scope(models.TextChoices):
        RECORDING = "recording", _("one recording")
        PATIENT = "patient", _("one patient")
        CLINICIAN = "clinician", _("one clinician")
        EVERYTHING = "everything", _("all replays")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    scope = models.CharField(_("what is paused"), max_length=16, choices=Scope)
    recording = models.ForeignKey(
        "recordings.Recording",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("recording"),
    )
    patient = models.ForeignKey(
        Patient, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("patient")
    )
    clinician = models.ForeignKey(
        Clinician, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("clinician")
    )
    reason = models.TextField(_("why"))
    opened_at = models.DateTimeField(_("paused"), default=timezone.now)
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("paused by"),
        help_text=_("nobody: the portal"),
    )
    closed_at = models.DateTimeField(_("ended"), null=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("ended by")
    )
    note = models.TextField(_("what was found and done"), blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("playback suspension"), _("playback suspensions")
        default_permissions = ("add", "change", "view")
        constraints = [
            models.CheckConstraint(
                condition=Q(scope="recording", recording__isnull=False, patient=None, clinician=None)
                | Q(scope="patient", recording=None, patient__isnull=False, clinician=None)
                | Q(scope="clinician", recording=None, patient=None, clinician__isnull=False)
                | Q(scope="everything", recording=None, patient=None, clinician=None),
                name="suspension_refers_to_its_scope",
                violation_error_message=_("Choose exactly what is paused: the one recording, patient or clinician."),
            ),
            models.CheckConstraint(
                condition=Q(closed_at=None, closed_by=None, note="")
                | Q(closed_at__isnull=False, closed_by__isnull=False) & ~Q(note=""),
                name="suspension_is_closed_by_somebody_with_a_note",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="suspension_has_a_reason"),
            *(
                models.UniqueConstraint(
                    fields=[field],
                    condition=Q(scope=scope, closed_at=None),
                    name=f"one_open_suspension_of_{scope}",
                )
                for scope, field in (
                    ("recording", "recording"),
                    ("patient", "patient"),
                    ("clinician", "clinician"),
                    ("everything", "scope"),
                )
            ),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"
