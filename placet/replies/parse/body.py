"""Which text of a mail people see: plain text where there is some, else what the HTML shows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from placet.replies.parse import html, limits, quotes
from placet.replies.parse.flowed import unflowed
from placet.replies.parse.mail import joined
from placet.replies.parse.parts import Part
from placet.replies.parse.sealed import only_rich_text, sealed, sealed_text, without_armour


@dataclass(frozen=True)
class Body:
    """The visible text, whole and cut. The fields are those of Mail."""

    sealed: str = ""
    text: str = ""
    marked: str = ""
    new_text: str = ""
    with_signature: str = ""
    set_apart: str = ""
    quoted_cut: str = ""
    markup: str = ""
    truncated: bool = False
    doubtful: bool = False
    unfinished: bool = False
    perhaps_hidden: bool = False


NO_BODY = Body()


def body(parts: Sequence[Part], raw_truncated: bool) -> Body:
    """The text to read. Parts that are attached, or belong to an attached mail, do not count."""
    if why := sealed(parts):
        return Body(sealed=why)
    found = _readable(parts, raw_truncated and not _ended(parts))
    why = sealed_text(found.marked) if found.text else only_rich_text(parts)
    return Body(sealed=why) if why else found


def _readable(parts: Sequence[Part], unfinished: bool) -> Body:
    plain = _texts(parts, "text/plain")
    if plain and not plain.isspace():
        marked = without_armour(plain)
        seen = _body(plain, marked, quotes.new_text(marked), unfinished)
        marked_up = _texts(parts, "text/html")
        if seen.quoted_cut:
            return replace(seen, markup=marked_up)
        # The plain text shows no quote that we know; the HTML may mark it by its structure.
        if not marked_up or not html.may_quote(marked_up):
            return seen
        other = _from_html(marked_up, unfinished)
        return other if other.quoted_cut else seen
    return _from_html(_texts(parts, "text/html"), unfinished)


def _body(text: str, marked: str, new: quotes.New, unfinished: bool) -> Body:
    """`unfinished`: there was more text than was read. That does not matter below a quote to the end."""
    return Body(
        text=text,
        marked=marked,
        new_text=new.text,
        with_signature=new.with_signature,
        set_apart=new.set_apart,
        quoted_cut=new.quoted_cut,
        truncated=not new.whole or (unfinished and not new.to_the_end),
        doubtful=new.doubtful,
        unfinished=unfinished,
    )


def _from_html(markup: str, unfinished: bool) -> Body:
    if not markup:
        return NO_BODY
    seen = html.visible(markup[: limits.HTML])
    new = quotes.new_text(seen.marked)
    if seen.quoted_cut:
        new = replace(new, quoted_cut=seen.quoted_cut)
    found = _body(seen.text, seen.marked, new, unfinished or seen.truncated or len(markup) > limits.HTML)
    return replace(found, perhaps_hidden=seen.perhaps_hidden)


def _texts(parts: Sequence[Part], content_type: str) -> str:
    """The text parts of one type, joined: Apple Mail splits a text around its pictures."""
    return joined([_text(part) for part in _shown(parts) if part.content_type == content_type])


def _text(part: Part) -> str:
    text = part.text()
    if part.parameters.get("format", "").lower() == "flowed":
        return unflowed(text, delete_space=part.parameters.get("delsp", "").lower() == "yes")
    return text


def _shown(parts: Sequence[Part]) -> Iterator[Part]:
    return (part for part in parts if _is_shown(part))


def _is_shown(part: Part) -> bool:
    return not (part.attached or part.in_message or part.container)


def _ended(parts: Sequence[Part]) -> bool:
    """Whether another part begins after the last shown text, so that a cut-off mail has all of it."""
    texts = ("text/plain", "text/html")
    shown = [at for at, part in enumerate(parts) if _is_shown(part) and part.content_type in texts]
    return bool(shown) and shown[-1] < len(parts) - 1
