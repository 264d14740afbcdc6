"""What others see of a worker that was killed."""

from placet import work
from placet.workers import leases


def the_worker_dies() -> None:
    """Whatever this process had in hand is free, as when others found that it no longer lives."""
    worker = leases.worker_id()
    leases.renew_id()
    for rows in work.LEASED:
        rows.free(worker)
