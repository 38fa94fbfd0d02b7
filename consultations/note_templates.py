"""What a note can begin with: a few given templates, and a clinician's own, whose table is here."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from patients.models import Clinician


class NoteTemplate(models.Model):
    """A beginning that a clinician has written for their own notes. Holds nothing of any patient."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    clinician = models.ForeignKey(Clinician, on_delete=models.PROTECT, related_name="note_templates", editable=False)
    name = models.CharField(_("name"), max_length=80)
    text = models.TextField(
        _("text"), max_length=4000, help_text=_("A line that ends with a colon becomes a heading, like “Plan:”.")
    )

    class Meta:
        verbose_name, verbose_name_plural = _("note template"), _("note templates")
        default_permissions = ()
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


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
