"""Bytes that no program would send, steered towards code not reached yet, to find what reading does not expect.

    python3 -m venv .venv-fuzz
    .venv-fuzz/bin/pip install atheris lxml django
    .venv-fuzz/bin/python -m benchmarks.fuzz_reading -max_total_time=600 -timeout=10 FOLDER

FOLDER keeps what reached new code, for the next run; put mails there to begin with, such as those of `tests/mails`.
What counts as found: any error but Unparseable, an outcome that nobody offered, text that a database or a terminal
would choke on, a second reading that differs from the first, and an input that takes longer than -timeout seconds.
"""

import sys

import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]  # has an environment of its own
from django.conf import settings

with atheris.instrument_imports(include=["placet"]):
    from placet.mailboxes.base import Folder, Received
    from placet.replies.parse import Mail, OwnMail, parse
    from placet.replies.parse.original import Original, without_original
    from placet.replies.read import read_mail, read_text
    from placet.replies.refusals import Unparseable

settings.configure(USE_I18N=False)  # what is said of a mail is looked at in English
_OWN = OwnMail("approvals@contoso.example", "placet.contoso.example")
_HEAD = (
    b"From: ann@contoso.example\nContent-Type: text/%s; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
)
_SPLIT = b"\xff\n"  # what stands behind it is taken for the mail that is answered


def one_input(data: bytes) -> None:
    """The first byte says what the rest is: a mail, the text of one, its HTML, or the new text itself."""
    kind, rest = data[:1], data[1:]
    content, _, original = rest.partition(_SPLIT)
    if kind == b"T":
        _check_text(content.decode("utf-8", "replace"))
    elif kind == b"P":
        _check_mail(_HEAD % b"plain" + content, original)
    elif kind == b"H":
        _check_mail(_HEAD % b"html" + content, original)
    else:
        _check_mail(data, original)


def _check_mail(raw: bytes, original: bytes) -> None:
    received = Received("1", Folder.INBOX, raw, "", "", None, len(raw))
    try:
        mail = parse(received, _OWN)
    except Unparseable:
        return
    _check_reading(mail)
    _check_reading(without_original(mail, Original.of(original)))


def _check_reading(mail: Mail) -> None:
    found = read_mail(mail)
    if read_mail(mail) != found:
        raise RuntimeError("The second reading differs from the first.")
    for text in (
        mail.text,
        mail.new_text,
        mail.with_signature,
        found.comment,
        str(found.why),
        *found.rests_on,
    ):
        if "\0" in text:
            raise RuntimeError("There is NUL in a text.")
        text.encode()
    if found.outcome not in (None, "approve", "reject"):
        raise RuntimeError(f"{found.outcome!r} is not offered.")


def _check_text(text: str) -> None:
    if read_text(text) != read_text(text):
        raise RuntimeError("The second reading differs from the first.")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
