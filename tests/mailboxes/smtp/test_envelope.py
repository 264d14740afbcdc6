"""From whom and for whom a mail is, and how it goes over the wire."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.mailboxes.base import Refused
from placet.mailboxes.smtp.envelope import Envelope, envelope_of, xtext

APPROVALS = "approvals@contoso.example"
ALL = {"size": "1000", "8bitmime": "", "smtputf8": "", "dsn": "", "pipelining": ""}


def of(head: str, body: bytes = b"Please decide.\r\n") -> Envelope:
    return envelope_of(head.encode() + b"\r\n\r\n" + body, APPROVALS, "0123456789abcdef")


def undone(content: bytes) -> bytes:
    return re.sub(rb"^\.", b"", content, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("head", "recipients"),
    [
        ("To: bob@contoso.example", ("bob@contoso.example",)),
        ('To: "Manager, Bob" <bob@contoso.example>', ("bob@contoso.example",)),
        ("To: =?utf-8?b?Qm9i?=\r\n <bob@contoso.example>", ("bob@contoso.example",)),
        ("To: a@b.example,\r\n c@d.example\r\nCc: a@b.example", ("a@b.example", "c@d.example")),
        ("To: a@b.example\r\nBcc: c@d.example", ("a@b.example", "c@d.example")),
        ("To: Bob <bob@bücher.example>", ("bob@xn--bcher-kva.example",)),
        ("TO: <büro@contoso.example>", ("büro@contoso.example",)),
    ],
)
def test_whom_it_is_for_stands_in_its_headers(head: str, recipients: tuple[str, ...]) -> None:
    assert of(head).recipients == recipients


@pytest.mark.parametrize(
    "head",
    [
        "Subject: for nobody",
        "To: Undisclosed recipients:;",
        "To: bob",
        "To: bob@",
        'To: "bob\\" x"@contoso.example',
        "To: <bob@contoso.example>x@evil.example, ,",
        "To: " + ", ".join(f"p{n}@contoso.example" for n in range(51)),
    ],
)
def test_what_no_command_can_name_is_refused_before_anything_is_asked(head: str) -> None:
    with pytest.raises(Refused) as error:
        of(head)
    assert error.value.not_done


@pytest.mark.parametrize("sign", ["\r\nRCPT TO:<x@y.example>", "\n", "\0", " SIZE=1", ">", "\t", "\r"])
def test_no_address_begins_another_command(sign: str) -> None:
    with pytest.raises(Refused):
        envelope_of(b"To: bob@contoso.example\r\n\r\n", f"approvals{sign}@contoso.example", "")
    try:
        envelope = of(f"To: bob{sign}@contoso.example")
    except Refused:
        return
    commands = [
        envelope.mail_command(ALL),
        *(envelope.recipient_command(to, ALL) for to in envelope.recipients),
    ]
    assert all(
        re.fullmatch(r"(MAIL FROM|RCPT TO):<[^<>\s\0]+>( [A-Z0-9]+(=[!-~]+)?)*", each) for each in commands
    )


def test_blind_copies_do_not_say_so() -> None:
    envelope = of("To: a@b.example\r\nBcc: c@d.example,\r\n\te@f.example\r\nSubject: x", b"Bcc: y\r\n")
    assert envelope.content == b"To: a@b.example\r\nSubject: x\r\n\r\nBcc: y\r\n"


@given(
    st.binary(max_size=200)
    | st.lists(st.sampled_from([b".", b"\r", b"\n", b"\r\n", b"a", b"\xff"])).map(b"".join)
)
def test_the_mail_ends_where_it_ends(body: bytes) -> None:
    """No line in it is a single dot, and undone it is the mail, with CRLF for whatever ended its lines."""
    raw = b"To: bob@contoso.example\r\n\r\n" + body
    envelope = envelope_of(raw, APPROVALS, "")
    assert b"\r\n.\r\n" not in envelope.content
    assert envelope.content.endswith(b"\r\n")
    assert envelope.content.count(b"\r") == envelope.content.count(b"\n") == envelope.content.count(b"\r\n")
    whole = re.sub(rb"\r\n|\r|\n", b"\r\n", raw)
    assert undone(envelope.content) == (whole if whole.endswith(b"\r\n") else whole + b"\r\n")
    assert envelope.size == len(undone(envelope.content))


def test_what_the_server_offers_is_used() -> None:
    envelope = of("To: bob@contoso.example")
    size = len("To: bob@contoso.example\r\n\r\nPlease decide.\r\n")
    assert envelope.mail_command({}) == "MAIL FROM:<approvals@contoso.example>"
    assert envelope.recipient_command("bob@contoso.example", {}) == "RCPT TO:<bob@contoso.example>"
    assert envelope.mail_command(ALL) == (
        f"MAIL FROM:<approvals@contoso.example> SIZE={size} RET=HDRS ENVID=0123456789abcdef"
    )
    assert envelope.recipient_command("b+c=d@contoso.example", ALL) == (
        "RCPT TO:<b+c=d@contoso.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;b+2Bc+3Dd@contoso.example"
    )
    assert xtext("a b+é\n") == "a+20b+2B+E9+0A"


@pytest.mark.parametrize(
    ("head", "body", "named", "lacks", "code"),
    [
        ("To: bob@contoso.example", b"caf\xc3\xa9\r\n", "BODY=8BITMIME", "8bitmime", "5.6.3"),
        ("To: büro@contoso.example", b"x\r\n", "SMTPUTF8", "smtputf8", "5.6.7"),
        ("To: bob@contoso.example", b"x" * 1000, "SIZE=1029", "", "5.3.4"),
    ],
)
def test_what_the_server_does_not_take_is_refused_before_it_is_handed_over(
    head: str, body: bytes, named: str, lacks: str, code: str
) -> None:
    envelope = of(head, body)
    assert named in envelope.mail_command(ALL)
    offered = {name: value for name, value in ALL.items() if name != lacks}
    with pytest.raises(Refused) as error:
        envelope.check(offered)
    assert (error.value.code, error.value.not_done) == (code, True)
    envelope.check({**ALL, "size": ""})  # RFC 1870 4: no limit is said
    envelope.check({**ALL, "size": "0"})  # there is none
