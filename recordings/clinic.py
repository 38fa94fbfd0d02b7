"""Replays in the clinician admin site."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.clinic import OwnRowsAdmin
from accounts.sites import clinic_site
from audit.days import Days
from audit.ledger import actor_of
from recordings import pages, playback, policy
from recordings.models import Recording


class ShownList(ChangeList):
    """SECURITY: the guard and the ledger come before any row is rendered; if one refuses, nothing is shown."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        ids = self.result_list.values_list("pk", flat=True)[: self.list_max_show_all]
        rows = playback.rows_of(ids).order_by(*self.get_ordering(request, self.queryset))
        shown = playback.record_listing(request.user, rows, actor=actor_of(request), now=timezone.now())
        self.result_list = [one.recording for one in shown]


@admin.register(Recording, site=clinic_site)
class OwnReplaysAdmin(OwnRowsAdmin):
    list_display = ("started_at", "patient_name", "reason_of", "modes", "watch")
    list_display_links = ("started_at",)
    search_fields = ("patient__name", "patient__nhs_number", "consultation__reason")
    list_filter = (("started_at", Days),)
    show_facets = admin.ShowFacets.NEVER  # there is nothing but days to count
    ordering = ("-created_at", "-id")
    list_per_page = 25
    fields = ("patient_name", "reason_of", "started_at", "modes", "status", "retain_until", "watch")
    readonly_fields = fields

    def own_rows(self, request: HttpRequest) -> QuerySet[Any]:
        own = policy.playable_by(request.user).filter(clinician__user=request.user.pk)
        return own.select_related("patient", "consultation", "clinician__user")

    def note_absence(self, request: HttpRequest, object_id: UUID) -> None:
        playback.note_not_held(request.user, object_id, actor=actor_of(request), now=timezone.now())

    def get_changelist(self, request: HttpRequest, **more: Any) -> type[ChangeList]:
        return ShownList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Recording | None:
        if request.method not in ("GET", "HEAD"):
            # Django would take a change in a transaction, and its end would undo what the guard has to say.
            raise PermissionDenied
        recording: Recording | None = super().get_object(request, object_id, from_field)
        if recording is None:
            return None
        (shown,) = playback.record_listing(request.user, [recording], actor=actor_of(request), now=timezone.now())
        return shown.recording

    @admin.display(description=_("patient"), ordering="patient__name")
    def patient_name(self, recording: Recording) -> str:
        return recording.patient.name

    @admin.display(description=_("reason"))
    def reason_of(self, recording: Recording) -> str:
        return recording.consultation.reason

    @admin.display(description=_("parts"))
    def modes(self, recording: Recording) -> str:
        return pages.kinds_text(recording.timeline)

    @admin.display(description=_("replay"))
    def watch(self, recording: Recording) -> str:
        if recording.is_paused:
            return str(_("Paused while we check something"))
        return format_html(
            '<a href="{}">{}</a>', reverse("recordings:detail", args=[recording.pk]), _("Watch the replay")
        )
