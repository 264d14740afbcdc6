"""The words of a mail of ours that can be answered, kept with it when it is written: a reply is held against them, and
to read them from the mail takes longer than to read the reply.

What was kept counts for these bytes alone and as long as they are read by the same rules: whoever can write to the
database cannot write other words below a mail (`placet.audit.mac`), and what another version of Placet kept is read
anew.
"""

import hashlib
import json
import sys
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from lxml import etree

from placet.audit import mac
from placet.mail.models import OutgoingMail
from placet.mail.packing import MAILS, MARK, Damaged
from placet.replies import parse
from placet.replies.parse.original import Original, Sent

LARGEST = 4 * 1024 * 1024  # bytes of what was kept, unpacked
AT_ONCE = 16  # mails whose words stay in memory: a reply is held twice against the same
PURPOSE = "words of our mail"


def keep(raw: bytes) -> bytes:
    """What is kept of a mail, compressed."""
    read = Original.of(raw)
    said = json.dumps(
        {
            "sent": [[" ".join(one.words), one.whole, " ".join(sorted(one.linked))] for one in read.sent],
            "subjects": list(read.subjects),
            "links": sorted(read.links),
        }
    )
    return MAILS.compressed(f"{_mac(mac.newest(), raw, said)}\n{said}".encode(), 0)


def originals(sent: Iterable[OutgoingMail]) -> Original:
    """Mails of ours, the most likely one first, as a reply is held against them."""
    return Original.together(_original(bytes(one.raw), bytes(one.words or b"")) for one in sent)


@lru_cache(maxsize=AT_ONCE)
def _original(raw: bytes, words: bytes) -> Original:
    return _kept(raw, words) or Original.of(raw)


def _kept(raw: bytes, words: bytes) -> Original | None:
    """None, unless Placet kept this of these bytes, by the same rules."""
    if not words.startswith(MARK):
        return None
    try:
        seal, _, said = MAILS.beginning(words, LARGEST).decode().partition("\n")
    except (Damaged, UnicodeDecodeError):
        return None
    if mac.check(seal, PURPOSE, *_about(raw, said)) != mac.HOLDS:
        return None
    kept: dict[str, Any] = json.loads(said)
    return Original(
        [Sent.of_words(one.split(), whole, frozenset(linked.split())) for one, whole, linked in kept["sent"]],
        kept["subjects"],
        frozenset(kept["links"]),
    )


def _mac(key: mac.Key, raw: bytes, said: str) -> str:
    return key.mac(PURPOSE, *_about(raw, said))


def _about(raw: bytes, said: str) -> tuple[str, str, str]:
    return rules(), hashlib.sha256(raw).hexdigest(), said


def sources() -> list[Path]:
    """What says how a mail is read, and in what form that is kept."""
    return [*sorted(Path(parse.__file__).parent.glob("*.py")), Path(__file__)]


@cache
def rules() -> str:
    """Tells by which rules a mail is read: those of this version of Placet, and of what it reads with."""
    made = hashlib.sha256()
    for source in sources():
        made.update(source.read_bytes())
    made.update(
        repr(
            (sys.version_info[:2], unicodedata.unidata_version, etree.LXML_VERSION, etree.LIBXML_VERSION)
        ).encode()
    )
    return made.hexdigest()
