"""Staff see that recordings exist and how they are doing. No player, no media, no keys."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat

from patients.admin import NeverDeleted
from recordings.models import ProcessingJob, Recording


class FactsOnly(NeverDeleted):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Recording)
class RecordingAdmin(FactsOnly):
    list_display = ("started_at", "status", "reason", "duration", "size", "stage", "legal_hold", "retain_until")
    list_filter = ("status", "legal_hold")
    date_hierarchy = "started_at"
    ordering = ("-created_at",)
    fields = readonly_fields = (
        "id",
        "status",
        "reason",
        "started_at",
        "duration",
        "size",
        "segment_count",
        "stage",
        "retain_until",
        "legal_hold",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Recording]:
        counted = super().get_queryset(request).prefetch_related("jobs", "renditions")
        return counted.annotate(segments_made=Count("segments", distinct=True))

    @admin.display(description="length")
    def duration(self, recording: Recording) -> str:
        seconds = (recording.duration_ms or 0) // 1000
        return f"{seconds // 60}:{seconds % 60:02d}"

    @admin.display(description="size")
    def size(self, recording: Recording) -> str:
        return filesizeformat(sum(rendition.byte_length for rendition in recording.renditions.all()))

    @admin.display(description="segments")
    def segment_count(self, recording: Recording) -> int:
        return recording.segments_made  # type: ignore[attr-defined,no-any-return]

    @admin.display(description="stage")
    def stage(self, recording: Recording) -> str:
        jobs = sorted(recording.jobs.all(), key=lambda job: job.created_at)
        return str(jobs[-1].get_stage_display()) if jobs else "–"


@admin.register(ProcessingJob)
class ProcessingJobAdmin(FactsOnly):
    list_display = ("created_at", "status", "stage", "attempts", "fault", "finished_at")
    list_filter = ("status", "stage")
    ordering = ("-created_at",)
    fields = readonly_fields = (
        "id",
        "status",
        "stage",
        "attempts",
        "fault",
        "not_before",
        "lease_until",
        "finished_at",
    )
