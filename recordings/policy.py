"""Who may play a recording: two keys that know nothing of each other, plus state, consent and what was taken away.

`granted_to` reads guardian's grants, `basis_for` the relationships and shares. Lists intersect them; `decide` asks both
for one recording and compares, because a disagreement that nothing explains means that one of them is wrong. The only
place of this app that touches guardian.
"""

from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.models import Permission
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from guardian.shortcuts import assign_perm, remove_perm

from accounts.models import User, Viewer
from consultations.models import Participant
from consultations.policy import OWN_PLACE
from patients.models import Clinician, Patient
from recordings import suspensions
from recordings.models import PlaybackRevocation, Recording, RecordingUserObjectPermission, Share

PLAY = "play_recording"


def granted_to(user: Viewer) -> QuerySet[Recording]:
    """The first key: an explicit grant on this very recording."""
    return Recording.objects.filter(_grant(user))


def _grant(user: Viewer) -> Exists:
    # One id, found by itself: so the database knows how many grants there are and takes a page's rows by their order.
    play = Permission.objects.filter(codename=PLAY).order_by()
    grants = RecordingUserObjectPermission.objects.filter(content_object=OuterRef("pk"), user=user.pk)
    return Exists(grants.filter(permission=Subquery(play.values("pk"))))


def basis_for(user: Viewer) -> QuerySet[Recording]:
    """The second key: its patient, the clinician who held that consultation and still works here, a live share."""
    if not user.is_authenticated:
        return Recording.objects.none()
    # The account is read afresh: a held user object may be older than a deactivation.
    account = User.objects.filter(pk=user.pk, is_active=True)
    shared = Share.objects.live().filter(grantee=user.pk)
    return Recording.objects.filter(_own(user) | Q(pk__in=shared.values("recording")), Exists(account))


def _own(user: Viewer) -> Q:
    # Each profile is one row and found once; joined, it would be compared in every recording there is.
    patient = Patient.objects.filter(user=user.pk)
    clinician = Clinician.objects.filter(user=user.pk, is_active=True)
    return Q(patient=Subquery(patient.values("pk"))) | Q(clinician=Subquery(clinician.values("pk")))


def held_by(user: Viewer) -> QuerySet[Recording]:
    """The rule for what goes with a recording – who else may watch, who has: its two people, whatever its state.

    Nobody it is shared with. Both keys, and no revocation; what is paused says `is_paused`.
    """
    taken = PlaybackRevocation.objects.filter(recording=OuterRef("pk"), user=user.pk, ended_at=None)
    both = granted_to(user) & basis_for(user)
    return suspensions.marked(both.filter(_own(user), ~Exists(taken)))


def in_playable_state(recordings: QuerySet[Recording]) -> QuerySet[Recording]:
    return recordings.filter(status__in=Recording.PLAYABLE)


def playable_by(user: Viewer) -> QuerySet[Recording]:
    """The rule for lists: both keys, a playable state and no revocation, in one query.

    What is paused stays, and says `is_paused`.
    """
    if not user.is_authenticated:
        return Recording.objects.none()
    taken = PlaybackRevocation.objects.filter(recording=OuterRef("pk"), user=user.pk, ended_at=None)
    return suspensions.marked(in_playable_state(basis_for(user))).filter(_grant(user), ~Exists(taken))


@dataclass(frozen=True)
class Decision:
    """`recording` is set only when it may be played. `reason` is for the ledger, never for the person."""

    recording: Recording | None
    reason: str
    patient: UUID | None = None

    @property
    def is_paused(self) -> bool:
        """It would be theirs to play, were it not for a suspension."""
        return self.reason == "suspended"

    @property
    def is_suspicious(self) -> bool:
        """Keys that disagree about a playable recording without a reason that is written down: nobody's normal day."""
        return self.reason in {"grant_without_basis", "basis_without_grant", "grant_despite_revocation"}


def decide(user: Viewer, recording_id: UUID) -> Decision:
    """Decide about one recording with each key asked separately. Queries: four; where the keys differ up to eight."""
    related = Recording.objects.select_related("patient", "consultation", "clinician__user")
    recording = suspensions.marked(related).filter(pk=recording_id).first()
    # SECURITY: asked also about what does not exist: two queries fewer would tell it from what is somebody else's.
    granted, based = _keys(user, recording_id)
    if granted != based:
        # RACE: a share that began or ended between the two questions is no disagreement.
        granted, based = _keys(user, recording_id)
    if recording is None:
        return Decision(None, "unknown")
    playable = recording.status in Recording.PLAYABLE
    if not granted and not based:
        return Decision(None, "stranger", recording.patient_id)
    if not playable:
        return Decision(None, f"state_{recording.status}", recording.patient_id)
    if refusal := _revoked(user, recording, granted) or _difference(user, recording, granted, based):
        return Decision(None, refusal, recording.patient_id)
    if recording.is_paused:
        return Decision(None, "suspended", recording.patient_id)
    return Decision(recording, "both_keys", recording.patient_id)


def _keys(user: Viewer, recording_id: UUID) -> tuple[bool, bool]:
    """Return what each key says, asked one after the other."""
    granted = granted_to(user).filter(pk=recording_id).exists()
    return granted, basis_for(user).filter(pk=recording_id).exists()


def _revoked(user: Viewer, recording: Recording, granted: bool) -> str:
    """What was taken on purpose stays taken, also from a grant that came back by some other way."""
    if not PlaybackRevocation.objects.filter(recording=recording.pk, user=user.pk, ended_at=None).exists():
        return ""
    return "grant_despite_revocation" if granted else "revoked"


def _difference(user: Viewer, recording: Recording, granted: bool, based: bool) -> str:
    if granted == based:
        return ""
    if based:
        return "basis_without_grant"
    # It is theirs, but their account is closed or they no longer work here; the grant opens nothing meanwhile.
    is_theirs = Recording.objects.filter(Q(patient__user=user.pk) | Q(clinician__user=user.pk), pk=recording.pk)
    shares = Share.objects.filter(recording=recording.pk, grantee=user.pk)
    if is_theirs.exists() or shares.live().exists():
        return "basis_lapsed"
    return "share_ran_out" if shares.ran_out().exists() else "grant_without_basis"


def grant_playback(recording: Recording, *, only: User | None = None) -> list[User]:
    """Grant everybody who is entitled to it, or `only` one of them, and return who was granted it.

    Called in the transaction that makes the recording ready, that makes a share live, or that ends a revocation.
    """
    people = [user for user in _entitled(recording) if only in (None, user)]
    for user in people:
        assign_perm(f"recordings.{PLAY}", user, recording)
    return people


def _entitled(recording: Recording) -> list[User]:
    """Return the two people of the consultation and those it is shared with now, but nobody it was revoked from.

    SECURITY: those who hold their own places in it, as the database says, whatever the row at hand says. A profile
    linked to another account since then gives that account nothing, and what was revoked stays revoked.
    """
    places = Participant.objects.filter(OWN_PLACE, consultation__recordings=recording.pk)
    shares = Share.objects.live().filter(recording=recording.pk)
    revoked = PlaybackRevocation.objects.filter(recording=recording.pk, ended_at=None)
    people = User.objects.filter(Q(pk__in=places.values("user")) | Q(pk__in=shares.values("grantee")))
    return list(people.exclude(pk__in=revoked.values("user")))


def withdraw_shared(recording: Recording, user: User) -> None:
    """Take the grant of somebody whose share has ended, unless it is theirs by something else."""
    if user not in _entitled(recording):
        remove_perm(f"recordings.{PLAY}", user, recording)


def withdraw_playback(recording: Recording, user: Viewer) -> None:
    """Take the bare grant. Whoever means it calls `revocations.revoke_playback`, which says why and keeps it taken."""
    remove_perm(f"recordings.{PLAY}", user, recording)
