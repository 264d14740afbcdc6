"""A JMAP server that says what a test has it say, by the examples of RFC 8620 and 8621: for answers that the Cyrus of
the tests does not give."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from placet.mailboxes.jmap.connection import JmapConnection, connect
from placet.mailboxes.jmap.settings import JmapSettings
from tests.mailboxes.stub import Reply, Request, Stub, running_stub

MAILBOX = "approvals@example.com"
SECRET = "fmu1-a-token-that-nobody-may-see"
ACCOUNT = "u1138"
JSON = {"Content-Type": "application/json; charset=utf-8"}
PROBLEM = {"Content-Type": "application/problem+json"}
FOLDERS = [
    {"id": "mb-in", "name": "Inbox", "role": "inbox", "parentId": None, "totalEmails": 2},
    {"id": "mb-junk", "name": "Spam", "role": "junk", "parentId": None, "totalEmails": 0},
    {"id": "mb-sent", "name": "Sent", "role": "sent", "parentId": None, "totalEmails": 0},
    {"id": "mb-drafts", "name": "Drafts", "role": "drafts", "parentId": None, "totalEmails": 0},
    {"id": "mb-trash", "name": "Trash", "role": "trash", "parentId": None, "totalEmails": 0},
    {"id": "mb-p", "name": "Placet", "role": None, "parentId": None, "totalEmails": 0},
    {"id": "mb-done", "name": "Processed", "role": None, "parentId": "mb-p", "totalEmails": 0},
    {"id": "mb-aside", "name": "Set aside", "role": None, "parentId": "mb-p", "totalEmails": 0},
]


def session(**more: Any) -> dict[str, Any]:
    """As in RFC 8620 2.1, less what Placet does not look at."""
    value = {
        "capabilities": {
            "urn:ietf:params:jmap:core": {
                "maxSizeUpload": 50_000_000, "maxConcurrentUpload": 8, "maxSizeRequest": 10_000_000,
                "maxConcurrentRequests": 8, "maxCallsInRequest": 32, "maxObjectsInGet": 256, "maxObjectsInSet": 128,
                "collationAlgorithms": ["i;ascii-numeric", "i;ascii-casemap", "i;unicode-casemap"],
            },
            "urn:ietf:params:jmap:mail": {},
            "urn:ietf:params:jmap:submission": {},
        },
        "accounts": {
            ACCOUNT: {
                "name": MAILBOX, "isPersonal": True, "isReadOnly": False,
                "accountCapabilities": {
                    "urn:ietf:params:jmap:mail": {"maxMailboxesPerEmail": None},
                    "urn:ietf:params:jmap:submission": {"submissionExtensions": {"DSN": [], "SIZE": ["50000000"]}},
                },
            },
        },
        "primaryAccounts": {"urn:ietf:params:jmap:mail": ACCOUNT, "urn:ietf:params:jmap:submission": ACCOUNT},
        "username": MAILBOX,
        "apiUrl": "/api/",
        "downloadUrl": "/download/{accountId}/{blobId}/{name}?accept={type}",
        "uploadUrl": "/upload/{accountId}/",
        "eventSourceUrl": "/eventsource/?types={types}&closeafter={closeafter}&ping={ping}",
        "state": "75128aab4b1b",
    }  # fmt: skip
    return {**value, **more}


def email(id_: str, *mailboxes: str, **more: Any) -> dict[str, Any]:
    value = {
        "id": id_, "blobId": f"blob-{id_}", "mailboxIds": dict.fromkeys(mailboxes or ["mb-in"], True), "keywords": {},
        "receivedAt": "2026-11-24T10:00:00Z", "size": 20,
    }  # fmt: skip
    return {**value, **more}


Answers = Callable[[dict[str, Any]], dict[str, Any]] | dict[str, Any]


@dataclass
class Server:
    """`methods`: by name, what a method answers: arguments, or what makes them of those that were asked with; those
    that are an error have a `type`. `blobs`: what is downloaded."""

    stub: Stub
    session: Any = field(default_factory=session)
    methods: dict[str, Answers] = field(default_factory=dict)
    blobs: dict[str, Reply] = field(default_factory=dict)
    asked: list[list[Any]] = field(default_factory=list)  # every method call
    faults: list[Reply] = field(default_factory=list)  # of the next calls
    leads: str = ""  # where the session is, if not at its well-known place

    def connect(self, **settings: Any) -> JmapConnection:
        secrets = {"jmap_password": settings.pop("secret", SECRET)}
        values = {
            "username": MAILBOX,
            "jmap_host": "127.0.0.1",
            "jmap_port": self.stub.port,
            "jmap_security": "none",
        }
        return connect(JmapSettings.parse({**values, **settings})[0], secrets, key="box")

    def called(self, name: str) -> list[dict[str, Any]]:
        """The arguments of each call of a method."""
        return [arguments for asked, arguments, _number in self.asked if asked == name]

    def reply(self, request: Request) -> Reply | None:
        path = request.path.partition("?")[0]
        if path == "/.well-known/jmap" and self.leads:
            return Reply(307, headers={"Location": self.leads})
        if path in ("/.well-known/jmap", self.leads):
            return as_json(self.session)
        if path.startswith("/download/"):
            return self.blobs.get(path.split("/")[3], Reply(404))
        if path.startswith("/upload/"):
            return as_json({"accountId": ACCOUNT, "blobId": "blob-up", "size": len(request.body)}, 201)
        if path == "/api/":
            return self.faults.pop(0) if self.faults else self._answered(json.loads(request.body))
        return None

    def _answered(self, body: Mapping[str, Any]) -> Reply:
        self.asked += body["methodCalls"]
        answers = [self._of_call(*call) for call in body["methodCalls"]]
        return as_json({"methodResponses": answers, "sessionState": "75128aab4b1b"})

    def _of_call(self, name: str, arguments: dict[str, Any], number: str) -> list[Any]:
        given = self.methods.get(name, {"type": "unknownMethod"})
        answer = given(arguments) if callable(given) else given
        return ["error" if "type" in answer else name, {"accountId": ACCOUNT, **answer}, number]


def as_json(value: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value).encode(), JSON)


def gives(*emails: dict[str, Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """An Email/get that knows these mails, and gives all of them for what another method names."""
    known = {value["id"]: value for value in emails}

    def answer(arguments: dict[str, Any]) -> dict[str, Any]:
        ids = arguments.get("ids", list(known))
        return {"state": "s1", "list": [known[id_] for id_ in ids if id_ in known], "notFound": []}

    return answer


@contextmanager
def running() -> Iterator[Server]:
    with running_stub() as stub:
        server = Server(stub)
        server.methods = {
            "Mailbox/get": {"state": "m1", "list": FOLDERS, "notFound": []},
            "Email/get": gives(),
            "Email/query": {"queryState": "q1", "position": 0, "ids": []},
            "Email/changes": {
                "newState": "s1",
                "hasMoreChanges": False,
                "created": [],
                "updated": [],
                "destroyed": [],
            },
            "Identity/get": {"state": "i1", "list": [{"id": "id-1", "email": MAILBOX}], "notFound": []},
        }
        stub.answer = server.reply
        yield server
