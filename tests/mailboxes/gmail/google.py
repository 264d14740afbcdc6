"""A small Google in memory, over HTTP on loopback: its token endpoint, and the Gmail API as far as Placet uses it.

It was written from Google's documentation, by the same people as what it tests; no real Gmail was asked. What it checks
itself is what the documentation demands: RS256 over the assertion with its claims, the scope, base64url, label ids.
"""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from email.utils import parseaddr
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from placet.mailboxes.oauth import TokenCache
from tests.mailboxes.google_tokens import JSON, TokenEndpoint, answer, key_file
from tests.mailboxes.stub import Reply, Request, Stub, running_stub

if TYPE_CHECKING:
    from placet.mailboxes.gmail.connection import GmailConnection

SCOPE = "https://www.googleapis.com/auth/gmail.modify"
MOST_SENT = 3_500_000  # bytes; far less than the real one takes, so that a test of it is quick
PREFIX = "/gmail/v1/users/me"


def refusal(code: int, reason: str, message: str, domain: str = "global", **more: object) -> Reply:
    """An error as Google documents it."""
    error = {
        "code": code,
        "message": message,
        "errors": [{"message": message, "domain": domain, "reason": reason}],
        **more,
    }
    return Reply(code, json.dumps({"error": error}).encode(), JSON)


@dataclass
class Mail:
    id: str
    raw: bytes
    labels: set[str]
    at: float  # seconds

    @property
    def subject(self) -> str:
        return str(message_from_bytes(self.raw, policy=default)["Subject"])


@dataclass
class GmailBox:
    """One user's mails, labels and history."""

    google: "Google"
    address: str
    mails: dict[str, Mail] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)  # names by id
    history: list[dict[str, Any]] = field(default_factory=list)
    first: int = 1  # the oldest history id that is known

    @property
    def now(self) -> int:
        return self.google.counter

    def add(self, raw: bytes, *labels: str) -> Mail:
        with self.google.lock:
            mail = Mail(f"19ac{self.google.tick():012x}", raw, set(labels), time.time())
            self.mails[mail.id] = mail
            self._note("messagesAdded", mail)
            return mail

    def relabel(self, mail: Mail, add: set[str], remove: set[str]) -> None:
        added, gone = add - mail.labels, remove & mail.labels
        mail.labels = (mail.labels | add) - remove
        if added:
            self._note("labelsAdded", mail, labelIds=sorted(added))
        if gone:
            self._note("labelsRemoved", mail, labelIds=sorted(gone))

    def _note(self, what: str, mail: Mail, **more: object) -> None:
        message = {"id": mail.id, "threadId": mail.id, "labelIds": sorted(mail.labels)}
        self.history.append({"id": str(self.google.tick()), what: [{"message": message, **more}]})

    def label_id(self, name: str) -> str | None:
        return next((id_ for id_, known in self.labels.items() if known == name), None)


class Google:
    """Users by address; `faults` are replies for the next requests of the Gmail API, before it looks at them."""

    def __init__(self, stub: Stub) -> None:
        self.stub = stub
        self.lock = threading.RLock()  # of all that is changed and looked through
        self.counter = 1000
        self.users: dict[str, GmailBox] = {}
        self.tokens: dict[str, str] = {}
        self.faults: list[Reply] = []
        self.lose_answers = 0  # answers to sent mails that are cut off
        self.endpoint = TokenEndpoint(self._issued)
        stub.answer = self._answer

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.stub.port}"

    def tick(self) -> int:
        self.counter += 7  # history ids increase with gaps
        return self.counter

    def user(self, address: str) -> GmailBox:
        return self.users.setdefault(address, GmailBox(self, address))

    def connect(self, address: str, *, key: str = "", api: str = "", **more: object) -> "GmailConnection":
        from placet.mailboxes.gmail.connection import connect
        from placet.mailboxes.gmail.settings import GmailSettings

        settings = GmailSettings.parse({"username": address, **more})[0]
        base = api or self.api
        return connect(
            settings,
            {"gmail_key": key or key_file()},
            key=address,
            api=base,
            token_uri=f"{base}/token",
            cache=TokenCache(),
        )

    # --- the servers ----------------------------------------------------------------------------------------

    def _answer(self, request: Request) -> Reply | None:
        path = urlsplit(request.path).path
        if path == "/token" and request.method == "GET":
            return Reply(404)
        if path == "/token":
            return self.endpoint.answer(request)
        if "authorization" not in request.headers:
            return refusal(401, "required", "Login Required")
        if self.faults:
            return self.faults.pop(0)
        user = self.tokens.get(request.headers["authorization"].removeprefix("Bearer "))
        if user is None:
            return refusal(401, "authError", "Invalid Credentials")
        box = self.users[user]
        if path == f"/upload{PREFIX}/messages/send":
            return self._send(box, request)
        query = parse_qs(urlsplit(request.path).query)
        with self.lock:
            return Api(box, request, query).answer(unquote(path.removeprefix(PREFIX)))

    def _issued(self, user: str) -> str | None:
        if user not in self.users:
            return None
        token = f"ya29.{self.tick()}"
        self.tokens[token] = user
        return token

    def _send(self, box: GmailBox, request: Request) -> Reply:
        assert request.headers["content-type"] == "message/rfc822"
        if len(request.body) > MOST_SENT:
            return refusal(413, "uploadTooLarge", "Request Entity Too Large")
        to = parseaddr(str(message_from_bytes(request.body, policy=default)["To"]))[1]
        local, _at, domain = to.partition("@")
        receiver = f"{local.partition('+')[0]}@{domain}"
        labels = {"INBOX", "UNREAD"} if receiver == box.address else set()
        mail = box.add(request.body, "SENT", *labels)
        if receiver != box.address:
            self.user(receiver).add(request.body, "INBOX", "UNREAD")
        sent = answer({"id": mail.id, "threadId": mail.id, "labelIds": sorted(mail.labels)})
        if self.lose_answers:
            self.lose_answers -= 1
            return Reply(200, sent.body, JSON, cut_after=5)
        return sent


@dataclass
class Api:
    """One request to one mailbox."""

    box: GmailBox
    request: Request
    query: dict[str, list[str]]

    def answer(self, path: str) -> Reply:
        parts = path.strip("/").split("/")
        if parts[0] == "messages" and len(parts) > 1:
            mail = self.box.mails.get(parts[1])
            if mail is None:
                return refusal(404, "notFound", "Requested entity was not found.", status="NOT_FOUND")
            return self._of_mail(mail, parts[2] if len(parts) > 2 else "")
        if parts[0] == "labels" and len(parts) > 1:
            total = sum(parts[1] in mail.labels for mail in self.box.mails.values())
            return answer({"id": parts[1], "name": parts[1], "type": "system", "messagesTotal": total})
        known: dict[str, Callable[[], Reply]] = {
            "profile": self._profile,
            "messages": self._messages,
            "history": self._history,
            "labels": self._labels,
        }
        return known[parts[0]]()

    def _first(self, name: str, usual: str = "") -> str:
        return self.query.get(name, [usual])[0]

    def _paged(self, listed: list[Any], name: str, value: dict[str, Any]) -> Reply:
        start, size = int(self._first("pageToken", "0")), int(self._first("maxResults", "100"))
        if start > len(listed):
            return refusal(400, "invalidArgument", "Invalid pageToken")
        if listed[start : start + size]:
            value[name] = listed[start : start + size]
        if start + size < len(listed):
            value["nextPageToken"] = str(start + size)
        return answer(value)

    def _profile(self) -> Reply:
        box = self.box
        total = len(box.mails)
        return answer({"emailAddress": box.address, "messagesTotal": total, "historyId": str(box.now)})

    def _messages(self) -> Reply:
        words = self._first("q").split()
        after = next((int(word[6:]) for word in words if word.startswith("after:")), 0)
        id_ = next((word[12:] for word in words if word.startswith("rfc822msgid:")), "")
        mails = [
            mail
            for mail in reversed(self.box.mails.values())
            if self._first("labelIds") in mail.labels and mail.at >= after
        ]
        mails = [mail for mail in mails if not id_ or message_from_bytes(mail.raw)["Message-ID"] == id_]
        listed = [{"id": mail.id, "threadId": mail.id} for mail in mails]
        return self._paged(listed, "messages", {"resultSizeEstimate": len(listed)})

    def _history(self) -> Reply:
        start, box = int(self._first("startHistoryId")), self.box
        if start < box.first:
            return refusal(404, "notFound", "Requested entity was not found.", status="NOT_FOUND")
        kinds = {
            f"{kind.replace('message', 'messages').replace('label', 'labels')}"
            for kind in self.query["historyTypes"]
        }
        records = [record for record in box.history if int(record["id"]) > start and kinds & record.keys()]
        return self._paged(records, "history", {"historyId": str(box.now)})

    def _labels(self) -> Reply:
        box = self.box
        if self.request.method == "GET":
            system = [
                {"id": name, "name": name, "type": "system"} for name in ("INBOX", "SPAM", "TRASH", "SENT")
            ]
            own = [{"id": id_, "name": name, "type": "user"} for id_, name in box.labels.items()]
            return answer({"labels": [*system, *own]})
        value = json.loads(self.request.body)
        if box.label_id(value["name"]):
            return refusal(409, "aborted", "Label name exists or conflicts")
        id_ = f"Label_{box.google.tick()}"
        box.labels[id_] = value["name"]
        return answer({"id": id_, **value})

    def _of_mail(self, mail: Mail, action: str) -> Reply:
        if action == "trash":
            self.box.relabel(mail, {"TRASH"}, {"INBOX", "SPAM"})
        elif action == "modify":
            value = json.loads(self.request.body)
            add, remove = set(value["addLabelIds"]), set(value["removeLabelIds"])
            unknown = sorted(label for label in add if label not in self.box.labels)
            if unknown:
                return refusal(400, "invalidArgument", f"Invalid label: {unknown[0]}")
            self.box.relabel(mail, add, remove)
        return answer(self._resource(mail, self._first("format", "minimal")))

    def _resource(self, mail: Mail, form: str) -> dict[str, Any]:
        value: dict[str, Any] = {
            "id": mail.id,
            "threadId": mail.id,
            "labelIds": sorted(mail.labels),
            "snippet": "",
            "sizeEstimate": len(mail.raw),
            "historyId": str(self.box.now),
            "internalDate": str(int(mail.at * 1000)),
        }
        if form == "raw":
            value["raw"] = base64.urlsafe_b64encode(mail.raw).decode()
        elif form == "metadata":
            wanted = [name.lower() for name in self.query.get("metadataHeaders", [])]
            headers = message_from_bytes(mail.raw, policy=default).items()
            listed = [{"name": name, "value": str(text)} for name, text in headers]
            value["payload"] = {
                "mimeType": "text/plain",
                "headers": [pair for pair in listed if not wanted or pair["name"].lower() in wanted],
            }
        return value


@contextmanager
def running_google() -> Iterator[Google]:
    with running_stub() as stub:
        yield Google(stub)
