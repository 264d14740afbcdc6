"""Text in PowerShell commands that people copy and run."""

# PowerShell takes these for quotes too.
_SINGLE = "'‘’‚‛"
_DOUBLE = '"“”„'


def quoted(text: str) -> str:
    """`text` as one PowerShell string, whatever it holds: nothing of it is carried out."""
    if any(quote in text for quote in _SINGLE) and not any(sign in text for sign in f"{_DOUBLE}$`"):
        return f'"{text}"'
    return "'" + "".join(sign * 2 if sign in _SINGLE else sign for sign in text) + "'"
