"""Hours and time off in both sites: clinicians say their own, staff everybody's."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.clinic import OwnRowsAdmin
from accounts.roles import role_of
from accounts.sites import OfferedLookupsAdmin, clinic_site
from consultations import diary
from consultations.models import Consultation
from consultations.schedule import Availability, TimeOff
from consultations.schedule_forms import AvailabilityForm, TimeOffForm
from patients.admin import ClinicianFilter
from patients.models import Clinician

HOURS = ("weekday", "starts", "ends", "time_zone", "slot_minutes", "valid_from", "valid_until", "for_new_patients")
OFF = ("starts_at", "ends_at", "note")


class OwnTimeAdmin(OwnRowsAdmin):
    """One's own rows, which one may add, change and remove: nothing refers to them.

    SECURITY: whose time it is comes from who is signed in, never from the form.
    """

    def own_rows(self, request: HttpRequest) -> QuerySet[Any]:
        return self.model._default_manager.filter(clinician__user=request.user.pk)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return role_of(request.user) == "clinician"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return role_of(request.user) == "clinician"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return role_of(request.user) == "clinician"

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.clinician = request.user.clinician  # type: ignore[union-attr]
        super().save_model(request, obj, form, change)


class HoursAdmin(OfferedLookupsAdmin):
    form = AvailabilityForm

    @admin.display(description=_("hours"), ordering="starts")
    def hours(self, rule: Availability) -> str:
        return f"{rule.starts:%H:%M}–{rule.ends:%H:%M}"

    @admin.display(description=_("last day"), ordering="valid_until")
    def last_day(self, rule: Availability) -> Any:
        return rule.valid_until or _("no end")


class OffAdmin(OfferedLookupsAdmin):
    """Says which consultations stand in the way: they stay planned until somebody moves them."""

    form = TimeOffForm
    ordering = ("-starts_at",)

    def save_model(self, request: HttpRequest, obj: TimeOff, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        planned = Consultation.objects.filter(
            clinician=obj.clinician, status__in=diary.TAKES_TIME, starts_at__lt=obj.ends_at, ends_at__gt=obj.starts_at
        ).count()
        if planned:
            told = ngettext(
                "%(n)d consultation is planned in this time and stays so until the clinic moves or cancels it.",
                "%(n)d consultations are planned in this time and stay so until the clinic moves or cancels them.",
                planned,
            )
            messages.warning(request, told % {"n": planned})


@admin.register(Availability, site=clinic_site)
class OwnHoursAdmin(OwnTimeAdmin, HoursAdmin):
    list_display = ("weekday", "hours", "time_zone", "slot_minutes", "valid_from", "last_day", "for_new_patients")
    ordering = ("weekday", "starts")
    fields = HOURS


@admin.register(TimeOff, site=clinic_site)
class OwnTimeOffAdmin(OwnTimeAdmin, OffAdmin):
    list_display = ("starts_at", "ends_at", "note")
    fields = OFF


class EverybodysTimeAdmin(OfferedLookupsAdmin):
    actions = None
    list_select_related = ("clinician__user",)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **facts: Any) -> Any:
        """Name the clinicians who work here; a plain choice, which every screen reader can read."""
        if db_field.name == "clinician":
            here = Clinician.objects.filter(is_active=True)
            facts["queryset"] = here.select_related("user").order_by("user__name")
        return super().formfield_for_foreignkey(db_field, request, **facts)


@admin.register(Availability)
class EverybodysHoursAdmin(EverybodysTimeAdmin, HoursAdmin):
    list_display = ("clinician", "weekday", "hours", "time_zone", "slot_minutes", "last_day", "for_new_patients")
    list_filter = (("clinician", ClinicianFilter), "weekday", "for_new_patients")
    ordering = ("clinician__user__name", "weekday", "starts")
    fields = ("clinician", *HOURS)


@admin.register(TimeOff)
class EverybodysTimeOffAdmin(EverybodysTimeAdmin, OffAdmin):
    list_display = ("clinician", "starts_at", "ends_at", "note")
    list_filter = (("clinician", ClinicianFilter),)
    fields = ("clinician", *OFF)
