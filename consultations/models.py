"""Consultations, who takes part, the live call and its log.

Every row repeats `patient`; the database refuses one that is not its parent's (docs/access.md, "Passport").
"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from consultations import schedule  # noqa: F401  Django looks for models here
from consultations.consent_wordings import ConsentWording as ConsentWording
from consultations.consent_wordings import WordingProposal as WordingProposal
from consultations.happenings import ClinicMessage as ClinicMessage
from consultations.happenings import ConsultationChange as ConsultationChange
from consultations.happenings import FollowUp as FollowUp
from consultations.happenings import MessageReceipt as MessageReceipt
from consultations.note_templates import NoteTemplate as NoteTemplate
from consultations.states import closed_vocabulary
from patients.models import Clinician, Patient


class Mode(models.TextChoices):
    AUDIO = "audio", _("audio")
    VIDEO = "video", _("video")


class ConsultationQuerySet(models.QuerySet["Consultation"]):
    def with_people(self) -> "ConsultationQuerySet":
        return self.select_related("patient__user", "clinician__user")


@closed_vocabulary("status", "preferred_mode")
class Consultation(models.Model):
    class Status(models.TextChoices):
        REQUESTED = "requested", _("requested")
        PLANNED = "planned", _("planned")
        IN_PROGRESS = "in_progress", _("in progress")
        COMPLETED = "completed", _("completed")
        CANCELLED = "cancelled", _("cancelled")
        NO_SHOW = "no_show", _("did not take place")

    TRANSITIONS = {
        Status.REQUESTED: frozenset({Status.PLANNED, Status.CANCELLED}),
        Status.PLANNED: frozenset({Status.IN_PROGRESS, Status.CANCELLED, Status.NO_SHOW}),
        Status.IN_PROGRESS: frozenset({Status.COMPLETED}),
        Status.NO_SHOW: frozenset({Status.PLANNED}),
    }

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="consultations")
    clinician = models.ForeignKey(
        Clinician, on_delete=models.PROTECT, related_name="consultations", verbose_name=_("clinician")
    )
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"))
    reason = models.CharField(_("reason"), max_length=200)
    preferred_mode = models.CharField(_("prefers"), max_length=8, choices=Mode, default=Mode.AUDIO)
    adjustments = models.CharField(_("needs"), max_length=300, blank=True)
    status = models.CharField(_("state"), max_length=16, choices=Status, default=Status.PLANNED)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ConsultationQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("consultation"), _("consultations")
        default_permissions = ("add", "change", "view")
        # SECURITY: not the admin site's `view_consultation`, which staff hold for all of them.
        permissions = [
            ("see_consultation", "Can see this consultation"),
            ("join_consultation", "Can join the call of this consultation"),
            ("schedule_consultation", "Can move and cancel consultations"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["id", "patient", "clinician"], name="consultation_passport"),
            models.UniqueConstraint(fields=["id", "patient"], name="consultation_patient_passport"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="consultation_ends_after_it_starts"),
            models.CheckConstraint(
                condition=~Q(status="completed") | Q(ended_at__isnull=False), name="ended_consultation_has_ended_at"
            ),
        ]
        indexes = [
            models.Index(fields=["patient", "-starts_at"], name="consultation_of_patient"),
            models.Index(fields=["clinician", "-starts_at"], name="consultation_of_clinician"),
            models.Index(fields=["starts_at"], name="consultation_by_start"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"


@closed_vocabulary("status", "preferred_mode")
class WaitingListEntry(models.Model):
    """What a patient would like when nothing is free: with one clinician or whomever, until a day of theirs."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting")
        BOOKED = "booked", _("booked")
        LEFT = "left", _("left")
        LAPSED = "lapsed", _("nothing became free in time")

    TRANSITIONS = {Status.WAITING: frozenset({Status.BOOKED, Status.LEFT, Status.LAPSED})}

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="waiting_list_entries")
    clinician = models.ForeignKey(Clinician, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    until = models.DateField()
    reason = models.CharField(max_length=200)
    preferred_mode = models.CharField(max_length=8, choices=Mode, default=Mode.AUDIO)
    adjustments = models.CharField(max_length=300, blank=True)
    status = models.CharField(max_length=16, choices=Status, default=Status.WAITING)
    created_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["patient"], condition=Q(status="waiting"), name="one_place_in_the_waiting_list"
            ),
            models.UniqueConstraint(fields=["id", "patient"], name="waitinglistentry_passport"),
        ]
        indexes = [models.Index(fields=["status", "created_at"], name="waiting_list_in_order")]

    def __str__(self) -> str:
        return f"waiting list entry {self.pk}"


@closed_vocabulary("status")
class SlotOffer(models.Model):
    """A time that became free, kept for one patient for a while. Nobody is offered the same time twice."""

    class Status(models.TextChoices):
        OPEN = "open", _("open")
        ACCEPTED = "accepted", _("accepted")
        PASSED = "passed", _("passed on")
        LAPSED = "lapsed", _("lapsed")

    TRANSITIONS = {Status.OPEN: frozenset({Status.ACCEPTED, Status.PASSED, Status.LAPSED})}

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    entry = models.ForeignKey(WaitingListEntry, on_delete=models.PROTECT, related_name="offers")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    clinician = models.ForeignKey(Clinician, on_delete=models.PROTECT, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    status = models.CharField(max_length=16, choices=Status, default=Status.OPEN)
    offered_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["entry"], condition=Q(status="open"), name="one_open_offer_per_entry"),
            models.UniqueConstraint(
                fields=["clinician", "starts_at"], condition=Q(status="open"), name="one_open_offer_per_slot"
            ),
            models.UniqueConstraint(fields=["entry", "clinician", "starts_at"], name="one_offer_per_entry_and_slot"),
            models.CheckConstraint(condition=Q(expires_at__gt=F("offered_at")), name="offer_expires_after_it_was_made"),
        ]

    def __str__(self) -> str:
        return f"offer {self.pk}"


@closed_vocabulary("role", "recording")
class Participant(models.Model):
    """Somebody's place in a consultation, and what their one live tab last said."""

    class Role(models.TextChoices):
        PATIENT = "patient", _("patient")
        CLINICIAN = "clinician", _("clinician")
        GUEST = "guest", _("guest")

    class Recording(models.TextChoices):
        UNASKED = "unasked"
        ALLOWED = "allowed"
        ALLOWED_AUDIO = "allowed_audio"
        DECLINED = "declined"
        WITHDRAWN = "withdrawn"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    consultation = models.ForeignKey(Consultation, on_delete=models.PROTECT, related_name="participants")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=16, choices=Role)
    waiting_at = models.DateTimeField(null=True)
    admitted_at = models.DateTimeField(null=True)
    left_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True, help_text="when somebody else took it over, before it was held")
    recording = models.CharField(max_length=16, choices=Recording, default=Recording.UNASKED)
    audio = models.CharField(max_length=16, default="on")
    video = models.CharField(max_length=16, default="off")
    # The one live tab. `sid` survives a reconnect; `channel` is where that tab's socket hears.
    sid = models.CharField(max_length=32, blank=True)
    tab = models.CharField(max_length=64, blank=True)
    channel = models.CharField(max_length=200, blank=True)
    connected_at = models.DateTimeField(null=True)
    disconnected_at = models.DateTimeField(null=True)
    # What that tab's browser says it can record, as MIME types; null when it said nothing.
    formats = models.JSONField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["consultation", "user"], name="one_place_per_person_and_consultation"),
            models.UniqueConstraint(fields=["id", "patient"], name="participant_passport"),
            models.UniqueConstraint(fields=["id", "consultation", "patient"], name="participant_consultation_passport"),
        ]
        # For the figures of the last weeks, and for what lists leave out; few places were waited at, fewer withdrawn.
        indexes = [
            models.Index(fields=["admitted_at"], condition=Q(admitted_at__isnull=False), name="place_by_admission"),
            models.Index(
                fields=["user", "consultation"], condition=Q(withdrawn_at__isnull=False), name="withdrawn_place"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} of {self.consultation_id}"

    @property
    def is_present(self) -> bool:
        return bool(self.sid) and self.disconnected_at is None


@closed_vocabulary("status", "mode")
class Call(models.Model):
    """One live session of a consultation. Re-opening one makes a new call."""

    class Status(models.TextChoices):
        LIVE = "live"
        ENDED = "ended"

    TRANSITIONS = {Status.LIVE: frozenset({Status.ENDED})}

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    consultation = models.ForeignKey(Consultation, on_delete=models.PROTECT, related_name="calls")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    clinician = models.ForeignKey(Clinician, on_delete=models.PROTECT, related_name="+")
    mode = models.CharField(max_length=8, choices=Mode, default=Mode.AUDIO)
    mode_changed_at = models.DateTimeField(null=True)
    epoch = models.PositiveIntegerField(default=0)
    seq = models.PositiveIntegerField(default=0)
    gen = models.PositiveIntegerField(default=0)
    gen_changed_at = models.DateTimeField(null=True)
    question = models.JSONField(null=True)
    status = models.CharField(max_length=8, choices=Status, default=Status.LIVE)
    opened_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=16, blank=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["consultation"], condition=Q(status="live"), name="one_live_call_per_consultation"
            ),
            models.UniqueConstraint(fields=["id", "patient"], name="call_patient_passport"),
            models.UniqueConstraint(fields=["id", "consultation", "patient", "clinician"], name="call_passport"),
            models.CheckConstraint(
                condition=Q(status="live", ended_at__isnull=True) | Q(status="ended", ended_at__isnull=False),
                name="ended_call_has_ended_at",
            ),
        ]

    def __str__(self) -> str:
        return f"call {self.pk}"


class CallEvent(models.Model):
    """One line of a call's append-only log; also what a reconnecting tab is sent again."""

    call = models.ForeignKey(Call, on_delete=models.PROTECT, related_name="events")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    seq = models.PositiveIntegerField()
    epoch = models.PositiveIntegerField()
    kind = models.CharField(max_length=32)
    payload = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["call", "seq"], name="one_event_per_call_and_seq")]

    def __str__(self) -> str:
        return f"{self.kind} {self.seq} of {self.call_id}"


@closed_vocabulary("scope")
class RecordingConsent(models.Model):
    """Somebody's own yes to being recorded, with the wording they read."""

    class Scope(models.TextChoices):
        AUDIO = "audio", _("sound only")
        AUDIO_VIDEO = "audio_video", _("sound and pictures")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="consents")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    scope = models.CharField(max_length=16, choices=Scope)
    wording_version = models.CharField(max_length=16)
    wording_sha256 = models.CharField(max_length=64)
    given_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["participant"],
                condition=Q(withdrawn_at__isnull=True),
                name="one_consent_in_force_per_participant",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=True) | Q(withdrawn_at__gte=F("given_at")),
                name="withdrawn_follows_given",
            ),
        ]

    def __str__(self) -> str:
        return f"consent {self.pk}"


class Note(models.Model):
    """One version of the clinician's note of a consultation: the first is the note, each later one an addendum.

    A version is a draft until it is signed, and never changes afterwards.
    """

    # SECURITY: the staff site refuses to register what is content (accounts/sites.py).
    is_content = True

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    consultation = models.ForeignKey(Consultation, on_delete=models.PROTECT, related_name="notes")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    clinician = models.ForeignKey(Clinician, on_delete=models.PROTECT, related_name="+")
    version = models.PositiveIntegerField()
    text = models.TextField(_("note"), blank=True)
    # How often the draft was saved: a tab that knows an older number has not seen what it would replace.
    revision = models.PositiveIntegerField(default=1)
    saved_at = models.DateTimeField()
    signed_at = models.DateTimeField(null=True)
    shared_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("note"), _("notes")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["consultation", "version"], name="one_note_per_consultation_and_version"),
            models.UniqueConstraint(
                fields=["consultation"], condition=Q(signed_at__isnull=True), name="one_draft_per_consultation"
            ),
            models.CheckConstraint(condition=Q(signed_at__isnull=True) | ~Q(text=""), name="signed_note_has_text"),
            models.CheckConstraint(
                condition=Q(shared_at__isnull=True) | Q(signed_at__isnull=False, shared_at__gte=F("signed_at")),
                name="shared_note_is_signed",
            ),
        ]
        indexes = [models.Index(fields=["patient", "-shared_at"], name="note_shared_with_patient")]

    def __str__(self) -> str:
        return f"version {self.version} of the note of {self.consultation_id}"

    @property
    def is_addendum(self) -> bool:
        return self.version > 1


class ConsultationUserObjectPermission(UserObjectPermissionBase):
    content_object = models.ForeignKey(Consultation, on_delete=models.CASCADE)


class ConsultationGroupObjectPermission(GroupObjectPermissionBase):
    content_object = models.ForeignKey(Consultation, on_delete=models.CASCADE)
