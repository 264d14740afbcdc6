"""Runs one peer in a Python of its own: a JSON line in, a JSON line out. Imports nothing of Placet.

In: `{"kind": "text" or "html", "text": …}`. Out: `{"text": …}` or `{"html": …}`, with `seconds` taken, or
`{"error": …}`. The first line out says which version runs.
"""

import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

Peer = Callable[[str, str], dict[str, str]]
MANY = 13  # languages that mail-parser-reply was measured with before


def mail_parser_reply(languages: int | None = None) -> Peer:
    from mailparser_reply import EmailReplyParser  # type: ignore[import-not-found]  # not in our environment
    from mailparser_reply.constants import MAIL_LANGUAGES  # type: ignore[import-not-found]  # not in our environment

    parser = EmailReplyParser(languages=list(MAIL_LANGUAGES)[:languages])
    return lambda _, text: {"text": parser.parse_reply(text) or ""}


def quotequail() -> Peer:
    import quotequail  # type: ignore[import-not-found]  # not in our environment

    def read(kind: str, text: str) -> dict[str, str]:
        unwrap = quotequail.unwrap_html if kind == "html" else quotequail.unwrap
        found = unwrap(text)
        if found is None:
            return {kind: text}
        kept = (found.get(f"{kind}_top", ""), found.get(f"{kind}_bottom", ""))
        return {kind: "\n".join(filter(None, kept))}

    return read


def talon() -> Peer:
    from talon import quotations  # type: ignore[import-not-found]  # not in our environment

    types = {"text": "text/plain", "html": "text/html"}
    return lambda kind, text: {kind: quotations.extract_from(text, types[kind])}


PEERS: dict[str, tuple[str, Callable[[], Peer]]] = {
    "mail-parser-reply": ("mail-parser-reply", mail_parser_reply),
    "mail-parser-reply-13": ("mail-parser-reply", lambda: mail_parser_reply(MANY)),
    "quotequail": ("quotequail", quotequail),
    "talon": ("talon", talon),
}


def answer(peer: Peer, given: dict[str, Any]) -> dict[str, Any]:
    began = time.perf_counter()
    try:
        found: dict[str, Any] = dict(peer(given["kind"], given["text"]))
    except Exception as error:  # noqa: BLE001  # whatever a peer raises is its answer
        found = {"error": repr(error)}
    return {**found, "seconds": time.perf_counter() - began}


def main() -> None:
    distribution, make = PEERS[sys.argv[1]]
    peer = make()
    print(json.dumps({"version": version(distribution)}), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(peer, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
