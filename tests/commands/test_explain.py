"""`placet explain`: for people, as JSON, line by line. No test here has a database, so none is needed."""

import base64
import io
import json
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from placet import cli
from placet.commands import explain as command
from placet.replies import explain as explaining
from tests.commands.conftest import Ran

MAIL = """\
From: Bob Manager <bob@contoso.example>
To: approvals+abcdefghijklmnop@contoso.example
Subject: Re: Please decide: A chair [#abcdefghijklmnop]
Authentication-Results: mx.contoso.example; dmarc=pass header.from=contoso.example
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

Approved, thanks!

--
Bob Manager, Operations

On Mon, 2 Nov 2026 at 10:12, Approvals <approvals@contoso.example> wrote:
> Please decide: A chair
> Approve or reject?
"""
OUT_OF_OFFICE = """\
From: Bob Manager <bob@contoso.example>
Subject: Automatic reply: A chair
Auto-Submitted: auto-replied

Approved. I am away until Monday.
"""
FIELDS = {
    "id", "automatic", "from", "new_text", "with_signature", "outcome", "comment", "likely", "why", "error",
    "rests_on", "language", "cut", "sealed", "lines", "starts",
}  # fmt: skip

ALONE_ENVIRONMENT = {"PYTHONPATH": str(Path(cli.__file__).parent.parent), "PYTHONIOENCODING": "latin-1"}

Explain = Callable[..., Ran]


@pytest.fixture
def explain(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Explain:
    def run(*words: str | Path, stdin: bytes = b"") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8"))
        capsys.readouterr()
        try:
            code = cli.main(["explain", *map(str, words)])
        except SystemExit as wrong_words:  # argparse
            code = int(wrong_words.code or 0)
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return Ran(code, said.out, said.err)

    return run


def write(folder: Path, name: str, content: str | bytes) -> Path:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def one_object(ran: Ran) -> dict[str, Any]:
    (line,) = ran.out.splitlines()
    found = json.loads(line)
    assert set(found) == FIELDS
    return dict(found)


# --- for people -------------------------------------------------------------------------------------------


def test_a_person_reads_every_step_in_its_order(explain: Explain, tmp_path: Path) -> None:
    file = write(tmp_path, "reply.eml", MAIL)
    ran = explain(file)
    assert (ran.code, ran.error) == (0, "")
    names = [line[: command.LABEL].strip() for line in ran.out.splitlines()[2:]]
    assert [name for name in names if name] == [
        "Automatic", "From", "Subject", "Vouched for", "Quoted", "Signature", "New text", "Answer", "Why", "Rests on",
        "Taken for", "Comment",
    ]  # fmt: skip
    for shown in (
        "From        Bob Manager <bob@contoso.example>",
        "Authentication-Results by mx.contoso.example: dmarc pass",
        "A file proves nobody",
        "Quoted      3 lines left out: ",
        "| > Please decide: A chair",
        "Signature   2 lines left out",
        "New text    Approved, thanks!",
        "Answer      approve",
        "“Approved”",
    ):
        assert shown in ran.out


def test_what_a_program_wrote_is_not_read(explain: Explain, tmp_path: Path) -> None:
    ran = explain(write(tmp_path, "away.eml", OUT_OF_OFFICE))
    assert "Automatic   yes: automatic reply, because Auto-Submitted is 'auto-replied'" in ran.out
    assert "Answer" not in ran.out


def test_an_unclear_answer_says_that_nothing_would_be_decided(explain: Explain, tmp_path: Path) -> None:
    ran = explain(write(tmp_path, "reply.eml", MAIL.replace("Approved, thanks!", "Is it in the budget?")))
    assert "Answer      unclear: nothing would be decided" in ran.out
    assert "Rests on    nothing" in ran.out


def test_it_fits_into_eighty_columns(explain: Explain, tmp_path: Path) -> None:
    wide = "承認します。" + "とても長い" * 60 + "\n" + "long " * 60 + "\n" + "x" * 300 + "\n👍🏽 e\u0301"
    ran = explain(write(tmp_path, "reply.eml", MAIL.replace("Approved, thanks!", wide)))
    below_the_name = ran.out.splitlines()[1:]
    assert all(command._cells(line) <= command.COLUMNS for line in below_the_name)
    assert "承認します。" in ran.out


def test_a_long_mail_is_shortened_for_people_and_says_so(explain: Explain, tmp_path: Path) -> None:
    long = "\n".join(f"Line {number}" for number in range(500))
    ran = explain(write(tmp_path, "reply.eml", MAIL.replace("Approved, thanks!", long)))
    assert f"… and {500 - command.TEXT_LINES} more lines" in ran.out


def test_nothing_that_is_printed_controls_a_terminal(explain: Explain, tmp_path: Path) -> None:
    hostile = "Approved \x1b[2J\u202e\u200b\u2066\u2028\x07\x9b31m\u00a0\tthanks"
    mail = MAIL.replace("Approved, thanks!", hostile).replace("Bob Manager <", "B\u202eob\x1b[2J <")
    file = write(tmp_path, "re\u202e\x1bply\n.eml", mail)
    for words in ([file], ["--json", file]):
        ran = explain(*words)
        assert ran.code == 0
        bad = {one for one in ran.out if unicodedata.category(one)[0] == "C" or one in "\u2028\u2029"} - {
            "\n"
        }
        assert not bad
    assert "\\u202e" in explain(file).out


def test_what_the_charset_of_the_terminal_lacks_is_escaped(tmp_path: Path) -> None:
    file = write(tmp_path, "reply.eml", MAIL.replace("Approved, thanks!", "👍 承認"))
    code = f"from placet.cli import main; main(['explain', {str(file)!r}])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, env=ALONE_ENVIRONMENT, check=True)
    assert b"\\U0001f44d \\u627f\\u8a8d" in ran.stdout


# --- files ------------------------------------------------------------------------------------------------


def test_json_has_one_object_a_file(explain: Explain, tmp_path: Path) -> None:
    first, second = write(tmp_path, "1.eml", MAIL), write(tmp_path, "2.eml", OUT_OF_OFFICE)
    ran = explain("--json", first, second)
    assert ran.code == 0
    approved, away = map(json.loads, ran.out.splitlines())
    assert set(approved) == set(away) == FIELDS
    assert approved["id"] == str(first)
    assert (approved["automatic"], approved["outcome"], approved["error"]) == (None, "approve", None)
    assert approved["from"] == "bob@contoso.example"
    assert approved["new_text"] == "Approved, thanks!"
    assert approved["with_signature"] == "Approved, thanks!\n\n--\nBob Manager, Operations"
    assert approved["rests_on"] == ["Approved"]
    assert approved["cut"]
    assert (away["automatic"], away["outcome"], away["new_text"]) == ("automatic reply", None, "")
    assert "Auto-Submitted" in away["why"]


def test_a_file_that_cannot_be_read_is_said_and_the_others_are_read(explain: Explain, tmp_path: Path) -> None:
    file = write(tmp_path, "reply.eml", MAIL)
    ran = explain("--json", tmp_path / "no.eml", file, tmp_path)
    assert ran.code == 1
    missing, read, folder = map(json.loads, ran.out.splitlines())
    assert missing["error"] == "The file cannot be read: No such file or directory."
    assert folder["error"] == "The file cannot be read: Is a directory."
    assert read["outcome"] == "approve"
    for_people = explain(tmp_path / "no.eml", file)
    assert for_people.code == 1
    assert "Not read    The file cannot be read: No such file or directory." in for_people.out
    assert "Answer      approve" in for_people.out


def test_a_mail_that_starts_a_request_answers_nothing(explain: Explain) -> None:
    to_the_start = MAIL.replace("+abcdefghijklmnop@", "+start-purchase@", 1)
    started = to_the_start.replace(" [#abcdefghijklmnop]", "", 1)
    found = one_object(explain("--json", "-", stdin=started.encode()))
    assert (found["starts"], found["outcome"]) == ("purchase", None)
    assert "Starts      Its address starts a request" in explain("-", stdin=started.encode()).out
    found = one_object(explain("--json", "-", stdin=to_the_start.encode()))
    assert (found["starts"], found["outcome"]) == (None, "approve"), "it answers an ask"


def test_standard_input_is_a_mail(explain: Explain) -> None:
    found = one_object(explain("--json", "-", stdin=MAIL.encode()))
    assert (found["id"], found["outcome"]) == ("-", "approve")
    assert explain("-", stdin=MAIL.encode()).out.startswith("standard input\n")


def test_what_stands_in_the_mail_that_was_answered_is_quoted(explain: Explain, tmp_path: Path) -> None:
    asked = "Please decide whether we buy this chair for the office in Lyon\nApproved requests are ordered on Friday"
    original = write(tmp_path, "ask.eml", f"Subject: A chair\n\n{asked}\n")
    head = MAIL.partition("\n\n")[0]
    quoted = "On Tue, Nov 24, 2026 at 10:00 AM Placet <approvals@contoso.example> wrote:\n" + asked
    reply = write(tmp_path, "reply.eml", f"{head}\n\nRejected, too expensive.\n\n{quoted}\n")
    found = one_object(explain("--json", "--original", original, reply))
    assert found["outcome"] == "reject"
    assert "ordered on Friday" not in found["with_signature"]
    missing = explain("--original", tmp_path / "no.eml", reply)
    assert (missing.code, missing.out) == (1, "")
    assert "no.eml cannot be read: No such file or directory." in missing.error


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "There is nothing in it."),
        (b" \r\n\r\n", "There is nothing in it."),
        (bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 500, "Save the mail as .eml"),
        (b"X: " + b"x" * 300_000, "Its headers are longer than 256 kB."),
    ],
)
def test_what_is_no_mail_that_can_be_read_is_said(
    content: bytes, sentence: str, explain: Explain, tmp_path: Path
) -> None:
    file = write(tmp_path, "odd", content)
    assert sentence in one_object(explain("--json", file))["error"]
    assert sentence in explain(file).out


def test_the_words_of_an_organisation_count(
    explain: Explain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, "reply.eml", MAIL.replace("Approved, thanks!", "Zwackelmann."))
    assert one_object(explain("--json", file))["outcome"] is None
    write(tmp_path, "en.toml", '[answer]\napprove = ["zwackelmann"]\n')
    monkeypatch.setenv("PLACET_WORDS_DIR", str(tmp_path))
    assert one_object(explain("--json", file))["outcome"] == "approve"
    folder = tmp_path / "wrong"
    folder.mkdir()
    write(folder, "en.toml", "[answers]\n")
    monkeypatch.setenv("PLACET_WORDS_DIR", str(folder))
    wrong = explain("--json", file)
    assert (wrong.code, wrong.out) == (1, "")
    assert "en.toml has “answers”" in wrong.error
    monkeypatch.setenv("PLACET_WORDS_DIR", str(tmp_path / "none"))
    missing = explain("--json", file)
    assert (missing.code, missing.out) == (1, "")
    assert "must be a folder that is there" in missing.error


def test_of_an_endless_file_only_the_beginning_is_read(explain: Explain) -> None:
    assert "headers are longer" in one_object(explain("--json", "/dev/zero"))["error"]


def test_two_senders_are_nobody(explain: Explain, tmp_path: Path) -> None:
    file = write(tmp_path, "two.eml", "From: Mallory <mallory@evil.example>\n" + MAIL)
    assert one_object(explain("--json", file))["from"] is None
    assert "Nobody would be believed: There are 2 From headers in the mail." in explain(file).out


@pytest.mark.parametrize(
    ("headers", "sentence"),
    [
        ("", "No server vouches for the sender"),
        ("X-MS-Exchange-Organization-AuthAs: Internal\nX-MS-Exchange-Organization-AuthMechanism: 04\n",
         "says that a colleague sent it, signed in"),
        ("X-MS-Exchange-Organization-AuthAs: Anonymous\n", "was not signed in (AuthAs Anonymous)"),
        ("X-MS-Exchange-Organization-AuthAs: Internal\n" * 2, "is there 2 times, so it says nothing"),
        ("Authentication-Results: spf=pass smtp.mailfrom=a.example\n", "by a server that gives no name"),
    ],
)  # fmt: skip
def test_the_stamps_about_the_sender_are_said_in_words(
    headers: str, sentence: str, explain: Explain, tmp_path: Path
) -> None:
    ran = explain(write(tmp_path, "reply.eml", f"{headers}From: bob@contoso.example\n\nYes, approved.\n"))
    assert sentence in " ".join(ran.out.split())


@pytest.mark.parametrize(
    "words", [[], ["--jsonl", "a.eml"], ["--jsonl", "--original", "a"], ["--json", "--jsonl"]]
)
def test_words_that_make_no_sense_are_said(words: list[str], explain: Explain) -> None:
    ran = explain(*words)
    assert (ran.code, ran.out) == (2, "")
    assert "usage: placet explain" in ran.error


# --- lines ------------------------------------------------------------------------------------------------


def line(id_: Any, raw: str | bytes, **more: Any) -> bytes:
    content = raw.encode() if isinstance(raw, str) else raw
    return json.dumps({"id": id_, "raw_base64": base64.b64encode(content).decode(), **more}).encode() + b"\n"


def answers(ran: Ran) -> list[dict[str, Any]]:
    assert (ran.code, ran.error) == (0, "")
    found = [json.loads(one) for one in ran.out.splitlines()]
    assert all(set(one) == FIELDS for one in found)
    return found


def test_each_line_has_its_answer_in_the_same_order(explain: Explain) -> None:
    original = base64.b64encode(b"Subject: x\n\nBuy it?\n").decode()
    sent = [
        line("b", MAIL, language="en"),
        line(7, OUT_OF_OFFICE, language="xx"),
        line("a", MAIL, original_base64=original),
        line("", MAIL, original_base64=None),
    ]
    found = answers(explain("--jsonl", stdin=b"".join(sent)))
    assert [one["id"] for one in found] == ["b", 7, "a", ""]
    assert [one["outcome"] for one in found] == ["approve", None, "approve", "approve"]


def test_an_answer_is_the_same_as_that_of_the_file(explain: Explain, tmp_path: Path) -> None:
    file = write(tmp_path, "reply.eml", MAIL)
    (found,) = answers(explain("--jsonl", stdin=line(str(file), MAIL)))
    assert found == one_object(explain("--json", file))


BAD = {
    b"\n": (None, "is not JSON"),
    b"not json\n": (None, "is not JSON"),
    b'"\xff"\n': (None, "is not JSON"),
    b"[" * 200_000 + b"\n": (None, "is not JSON"),
    b'{"id": ' + b"9" * 5_000 + b"}\n": (None, "is not JSON"),
    b"[1]\n": (None, "not an object"),
    b'{"raw_base64": "eA=="}\n': (None, "needs an “id”"),
    b'{"id": [], "raw_base64": "eA=="}\n': (None, "needs an “id”"),
    b'{"id": true, "raw_base64": "eA=="}\n': (None, "needs an “id”"),
    b'{"id": "1"}\n': ("1", "needs “raw_base64”"),
    b'{"id": "2", "raw_base64": 3}\n': ("2", "“raw_base64” must be a text"),
    b'{"id": "3", "raw_base64": "*"}\n': ("3", "“raw_base64” is not base64"),
    b'{"id": "4", "raw_base64": "\\u00e9"}\n': ("4", "“raw_base64” is not base64"),
    b'{"id": "5", "raw_base64": "eA==", "original_base64": "?"}\n': ("5", "“original_base64” is not base64"),
    b'{"id": "\\ud800", "raw_base64": ""}\n': ("\ud800", "There is nothing in it."),
}


def test_a_bad_line_says_what_is_wrong_and_ends_nothing(explain: Explain) -> None:
    sent = b"".join(bad + line("good", MAIL) for bad in BAD)
    found = answers(explain("--jsonl", stdin=sent))
    assert len(found) == 2 * len(BAD)
    for (id_, problem), answer in zip(BAD.values(), found[::2], strict=True):
        assert answer["id"] == id_
        assert problem in answer["error"]
        assert answer["outcome"] is None
    assert all(answer["outcome"] == "approve" for answer in found[1::2])


def test_base64_may_be_folded_and_the_last_line_needs_no_end(explain: Explain) -> None:
    folded = base64.encodebytes(MAIL.encode()).decode()
    (found,) = answers(explain("--jsonl", stdin=json.dumps({"id": "1", "raw_base64": folded}).encode()))
    assert found["outcome"] == "approve"


def test_a_line_without_end_is_passed_over(explain: Explain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "LONGEST_LINE", 8192)
    sent = b'{"id": "' + b"x" * 50_000 + b'"}\n' + line("good", MAIL) + b"x" * 8192
    long, good, last = answers(explain("--jsonl", stdin=sent))
    assert "The line is longer than" in long["error"]
    assert good["outcome"] == "approve"
    assert last["error"]


def test_a_defect_of_ours_is_said_without_what_strangers_wrote(
    explain: Explain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("\x1b[2J secret")

    monkeypatch.setattr(explaining, "read_mail", broken)
    first, second = answers(explain("--jsonl", stdin=line("1", MAIL) + line("2", OUT_OF_OFFICE)))
    assert first["error"].startswith("Placet itself failed on this mail: KeyError in test_explain.py, line ")
    assert "secret" not in first["error"]
    assert second["automatic"] == "automatic reply"


ALONE = """
import sys
from placet.cli import main
code = main(["explain", "--jsonl"])
heavy = [name for name in ("django.db", "placet.settings", "structlog", "requests", "sqlite3") if name in sys.modules]
sys.exit(f"{heavy} were imported" if heavy else code)
"""


def test_it_answers_at_once_and_needs_no_installation(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", ALONE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ALONE_ENVIRONMENT | {"PLACET_DATA_DIR": str(tmp_path / "none")},
        cwd=tmp_path,
    )
    with process:
        assert process.stdin and process.stdout and process.stderr
        for id_ in ("1", "2"):
            process.stdin.write(line(id_, MAIL))
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == id_  # before the next line is written
        process.stdin.close()
        assert process.stdout.read() == b""
        assert process.wait() == 0, process.stderr.read()
    assert not list(tmp_path.iterdir())
