"""`python -m tools.mail_dictionary N` makes placet/mail/dictionaries/N.txt: what the mails of this version have in
common with each other and with replies to them. Once it was used, a dictionary stays as it is: a new one gets the next
number, and `placet.mail.packing.NEWEST` names it.

What is at its end is found quickest, and only the last 32 kB count (RFC 1951): the ask comes last.
"""

import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

WINDOW = 32_000
KINDS = ("refusal-unclear", "stuck", "withdrawn", "ended", "confirmation", "ask")  # the most frequent last
OF_ONE_MAIL = re.compile(rb"#?[a-z2-7]{16}\b|[0-9a-f]{12,}|\d{1,2}:\d\d:\d\d")  # codes, references, times


def main(number: str) -> None:
    target = Path(__file__).parents[1] / "placet" / "mail" / "dictionaries" / f"{int(number)}.txt"
    if target.exists():
        sys.exit(f"{target.name} is there already, and mails may be packed with it. Take the next number.")
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"PLACET_DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "placet.settings"}
        content = b"".join(_lines_once(_mails()))[-WINDOW:]
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(content)


def _mails() -> Iterator[bytes]:
    from placet.commands.start import set_up
    from placet.mail import packing

    packing.NEWEST = 0  # the one to come may be named there already
    set_up()
    from tests.mails_rendered import raw_mails

    for language in ("fr", "en"):
        mails = raw_mails(language)
        yield from (mails[kind] for kind in KINDS if kind in mails)


def _lines_once(mails: Iterable[bytes]) -> list[bytes]:
    """Each line where it stands last."""
    lines = [line for mail in mails for line in OF_ONE_MAIL.sub(b"", mail).splitlines(keepends=True)]
    last = {line: at for at, line in enumerate(lines)}
    return [line for at, line in enumerate(lines) if last[line] == at]


if __name__ == "__main__":
    main(sys.argv[1])
