"""The tables of the texts that people consent to; models of this app like those in `models`."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class ConsentWording(models.Model):
    """What people are asked with: one version in one language. Append-only; written by `publishing` alone.

    The first one comes with the portal, so nobody has proposed or published it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.CharField(_("version"), max_length=16)
    language = models.CharField(_("language"), max_length=16)
    text = models.TextField(_("text"))
    sha256 = models.CharField(_("fingerprint"), max_length=64)
    since = models.DateTimeField(_("since"))
    reason = models.TextField(_("why"), blank=True)
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    published_at = models.DateTimeField(_("published"))

    class Meta:
        verbose_name, verbose_name_plural = _("wording of the consent"), _("wordings of the consent")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["version", "language"], name="one_wording_per_version_and_language"),
            models.UniqueConstraint(fields=["since", "language"], name="one_wording_at_a_time"),
            models.CheckConstraint(condition=~Q(text=""), name="wording_says_something"),
            models.CheckConstraint(
                condition=Q(published_by=None, proposed_by=None)
                | Q(published_by__isnull=False, proposed_by__isnull=False) & ~Q(published_by=F("proposed_by")),
                name="wording_takes_two_people",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} {self.language}"


class WordingProposal(models.Model):
    """A new version of the consent: proposed by one person, published by another. Written by `publishing` alone."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    texts = models.JSONField(help_text="language code: text")
    since = models.DateTimeField(_("in use from"))
    why = models.TextField(_("why"))
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("proposed by")
    )
    proposed_at = models.DateTimeField(_("proposed"))
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("confirmed by")
    )
    confirmed_at = models.DateTimeField(_("confirmed"), null=True)
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("proposed wording"), _("proposed wordings")
        default_permissions = ()
        permissions = [("publish_wording", "Can propose and publish what people consent to")]
        constraints = [
            models.CheckConstraint(condition=~Q(why=""), name="proposed_wording_has_a_reason"),
            models.CheckConstraint(
                condition=Q(confirmed_by=None) | ~Q(confirmed_by=F("proposed_by")),
                name="proposed_wording_takes_two_people",
            ),
            models.CheckConstraint(
                condition=Q(confirmed_at=None, confirmed_by=None)
                | Q(confirmed_at__isnull=False, confirmed_by__isnull=False, withdrawn_at=None),
                name="proposed_wording_is_confirmed_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"
