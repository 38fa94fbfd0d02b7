"""The processing queue: staff see how each job is doing, administrators give one that was given up another try."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.codes import as_code
from audit.ledger import actor_of
from audit.models import Action
from recordings import retrying
from recordings.facts_only import FactsOnly
from recordings.models import ProcessingJob
from recordings.retrying import CannotRetry, Why


class WhyForm(forms.Form):
    why = forms.ChoiceField(label=_("Why"), choices=Why.choices, widget=forms.RadioSelect)


@admin.register(ProcessingJob)
class ProcessingJobAdmin(FactsOnly):
    """What is not finished stands first."""

    list_display = ("created_at", "status", "stage", "attempts", "fault_code", "finished_at")
    list_filter = ("status", "stage")
    ordering = (F("finished_at").desc(nulls_first=True), "-created_at")
    fields = readonly_fields = (
        "id",
        "recording_pk",
        "created_at",
        "status",
        "stage",
        "attempts",
        "fault_code",
        "not_before",
        "lease_until",
        "finished_at",
    )

    @admin.display(description=_("fault"), ordering="fault")
    def fault_code(self, job: ProcessingJob) -> str:
        return as_code(job.fault)

    def get_urls(self) -> list[URLPattern]:
        again = self.admin_site.admin_view(self.again)
        return [path("<uuid:pk>/again/", again, name="processingjob_again"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        job = self.get_object(request, object_id)
        may = {"may_retry": job and request.user.has_perm(retrying.RIGHT) and retrying.may_be_retried(job)}
        return super().change_view(request, object_id, form_url, may | (extra_context or {}))

    def again(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        if not request.user.has_perm(retrying.RIGHT):
            raise PermissionDenied
        job = get_object_or_404(ProcessingJob.objects.select_related("recording"), pk=pk)
        form = WhyForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            why = Why(form.cleaned_data["why"])
            try:
                queued = retrying.try_again(pk, why=why, actor=actor_of(request), now=timezone.now())
                messages.success(request, _("It is in the queue again."))
                return redirect("admin:recordings_processingjob_change", queued.pk)
            except CannotRetry as refusal:
                form.add_error(None, str(refusal))
        self.note(request, Action.OPENED, job)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Try again"),
            "opts": self.opts,
            "job": job,
            "form": form,
        }
        return TemplateResponse(request, "admin/recordings/processingjob/again.html", context)
