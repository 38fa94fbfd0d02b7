"""What upper apps may listen to."""

from django.dispatch import Signal

# Sent with `call` and `now`, inside the transaction of a state event that can change what may be captured:
# somebody joined, left, was admitted, answered about recording; the mode changed; the call ended.
call_changed = Signal()

# Sent with `consultation` and `now` after the transaction that booked, moved or cancelled it; who listens is not waited
# for by the database, and what they fail at undoes nothing.
booked = Signal()
moved = Signal()
cancelled = Signal()

# Sent with `offer` and `now` after the transaction that keeps a time for somebody on the waiting list.
offered = Signal()

# Sent with `consultation` and `now` after the transaction that marked it as missed by its patient, or took that back.
missed = Signal()
expected = Signal()

# Sent with `message` (a `ClinicMessage`) and `now` after the transaction that wrote it.
told = Signal()
