"""Plain web mail under /mail/: sign in to a mailbox of the sandbox, read, answer and write.

Server-rendered, no scripts. A mail's HTML is shown in a sandboxed frame that may load nothing and run nothing; its
`mailto:` links open this web mail's own form, as a mail program would open its own.
"""

from __future__ import annotations

import hmac
import secrets
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING

from lxml import etree, html

from placet.sandbox.delivery import Outcome, SendRefused
from placet.sandbox.httpd import Request, Response

if TYPE_CHECKING:
    from placet.sandbox.server import Mail, Sandbox

_COOKIE = "sandbox_mail"
_POLICY = (
    "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
# No scripts and nothing loaded; links that somebody clicks open in the whole window or in one of their own.
_SANDBOX = "allow-top-navigation-by-user-activation allow-popups allow-popups-to-escape-sandbox"
_MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    f"frame-ancestors 'self'; sandbox {_SANDBOX}"
)
_FOLDERS = {
    "inbox": "Inbox",
    "junkemail": "Junk Email",
    "sentitems": "Sent Items",
    "drafts": "Drafts",
    "deleteditems": "Deleted Items",
}
_STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 20%, transparent); --accent: #2563a8; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }
header, nav { display: flex; flex-wrap: wrap; gap: 1rem; align-items: baseline; }
header { justify-content: space-between; border-bottom: 1px solid var(--line); margin-bottom: 1rem; }
nav a[aria-current] { font-weight: 600; }
a { color: var(--accent); }
table { width: 100%; border-collapse: collapse; }
td, th { text-align: start; padding: .4rem .6rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tr.unread { font-weight: 600; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; }
iframe { width: 100%; height: 32rem; border: 1px solid var(--line); background: #fff; }
label { display: block; margin: .6rem 0; }
input, textarea { font: inherit; width: 100%; box-sizing: border-box; padding: .4rem; }
textarea { min-height: 12rem; }
button { font: inherit; padding: .4rem 1rem; }
form.inline { display: inline; }
.note { border: 1px solid var(--line); padding: .6rem; }
"""


@dataclass
class Session:
    address: str
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    note: str = ""
    """What happened, to be said once on the next page."""


Form = Mapping[str, str]


class Webmail:
    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._sessions: dict[str, Session] = {}
        self._pages: dict[str, Callable[[Session, Form], Response]] = {
            "folder": self._folder,
            "read": self._read,
            "html": self._html,
            "reply": self._reply_form,
            "new": self._new_form,
            "out-of-office": self._out_of_office_form,
        }
        self._actions: dict[str, Callable[[Session, Form], None]] = {
            "reply": self._reply,
            "new": self._new,
            "out-of-office": self._out_of_office,
        }

    def handle(self, request: Request) -> Response:
        name = request.path.removeprefix("/mail").strip("/")
        if name == "style.css":
            return Response(200, {"Content-Type": "text/css; charset=utf-8"}, _STYLE.encode())
        key = _cookie(request)
        session = self._sessions.get(key)
        form = dict(urllib.parse.parse_qsl(_given(request), keep_blank_values=True, max_num_fields=50))
        try:
            if request.method == "POST":
                return self._act(name, key, session, form)
            if session is None:
                return _sign_in_page("") if not name else _redirect("/mail/")
            page = self._pages.get(name or "folder")
            return (
                _page("Not found", "<p>There is no such page.</p>", session, 404)
                if page is None
                else page(session, form)
            )
        except KeyError as missing:
            return _page("Not found", f"<p>{escape(str(missing.args[0]))}</p>", session, 404)

    # -- signing in and acting -------------------------------------------------------------------------------

    def _act(self, name: str, key: str, session: Session | None, form: Form) -> Response:
        if name == "sign-in":
            return self._sign_in(form)
        if session is None:
            return _redirect("/mail/")
        if not hmac.compare_digest(form.get("csrf", "").encode(), session.csrf.encode()):
            return _page(
                "Refused", "<p>This form is too old. Open the page again and repeat.</p>", session, 403
            )
        if name == "sign-out":
            self._sessions.pop(key, None)
            return _redirect("/mail/")
        action = self._actions.get(name)
        if action is None:
            return _page("Not found", "<p>There is no such page.</p>", session, 404)
        action(session, form)
        return _redirect("/mail/folder")

    def _sign_in(self, form: Form) -> Response:
        mailbox = self.sandbox.tenant.mailboxes.get(form.get("address", "").strip().lower())
        password = "" if mailbox is None else mailbox.password
        if not hmac.compare_digest(form.get("password", "").encode(), password.encode()) or mailbox is None:
            return _sign_in_page("The address or the password is wrong.")
        key = secrets.token_urlsafe(32)
        self._sessions[key] = Session(mailbox.address)
        response = _redirect("/mail/folder")
        response.headers["Set-Cookie"] = f"{_COOKIE}={key}; Path=/mail; HttpOnly; SameSite=Lax"
        return response

    # -- pages -----------------------------------------------------------------------------------------------

    def _folder(self, session: Session, form: Form) -> Response:
        name = form.get("name", "inbox")
        rows = "".join(_row(mail) for mail in reversed(self.sandbox.mails(session.address, name)))
        table = f"<table><tr><th>From</th><th>Subject</th><th>Received (UTC)</th></tr>{rows}</table>"
        return _page(
            _FOLDERS.get(name, name), table if rows else "<p>No mail here.</p>", session, folder=name
        )

    def _read(self, session: Session, form: Form) -> Response:
        mail = self.sandbox.mail(session.address, form.get("id", ""))
        self.sandbox.mark_read(session.address, mail.id)
        link = urllib.parse.quote(mail.id, safe="")
        to = escape(", ".join(mail.recipients))
        people = f"From {escape(mail.sender)} to {to}, {mail.received:%Y-%m-%d %H:%M} UTC"
        body = (
            f'<iframe title="Mail" sandbox="{_SANDBOX}" src="/mail/html?id={link}"></iframe>'
            if mail.html
            else f"<pre>{escape(mail.text)}</pre>"
        )
        answer = f'<p><a href="/mail/reply?id={link}">Reply</a></p>'
        return _page(mail.subject or "(no subject)", f"<p>{people}</p>{answer}{body}", session)

    def _html(self, session: Session, form: Form) -> Response:
        mail = self.sandbox.mail(session.address, form.get("id", ""))
        headers = _headers(_MAIL_POLICY) | {"Content-Type": "text/html; charset=utf-8"}
        return Response(200, headers, _with_own_links(mail.html))

    def _reply_form(self, session: Session, form: Form) -> Response:
        mail = self.sandbox.mail(session.address, form.get("id", ""))
        fields = f'<input type="hidden" name="id" value="{escape(mail.id)}">{_textarea("")}'
        quoted = "<p>The mail that you answer will be quoted below your text.</p>"
        return _page(f"Reply: {mail.subject}", _form("reply", session, fields + quoted, "Send"), session)

    def _new_form(self, session: Session, form: Form) -> Response:
        given = _mailto(form["mailto"]) if "mailto" in form else form
        fields = (
            f'<label>To<input name="to" required value="{escape(given.get("to", ""))}"></label>'
            f'<label>Subject<input name="subject" value="{escape(given.get("subject", ""))}"></label>'
            f"{_textarea(given.get('body', ''))}"
        )
        return _page("New mail", _form("new", session, fields, "Send"), session)

    def _out_of_office_form(self, session: Session, form: Form) -> Response:
        away = self.sandbox.mailbox(session.address).out_of_office
        state = "Automatic replies are on." if away else "Automatic replies are off."
        fields = f"{_textarea(away.text if away else '')}<p>Leave the text empty to switch them off.</p>"
        return _page(
            "Out of office", f"<p>{state}</p>{_form('out-of-office', session, fields, 'Save')}", session
        )

    # -- actions ---------------------------------------------------------------------------------------------

    def _reply(self, session: Session, form: Form) -> None:
        self._sent(
            session, lambda: self.sandbox.reply_as(session.address, form.get("id", ""), form.get("text", ""))
        )

    def _new(self, session: Session, form: Form) -> None:
        to = [part.strip() for part in form.get("to", "").replace(";", ",").split(",") if part.strip()]
        subject, text = form.get("subject", ""), form.get("text", "")
        self._sent(session, lambda: self.sandbox.send_as(session.address, to=to, subject=subject, text=text))

    def _sent(self, session: Session, send: Callable[[], Outcome]) -> None:
        try:
            outcome = send()
        except (SendRefused, ValueError) as refused:
            session.note = f"Not sent: {refused}"
            return
        refused_by = ", ".join(outcome.refused)
        session.note = f"Sent, but nobody is at {refused_by}." if refused_by else "Sent."

    def _out_of_office(self, session: Session, form: Form) -> None:
        text = form.get("text", "").strip()
        self.sandbox.set_out_of_office(session.address, text or None)
        session.note = "Automatic replies are on." if text else "Automatic replies are off."


# -- pieces of pages ---------------------------------------------------------------------------------------------


def _row(mail: Mail) -> str:
    link = f"/mail/read?id={urllib.parse.quote(mail.id, safe='')}"
    unread = "" if mail.is_read else ' class="unread"'
    return (
        f'<tr{unread}><td>{escape(mail.sender)}</td><td><a href="{link}">{escape(mail.subject or "(no subject)")}</a>'
        f"</td><td>{mail.received:%Y-%m-%d %H:%M:%S}</td></tr>"
    )


def _textarea(text: str) -> str:
    return f'<label>Text<textarea name="text">\n{escape(text)}</textarea></label>'


def _form(action: str, session: Session, fields: str, button: str) -> str:
    return (
        f'<form method="post" action="/mail/{action}"><input type="hidden" name="csrf" value="{session.csrf}">'
        f"{fields}<button>{button}</button></form>"
    )


def _sign_in_page(wrong: str) -> Response:
    note = f'<p class="note" role="alert">{escape(wrong)}</p>' if wrong else ""
    form = (
        f'{note}<form method="post" action="/mail/sign-in">'
        '<label>Address<input name="address" type="email" autocomplete="username" required></label>'
        '<label>Password<input name="password" type="password" autocomplete="current-password" required></label>'
        "<button>Sign in</button></form>"
    )
    return _page("Sandbox mail", form, None, 403 if wrong else 200)


def _page(title: str, body: str, session: Session | None, status: int = 200, *, folder: str = "") -> Response:
    top = "" if session is None else _top(session, folder)
    page = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="stylesheet" href="/mail/style.css"></head><body>{top}<main><h1>{escape(title)}</h1>{body}</main>'
        "</body></html>"
    )
    return Response(status, _headers(_POLICY) | {"Content-Type": "text/html; charset=utf-8"}, page.encode())


def _top(session: Session, folder: str) -> str:
    links = "".join(
        f'<a href="/mail/folder?name={key}"{" aria-current=page" if key == folder else ""}>{name}</a>'
        for key, name in _FOLDERS.items()
    )
    note, session.note = session.note, ""
    said = f'<p class="note" role="status">{escape(note)}</p>' if note else ""
    sign_out = (
        f'<form class="inline" method="post" action="/mail/sign-out"><input type="hidden" name="csrf" '
        f'value="{session.csrf}"><button>Sign out</button></form>'
    )
    return (
        f'<header><nav>{links}<a href="/mail/new">New mail</a><a href="/mail/out-of-office">Out of office</a></nav>'
        f"<div>{escape(session.address)} {sign_out}</div></header>{said}"
    )


def _headers(policy: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }


def _redirect(where: str) -> Response:
    return Response(303, {"Location": where, "Cache-Control": "no-store"})


def _cookie(request: Request) -> str:
    try:
        found = SimpleCookie(request.header("cookie")).get(_COOKIE)
    except CookieError:
        return ""
    return "" if found is None else found.value


def _given(request: Request) -> str:
    return request.body.decode("utf-8", "replace") if request.method == "POST" else request.query


def _mailto(link: str) -> Form:
    """To, subject and body of a mailto: link (RFC 6068), in which `+` is a plus."""
    to, _, fields = link.removeprefix("mailto:").partition("?")
    given = {"to": urllib.parse.unquote(to)}
    for part in fields.split("&"):
        name, _, value = part.partition("=")
        given[name.lower()] = urllib.parse.unquote(value)
    return given


def _with_own_links(page: str) -> bytes:
    if not page.strip():
        return b""
    try:
        root = html.document_fromstring(
            page.encode("utf-8", "replace"), parser=html.HTMLParser(encoding="utf-8")
        )
    except (etree.ParserError, ValueError):
        return b""
    for link in root.iter("a"):
        target = link.get("href", "").strip()
        if target.lower().startswith("mailto:"):
            link.set("href", f"/mail/new?mailto={urllib.parse.quote('mailto:' + target[7:], safe='')}")
            link.set("target", "_top")
        else:
            link.set("target", "_blank")
            link.set("rel", "noopener noreferrer")
    return bytes(html.tostring(root, encoding="utf-8", doctype="<!DOCTYPE html>"))
