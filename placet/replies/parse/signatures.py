"""What stands below an answer and says who wrote it: signatures, and lines that telephones add.

A signature is cut where it is announced (`-- `), or where all that is left is names, titles and ways to reach
somebody. A line with a word that may decide, or change what was decided, is never taken for part of one: it is
left for the reader. So is all that is cut, apart from the new text (`set_apart`): what of it is a signature only the
reader's words can tell.
"""

import re
from collections.abc import Sequence

from placet.replies.parse import words
from placet.replies.parse.folding import fold
from placet.replies.parse.heads import ANSWERS

LONGEST = 15  # lines of a signature that are not blank
_DELIMITER = "--"
_SHORT = 60  # characters of one line of it
_FEW = 7  # words of one line of it
_LONGEST_SIGNED = 4  # words of a name
_TRIES = 3  # signatures below each other: one's own, and what a mailing list adds

_DRAWN = re.compile(r"[-_=*~#+\u2013\u2014\u2500]{2,}")
_CONTACT = re.compile(
    r"[^\s<>@]{1,64}@[^\s<>@]{1,200}\.[a-z]{2,20}|(?:https?://|www\.)[^\s<>]+|\+?[0-9(][0-9 ()/.\u2013-]{6,20}[0-9]"
)
_DASHED_NAME = re.compile(
    r"[-\u2013\u2014~]{1,2} ?([^\W\d_][\w.'\u2019-]{0,20}(?: [^\W\d_][\w.'\u2019-]{0,20}){1,3})"
)
_WORD = re.compile(r"[^\W\d_]+")
_NUMBER = re.compile(r"(?<![\w])[0-9]{3,}(?![\w])")  # no telephone's name: it may be a cost centre
_LINK = re.compile(
    r"[<\[(]?(?:https?://|(?=www\.))?(?P<host>[a-z0-9.-]+\.[a-z]{2,10})(?:[/?#:][^\s<>\])]*)?[>\])]?"
)
_WHERE_WORDS_LEAD = re.compile(
    r"(?<=\w)<https?://[^\s<>]*>"
)  # HTML shows the words alone: "Get Outlook<https://...>"
_PIECE = re.compile(r"[^\W_]+")
_MODEL = re.compile(r"[a-z]{0,2}[0-9]{1,2}[a-z]{0,2}")  # "15", "S24"
_LONGEST_NAME = 20  # letters of the name of a device or a program: "multifunktionsgerät"
_FIRST_UNPARTED = "\u3000"  # from here on are scripts without blanks
_YES_OR_NO = ("no", "si")  # of the answers that are short enough to stand before a name in some language
_DEVICE_WORDS = frozenset(
    word
    for start in (
        *words.DEVICES,
        *(fold(said) for one in words.LANGUAGES.values() for said in one.device_words),
    )
    for word in _PIECE.findall(start)
    if word not in _YES_OR_NO and (word not in words.ANSWERS or (len(word) < 3 and word.isascii()))
)
_DEVICE_NAMES = re.compile(
    "|".join(
        re.escape(name)
        for name in sorted({*words.PROGRAMS, *_DEVICE_WORDS}, key=lambda name: (-len(name), name))
        if not name.isascii() or len(name) > 2
    )
)
# Whose links stand in such lines: what comes before the last dot of their names.
_MAKERS = frozenset(
    ("aka", "onelink", "outlook", "microsoft", "apple", "google", "yahoo", "aol", "proton", "protonmail", "avast",
     "avg", "bluemail", "sparkmailapp", "readdle", "mailbird", "getmailbird", "gmx", "tuta", "tutanota", "superhuman",
     "canarymail", "9folders", "typeapp", "thunderbird", "mozilla", "k9mail", "edison", "samsung", "huawei", "xiaomi",
     "zoho", "gmail", "163", "qq", "mail", "yandex")
)  # fmt: skip
_SENTENCE = (".", "?", "!", "。", "？", "！", ":", "：", ";", ",")


def delimits(line: str) -> bool:
    """The line that mail programs put above a signature: RFC 3676 4.3, the blank may be lost; PGP escapes the
    dashes."""
    return line.strip() in ("--", "- --")


def part(lines: Sequence[str], below_text: bool = False) -> tuple[list[str], list[str]]:
    """New lines above their signature; and that, with all that stands below the line that announces one, as it is to be
    read: behind such a line only what names somebody first. Both are without lines that a telephone adds. Where nothing
    else is left the signature stays: it needs a text above it, in these lines or (`below_text`) in others."""
    start = next((at for at, line in enumerate(lines) if delimits(line)), len(lines))
    above, below = (
        [line for line in some if not is_device(fold(line))] for some in (lines[:start], lines[start + 1 :])
    )
    folded = [fold(line) for line in above]
    end = len(above)
    for _ in range(_TRIES):
        begin = _start(above[:end], folded[:end], below_text)
        if begin is None:
            break
        end = begin
    signature = above[end:]
    first = next((line for line in signature if _WORD.search(line)), "")
    if any(signature):
        signature = [*([_DELIMITER] if _is_name(first) else []), *signature, ""]
    return above[:end], [*signature, *([_DELIMITER, *below] if below else [])]


def is_device(line: str) -> bool:
    """Whether a folded line says from which telephone or program a mail was sent, and nothing else."""
    named = any(program in line for program in words.PROGRAMS)
    line = _WHERE_WORDS_LEAD.sub(" ", line).replace("www.", " www.")
    line = _LINK.sub(_without_makers_link, line).strip("*_[]<>()-|.\u201c\u201d\"’' ")
    if _NUMBER.search(line) or "@" in line:
        return False
    known = next((start for start in words.DEVICES if line.startswith(start)), "")
    if not known:  # "Get Outlook for iOS", wherever a language puts the verb
        named = "outlook" in line and len(line) < _SHORT and ("ios" in line or "android" in line)
    return named and _names_devices(line[len(known) :], known)


def _without_makers_link(link: re.Match[str]) -> str:
    """A link is a telephone's own where it leads to whoever makes it or its program; any other is left."""
    labels = link["host"].split(".")
    return " " if len(labels) > 1 and labels[-2] in _MAKERS else link[0]


def _names_devices(text: str, before: str) -> bool:
    """Whether each word is one of a telephone's line: a device, a program, or what such lines say around them. The
    number of a model stands right behind a device or a program. `before`: what stands before the text."""
    text = text.replace("k-9", " ").replace("pro max", "pro")  # alone they are "ok" and a limit
    end = 0
    for match in _PIECE.finditer(text):
        word = match[0]
        if _MODEL.fullmatch(word):
            named = any(program in before for program in words.PROGRAMS)
            if not named or text[end : match.start()] not in ("", " ", "-"):
                return False
        elif not _names_device(word):
            return False
        end, before = match.end(), word
    return True


def _names_device(word: str) -> bool:
    if word in _DEVICE_WORDS:
        return True
    if max(word) < _FIRST_UNPARTED and any(program in word for program in words.PROGRAMS):
        return len(word) <= _LONGEST_NAME and not _says(word)
    # Scripts without blanks, and words with endings: what is left without the names must be such words, too.
    left = _DEVICE_NAMES.sub(" ", word).split()
    return left != [word] and all(one in _DEVICE_WORDS for one in left)


def _says(word: str) -> bool:
    """Whether a word may be an answer. Those of two letters are in some language what stands before a name: "on"."""
    return word in words.ANSWERS and not (len(word) < 3 and word.isascii())


def _start(lines: Sequence[str], folded: Sequence[str], below_text: bool) -> int | None:
    """Where the last signature begins; None if there is none, or nothing stands above it."""
    block = _block(lines, folded)
    if not block:
        return None
    first = _first(lines, folded, block)
    if first is None:
        return None
    return first if below_text or any(_WORD.search(line) for line in folded[:first]) else None


def _block(lines: Sequence[str], folded: Sequence[str]) -> list[int]:
    """The last lines that may all belong to a signature, from the top; blank ones left out."""
    block: list[int] = []
    for at in range(len(lines) - 1, -1, -1):
        if not folded[at]:
            continue
        if len(block) == LONGEST or not _may_sign(lines[at], folded[at]):
            break
        block.append(at)
    block.reverse()
    return block


def _may_sign(line: str, folded: str) -> bool:
    if ANSWERS.match(folded):
        return False
    if _DRAWN.fullmatch(folded):
        return True
    found = _WORD.findall(_CONTACT.sub(" ", folded))
    if len(folded) > _SHORT * 2 or len(found) > _FEW or any(word in words.ANSWERS for word in found):
        return False
    return bool(_CONTACT.search(folded)) or (len(folded) <= _SHORT and not folded.endswith(_SENTENCE))


def _first(lines: Sequence[str], folded: Sequence[str], block: Sequence[int]) -> int | None:
    """The line of the block that a signature begins with."""
    contact = [at for at in block if _CONTACT.search(folded[at])]
    for at in block:
        below = [line for line in block if line > at]
        if _DRAWN.fullmatch(folded[at]) and any(line > at for line in contact):
            return at
        if not below and _DASHED_NAME.fullmatch(lines[at].strip()) and _has_capitals(lines[at]):
            return at
    return _paragraph(folded, block, contact)


def _is_name(line: str) -> bool:
    """Whether a line may name somebody, or a firm, and is no item of a list."""
    named = line.lstrip()[:1].isalpha() and not any(map(str.isdigit, line))
    return named and len(_WORD.findall(line)) <= _LONGEST_SIGNED and _has_capitals(line)


def _has_capitals(line: str) -> bool:
    return all(word[0].isupper() for word in _WORD.findall(line))


def _paragraph(folded: Sequence[str], block: Sequence[int], contact: Sequence[int]) -> int | None:
    """The last paragraph, if it names somebody and how to reach them in two ways."""
    if len(contact) < 2:
        return None
    start = block[-1]
    while start - 1 in block:
        start -= 1
    own_paragraph = start > 0 and not folded[start - 1]
    return start if own_paragraph and sum(at >= start for at in contact) >= 2 else None
