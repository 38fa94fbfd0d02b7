"""Replays in the clinician admin site."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.clinic import OwnRowsAdmin
from accounts.sites import clinic_site
from audit.ledger import actor_of
from recordings import pages, playback, policy
from recordings.models import Recording


@admin.register(Recording, site=clinic_site)
class OwnReplaysAdmin(OwnRowsAdmin):
    list_display = ("started_at", "patient_name", "reason_of", "modes", "watch")
    list_display_links = ("started_at",)
    search_fields = ("patient__name", "patient__nhs_number", "consultation__reason")
    date_hierarchy = "started_at"
    ordering = ("-created_at", "-id")
    list_per_page = 25
    fields = ("patient_name", "reason_of", "started_at", "modes", "status", "retain_until", "watch")
    readonly_fields = fields

    def own_rows(self, request: HttpRequest) -> QuerySet[Any]:
        own = policy.playable_by(request.user).filter(clinician__user=request.user.pk)
        return own.select_related("patient", "consultation", "clinician__user")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        if context := getattr(response, "context_data", None):
            # SECURITY: the ledger is written before the page is rendered; if it cannot be, nothing is shown.
            shown = list(context["cl"].result_list)
            playback.record_listing(shown, actor=actor_of(request), now=timezone.now())
        return response

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **more: Any) -> HttpResponse:
        recording = self.get_object(request, unquote(object_id))
        if recording is not None:
            playback.record_listing([recording], actor=actor_of(request), now=timezone.now())
        return super().change_view(request, object_id, *args, **more)

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
        return format_html(
            '<a href="{}">{}</a>', reverse("recordings:detail", args=[recording.pk]), _("Watch the replay")
        )
