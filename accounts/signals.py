"""What upper apps may listen to."""

from django.dispatch import Signal

# Sent with `user` and `now`, inside the transaction that invites somebody: they are owed a letter with the way in.
invited = Signal()
