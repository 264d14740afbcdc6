"""The web mail, by literal requests."""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Iterator

import pytest

from placet.sandbox import Sandbox
from tests.sandbox import wire
from tests.sandbox.browser import FORM, Browser

BYTES = bytes(range(256)) + b"\r\n--\r\n\n\r end"


@pytest.fixture
def ann(sandbox: Sandbox) -> Browser:
    return Browser(sandbox, "ann")


@pytest.fixture
def open_house() -> Iterator[Sandbox]:
    with Sandbox(open_house=True) as running:
        running.add_mailbox("approvals", "Approvals")
        running.add_mailbox("bob", "Bob <Boss>")
        yield running


# --- signing in -----------------------------------------------------------------------------------------------


def test_the_first_page_lists_the_mailboxes_with_what_is_unread(sandbox: Sandbox) -> None:
    assert wire.send(sandbox, "GET", "/").headers["Location"] == "/mail/"
    sandbox.send_as("approvals", to="ann@contoso.example", subject="Secret", text="x")
    page = wire.send(sandbox, "GET", "/mail/").text
    assert re.findall(r"<bdi>([^<]+)</bdi>", page) == ["Ann Approver", "Approvals", "Bob Boss"]
    assert '<b class="count">1<span class="sr"> unread</span></b>' in page
    assert "Secret" not in page
    assert page.count("/mail/sign-in?address=") == 3


def test_nothing_is_shown_to_who_is_not_signed_in(sandbox: Sandbox) -> None:
    for page in ("folder", "read?id=x", "new", "news", "stranger"):
        path = f"/mail/ann@contoso.example/{page}"
        answer = wire.send(sandbox, "GET", path, headers={"Cookie": "sandbox_mail=wrong"})
        assert (answer.status, answer.headers["Location"]) == (
            303,
            "/mail/sign-in?address=ann%40contoso.example",
        )
    assert wire.send(sandbox, "POST", "/mail/ann@contoso.example/send").status == 303
    assert (
        wire.send(sandbox, "POST", "/mail/open", "address=ann@contoso.example", {"Content-Type": FORM}).status
        == 404
    )


@pytest.mark.parametrize(
    ("address", "password"), [("ann@contoso.example", "wrong"), ("nobody", ""), ("", "")]
)
def test_a_wrong_password_opens_nothing(address: str, password: str, sandbox: Sandbox) -> None:
    body = urllib.parse.urlencode({"address": address, "password": password})
    answer = wire.send(sandbox, "POST", "/mail/sign-in", body, {"Content-Type": FORM})
    assert answer.status == 403
    assert "Set-Cookie" not in answer.headers


def test_several_mailboxes_are_open_at_once_and_each_shows_its_own(sandbox: Sandbox, ann: Browser) -> None:
    before = ann.cookie
    bob = sandbox.mailbox("bob")
    ann.sign_in(bob.address, bob.password)
    assert ann.cookie != before
    assert "Ann Approver" in ann.get().text
    assert "Bob Boss" in ann.send("GET", "/mail/bob@contoso.example/folder").text
    assert ann.send("GET", "/mail/approvals@contoso.example/folder").status == 303


def test_signing_out_closes_one_mailbox(ann: Browser) -> None:
    assert ann.post("sign-out", csrf=ann.csrf).status == 303
    assert ann.get().headers["Location"].startswith("/mail/sign-in")


def test_in_open_house_a_button_opens_a_mailbox(open_house: Sandbox) -> None:
    page = wire.send(open_house, "GET", "/mail/").text
    assert 'Open<span class="sr"> the mailbox of Bob &lt;Boss&gt;</span>' in page
    answer = wire.send(
        open_house, "POST", "/mail/open", "address=bob@contoso.example", {"Content-Type": FORM}
    )
    assert (answer.status, answer.headers["Location"]) == (303, "/mail/bob@contoso.example/folder")
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    shown = wire.send(open_house, "GET", "/mail/bob@contoso.example/folder", headers={"Cookie": cookie})
    assert "Bob &lt;Boss&gt;" in shown.text
    assert wire.send(open_house, "GET", "/mail/open?address=bob@contoso.example").status == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example"},  # a name that was made to lead to this machine
    ],
)
def test_a_page_from_elsewhere_opens_nothing(headers: dict[str, str], open_house: Sandbox) -> None:
    given = {"Content-Type": FORM} | headers
    answer = wire.send(open_house, "POST", "/mail/open", "address=bob@contoso.example", given)
    assert answer.status == 403
    assert "Set-Cookie" not in answer.headers


def test_open_house_is_for_loopback_only() -> None:
    with pytest.raises(ValueError, match="loopback"):
        Sandbox(host="0.0.0.0", open_house=True)


def test_a_form_without_its_secret_does_nothing(sandbox: Sandbox, ann: Browser) -> None:
    for secret in ("", "wrong", Browser(sandbox, "bob").csrf):
        answer = ann.post("send", csrf=secret, how="new", to=wire.APPROVALS, subject="x", text="x")
        assert answer.status == 403
    assert sandbox.mails("approvals") == []


# --- reading --------------------------------------------------------------------------------------------------


def test_pages_load_only_their_own_style_and_script(ann: Browser) -> None:
    answer = ann.get()
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert re.findall(r"<script[^>]*>", answer.text) == ['<script src="/mail/webmail.js" defer>']
    assert " style=" not in answer.text and "onclick" not in answer.text
    assert wire.send(ann.sandbox, "GET", "/mail/webmail.css").headers["Content-Type"].startswith("text/css")
    assert (
        wire.send(ann.sandbox, "GET", "/mail/webmail.js")
        .headers["Content-Type"]
        .startswith("text/javascript")
    )


def test_a_folder_shows_who_wrote_what(sandbox: Sandbox, ann: Browser) -> None:
    sandbox.send_as("approvals", to="ann@contoso.example", subject="Request <42>", text="Please <answer>")
    page = ann.get().text
    assert "Approvals" in page and "Request &lt;42&gt;" in page and "Please &lt;answer&gt;" in page
    assert page.count('class="unread"') == 1
    assert '<b class="count">1</b>' in page


def test_the_preview_of_html_shows_what_a_reader_sees_first(sandbox: Sandbox, ann: Browser) -> None:
    html = "<style>p {}</style><script>x</script><div>Ann asks</div><p>for a <b>desk</b></p>"
    sandbox.send_as("approvals", to="ann@contoso.example", subject="x", text="---- above ----", html=html)
    assert '<span class="preview"><bdi>Ann asks for a desk</bdi>' in ann.get().text


def test_long_folders_have_pages(sandbox: Sandbox, ann: Browser) -> None:
    for number in range(35):
        sandbox.place("ann", wire.mail(subject=f"Mail {number:02}"))
    first, second = ann.get().text, ann.get(number="2").text
    assert "Mail 34" in first and "Mail 05" in first and "Mail 04" not in first
    assert "Mail 04" in second and "Mail 00" in second
    for odd in ("0", "-1", "x", "99999999999"):
        assert ann.get(number=odd).status == 200


def test_html_is_shown_in_a_sandboxed_frame_and_mailto_links_open_the_form(
    sandbox: Sandbox, ann: Browser
) -> None:
    link = "MAILTO:approvals%2Ba42@contoso.example?subject=Re%3A%20Request&amp;body=Approve%0A%2B1"
    html = f'<p>Hi</p><script>alert(1)</script><a href="{link}">Approve</a><a href="http://placet.example/42">Open</a>'
    sandbox.send_as("approvals", to="ann@contoso.example", subject="x", text="t", html=html)
    mail = sandbox.mails("ann")[0]
    assert '<iframe title="The mail" sandbox="allow-top-' in ann.get("read", id=mail.id).text
    assert sandbox.mail("ann", mail.id).is_read
    frame = ann.get("html", id=mail.id)
    policy = frame.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "allow-scripts" not in policy and "allow-same-origin" not in policy
    assert '<a href="http://placet.example/42" target="_blank" rel="noopener noreferrer">' in frame.text
    found = re.search(r'href="/mail/ann@contoso.example/new\?mailto=([^"]+)" target="_top"', frame.text)
    assert found
    form = ann.prefilled("new", mailto=urllib.parse.unquote(found[1]))
    assert (form["to"], form["subject"], form["text"]) == (
        "approvals+a42@contoso.example",
        "Re: Request",
        "Approve\n+1",
    )


def test_a_mail_is_shown_as_text_and_as_it_came(sandbox: Sandbox, ann: Browser) -> None:
    sandbox.send_as("approvals", to="ann@contoso.example", subject="x", text="plain <b>", html="<p>rich</p>")
    mail = sandbox.mails("ann")[0]
    assert "plain &lt;b&gt;" in ann.get("read", id=mail.id, **{"as": "text"}).text
    source = ann.get("read", id=mail.id, **{"as": "source"}).text
    assert "X-MS-Exchange-Organization-AuthAs: Internal" in source
    assert "&lt;p&gt;rich&lt;/p&gt;" in source
    raw = ann.get("raw", id=mail.id)
    assert raw.body == mail.mime
    assert raw.headers["Content-Disposition"].startswith("attachment;")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no header at all",
        b"Subject: " + b"=?utf-8?q?x?= " * 300 + b"\r\n\r\n",
        b'From: <script>alert(1)</script>\r\nSubject: "><img src=x onerror=alert(1)>\r\n\r\n<script>x</script>',
        b"Content-Type: text/html; charset=rot13\r\n\r\n<p>x",
        b"Content-Type: text/html\r\n\r\n" + b"<div>" * 5000 + b"deep",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n\x00\xff<p>\r\n--b--",
    ],
)
def test_broken_and_hostile_mail_breaks_no_page(raw: bytes, sandbox: Sandbox, ann: Browser) -> None:
    mail = sandbox.place("ann", raw)
    pages = [ann.get(), ann.get("read", id=mail.id), ann.get("html", id=mail.id)]
    pages += [ann.get("read", id=mail.id, **{"as": view}) for view in ("text", "source")]
    pages += [ann.get("write", id=mail.id, how=how) for how in ("reply", "all", "forward")]
    assert [page.status for page in pages] == [200] * len(pages)
    for page in pages[:2] + pages[3:]:
        assert "<script>" not in page.text and "<img" not in page.text


def test_the_mails_of_others_and_unknown_pages_are_not_found(sandbox: Sandbox, ann: Browser) -> None:
    sandbox.send_as("ann", wire.mail())
    theirs = sandbox.mails("approvals")[0].id
    for page in ("read", "html", "raw", "file", "stranger"):
        assert ann.get(page, id=theirs).status == 404
    assert ann.get("write", id=theirs, how="reply").status == 404
    for page in ("delete", "unread"):
        assert ann.post(page, csrf=ann.csrf, id=theirs).status == 404
    assert ann.post("send", csrf=ann.csrf, id=theirs, how="reply", to="x@y.example", text="x").status == 404
    assert ann.get("nothing").status == 404
    assert ann.get("folder", name="Nowhere").status == 404
    assert ann.post("nothing", csrf=ann.csrf).status == 404
    assert ann.send("GET", "/nothing").status == 404


def test_what_is_new_is_told_to_the_script(sandbox: Sandbox, ann: Browser) -> None:
    before = json.loads(ann.get("news").text)
    everywhere = json.loads(ann.send("GET", "/mail/news").text)
    sandbox.send_as("approvals", to="ann@contoso.example", subject="x", text="x")
    after = json.loads(ann.get("news").text)
    assert (before["unread"], after["unread"]) == (0, 1)
    assert after["stamp"] > before["stamp"]
    assert json.loads(ann.send("GET", "/mail/news").text)["stamp"] > everywhere["stamp"]


def test_the_script_that_looks_again_takes_nothing_from_the_reader(sandbox: Sandbox, ann: Browser) -> None:
    mail = sandbox.place("ann", wire.mail())
    ann.post("unread", csrf=ann.csrf, id=mail.id)
    assert "Marked as unread." not in ann.get("read", id=mail.id, again="1").text
    assert not sandbox.mail("ann", mail.id).is_read
    assert "Marked as unread." in ann.get().text
    assert "Marked as unread." not in ann.get().text


# --- what is done to a mail -------------------------------------------------------------------------------------


def test_a_mail_is_deleted_and_then_gone(sandbox: Sandbox, ann: Browser) -> None:
    mail = sandbox.place("ann", wire.mail())
    assert "Deleted." in ann.submit("delete", id=mail.id).text
    [kept] = sandbox.mails("ann", "deleteditems")
    assert "Deleted." in ann.submit("delete", id=kept.id).text
    assert sandbox.mails("ann") == sandbox.mails("ann", "deleteditems") == []


def test_a_mail_is_moved_to_junk_and_back(sandbox: Sandbox, ann: Browser) -> None:
    mail = sandbox.place("ann", wire.mail())
    assert "Moved to Junk Email." in ann.submit("move", id=mail.id, to="junkemail").text
    [junk] = sandbox.mails("ann", "junkemail")
    assert "Not junk" in ann.get("read", id=junk.id).text
    assert "Moved to Inbox." in ann.submit("move", id=junk.id, to="inbox").text
    assert len(sandbox.mails("ann")) == 1
    assert ann.post("move", csrf=ann.csrf, id=sandbox.mails("ann")[0].id, to="elsewhere").status == 404


def test_a_mail_is_marked_unread_again(sandbox: Sandbox, ann: Browser) -> None:
    mail = sandbox.place("ann", wire.mail())
    ann.get("read", id=mail.id)
    assert 'class="unread"' in ann.submit("unread", id=mail.id).text


# --- writing --------------------------------------------------------------------------------------------------


def test_a_mail_is_answered(sandbox: Sandbox, ann: Browser) -> None:
    sandbox.send_as("approvals", to="ann@contoso.example", subject="Request", text="Please <answer>")
    assert "Sent." in ann.reply(sandbox.mails("ann")[0].id, "Approve").text
    [reply] = sandbox.mails("approvals")
    assert reply.subject == "RE: Request"
    assert reply.text.startswith("Approve")
    assert "Please <answer>" in reply.text
    assert reply.header("X-MS-Exchange-Organization-AuthAs") == "Internal"


def test_a_reply_to_all_goes_to_everybody_else_too(sandbox: Sandbox, ann: Browser) -> None:
    to = "Ann <ann@contoso.example>, Bob Boss <bob@contoso.example>"
    sandbox.send_as("approvals", to=to, subject="x", text="x", headers={"Cc": "vera@fabrikam.example"})
    mail = sandbox.mails("ann")[0]
    form = ann.prefilled("write", how="all", id=mail.id)
    assert form["to"] == "Approvals <approvals@contoso.example>"
    assert form["cc"] == "Bob Boss <bob@contoso.example>, vera@fabrikam.example"
    ann.reply(mail.id, "Agreed", how="all")
    assert [m.text.split()[0] for m in sandbox.mails("bob")] == ["x", "Agreed"]


def test_a_mail_is_forwarded_with_its_files(sandbox: Sandbox, ann: Browser) -> None:
    bob = Browser(sandbox, "bob")
    bob.send_mail(
        how="new", to=ann.address, subject="Offer", text="See", file=("a.bin", "application/x-a", BYTES)
    )
    mail = sandbox.mails("ann")[0]
    assert "a.bin" in ann.get("read", id=mail.id).text
    assert ann.get("file", id=mail.id, number="0").body == BYTES
    assert ann.get("file", id=mail.id, number="1").status == 404
    form = ann.prefilled("write", how="forward", id=mail.id)
    assert (form["to"], form["subject"]) == ("", "FW: Offer")
    ann.reply(mail.id, "What do you think?", how="forward", to=wire.APPROVALS)
    [forwarded] = sandbox.mails("approvals")
    assert [(file.name, file.content) for file in forwarded.files] == [("a.bin", BYTES)]
    assert "See" in forwarded.text


def test_a_new_mail_is_sent_and_what_went_wrong_is_said(sandbox: Sandbox, ann: Browser) -> None:
    page = ann.send_mail(
        how="new", to="approvals@contoso.example; bob@contoso.example", subject="Hi", text="x"
    )
    assert "Sent." in page.text
    assert len(sandbox.mails("approvals")) == len(sandbox.mails("bob")) == 1
    nobody = ann.send_mail(how="new", to="x@contoso.example", subject="", text="")
    assert "nobody is at x@contoso.example" in nobody.text


@pytest.mark.parametrize("to", ["", " ; ,", "no address"])
def test_a_mail_to_nobody_keeps_what_was_typed(to: str, sandbox: Sandbox, ann: Browser) -> None:
    answer = ann.send_mail(how="new", to=to, subject="A & B", text="one\r\ntwo")
    assert answer.status == 422
    assert 'role="alert"' in answer.text and 'aria-describedby="wrong"' in answer.text
    assert 'value="A &amp; B"' in answer.text
    assert "one\ntwo</textarea>" in answer.text
    assert sandbox.mails("ann", "sentitems") == []


def test_the_mail_program_is_remembered_for_the_mailbox(sandbox: Sandbox, ann: Browser) -> None:
    assert ann.prefilled("new")["program"] == "outlook"
    ann.send_mail(how="new", to=wire.APPROVALS, subject="x", text="x", program="thunderbird")
    assert ann.prefilled("new")["program"] == "thunderbird"
    assert Browser(sandbox, "bob").prefilled("new")["program"] == "outlook"
    assert sandbox.mails("approvals")[0].header("User-Agent") == "Mozilla Thunderbird"
    ann.send_mail(how="new", to=wire.APPROVALS, subject="x", text="x", program="<nothing>")
    assert ann.prefilled("new")["program"] == "outlook"


def test_a_subject_with_a_line_break_starts_no_header(sandbox: Sandbox, ann: Browser) -> None:
    ann.send_mail(how="new", to=wire.APPROVALS, subject="Hi\r\nBcc: bob@contoso.example", text="x")
    assert sandbox.mails("approvals")[0].subject == "Hi Bcc: bob@contoso.example"
    assert sandbox.mails("bob") == []


def test_somebody_outside_sends_as_an_outsider(sandbox: Sandbox) -> None:
    sandbox.add_mailbox("vera@fabrikam.example", outside=True)
    Browser(sandbox, "vera@fabrikam.example").send_mail(how="new", to=wire.APPROVALS, subject="Hi", text="x")
    [mail] = sandbox.mails("approvals")
    assert mail.header("X-MS-Exchange-Organization-AuthAs") == "Anonymous"
    assert "dmarc=pass" in (mail.header("Authentication-Results") or "")


# --- as a stranger ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", ["fail", "none", "pass"])
def test_a_stranger_writes_in_anns_name(check: str, sandbox: Sandbox, ann: Browser) -> None:
    sandbox.send_as(
        "approvals",
        to=ann.address,
        subject="Request",
        text="x",
        headers={"Reply-To": "approvals+abc@contoso.example"},
    )
    form = ann.prefilled("stranger", id=sandbox.mails("ann")[0].id)
    assert form["from"] == "Ann Approver <ann@contoso.example>"
    assert form["to"] == "approvals+abc@contoso.example"
    assert form["check"] == "fail"
    del form["csrf"]
    assert "As a stranger: sent." in ann.submit("stranger", **(form | {"check": check})).text
    [mail] = sandbox.mails("approvals")
    assert mail.people("from")[0].address == "ann@contoso.example"
    assert mail.header("Return-Path") == "mallory@stranger.example"
    assert mail.header("X-MS-Exchange-Organization-AuthAs") == "Anonymous"
    results = mail.header("Authentication-Results") or ""
    assert f"spf={check}" in results and f"dkim={check}" in results and f"dmarc={check}" in results


@pytest.mark.parametrize(
    ("name", "value"),
    [("from", "nobody"), ("sender", ""), ("to", ""), ("check", "maybe")],
)
def test_a_strangers_mail_that_cannot_be_sent_keeps_the_form(name: str, value: str, ann: Browser) -> None:
    given = {
        "from": "a@b.example",
        "sender": "a@b.example",
        "to": wire.APPROVALS,
        "check": "pass",
        "text": "kept",
    }
    answer = ann.post("stranger", csrf=ann.csrf, **(given | {name: value}))
    assert answer.status == 422
    assert 'role="alert"' in answer.text and "kept</textarea>" in answer.text


# --- out of office ----------------------------------------------------------------------------------------------


def test_out_of_office_is_switched_on_and_off(sandbox: Sandbox, ann: Browser) -> None:
    page = ann.submit("out-of-office", on="on", text="Away").text
    assert "Automatic replies are on." in page and "Away</textarea>" in page
    away = sandbox.mailbox("ann").out_of_office
    assert away is not None and (away.text, away.even_if_suppressed) == ("Away", False)
    assert "Automatic replies are off." in ann.submit("out-of-office", text="Away").text
    assert sandbox.mailbox("ann").out_of_office is None


@pytest.mark.parametrize("stubborn", [False, True])
def test_mail_that_wants_no_automatic_reply_gets_one_only_from_a_stubborn_server(
    stubborn: bool, sandbox: Sandbox, ann: Browser
) -> None:
    ann.submit("out-of-office", on="on", text="Away", **({"all": "on"} if stubborn else {}))
    asks_for_none = {"X-Auto-Response-Suppress": "OOF, AutoReply"}
    sandbox.send_as("approvals", to=ann.address, subject="x", text="x", headers=asks_for_none)
    assert len(sandbox.mails("approvals")) == stubborn
