"""What exactly is to be done: a command, its parameters, a change. The text of it is what people are shown and decide
about, sign by sign; its hash is what an agent compares before it does it."""

import json
import re
from hashlib import sha256
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

FIELD = "exactly"  # of the data of a request
_NAME = re.compile(r"[\w.-]{1,100}", re.ASCII)
_INDENT = "    "  # no line of what is given can be taken for a heading


class Exactly(BaseModel):
    """The decision holds for exactly this, and for nothing else."""

    model_config = ConfigDict(extra="forbid")

    command: str = Field("", description="The command or the call, as it will be run.")
    parameters: dict[str, Any] = Field({}, description="Its parameters, by name.")
    diff: str = Field("", description="The change, as a diff.")

    def text(self) -> str:
        """As people are shown it. ValueError if there is nothing."""
        parts = [
            *_part("Command", self.command.strip()),
            *_part("Parameters", "\n".join(_parameter(*one) for one in self.parameters.items())),
            *_part("Change", self.diff),
        ]
        if not parts:
            raise ValueError("`exactly` says nothing: give a command, parameters or a diff.")
        return "\n".join(parts).rstrip()

    def sha256(self) -> str:
        return hash_of(self.text())


def hash_of(text: str) -> str:
    """In hexadecimal digits, of the text in UTF-8."""
    return sha256(text.encode()).hexdigest()


def hash_in(data: Any) -> str | None:
    """Of what a request is about exactly; None if it is about nothing of the kind."""
    text = data.get(FIELD) if hasattr(data, "get") else None
    return hash_of(text) if isinstance(text, str) and text else None


def _part(heading: str, text: str) -> list[str]:
    if not text:
        return []
    lines = text.replace("\r\n", "\n").split("\n")
    return [
        f"{heading} ({len(lines)} {'line' if len(lines) == 1 else 'lines'})",
        *(_INDENT + line for line in lines),
    ]


def _parameter(name: str, value: Any) -> str:
    # In JSON, so that 1 is not “1”, and a line that is part of a value begins no other parameter.
    shown = name if _NAME.fullmatch(name) else json.dumps(name, ensure_ascii=False)
    return f"{shown}: {json.dumps(value, ensure_ascii=False, sort_keys=True)}"
