"""Staff see that recordings exist and how they are doing. No player, no media, no keys."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db.models import Count, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.noted import NotedPages
from audit.codes import as_code
from audit.days import Days
from audit.ledger import actor_of
from patients.admin import NeverDeleted
from recordings import (  # noqa: F401  pages of their own
    deletion_admin,
    holds_admin,
    jobs_admin,
    quarantine_admin,
    reports_admin,
    revocations_admin,
    suspensions,
)
from recordings.facts_only import FactsOnly
from recordings.models import PlaybackSuspension, Recording, Segment
from recordings.suspensions import Scope


@admin.register(Recording)
class RecordingAdmin(FactsOnly):
    list_display = ("started_at", "status", "reason_code", "duration", "size", "stage", "legal_hold", "retain_until")
    list_filter = (("started_at", Days), "status", "legal_hold")
    ordering = ("-started_at",)
    fields = readonly_fields = (
        "id",
        "status",
        "reason_code",
        "started_at",
        "duration",
        "size",
        "segment_count",
        "stage",
        "retain_until",
        "legal_hold",
    )
    change_form_template = "admin/recordings/recording/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        hold = self.admin_site.admin_view(holds_admin.page)
        return [path("<uuid:pk>/hold/", hold, name="recording_hold"), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Recording]:
        counted = super().get_queryset(request).prefetch_related("jobs", "renditions")
        # Counted for the rows of the page alone: a join would group every recording there is.
        segments = Segment.objects.filter(recording=OuterRef("pk")).order_by().values("recording")
        number = Subquery(segments.annotate(number=Count("pk")).values("number"))
        return counted.annotate(segments_made=Coalesce(number, 0))

    @admin.display(description=_("reason"), ordering="reason")
    def reason_code(self, recording: Recording) -> str:
        return as_code(recording.reason)

    @admin.display(description=_("length"))
    def duration(self, recording: Recording) -> str:
        seconds = (recording.duration_ms or 0) // 1000
        return f"{seconds // 60}:{seconds % 60:02d}"

    @admin.display(description=_("size"))
    def size(self, recording: Recording) -> str:
        return filesizeformat(sum(rendition.byte_length for rendition in recording.renditions.all()))

    @admin.display(description=_("parts"))
    def segment_count(self, recording: Recording) -> int:
        return recording.segments_made  # type: ignore[attr-defined,no-any-return]

    @admin.display(description=_("stage"))
    def stage(self, recording: Recording) -> str:
        jobs = sorted(recording.jobs.all(), key=lambda job: job.created_at)
        return str(jobs[-1].get_stage_display()) if jobs else "–"


class PauseForm(forms.ModelForm):  # type: ignore[type-arg]
    reason = forms.CharField(label=_("Why"), widget=forms.Textarea, help_text=_("Words for colleagues; no names."))


class GoOnForm(forms.ModelForm):  # type: ignore[type-arg]
    note = forms.CharField(label=_("What was found and done"), widget=forms.Textarea)


@admin.register(PlaybackSuspension)
class PlaybackSuspensionAdmin(NotedPages, NeverDeleted):
    """Administrators pause playback with a reason, and let it go on with a note. Staff see both."""

    list_display = ("scope", "opened_at", "opened_by", "reason", "closed_at", "closed_by")
    list_filter = ("scope", ("closed_at", admin.EmptyFieldListFilter))
    list_select_related = ("opened_by", "closed_by")
    ordering = (F("closed_at").asc(nulls_first=True), "-opened_at")
    # Not completed while one types: Django's field for that has no name for whoever hears the page.
    raw_id_fields = ("recording", "patient", "clinician")
    pause_fields = ("scope", "recording", "patient", "clinician", "reason")
    fields = (*pause_fields, "opened_at", "opened_by", "closed_at", "closed_by", "note")

    def patient_of(self, obj: PlaybackSuspension) -> UUID | None:
        return obj.recording.patient_id if obj.recording else obj.patient_id

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return self.fields if obj else self.pause_fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return self.fields[:-1] if obj else ()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **more: Any) -> Any:
        return super().get_form(request, obj, change, form=GoOnForm if obj else PauseForm, **more)

    def has_change_permission(self, request: HttpRequest, obj: PlaybackSuspension | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.closed_at is None)

    def save_model(self, request: HttpRequest, obj: PlaybackSuspension, form: Any, change: bool) -> None:
        actor, now = actor_of(request), timezone.now()
        if change:
            suspensions.resume(obj, note=form.cleaned_data["note"], actor=actor, now=now)
            return
        of = obj.recording_id or obj.patient_id or obj.clinician_id
        obj.pk = suspensions.suspend(Scope(obj.scope), of, reason=obj.reason, actor=actor, now=now).pk
