"""Somebody who is signed in to a mailbox, looking at one of its pages."""

from __future__ import annotations

import secrets
import urllib.parse
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from placet.sandbox.httpd import Response
from placet.sandbox.tenant import Item, Mailbox
from placet.sandbox.webmail import look
from placet.sandbox.webmail.forms import Form
from placet.sandbox.webmail.markup import Html, fill, fill_each

if TYPE_CHECKING:
    from placet.sandbox.server import Mail, Sandbox

FOLDERS = {
    "inbox": "Inbox",
    "drafts": "Drafts",
    "sentitems": "Sent Items",
    "junkemail": "Junk Email",
    "deleteditems": "Deleted Items",
}


class NotFound(Exception):
    """There is no such page, mailbox or mail; the message says which."""


@dataclass
class Session:
    """One browser. It may have several mailboxes open."""

    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    addresses: set[str] = field(default_factory=set)
    notes: dict[str, str] = field(default_factory=dict)
    """What happened in a mailbox, to be said once on the next page."""


@dataclass
class Visit:
    sandbox: Sandbox
    session: Session
    mailbox: Mailbox
    form: Form
    programs: dict[str, str]
    """The mail program that the owner of a mailbox writes with, as last chosen."""

    @property
    def address(self) -> str:
        return self.mailbox.address

    def at(self, page: str = "folder", **query: str) -> str:
        return look.link(f"/mail/{urllib.parse.quote(self.address, safe='@')}/{page}", **query)

    @property
    def again(self) -> bool:
        """Whether the script asks, to bring up to date a page that is open: nobody looks at this one."""
        return bool(self.form.get("again"))

    def mail(self) -> Mail:
        """The mail that the form names."""
        try:
            return self.sandbox.mail(self.address, self.form.get("id"))
        except KeyError as missing:
            raise NotFound(str(missing.args[0])) from None

    def item(self) -> Item:
        try:
            return self.sandbox.item(self.address, self.form.get("id"))
        except KeyError as missing:
            raise NotFound(str(missing.args[0])) from None

    def say(self, note: str) -> None:
        self.session.notes[self.address] = note

    def back(self, page: str = "folder", **query: str) -> Response:
        return look.redirect(self.at(page, **query))

    # -- pieces of pages -------------------------------------------------------------------------------------

    def page(self, title: str, body: Html, *, folder: str = "", status: int = 200) -> Response:
        return look.page(
            title,
            body,
            top=self._top(),
            aside=self._folders(folder),
            note="" if self.again else self.session.notes.pop(self.address, ""),
            news=self.at("news"),
            status=status,
        )

    def form_to(self, action: str, body: Html, **more: str) -> Html:
        return fill(
            '<form method="post" action="{}"{}>{}{}</form>',
            self.at(action),
            fill_each("", ' {}="{}"', ((name.rstrip("_"), value) for name, value in more.items())),
            look.hidden({"csrf": self.session.csrf}),
            body,
        )

    def button(self, action: str, label: str, **fields: str) -> Html:
        """A form that is nothing but a button."""
        body = fill("{}<button>{}</button>", look.hidden(fields), label)
        return self.form_to(action, body, class_="inline")

    def _top(self) -> Html:
        return fill(
            '<p class="who"><bdi>{}</bdi> <small>{}</small></p><nav aria-label="Mailboxes"><a href="/mail/">All '
            "mailboxes</a>{}</nav>",
            self.mailbox.name,
            self.address,
            self.button("sign-out", "Sign out"),
        )

    def _folders(self, current: str) -> Html:
        counts = {entry["well_known"]: entry for entry in self.sandbox.folders(self.address)}
        rows = fill_each(
            "",
            '<li><a href="{}"{}>{}{}</a></li>',
            (
                (
                    self.at("folder", name=key),
                    _current(key == current),
                    name,
                    _count(counts[key]["unread"] if key != "drafts" else counts[key]["total"]),
                )
                for key, name in FOLDERS.items()
            ),
        )
        own = fill_each(
            "",
            '<li><a href="{}"{}>{}</a></li>',
            (
                (self.at("folder", name=entry["path"]), _current(entry["path"] == current), entry["path"])
                for entry in counts_of_own(self.sandbox, self.address)
            ),
        )
        away = self.mailbox.out_of_office is not None
        return fill(
            '<aside class="aside" aria-label="Mailbox"><a class="button main" href="{}">New mail</a>'
            '<nav class="folders" aria-label="Folders" id="folders" data-live><ul>{}{}</ul></nav>'
            '<nav class="folders more" aria-label="More"><ul><li><a href="{}"{}>Out of office{}</a></li>'
            '<li><a href="{}"{}>Send as a stranger</a></li></ul></nav></aside>',
            self.at("new"),
            rows,
            own,
            self.at("out-of-office"),
            _current(current == "out-of-office"),
            Html(' <b class="count">on</b>') if away else "",
            self.at("stranger"),
            _current(current == "stranger"),
        )


def counts_of_own(sandbox: Sandbox, address: str) -> list[dict[str, str]]:
    """The folders that somebody made in the mailbox and that mail can lie in."""
    return [entry for entry in sandbox.folders(address) if entry["well_known"] is None and entry["total"]]


def _current(is_it: bool) -> Html:
    return Html(' aria-current="page"' if is_it else "")


def _count(number: int) -> Html:
    return fill(' <b class="count">{}</b>', number) if number else look.NOTHING
