"""`python -m tools.dictionary mails N` makes placet/mail/dictionaries/N.zdict: what the mails of this version have in
common with each other and with replies to them, unwrapped. `python -m tools.dictionary entries N` makes
placet/audit/dictionaries/N.zdict: what audit entries say, without their hashes. Once it was used, a dictionary stays as
it is: a new one gets the next number, which `placet.mail.packing.MAILS` or `placet.audit.packing.ENTRIES` names.

The most frequent mails are in it whole, and of the others what stands in none of those.
"""

import os
import re
import struct
import sys
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

LARGEST = 200_000  # bytes
NONE = b"\n" * 8  # the smallest dictionary
FREQUENT = ("ended", "confirmation", "ask")
OFTEN = 5  # times that a frequent mail counts as a rare one
REPEATED = struct.pack("<3I", 1, 4, 8)  # distances that are at the end of the statistics
PROGRAM = "outlook"  # most replies are written with
#: What a decision by mail says besides, where the sender was proved by what Exchange Online stamped.
PROVED = {
    "proof": {
        "salt": "0" * 32,
        "value": {
            "level": "colleague",
            "address": "bob@mails.example",
            "stamps_from": "transport headers",
            "auth_as": "Internal",
            "mechanism": "04",
        },
    },
    "log": {"salt": "0" * 32, "value": "0" * 64},
}
OF_ONE_MAIL = re.compile(rb"#?[a-z2-7]{16}\b|[0-9a-f]{12,}|\d{1,2}:\d\d:\d\d")  # codes, references, times
_PIECE = re.compile(rb"[^<\n]*[<\n]?")


def main(kind: str, number: str) -> None:
    folder, content_of = {"mails": ("mail", _mails), "entries": ("audit", _entries)}[kind]
    target = Path(__file__).parents[1] / "placet" / folder / "dictionaries" / f"{int(number)}.zdict"
    if target.exists():
        sys.exit(f"{target.name} is there already, and may be in use. Take the next number.")
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(NONE)  # it may be named already
    with tempfile.TemporaryDirectory() as data:
        os.environ |= {"PLACET_DATA_DIR": data, "DJANGO_SETTINGS_MODULE": "placet.settings"}
        from placet.commands.start import set_up

        try:
            set_up()
            content = content_of()
        except BaseException:
            target.unlink()
            raise
    target.write_bytes(content)


def _with_statistics(content: bytes, samples: Sequence[bytes]) -> bytes:
    """A dictionary of this content in the form of Zstandard (RFC 8878, 5), which knows besides how frequent letters,
    lengths and distances are: a short value has no room to say that itself. What zstd would choose for the content is
    pieces of the samples; whole mails do better."""
    import zstandard

    content = content[-LARGEST:]
    trained = zstandard.train_dictionary(len(content), [*samples], k=1500, d=8).as_bytes()
    return trained[: trained.index(REPEATED) + len(REPEATED)] + content


def _entries() -> bytes:
    """One of each form."""
    from placet.audit.packing import without_hashes
    from tests.mails_rendered import recorded

    forms: dict[tuple[str, ...], bytes] = {}
    texts = []
    for what in (what for language in ("fr", "en") for what in recorded(language)):
        if what["event"] == "decided":
            what["personal"] |= PROVED
        text, _ = without_hashes(what)
        forms[what["event"], *what, *what.get("personal", ())] = text
        texts.append(text)
    return _with_statistics(b"".join(reversed(forms.values())), texts)


def _content(whole: Sequence[bytes], others: Sequence[bytes]) -> bytes:
    known = {pair for mail in whole for pair in pairwise(_pieces(mail))}
    kept = []
    for mail in others:
        for pair in pairwise(_pieces(mail)):
            if pair not in known:
                kept.append(pair[1])
                known.add(pair)
    return b"".join([*kept, *whole])


def _pieces(mail: bytes) -> list[bytes]:
    return [b"", *filter(None, _PIECE.findall(mail))]


def _mails() -> bytes:
    from placet.mail.packing import MAILS
    from placet.mail.unwrapping import unwrapped
    from placet.replies import own_words
    from tests.mails_rendered import raw_mails, shipped_ask

    whole = [shipped_ask()]
    others: list[bytes] = []
    for language in ("fr", "en"):
        mails = raw_mails(language)
        replies, transports = _replies(mails["ask"])
        frequent = [mails["ended"], mails["confirmation"], replies.pop(PROGRAM), mails["ask"]]
        whole += [MAILS.decompressed(own_words.keep(mails["ask"])).partition(b"\n")[2], *frequent]
        others += [*(mail for kind, mail in mails.items() if kind not in FREQUENT), *replies.values()]
        others += transports
    frequent, rare = ([unwrapped(mail) for mail in some] for some in (whole, others))
    content = _content(*([OF_ONE_MAIL.sub(b"", mail) for mail in some] for some in (frequent, rare)))
    return _with_statistics(content, [*frequent * OFTEN, *rare])


def _replies(ask: bytes) -> tuple[dict[str, bytes], list[bytes]]:
    """As they arrive, by the program that they were written with; and their headers, of who is inside and outside."""
    from placet.sandbox import mime, programs
    from placet.sandbox.delivery import AuthResults, Post
    from placet.sandbox.tenant import Item, Mailbox, Tenant

    tenant = Tenant("mails.example", "Mails")
    bob = tenant.add_mailbox(Mailbox("bob@mails.example", "Bob Manager"))
    to = [tenant.add_mailbox(Mailbox("approvals@mails.example", "Approvals")).address]
    post, replies = Post(tenant), {}
    for key in programs.PROGRAMS:
        raw = programs.reply(mime.Address(bob.name, bob.address), Item(ask, None), "OK\n\nThank you", key=key)
        inside = post.send(bob, *mime.split(raw), recipients=to).items[0]
        outside = post.arrive(raw, mail_from=bob.address, recipients=to, results=AuthResults()).items[0]
        replies[key] = inside.mime
    return replies, [item.transport_headers.encode() for item in (inside, outside) if item.transport_headers]


if __name__ == "__main__":
    main(*sys.argv[1:])
