"""What upper apps may listen to."""

from django.dispatch import Signal

# Sent with `call` and `now`, inside the transaction of a state event that can change what may be captured:
# somebody joined, left, was admitted, answered about recording; the mode changed; the call ended.
call_changed = Signal()
