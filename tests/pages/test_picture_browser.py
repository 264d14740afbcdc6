"""Pictures in a real browser: what is reckoned of texts holds in its fonts, one arrangement is shown, and axe finds
nothing."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from placet.approvals.picture import Mark, drawing_of, drawing_of_changes
from tests.approvals.test_picture import ALL_NAMES, HOSTILE, definition, with_names
from tests.approvals.test_picture_changes import versions
from tests.pages.browsing import SIZES, window
from tests.pages.test_every_page import too_wide, violations

pytestmark = pytest.mark.browser
STATIC = Path(__file__).parents[2] / "placet" / "static"
# Of steps and ends; labels have no box.
TEXTS_BEYOND_THEIR_BOX = """() => [...document.querySelectorAll(".picture-svg .p-step")].flatMap((step) => {
  const box = step.querySelector("rect").getBoundingClientRect();
  return [...step.querySelectorAll(":scope > text")].filter((text) => {
    const own = text.getBoundingClientRect();
    return own.width > 0 && (own.right > box.right || own.left < box.left);
  }).map((text) => text.textContent);
})"""
SHOWN = """() => [...document.querySelectorAll(".picture")].map((one) =>
  [...one.querySelectorAll("svg")].filter((svg) => svg.getBoundingClientRect().width > 0).length)"""
WIDE_ONES = """() => [...document.querySelectorAll(".picture-wide")].filter((one) =>
  one.getBoundingClientRect().width > 0).length"""
SMALLEST = """() => Math.min(...[...document.querySelectorAll(".picture-svg")].map((svg) =>
  svg.getBoundingClientRect().width / svg.width.baseVal.value).filter((scale) => scale > 0))"""


def page_with(*pictures: str) -> str:
    places = "".join(f'<div class="picture-place">{picture}</div>' for picture in pictures)
    style = "".join((STATIC / name).read_text() for name in ("placet.css", "picture.css"))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Pictures</title>'
        f'<meta name="viewport" content="width=device-width"><style>{style}</style></head>'
        f"<body><main><h1>Pictures</h1>{places}</main></body></html>"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_texts_stand_in_their_boxes_and_axe_finds_nothing(chromium: Browser, size: str, scheme: str) -> None:
    marks = {
        "checks": Mark("done", ("approved",), "good", went=frozenset({"signature"})),
        "legal": Mark("expired"),
        "finance": Mark("skipped"),
        "privacy": Mark("stuck"),
        "signature": Mark("now", ("asked: Carol Finance", "since 12/01/2026"), rounds=2),
    }
    pictures = [drawing_of(definition(name)) for name in ALL_NAMES]
    pictures.append(drawing_of(definition("contract"), marks=marks))
    pictures.append(drawing_of(definition("purchase"), links={"manager": "#manager", "finance": "#finance"}))
    heat = {key: at / 5 for at, key in enumerate(definition("change").steps)}
    pictures.append(drawing_of(definition("change"), heat=heat))
    pictures.append(drawing_of_changes(*versions(), {"finance": "changed", "cfo": "new"}))
    pictures.append(drawing_of(with_names(HOSTILE)))
    with window(chromium, "http://localhost", size, scheme) as context:
        page = context.new_page()
        page.set_content(page_with(*pictures))
        assert page.evaluate(TEXTS_BEYOND_THEIR_BOX) == []
        assert page.evaluate(SHOWN) == [1] * len(pictures)
        # Nothing is moved sideways: the widest breaks out of the text, and on a phone steps stand below each other.
        assert page.evaluate(WIDE_ONES) == (len(pictures) if size == "wide" else 0)
        assert page.evaluate(SMALLEST) > 0.87  # letters of 13 and 12 pixels
        assert not too_wide(page)
        assert violations(page) == []
