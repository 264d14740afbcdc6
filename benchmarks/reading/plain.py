"""HTML to text in the simplest way that is fair: for peers that read text only, and for comparing HTML."""

from html.parser import HTMLParser

_BLOCKS = frozenset(
    (
        "address", "blockquote", "body", "center", "dd", "div", "dl", "dt", "fieldset", "form", "h1", "h2", "h3", "h4",
        "h5", "h6", "hr", "li", "ol", "p", "pre", "table", "tr", "ul",
    )
)  # fmt: skip
_UNSEEN = frozenset(("head", "script", "style", "title"))


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.unseen += tag in _UNSEEN
        if tag == "br" or tag in _BLOCKS:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self.unseen -= tag in _UNSEEN and self.unseen > 0
        if tag in _BLOCKS:
            self.pieces.append("\n")
        elif tag in ("td", "th"):
            self.pieces.append(" ")

    def handle_data(self, data: str) -> None:
        if not self.unseen:
            self.pieces.append(" ".join(data.split("\n")))


def text_of(markup: str) -> str:
    """What is between the tags, with a line for each block. Hidden text is text here."""
    parser = _Text()
    parser.feed(markup)
    parser.close()
    lines = (" ".join(line.split()) for line in "".join(parser.pieces).split("\n"))
    return "\n".join(line for line in lines if line)
