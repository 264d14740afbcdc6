"""What somebody wrote, as text and nothing else: without characters that nobody sees or that turn others round."""

import re
import unicodedata

_LINE_ENDS = re.compile("\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
#: Between letters of some scripts, and in emoji, they are part of the spelling (Unicode 23.2).
UNSEEN_JOINERS = "\u200c\u200d"


def plain_text(text: str) -> str:
    """Lines as they were written, in the same letters. Linear in the text."""
    text = _LINE_ENDS.sub("\n", text)
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "".join(sign for sign in text if _is_seen(sign))


def _is_seen(sign: str) -> bool:
    return (
        sign.isprintable() or sign in "\n\t" or sign in UNSEEN_JOINERS or unicodedata.category(sign) == "Zs"
    )
