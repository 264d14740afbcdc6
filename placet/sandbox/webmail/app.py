"""The web mail: who is signed in to which mailbox, and which page an address means.

A browser may have several mailboxes open at once; the mailbox stands in every address. The pages work without their
script, which shows new mail by itself.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from placet.sandbox.httpd import Request, Response
from placet.sandbox.tenant import Mailbox
from placet.sandbox.webmail import forms, look, reading, writing
from placet.sandbox.webmail.forms import Form
from placet.sandbox.webmail.markup import Html, fill
from placet.sandbox.webmail.story import Story
from placet.sandbox.webmail.visit import NotFound, Session, Visit

if TYPE_CHECKING:
    from placet.sandbox.server import Sandbox

Page = Callable[[Visit], Response]

_COOKIE = "sandbox_mail"
_HERE = ("127.0.0.1", "localhost")
_MOST_SESSIONS = 1000
_PAGES: Mapping[str, Page] = {
    "": reading.folder,
    "folder": reading.folder,
    "read": reading.read,
    "html": reading.html,
    "raw": reading.raw,
    "file": reading.file,
    "news": reading.news,
    "new": writing.new,
    "write": writing.write,
    "stranger": writing.stranger_form,
    "out-of-office": writing.out_of_office_form,
}
_ACTIONS: Mapping[str, Page] = {
    "send": writing.send,
    "stranger": writing.stranger,
    "out-of-office": writing.out_of_office,
    "delete": reading.delete,
    "move": reading.move,
    "unread": reading.unread,
}


class Webmail:
    def __init__(self, sandbox: Sandbox, *, open_house: bool = False) -> None:
        self.sandbox = sandbox
        self.open_house = open_house
        """Whether mailboxes open without their passwords."""
        self.story: Story | None = None
        self._sessions: dict[str, Session] = {}
        self._programs: dict[str, str] = {}

    def handle(self, request: Request) -> Response:
        try:
            if self._is_foreign(request):
                return _plain("Refused", "This request was made by a page from elsewhere.", 403)
            return self._routed(request)
        except NotFound as missing:
            return _plain("Not found", str(missing), 404)

    def _is_foreign(self, request: Request) -> bool:
        """A form of another site, or another site's name for this machine while mailboxes are open to everybody."""
        host = request.header("host")
        if self.open_house and urlsplit(f"//{host}").hostname not in _HERE:
            return True
        origin = request.header("origin")
        return request.method == "POST" and origin not in ("", f"http://{host}")

    def _routed(self, request: Request) -> Response:
        area, _, rest = request.path.strip("/").partition("/")
        form = forms.read(request)
        if area == "mail":
            return self._mail(request, rest, form)
        if self.story is None:
            return _missing() if area else look.redirect("/mail/")
        if request.method == "POST" and area == "switch":
            return self.story.switch(self.sandbox, form)
        if request.method == "POST" and area == "certificate":
            return self.story.upload(self.sandbox, form)
        return _missing() if area else self.story.page(self.sandbox)

    def _mail(self, request: Request, rest: str, form: Form) -> Response:
        if rest in look.FILES:
            return look.file(rest)
        key = _cookie(request)
        session = self._sessions.get(key)
        name, _, page = rest.strip("/").partition("/")
        if "@" in name:
            return self._mailbox(request, name, page, session, form)
        if request.method == "POST":
            return self._signing_in(name, key, form)
        if name == "sign-in":
            return _sign_in_page(form.line("address"))
        if name == "news":
            return look.as_json({"stamp": sum(map(self.sandbox.stamp, self.sandbox.tenant.mailboxes))})
        return _missing() if name else self._mailboxes(session)

    # -- signing in ------------------------------------------------------------------------------------------

    def _mailboxes(self, session: Session | None) -> Response:
        boxes = sorted(self.sandbox.tenant.mailboxes.values(), key=lambda box: (box.outside, box.name))
        rows = look.together(self._mailbox_row(box, session) for box in boxes)
        lead = "A mail program for trying things. Nothing here leaves this machine."
        body = fill(
            '<h1>Mailboxes</h1><p class="lead">{}</p><ul class="boxes" id="boxes" data-live>{}</ul>',
            lead,
            rows,
        )
        return look.page("Mailboxes", body, top=self._way_back(), news="/mail/news")

    def _way_back(self) -> Html:
        return (
            Html('<nav aria-label="Mailboxes"><a href="/">The story</a></nav>')
            if self.story
            else look.NOTHING
        )

    def _mailbox_row(self, box: Mailbox, session: Session | None) -> Html:
        unread = box.inbox.unread
        count = fill('<b class="count">{}<span class="sr"> unread</span></b>', unread) if unread else ""
        where = "outside " + self.sandbox.tenant.name if box.outside else box.address
        told = fill(
            '<div><strong><bdi>{}</bdi></strong> {}<br><small>{}</small></div>', box.name, count,
            f"{box.address}, {where}" if box.outside else where,
        )  # fmt: skip
        return fill("<li>{}{}</li>", told, self._way_in(box, session))

    def _way_in(self, box: Mailbox, session: Session | None) -> Html:
        label = fill('Open<span class="sr"> the mailbox of {}</span>', box.name)
        if session is not None and box.address in session.addresses:
            return fill('<a class="button" href="/mail/{}/folder">{}</a>', box.address, label)
        if self.open_house:
            return look.open_button(box.address, label)
        return fill(
            '<a class="button" href="{}">Sign in<span class="sr"> as {}</span></a>',
            look.link("/mail/sign-in", address=box.address),
            box.name,
        )

    def _signing_in(self, name: str, key: str, form: Form) -> Response:
        mailbox = self.sandbox.tenant.mailboxes.get(form.line("address").lower())
        if name == "open" and self.open_house:
            return self._opened(mailbox, key) if mailbox is not None else _missing()
        if name != "sign-in":
            return _missing()
        password = "" if mailbox is None else mailbox.password
        right = hmac.compare_digest(form.get("password").encode(), password.encode())
        if not right or mailbox is None:
            return _sign_in_page(form.line("address"), "The address or the password is wrong.")
        return self._opened(mailbox, key)

    def _opened(self, mailbox: Mailbox, key: str) -> Response:
        """The mailbox is open in this browser, beside those that are open already."""
        session = self._sessions.pop(key, None) or Session()
        session.addresses.add(mailbox.address)
        fresh = secrets.token_urlsafe(32)
        self._sessions[fresh] = session
        while len(self._sessions) > _MOST_SESSIONS:
            self._sessions.pop(next(iter(self._sessions)))
        response = look.redirect(f"/mail/{mailbox.address}/folder")
        response.headers["Set-Cookie"] = f"{_COOKIE}={fresh}; Path=/mail; HttpOnly; SameSite=Lax"
        return response

    # -- one mailbox -----------------------------------------------------------------------------------------

    def _mailbox(
        self, request: Request, address: str, page: str, session: Session | None, form: Form
    ) -> Response:
        mailbox = self.sandbox.tenant.mailboxes.get(address.lower())
        if session is None or mailbox is None or mailbox.address not in session.addresses:
            return look.redirect(
                look.link("/mail/sign-in", address=address) if not self.open_house else "/mail/"
            )
        visit = Visit(self.sandbox, session, mailbox, form, self._programs)
        if request.method == "POST":
            return self._act(visit, page)
        if page not in _PAGES:
            raise NotFound("There is no such page.")
        return _PAGES[page](visit)

    def _act(self, visit: Visit, action: str) -> Response:
        if not hmac.compare_digest(visit.form.get("csrf").encode(), visit.session.csrf.encode()):
            return _plain("Refused", "This form is too old. Open the page again and repeat.", 403)
        if action == "sign-out":
            visit.session.addresses.discard(visit.address)
            return look.redirect("/mail/")
        if action not in _ACTIONS:
            raise NotFound("There is no such page.")
        return _ACTIONS[action](visit)


def _sign_in_page(address: str, wrong: str = "") -> Response:
    form = fill(
        '<h1>Sign in</h1>{}<form method="post" action="/mail/sign-in" class="sheet">{}{}'
        '<div class="actions"><button class="main">Sign in</button><a class="button" href="/mail/">Mailboxes</a></div>'
        "</form>",
        look.wrong(wrong),
        look.field("Address", "address", address, kind="email", autocomplete="username", required="required"),
        look.field(
            "Password", "password", kind="password", autocomplete="current-password", required="required"
        ),
    )
    return look.page("Sign in", form, status=403 if wrong else 200)


def _plain(title: str, sentence: str, status: int) -> Response:
    body = fill('<h1>{}</h1><p>{}</p><p><a href="/mail/">All mailboxes</a></p>', title, sentence)
    return look.page(title, body, status=status)


def _missing() -> Response:
    return _plain("Not found", "There is no such page.", 404)


def _cookie(request: Request) -> str:
    try:
        found = SimpleCookie(request.header("cookie")).get(_COOKIE)
    except CookieError:
        return ""
    return "" if found is None else found.value
