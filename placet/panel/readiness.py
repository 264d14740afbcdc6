"""`/readyz`: whether this process can do its work now. What `/healthz` says of mailboxes is no part of it: a supervisor
that took Placet out of service because Exchange is away would take the pages away, too."""

from collections.abc import Iterator

from django.conf import settings
from django.db import Error as DatabaseTrouble
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from placet.lib import keys, migration_names
from placet.lib.proxies import from_this_machine


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """For supervisors and load balancers: public. What is missing is told on this machine only, by a word."""
    missing = list(_missing())
    lines = ["not ready", *missing] if missing else ["ready"]
    told = lines if from_this_machine(request.META) else lines[:1]
    return HttpResponse(
        "".join(f"{line}\n" for line in told), "text/plain; charset=utf-8", 503 if missing else 200
    )


def _missing() -> Iterator[str]:
    try:
        keys.check_files(settings.PLACET.data_dir / "keys")
    except keys.KeyTrouble:
        yield "keys"
    try:
        if migration_names.missing(connection):
            yield "migrations"
    except DatabaseTrouble:
        yield "database"
