"""What two programs could read in two ways, and what Content-Type could make of a text."""

import pytest

from placet.lib.sentences import NOTHING
from placet.mailboxes.base import Folder, Received
from placet.replies.parse import Mail, OwnMail, limits, parse
from placet.replies.parse.headers import Headers, date_of, folded
from placet.replies.parse.parts import parts
from placet.replies.parse.structure import encoding_doubt, structure_doubt

HEAD = "From: ann@contoso.example\nTo: approvals@contoso.example\nSubject: Re: Desk\n"


def read(raw: str, transport: str = "") -> Mail:
    received = Received("1", Folder.INBOX, raw.encode(), transport, "IPM.Note", None, len(raw))
    return parse(received, OwnMail("approvals@contoso.example", ""))


@pytest.mark.parametrize(
    ("name", "counts_as"),
    [
        ("Subject", "subject"),
        ("SUBJECT", "subject"),
        ("Subject ", "subject"),
        ("Subject\t", "subject"),
        ("Sub\0ject", "subject"),
        ("Sub\ufffdject", "subject"),
        ("\x01Subject", "subject"),
        ("Sub?ject", "subject"),
        ("Ｓｕｂｊｅｃｔ", "subject"),
        ("Sub\u200bject", "subject"),
        ("Content－Type", "content-type"),
        ("Subjectж", "subject"),  # a program may leave out what is not ASCII
        ("X-MS-Exchange-Organi\0zation-AuthAs", "x-ms-exchange-organization-authas"),
        ("DKIM-Signature ", "dkim-signature"),
        ("X-Subject", ""),
        ("Subject-Line", ""),
        ("ContentType", ""),
        ("Message_ID", ""),
        ("Thread-Topic ", ""),
        ("", ""),
    ],
)
def test_what_a_name_may_be_taken_for(name: str, counts_as: str) -> None:
    assert folded(name) == counts_as


def test_a_value_keeps_what_is_no_blank_at_its_ends() -> None:
    headers = Headers("A: \x1cInternal\x1f \nB:\xa0x\t\n")
    assert (headers.first("a"), headers.first("b")) == ("\x1cInternal\x1f", "\xa0x")


@pytest.mark.parametrize(
    ("raw", "transport", "why"),
    [
        (f"{HEAD}Subject: again\n\nx", "", "There are 2 Subject headers in the mail."),
        (f"{HEAD}\nx", f"{HEAD}subject: again\n", "There are 2 Subject headers in the transport headers."),
        (f"{HEAD}Date : x\n\nx", "", "The name of the Date header in the mail is malformed."),
        (
            f"{HEAD}X: y\rCc: z\n\nx",
            "",
            "What stands in the mail depends on what counts as the end of a line.",
        ),
        (f"{HEAD}no colon\nDate: x\n\nx", "", "Where its headers end is not clear."),
        (
            f"{HEAD}Content-Type: text/plain; charset=a; charset=b\n\nx",
            "",
            "A Content-Type header names its charset twice.",
        ),
        *(
            (
                f"{HEAD}Content-Type: multipart/mixed; boundary={empty}\n\nreject\n--\n\napprove\n",
                "",
                "A Content-Type header names a boundary that can be read in two ways.",
            )
            for empty in ('""', "", '"  "')
        ),
    ],
)
def test_why_it_can_be_read_in_two_ways(raw: str, transport: str, why: str) -> None:
    assert str(read(raw, transport).two_readings) == why


def test_a_mail_as_it_should_be_has_one_reading() -> None:
    assert read(f"{HEAD}\nx", HEAD).two_readings == NOTHING


@pytest.mark.parametrize(
    "inside",
    [
        "Subject: one\nSubject: two\n\nx\n",
        "Content-Type: text/plain; charset=a; charset=b\n\nx\n",
        "Content-Type: multipart/mixed; boundary=c\n\n--c\n\nx\n--c\x01\n\ny\n--c--\n",
    ],
)
def test_how_an_attached_mail_could_be_read_does_not_matter(inside: str) -> None:
    outside = "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b\nContent-Type: message/rfc822\n\n"
    assert read(f"{HEAD}{outside}{inside}--b--\n").two_readings == NOTHING
    assert read(f"{HEAD}{inside}").two_readings != NOTHING


@pytest.mark.parametrize("line", [" Date: z", "\tDate: z", "Date"])
def test_what_no_program_takes_for_a_header_does_not_count(line: str) -> None:
    assert read(f"{HEAD}\nx", f"{HEAD}X: y\n{line}\n").two_readings == NOTHING


def test_a_name_that_no_header_may_have_is_malformed() -> None:
    """RFC 5322 2.2: printable ASCII without the colon."""
    names = ("X Y", "X\x7f", "X\xe9")
    headers = Headers("".join(f"{name}: z\n" for name in ("X-Y", *names)))
    assert [headers.values(name.lower()) for name in ("X-Y", *names)] == [("z",), *[("(malformed)",)] * 3]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("--b\x01", "A line between its parts holds a control character."),
        ("--b\x01--", "A line between its parts holds a control character."),
        ("x\x01\n--b\x01", "A line between its parts holds a control character."),
        ("\0--b and more", "A line between its parts holds a control character."),
        ("\x01 --b", ""),  # for no program it begins with the boundary
        ("x\x01--b", ""),
        ("x\x01", ""),
        ("--\x01", ""),  # a part that has no parts has no boundary
        ("--b\rX: y\n\nz", "A line between its parts ends in a lone carriage return."),
        ("--b-- \rx", "A line between its parts ends in a lone carriage return."),
        ("x\r--b", "A line between its parts ends in a lone carriage return."),
        ("x\ry", ""),
        ("x --b\ty", ""),
    ],
)
def test_a_line_between_parts_is_one_for_every_program(line: str, why: str) -> None:
    head = "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n"
    assert str(read(f"{HEAD}{head}{line}\n--b--\n").two_readings) == why


def test_a_lone_carriage_return_in_a_text_without_parts_does_not_matter() -> None:
    assert read(f"{HEAD}\nx\ry\x01").two_readings == NOTHING


def test_what_lies_behind_all_that_is_read_does_not_matter() -> None:
    head = "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n"
    odd, filling = "--b\x01\n\ny\n--b--\n", f"{'x' * 500}\n" * (limits.READ // 500)
    assert read(f"{HEAD}{head}{odd}").two_readings != NOTHING
    assert read(f"{HEAD}{head}{filling}{odd}").two_readings == NOTHING


PLAIN, HTML = "Content-Type: text/plain\n\n", "Content-Type: text/html\n\n"


@pytest.mark.parametrize(
    ("head", "body", "doubt"),
    [
        ("multipart/alternative", f"--b\n{PLAIN}Yes\n--b\n{HTML}<p>Yes</p>\n--b--\n", ""),
        (
            "multipart/alternative",
            f"--b\n{PLAIN}*Yes* [cid:a@b] https://x.example\n--b\n{HTML}<b>Yes</b>\n--b--\n",
            "",
        ),
        (
            "multipart/alternative",
            f"--b\n{PLAIN}Yes\n--b\n{HTML}<p>No</p>\n--b--\n",
            "its plain text and its HTML differ",
        ),
        ("multipart/mixed", f"This is a multi-part message in MIME format.\n--b\n{PLAIN}Yes\n--b--\n", ""),
        (
            "multipart/mixed",
            f"\n This is a multi-part message in MIME format.\n\n--b\n{PLAIN}Yes\n--b--\n \n",
            "",
        ),
        ("multipart/mixed", f"No\n--b\n{PLAIN}Yes\n--b--\n", "text stands outside of its parts"),
        ("multipart/mixed", f"--b\n{PLAIN}Yes\n--b--\nNo\n", "text stands outside of its parts"),
        # Programs write capitals for what is bold, and the HTML alone may tell what is quoted.
        ("multipart/alternative", f"--b\n{PLAIN}YES\n--b\n{HTML}<b>Yes</b>\n--b--\n", ""),
        (
            "multipart/alternative",
            f"--b\n{PLAIN}Yes\n\nold words\n--b\n{HTML}<p>Yes</p><blockquote type=cite>old words</blockquote>\n--b--\n",
            "",
        ),
        # What is attached is no second form of the text, and HTML alone has none.
        (
            "multipart/mixed",
            f"--b\n{PLAIN}Yes\n--b\nContent-Disposition: attachment\n{HTML}<p>No</p>\n--b--\n",
            "",
        ),
        (
            "multipart/mixed",
            f"--b\n{PLAIN}Yes\n--b\nContent-Type: message/rfc822\n\n{HTML}<p>No</p>\n--b--\n",
            "",
        ),
        ("multipart/related", f"--b\n{HTML}<p>Yes</p>\n--b--\n", ""),
        ("text/html", "<p>Yes</p>", ""),
        ("text/html", "\n\t <p>Yes</p>", ""),
        ("text/html", "<pre>\n--a\nContent-Type: text/plain\n\nYes</pre>", ""),
        ("text/html", "Yes <!-- No", "its text does not look like HTML"),
        ("text/plain", "--a\nContent-Type: text/plain\n\nYes", "its text looks like one of several parts"),
        ("text/plain; charset=hz", "Yes", "its character set may hide letters"),
    ],
)
def test_what_content_type_could_make_of_it(head: str, body: str, doubt: str) -> None:
    found = parts(f"Content-Type: {head}; boundary=b\n\n{body}".encode())
    assert str(structure_doubt(found)) == doubt


ENDS = "lines of its text end as they do in quoted-printable"


@pytest.mark.parametrize(
    ("head", "body", "doubt"),
    [
        ("text/plain\nContent-Transfer-Encoding: 7bit", "This I do not =\napprove", ENDS),
        ("text/plain", "This I do not =\r\napprove", ENDS),
        ("text/html\nContent-Transfer-Encoding: 8bit", "<p>This I do not= \napprove", ENDS),
        ("text/plain\nContent-Transfer-Encoding: quoted-printable", "This I do not =\napprove", ""),
        ("text/plain", "Yes\n\n==========\nBob", ""),
        ("text/plain", "Yes, see https://x.example/?a=1", ""),
        ("multipart/mixed; boundary=b", f"--b\n{PLAIN}This I do not =\napprove\n--b--\n", ""),
    ],
)
def test_what_a_transfer_encoding_could_make_of_it(head: str, body: str, doubt: str) -> None:
    assert str(encoding_doubt(parts(f"Content-Type: {head}\n\n{body}".encode()))) == doubt


@pytest.mark.parametrize(
    ("value", "time"),
    [
        ("Tue, 24 Nov 2026 11:00:00 +0100", "2026-11-24T10:00:00+00:00"),
        ("24 Nov 2026 10:00 -0000", "2026-11-24T10:00:00+00:00"),
        ("Tue, 24 Nov 2026 10:00:00 GMT (UTC)", "2026-11-24T10:00:00+00:00"),
    ],
)
def test_the_time_of_a_date(value: str, time: str) -> None:
    found = date_of(value)
    assert found is not None
    assert found.isoformat() == time


@pytest.mark.parametrize(
    "value",
    [
        "",
        "yesterday",
        "Tue, 31 Feb 2026 10:00:00 +0000",
        "1 Jan 99999 0:0:0",
        "31 Dec 9999 23:59:59 -1200",  # in UTC there is no such year
        "x" * 99,
        f"{' ' * 200}24 Nov 2026 10:00 +0000",
    ],
)
def test_what_is_no_date(value: str) -> None:
    assert date_of(value) is None
