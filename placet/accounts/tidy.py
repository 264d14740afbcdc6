"""Once a day: what is only in the way is cleared. Sessions that ended stay in the database until somebody does."""

from datetime import timedelta
from importlib import import_module

import structlog
from django.conf import settings
from django.db.models import Q, QuerySet

from placet.accounts.models import Installation
from placet.lib import clock

log = structlog.get_logger(__name__)

PAUSE = timedelta(days=1)


def due(limit: int) -> list[int]:
    """The installation, if it was not tidied for a day."""
    return list(_waiting().values_list("id", flat=True)[:limit])


def work(installation_id: int) -> bool:
    """Clear sessions that ended. False if another worker just does."""
    if not _waiting().filter(pk=installation_id).update(tidied_at=clock.now()):
        return False
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    log.info("tidied")
    return True


def _waiting() -> QuerySet[Installation]:
    return Installation.objects.filter(Q(tidied_at=None) | Q(tidied_at__lte=clock.now() - PAUSE))
