"""When clinicians work, and who reads their calendar by a private address: models."""

import uuid
from datetime import timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import validate_time_zone
from consultations.slots import WeeklyRule
from consultations.states import closed_vocabulary
from patients.models import Clinician

LONGEST_SLOT = timedelta(hours=4)


@closed_vocabulary("weekday")
class Availability(models.Model):
    """Hours of a weekday in which a clinician can be booked, in wall time of a zone.

    A single day is a rule, too: its first day is its last.
    """

    class Weekday(models.TextChoices):
        """Numbered as in ISO 8601."""

        MONDAY = "1", _("Monday")
        TUESDAY = "2", _("Tuesday")
        WEDNESDAY = "3", _("Wednesday")
        THURSDAY = "4", _("Thursday")
        FRIDAY = "5", _("Friday")
        SATURDAY = "6", _("Saturday")
        SUNDAY = "7", _("Sunday")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    clinician = models.ForeignKey(
        Clinician, on_delete=models.PROTECT, related_name="availability", verbose_name=_("clinician")
    )
    weekday = models.CharField(_("day"), max_length=16, choices=Weekday)
    starts = models.TimeField(_("from"))
    ends = models.TimeField(_("until"))
    time_zone = models.CharField(_("time zone"), max_length=64, validators=[validate_time_zone])
    slot_minutes = models.PositiveSmallIntegerField(
        _("minutes per consultation"), default=15, validators=[MinValueValidator(5), MaxValueValidator(240)]
    )
    valid_from = models.DateField(_("first day"), default=timezone.localdate)
    valid_until = models.DateField(_("last day"), null=True, blank=True)
    for_new_patients = models.BooleanField(_("open to new patients"), default=False)

    class Meta:
        verbose_name = verbose_name_plural = _("availability")
        default_permissions = ("add", "change", "delete", "view")
        constraints = [
            models.CheckConstraint(
                condition=Q(ends__gt=F("starts")),
                name="availability_ends_after_it_starts",
                violation_error_message=_("The end must be after the start. For hours past midnight add a second row."),
            ),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gte=F("valid_from")),
                name="availability_last_day_follows_first",
                violation_error_message=_("The last day must not be before the first."),
            ),
            models.CheckConstraint(
                condition=Q(slot_minutes__range=(5, 240)), name="availability_slots_are_of_sensible_length"
            ),
        ]
        indexes = [models.Index(fields=["clinician", "weekday"], name="availability_of_clinician")]

    def __str__(self) -> str:
        return f"{self.get_weekday_display()} {self.starts:%H:%M}–{self.ends:%H:%M}"

    def rule(self) -> WeeklyRule:
        return WeeklyRule(
            clinician=self.clinician_id,
            weekday=int(self.weekday),
            starts=self.starts,
            ends=self.ends,
            zone=ZoneInfo(self.time_zone),
            length=timedelta(minutes=self.slot_minutes),
            valid_from=self.valid_from,
            valid_until=self.valid_until,
        )


class TimeOff(models.Model):
    """When a clinician cannot be booked although a rule says so. Why stays with the clinician and the staff."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    clinician = models.ForeignKey(
        Clinician, on_delete=models.PROTECT, related_name="time_off", verbose_name=_("clinician")
    )
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    note = models.CharField(_("note"), max_length=200, blank=True, help_text=_("Patients never see it."))

    class Meta:
        verbose_name = verbose_name_plural = _("time off")
        default_permissions = ("add", "change", "delete", "view")
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="time_off_ends_after_it_starts",
                violation_error_message=_("The end must be after the start."),
            ),
        ]
        indexes = [models.Index(fields=["clinician", "ends_at"], name="time_off_of_clinician")]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"


class CalendarFeed(models.Model):
    """The private address of somebody's consultations, for their calendar program. Gone when it is withdrawn."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    token_hash = models.CharField(max_length=64, unique=True)
    made_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)
    reads = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name, verbose_name_plural = _("calendar address"), _("calendar addresses")
        default_permissions = ()

    def __str__(self) -> str:
        return f"calendar feed {self.pk}"
