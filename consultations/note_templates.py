"""What a note can begin with: a few given templates, and a clinician's own."""

from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from consultations.models import NoteTemplate
from patients.models import Clinician


@dataclass(frozen=True)
class Given:
    key: str
    name: Promise | str
    headings: tuple[Promise | str, ...]

    @property
    def text(self) -> str:
        return "\n\n".join(f"{heading}:\n" for heading in self.headings)


GIVEN = (
    Given("assessment-plan", _("Assessment and plan"), (_("Assessment"), _("Plan"))),
    Given(
        "soap",
        _("History, findings, assessment, plan"),
        (_("What the patient says"), _("What I found"), _("Assessment"), _("Plan")),
    ),
    Given(
        "follow-up",
        _("Follow-up"),
        (_("Since the last consultation"), _("Medicines"), _("Plan"), _("When to get help sooner")),
    ),
)


def choices(clinician: Clinician) -> list[dict[str, Any]]:
    """Return what this clinician may choose, their own first. Shape: key, name, text."""
    own = NoteTemplate.objects.filter(clinician=clinician)
    return [
        *({"key": str(template.pk), "name": template.name, "text": template.text} for template in own),
        *({"key": given.key, "name": given.name, "text": given.text} for given in GIVEN),
    ]


def text_of(clinician: Clinician, key: str) -> str | None:
    """Return a template's text, None where this clinician has no such one."""
    return next((str(choice["text"]) for choice in choices(clinician) if choice["key"] == key), None)
