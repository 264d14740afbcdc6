"""How people's mail programs write replies and forwards: what they put around the quoted mail, in HTML and in text.

The structures are those of the programs as they are seen in mails: ids, classes, lines above the quote, the signs in
front of quoted lines. Names in them are English, as in programs that speak English; times are UTC.
"""

from __future__ import annotations

import textwrap
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import ClassVar

from lxml import etree
from lxml import html as lxml_html

from placet.sandbox import mime, outlook
from placet.sandbox.mime import Address, File
from placet.sandbox.tenant import Item

_LINE = "_" * 32
_NARROW = "\u202f"  # between the time and AM or PM, as Gmail and Apple's programs write it
_WIDTH = 78  # of a line above the quote, in text
_APART = frozenset(("br", "p", "div", "tr", "table", "li", "h1", "h2", "h3", "h4", "blockquote", "hr", "pre"))
_UNSEEN = frozenset(("script", "style", "head", "title", "template"))


@dataclass(frozen=True)
class Quote:
    """The mail that is answered or forwarded."""

    item: Item
    text: str
    html: str
    """What stood in its body."""

    @classmethod
    def of(cls, item: Item) -> Quote:
        content = item.content
        body = inner(content.html) if content.html.strip() else ""
        text = "\n".join((content.text or plain(content.html)).splitlines())
        return cls(item, text.strip("\n"), body or _lines(content.text))

    @property
    def sent(self) -> datetime:
        return self.item.sent

    @property
    def sender(self) -> Address:
        return self.item.from_ or Address("", "unknown")

    @property
    def subject(self) -> str:
        return self.item.subject

    def people(self, name: str, between: str = "; ") -> str:
        return between.join(map(shown, self.item.people(name)))


def shown(person: Address) -> str:
    return f"{person.name} <{person.address}>" if person.name else person.address


class Program(ABC):
    """A mail program. Each of its methods gives text or HTML for one part of a mail."""

    key: ClassVar[str]
    name: ClassVar[str]
    replies: ClassVar[str] = "Re: "
    forwards: ClassVar[str] = "Fwd: "
    headers: ClassVar[Mapping[str, str]] = {}

    def new_text(self, text: str) -> str:
        return text

    def new_html(self, text: str) -> str:
        return _lines(text)

    @abstractmethod
    def reply_text(self, quote: Quote) -> str: ...

    @abstractmethod
    def reply_html(self, quote: Quote) -> str: ...

    def forward_text(self, quote: Quote) -> str:
        return self.reply_text(quote)

    def forward_html(self, quote: Quote) -> str:
        return self.reply_html(quote)

    def page(self, new: str, quoted: str = "") -> str:
        return f"<html><head></head><body>{new}{quoted}</body></html>"


class NewOutlook(Program):
    """Outlook on the web and the new Outlook for Windows."""

    key = "outlook"
    name = "Outlook (new, and on the web)"
    replies, forwards = "RE: ", "FW: "

    def new_html(self, text: str) -> str:
        font = "font-family: Aptos, Calibri, sans-serif; font-size: 12pt; color: rgb(0, 0, 0);"
        return "".join(
            f'<div class="elementToProof" style="{font}">{escape(line) or "<br>"}</div>'
            for line in _each_line(text)
        )

    def reply_text(self, quote: Quote) -> str:
        return f"{_LINE}\n{_head_text(quote)}\n\n{quote.text}"

    def reply_html(self, quote: Quote) -> str:
        return (
            '<div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex="-1">'
            '<div id="divRplyFwdMsg" dir="ltr"><font face="Calibri, sans-serif" style="font-size:11pt" '
            f'color="#000000">{_head_html(quote)}</font><div>&nbsp;</div></div>{quote.html}'
        )


class Outlook(Program):
    """Outlook for Windows, which writes HTML with Word."""

    key = "outlook-classic"
    name = "Outlook (classic, for Windows)"
    replies, forwards = "RE: ", "FW: "

    def new_html(self, text: str) -> str:
        return "".join(
            f'<p class="MsoNormal">{escape(line) or "&nbsp;"}<o:p></o:p></p>' for line in _each_line(text)
        )

    def reply_text(self, quote: Quote) -> str:
        return f"{_head_text(quote)}\n\n{quote.text}"

    def reply_html(self, quote: Quote) -> str:
        rule = "border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0in 0in 0in"
        return (
            f'<p class="MsoNormal"><o:p>&nbsp;</o:p></p><div><div style="{rule}"><p class="MsoNormal">'
            f'{_head_html(quote)}<o:p></o:p></p></div></div><p class="MsoNormal"><o:p>&nbsp;</o:p></p>{quote.html}'
        )

    def page(self, new: str, quoted: str = "") -> str:
        spaces = (
            'xmlns:o="urn:schemas-microsoft-com:office:office" xmlns:w="urn:schemas-microsoft-com:office:word" '
            'xmlns="http://www.w3.org/TR/REC-html40"'
        )
        style = "p.MsoNormal, li.MsoNormal, div.MsoNormal {margin:0in;font-size:12.0pt;font-family:Aptos,sans-serif;}"
        return (
            f'<html {spaces}><head><meta name="Generator" content="Microsoft Word 15 (filtered medium)">'
            f'<style><!-- {style} --></style></head><body lang="EN-US" style="word-wrap:break-word">'
            f'<div class="WordSection1">{new}{quoted}</div></body></html>'
        )


class OutlookMobile(Program):
    """Outlook for iOS and Android, with the signature that it comes with."""

    key = "outlook-mobile"
    name = "Outlook (iPhone)"

    def new_text(self, text: str) -> str:
        return f"{text}\n\nGet Outlook for iOS<https://aka.ms/o0ukef>"

    def new_html(self, text: str) -> str:
        lines = "".join(f'<div dir="auto">{escape(line) or "<br>"}</div>' for line in _each_line(text))
        return (
            f'{lines}<div id="ms-outlook-mobile-body-separator-line" dir="auto"><br></div>'
            '<div id="ms-outlook-mobile-signature" dir="auto"><div>Get <a href="https://aka.ms/o0ukef">Outlook for '
            "iOS</a></div></div>"
        )

    def reply_text(self, quote: Quote) -> str:
        return f"{_LINE}\n{_head_text(quote, when='Date')}\n\n{quote.text}"

    def reply_html(self, quote: Quote) -> str:
        kind = "ms-outlook-mobile-reference-message skipProofing"
        rule = "padding: 3pt 0in 0in; border-width: 1pt medium medium; border-style: solid none none;"
        return (
            f'<div id="mail-editor-reference-message-container" class="{kind}"><div class="{kind}" style="{rule} '
            f'border-color: rgb(181, 196, 223) currentcolor currentcolor; font-size: 12pt;">'
            f"{_head_html(quote, when='Date')}<br><br></div>{quote.html}</div>"
        )


class Gmail(Program):
    """Gmail in the browser."""

    key = "gmail"
    name = "Gmail"

    def new_html(self, text: str) -> str:
        first, *others = _each_line(text)
        rest = "".join(f"<div>{escape(line) or '<br>'}</div>" for line in others)
        return f'<div dir="ltr">{escape(first)}{rest}</div>'

    def reply_text(self, quote: Quote) -> str:
        return f"{_wrapped(f'On {_gmail_time(quote)} {shown(quote.sender)} wrote:')}\n\n{_marked(quote.text)}"

    def reply_html(self, quote: Quote) -> str:
        address = escape(quote.sender.address)
        who = f'{escape(quote.sender.name)} &lt;<a href="mailto:{address}">{address}</a>&gt;'
        return (
            '<br><div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">'
            f"On {_gmail_time(quote)} {who} wrote:<br></div>"
            '<blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid '
            f'rgb(204,204,204);padding-left:1ex">{quote.html}</blockquote></div>'
        )

    def forward_text(self, quote: Quote) -> str:
        head = "\n".join(f"{name}: {value}" for name, value in self._forwarded(quote))
        return f"---------- Forwarded message ---------\n{head}\n\n\n{quote.text}"

    def forward_html(self, quote: Quote) -> str:
        head = "<br>".join(f"{name}: {escape(value)}" for name, value in self._forwarded(quote))
        return (
            '<br><div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">'
            f"---------- Forwarded message ---------<br>{head}<br></div><br><br>{quote.html}</div>"
        )

    def _forwarded(self, quote: Quote) -> list[tuple[str, str]]:
        return [
            ("From", shown(quote.sender)),
            ("Date", _gmail_time(quote)),
            ("Subject", quote.subject),
            ("To", quote.people("to", ", ")),
        ]


class AppleMail(Program):
    """Mail on a Mac or an iPhone."""

    key = "apple-mail"
    name = "Apple Mail"
    headers: ClassVar = {"X-Mailer": "Apple Mail (2.3864.100.1)"}

    def reply_text(self, quote: Quote) -> str:
        return _marked(f"{self._above(quote)}\n\n{quote.text}")

    def reply_html(self, quote: Quote) -> str:
        return self._cited(f"<div>{escape(self._above(quote))}</div>", quote)

    def forward_text(self, quote: Quote) -> str:
        return _marked(
            f"Begin forwarded message:\n\n{_head_text(quote, when='Date', order=_APPLE)}\n\n{quote.text}"
        )

    def forward_html(self, quote: Quote) -> str:
        return self._cited(
            f"<div>Begin forwarded message:</div><br>{_head_html(quote, when='Date', order=_APPLE)}", quote
        )

    def _above(self, quote: Quote) -> str:
        time = f"{quote.sent:%b} {quote.sent.day}, {quote.sent:%Y}, at {_clock(quote.sent)}"
        return f"On {time}, {shown(quote.sender)} wrote:"

    def _cited(self, above: str, quote: Quote) -> str:
        return (
            f'<div><br><blockquote type="cite">{above}<br class="Apple-interchange-newline"><div>{quote.html}</div>'
            "</blockquote></div><br>"
        )

    def page(self, new: str, quoted: str = "") -> str:
        style = "overflow-wrap: break-word; -webkit-nbsp-mode: space; line-break: after-white-space;"
        return f'<html><head></head><body style="{style}">{new}{quoted}</body></html>'


class Thunderbird(Program):
    key = "thunderbird"
    name = "Thunderbird"
    headers: ClassVar = {"User-Agent": "Mozilla Thunderbird"}

    def new_html(self, text: str) -> str:
        return f"<p>{_lines(text)}</p>"

    def reply_text(self, quote: Quote) -> str:
        return f"{self._above(quote)}\n{_marked(quote.text)}"

    def reply_html(self, quote: Quote) -> str:
        cited = escape((quote.item.message_id or "").strip("<>"))
        return (
            f'<div class="moz-cite-prefix">{escape(self._above(quote))}<br></div>'
            f'<blockquote type="cite" cite="mid:{cited}">{quote.html}</blockquote>'
        )

    def forward_text(self, quote: Quote) -> str:
        return f"-------- Forwarded Message --------\n{_head_text(quote, when='Date', order=_MOZILLA)}\n\n{quote.text}"

    def forward_html(self, quote: Quote) -> str:
        rows = "".join(
            f'<tr><th valign="BASELINE" align="RIGHT" nowrap="nowrap">{name}: </th><td>{escape(value)}</td></tr>'
            for name, value in _head(quote, when="Date", order=_MOZILLA)
        )
        return (
            '<div class="moz-forward-container"><br><br>-------- Forwarded Message --------<table '
            'class="moz-email-headers-table" cellspacing="0" cellpadding="0" border="0"><tbody>'
            f"{rows}</tbody></table><br><br>{quote.html}</div>"
        )

    def _above(self, quote: Quote) -> str:
        time = f"{quote.sent.month}/{quote.sent.day}/{quote.sent:%Y} {_clock(quote.sent, ' ')}"
        return f"On {time}, {quote.sender.name or quote.sender.address} wrote:"

    def page(self, new: str, quoted: str = "") -> str:
        return f"<!DOCTYPE html><html><head></head><body>{new}{quoted}</body></html>"


_ALL: tuple[Program, ...] = (NewOutlook(), Outlook(), OutlookMobile(), Gmail(), AppleMail(), Thunderbird())
PROGRAMS: Mapping[str, Program] = {program.key: program for program in _ALL}
DEFAULT = NewOutlook.key


def program(key: str) -> Program:
    """Raises ValueError for a program that is not known here."""
    if key not in PROGRAMS:
        raise ValueError(f"There is no mail program {key}; there are {', '.join(PROGRAMS)}.")
    return PROGRAMS[key]


# -- whole mails -----------------------------------------------------------------------------------------------


def new(
    sender: Address,
    to: Sequence[str],
    subject: str,
    text: str,
    *,
    key: str,
    cc: Sequence[str] = (),
    files: Sequence[File] = (),
) -> bytes:
    """A mail that answers nothing."""
    with_ = program(key)
    html, headers = with_.page(with_.new_html(text)), with_.headers
    return outlook.compose(
        sender, to, subject, with_.new_text(text), html=html, cc=cc, headers=headers, files=files
    )


def reply(
    sender: Address,
    original: Item,
    text: str,
    *,
    key: str = DEFAULT,
    html: str | None = None,
    to: Sequence[str] = (),
    cc: Sequence[str] = (),
    subject: str | None = None,
    files: Sequence[File] = (),
) -> bytes:
    """A reply to a mail, with the original quoted below: to its Reply-To or From unless others are named.

    `html` is the new part as HTML; without it the text is used. A reply to a mail with HTML has both.
    """
    with_, quote = program(key), Quote.of(original)
    both = bool(original.content.html or html)
    return outlook.compose(
        sender,
        list(to) or [str(p) for p in answered(original)],
        subject or titled(with_.replies, original.subject),
        f"{with_.new_text(text)}\n\n{with_.reply_text(quote)}",
        html=with_.page(html or with_.new_html(text), with_.reply_html(quote)) if both else None,
        cc=cc,
        headers={**threading(original), **with_.headers},
        files=files,
    )


def forward(
    sender: Address,
    original: Item,
    text: str,
    to: Sequence[str],
    *,
    key: str = DEFAULT,
    cc: Sequence[str] = (),
    subject: str | None = None,
    files: Sequence[File] = (),
) -> bytes:
    """A mail handed on to somebody else, its files with it."""
    with_, quote = program(key), Quote.of(original)
    both = bool(original.content.html)
    return outlook.compose(
        sender,
        to,
        subject or titled(with_.forwards, original.subject),
        f"{with_.new_text(text)}\n\n{with_.forward_text(quote)}",
        html=with_.page(with_.new_html(text), with_.forward_html(quote)) if both else None,
        cc=cc,
        headers={**threading(original), **with_.headers},
        files=[*mime.files(original.mime), *files],
    )


def answered(original: Item) -> list[Address]:
    """To whom a reply goes."""
    return original.people("reply-to") or original.people("from")


def others(original: Item, me: str) -> list[Address]:
    """Who gets a copy of a reply to all: everybody else who got the mail."""
    known = {me.lower(), *(person.address.lower() for person in answered(original))}
    found = {person.address.lower(): person for name in ("to", "cc") for person in original.people(name)}
    return [person for address, person in found.items() if address not in known]


def threading(original: Item) -> dict[str, str]:
    """The headers by which mail programs put mails of one conversation together."""
    references = " ".join(filter(None, (original.header("references"), original.message_id)))
    headers = {"In-Reply-To": original.message_id or "", "References": references}
    return {name: value for name, value in headers.items() if value}


def titled(prefix: str, subject: str) -> str:
    return subject if subject.lower().startswith(prefix.lower().strip()) else f"{prefix}{subject}"


# -- pieces ----------------------------------------------------------------------------------------------------

_MICROSOFT = ("From", "Sent", "To", "Cc", "Subject")
_APPLE = ("From", "Subject", "Sent", "To", "Cc")
_MOZILLA = ("Subject", "Sent", "From", "To", "Cc")


def _head(quote: Quote, *, when: str = "Sent", order: Sequence[str] = _MICROSOFT) -> list[tuple[str, str]]:
    values = {
        "From": shown(quote.sender),
        "Sent": f"{quote.sent:%A, %B} {quote.sent.day}, {quote.sent:%Y} {_clock(quote.sent, ' ')}",
        "To": quote.people("to"),
        "Cc": quote.people("cc"),
        "Subject": quote.subject,
    }
    named = [(when if name == "Sent" else name, values[name]) for name in order]
    return [(name, value) for name, value in named if value or name != "Cc"]


def _head_text(quote: Quote, *, when: str = "Sent", order: Sequence[str] = _MICROSOFT) -> str:
    return "\n".join(f"{name}: {value}" for name, value in _head(quote, when=when, order=order))


def _head_html(quote: Quote, *, when: str = "Sent", order: Sequence[str] = _MICROSOFT) -> str:
    lines = _head(quote, when=when, order=order)
    return "<br>".join(f"<b>{name}:</b> {escape(value)}" for name, value in lines)


def _gmail_time(quote: Quote) -> str:
    return f"{quote.sent:%a, %b} {quote.sent.day}, {quote.sent:%Y} at {_clock(quote.sent)}"


def _clock(at: datetime, space: str = _NARROW) -> str:
    return f"{at.hour % 12 or 12}:{at:%M}{space}{at:%p}"


def _marked(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def _wrapped(line: str) -> str:
    return textwrap.fill(line, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _each_line(text: str) -> list[str]:
    return text.splitlines() or [""]


def _lines(text: str) -> str:
    return "<br>".join(escape(line) for line in text.splitlines())


def parsed(page: str) -> lxml_html.HtmlElement | None:
    """A page as a tree; None where nothing can be made of it."""
    if not page.strip():
        return None
    try:
        return lxml_html.document_fromstring(
            page.encode("utf-8", "replace"), parser=lxml_html.HTMLParser(encoding="utf-8")
        )
    except (etree.ParserError, ValueError):
        return None


def inner(page: str) -> str:
    """What stands in the body of a page."""
    root = parsed(page)
    body = None if root is None else root.find("body")
    if body is None:
        return ""
    children = "".join(lxml_html.tostring(child, encoding="unicode") for child in body)
    return escape(body.text or "") + children


def plain(page: str) -> str:
    """The words of a page, without its layout."""
    root = parsed(page)
    pieces: list[str] = []
    for event, element in etree.iterwalk(root, events=("start", "end")) if root is not None else ():
        if event == "start" and isinstance(element.tag, str) and element.tag not in _UNSEEN:
            apart = "\n" if element.tag in _APART else ""
            pieces.append(apart + " ".join((element.text or "").split()) + " ")
        elif event == "end":
            pieces.append(
                ("\n" if element.tag in _APART else "") + " ".join((element.tail or "").split()) + " "
            )
    lines = (" ".join(line.split()) for line in "".join(pieces).split("\n"))
    return "\n".join(line for line in lines if line)
