"""Lines as they are compared: what differs only for the eye, or not even for it, is the same."""

from unicodedata import normalize

LINE = 1_000  # characters of one line that are looked at

# Blanks of all kinds, a curly apostrophe, what has no width or only turns the direction, and the digits of other
# scripts: mail programs write dates with them.
_SAME: dict[int, str | None] = {
    0x00A0: " ", 0x2007: " ", 0x202F: " ", 0x3000: " ", 0x2019: "'", 0x02BC: "'",
    **dict.fromkeys((0x00AD, 0x061C, 0x1427, 0x2060, 0xFEFF)),  # 1427: a tracking mark
    **dict.fromkeys((*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A))),
    **{zero + digit: str(digit) for zero in (0x0660, 0x06F0, 0x0966, 0xFF10) for digit in range(10)},
}  # fmt: skip


def fold(line: str) -> str:
    """Lower case, one form of each character, no blanks at the ends; of the first LINE characters."""
    line = line[:LINE]
    if line.isascii():
        return line.lower().strip()
    # casefold gives the Turkish capital I a dot of its own.
    return normalize("NFC", line.translate(_SAME).casefold()).replace("i\u0307", "i").strip()
