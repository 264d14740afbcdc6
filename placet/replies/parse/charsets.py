"""Bytes to text: transfer encodings and charsets, with an allow-list and repairs. Never raises."""

import binascii
import codecs
import re

# Canonical names (codecs.lookup) of the charsets that mail programs write. Python knows more "codecs":
# rot13 and base64 are none, utf-7 and unicode_escape decode anything, idna and undefined raise.
_ALLOWED = frozenset((
    "ascii", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "iso8859-1", "iso8859-2", "iso8859-3",
    "iso8859-4", "iso8859-5", "iso8859-6", "iso8859-7", "iso8859-8", "iso8859-9", "iso8859-10", "iso8859-11",
    "iso8859-13", "iso8859-14", "iso8859-15", "iso8859-16", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254",
    "cp1255", "cp1256", "cp1257", "cp1258", "cp874", "cp437", "cp850", "cp852", "cp855", "cp857", "cp858",
    "cp862", "cp866", "koi8-r", "koi8-u", "mac-roman", "mac-cyrillic", "tis-620", "gb18030", "gbk", "gb2312",
    "hz", "big5", "big5hkscs", "cp950", "shift_jis", "cp932", "shift_jis_2004", "euc_jp", "euc_jis_2004",
    "iso2022_jp", "iso2022_jp_1", "iso2022_jp_2", "iso2022_jp_3", "iso2022_jp_ext", "euc_kr", "cp949", "johab",
    "iso2022_kr",
))  # fmt: skip
_WIDER = {"gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949"}
_ALIASES = {"iso-8859-8-i": "iso8859-8", "ks_c_5601-1987": "cp949", "x-sjis": "cp932", "x-gbk": "gb18030"}
# Declared without need by programs that then send UTF-8.
_OFTEN_WRONG = frozenset({"ascii", "iso8859-1", "cp1252", "gb2312", "gb18030", "big5"})
_CONTROLS = re.compile(r"[\x01-\x08\x0b-\x1f\x7f]")
REPLACEMENT = (
    "\ufffd"  # for what cannot be kept: PostgreSQL takes no NUL. What is left out joins what it parted
)
_Q = re.compile(rb"=([0-9A-Fa-f]{2})")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")


def charset_name(declared: str) -> str:
    """The codec for a declared charset, "" if it is unknown or not allowed."""
    name = declared.strip().strip("\"'").lower()[:60]
    if not name.isascii() or "\0" in name:
        return ""
    try:
        canonical = codecs.lookup(_ALIASES.get(name, name)).name
    except LookupError:
        return ""
    return canonical if canonical in _ALLOWED else ""


def decode(data: bytes, declared: str) -> str:
    """Text of `data`. A charset that is missing, wrong or hostile is repaired: valid UTF-8 is UTF-8
    whatever a western or Chinese charset was declared; then the declared one; then Windows-1252."""
    name = charset_name(declared)
    if not name or name in _OFTEN_WRONG:
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            name = _WIDER.get(name, name)
    if name in ("", "ascii", "iso8859-1"):
        return data.decode("cp1252", "replace")  # what iso-8859-1 means in mail: its C1 range is never meant
    return data.decode(_WIDER.get(name, name), "replace")


def tidy(text: str) -> str:
    """LF line ends; U+FFFD for NUL, no other control characters, no lone surrogates."""
    text = _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", REPLACEMENT))
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def transfer_decode(payload: bytes, encoding: str) -> bytes:
    """Undo Content-Transfer-Encoding. Unknown ones (and 7bit, 8bit, binary) leave the bytes alone."""
    encoding = encoding.strip().lower()
    if encoding == "base64":
        return from_base64(payload)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(payload)
    return payload


def from_base64(payload: bytes) -> bytes:
    """Lenient: foreign characters are skipped, missing padding is added, a cut-off rest is dropped, and
    nothing is read after the padding (mailing lists add a plain footer there)."""
    payload = _NOT_BASE64.sub(b"", payload.partition(b"=")[0])
    usable = len(payload) - (len(payload) % 4 == 1)
    return binascii.a2b_base64(payload[:usable] + b"=" * (-usable % 4))


def from_q(payload: str) -> bytes:
    """The Q encoding of RFC 2047."""
    data = payload.encode("utf-8", "replace").replace(b"_", b" ")
    return _Q.sub(lambda found: bytes((int(found[1], 16),)), data)
