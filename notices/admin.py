"""Staff see what was to be sent to whom, as facts without content; administrators have what failed sent again."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.noted import NotedPages
from notices import outbox
from notices.models import Notice

# In this order a notice's state is what comes first.
ENDS = {"sent_at": _("sent"), "dropped_at": _("dropped"), "failed_at": _("failed")}


class StateFilter(SimpleListFilter):
    """Without a choice the queue: what waits and what failed."""

    title, parameter_name = _("state"), "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("failed", _("failed")), ("sent", _("sent")), ("dropped", _("dropped")), ("all", _("all"))]

    def choices(self, changelist: Any) -> Any:
        queue, *others = super().choices(changelist)
        return [{**queue, "display": _("waiting or failed")}, *others]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Notice]) -> QuerySet[Notice]:
        if self.value() == "all":
            return queryset
        if self.value() in {"failed", "sent", "dropped"}:
            return queryset.filter(**{f"{self.value()}_at__isnull": False})
        return queryset.filter(sent_at=None, dropped_at=None)


@admin.register(Notice)
class NoticeAdmin(NotedPages):
    """SECURITY: what a notice is about is an id that these pages leave out; what it says is written nowhere."""

    list_display = ("due_at", "state", "kind", "user", "tries", "fault")
    list_filter = (StateFilter, "kind")
    list_select_related = ("user",)
    ordering = ("-posted_at",)
    fields = readonly_fields = (
        "user", "kind", "state", "posted_at", "due_at", "tries", "fault", "sent_at", "dropped_at", "failed_at",
    )  # fmt: skip
    actions = ("send_again",)

    @admin.display(description=_("state"))
    def state(self, notice: Notice) -> str:
        return next((str(word) for field, word in ENDS.items() if getattr(notice, field)), str(_("waiting")))

    @admin.action(description=_("Send again what failed"), permissions=["resend"])
    def send_again(self, request: HttpRequest, chosen: QuerySet[Notice]) -> None:
        again = outbox.send_again(chosen.values_list("pk", flat=True), now=timezone.now())
        text = ngettext("%(n)d notice is on its way again.", "%(n)d notices are on their way again.", again)
        messages.success(request, text % {"n": again})

    def has_resend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notices.resend_notice")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
