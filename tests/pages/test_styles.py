"""What a template is dressed with is in a sheet that its page loads."""

import re
from pathlib import Path

PLACET = Path(__file__).resolve().parents[2] / "placet"
_USED = re.compile(r'class="([^"]*)"')
_TAG = re.compile(r"{%.*?%}|{{.*?}}")
_STYLED = re.compile(r"\.([a-z][a-z-]*)")


def _classes_of(sheet: str) -> set[str]:
    rules = re.sub(
        r"/\*.*?\*/|\"[^\"]*\"|{[^{}]*}", "", (PLACET / "static" / sheet).read_text(), flags=re.DOTALL
    )
    return set(_STYLED.findall(rules))


def test_pages_for_everybody_need_nothing_of_the_sheet_of_administration() -> None:
    """`panel.css` is loaded below Administration only."""
    of_administration = _classes_of("panel.css") - _classes_of("placet.css") - _classes_of("portal.css")
    assert "week" in of_administration  # the sheets are read
    missing = [
        (str(template.relative_to(PLACET)), name)
        for template in sorted(PLACET.glob("**/templates/**/*.html"))
        if not {"panel", "mailboxes"} & {*template.parts} and template.name != "design.html"
        for classes in _USED.findall(template.read_text())
        for name in _TAG.sub(" ", classes).split()
        if name in of_administration
    ]
    assert missing == []
