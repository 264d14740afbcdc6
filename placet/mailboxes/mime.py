"""Header blocks of mails as servers give them."""


def header_block(raw: bytes) -> str:
    """The header of a MIME mail, where the server keeps no transport headers (mail that never travelled)."""
    ends = [end for end in (raw.find(b"\r\n\r\n"), raw.find(b"\n\n")) if end >= 0]
    block = raw[: min(ends)] if ends else raw
    return block.decode("utf-8", "replace").replace("\0", "\ufffd")


def headers_alone(headers: str) -> bytes:
    # At LF alone: splitlines takes more for the end of a line, and would make headers of what stands behind it.
    lines = [line.removesuffix("\r") for line in headers.strip().split("\n")]
    return "\r\n".join([*lines, "", ""]).encode() if any(lines) else b""
