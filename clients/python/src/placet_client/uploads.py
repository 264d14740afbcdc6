"""Files on their way to Placet."""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Upload:
    """A file with its content. Without a content type Placet goes by the name."""

    name: str
    content: bytes = field(repr=False)
    content_type: str | None = None

    @classmethod
    def of(cls, path: str | Path) -> Upload:
        """The file at a path, as it is now. OSError if it cannot be read."""
        file = Path(path)
        return cls(file.name, file.read_bytes(), mimetypes.guess_type(file.name)[0])

    def as_json(self) -> dict[str, Any]:
        value = {"name": self.name, "content": base64.b64encode(self.content).decode()}
        return {**value, "content_type": self.content_type} if self.content_type else value


UploadLike: TypeAlias = "Upload | str | Path"  # a path is read when it is sent


def uploads_as_json(files: Sequence[UploadLike]) -> list[dict[str, Any]]:
    return [(one if isinstance(one, Upload) else Upload.of(one)).as_json() for one in files]
