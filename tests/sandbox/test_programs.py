"""What mail programs put around a quoted mail."""

from __future__ import annotations

import pytest

from placet.sandbox import Sandbox
from placet.sandbox.programs import PROGRAMS, plain
from placet.sandbox.server import Mail

HTML = "<html><head><style>p {}</style></head><body>Hi <p>Please <b>decide</b></p></body></html>"


def answered(sandbox: Sandbox, program: str, *, html: str | None = HTML) -> tuple[Mail, Mail]:
    """A mail to Ann, and her reply to it."""
    headers = {"Reply-To": "approvals+abc@contoso.example", "Cc": "Bob Bösser <bob@contoso.example>"}
    to = "Ann Approver <ann@contoso.example>"
    sandbox.send_as(
        "approvals", to=to, subject="Desk", text="Hi\n\nPlease decide", html=html, headers=headers
    )
    asked = sandbox.mails("ann")[-1]
    sandbox.reply_as("ann", asked.id, "Yes & no\n\n<b>", program=program)
    return asked, sandbox.mails("approvals")[-1]


def lines(mail: Mail) -> str:
    return mail.text.replace("\r\n", "\n")


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_reply_has_what_was_typed_then_the_mail_in_text_and_html(program: str, sandbox: Sandbox) -> None:
    asked, reply = answered(sandbox, program)
    assert reply.header("To") == "approvals+abc@contoso.example"
    assert reply.header("In-Reply-To") == asked.message_id
    assert reply.subject.lower() == "re: desk"
    assert lines(reply).startswith("Yes & no\n\n<b>\n")
    assert "Please decide" in reply.text.replace("> ", "")
    assert reply.html.index("Yes &amp; no") < reply.html.index("Please <b>decide</b>")
    assert "&lt;b&gt;" in reply.html
    assert reply.html.count("<body") == 1 and "p {}" not in reply.html


@pytest.mark.parametrize(
    ("program", "text", "html"),
    [
        (
            "outlook",
            "_" * 32 + "\nFrom: Approvals <approvals@contoso.example>\nSent: ",
            '<div id="divRplyFwdMsg"',
        ),
        (
            "outlook-classic",
            "<b>\n\nFrom: Approvals <approvals@contoso.example>\nSent: ",
            "border-top:solid #E1E1E1",
        ),
        (
            "outlook-mobile",
            "Get Outlook for iOS<https://aka.ms/o0ukef>\n\n" + "_" * 32,
            '<div id="mail-editor-reference-message-container"',
        ),
        (
            "gmail",
            " Approvals <approvals@contoso.example> wrote:\n\n> Hi\n>\n> Please decide",
            'class="gmail_attr"',
        ),
        ("apple-mail", "Approvals <approvals@contoso.example> wrote:\n>\n> Hi", '<blockquote type="cite">'),
        ("thunderbird", ", Approvals wrote:\n> Hi\n>\n> Please decide", '<div class="moz-cite-prefix">'),
    ],
)
def test_each_program_quotes_in_its_own_way(program: str, text: str, html: str, sandbox: Sandbox) -> None:
    _, reply = answered(sandbox, program)
    assert text in lines(reply)
    assert html in reply.html


def test_the_lines_above_a_quote_say_who_got_the_mail(sandbox: Sandbox) -> None:
    _, reply = answered(sandbox, "outlook")
    assert (
        "To: Ann Approver <ann@contoso.example>\nCc: Bob Bösser <bob@contoso.example>\nSubject: Desk"
        in lines(reply)
    )


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_mail_without_html_is_answered_without(program: str, sandbox: Sandbox) -> None:
    _, reply = answered(sandbox, program, html=None)
    assert reply.html == ""
    assert "Please decide" in reply.text


@pytest.mark.parametrize(
    ("program", "above"),
    [
        ("outlook", "From: Approvals"),
        ("gmail", "---------- Forwarded message ---------"),
        ("apple-mail", "Begin forwarded message:"),
        ("thunderbird", "-------- Forwarded Message --------"),
    ],
)
def test_a_mail_is_handed_on(program: str, above: str, sandbox: Sandbox) -> None:
    asked, _ = answered(sandbox, program)
    sandbox.forward_as("ann", asked.id, ["bob@contoso.example"], "See below", program=program)
    forwarded = sandbox.mails("bob")[-1]
    assert forwarded.subject.lower() in ("fw: desk", "fwd: desk")
    assert (
        forwarded.text.index("See below")
        < forwarded.text.index(above)
        < forwarded.text.index("Please decide")
    )
    assert "Please <b>decide</b>" in forwarded.html


def test_gmail_breaks_a_long_line_above_the_quote(sandbox: Sandbox) -> None:
    sandbox.add_mailbox("zoe", "Zoë of the department for approvals")
    sandbox.send_as("zoe", to="ann@contoso.example", subject="Desk", text="Please decide")
    sandbox.reply_as("ann", sandbox.mails("ann")[0].id, "Yes", program="gmail")
    assert "approvals\n<zoe@contoso.example> wrote:\n\n> Please decide" in lines(sandbox.mails("zoe")[0])


def test_there_are_no_other_programs(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="no mail program notes"):
        answered(sandbox, "notes")


def test_the_words_of_a_page() -> None:
    assert (
        plain("<p>a <b>b</b> c<br>d<script>x</script>e</p>f<table><tr><td>g</td></tr></table>")
        == "a b c\nd e\nf\ng"
    )
    assert plain("") == plain("<!-- -->") == ""
