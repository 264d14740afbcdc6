"""What each call does in a mailbox. The door has seen that the caller may; the tenant's lock is held."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from placet.sandbox.delivery import Post
from placet.sandbox.graph import errors, ids, query, schema, sending, shapes
from placet.sandbox.graph.delta import Delta
from placet.sandbox.graph.sending import Sending
from placet.sandbox.graph.shapes import MessageShape
from placet.sandbox.httpd import Request
from placet.sandbox.tenant import Folder, Item, Mailbox, Tenant

Thing = TypeVar("Thing")
JSON = "application/json"
PLAIN = "text/plain"


@dataclass(frozen=True)
class Call:
    """One request that has found its route."""

    request: Request
    root: str
    """Scheme, host and version as the client used them: https://graph.microsoft.com/v1.0."""
    names: Mapping[str, str]
    """What stands in the address for {folder}, {message} and the like."""
    options: Mapping[str, str]
    preferences: Mapping[str, str]
    claims: Mapping[str, Any]

    @property
    def immutable(self) -> bool:
        return self.preferences.get("idtype", "").lower() == "immutableid"

    @property
    def page_size(self) -> int | None:
        """What `Prefer: odata.maxpagesize` says; something unreadable is not heard, as with every preference."""
        value = self.preferences.get("odata.maxpagesize", "")
        size = int(value) if query.WHOLE.fullmatch(value) else 0
        return min(size, query.MOST) or None

    @property
    def url(self) -> str:
        """The address that was called, without its options."""
        return f"{self.root.removesuffix('/v1.0')}{self.request.raw_path}"

    def json(self) -> dict[str, Any]:
        """The body as an object. Raises GraphError."""
        kind = content_type(self.request)
        if kind != JSON:
            raise errors.GraphError(
                415, "UnsupportedMediaType", f"The media type '{kind}' is not supported for this request."
            )
        return read_json(self.request)


@dataclass(frozen=True)
class MailCall(Call):
    """One request in a mailbox that the caller may open."""

    mailbox: Mailbox

    def folder(self) -> Folder:
        return ids.folder(self.mailbox, self.names["folder"])

    def item(self) -> Item:
        item = ids.item(self.mailbox, self.names["message"], self.immutable)
        if "folder" in self.names and item.folder is not self.folder():
            raise errors.not_found()
        return item


@dataclass
class Answer:
    status: int
    value: Any = None
    """What goes out as JSON, or bytes that go out as they are; None for no body."""
    headers: dict[str, str] = field(default_factory=dict)


def content_type(request: Request) -> str:
    """The media type of the body. Raises GraphError if there is none."""
    kind = request.header("content-type").partition(";")[0].strip().lower()
    if not kind:
        raise errors.unreadable(
            "A missing or empty content type header was found when trying to read a message. The content type header "
            "is required."
        )
    return kind


def read_json(request: Request) -> dict[str, Any]:
    try:
        given = json.loads(request.body)
        # Half a surrogate pair is JSON and no text.
        json.dumps(given, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise errors.bad_request(
            "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid "
            "JSON format."
        )
    return given


class Calls:
    """One method for each route."""

    def __init__(self, tenant: Tenant, post: Post) -> None:
        self.tenant = tenant
        self.sending = Sending(tenant, post)
        self.delta = Delta()

    # -- folders ---------------------------------------------------------------------------------------------

    def folders(self, call: MailCall) -> Answer:
        top = call.mailbox.well_known["msgfolderroot"]
        parent = ids.folder(call.mailbox, call.names["folder"]) if "folder" in call.names else top
        query.only(call.options, "$select", "$filter", "$orderby", "$top", "$skip", "$count")
        selected = query.select(call.options, "mailFolder")
        comparisons = query.FOLDERS.filter(call.options)
        found = list(filter(query.FOLDERS.matches(comparisons), parent.children))
        found = query.FOLDERS.sorted(found, call.options, comparisons)
        return self._listed(call, found, lambda one: shapes.folder(one, selected), "mailFolders")

    def folder(self, call: MailCall) -> Answer:
        query.only(call.options, "$select", "$expand")
        selected = query.select(call.options, "mailFolder")
        return Answer(200, _context(call, "mailFolders/$entity") | shapes.folder(call.folder(), selected))

    def create_folder(self, call: MailCall) -> Answer:
        parent = call.folder() if "folder" in call.names else call.mailbox.well_known["msgfolderroot"]
        given = call.json()
        schema.entity(given, "mailFolder")
        name = (given.get("displayName") or "").strip()
        if not name:
            raise errors.bad_request(
                "The folder save operation failed due to invalid property values.", "ErrorFolderSave"
            )
        if parent.child(name):
            raise errors.GraphError(
                409, "ErrorFolderExists", "A folder with the specified name already exists."
            )
        folder = call.mailbox.create_folder(parent, name)
        return Answer(201, _context(call, "mailFolders/$entity") | shapes.folder(folder))

    # -- reading ---------------------------------------------------------------------------------------------

    def messages(self, call: MailCall) -> Answer:
        query.only(call.options, "$select", "$filter", "$orderby", "$top", "$skip", "$count", "$expand")
        shape = self._shape(call)
        comparisons = query.MESSAGES.filter(call.options)
        found = self._found(call, comparisons)
        if "$orderby" in call.options:
            found = query.MESSAGES.sorted(found, call.options, comparisons)
        else:
            found = sorted(found, key=lambda item: (item.received, item.born), reverse=True)
        return self._listed(call, found, shape.render, "messages")

    def _found(self, call: MailCall, comparisons: list[query.Comparison]) -> list[Item]:
        folders = [call.folder()] if "folder" in call.names else list(call.mailbox.folders.values())
        exact = next(
            (o.value for o in comparisons if (o.name, o.operator) == ("internetMessageId", "eq")), None
        )
        items: list[Item] = []
        for folder in folders:
            items += folder.items.values() if exact is None else folder.by_message_id.get(exact, ())
        return list(filter(query.MESSAGES.matches(comparisons), items))

    def _listed(
        self, call: MailCall, found: Sequence[Thing], render: Callable[[Thing], Any], what: str
    ) -> Answer:
        top = query.number(call.options, "$top", call.page_size or 10, 1, query.MOST)
        skip = query.number(call.options, "$skip", 0, 0, 2**31)
        value: dict[str, Any] = _context(call, what)
        if query.flag(call.options, "$count"):
            value["@odata.count"] = len(found)
        value["value"] = [render(one) for one in found[skip : skip + top]]
        if skip + top < len(found):
            following = {**call.options, "$skip": str(skip + top)}
            value["@odata.nextLink"] = f"{call.url}?{urllib.parse.urlencode(following)}"
        return Answer(200, value)

    def message(self, call: MailCall) -> Answer:
        query.only(call.options, "$select", "$expand")
        return self._one(call, 200, call.item())

    def _one(self, call: MailCall, status: int, item: Item) -> Answer:
        return Answer(status, _context(call, "messages/$entity") | self._shape(call).render(item))

    def value(self, call: MailCall) -> Answer:
        return Answer(200, call.item().mime, {"Content-Type": PLAIN})

    def changes(self, call: MailCall) -> Answer:
        folder = call.folder()
        page = self.delta.page(
            call.mailbox, folder, call.options, page_size=call.page_size, immutable=call.immutable
        )
        link, token = ("deltaLink", "$deltatoken") if page.last else ("nextLink", "$skiptoken")
        value = {
            "@odata.context": f"{call.root}/$metadata#Collection(message)",
            "value": page.value,
            f"@odata.{link}": f"{call.url}?{token}={page.token}",
        }
        return Answer(200, value)

    def _shape(self, call: MailCall) -> MessageShape:
        return MessageShape(
            query.select(call.options, "message"),
            query.expand(call.options),
            call.immutable,
            call.preferences.get("outlook.body-content-type", "").lower() == "text",
        )

    # -- changing --------------------------------------------------------------------------------------------

    def patch(self, call: MailCall) -> Answer:
        item = call.item()
        given = call.json()
        schema.entity(given, "message")
        for name in given:
            if name != "isRead" and not name.startswith("@"):
                raise errors.bad_request(f"The sandbox cannot change {name}.", "ErrorInvalidPropertySet")
        if given.get("isRead") is not None:
            call.mailbox.set_read(item, given["isRead"])
        return self._one(call, 200, item)

    def move(self, call: MailCall) -> Answer:
        item = call.item()
        wanted = schema.parameters(call.json(), "move", "DestinationId")["DestinationId"]
        return self._one(call, 201, call.mailbox.move(item, ids.folder(call.mailbox, wanted)))

    def delete(self, call: MailCall) -> Answer:
        item = call.item()
        if item.folder.well_known == "deleteditems":
            call.mailbox.remove(item)
        else:
            call.mailbox.move(item, call.mailbox.well_known["deleteditems"])
        return Answer(204)

    def translate(self, call: MailCall) -> Answer:
        names = ("InputIds", "SourceIdType", "TargetIdType")
        given = schema.parameters(call.json(), "translateExchangeIds", *names)
        value = ids.translated(call.mailbox, *(given[name] for name in names))
        kind = "Collection(microsoft.graph.convertIdResult)"
        return Answer(200, {"@odata.context": f"{call.root}/$metadata#{kind}", "value": value})

    # -- sending ---------------------------------------------------------------------------------------------

    def send_mail(self, call: MailCall) -> Answer:
        if content_type(call.request) == PLAIN:
            raw, save = self.sending.from_mime(sending.decoded(call.request.body)), True
        else:
            given = schema.parameters(call.json(), "sendMail", "Message")
            raw = sending.composed(call.mailbox, given["Message"])
            save = given.get("SaveToSentItems") is not False
        self.sending.send(call.mailbox, raw, save=save)
        return Answer(202)

    def draft(self, call: MailCall) -> Answer:
        folder = call.folder() if "folder" in call.names else call.mailbox.well_known["drafts"]
        if content_type(call.request) == PLAIN:
            raw = self.sending.from_mime(sending.decoded(call.request.body))
        else:
            given = call.json()
            schema.entity(given, "message")
            raw = sending.composed(call.mailbox, given)
        return self._one(call, 201, self.sending.save(call.mailbox, folder, raw))

    def create_reply(self, call: MailCall) -> Answer:
        original = call.item()
        given = schema.parameters(call.json(), "createReply") if call.request.body else {}
        drafts = call.mailbox.well_known["drafts"]
        draft = self.sending.save(call.mailbox, drafts, sending.reply(call.mailbox, original, given))
        return self._one(call, 201, draft)

    def send_draft(self, call: MailCall) -> Answer:
        item = call.item()
        if not item.is_draft:
            raise errors.bad_request("Only a draft can be sent.", "ErrorInvalidRequest")
        self.sending.send_draft(call.mailbox, item)
        return Answer(202)


def _context(call: MailCall, what: str) -> dict[str, Any]:
    user = urllib.parse.quote(f"users('{call.mailbox.address}')", safe="()'")
    folder = (
        f"mailFolders('{call.names['folder']}')/"
        if what.startswith("messages") and "folder" in call.names
        else ""
    )
    return {"@odata.context": f"{call.root}/$metadata#{user}/{folder}{what}"}
