"""The frame of every page, and pieces that several pages have.

Text goes into pages through `fill` alone, so that what a mail says is never markup here.
"""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from placet.sandbox.httpd import Response
from placet.sandbox.webmail.markup import Html, fill, fill_each

HERE = Path(__file__).parent
FILES = {"webmail.css": "text/css; charset=utf-8", "webmail.js": "text/javascript; charset=utf-8"}
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
NOTHING = Html("")


def file(name: str) -> Response:
    """The style or the script of the pages."""
    headers = headers_with(POLICY) | {"Content-Type": FILES[name]}
    return Response(200, headers, (HERE / name).read_bytes())


def page(
    title: str,
    body: Html,
    *,
    top: Html = NOTHING,
    aside: Html = NOTHING,
    note: str = "",
    news: str = "",
    brand: tuple[str, str, str] = ("/mail/", "Contoso Mail", "sandbox"),
    status: int = 200,
) -> Response:
    """A whole page. `news` is where its script asks whether something has changed; `brand` leads to the first page."""
    said = fill('<p class="note" role="status">{}</p>', note) if note else NOTHING
    document = fill(
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{} · {} ({})</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="stylesheet" href="/mail/webmail.css"><script src="/mail/webmail.js" defer></script></head>'
        '<body data-news="{}"><a class="skip" href="#content">Skip to the content</a>'
        '<header class="bar"><a class="brand" href="{}">{} <span>{}</span></a>{}</header>'
        '<div class="desk">{}<main id="content" tabindex="-1">'
        '<p class="sr" id="said" aria-live="polite"></p>{}{}</main>'
        "</div></body></html>",
        title,
        *brand[1:],
        news,
        *brand,
        top,
        aside,
        said,
        body,
    )
    headers = headers_with(POLICY) | {"Content-Type": "text/html; charset=utf-8"}
    return Response(status, headers, document.encode("utf-8", "replace"))


def headers_with(policy: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        # With less than this a browser would not say where a form comes from.
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


def redirect(where: str) -> Response:
    return Response(303, {"Location": where, "Cache-Control": "no-store"})


def as_json(value: object) -> Response:
    headers = headers_with(POLICY) | {"Content-Type": "application/json"}
    return Response(200, headers, json.dumps(value).encode())


def link(where: str, **query: str) -> str:
    return f"{where}?{urllib.parse.urlencode(query)}" if query else where


def time(at: datetime) -> Html:
    """Short, with all of it on hover; the script puts it into the reader's own zone."""
    now = datetime.now(UTC)
    today = at.astimezone(UTC).date() == now.date()
    short = f"{at:%H:%M}" if today else f"{at.day} {at:%b}" if at.year == now.year else f"{at.day} {at:%b %Y}"
    return fill('<time datetime="{}" title="{} UTC">{}</time>', at.isoformat(), f"{at:%Y-%m-%d %H:%M}", short)


def field(label: str, name: str, value: str = "", *, kind: str = "text", **more: str) -> Html:
    """A line of a form. An attribute's `_` stands for `-`; an empty value makes it one without a value."""
    return fill(
        '<div class="field"><label for="{}">{}</label><input id="{}" name="{}" type="{}" value="{}"{}></div>',
        name, label, name, name, kind, value, _attributes(more),
    )  # fmt: skip


def textarea(label: str, name: str, value: str, **more: str) -> Html:
    return fill(
        '<div class="field"><label for="{}">{}</label><textarea id="{}" name="{}" rows="9"{}>\n{}</textarea></div>',
        name, label, name, name, _attributes(more), value,
    )  # fmt: skip


def select(label: str, name: str, options: Mapping[str, str], chosen: str, help_: str = "") -> Html:
    rows = fill_each(
        "",
        '<option value="{}"{}>{}</option>',
        ((value, Html(" selected") if value == chosen else "", text) for value, text in options.items()),
    )
    said = fill('<p class="help" id="{}-help">{}</p>', name, help_) if help_ else NOTHING
    described = fill(' aria-describedby="{}-help"', name) if help_ else NOTHING
    return fill(
        '<div class="field"><label for="{}">{}</label><select id="{}" name="{}"{}>{}</select>{}</div>',
        name, label, name, name, described, rows, said,
    )  # fmt: skip


def tick(label: str, name: str, on: bool, help_: str = "") -> Html:
    said = fill('<p class="help" id="{}-help">{}</p>', name, help_) if help_ else NOTHING
    return fill(
        '<div class="tick"><input type="checkbox" id="{}" name="{}"{}{}><label for="{}">{}</label>{}</div>',
        name, name, Html(" checked") if on else "",
        fill(' aria-describedby="{}-help"', name) if help_ else "",
        name, label, said,
    )  # fmt: skip


def hidden(fields: Mapping[str, str]) -> Html:
    return fill_each("", '<input type="hidden" name="{}" value="{}">', fields.items())


def _attributes(more: Mapping[str, str]) -> Html:
    return fill_each(
        "", ' {}="{}"', ((name.rstrip("_").replace("_", "-"), value) for name, value in more.items())
    )


def together(pieces: Iterable[Html]) -> Html:
    return fill_each("", "{}", ((piece,) for piece in pieces))


def wrong(sentence: str) -> Html:
    return fill('<p class="note bad" role="alert">{}</p>', sentence) if sentence else NOTHING


def open_button(address: str, label: Html | str, *, main: bool = False, tab: bool = False) -> Html:
    """Opens a mailbox without its password."""
    return fill(
        '<form method="post" action="/mail/open" class="inline"{}>{}<button{}>{}</button></form>',
        Html(' target="_blank"') if tab else "",
        hidden({"address": address}),
        Html(' class="main"') if main else "",
        label,
    )
