"""Patients, clinicians, who cares for whom, and the keys that belong to a patient."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from patients.nhs_number import validate_nhs_number


class Patient(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="patient",
        verbose_name=_("account"),
    )
    name = models.CharField(_("name"), max_length=200)
    date_of_birth = models.DateField(_("date of birth"))
    nhs_number = models.CharField(
        _("NHS number"), max_length=10, unique=True, null=True, blank=True, validators=[validate_nhs_number]
    )
    communication_needs = models.TextField(_("communication needs"), blank=True)
    # The name of this patient's prefix in storage: random, so that a path tells nothing about a person.
    vault_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        default_permissions = ("add", "change", "view")
        verbose_name, verbose_name_plural = _("patient"), _("patients")
        # SECURITY: not the admin site's `view_patient`, which staff hold for everybody.
        permissions = [
            ("see_patient", "Can see this patient"),
            ("import_people", "Can import people from a file"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(nhs_number__isnull=True) | ~Q(nhs_number=""), name="nhs_number_is_null_when_unknown"
            )
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"


class Clinician(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="clinician", verbose_name=_("account")
    )
    title = models.CharField(_("title"), max_length=20, default="Dr")
    registration_number = models.CharField(_("registration number"), max_length=20, unique=True)
    speciality = models.CharField(_("speciality"), max_length=100)
    is_active = models.BooleanField(_("works here"), default=True)

    class Meta:
        verbose_name, verbose_name_plural = _("clinician"), _("clinicians")
        default_permissions = ("add", "change", "view")

    def __str__(self) -> str:
        return self.display_name

    @property
    def display_name(self) -> str:
        return f"{self.title} {self.user.name}".strip()


class CareRelationship(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(
        Patient, on_delete=models.PROTECT, related_name="care_relationships", verbose_name=_("patient")
    )
    clinician = models.ForeignKey(
        Clinician, on_delete=models.PROTECT, related_name="care_relationships", verbose_name=_("clinician")
    )
    why = models.CharField(_("why"), max_length=200)
    since = models.DateTimeField(_("since"), default=timezone.now)
    until = models.DateTimeField(_("until"), null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("care relationship"), _("care relationships")
        default_permissions = ("add", "change", "view")
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "clinician"],
                condition=Q(until__isnull=True),
                name="one_live_care_relationship_per_pair",
                violation_error_message=_("This clinician already cares for this patient."),
            ),
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gt=F("since")), name="care_ends_after_it_began"
            ),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"


class PatientKey(models.Model):
    """One version of a patient's keyset, wrapped by the master key. Destroying it erases what it encrypted."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="keys")
    version = models.PositiveIntegerField()
    wrapped_keyset = models.BinaryField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    retired_at = models.DateTimeField(null=True)
    destroyed_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["patient", "version"], name="one_key_per_patient_and_version"),
            models.UniqueConstraint(
                fields=["patient"], condition=Q(retired_at__isnull=True), name="one_active_key_per_patient"
            ),
            models.CheckConstraint(
                condition=Q(destroyed_at__isnull=True, wrapped_keyset__isnull=False)
                | Q(destroyed_at__isnull=False, wrapped_keyset__isnull=True),
                name="destroyed_key_has_no_keyset",
            ),
        ]

    def __str__(self) -> str:
        return f"key {self.version} of patient {self.patient_id}"


class PatientUserObjectPermission(UserObjectPermissionBase):
    content_object = models.ForeignKey(Patient, on_delete=models.CASCADE)


class PatientGroupObjectPermission(GroupObjectPermissionBase):
    content_object = models.ForeignKey(Patient, on_delete=models.CASCADE)
