"""`Placet`: what another system asks of a Placet, one method for each operation of its API."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import requests

from placet_client import calls
from placet_client.addresses import segment
from placet_client.errors import AnswerInvalid
from placet_client.records import (
    Answer,
    Delivery,
    Entry,
    Group,
    Mail,
    Person,
    Process,
    Record,
    Reminded,
    Request,
    Tested,
    Waiting,
    Webhook,
    record,
)
from placet_client.uploads import UploadLike, uploads_as_json
from placet_client.waiting import LONGEST_WAIT, Look, Watch

R = TypeVar("R", bound=Record)


class Placet:
    """One Placet, and one key. Keep it for many calls; not for several threads at once.

    `url` is the address that people open; https, but for this machine. `timeout` (seconds) is for one try, `tries` how
    often a call is made that could not be answered: connections that fail, and the statuses 429, 502, 503 and 504. Each
    call that writes has an Idempotency-Key, the same at each try, so that it takes effect once; give your own
    (`idempotency_key`, such as the number of a document) where your program may be run again. `session` is for proxies,
    certificates and tests. Methods raise what `placet_client.errors` lists, and ValueError before anything is sent.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout: float = 30.0,
        tries: int = 5,
        session: requests.Session | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._calls = calls.Calls(url, key, timeout=timeout, tries=tries, session=session, sleep=sleep)
        self._sleep, self._clock = sleep, clock

    def __repr__(self) -> str:
        return f"Placet({self._calls.address!r})"

    def __enter__(self) -> Placet:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._calls.close()

    # --- processes -------------------------------------------------------------------------------------------

    def processes(self) -> tuple[Process, ...]:
        """What this key may start."""
        return tuple(self._pages(Process, "/processes", {}))

    def process(self, key: str) -> Process:
        return self._read(Process, f"/processes/{segment(key)}")

    # --- requests --------------------------------------------------------------------------------------------

    def start_request(
        self,
        process: str,
        data: Mapping[str, Any],
        *,
        requester: str | None = None,
        files: Mapping[str, Sequence[UploadLike]] | None = None,
        callback: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Request:
        """Starts a request. `data` and the fields of `files` are those of the process's form; `requester` is an address
        (scope requests:for-others); `callback` is {"url": …, "events": […]}."""
        body = _given(
            process=process,
            data=dict(data),
            requester=requester,
            files={name: uploads_as_json(values) for name, values in files.items()} if files else None,
            callback=dict(callback) if callback else None,
        )
        return self._write(Request, "/requests", body, idempotency_key=idempotency_key)

    def request_approval(
        self,
        title: str,
        facts: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        to: Sequence[str] | str = (),
        *,
        group: str | None = None,
        text: str | None = None,
        exactly: str | None = None,
        files: Sequence[UploadLike] = (),
        rule: str | int | None = None,
        outcomes: Sequence[Any] | None = None,
        due: datetime | date | str | None = None,
        proof: str | None = None,
        requester: str | None = None,
        callback: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Request:
        """Asks people for an approval that has no process: whoever is in `to` (addresses) or in `group`.

        rule      how many must agree: “any”, “all” or a number
        exactly   what will be done, sign by sign: a command, a diff
        outcomes  what they can answer
        due       a day, a moment with its offset, or an amount such as “2 working days”
        proof     how sure it must be who answers
        """
        if bool(to) == bool(group):
            raise ValueError("Say who is asked: either addresses or a group.")
        pairs = facts.items() if isinstance(facts, Mapping) else facts
        body = _given(
            title=title,
            facts=[{"label": label, "value": value} for label, value in pairs],
            to={"group": group} if group else [to] if isinstance(to, str) else list(to),
            text=text,
            exactly=exactly,
            files=uploads_as_json(files) or None,
            rule=rule,
            outcomes=list(outcomes) if outcomes else None,
            due=due.isoformat() if isinstance(due, date) else due,
            proof=proof,
            requester=requester,
            callback=dict(callback) if callback else None,
        )
        return self._write(Request, "/approvals", body, idempotency_key=idempotency_key)

    def get(self, request_id: str) -> Request:
        return self._read(Request, f"/requests/{segment(request_id)}")

    def list(
        self,
        *,
        state: str | None = None,
        process: str | None = None,
        requester: str | None = None,
        created_after: datetime | str | None = None,
        q: str | None = None,
    ) -> Iterator[Request]:
        """Newest first, page by page as they are taken."""
        after = created_after.isoformat() if isinstance(created_after, datetime) else created_after
        query = _given(state=state, process=process, requester=requester, created_after=after, q=q)
        return self._pages(Request, "/requests", query)

    def wait(
        self,
        request: Request | str,
        timeout: float | None = None,
        *,
        on_change: Callable[[Request], None] | None = None,
    ) -> Request:
        """The request, once it has ended or was withdrawn. `on_change` gets it each time that something happened.

        StillOpen once `timeout` seconds are over. Placet may be away meanwhile: only ten minutes without any answer are
        Unreachable or Unavailable.
        """
        state = request if isinstance(request, Request) else self.get(request)
        return Watch(self._look, self._sleep, self._clock).wait(state, timeout, on_change)

    def look(self, request: Request, seconds: int) -> Request:
        """The request as soon as something happened since this state of it, or as it is after so many seconds (1 to
        50)."""
        return self._look(request, max(1, min(LONGEST_WAIT, seconds))).newer or request

    def _look(self, state: Request, seconds: int) -> Look:
        answer = self._calls.call(
            "GET",
            f"/requests/{segment(state.id)}",
            query={"wait": seconds},
            headers={"If-None-Match": state.etag} if state.etag else None,
            longer=seconds,
            tries=1,
        )
        if answer.status == 304:
            return Look(None, answer.retry_after)
        newer = record(Request, answer.json())
        is_same = newer.etag == state.etag if newer.etag else newer.raw == state.raw
        return Look(None if is_same else newer, answer.retry_after)

    def withdraw(self, request: Request | str) -> Request:
        """Takes it back. Stale if something happened since this state of it; an id alone is read first."""
        state = self._state(request)
        return self._write(Request, f"/requests/{segment(state.id)}/withdraw", {}, state.etag)

    def change(
        self, request: Request | str, data: Mapping[str, Any], *, comment: str | None = None
    ) -> Request:
        """Changes what was sent back to its requester, and sends it on. Stale if something happened since this state of
        it."""
        state = self._state(request)
        body = {"data": dict(data), **_given(comment=comment)}
        return self._write(Request, f"/requests/{segment(state.id)}/change", body, state.etag)

    def remind(self, request: Request | str) -> Reminded:
        """Whoever has not answered gets another mail, once an hour at most."""
        return self._write(Reminded, f"/requests/{segment(_id(request))}/remind", {})

    def events(self, request: Request | str) -> Iterator[Entry]:
        """Its record, in order (scope audit:read)."""
        return self._pages(Entry, f"/requests/{segment(_id(request))}/events", {})

    def file(self, request: Request | str, file_id: str) -> bytes:
        path = f"/requests/{segment(_id(request))}/files/{segment(file_id)}"
        return self._calls.call("GET", path, headers={"Accept": "*/*"}).content

    # --- what waits for the key's person ----------------------------------------------------------------------

    def assignments(self) -> tuple[Waiting, ...]:
        return tuple(self._pages(Waiting, "/assignments", {}))

    def assignment(self, assignment_id: str) -> Waiting:
        return self._read(Waiting, f"/assignments/{segment(assignment_id)}")

    def decide(
        self,
        waiting: Waiting,
        outcome: str,
        *,
        comment: str | None = None,
        answers: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Answer:
        """Decides as the person of this key (scope decisions:write), about the facts as `waiting` has them: Stale if
        they changed."""
        body = _given(
            outcome=outcome,
            comment=comment,
            answers=dict(answers) if answers else None,
            data=dict(data) if data else None,
            seen=waiting.seen,
        )
        path = f"/assignments/{segment(waiting.id)}/decision"
        return self._write(Answer, path, body, idempotency_key=idempotency_key)

    # --- people, mails, webhooks ------------------------------------------------------------------------------

    def people(self, q: str | None = None, *, group: str | None = None) -> Iterator[Person]:
        """Whoever has `q` in their name or address."""
        return self._pages(Person, "/people", _given(q=q, group=group))

    def person(self, person_id: str) -> Person:
        return self._read(Person, f"/people/{segment(person_id)}")

    def groups(self) -> Iterator[Group]:
        return self._pages(Group, "/groups", {})

    def group(self, key: str) -> Group:
        return self._read(Group, f"/groups/{segment(key)}")

    def mails(
        self, *, direction: str | None = None, state: str | None = None, result: str | None = None
    ) -> Iterator[Mail]:
        """The mail log, newest first (an administrator's key). `direction`: “in” or “out”."""
        return self._pages(Mail, "/mail-log", _given(direction=direction, state=state, result=result))

    def mail(self, mail_id: str) -> Mail:
        return self._read(Mail, f"/mail-log/{segment(mail_id)}")

    def webhooks(self) -> tuple[Webhook, ...]:
        return tuple(self._pages(Webhook, "/webhooks", {}))

    def webhook(self, webhook_id: str) -> Webhook:
        return self._read(Webhook, f"/webhooks/{segment(webhook_id)}")

    def create_webhook(self, url: str, events: Sequence[str] = (), **more: Any) -> Webhook:
        """Events of these types go to `url`, of all without any. `secret` of the answer signs them; it is not shown
        again. `more`: description, processes, with_data. Tried once only: where there was no answer, look into
        `webhooks`."""
        return self._once(Webhook, "/webhooks", {"url": url, "events": [*events], **more})

    def change_webhook(self, webhook_id: str, **changes: Any) -> Webhook:
        """`changes`: url, description, events, processes, with_data, active."""
        answer = self._calls.call("PATCH", f"/webhooks/{segment(webhook_id)}", body=changes)
        return record(Webhook, answer.json())

    def rotate_webhook(self, webhook_id: str, both_valid_hours: int = 24) -> str:
        """Its new secret; for so long the former one signs, too. Tried once only."""
        body = {"both_valid_hours": both_valid_hours}
        return str(self._once(Record, f"/webhooks/{segment(webhook_id)}/rotate", body).raw.get("secret", ""))

    def delete_webhook(self, webhook_id: str) -> None:
        self._calls.call("DELETE", f"/webhooks/{segment(webhook_id)}")

    def test_webhook(self, webhook_id: str) -> Tested:
        """Delivers an event that says that it is a test, at once."""
        return self._once(Tested, f"/webhooks/{segment(webhook_id)}/test", {})

    def deliveries(self, webhook_id: str) -> Iterator[Delivery]:
        """Newest first."""
        return self._pages(Delivery, f"/webhooks/{segment(webhook_id)}/deliveries", {})

    def replay_delivery(self, webhook_id: str, delivery_id: str) -> int:
        """Sends one event once more, with the id that it had. How many: 1."""
        path = f"/webhooks/{segment(webhook_id)}/deliveries/{segment(delivery_id)}/replay"
        return int(self._once(Record, path, {}).raw.get("deliveries", 0))

    def replay_webhook(self, webhook_id: str, since: datetime, before: datetime) -> int:
        """Sends once more what happened in a span (of times with a zone). How many."""
        body = {"from": since.isoformat(), "to": before.isoformat()}
        return int(
            self._once(Record, f"/webhooks/{segment(webhook_id)}/replay", body).raw.get("deliveries", 0)
        )

    # --- what all of them do ----------------------------------------------------------------------------------

    def _state(self, request: Request | str) -> Request:
        return request if isinstance(request, Request) else self.get(request)

    def _read(self, kind: type[R], path: str) -> R:
        return record(kind, self._calls.call("GET", path).json())

    def _write(
        self,
        kind: type[R],
        path: str,
        body: Mapping[str, Any],
        etag: str | None = None,
        idempotency_key: str | None = None,
    ) -> R:
        answer = self._calls.call(
            "POST",
            path,
            body=body,
            headers={"If-Match": etag} if etag else None,
            idempotency_key=idempotency_key,
        )
        return record(kind, answer.json())

    def _once(self, kind: type[R], path: str, body: Mapping[str, Any]) -> R:
        """What Placet keeps no Idempotency-Key for: a second try might do it twice."""
        return record(kind, self._calls.call("POST", path, body=body, tries=1).json())

    def _pages(self, kind: type[R], path: str, query: Mapping[str, Any]) -> Iterator[R]:
        asked: dict[str, Any] = {**query, "limit": 100}
        cursors: set[str] = set()
        while True:
            items, cursor = _page(self._calls.call("GET", path, query=asked))
            yield from (record(kind, item) for item in items)
            if cursor is None:
                return
            if cursor in cursors:
                raise AnswerInvalid("Placet's list leads back to a page that was read.")
            cursors.add(cursor)
            asked["cursor"] = cursor


def _page(answer: calls.Answer) -> tuple[Sequence[Any], str | None]:
    """Its items, and the cursor of the next one. Only that is taken of its address: the key goes nowhere else."""
    value = answer.json()
    if not isinstance(value, dict) or not isinstance(value.get("items"), list):
        raise AnswerInvalid("Placet's answer has no list of items.")
    following = value.get("next")
    if not isinstance(following, str):
        return value["items"], None
    cursor = parse_qs(urlsplit(following).query).get("cursor")
    if not cursor:
        raise AnswerInvalid("Placet's list has a next page without a cursor.")
    return value["items"], cursor[0]


def _given(**values: Any) -> dict[str, Any]:
    """Those that are said: what is not, is left to Placet."""
    return {name: value for name, value in values.items() if value is not None}


def _id(request: Request | str) -> str:
    return request.id if isinstance(request, Request) else request
