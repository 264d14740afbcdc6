"""How a mail on an IMAP server is called: by folder, UIDVALIDITY and UID, which stay its own (RFC 3501 2.3.1.1).

What is moved, or lies in a folder whose UIDVALIDITY has changed, is another one under another id.
"""

import re
from dataclasses import dataclass

_TEXT = re.compile(r"(\d{1,10})\.(\d{1,10})\.(.+)", re.DOTALL)


@dataclass(frozen=True)
class MailId:
    uidvalidity: int
    uid: int
    folder: bytes  # as the server writes its name

    @property
    def text(self) -> str:
        return f"{self.uidvalidity}.{self.uid}.{self.folder.decode('latin-1')}"

    @classmethod
    def of(cls, text: str) -> "MailId | None":
        """None for what is no id of this kind."""
        match = _TEXT.fullmatch(text)
        try:
            return cls(int(match[1]), int(match[2]), match[3].encode("latin-1")) if match else None
        except UnicodeEncodeError:
            return None
