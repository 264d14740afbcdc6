"""Warnings that a mail server puts above a mail: "[EXTERNAL]", "CAUTION: This email originated from outside ..."."""

from collections.abc import Sequence

from placet.replies.parse import words

LINES = 12  # that a warning may have
_PARAGRAPH = 4  # lines of it in which the words are looked for
_WRAPPED = 50  # characters of a line of a warning that goes on in the next one
_LONG = 20  # characters of a beginning that nobody else writes
_LONG_SIGNS = 8  # the same where each character is a syllable or a word
_DRAWN = "-_=*|!⚠> \ufe0f"  # what a warning is adorned with
_ENDS = (".", "!", "。", ">", "]", ")", "।")

# What a warning speaks of. "Attention : ce" begins many sentences; only a warning goes on with all of it.
_MAIL = (
    "mail", "message", "nachricht", "courriel", "courrier", "correo", "correu", "mensaje", "mensagem",
    "missatge", "messaggi", "mesaj", "bericht", "meddelande", "meddelelse", "melding", "mejl", "e-post",
    "epost", "posta", "poczt", "wiadomo", "zpráv", "správ", "üzenet", "levél", "ileti", "pesan", "viesti",
    "sähköposti", "письм", "сообщен", "почт", "лист", "повідомлен", "пошт", "μηνυμα", "رسالة", "بريد",
    "הודעה", "דואר", "ईमेल", "संदेश", "thư", "メール", "メッセージ", "메일", "메시지", "邮件", "郵件",
    "link", "lien", "attach", "anhänge", "anlagen", "enlaces", "vedhæft", "vedlegg", "bilag", "bijlage",
)  # fmt: skip
_OUTSIDE = (
    "extern", "ekstern", "outside", "extérieur", "außerhalb", "fuera", "estern", "fora", "buiten",
    "utanför", "uden for", "utenfor", "ulkoi", "ulkopuol", "zewnętrz", "spoza", "mimo", "külső", "kívül",
    "afara", "harici", "dış", "внешн", "извне", "предел", "зовнішн", "ззовні", "з-за меж", "εξωτερικ",
    "εκτοσ", "خارج", "חוץ", "חיצוני", "बाहर", "ngoài", "luar", "外部", "社外", "組織外", "组织外",
    "组织外部", "외부",
)  # fmt: skip
_SENDER = (
    "sender", "expéditeur", "absender", "remitente", "remitent", "mittente", "remetente", "afzender",
    "avsändar", "afsender", "avsender", "lähettäj", "nadawc", "odesíl", "odosiel", "feladó", "expeditor",
    "gönderen", "отправител", "відправник", "αποστολε", "مرسل", "שולח", "प्रेषक", "người gửi", "pengirim",
    "送信者", "差出人", "발신", "보낸", "发件人", "寄件者", "寄件人",
)  # fmt: skip
# Capitals have no accents in Greek: ΠΡΟΣΟΧΗ.
_ACCENTS = str.maketrans("άέήίόύώϊϋΐΰ", "αεηιουωιυιυ")


def _bare(line: str) -> str:
    return line.lstrip(_DRAWN).translate(_ACCENTS)


_BANNERS = tuple(_bare(banner) for banner in words.BANNERS)
_SUFFICE = tuple(
    banner
    for banner in _BANNERS
    if len(banner) >= (_LONG if banner < "\u0e00" else _LONG_SIGNS) and not set(":：!") & set(banner)
)


def length(folded: Sequence[str]) -> int:
    """How many lines at the beginning of a text are a warning."""
    last = -1  # line of a warning
    for at, line in enumerate(folded[:LINES]):
        if not line or not line.strip(_DRAWN):
            continue
        if not (warns(folded, at, last >= 0) or _goes_on(folded, at, last)):
            break
        last = at
    return last + 1


def warns(folded: Sequence[str], at: int, below: bool = False) -> bool:
    """Whether a line is one of a warning; `below` others of it, what begins like one suffices."""
    bare = _bare(folded[at])
    if bare.startswith(_SUFFICE) or (below and bare.startswith(_BANNERS)):
        return True
    if tag := _tag(bare):
        rest = bare[len(tag) :].strip(_DRAWN + ":")
        return not rest or (rest.startswith(_BANNERS) and _speaks_of_mail(_paragraph(folded, at)))
    if bare.startswith(_BANNERS):
        return _speaks_of_mail(_paragraph(folded, at))
    # In some languages the address of the sender comes first.
    return "@" in bare[:200] and any(banner in bare[:400] for banner in _SUFFICE)


def _paragraph(folded: Sequence[str], at: int) -> str:
    """A line, and those below it that it goes on in where it was wrapped."""
    end = at + 1
    while end < min(at + _PARAGRAPH, len(folded)) and folded[end] and len(folded[end - 1]) >= _WRAPPED:
        end += 1
    return _bare(" ".join(folded[at:end]))


def _speaks_of_mail(text: str) -> bool:
    """Whether a text says that a mail came from outside."""
    outside, sender = _any(_OUTSIDE, text), _any(_SENDER, text)
    return (outside and sender) or (_any(_MAIL, text) and (outside or sender or "@" in text))


def _any(known: Sequence[str], text: str) -> bool:
    return any(word in text for word in known)


def _goes_on(folded: Sequence[str], at: int, last: int) -> bool:
    return 0 <= last == at - 1 and len(folded[last]) >= _WRAPPED and not folded[last].endswith(_ENDS)


def tag(folded: Sequence[str], start: int) -> tuple[int, int] | None:
    """A tag in front of the text that begins at `start`: its line, and its length in characters."""
    for at in range(start, min(start + LINES, len(folded))):
        if folded[at]:
            found = _tag(folded[at])
            return (at, len(found)) if found else None
    return None


def _tag(line: str) -> str:
    return next((tag for tag in words.TAGS if line.startswith(tag)), "")
