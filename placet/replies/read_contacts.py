"""Ways to reach somebody, as they are written: addresses, links to sites, telephone numbers."""

import re

# No dates ("05.02.2027") and no pages of a site, which may be what is to be bought.
_DATE = r"(?![0-9]{1,4}([./-])[0-9]{1,2}\1[0-9]{1,4}(?![0-9./-]))"
CONTACT = re.compile(
    r"[^\s<>@]{1,64}@[^\s<>@]{1,200}\.[^\W\d_]{2,20}|(?:https?://|www\.)[^\s<>/?#]{1,200}/?(?=[\s<>)\]|,;]|$)"
    rf"|(?<![\w.,/-]){_DATE}(?:\+|\(?0)[0-9()/. -]{{6,22}}[0-9](?![\w])"
    r"|\(?\b[0-9]{3}\)?[ .-]{1,2}[0-9]{3}[ .-][0-9]{4}\b"
)
_PRONOUNS = re.compile(r"\(\w{2,6}(?:/\w{2,6}){1,2}\)")  # "(she/her)"

# "Contoso s.r.o.": each of these letters is a word in some language.
_FIRM = re.compile(
    r"(?<!\w)(?:sp\. ?z ?o\. ?o|(?:spol\. )?s\. ?r\. ?o|d\. ?o\. ?o|s\. ?r\. ?l|s\. ?p\. ?a|s\. ?a\. ?s|s\. ?a|a\. ?s"
    r"|b\. ?v|n\. ?v)\.(?!\w)",
    re.IGNORECASE,
)


def without_contacts(text: str) -> str:
    """Without links, addresses, telephone numbers, and what firms are called by law: their letters say nothing."""
    return _FIRM.sub(" ", _PRONOUNS.sub(" ", CONTACT.sub(" ", text)))
