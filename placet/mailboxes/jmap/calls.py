"""What is asked of a JMAP server, and what its answers say (RFC 8621). A mail's id is its own for good, whatever
mailboxes, which are folders, it is in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from . import errors
from .client import LONGEST_BLOB, LONGEST_STATE, Invocation, Jmap
from .errors import MethodFailed, Problem

INBOX, JUNK, SENT, DRAFTS, TRASH = "inbox", "junk", "sent", "drafts", "trash"
SEEN, DRAFT = "$seen", "$draft"
#: Of mails that Placet marked as handled where they are: that they were changed makes no new mail of them.
HANDLED = "placet-handled"
LISTED = ("id", "mailboxIds", "keywords", "receivedAt", "size")


class StateLost(Exception):
    """The server cannot say what changed since then."""


class NotSearched(Exception):
    """The server does not search for this."""


class AnchorLost(Exception):
    """The mail after which a list goes on is no longer in it."""


@dataclass(frozen=True)
class Mailbox:
    """A folder; `parent` is "" where it is in none, `role` "" where it has none."""

    id: str
    name: str
    parent: str
    role: str
    total: int


@dataclass(frozen=True)
class Email:
    """What the server says of a mail. Headers stand as they are, folded."""

    id: str
    mailboxes: frozenset[str]
    keywords: frozenset[str]
    received_at: datetime | None
    size: int | None
    blob: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    def header(self, name: str) -> str:
        """The first of its name, in one line; "" where there is none."""
        return next((" ".join(text.split()) for key, text in self.headers if key.lower() == name), "")


@dataclass(frozen=True)
class Changes:
    """What changed, and up to which state. `more`: there is more behind it."""

    created: frozenset[str]
    emails: list[Email]  # those that are still there, in the order in which the server named them
    state: str
    more: bool


@dataclass(frozen=True)
class Listing:
    """A part of a list. `ids`: all of it, `emails`: those that are still there."""

    ids: list[str]
    emails: list[Email]


# --- folders ----------------------------------------------------------------------------------------------


def mailboxes(jmap: Jmap) -> list[Mailbox]:
    properties = ["id", "name", "parentId", "role", "totalEmails"]
    answer = jmap.one("Mailbox/get", {"ids": None, "properties": properties})
    return [_mailbox(jmap, value) for value in jmap.objects(answer, "list")]


def _mailbox(jmap: Jmap, value: Mapping[str, Any]) -> Mailbox:
    parent, role, total = value.get("parentId"), value.get("role"), value.get("totalEmails")
    return Mailbox(
        jmap.word(value, "id"),
        jmap.text(value, "name"),
        parent if isinstance(parent, str) else "",
        role.lower() if isinstance(role, str) else "",
        total if isinstance(total, int) else 0,
    )


def create_mailbox(jmap: Jmap, name: str, parent: str = "", role: str = "") -> str | Problem:
    """The id of the new folder, or why there is none."""
    wanted = {"name": name, "parentId": parent or None, **({"role": role} if role else {})}
    answer = jmap.one("Mailbox/set", {"create": {"new": wanted}})
    made = _object(answer.get("created")).get("new")
    return jmap.word(made, "id") if isinstance(made, dict) else _problem(answer, "notCreated", "new")


# --- lists ------------------------------------------------------------------------------------------------


def state(jmap: Jmap) -> str:
    return jmap.word(jmap.one("Email/get", {"ids": [], "properties": ["id"]}), "state", LONGEST_STATE)


def listing(jmap: Jmap, mailbox: str, since: datetime, size: int, anchor: str = "") -> Listing:
    """Mails of a folder that were received since then, the oldest first, behind the mail `anchor` if one is given.
    Raises AnchorLost."""
    query = {
        "filter": {"inMailbox": mailbox, "after": utc(since)},
        "sort": [{"property": "receivedAt", "isAscending": True}],
        "limit": size,
        **({"anchor": anchor, "anchorOffset": 1} if anchor else {}),
    }
    try:
        return _listing(jmap, query, LISTED)
    except MethodFailed as error:
        if error.problem.type == "anchorNotFound":
            raise AnchorLost from None
        raise errors.of_method(error.problem, jmap.who) from None


def newest(
    jmap: Jmap,
    mailbox: str,
    size: int,
    *,
    since: datetime | None = None,
    position: int = 0,
    header: tuple[str, str] | None = None,
    keyword: str = "",
    but: str = "",
    names: Sequence[str] = (),
) -> Listing:
    """Mails of a folder, the newest first, from `position` on, with these headers. `header`: a name, and what must
    stand in it; `keyword`: what they must have; `but`: what they must not have. Raises NotSearched."""
    wanted: dict[str, Any] = {"inMailbox": mailbox}
    wanted |= {"after": utc(since)} if since is not None else {}
    wanted |= {"header": list(header)} if header is not None else {}
    wanted |= {"hasKeyword": keyword} if keyword else {}
    wanted |= {"notKeyword": but} if but else {}
    query = {
        "filter": wanted,
        "sort": [{"property": "receivedAt", "isAscending": False}],
        "position": position,
        "limit": size,
    }
    try:
        return _listing(jmap, query, [*LISTED, *(f"header:{name}:asRaw" for name in names)])
    except MethodFailed:
        raise NotSearched from None


def _listing(jmap: Jmap, query: dict[str, Any], properties: Sequence[str]) -> Listing:
    """Raises MethodFailed where the list, or what is searched for, is not had."""
    query["limit"] = min(query["limit"], jmap.session().limits["maxObjectsInGet"])
    calls: list[Invocation] = [
        ("Email/query", query),
        ("Email/get", _of_result("Email/query", "/ids", properties)),
    ]
    queried, got = jmap.called(calls, apart=("anchorNotFound", "unsupportedFilter"))
    ids = jmap.ids(queried[0], "ids")
    there = _emails(jmap, got[0])
    return Listing(ids, [there[id_] for id_ in ids if id_ in there])


def changes(jmap: Jmap, since: str, size: int) -> Changes:
    """Mails that came or changed since a state. Raises StateLost."""
    size = min(size, jmap.session().limits["maxObjectsInGet"])
    calls: list[Invocation] = [
        ("Email/changes", {"sinceState": since, "maxChanges": size}),
        ("Email/get", _of_result("Email/changes", "/created", LISTED)),
        ("Email/get", _of_result("Email/changes", "/updated", LISTED)),
    ]
    try:
        changed, created, updated = jmap.called(calls, apart=("cannotCalculateChanges",))
    except MethodFailed:
        raise StateLost from None
    there = _emails(jmap, updated[0]) | _emails(jmap, created[0])
    new, more = jmap.word(changed[0], "newState", LONGEST_STATE), changed[0].get("hasMoreChanges") is True
    if more and new == since:
        raise jmap.unreadable("newState")
    ids = dict.fromkeys([*jmap.ids(changed[0], "created"), *jmap.ids(changed[0], "updated")])
    return Changes(
        frozenset(jmap.ids(changed[0], "created")), [there[id_] for id_ in ids if id_ in there], new, more
    )


def _of_result(name: str, path: str, properties: Sequence[str]) -> dict[str, Any]:
    """Arguments of an Email/get of what the first call of the same request names (RFC 8620 3.7)."""
    return {"#ids": {"resultOf": "0", "name": name, "path": path}, "properties": list(properties)}


# --- mails ------------------------------------------------------------------------------------------------


def emails(jmap: Jmap, ids: Sequence[str], *properties: str) -> dict[str, Email]:
    """Those that are there, by id, with LISTED and these properties. No more than the server gives at once."""
    answer = jmap.one("Email/get", {"ids": list(ids), "properties": [*LISTED, *properties]})
    return _emails(jmap, answer)


def _emails(jmap: Jmap, answer: Mapping[str, Any]) -> dict[str, Email]:
    found = [_email(jmap, value) for value in jmap.objects(answer, "list")]
    return {email.id: email for email in found}


def _email(jmap: Jmap, value: Mapping[str, Any]) -> Email:
    size, blob, given = value.get("size"), value.get("blobId"), value.get("headers")
    headers = [
        (str(header.get("name", "")), str(header.get("value", "")))
        for header in (given if isinstance(given, list) else [])
        if isinstance(header, dict)
    ]
    for name, text in value.items():
        if name.startswith("header:") and isinstance(text, str):
            headers.append((name.split(":")[1], text))
    return Email(
        jmap.word(value, "id"),
        frozenset(id_ for id_, is_in in _object(value.get("mailboxIds")).items() if is_in is True),
        frozenset(word.lower() for word, is_set in _object(value.get("keywords")).items() if is_set is True),
        _time(value.get("receivedAt")),
        size if isinstance(size, int) and not isinstance(size, bool) and size >= 0 else None,
        blob if isinstance(blob, str) and len(blob) <= LONGEST_BLOB else "",
        tuple(headers),
    )


def _time(value: object) -> datetime | None:
    """None for one that cannot be read: it must not keep other mails from being listed."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        return moment and (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def utc(moment: datetime) -> str:
    """As JMAP writes times, in whole seconds (RFC 8620 1.4)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def update(jmap: Jmap, patches: Mapping[str, Mapping[str, Any]]) -> dict[str, Problem | None]:
    """By id, what was wrong with a change, None where it was made. No more than the server changes at once."""
    if not patches:
        return {}
    answer = jmap.one("Email/set", {"update": dict(patches)})
    updated, refused = _object(answer.get("updated")), _object(answer.get("notUpdated"))
    return {
        id_: None if id_ in updated and id_ not in refused else Problem.of(refused.get(id_))
        for id_ in patches
    }


def destroy(jmap: Jmap, id_: str) -> None:
    """For good. One that is gone is no error."""
    jmap.one("Email/set", {"destroy": [id_]})


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _problem(answer: Mapping[str, Any], name: str, key: str) -> Problem:
    return Problem.of(_object(answer.get(name)).get(key))


# --- sending ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Identity:
    """As whom mail may be sent; `email` may be *@domain (RFC 8621 6)."""

    id: str
    email: str


@dataclass(frozen=True)
class Draft:
    """A mail that is to be sent: the server's copy of its bytes, and where the mail is before and after."""

    blob: str
    before: str
    after: str


@dataclass(frozen=True)
class Submitted:
    """What became of a mail: the id of the mail in its folder, "" where there is none, and what was wrong."""

    email: str
    problem: Problem | None = None


def identities(jmap: Jmap) -> list[Identity]:
    answer = jmap.one("Identity/get", {"ids": None, "properties": ["id", "email"]})
    return [
        Identity(jmap.word(value, "id"), str(value.get("email") or ""))
        for value in jmap.objects(answer, "list")
    ]


def submit(jmap: Jmap, draft: Draft, identity: str, envelope: Mapping[str, Any]) -> Submitted:
    """Put a mail among the drafts and send it, in one request; once it is sent, the server moves it away from there
    (RFC 8621 7.5). Raises MailboxError."""
    wanted = {
        "blobId": draft.blob,
        "mailboxIds": {draft.before: True},
        "keywords": {DRAFT: True, SEEN: True},
        "receivedAt": utc(datetime.now(UTC)),  # left to themselves, some take the time in its header
    }
    imported, submitted = jmap.answers(
        [
            ("Email/import", {"emails": {"mail": wanted}}),
            ("EmailSubmission/set", _submission("#mail", draft, identity, envelope)),
        ]
    )[:2]
    if isinstance(imported[0], Problem):
        return Submitted("", imported[0])
    made = _object(imported[0].get("created")).get("mail")
    if isinstance(made, dict):
        return _submitted(jmap.word(made, "id"), submitted[0])
    problem = _problem(imported[0], "notCreated", "mail")
    if problem.type != "alreadyExists" or not problem.existing_id:
        return Submitted("", problem)
    # Of an earlier try that ended before it was sent.
    arguments = _submission(problem.existing_id, draft, identity, envelope)
    return _submitted(problem.existing_id, jmap.answers([("EmailSubmission/set", arguments)])[0][0])


def _submission(email: str, draft: Draft, identity: str, envelope: Mapping[str, Any]) -> dict[str, Any]:
    patch: dict[str, Any] = {f"keywords/{DRAFT}": None}
    if draft.before != draft.after:
        patch |= {f"mailboxIds/{draft.before}": None, f"mailboxIds/{draft.after}": True}
    return {
        "create": {"sent": {"identityId": identity, "emailId": email, "envelope": dict(envelope)}},
        "onSuccessUpdateEmail": {"#sent": patch},
    }


def _submitted(email: str, answer: dict[str, Any] | Problem) -> Submitted:
    if isinstance(answer, Problem):
        return Submitted(email, answer)
    is_sent = isinstance(_object(answer.get("created")).get("sent"), dict)
    return Submitted(email, None if is_sent else _problem(answer, "notCreated", "sent"))


def was_submitted(jmap: Jmap, email: str) -> bool:
    """Whether the server knows that it was sent. Some forget it once it is (RFC 8621 7)."""
    query = {"filter": {"emailIds": [email], "undoStatus": "final"}, "limit": 1}
    pending = {"filter": {"emailIds": [email], "undoStatus": "pending"}, "limit": 1}
    answers = jmap.called([("EmailSubmission/query", query), ("EmailSubmission/query", pending)])
    return any(jmap.ids(of_call[0], "ids") for of_call in answers)
