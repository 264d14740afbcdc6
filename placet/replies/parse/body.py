"""Which text of a mail people see: plain text where there is some, else what the HTML shows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from placet.replies.parse import html, limits, quotes
from placet.replies.parse.mail import joined
from placet.replies.parse.parts import Part


@dataclass(frozen=True)
class Body:
    """The visible text, whole and cut."""

    text: str
    new_text: str
    with_signature: str
    quoted_cut: str
    truncated: bool
    doubtful: bool


NO_BODY = Body("", "", "", "", truncated=False, doubtful=False)


def body(parts: Sequence[Part], raw_truncated: bool) -> Body:
    """The text to read. Parts that are attached, or belong to an attached mail, do not count."""
    plain = _texts(parts, "text/plain")
    marked_up = _texts(parts, "text/html")
    unfinished = raw_truncated and not _ended(parts)
    if not plain.strip():
        return _from_html(marked_up, unfinished)
    new = quotes.new_text(plain)
    if not new.quoted_cut and marked_up.strip():
        # The plain text shows no quote that we know; the HTML may mark it by its structure.
        seen = _from_html(marked_up, unfinished)
        if seen.quoted_cut:
            return seen
    return _body(plain, new, unfinished)


def _body(text: str, new: quotes.New, unfinished: bool) -> Body:
    """`unfinished`: there was more text than was read. That does not matter below a quote to the end."""
    long = len(new.with_signature) > limits.NEW_TEXT
    return Body(
        text,
        new.text[: limits.NEW_TEXT],
        new.with_signature[: limits.NEW_TEXT],
        new.quoted_cut,
        truncated=long or not new.whole or (unfinished and not new.to_the_end),
        doubtful=new.doubtful,
    )


def _from_html(markup: str, unfinished: bool) -> Body:
    seen = html.visible(markup[: limits.HTML])
    new = quotes.new_text(seen.unquoted)
    if seen.quoted_cut:
        new = replace(new, quoted_cut=seen.quoted_cut, to_the_end=new.to_the_end or seen.to_the_end)
    return _body(seen.text, new, unfinished or seen.truncated or len(markup) > limits.HTML)


def _texts(parts: Sequence[Part], content_type: str) -> str:
    """The text parts of one type, joined: Apple Mail splits a text around its pictures."""
    return joined([part.text() for part in _shown(parts) if part.content_type == content_type])


def _shown(parts: Sequence[Part]) -> Iterator[Part]:
    return (part for part in parts if _is_shown(part))


def _is_shown(part: Part) -> bool:
    return not (part.attached or part.in_message or part.container)


def _ended(parts: Sequence[Part]) -> bool:
    """Whether another part begins after the last shown text, so that a cut-off mail has all of it."""
    texts = ("text/plain", "text/html")
    shown = [at for at, part in enumerate(parts) if _is_shown(part) and part.content_type in texts]
    return bool(shown) and shown[-1] < len(parts) - 1
