"""Hostile and odd mails decide nothing: what nobody sees, what cannot be read, what says two things, what others
wrote. Each goes through `parse` and `read_mail`, with the ask known and not known, as the path of a reply does it."""

import base64
from collections.abc import Mapping, Sequence
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest

from benchmarks.reading.ask import CODE, ask
from placet.accounts.models import Person
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes.base import Folder, Received
from placet.replies.parse import Kind, Mail, OwnMail, parse
from placet.replies.parse.original import Original, without_original
from placet.replies.read import read_mail, read_text
from placet.replies.read_phrases import Match, PhraseTree
from tests.journeys.conftest import World, sandbox, way, world
from tests.journeys.letters import INTERNAL, reply_to
from tests.rotation import whole

__all__ = ["sandbox", "way", "world"]  # fixtures

OWN = OwnMail("approvals@contoso.example", "placet.contoso.example")
HEAD = (
    "From: Ann Approver <ann@contoso.example>\r\n"
    f"To: approvals+{CODE}@contoso.example\r\n"
    f"Subject: RE: Please decide: Desk [#{CODE}]\r\n"
    "MIME-Version: 1.0\r\n"
)


def mail(content_type: str, body: str, encoding: str = "8bit", more: str = "") -> bytes:
    """One reply as bytes."""
    head = f"{HEAD}{more}Content-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + body.encode("utf-8", "surrogatepass")


def plain(text: str) -> bytes:
    return mail("text/plain; charset=utf-8", text)


def html(markup: str) -> bytes:
    return mail("text/html; charset=utf-8", f"<html><body>{markup}</body></html>")


def parsed(raw: bytes) -> Mail:
    return parse(Received("1", Folder.INBOX, raw, "", "IPM.Note", None, len(raw)), OWN)


def outcomes(raw: bytes) -> set[str | None]:
    """What a reply is read as, without and with the ask known."""
    found = parsed(raw)
    return {read_mail(one).outcome for one in (found, without_original(found, Original.of(ask().raw)))}


def test_the_same_mails_decide_where_they_are_what_they_seem() -> None:
    """What the others below are variations of."""
    assert outcomes(plain("Approved")) == {"approve"}
    assert outcomes(html("<p>Approved</p>")) == {"approve"}
    assert outcomes(html("<p>Rejected</p>")) == {"reject"}


# --- what nobody sees ---------------------------------------------------------------------------------------------

# What hides a text, as declarations of CSS.
HIDING = (
    "display:none", "DISPLAY:NONE", "display:/**/none", "visibility:hidden", "visibility:collapse", "mso-hide:all",
    "font-size:0", "font-size:0pt", "font-size:1px;line-height:0", "font:0/0 Arial", "height:0;overflow:hidden",
    "max-height:0px;overflow:hidden", "width:0;overflow:clip", "color:#ffffff", "color:#fff", "color:white",
    "color:rgb(255,255,255)", "color:rgba(255,255,255,1)", "color:hsl(0,0%,100%)", "color:#fefefe",
    "color:transparent", "color:rgba(0,0,0,0)", "-webkit-text-fill-color:#fff", "background:#000;color:#000",
    "background-color:#123;color:#123", "opacity:0", "opacity:.05", "filter:opacity(0)",
    "position:absolute;left:-9999px", "text-indent:-9999px", "margin-top:-9999px", "transform:scale(0)",
    "clip-path:inset(100%)", "zoom:0", "text-decoration:line-through",
)  # fmt: skip
# Where they stand, with {hides} for them.
BY: Mapping[str, str] = {
    "inline": '<div style="{hides}">Approved</div>',
    "inline, important": '<div style="{important}">Approved</div>',
    "a class": "<style>.x{{{hides}}}</style><div class=x>Approved</div>",
    "a class of an element": "<style>p.x, div.x {{ {hides} }}</style><div class='y x'>Approved</div>",
    "a class in capitals": "<STYLE>.X{{{hides}}}</STYLE><div class=X>Approved</div>",
    "an id": "<style>#x{{{hides}}}</style><div id=x>Approved</div>",
    "an element": "<style>i{{{hides}}}</style><i>Approved</i>",
    "everything": "<style>*{{{hides}}}</style><i>Approved</i>",
    "an attribute": "<style>[title=x]{{{hides}}}</style><div title=x>Approved</div>",
    "a nested selector": "<style>.x .y{{{hides}}}</style><div class=x><div><div class=y>Approved</div></div></div>",
    "a child": "<style>.x > div{{{hides}}}</style><div class=x><div>Approved</div></div>",
    "around it": "<style>.x{{{hides}}}</style><div class=x><div>Approved</div></div>",
    "a condition that holds": "<style>@media screen{{.x{{{hides}}}}}</style><div class=x>Approved</div>",
    "an important rule": "<style>.x{{{important}}}</style><div class=x style='color:black'>Approved</div>",
    "a rule that is more specific": "<style>div.x{{{hides}}} .x{{color:black}}</style><div class=x>Approved</div>",
    "a rule that comes later": "<style>.y{{color:black}} .x{{{hides}}}</style><div class='x y'>Approved</div>",
    "a rule behind many": "<style>{many}.x{{{hides}}}</style><div class=x>Approved</div>",
    "a rule behind too many": "<style>{too_many}.x{{{hides}}}</style><div class=x>Approved</div>",
}
MANY = "".join(f".z{number}{{color:#123456}}" for number in range(600))


def hidden_by(form: str, hides: str) -> str:
    important = ";".join(f"{declared} !important" for declared in hides.split(";"))
    return form.format(hides=hides, important=important, many=MANY, too_many=MANY * 4)


HIDDEN: Mapping[str, str] = {
    "the hidden attribute": "<div hidden>Approved</div>",
    "white on white, by an old tag": '<font color="white">Approved</font>',
    "white on white, by numbers of an old tag": "<font color=#FFFFFF>Approved</font>",
    "black on black, by old attributes": (
        "<table bgcolor=#000000><tr><td><font color=black>Approved</font></td></tr></table>"
    ),
    "white by a rule, on white by an attribute": (
        "<style>.x{color:#fff}</style><table bgcolor=white><tr><td class=x>Approved</td></tr></table>"
    ),
    "an old tag in the colour of a rule": (
        "<style>.x{background:#000}</style><div class=x><font color=#000>Approved</font></div>"
    ),
    "a comment": "<!-- Approved -->",
    "a conditional comment": "<!--[if mso]>Approved<![endif]-->",
    "a style": "<style>Approved</style>",
    "a script": "<script>Approved</script>",
    "a picture's description": '<img src="cid:1" alt="Approved">',
    "a tooltip": '<p title="Approved"></p>',
    "a field": '<input value="Approved"><textarea>Approved</textarea>',
    "a list to choose from": "<select><option selected>Approved</option></select>",
    "what stands for a script": "<noscript>Approved</noscript><template>Approved</template>",
    "a preheader": '<div style="display:none;max-height:0;mso-hide:all;font-size:1px">Approved</div>',
}
# The same means where a text can be seen all the same.
SEEN: Mapping[str, str] = {
    "white on a dark ground, by one rule": "<style>.x{background:#123;color:#fff}</style><p class=x>Approved</p>",
    "white on a dark ground around": (
        "<style>.x{color:#fff}</style><div style='background:#123'><p class=x>Approved</p></div>"
    ),
    "undone by the element itself": "<style>.x{color:#fff}</style><p class=x style='color:#000'>Approved</p>",
    "undone inside": "<style>.x{color:#fff} .y{color:#111}</style><div class=x><p class=y>Approved</p></div>",
    "undone by an important rule": "<style>.x{color:#111 !important}</style><p class=x style='color:#fff'>Approved</p>",
    "undone by one that is more specific": "<style>p.x{color:#111} .x{color:#fff}</style><p class=x>Approved</p>",
    "shown again": "<style>.x{display:none}</style><p class=x style='display:block'>Approved</p>",
    "for dark screens": "<style>@media (prefers-color-scheme: dark){.x{color:#fff}}</style><p class=x>Approved</p>",
    "for paper": "<style>@media print{.x{display:none}}</style><p class=x>Approved</p>",
    "for others": "<style>.y{color:#fff} #x{display:none} i{font-size:0}</style><p class=x>Approved</p>",
    "as Outlook writes": (
        "<style><!-- p.MsoNormal, li.MsoNormal {margin:0cm;font-size:11.0pt;color:windowtext;} --></style>"
        "<p class=MsoNormal>Approved</p>"
    ),
    "behind many rules": f"<style>{MANY}</style><p class=z599>Approved</p>",
}


@pytest.mark.parametrize("markup", SEEN.values(), ids=list(SEEN))
def test_text_that_can_be_seen_decides(markup: str) -> None:
    assert outcomes(html(markup)) == {"approve"}


@pytest.mark.parametrize("by", BY)
def test_text_that_css_hides_decides_nothing(by: str, request: pytest.FixtureRequest) -> None:
    """Each declaration in every third place, others in each; behind many rules a look takes long."""
    step = 9 if "behind" in by else 1 if whole(request.config) else 3
    for hides in HIDING[list(BY).index(by) % step :: step]:
        markup = hidden_by(BY[by], hides)
        assert outcomes(html(markup)) == {None}, markup[-200:]
        assert "approve" not in outcomes(html(f"<p>Rejected</p>{markup}")), markup[-200:]


# --- what is not understood and may hide --------------------------------------------------------------------------

# Ways in which a browser may find the element that nobody spelt out here, each of which holds for ELEMENT.
SELECTORS = (
    ".x:not(.y)", ":is(.x, .y)", ":where(.x)", "div:first-child", "div:nth-of-type(2n+1)", "p + div", "p ~ div",
    "[class^=x]", "[class$='x']", "[class*=\"x\"]", "[class~=x]", "[lang|=en]", "html>body>.x", ".\\78", ":root .x",
    ".x:future-pseudo(2)", "body:has(.x) div", "*|div", "#z + p + div", "body :not(p)", ".x::first-line",
)  # fmt: skip
ELEMENT = "<p id=z></p><p></p><div class=x lang=en>Approved</div>"
CONDITIONS = (
    "@media (min-width:1px)", "@media screen and (min-width:100px)", "@media not print", "@media (width > 1px)",
    "@media (future-feature: 1)", "@supports (color: red)", "@supports not (a: b)", "@container (width > 1px)",
    "@layer a", "@scope (body)", "@import url(a);@media all", "@media print, screen", ".y, body",
)  # fmt: skip
# Values for what can hide that are known to hide, or that only a browser knows.
VALUES = (
    "d\\69splay:none", "display:no\\6e e", "opacity:1e-9", "opacity:calc(0)", "opacity:min(0, 1)",
    "visibility:var(--x)", "font-size:calc(0px)", "font-size:1e-3px", "font-size:0.001cm",
    "font-size:clamp(0px,0px,0px)",
    "font:calc(0px) Arial", "color:linen", "color:#fffffff", "color:#ffffff0", "color:oklch(100% 0 0)",
    "color:color-mix(in srgb, white, white)", "color:rgb(255 255 255 / 1)", "color:rgb(from white r g b)",
    "color:hwb(0 100% 0%)", "color:lab(100 0 0)", "color:var(--x, white)", "color:rgba(0, 0, 0, 5%)",
    "color:rgb(100% 100% 100%)", "color:floralwhite", "background:linear-gradient(#000,#000)",
    "background:no-repeat #000", "background-image:image-set('a')", "height:2px;overflow:hidden",
    "height:calc(0px);overflow:clip", "width:0.01em;overflow-x:hidden", "max-height:1e-5cm;overflow:hidden",
    "overflow:hidden;text-indent:100%;white-space:nowrap", "position:fixed;left:200vw", "position:absolute;top:5000px",
    "position:absolute;left:calc(-100vw)", "margin-left:-200vw", "text-indent:-99em", "transform:matrix(0,0,0,0,0,0)",
    "transform:rotateY(90deg)", "transform:translate(-200vw)", "scale:0", "scale:0 1", "zoom:1%", "filter:blur(99px)",
    "filter:brightness(99)", "mask:url(a)", "clip-path:circle(0)", "-webkit-text-security:disc",
    "animation:x 0s forwards", "letter-spacing:-1em", "display:table-column", "content:url(a)",
    "position:relative;z-index:-1", "unicode-bidi:bidi-override;direction:rtl", "opacity:.3;filter:opacity(.05)",
)  # fmt: skip
ATTRIBUTES = (
    "<body text=white>Approved", "<body text='#fffffe'>Approved", "<body text=fff>Approved",
    "<body bgcolor=black>Approved", "<body link=white><a href=x>Approved</a>", "<font color=fefefe>Approved</font>",
    "<font color=white><p color=black>Approved</p></font>", "<noframes>Approved</noframes>",
    "<noembed>Approved</noembed>", "<progress>Approved</progress>", "<meter>Approved</meter>",
    "<img alt='👍' width=0 height=0>", "<img alt='👍' width=1>", "<img alt='👍' style='height:0'>",
    "<bdo dir=rtl>Approved</bdo>", "<marquee height=0>Approved</marquee>",
    "<div style='opacity:.4'><div style='opacity:.4'><div style='opacity:.4'>Approved</div></div></div>",
    "<div style='font-size:.3em'><div style='font-size:.3em'>Approved</div></div>",
    "<style>.q{content:'{'} .x{display:none}</style><div class=x>Approved</div>",
    "<style>body{.x{display:none}}</style><div class=x>Approved</div>",
    "<style>.x{& {} display:none}</style><div class=x>Approved</div>",
    "<style media='(min-width: 1px)'>.x{display:none}</style><div class=x>Approved</div>",
    "<style>.x::before{content:'Not '}</style><div class=x>Approved</div>",
)  # fmt: skip
# The same, where nothing is hidden or it is known that the condition does not hold.
UNDERSTOOD = (
    "<style>.y:not(.z){display:none} .y + div{color:#fff}</style><div class=x>Approved</div>",
    "<style>a:hover{display:none} a:visited{color:#fff} a:link{color:#0563C1}</style><a href=x>Approved</a>",
    "<style>@media only screen and (max-width:480px){.x{display:none!important}}</style><div class=x>Approved</div>",
    "<style>@media only screen and (min-width:480px){.x{width:100%!important}}</style><div class=x>Approved</div>",
    "<style>@font-face{font-family:a} @page W{size:8in} div.x{page:W}</style><div class=x>Approved</div>",
    "<style>@keyframes a{from{opacity:0}to{opacity:1}}</style><div class=x>Approved</div>",
    "<style>u + .x a, #y a:not(.z){color:inherit!important;font-size:inherit}</style><a class=x>Approved</a>",
    "<style>[class^=y]{display:none}</style><div class=x>Approved</div>",
    "<div style='font-family:\"a;display:none\"'>Approved",
    "<div style='color:rgb(32, 31, 30);background:rgb(255,255,255) none repeat scroll 0% 0%'>Approved",
    "<div style='caret-color:#000;color:#1F497D;mso-style-priority:99;letter-spacing:normal;transform:none'>Approved",
    "<div style='overflow:hidden;height:auto;max-width:600px;position:relative;opacity:1'>Approved",
    "<div style='position:absolute;left:5px'></div><div style='margin:0 0 0 -5.4pt;font:11pt/1.2 Arial'>Approved",
    "<body lang=EN-US link='#0563C1' vlink='#954F72' style='word-wrap:break-word'><p>Approved",
    "<div style='font-size:0'><span style='font-size:medium'>Approved",
    "<div style='display:none;font-size:calc(0px)'>&nbsp;</div><p>Approved",
)  # fmt: skip


def unclear(markup: str) -> None:
    assert outcomes(html(markup)) == {None}, markup
    assert "approve" not in outcomes(html(f"<p>Rejected</p>{markup}")), markup


def test_a_selector_that_is_not_understood_may_hold() -> None:
    for at, selector in enumerate(SELECTORS):
        unclear(f"<style>{selector}{{{HIDING[at % len(HIDING)]}}}</style>{ELEMENT}")


def test_a_condition_that_is_not_understood_may_hold() -> None:
    for at, condition in enumerate(CONDITIONS):
        hides = HIDING[-at % len(HIDING)]
        unclear(f"<style>{condition}{{.x{{{hides}}}}}</style><div class=x>Approved</div>")


@pytest.mark.parametrize("form", [BY["inline"], BY["a class"], BY["around it"]])
def test_a_value_that_is_not_understood_may_hide(form: str) -> None:
    for hides in VALUES:
        unclear(hidden_by(form, hides.replace('"', "'")))


@pytest.mark.parametrize("markup", ATTRIBUTES)
def test_other_ways_to_hide_decide_nothing(markup: str) -> None:
    assert outcomes(html(f"<html>{markup}</html>")) == {None}


@pytest.mark.parametrize("markup", UNDERSTOOD)
def test_what_is_understood_and_hides_nothing_decides(markup: str) -> None:
    assert outcomes(html(markup)) == {"approve"}


def test_what_may_be_hidden_below_our_mail_does_not_matter() -> None:
    quote = f"<blockquote><div style='color:var(--x)'>{ask().text}</div></blockquote>"
    assert outcomes(html(f"<p>Approved</p><p>{GMAIL}</p>{quote}")) == {"approve"}
    head = OUTLOOK.replace("\n", "<br>")
    below = f"<p>Approved</p><hr id=stopSpelling>{head}<p style='scale:var(--x)'>Desk"
    assert "approve" in outcomes(html(below))


@pytest.mark.parametrize("markup", HIDDEN.values(), ids=list(HIDDEN))
def test_text_that_nobody_sees_decides_nothing(markup: str) -> None:
    assert outcomes(html(markup)) == {None}
    assert outcomes(html(f"{markup}<p>Thank you</p>")) == {None}


@pytest.mark.parametrize("markup", HIDDEN.values(), ids=list(HIDDEN))
def test_text_that_nobody_sees_does_not_change_what_is_seen(markup: str) -> None:
    assert "approve" not in outcomes(html(f"<p>Rejected</p>{markup}"))


def test_a_title_decides_nothing() -> None:
    raw = mail("text/html", "<html><head><title>Approved</title></head><body><p>&nbsp;</p></body></html>")
    assert outcomes(raw) == {None}


# --- what cannot be read ------------------------------------------------------------------------------------------

WINMAIL = base64.b64encode(b"\x78\x9f\x3e\x22" + b"Approved" * 4).decode()
ATTACHED = (
    'Content-Disposition: attachment; filename="{0}"\r\n'
    "Content-Transfer-Encoding: base64\r\n\r\nQXBwcm92ZWQ=\r\n"
)
WRAPPER = "Content-Type: text/plain; charset=utf-8\r\n\r\nApproved\r\n"


def multipart(subtype: str, *parts: str) -> bytes:
    body = "".join(f"--b\r\n{part}\r\n" for part in parts) + "--b--\r\n"
    return mail(f'multipart/{subtype}; boundary="b"', body)


SEALED: Mapping[str, bytes] = {
    "winmail.dat alone": mail('application/ms-tnef; name="winmail.dat"', WINMAIL, "base64"),
    "winmail.dat beside no text": multipart(
        "mixed",
        "Content-Type: text/plain\r\n\r\n\r\n",
        f'Content-Type: application/ms-tnef; name="winmail.dat"\r\n{ATTACHED.format("winmail.dat")}',
    ),
    "S/MIME, encrypted": mail(
        'application/pkcs7-mime; smime-type=enveloped-data; name="smime.p7m"', "QXBwcm92ZWQ=", "base64"
    ),
    "S/MIME, signed in one piece": mail(
        'application/x-pkcs7-mime; smime-type=signed-data; name="smime.p7m"', "QXBwcm92ZWQ=", "base64"
    ),
    "PGP/MIME": multipart(
        "encrypted; protocol=application/pgp-encrypted",
        "Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n",
        "Content-Type: application/octet-stream\r\n\r\nApproved\r\n",
    ),
    "PGP/MIME as Exchange leaves it": multipart(
        "mixed",
        WRAPPER,
        "Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n",
        f"Content-Type: application/octet-stream\r\n{ATTACHED.format('encrypted.asc')}",
    ),
    "S/MIME that a server gave another type": multipart(
        "mixed",
        WRAPPER,
        f"Content-Type: application/octet-stream; name=smime.p7m\r\n{ATTACHED.format('smime.p7m')}",
    ),
    "PGP in the text": plain(
        "Approved\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nhQEMA\r\n-----END PGP MESSAGE-----\r\n"
    ),
    "Purview": multipart(
        "mixed",
        WRAPPER,
        f"Content-Type: application/x-microsoft-rpmsg-message\r\n{ATTACHED.format('message.rpmsg')}",
    ),
    "Purview, newer": multipart(
        "mixed", WRAPPER, f"Content-Type: application/octet-stream\r\n{ATTACHED.format('message_v2.rpmsg')}"
    ),
}


@pytest.mark.parametrize("raw", SEALED.values(), ids=list(SEALED))
def test_a_mail_that_cannot_be_read_decides_nothing(raw: bytes) -> None:
    assert outcomes(raw) == {None}
    assert parsed(raw).sealed


@pytest.mark.django_db
@pytest.mark.parametrize("raw", SEALED.values(), ids=list(SEALED))
def test_the_proved_sender_of_such_a_mail_is_told_to_use_the_page(world: World, raw: bytes) -> None:
    _, asked = world.asked()
    placed = raw.replace(HEAD.encode(), answered(world.people["bob"], reply_to(asked), asked.subject))
    world.sandbox.place("approvals", placed)
    world.run_until_quiet()
    assert world.results() == ["sealed"], IncomingMail.objects.get().verdict
    assert world.decisions() == []
    assert world.open_for("bob") == 1
    told = OutgoingMail.objects.get(kind="refusal-sealed")
    assert told.to == world.people["bob"].email
    assert "please decide on the page" in text_of(bytes(told.raw))


def answered(person: Person, to: str, subject: str) -> bytes:
    """The headers of a colleague's answer, as the server stamps them."""
    stamps = "".join(f"{line}\r\n" for line in INTERNAL)
    head = f"{stamps}From: {person.email}\r\nTo: {to}\r\nSubject: RE: {subject}\r\nMIME-Version: 1.0\r\n"
    return f"{head}Date: Tue, 24 Nov 2026 10:00:00 +0000\r\nMessage-ID: <sealed@contoso.example>\r\n".encode()


def text_of(raw: bytes) -> str:
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    part = message.get_body(("plain",))
    assert part is not None
    return " ".join(str(part.get_content()).split())


# --- what says two things -----------------------------------------------------------------------------------------

TWO = (
    "Approved. Rejected.",
    "Approved\n\nRejected",
    "approve / reject",
    "APPROVE or REJECT",
    "Yes and no",
    "Yes. No.",
    "I approve this. On second thought, I reject it.",
    "Approved, no wait, rejected",
    "[x] Approve\n[x] Reject",
    "Decision: approve\nDecision: reject",
    "Decision: approve / reject",
    "Q1: [yes]\nQ1: [no]",
    "Ja, abgelehnt",
    "Genehmigt. Nein.",
    "Oui, refusé",
    "Sí, rechazado",
    "👍👎",
    "✅ ❌",
    "Approved for the desk, rejected for the chair.",
    "genehmigt rejected",
)


@pytest.mark.parametrize("text", TWO)
def test_two_decisions_in_one_mail_decide_nothing(text: str) -> None:
    assert outcomes(plain(text)) == {None}


@pytest.mark.parametrize("text", TWO)
def test_two_decisions_around_the_quote_decide_nothing(text: str) -> None:
    quote = "\r\n".join(f"> {line}" for line in ask().text.split("\n"))
    below = plain(
        f"Approved\r\n\r\nOn Tue, Nov 24, 2026 at 10:00 AM, Placet wrote:\r\n{quote}\r\n\r\nRejected\r\n"
    )
    assert "approve" not in outcomes(below)
    assert "reject" not in outcomes(below)


def test_text_and_html_that_differ_decide_nothing_by_the_one_that_is_hidden() -> None:
    raw = multipart(
        "alternative",
        "Content-Type: text/plain; charset=utf-8\r\n\r\n\r\n",
        'Content-Type: text/html; charset=utf-8\r\n\r\n<p style="display:none">Approved</p><p>Thanks</p>\r\n',
    )
    assert outcomes(raw) == {None}


# --- what others wrote --------------------------------------------------------------------------------------------

OTHERS: Mapping[str, str] = {
    "a reply-all chain": (
        "Adding Dave.\n\nFrom: Carol Finance <carol@contoso.example>\nSent: Tuesday, November 24, 2026 9:00 AM\n"
        "To: Ann Approver <ann@contoso.example>\nSubject: RE: Desk\n\nApproved.\n\nFrom: Placet\n"
        "Sent: Monday, November 23, 2026 9:00 AM\nTo: Carol\nSubject: Desk\n\nPlease decide."
    ),
    "a chain with marks": (
        "See below.\n\nOn Tue, Nov 24, 2026 at 9:00 AM Carol <carol@contoso.example> wrote:\n\n> Approved.\n>\n"
        "> On Mon, Nov 23, 2026 at 9:00 AM Dave <dave@contoso.example> wrote:\n>\n>> Rejected.\n"
    ),
    "a chain in German": (
        "Zur Kenntnis.\n\n-----Ursprüngliche Nachricht-----\nVon: Carola <carola@contoso.example>\n"
        "Gesendet: Dienstag, 24. November 2026 09:00\nAn: Anne\nBetreff: AW: Tisch\n\nGenehmigt.\n"
    ),
    "a chain alone": (
        "On Tue, Nov 24, 2026 at 9:00 AM Carol <carol@contoso.example> wrote:\n\n> Approved.\n"
    ),
    "a forwarded request": (
        "Can you look at this?\n\n---------- Forwarded message ---------\nFrom: Placet <approvals@contoso.example>\n"
        "Date: Tue, Nov 24, 2026 at 10:00 AM\nSubject: Please decide: Desk\nTo: Ann <ann@contoso.example>\n\n\n"
        "{ask}\n"
    ),
    "a forwarded request without a word": (
        "\n\nBegin forwarded message:\n\nFrom: Placet <approvals@contoso.example>\nSubject: Please decide: Desk\n"
        "Date: 24 November 2026 at 10:00:00 CET\nTo: Ann <ann@contoso.example>\n\n{ask}\n"
    ),
    "a forwarded decision": (
        "FYI\n\n-------- Forwarded Message --------\nSubject: Re: Desk\nDate: Tue, 24 Nov 2026 10:00:00 +0100\n"
        "From: Carol <carol@contoso.example>\nTo: Ann <ann@contoso.example>\n\nApproved\n"
    ),
    "our ask and nothing else": "{ask}",
    "our ask as a quote and nothing else": "{quoted}",
    "somebody else's decision told": "Carol said: approved.",
    "somebody else's decision reported": "Carol has approved this.",
    "the instruction quoted": "“approve” or “reject” on the first line",
}


@pytest.mark.parametrize("text", OTHERS.values(), ids=list(OTHERS))
def test_what_others_wrote_decides_nothing(text: str) -> None:
    asked = ask().text
    quoted = "\n".join(f"> {line}" for line in asked.split("\n"))
    assert outcomes(plain(text.format(ask=asked, quoted=quoted))) == {None}


def test_an_attached_mail_decides_nothing() -> None:
    raw = multipart(
        "mixed",
        "Content-Type: text/plain; charset=utf-8\r\n\r\nSee attached.\r\n",
        "Content-Type: message/rfc822\r\n\r\nFrom: carol@contoso.example\r\n\r\nApproved\r\n",
        f"Content-Type: text/plain\r\n{ATTACHED.format('approved.txt')}",
    )
    assert outcomes(raw) == {None}


ASKED = ask().text.strip("\n")
QUOTED = "\n".join(f"> {line}".rstrip() for line in ASKED.split("\n"))
GMAIL = "On Tue, Nov 24, 2026 at 10:00 AM Placet <approvals@contoso.example> wrote:"
OUTLOOK = (
    "From: Bob Boss <bob@contoso.example>\nSent: Tuesday, November 24, 2026 11:00 AM\n"
    "To: Ann Approver <ann@contoso.example>\nSubject: RE: Desk\n"
)
# Somebody answered below or inside our mail; the sender's program then quotes all of it without marks.
INNER: Mapping[str, str] = {
    "below": f"{GMAIL}\n{QUOTED}\n\nRejected.",
    "below, in German": f"Am 24.11.2026 um 10:00 schrieb Placet:\n{QUOTED}\n\nRejected.",
    "inside": f"{GMAIL}\n{QUOTED.replace('> Amount', chr(10) + 'Rejected.' + chr(10) * 2 + '> Amount', 1)}",
    "below a block": f"{OUTLOOK.replace('Bob Boss', 'Placet')}\n{ASKED}\n\nRejected.",
}
OUTER: Mapping[str, str] = {
    "Outlook": OUTLOOK,
    "Outlook on a telephone": f"________________________________\n{OUTLOOK}",
    "Outlook, old": f"-----Original Message-----\n{OUTLOOK}",
    "Yahoo": "On Tuesday, November 24, 2026 at 11:00:00 AM GMT+1, Bob Boss <bob@contoso.example> wrote:\n",
    "Zoho": "---- On Tue, 24 Nov 2026 11:00:00 +0100 Bob Boss <bob@contoso.example>\nwrote ---\n",
    "iNotes": f'-----"Bob Boss" <bob@contoso.example> wrote: -----\n{OUTLOOK}',
    "eM Client": '------ Original Message ------\nFrom "Bob Boss" <bob@contoso.example>\nTo "Ann" <ann@x.example>\n',
}


@pytest.mark.parametrize("inner", INNER.values(), ids=list(INNER))
@pytest.mark.parametrize("outer", OUTER.values(), ids=list(OUTER))
def test_what_another_one_answered_is_not_the_senders(outer: str, inner: str) -> None:
    assert outcomes(plain(f"\n\n{outer}\n{inner}\n")) == {None}
    assert outcomes(plain(f"Thanks, Bob.\n\n{outer}\n{inner}\n")) == {None}
    assert outcomes(plain(f"Approved.\n\n{outer}\n{inner}\n")) == {"approve"}


def known(raw: bytes) -> Mail:
    return without_original(parsed(raw), Original.of(ask().raw))


def test_an_answer_below_an_unmarked_quote_keeps_its_signature_apart() -> None:
    signature = "Ann Approver\nProcurement\nContoso AG | Phone +49 89 123456-78\nann@contoso.example"
    for parted in ("\n", "--\n"):
        raw = plain(f"{OUTLOOK}\n{ASKED}\n\nRejected.\n{parted}{signature}\n")
        assert known(raw).new_text == "Rejected."


def test_a_line_between_quoted_ones_that_is_not_ours_is_the_senders() -> None:
    lines = QUOTED.split("\n")
    at = next(at for at, line in enumerate(lines) if "Amount" in line)
    for put in (["No, only half of it"], ["> No, only half of it"], ["", "No, only half of it", ""]):
        quote = "\n".join(lines[:at] + put + lines[at:])
        raw = plain(f"Approved.\n\n{GMAIL}\n{quote}\n")
        assert "No, only half of it" in known(raw).new_text
        assert read_mail(known(raw)).outcome is None


def test_words_added_to_a_quoted_line_are_doubtful() -> None:
    quote = QUOTED.replace("EUR 900.00", "EUR 900.00 NO, only 500!", 1)
    assert quote != QUOTED
    assert read_mail(known(plain(f"Approved.\n\n{GMAIL}\n{quote}\n"))).outcome is None
    assert read_mail(known(plain(f"Approved.\n\n{GMAIL}\n{QUOTED}\n"))).outcome == "approve"


def test_what_stands_deeper_or_less_deep_in_a_quote_is_somebody_elses() -> None:
    inner = QUOTED.replace("> Amount", "Rejected.\n> Amount", 1)
    bob = "On Tue, Nov 24, 2026 at 11:00 AM Bob <bob@contoso.example> wrote:"
    quote = "\n".join(f"> {line}" for line in f"{GMAIL}\n{inner}".split("\n"))
    assert outcomes(plain(f"Thanks.\n\n{bob}\n{quote}\n")) == {None}


def test_an_answer_between_the_blocks_of_a_quote_in_html() -> None:
    long = "Alice Requester asks for your decision on the purchase request number 42 of today."
    quote = (
        f"<blockquote>{long}</blockquote><div>No, only half of it</div><blockquote>Item: Desk</blockquote>"
    )
    raw = html(f"<p>Approved.</p><div>{GMAIL.replace('<', '&lt;')}</div>{quote}")
    assert outcomes(raw) == {None}


@pytest.mark.parametrize(
    "part",
    [
        "Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nEND:VCALENDAR",
        "Content-Type: text/calendar; method=REPLY; name=invite.ics\r\n"
        "Content-Disposition: attachment; filename=invite.ics\r\n\r\nBEGIN:VCALENDAR",
        "Content-Type: application/ics; name=invite.ics\r\n\r\nBEGIN:VCALENDAR\r\nmethod:reply\r\n",
    ],
)
def test_a_calendars_answer_decides_nothing(part: str) -> None:
    raw = multipart("mixed", "Content-Type: text/plain\r\n\r\nAccepted", part)
    assert parsed(raw).automatic is Kind.MEETING


def test_an_invitation_that_a_person_attached_changes_nothing() -> None:
    invitation = (
        "Content-Type: text/calendar; name=invite.ics\r\n"
        "Content-Disposition: attachment; filename=invite.ics\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\n"
    )
    assert outcomes(multipart("mixed", "Content-Type: text/plain\r\n\r\nApproved", invitation)) == {"approve"}


def test_a_text_that_pgp_signed_in_clear_is_read() -> None:
    signed = (
        f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nApproved.\n\n- -- \nAnn\n\n{GMAIL}\n{QUOTED}\n"
        "-----BEGIN PGP SIGNATURE-----\n\niQRejected\n-----END PGP SIGNATURE-----\n"
    )
    assert parsed(plain(signed)).new_text == "Approved."
    assert outcomes(plain(signed)) == {"approve"}


# --- what deceives the eye ----------------------------------------------------------------------------------------

DECEIVING: Mapping[str, str] = {
    "a Cyrillic A": "\u0410pproved",
    "Cyrillic letters inside": "Appr\u043eved",
    "a Greek omicron": "Appr\u03bfved",
    "a Cyrillic e in another language": "Gen\u0435hmigt",
    "mathematical letters": "𝐀𝐩𝐩𝐫𝐨𝐯𝐞𝐝",
    "letters in circles": "Ⓐⓟⓟⓡⓞⓥⓔⓓ",
    "small capitals": "ᴀᴘᴘʀᴏᴠᴇᴅ",
    "turned around": "\u202edevorppA",
    "turned around and back": "\u202edevorppA\u202c",
    "an isolate": "\u2067devorppA\u2069",
    "a rejection that looks like an approval": "\u202edevorppa ton\u202c",
    "a word split by nothing": "App\u200broved",
    "a word split by a joiner": "App\u200droved",
    "a word split by a mark": "App\u2060roved",
    "a word split by a byte order mark": "App\ufeffroved",
    "a word split by a soft hyphen": "App\u00adroved",
    "a negation split by nothing": "N\u200bot approved",
    "a negation of another script": "N\u043et approved",
    "a word with a filler": "App\u3164roved",
    "letters piled up": "A\u0336p\u0336p\u0336r\u0336o\u0336v\u0336e\u0336d\u0336",
    "characters of a tag": "Approved\U000e0020\U000e006e\U000e006f\U000e0074",
}


@pytest.mark.parametrize("text", DECEIVING.values(), ids=list(DECEIVING))
def test_what_deceives_the_eye_decides_nothing(text: str) -> None:
    assert outcomes(plain(text)) == {None}
    assert outcomes(html(f"<p>{text}</p>")) == {None}


# --- what is too long ---------------------------------------------------------------------------------------------

# What a text of a hundred thousand characters may be made of, each behind an answer.
LONG: Mapping[str, str] = {
    "words": "approved ",
    "one letter and a blank": "a ",
    "signs of a script without blanks": "批准",
    "lines": "a b\n",
    "blank lines between": "a\n\n",
    "lines of two dashes": "--\n",
    "quotation marks": '"a\n',
    "signs": "!?",
    "emoji": "👍",
    "numbers": "1 ",
    "small print": "Disclaimer: ",
    "closings": "Best regards\n",
}
ABOVE = ("approved\n", "approved\n\nbest\nBob\n\n", 'approved\n\nbest\nBob\n\n"', "approved\n\n-- \n", "")


@pytest.mark.parametrize("above", ABOVE)
@pytest.mark.parametrize("piece", LONG.values(), ids=list(LONG))
def test_a_text_that_is_too_long_is_not_looked_at(
    above: str, piece: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[int] = []
    matches = PhraseTree.matches

    def counted(tree: PhraseTree, words: Sequence[str], at: int) -> list[Match]:
        looked_up.append(at)
        return matches(tree, words, at)

    monkeypatch.setattr(PhraseTree, "matches", counted)
    text = above + piece * (100_000 // len(piece))
    for longer in (text, f'{text}" - X', f"{text}\napproved"):
        found = read_text(longer)
        assert (found.outcome, str(found.why)) == (None, "The text is too long to be understood as a whole.")
    assert not looked_up
