"""What every staff page about recordings shares: facts alone, looked at and never changed."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.noted import NotedPages
from audit import ledger
from audit.ledger import Line
from audit.models import Action
from patients.admin import NeverDeleted
from recordings import guard
from recordings.models import Recording
from recordings.spoken import FACTS


def note_facts(request: HttpRequest, recording_id: UUID, patient_id: UUID, page: str) -> None:
    """Write down that somebody looks at what is known of a recording; its patient reads it. `page` is a model's name.

    Errors: LedgerUnavailable; nothing is shown then.
    """
    line = Line(Action.OPENED, "recording", recording_id, patient_id, reason=FACTS, detail={"page": page})
    ledger.append(ledger.actor_of(request), line)


class OfARecording(NotedPages, NeverDeleted):
    """Whatever the row says, it is noted as a look at the recording that it is about."""

    def patient_of(self, obj: Any) -> UUID:
        patient_id: UUID = obj.patient_id
        return patient_id

    def note(self, request: HttpRequest, action: Action, obj: Any, reason: str = "", **detail: Any) -> None:
        recording_id = obj.pk if isinstance(obj, Recording) else obj.recording_id
        note_facts(request, recording_id, obj.patient_id, self.opts.model_name or "")

    @admin.display(description=_("recording"))
    def recording_pk(self, row: Any) -> str:
        return str(row.recording_id)


class FactsOnly(OfARecording):
    """SECURITY: a column that is not a fact is refused when the page is built, whoever added it."""

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return guard.only_facts(super().get_list_display(request))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return guard.only_facts(super().get_fields(request, obj))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
