"""What upper apps may listen to."""

from django.dispatch import Signal

# Sent with `request` (a `DeletionRequest`) and `now` after the transaction in which a patient asked for a recording to
# be deleted, and after the one in which that was refused or done.
deletion_asked = Signal()
deletion_answered = Signal()
