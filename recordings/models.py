"""Recordings: what was captured, in which pieces, and what was made of them.

Every row repeats `patient`; the database refuses one whose patient differs from its parent's
(docs/access.md, "Passport").
"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from consultations.models import Call, Consultation, Mode, Participant
from consultations.states import closed_vocabulary
from patients.models import Clinician, Patient
from recordings.decisions import QuarantineDecision as QuarantineDecision
from recordings.deletion_requests import DeletionRequest as DeletionRequest
from recordings.keeping import Expiry as Expiry
from recordings.keeping import LegalHold as LegalHold
from recordings.keeping import RetentionPeriod as RetentionPeriod
from recordings.reports import AccessReport as AccessReport
from recordings.rights import PlaybackRevocation as PlaybackRevocation
from recordings.rights import PlaybackSuspension as PlaybackSuspension
from recordings.rights import Share as Share


@closed_vocabulary("status")
class Recording(models.Model):
    class Status(models.TextChoices):
        CAPTURING = "capturing", _("being recorded")
        SEALED = "sealed", _("complete, waiting")
        PROCESSING = "processing", _("being prepared")
        READY = "ready", _("ready")
        PARTIAL = "partial", _("ready, with gaps")
        QUARANTINED = "quarantined", _("held back for a check")
        FAILED = "failed", _("could not be prepared")
        WITHDRAWN = "withdrawn", _("withdrawn")
        ERASED = "erased", _("erased")

    PLAYABLE = (Status.READY, Status.PARTIAL)
    # No replay was ever published, so nobody can have been granted it.
    UNPUBLISHED = (Status.CAPTURING, Status.SEALED, Status.PROCESSING, Status.FAILED)
    # Late chunks of a lost segment are welcome as long as a new replay can still be made of them.
    TAKES_CHUNKS = (Status.CAPTURING, Status.SEALED, Status.PROCESSING, Status.READY, Status.PARTIAL, Status.FAILED)
    _OUT = frozenset({Status.WITHDRAWN, Status.ERASED})
    TRANSITIONS = {
        Status.CAPTURING: frozenset({Status.SEALED, Status.WITHDRAWN}),
        Status.SEALED: frozenset({Status.PROCESSING}) | _OUT,
        Status.PROCESSING: frozenset(
            {Status.READY, Status.PARTIAL, Status.QUARANTINED, Status.FAILED, Status.WITHDRAWN}
        ),
        # A playable recording stays so while a new version is made of late chunks.
        Status.READY: frozenset({Status.READY, Status.PARTIAL, Status.QUARANTINED}) | _OUT,
        Status.PARTIAL: frozenset({Status.READY, Status.PARTIAL, Status.QUARANTINED}) | _OUT,
        Status.FAILED: frozenset({Status.PROCESSING}) | _OUT,
        # Released by two people; the run that does so may find something else.
        Status.QUARANTINED: frozenset({Status.READY, Status.PARTIAL, Status.QUARANTINED}) | _OUT,
        Status.WITHDRAWN: frozenset({Status.ERASED}),
    }

    id = models.UUIDField(_("ID"), primary_key=True, default=uuid.uuid4, editable=False)
    call = models.OneToOneField(Call, on_delete=models.PROTECT, related_name="recording")
    consultation = models.ForeignKey(Consultation, on_delete=models.PROTECT, related_name="recordings")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="recordings")
    clinician = models.ForeignKey(Clinician, on_delete=models.PROTECT, related_name="recordings")
    status = models.CharField(_("state"), max_length=16, choices=Status, default=Status.CAPTURING)
    reason = models.CharField(_("reason"), max_length=64, blank=True)
    started_at = models.DateTimeField(_("started"))
    duration_ms = models.PositiveIntegerField(null=True)
    timeline = models.JSONField(default=list)
    retain_until = models.DateTimeField(_("kept until"), null=True)
    legal_hold = models.BooleanField(_("legal hold"), default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    is_paused: bool  # only where `suspensions.marked` says it

    class Meta:
        verbose_name, verbose_name_plural = _("recording"), _("recordings")
        default_permissions = ("view",)
        permissions = [("play_recording", "Can play this recording")]
        constraints = [
            models.UniqueConstraint(fields=["id", "patient"], name="recording_passport"),
            models.UniqueConstraint(fields=["id", "consultation", "patient"], name="recording_consultation_passport"),
            models.CheckConstraint(
                condition=~Q(status__in=["ready", "partial"]) | Q(duration_ms__isnull=False),
                name="ready_recording_has_duration",
            ),
        ]
        indexes = [
            models.Index(fields=["patient", "-created_at", "-id"], name="recording_of_patient"),
            models.Index(fields=["clinician", "-created_at", "-id"], name="recording_of_clinician"),
            models.Index(fields=["-started_at", "-id"], name="recording_by_start"),
            # Few of all; counted whenever the staff's start page asks again.
            models.Index(
                fields=["status"],
                condition=Q(status__in=["quarantined", "failed"]),
                name="recording_waits_for_staff",
            ),
            models.Index(
                fields=["retain_until"],
                condition=Q(status__in=["ready", "partial", "failed", "withdrawn"]),
                name="recording_by_its_last_day",
            ),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"


@closed_vocabulary("revoked_why")
class RecorderLease(models.Model):
    """Whose browser may record now. One live lease per recording."""

    class Why(models.TextChoices):
        CONSENT = "consent"
        REPLACED = "replaced"
        ENDED = "ended"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    recording = models.ForeignKey(Recording, on_delete=models.PROTECT, related_name="leases")
    consultation = models.ForeignKey(Consultation, on_delete=models.PROTECT, related_name="+")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="+")
    sid = models.CharField(max_length=32)
    granted_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    revoked_why = models.CharField(max_length=16, choices=Why, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("permission to record"), _("permissions to record")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["recording"], condition=Q(revoked_at__isnull=True), name="one_live_lease_per_recording"
            ),
            models.UniqueConstraint(fields=["id", "recording", "patient"], name="lease_passport"),
        ]

    def __str__(self) -> str:
        return f"lease {self.pk}"


@closed_vocabulary("status", "mode")
class Segment(models.Model):
    """One run of the recorder in one captured mode and epoch. Its id is made by the recorder's browser."""

    class Status(models.TextChoices):
        OPEN = "open"
        CLOSED = "closed"
        COMPLETE = "complete"
        VERIFIED = "verified"
        ABANDONED = "abandoned"
        REJECTED = "rejected"

    TRANSITIONS = {
        Status.OPEN: frozenset({Status.CLOSED, Status.COMPLETE, Status.ABANDONED, Status.REJECTED}),
        Status.CLOSED: frozenset({Status.COMPLETE, Status.ABANDONED, Status.REJECTED}),
        Status.COMPLETE: frozenset({Status.VERIFIED, Status.REJECTED}),
        Status.ABANDONED: frozenset({Status.COMPLETE, Status.REJECTED}),
        Status.VERIFIED: frozenset({Status.REJECTED}),
    }

    id = models.UUIDField(primary_key=True, editable=False)
    recording = models.ForeignKey(Recording, on_delete=models.PROTECT, related_name="segments")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    lease = models.ForeignKey(RecorderLease, on_delete=models.PROTECT, related_name="segments")
    number = models.PositiveIntegerField()
    mode = models.CharField(max_length=8, choices=Mode)
    epoch = models.PositiveIntegerField()
    mime = models.CharField(max_length=64)
    t0_ms = models.PositiveIntegerField(help_text="start, in ms from the recording's start")
    duration_ms = models.PositiveIntegerField(null=True)
    chunks_expected = models.PositiveIntegerField(null=True)
    root = models.CharField(max_length=64, blank=True)
    close_reason = models.CharField(max_length=16, blank=True)
    wrapped_spool_key = models.BinaryField()
    key_version = models.PositiveIntegerField()
    status = models.CharField(max_length=16, choices=Status, default=Status.OPEN)
    opened_at = models.DateTimeField()
    beat_at = models.DateTimeField()

    class Meta:
        verbose_name, verbose_name_plural = _("part of a recording"), _("parts of recordings")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["recording", "number"], name="one_segment_per_number"),
            models.UniqueConstraint(fields=["id", "patient"], name="segment_passport"),
            models.CheckConstraint(
                condition=~Q(status__in=["complete", "verified"]) | Q(chunks_expected__isnull=False),
                name="complete_segment_knows_its_chunks",
            ),
        ]

    def __str__(self) -> str:
        return f"segment {self.number} of {self.recording_id}"


class Chunk(models.Model):
    """One acknowledged piece of a segment, encrypted in the patient's vault under this row's id."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    segment = models.ForeignKey(Segment, on_delete=models.PROTECT, related_name="chunks")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveIntegerField()
    from_ms = models.PositiveIntegerField()
    to_ms = models.PositiveIntegerField()
    byte_length = models.PositiveIntegerField()
    sha256 = models.BinaryField(max_length=32)
    key_version = models.PositiveIntegerField()
    header = models.BinaryField(max_length=64)
    received_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["segment", "number"], name="one_chunk_per_number"),
            models.CheckConstraint(condition=Q(to_ms__gte=F("from_ms")), name="chunk_ends_after_it_begins"),
        ]

    def __str__(self) -> str:
        return f"chunk {self.number} of {self.segment_id}"


@closed_vocabulary("kind")
class Rendition(models.Model):
    """A file made from segments, encrypted in the patient's vault under this row's id."""

    class Kind(models.TextChoices):
        REPLAY = "replay"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    recording = models.ForeignKey(Recording, on_delete=models.PROTECT, related_name="renditions")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=16, choices=Kind)
    version = models.PositiveIntegerField()
    content_type = models.CharField(max_length=64)
    byte_length = models.PositiveBigIntegerField()
    sha256 = models.BinaryField(max_length=32)
    key_version = models.PositiveIntegerField()
    header = models.BinaryField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["recording", "kind", "version"], name="one_rendition_per_kind_and_version")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.version} of {self.recording_id}"


@closed_vocabulary("status", "stage")
class ProcessingJob(models.Model):
    """The queue: a row per piece of work. A lease says who works on it, the fence which try may still write."""

    class Status(models.TextChoices):
        QUEUED = "queued", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        GIVEN_UP = "given_up", _("given up")

    TRANSITIONS = {
        Status.QUEUED: frozenset({Status.RUNNING}),
        Status.RUNNING: frozenset({Status.QUEUED, Status.DONE, Status.GIVEN_UP}),
    }

    class Stage(models.TextChoices):
        WAITING = "waiting", _("Waiting for its turn")
        VERIFYING = "verifying", _("Checking that every piece arrived")
        PROBING = "probing", _("Looking at sound and pictures")
        JOINING = "joining", _("Joining the parts")
        CHECKING = "checking", _("Checking the result")
        PUBLISHING = "publishing", _("Locking it away for you")
        FINISHED = "finished", _("Done")

    id = models.UUIDField(_("ID"), primary_key=True, default=uuid.uuid4, editable=False)
    recording = models.ForeignKey(Recording, on_delete=models.PROTECT, related_name="jobs")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    status = models.CharField(_("state"), max_length=16, choices=Status, default=Status.QUEUED)
    stage = models.CharField(_("stage"), max_length=16, choices=Stage, default=Stage.WAITING)
    attempts = models.PositiveIntegerField(_("tries"), default=0)
    fence = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(_("being worked on until"), null=True)
    not_before = models.DateTimeField(_("not before"))
    fault = models.CharField(_("fault"), max_length=64, blank=True)
    created_at = models.DateTimeField(_("asked for"), default=timezone.now, editable=False)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("processing job"), _("processing jobs")
        default_permissions = ("view",)
        permissions = [("retry_processingjob", "Can give a recording another try")]
        constraints = [
            models.UniqueConstraint(
                fields=["recording"],
                condition=Q(status__in=["queued", "running"]),
                name="one_live_job_per_recording",
            )
        ]
        indexes = [
            models.Index(fields=["finished_at"], name="job_by_its_end"),
            # Few of all; counted whenever the staff's start page asks again.
            models.Index(fields=["recording"], condition=Q(status="given_up"), name="job_given_up"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"


class PlaybackSession(models.Model):
    """One viewing. Its counters move here; their totals go to the ledger."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    recording = models.ForeignKey(Recording, on_delete=models.PROTECT, related_name="viewings")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    session_hash = models.CharField(max_length=64)
    opened_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    ranges = models.PositiveIntegerField(default=0)
    bytes_served = models.PositiveBigIntegerField(default=0)
    bytes_told = models.PositiveBigIntegerField(default=0)  # by the viewing's newest line of the ledger
    seconds_watched = models.PositiveIntegerField(default=0)

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(fields=["recording", "user", "-seen_at"], name="viewing_by_recording"),
            models.Index(
                fields=["seen_at"], condition=Q(bytes_served__gt=models.F("bytes_told")), name="viewing_untold"
            ),
        ]

    def __str__(self) -> str:
        return f"viewing {self.pk}"


class RecordingUserObjectPermission(UserObjectPermissionBase):
    content_object = models.ForeignKey(Recording, on_delete=models.CASCADE)


class RecordingGroupObjectPermission(GroupObjectPermissionBase):
    content_object = models.ForeignKey(Recording, on_delete=models.CASCADE)
