"""What a person is told by e-mail, once each, and what they choose about it. Holds ids, no words of anybody."""

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Kind(models.TextChoices):
    BOOKED = "booked", _("consultation booked")
    MOVED = "moved", _("consultation moved")
    CANCELLED = "cancelled", _("consultation cancelled")
    TAKEN = "taken", _("time taken by a patient")
    OFFERED = "offered", _("time offered from the waiting list")
    DAY_BEFORE = "day_before", _("reminder the day before")
    HOUR_BEFORE = "hour_before", _("reminder an hour before")
    WAITING = "waiting", _("clinician is waiting")
    REPLAY_READY = "replay_ready", _("replay ready")
    NEW_VIEWER = "new_viewer", _("somebody new opened a replay")
    SHARED = "shared", _("recording shared with them")
    PROPOSED = "proposed", _("share proposed to them")
    NOTE_SHARED = "note_shared", _("note shared with them")
    INVITED = "invited", _("invited to the portal")
    TOLD = "told", _("message from the clinic")
    MISSED = "missed", _("consultation missed")
    EXPECTED = "expected", _("expected after all")
    DELETE_ASKED = "delete_asked", _("asked to delete a recording")
    DELETE_ANSWERED = "delete_answered", _("request to delete answered")
    KEPT_SHORTER = "kept_shorter", _("recordings kept for less time")
    REPORT_ANSWERED = "report_answered", _("report of an access answered")


# What somebody may do without. Not what changes an appointment, asks them something or lets them in.
OPTIONAL = (
    Kind.TAKEN, Kind.DAY_BEFORE, Kind.HOUR_BEFORE, Kind.WAITING, Kind.REPLAY_READY, Kind.NEW_VIEWER, Kind.NOTE_SHARED,
)  # fmt: skip


class NoticeQuerySet(models.QuerySet["Notice"]):
    def pending(self) -> "NoticeQuerySet":
        return self.filter(sent_at=None, dropped_at=None, failed_at=None)

    def due(self, now: datetime) -> "NoticeQuerySet":
        """Return what nobody works on and whose time has come."""
        free = Q(claimed_until=None) | Q(claimed_until__lte=now)
        return self.pending().filter(free, due_at__lte=now)


class Notice(models.Model):
    """One e-mail that is owed to one person: written down with what it tells of, sent later, never twice.

    What it says is read from the rows when it is sent; `object_type` and `object_id` say which.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="notices", verbose_name=_("to")
    )
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    object_type = models.CharField(max_length=32)
    object_id = models.UUIDField()
    # Tells two notices of one kind about one object apart: which change, which start, which viewer.
    occasion = models.CharField(max_length=64, blank=True)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    fault = models.CharField(_("fault"), max_length=64, blank=True, help_text=_("in a word: why it was not sent"))
    posted_at = models.DateTimeField(_("posted"))
    due_at = models.DateTimeField(_("due"))
    claimed_until = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    dropped_at = models.DateTimeField(
        _("dropped"), null=True, blank=True, help_text=_("when it had nothing to say any more")
    )
    failed_at = models.DateTimeField(_("failed"), null=True, blank=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("notice"), _("notices")
        default_permissions = ("view",)
        permissions = [("resend_notice", "Can have notices sent again that failed")]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "kind", "object_type", "object_id", "occasion"], name="one_notice_per_occasion"
            ),
            models.CheckConstraint(condition=Q(kind__in=Kind.values), name="notice_kind_is_known"),
            models.CheckConstraint(
                condition=Q(sent_at=None, dropped_at=None)
                | Q(sent_at=None, failed_at=None)
                | Q(dropped_at=None, failed_at=None),
                name="notice_ends_in_one_way",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=Q(sent_at=None, dropped_at=None, failed_at=None),
                name="notice_to_be_sent",
            ),
            models.Index(fields=["-posted_at"], name="notice_newest_first"),
            models.Index(fields=["object_id", "kind"], name="notice_about"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"


class Preferences(models.Model):
    """When somebody wants no e-mail, in wall time of their own zone. Who has no row has the default."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, primary_key=True, related_name="+")
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=Q(quiet_from=None, quiet_until=None)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False) & ~Q(quiet_from=models.F("quiet_until")),
                name="quiet_hours_have_two_ends",
            )
        ]

    def __str__(self) -> str:
        return f"preferences of {self.user_id}"


class Mute(models.Model):
    """Somebody does without one kind of notice. The database takes only kinds that one can do without."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=16, choices=[(kind.value, kind.label) for kind in OPTIONAL])

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["user", "kind"], name="one_mute_per_user_and_kind"),
            models.CheckConstraint(condition=Q(kind__in=[kind.value for kind in OPTIONAL]), name="mute_kind_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} muted by {self.user_id}"
