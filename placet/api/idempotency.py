"""A call that says by its Idempotency-Key which one it is takes effect once: whoever sends it again gets the answer
that was given, however many processes it reaches (draft-ietf-httpapi-idempotency-key-header-07).

The row is written in the transaction of the effect: there is never one without the other. A call that is refused leaves
no row, and may be mended and sent again with the same key.
"""

import re
from collections.abc import Callable
from datetime import timedelta

from django.db import OperationalError, connection, transaction
from django.http import HttpResponse

from placet.api import bodies
from placet.api.calls import Call
from placet.api.models import IdempotentCall
from placet.api.problems import Problem
from placet.lib import clock, rows

HEADER = "Idempotency-Key"
KEPT = timedelta(hours=48)
PATIENCE = 10  # seconds that one waits for the same call in another process
_FORM = re.compile(r"[\x21-\x7e]{1,255}")
_KEPT_HEADERS = ("ETag", "Location")


def key_of(call: Call, *, required: bool) -> str:
    """What the caller calls this call; "" where it does not have to say. Problem."""
    given = call.http.headers.get(HEADER)
    if given is None:
        if required:
            raise Problem("idempotency-key-missing")
        return ""
    if not _FORM.fullmatch(given):
        raise Problem.invalid(f"header/{HEADER}", "This has to be 1 to 255 visible ASCII characters.")
    return given


def once(call: Call, idempotency_key: str, work: Callable[[], HttpResponse]) -> HttpResponse:
    """The answer of `work`, which is done now, or was done when this call came first. `work` raises Problem if it is
    refused; whatever it wrote is taken back then."""
    row = IdempotentCall(
        key=call.key, idempotency_key=idempotency_key, body_digest=bodies.digest_of(call.http)
    )
    with transaction.atomic():
        if not _begun(row):
            return _answered_before(row)
        answer = work()
        row.status, row.answer = answer.status_code, answer.content.decode()
        row.headers = {name: value for name in _KEPT_HEADERS if (value := call.headers.get(name))}
        row.save(update_fields=["status", "answer", "headers"])
        _forget_old()
    return answer


def _begun(row: IdempotentCall) -> bool:
    """Whether nobody has this call. Waits while another process works on it."""
    on_postgresql = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        if on_postgresql:
            cursor.execute(f"SET LOCAL lock_timeout = '{PATIENCE}s'")
        try:
            begun = rows.insert_new(row)
        except OperationalError as error:
            raise Problem("in-progress", headers={"Retry-After": "1"}) from error
        if on_postgresql:
            cursor.execute("SET LOCAL lock_timeout = 0")
    return begun


def _answered_before(row: IdempotentCall) -> HttpResponse:
    kept = IdempotentCall.objects.get(key=row.key_id, idempotency_key=row.idempotency_key)
    if kept.body_digest != row.body_digest:
        raise Problem("idempotency-key-reused")
    headers = {**kept.headers, "Idempotency-Replayed": "true"}
    return HttpResponse(kept.answer, content_type="application/json", status=kept.status, headers=headers)


def _forget_old() -> None:
    """Whoever calls tidies up behind all."""
    IdempotentCall.objects.filter(created_at__lt=clock.now() - KEPT).delete()
