"""Who reads a mailbox: one worker at a time, whatever it reads it for."""

from datetime import timedelta

from placet.mailboxes.models import Mailbox
from placet.workers.leases import Leased

LEASED = Leased(Mailbox, timedelta(minutes=5), due="next_poll")
