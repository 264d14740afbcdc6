"""Replies as mail programs write them: a text as the answer above, below, or inside the quote of an ask.

Each program is a function that gives the plain text and, where the program sends it, the HTML of one reply. They
are written from knowledge of these programs; what they say in each language stands in `locales.py`.

Below and inside: programs that mark quoted lines mark them; the HTML ones close the quote around the answer, which
they can where the quote is simple, so there they quote the ask's plain text. Outlook and its kin mark nothing: only
who knows the ask can tell what was written into it.
"""

import base64
import quopri
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from email.header import Header
from enum import StrEnum
from html import escape

from benchmarks.reading.ask import ADDRESS, APPROVER, APPROVER_ADDRESS, CODE, INSIDE, NAME, Ask
from benchmarks.reading.locales import LOCALES, Locale

_WRAP = 76  # columns at which programs break the lines of plain text
_SIGNED = f"{APPROVER}\nHead of Approvals, Contoso"


class Place(StrEnum):
    """Where the answer stands."""

    ABOVE = "above"
    BELOW = "below"
    INSIDE = "inside"


@dataclass(frozen=True)
class Answered:
    """One answer to one ask, to be written by a program."""

    text: str
    place: Place
    locale: Locale
    ask: Ask
    name: str = NAME  # of whoever wrote what is answered
    address: str = ADDRESS  # "": the program does not show it

    @property
    def who(self) -> str:
        return f"{self.name} <{self.address}>" if self.address else self.name

    def line(self, template: str) -> str:
        """A line above a quote."""
        return template.format(who=self.who, name=self.name, address=self.address)


@dataclass(frozen=True)
class Body:
    """What a program sends."""

    text: str
    html: str = ""  # "": plain text alone
    flowed: bool = False  # format=flowed, RFC 3676

    def with_below(self, text: str) -> "Body":
        """With something more that its sender wrote below all the rest."""
        before, end, after = self.html.rpartition("</body>")
        markup = f"{before}{_divs(text)}{end}{after}" if end else f"{after}{_divs(text)}" * bool(self.html)
        return replace(self, text=f"{self.text}\n\n{text}\n" * bool(self.text), html=markup)


Program = Callable[[Answered], Body]


# --- pieces -------------------------------------------------------------------------------------------------------


def _placed(answer: str, intro: str, quoted: Sequence[str], reply: Answered, gap: str = "\n\n") -> str:
    """The answer, the line above the quote, and the quote in the order of the reply's place."""
    quote = "\n".join(quoted)
    if reply.place is Place.ABOVE:
        return f"{answer}{gap}{intro}\n{quote}\n"
    if reply.place is Place.BELOW:
        return f"{intro}\n{quote}\n\n{answer}\n"
    at = _middle(quoted, reply.ask)
    return "\n".join([intro, *quoted[:at], "", answer, "", *quoted[at:], ""])


def _middle(quoted: Sequence[str], ask: Ask) -> int:
    """Behind the line that an answer inside stands below, or where that was broken, who asks for what."""
    return next(at for words in (ask.inside, INSIDE) for at, line in enumerate(quoted, 1) if words in line)


def _marked(text: str, width: int | None = None) -> list[str]:
    """Lines with the sign of a quote, broken where they are long."""
    lines = text.strip("\n").split("\n")
    if width:
        lines = [piece for line in lines for piece in _broken(line, width)]
    return [f"> {line}".rstrip() if line else ">" for line in lines]


def _broken(line: str, width: int = _WRAP) -> list[str]:
    if len(line) <= width:
        return [line]
    return textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False)


def _wrapped(text: str) -> str:
    """Hard line breaks, as Gmail and Outlook put them into the plain text of what was written in HTML."""
    return "\n".join(piece for line in text.split("\n") for piece in _broken(line))


def _flowed(text: str) -> str:
    """Long lines broken with a blank at the end, which says that the next one goes on (RFC 3676)."""
    return "\n".join(" \n".join(_flowed_pieces(line)) for line in text.split("\n"))


def _flowed_pieces(line: str) -> list[str]:
    if line.startswith(">"):
        return [f"> {piece}".rstrip() for piece in _broken(line[1:].lstrip(" "), 72)]
    stuffed = f" {line}" if line.startswith((" ", "From ")) else line  # RFC 3676 4.4
    return _broken(stuffed, 72)


def _brs(text: str) -> str:
    return "<br>\n".join(escape(line) for line in text.split("\n"))


def _divs(text: str, start: str = "<div>") -> str:
    return "".join(f"{start}{escape(line) or '<br>'}</div>\n" for line in text.split("\n"))


@dataclass(frozen=True)
class _Quote:
    """How a program writes a quote in HTML."""

    opening: str
    closing: str
    before: str = ""  # above the quote
    head: str = ""  # at its beginning
    after: str = ""  # closes what `before` opened
    gap: str = "<br>"

    def around(self, reply: Answered, answer: str) -> str:
        """The quote of the ask, with the answer in its place."""
        if reply.place is Place.INSIDE:
            first, second = map(_brs, _halves(reply.ask))
            return (
                f"{self.before}{self.opening}{self.head}{first}{self.closing}{answer}"
                f"{self.opening}{second}{self.closing}{self.after}"
            )
        quote = f"{self.before}{self.opening}{self.head}{_inner(reply.ask.html)}{self.closing}{self.after}"
        return f"{answer}{self.gap}{quote}" if reply.place is Place.ABOVE else f"{quote}{self.gap}{answer}"


def _halves(ask: Ask) -> tuple[str, str]:
    """The text of an ask, above and below the answer inside it."""
    lines = ask.text.strip("\n").split("\n")
    at = _middle(lines, ask)
    return "\n".join(lines[:at]), "\n".join(lines[at:])


def _inner(markup: str) -> str:
    """Styles and body of a page, as a program puts them into its own."""
    start = markup.index("<body")
    style = "".join(
        piece.partition("</style>")[0].join(("<style", "</style>"))
        for piece in markup[:start].split("<style")[1:]
    )
    return style + markup[markup.index(">", start) + 1 : markup.rindex("</body>")]


def _unmarked(reply: Answered, head: str, answer: str) -> str:
    """HTML of the programs that put a block of headers above a quote and mark nothing in it."""
    quote = _inner(reply.ask.html)
    if reply.place is Place.ABOVE:
        return f"{answer}{head}{quote}"
    if reply.place is Place.BELOW:
        return f"{head}{quote}{answer}"
    first, second = map(_divs, _halves(reply.ask))
    return f"{head}{first}{answer}{second}"


def _header_block(
    reply: Answered, date_label: str = "", order: Sequence[int] = (0, 1, 2, 3)
) -> list[tuple[str, str]]:
    """Labels and values above a quote."""
    from_, sent, to, subject = reply.locale.labels
    block = [
        (from_, reply.who),
        (date_label or sent, reply.locale.sent),
        (to, f"{APPROVER} <{APPROVER_ADDRESS}>"),
        (subject, reply.ask.subject),
    ]
    return [block[at] for at in order]


def _as_lines(block: Sequence[tuple[str, str]]) -> str:
    return "\n".join(f"{label} {value}" for label, value in block)


def _as_html(block: Sequence[tuple[str, str]]) -> str:
    return "<br>\n".join(f"<b>{escape(label)}</b> {escape(value)}" for label, value in block)


def _quoted_text(reply: Answered) -> list[str]:
    return reply.ask.text.strip("\n").split("\n")


# --- Outlook ------------------------------------------------------------------------------------------------------


def outlook_desktop(reply: Answered) -> Body:
    block = _header_block(reply)
    paragraphs = "".join(
        f'<p class="MsoNormal"><span lang="EN-US">{escape(line) or "&nbsp;"}<o:p></o:p></span></p>\n'
        for line in f"{reply.text}\n\n{_SIGNED}".split("\n")
    )
    head = (
        '<p class="MsoNormal"><o:p>&nbsp;</o:p></p><div><div style="border:none;border-top:solid #E1E1E1 1.0pt;'
        'padding:3.0pt 0cm 0cm 0cm"><p class="MsoNormal"><span lang="EN-US" style="mso-fareast-language:DE">'
        f"{_as_html(block)}<o:p></o:p></span></p></div></div><p class='MsoNormal'><o:p>&nbsp;</o:p></p>"
    )
    return Body(
        _placed(_wrapped(f"{reply.text}\n\n{_SIGNED}"), _as_lines(block) + "\n", _quoted_text(reply), reply),
        '<html xmlns:o="urn:schemas-microsoft-com:office:office"><head><meta name="Generator" '
        'content="Microsoft Word 15 (filtered medium)"><style><!--\np.MsoNormal, li.MsoNormal {margin:0cm;'
        'font-size:11.0pt;font-family:"Calibri",sans-serif;}\n--></style></head><body lang="DE" link="#0563C1">'
        f'<div class="WordSection1">{_unmarked(reply, head, paragraphs)}</div></body></html>',
    )


def outlook_colleague(reply: Answered) -> Body:
    """Of somebody in the address book of the organisation it shows the name alone."""
    return outlook_desktop(replace(reply, address=""))


def _outlook_head(reply: Answered) -> str:
    return (
        '<div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex="-1">'
        '<div id="divRplyFwdMsg" dir="ltr"><font face="Calibri, sans-serif" style="font-size:11pt" color="#000000">'
        f"{_as_html(_header_block(reply))}</font><div>&nbsp;</div></div>"
    )


def outlook_web(reply: Answered) -> Body:
    answer = _divs(
        reply.text, '<div class="elementToProof" style="font-family:Aptos,Calibri;font-size:12pt">'
    )
    intro = f"{'_' * 32}\n{_as_lines(_header_block(reply))}\n"
    return Body(
        _placed(reply.text, intro, _quoted_text(reply), reply, "\n\n"),
        '<html><head><style type="text/css">P {margin-top:0;margin-bottom:0;}</style></head><body dir="ltr">'
        f"{_unmarked(reply, _outlook_head(reply), answer)}</body></html>",
    )


def outlook_ios(reply: Answered) -> Body:
    footer = reply.locale.outlook_ios
    answer = _divs(reply.text, '<div dir="ltr">') + (
        '<div id="ms-outlook-mobile-signature" dir="ltr"><div><br></div>'
        f'<a href="https://aka.ms/o0ukef">{escape(footer)}</a></div>'
    )
    intro = f"{'_' * 32}\n{_as_lines(_header_block(reply))}\n"
    return Body(
        _placed(f"{reply.text}\n\n{footer}<https://aka.ms/o0ukef>", intro, _quoted_text(reply), reply, "\n"),
        f"<html><body>{_unmarked(reply, _outlook_head(reply), answer)}</body></html>",
    )


_BANNER = (
    "You don't often get email from ann@contoso.example. Learn why this is important"
    "<https://aka.ms/LearnAboutSenderIdentification>\n"
    "[EXTERNAL] Do not click links or open attachments unless you trust the sender.\n"
)
_DISCLAIMER = (
    "This e-mail is confidential and may be privileged. If you are not the intended recipient, please notify the "
    "sender and delete it; you must not use it, and no contract is approved by it."
)


def outlook_outside(reply: Answered) -> Body:
    """Outlook on the web, with what servers on the way add: banners on top, a disclaimer below, other links."""
    body = outlook_web(replace(reply, ask=with_other_links(reply.ask)))
    banner = (
        '<table border="0" cellspacing="0" cellpadding="0" align="left" width="100%"><tr><td '
        f'style="background:#ffb900;padding:5pt 2pt 5pt 2pt"></td><td width="100%">{_brs(_BANNER)}</td></tr></table>'
    )
    disclaimer = f'<p style="font-size:8pt;color:gray">{_DISCLAIMER}</p></body>'
    return Body(
        f"{_BANNER}\n{body.text}\n\n{_DISCLAIMER}\n",
        body.html.replace('<body dir="ltr">', f'<body dir="ltr">{banner}').replace("</body>", disclaimer),
    )


def with_other_links(ask: Ask) -> Ask:
    """As Microsoft Defender for Office 365 rewrites them."""
    safe = "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2F"
    return replace(
        ask, text=ask.text.replace("https://", safe), html=ask.html.replace('href="https://', f'href="{safe}')
    )


# --- Google, Apple, Mozilla ---------------------------------------------------------------------------------------


def gmail_web(reply: Answered) -> Body:
    intro = reply.line(reply.locale.gmail)
    shown = escape(intro).replace(reply.address, f'<a href="mailto:{reply.address}">{reply.address}</a>')
    head = f'<div dir="ltr" class="gmail_attr">{shown}<br></div>'
    return Body(
        _placed(_wrapped(reply.text), _wrapped(intro) + "\n", _marked(reply.ask.text, _WRAP), reply),
        _Quote(
            '<blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid '
            'rgb(204,204,204);padding-left:1ex">',
            "</blockquote>",
            before=f'<div class="gmail_quote gmail_quote_container">{head}',
            after="</div>",
        ).around(reply, f'<div dir="ltr">{_brs(reply.text)}</div>'),
    )


def gmail_android(reply: Answered) -> Body:
    intro = reply.line(reply.locale.gmail)
    return Body(
        _placed(_wrapped(reply.text), _wrapped(intro) + "\n", _marked(reply.ask.text, _WRAP), reply),
        _Quote(
            '<blockquote class="gmail_quote" style="margin:0 0 0 .8ex;border-left:1px #ccc solid;padding-left:1ex">',
            "</blockquote>",
            before=f'<div class="gmail_quote"><div dir="ltr" class="gmail_attr">{escape(intro)}<br></div>',
            after="</div>",
        ).around(reply, f'<div dir="auto">{_brs(reply.text)}</div>'),
    )


def apple_mail(reply: Answered) -> Body:
    intro = reply.line(reply.locale.apple)
    return Body(
        _flowed(_placed(reply.text, f"> {intro}\n> ", _marked(reply.ask.text), reply)),
        '<html><head></head><body style="overflow-wrap: break-word; -webkit-nbsp-mode: space;">'
        + _Quote(
            '<div><blockquote type="cite"><div>',
            "</div></blockquote></div>",
            head=f'{escape(intro)}</div><br class="Apple-interchange-newline"><div>',
        ).around(reply, _divs(reply.text))
        + "</body></html>",
        flowed=True,
    )


def iphone(reply: Answered) -> Body:
    intro, footer = reply.line(reply.locale.apple), reply.locale.iphone
    return Body(
        _placed(f"{reply.text}\n\n{footer}", f"> {intro}\n> ", _marked(reply.ask.text), reply),
        '<html><body dir="auto">'
        + _Quote(
            '<blockquote type="cite"><div dir="ltr">',
            "</div></blockquote>",
            before=f'<div dir="ltr"><br><blockquote type="cite">{escape(intro)}<br><br></blockquote></div>',
            gap="",
        ).around(
            reply,
            f'{_brs(reply.text)}<br id="lineBreakAtBeginningOfSignature"><div dir="ltr">{escape(footer)}</div>',
        )
        + "</body></html>",
    )


def thunderbird(reply: Answered) -> Body:
    intro = reply.line(reply.locale.thunderbird)
    return Body(
        _flowed(_placed(f"{reply.text}\n", intro, _marked(reply.ask.text), reply)) + f"\n-- \n{_SIGNED}\n",
        '<!DOCTYPE html><html><head><meta http-equiv="Content-Type" content="text/html; charset=UTF-8"></head><body>'
        + _Quote(
            '<blockquote type="cite" cite="mid:0123456789abcdef@contoso.example">',
            "</blockquote>",
            before=f'<div class="moz-cite-prefix">{escape(intro)}<br></div>',
        ).around(reply, f"<p>{_brs(reply.text)}</p>")
        + f'<pre class="moz-signature" cols="72">-- \n{escape(_SIGNED)}</pre></body></html>',
        flowed=True,
    )


def thunderbird_text(reply: Answered) -> Body:
    return Body(thunderbird(reply).text, flowed=True)


# --- others -------------------------------------------------------------------------------------------------------


_YAHOO_LINE = '<div dir="ltr" data-setdir="false">'


def yahoo(reply: Answered) -> Body:
    intro = reply.line(reply.locale.yahoo or LOCALES["en"].yahoo)
    return Body(
        _placed(
            f" {reply.text}",
            f"    {intro}  \n ",
            [f" {line}  " for line in _quoted_text(reply)],
            reply,
            "\n",
        ),
        "<html><head></head><body>"
        + _Quote(
            '<div id="yahoo_quoted_3141592653" class="yahoo_quoted"><div style="color:#26282a;"><div>',
            "</div></div></div>",
            head=f"{escape(intro)}</div><div><br></div><div>",
        ).around(reply, f'<div class="ydp1yahoo-style-wrap">{_divs(reply.text, _YAHOO_LINE)}</div>')
        + "</body></html>",
    )


def samsung(reply: Answered) -> Body:
    """Its quote has no marks, neither in the text nor in the HTML."""
    label = f"-------- {reply.locale.original} --------"
    block = _header_block(reply, reply.locale.date)
    head = f'<div dir="auto"><!-- originalMessage --><div>{escape(label)}</div><div>{_as_html(block)}</div></div>'
    return Body(
        _placed(reply.text, f"{label}\n{_as_lines(block)}\n", _quoted_text(reply), reply),
        f"<html><body>{_unmarked(reply, head, _divs(reply.text, '<div dir=auto>') + '<div><br></div>')}</body></html>",
    )


def gmx(reply: Answered) -> Body:
    """HTML alone; the date stands before the sender."""
    block = _header_block(reply, order=(1, 0, 2, 3))
    return Body(
        "",
        '<html><head></head><body><div style="font-family: Verdana;font-size: 12.0px;">'
        + _Quote(
            '<div name="quote" style="margin:10px 5px 5px 10px; padding: 10px 0 10px 10px; border-left:2px solid '
            '#C3D9E5;"><div style="margin:0 0 10px 0;">',
            "</div></div>",
            head=f'{_as_html(block)}</div><div name="quoted-content">',
        ).around(reply, _divs(reply.text))
        + "</div></body></html>",
    )


def mail_ru(reply: Answered) -> Body:
    russian = reply.locale is LOCALES["ru"]
    intro = (
        f"Вторник, 24 ноября 2026, 10:00 +03:00 от {reply.who}:"
        if russian
        else f"Tuesday, 24 November 2026, 10:00 +03:00 from {reply.who}:"
    )
    return Body(
        _placed(reply.text, f"{intro}\n", _marked(reply.ask.text), reply),
        "<HTML><BODY>"
        + _Quote(
            '<blockquote style="border-left:1px solid #0857A6; margin:10px; padding:0 0 0 10px;"><div id="">',
            "</div></blockquote>",
            before=f"<br>{escape(intro)}<br>",
        ).around(reply, f"<div>{_brs(reply.text)}</div>")
        + "</BODY></HTML>",
    )


def notes(reply: Answered) -> Body:
    block = _header_block(reply, reply.locale.date, (0, 2, 1, 3))
    lines = "\n".join(f"{label:<15}{value}" for label, value in block)
    head = (
        '<br><br><font size=1 color=#5f5f5f face="sans-serif">'
        + "<br>".join(
            f'{escape(label)} &nbsp; &nbsp; &nbsp; &nbsp;</font><font size=1 face="sans-serif">{escape(value)}</font>'
            '<font size=1 color=#5f5f5f face="sans-serif">'
            for label, value in block
        )
        + "</font><br><hr noshade><br><br>"
    )
    return Body(
        _placed(reply.text, f"\n\n{lines}\n\n", _quoted_text(reply), reply),
        _unmarked(reply, head, f'<font size=2 face="sans-serif">{_brs(reply.text)}</font><br>'),
    )


def mutt(reply: Answered) -> Body:
    """Speaks English unless somebody sets it; plain text only."""
    intro = f"On Tue, Nov 24, 2026 at 10:00:00AM +0100, {reply.name} wrote:"
    return Body(_placed(reply.text, intro, _marked(reply.ask.text), reply) + f"\n-- \n{_SIGNED}\n")


def proton(reply: Answered) -> Body:
    intro = f"On Tuesday, November 24th, 2026 at 10:00 AM, {reply.who} wrote:"
    footer = "Sent with [Proton Mail](https://proton.me/mail/home) secure email."
    return Body(
        _placed(f"{reply.text}\n\n{footer}", f"{intro}\n", _marked(reply.ask.text), reply),
        _Quote(
            '<div class="protonmail_quote"><blockquote class="protonmail_quote" type="cite">',
            "</blockquote></div>",
            before=f'<div class="protonmail_quote">{escape(intro)}<br></div>',
        ).around(
            reply,
            _divs(reply.text, '<div style="font-family: Arial, sans-serif; font-size: 14px;">')
            + '<div class="protonmail_signature_block"><div class="protonmail_signature_block-proton">Sent with '
            '<a target="_blank" href="https://proton.me/mail/home">Proton Mail</a> secure email.</div></div>',
        ),
    )


def qq(reply: Answered) -> Body:
    """Speaks Chinese or English."""
    chinese = reply.locale is LOCALES["zh"]
    labels = (
        ("发件人:", "发送时间:", "收件人:", "主题:") if chinese else ("From:", "Date:", "To:", "Subject:")
    )
    title = f"{'-' * 18}&nbsp;{'原始邮件' if chinese else 'Original'}&nbsp;{'-' * 18}"
    block = [(label, value) for label, (_, value) in zip(labels, _header_block(reply), strict=True)]
    head = (
        '<div><includetail><div><br></div><div style="font-size: 12px;font-family: Arial Narrow;">'
        f'{title}</div><div style="font-size: 12px;background:#efefef;padding:8px;">{_as_html(block)};</div>'
        "<div><br></div></includetail></div>"
    )
    return Body(
        _placed(
            reply.text,
            f"{title.replace('&nbsp;', ' ')}\n{_as_lines(block)}\n\n",
            _quoted_text(reply),
            reply,
        ),
        _unmarked(reply, head, _divs(reply.text)),
    )


PROGRAMS: Mapping[str, Program] = {
    "Outlook desktop": outlook_desktop,
    "Outlook, a colleague": outlook_colleague,
    "Outlook web": outlook_web,
    "Outlook iOS": outlook_ios,
    "Outlook from outside": outlook_outside,
    "Gmail web": gmail_web,
    "Gmail Android": gmail_android,
    "Apple Mail": apple_mail,
    "iPhone": iphone,
    "Thunderbird": thunderbird,
    "Thunderbird, text": thunderbird_text,
    "Yahoo": yahoo,
    "Samsung": samsung,
    "GMX": gmx,
    "mail.ru": mail_ru,
    "Notes": notes,
    "mutt": mutt,
    "Proton": proton,
    "QQ": qq,
}
# They mark no line as quoted, so what is written below or inside is known only to who knows the ask.
UNMARKED = frozenset(
    (
        "Outlook desktop",
        "Outlook, a colleague",
        "Outlook web",
        "Outlook iOS",
        "Outlook from outside",
        "Yahoo",
        "Samsung",
        "Notes",
        "QQ",
    )
)
# What small charsets lack and is written with other signs then.
_TYPEWRITER = str.maketrans({"“": '"', "”": '"', "’": "'", "–": "-", "—": "-"})
# Encoded as older installations do, in the language's own charset where the text can be written in it.
_OLD = frozenset(("Outlook desktop", "Notes", "mutt", "Thunderbird, text", "QQ", "mail.ru"))
_BASE64 = frozenset(("Outlook web", "Gmail web", "QQ", "mail.ru", "Outlook iOS"))


# --- the mail -----------------------------------------------------------------------------------------------------


def write(program: str, reply: Answered, head: Sequence[str] = ()) -> bytes:
    """The mail that a program sends, with these headers or the usual ones."""
    return written(program, PROGRAMS[program](reply), reply, head)


def written(program: str, body: Body, reply: Answered, head: Sequence[str] = ()) -> bytes:
    """The same of a body, which need not be the program's own."""
    charset = reply.locale.charset if program in _OLD else "utf-8"
    if charset != "utf-8":
        body = replace(body, text=body.text.translate(_TYPEWRITER), html=body.html.translate(_TYPEWRITER))
    if not _fits(body.text + body.html, charset):
        charset = "utf-8"
    head = head or [
        f"From: {APPROVER} <{APPROVER_ADDRESS}>",
        f"To: approvals+{CODE}@contoso.example",
        f"Subject: {_header(f'{reply.locale.again} {reply.ask.subject}')}",
        "Date: Tue, 24 Nov 2026 11:00:00 +0100",
        "Message-ID: <reply@contoso.example>",
        "In-Reply-To: <0123456789abcdef@contoso.example>",
        "References: <0123456789abcdef@contoso.example>",
    ]
    head = [*head, "MIME-Version: 1.0"]
    as_base64 = program in _BASE64
    parts = [_part("plain", body.text, charset, as_base64, body.flowed)] if body.text else []
    if body.html:
        parts.append(_part("html", body.html, charset, as_base64))
    if len(parts) == 1:
        return _lines(head) + parts[0]
    return _lines([*head, 'Content-Type: multipart/alternative; boundary="=_alternative"', ""]) + b"".join(
        [*(b"--=_alternative\r\n" + part + b"\r\n" for part in parts), b"--=_alternative--\r\n"]
    )


def _header(text: str) -> str:
    return text if text.isascii() else Header(text, "utf-8", maxlinelen=200).encode()


def _part(subtype: str, text: str, charset: str, as_base64: bool, flowed: bool = False) -> bytes:
    content = text.replace("\n", "\r\n").encode(charset)
    encoded = (
        base64.encodebytes(content) if as_base64 else quopri.encodestring(content.replace(b"\r\n", b"\n"))
    )
    encoding = "base64" if as_base64 else "quoted-printable"
    kind = f'text/{subtype}; charset="{charset}"' + ("; format=flowed" if flowed else "")
    return _lines([f"Content-Type: {kind}", f"Content-Transfer-Encoding: {encoding}", ""]) + encoded.replace(
        b"\n", b"\r\n"
    )


def _lines(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode("ascii")


def _fits(text: str, charset: str) -> bool:
    try:
        return text.encode(charset).decode(charset) == text
    except UnicodeError:
        return False
