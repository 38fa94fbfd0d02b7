"""Administrators import people from a file: choose it, read what is wrong in it, and take exactly what was checked."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.ledger import actor_of
from patients import importing, people_file
from patients.importing import FileRefused, NotTheCheckedFile
from patients.people_file import Kind
from patients.registration_admin import RegisteringAdmin

RIGHT = "patients.import_people"
MOST_FAULTS = 100


class FileForm(forms.Form):
    file = forms.FileField(
        label=_("The file"),
        help_text=_("CSV in UTF-8, with commas or semicolons. First line: the names of the columns."),
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
        allow_empty_file=True,  # the check says it in its own words
    )


class ImportingAdmin(RegisteringAdmin):
    kind: Kind
    change_list_template = "admin/patients/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("import/", view(self.import_view), name=self.name_of("import")),
            path("import/template.csv", view(self.template_view), name=self.name_of("import_template")),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        may = {"import_url": reverse(f"admin:{self.name_of('import')}") if request.user.has_perm(RIGHT) else ""}
        return super().changelist_view(request, may | (extra_context or {}))

    def template_view(self, request: HttpRequest) -> HttpResponse:
        if not request.user.has_perm(RIGHT):
            raise PermissionDenied
        headers = {"Content-Disposition": f'attachment; filename="{self.kind.name}.csv"'}
        # Excel takes a file for UTF-8 only if it begins with a mark.
        text = "\ufeff" + people_file.template(self.kind)
        return HttpResponse(text, content_type="text/csv; charset=utf-8", headers=headers)

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Check a file, which writes nothing, or take the one that was checked."""
        if not request.user.has_perm(RIGHT):
            raise PermissionDenied
        if request.method == "POST" and "sealed" in request.POST:
            return self._import(request)
        form = FileForm(request.POST, request.FILES) if request.method == "POST" else FileForm()
        if not form.is_valid():
            return self._page(request, form)
        # SECURITY: never more in memory than a file may have; the rest tells the check that it is too large.
        data = form.cleaned_data["file"].read(people_file.MOST_BYTES + 1)
        checked = importing.check(data, self.kind)
        if checked.faults:
            return self._page(request, FileForm(), checked.faults)
        ready = {
            "people": [form.cleaned_data for form in checked.forms],
            "sealed": importing.seal(data, self.kind, request.user),  # type: ignore[arg-type]
            "digest": importing.digest(data),
        }
        return self._page(request, FileForm(), **ready)

    def _import(self, request: HttpRequest) -> HttpResponse:
        try:
            data = importing.opened(request.POST["sealed"], self.kind, request.user)  # type: ignore[arg-type]
            made = importing.import_people(data, self.kind, actor=actor_of(request), now=timezone.now())
        except NotTheCheckedFile:
            messages.error(request, _("This is not the file that was checked, or too long ago. Choose it again."))
            return redirect(request.path)
        except FileRefused as refused:
            return self._page(request, FileForm(), refused.faults)
        self.invited(request, [one.user for one in made if one.user])
        return redirect(reverse(f"admin:{self.name_of('changelist')}"))

    def _page(self, request: HttpRequest, form: FileForm, faults: Any = (), **ready: Any) -> HttpResponse:
        facts = {
            "form": form,
            "faults": faults[:MOST_FAULTS],
            "fault_count": len(faults),
            "kind": self.kind,
            "template_url": reverse(f"admin:{self.name_of('import_template')}"),
            "most": people_file.MOST_PEOPLE,
        }
        title = _("Import patients") if self.kind is people_file.PATIENTS else _("Import clinicians")
        return self.page(request, "import", title, **facts, **ready)
