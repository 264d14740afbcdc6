"""format=flowed (RFC 3676): lines that were wrapped for sending are put together again."""

from placet.replies.parse.limits import LINES

SIGNATURE = "-- "


def unflowed(text: str, delete_space: bool) -> str:
    """Flowed lines end with a blank and go on in the next line of the same depth of quote. `delete_space` is the
    parameter DelSp: the blank belongs to the wrapping, as in languages that have none between words."""
    lines: list[list[str]] = []
    open_at = -1  # depth of the quote whose last line goes on
    looked_at = text.split("\n", LINES)
    beyond = looked_at[LINES:]  # left as it is
    for line in looked_at[:LINES]:
        depth, rest = _quote(line)
        flows = rest.endswith(" ") and rest != SIGNATURE
        if delete_space and flows:
            rest = rest[:-1]
        if depth == open_at and rest != SIGNATURE:
            lines[-1].append(rest)
        else:
            lines.append([">" * depth + " " * bool(depth), rest])
        open_at = depth if flows else -1
    return "\n".join([*("".join(pieces) for pieces in lines), *beyond])


def _quote(line: str) -> tuple[int, str]:
    """Depth and content; one blank may be stuffed in front (RFC 3676 4.4)."""
    rest = line.lstrip(">")
    return len(line) - len(rest), rest[1:] if rest.startswith(" ") else rest
