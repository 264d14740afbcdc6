"""What mail programs write around a quote, in all languages together, folded.

An approver may answer in one language with a mail program that speaks another, so every language counts always,
whatever is enabled for answers. A word that is missing is a quote that may leak: add it to `[mail]` in the
language's file.
"""

import re
from collections.abc import Iterable

from placet.replies.languages import MailWords
from placet.replies.languages.table import shipped
from placet.replies.parse.folding import fold

LANGUAGES = {
    code: MailWords(**{name: tuple(said) for name, said in lists.items()})
    for code, lists in shipped().get("mail").items()
}


def _folded(word: str) -> str:
    """A blank at the end says that the word ends there."""
    return fold(word) + " " * word.endswith(" ")


def _all(field: str) -> frozenset[str]:
    return frozenset(_folded(word) for words in LANGUAGES.values() for word in getattr(words, field))


def _longest_first(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(words, key=lambda word: (-len(word), word)))


class _Answers:
    """Looked up where they lie: there are thirty thousand."""

    def __contains__(self, word: str) -> bool:
        return shipped().get(f"answer {word}") is not None


# Words that may decide, or change what was decided: no line that holds one is taken for a signature.
ANSWERS = _Answers()

STARTS = _longest_first(_all("starts"))
WROTE = _longest_first(_all("wrote"))
SENDER_LABELS = _all("sender")
SUBJECT_LABELS = _all("subject")
LABELS = SENDER_LABELS | _all("sent") | _all("to") | SUBJECT_LABELS
ORIGINAL = _all("original")
ORIGINAL_STARTS = _longest_first(ORIGINAL)
DEVICES = _longest_first(_all("device"))
# A line that begins like one of DEVICES is one if it names a device or a program, here in many languages; "Von
# meiner Seite" and "Sent with DHL" name none.
PROGRAMS = (
    "phone", "iphon", "ipad", "ipod", "ios", "macbook", "apple", "android", "galaxy", "samsung", "huawei",
    "xiaomi", "redmi", "oppo", "pixel", "xperia", "nokia", "honor", "oneplus", "blackberry", "windows",
    "outlook", "gmail", "yahoo", "proton", "tuta", "spark", "zoho", "gmx", "web.de", "typeapp", "aqua",
    "nine", "k-9", "mailbird", "superhuman", "canary", "thunderbird", "roundcube", "zimbra", "foxmail",
    "qq", "网易", "網易", "avast", "avg", "mail", "e-post", "posta", "courrier", "smartfon", "smarttelefon",
    "mobil", "móvil", "telemóvel", "handy", "telefon", "teléfono", "telefone", "téléphone", "puhelim",
    "telefoon", "tablet", "celular", "cellulare", "portable", "komórk", "unterwegs", "κινητ", "τηλέφων",
    "телефон", "смартфон", "мобильн", "мобільн", "айфон", "手机", "手機", "スマート", "スマホ", "携帯",
    "端末", "メール", "휴대", "스마트폰", "갤럭시", "아이폰", "기기", "메일", "هاتف", "جوال", "آيفون",
    "נייד", "טלפון", "אייפון", "मोबाइल", "फ़ोन", "फोन", "आईफ़ोन", "điện thoại", "cihaz", "készülék",
    "virus", "viren", "vírus", "virüs", "wirus", "viruși", "virů", "vi-rút", "вирус", "вірус", "ιού",
    "ウイルス", "바이러스", "病毒", "וירוס", "فيروس",
)  # fmt: skip
AUTOMATIC_SUBJECTS = _longest_first(_all("automatic"))
BANNERS = _longest_first(word for word in _all("banner") if not word.endswith(("]", "】")))
REPLY_MARKS = _longest_first(_all("reply"))
TAGS = _longest_first(word for word in _all("banner") if word.endswith(("]", "】")))

# How the line above a quote begins where it follows a text on the same line: "Approve On Tue, 24 Nov ..."
START_INSIDE = re.compile(
    r"(?<=[\s-])(?:"
    + "|".join(re.escape(start.strip().capitalize()) for start in STARTS if len(start) > 2)
    + r") (?=[^\n]{0,40}[0-9])"
)

# How small print begins.
LEGAL = _longest_first(shipped().get("legal"))
# What stands before the colon where somebody fills in a form.
FORM_LABELS = frozenset(shipped().get("form_labels"))

# The line in our own mails below which nothing is read, and those of others.
MARKERS = (*sorted(_all("above")), "##- ", "=-=-=-=")
