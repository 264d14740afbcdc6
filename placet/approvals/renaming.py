"""The text of a process under another key and name. All else stays as it was written, comments too."""

import json
import re

import yaml

from placet.approvals.process_text import Unreadable, read_text

_PLAIN = re.compile("[a-z][a-z0-9_-]*")


def renamed(text: str, key: str, name: str = "") -> str:
    """`text`: YAML; Unreadable if it is none. `name`: empty, if it keeps its own. What it does not say yet is put on
    top."""
    for word, value in (("name", name), ("key", key)):
        text = _with(text, word, value) if value else text
    return text


def said_in(text: str, word: str) -> str:
    """What a process says of itself: its key, its name; "" where it does not, or not in a word. Unreadable for what is
    no YAML."""
    root = read_text(text).node
    for name, stands in root.value if isinstance(root, yaml.MappingNode) else ():
        if name.value == word and isinstance(stands, yaml.ScalarNode):
            return str(stands.value)
    return ""


def _with(text: str, word: str, value: str) -> str:
    root = read_text(text).node
    if not isinstance(root, yaml.MappingNode):
        raise Unreadable("A process is a list of names with values: key, name, start, steps, ...")
    written = _written(value)
    for name, stands in root.value:
        if name.value == word:
            before, after = text[: name.end_mark.index], text[stands.end_mark.index :]
            if text[name.end_mark.index : stands.start_mark.index].strip() != ":":
                raise Unreadable(f"{word}: write it out, and not as what stands elsewhere (*).")
            # A text over several lines ends with its last line.
            line_end = "\n" if text[: stands.end_mark.index].endswith("\n") else ""
            return f"{before}: {written}{line_end}{after}"
    start = root.start_mark.index + bool(root.flow_style)
    return f"{text[:start]}{word}: {written}{', ' if root.flow_style else chr(10)}{text[start:]}"


def _written(value: str) -> str:
    """A text as YAML takes it for one."""
    is_plain = _PLAIN.fullmatch(value) and yaml.safe_load(value) == value
    return value if is_plain else json.dumps(value, ensure_ascii=not value.isprintable())
