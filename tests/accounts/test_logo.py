"""An uploaded logo: only its picture is kept, small; what is no picture is refused in a sentence."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from placet.accounts import logo
from placet.accounts.logo import LogoInvalid, as_logo, as_square


def picture(kind: str, size: tuple[int, int] = (800, 200), mode: str = "RGB", **more: Any) -> bytes:
    written = io.BytesIO()
    Image.new(mode, size, "red" if mode in ("RGB", "RGBA") else 0).save(written, kind, **more)
    return written.getvalue()


def opened(png: bytes) -> Image.Image:
    read = Image.open(io.BytesIO(png))
    read.load()
    return read


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_every_kind_becomes_a_small_png(kind: str) -> None:
    made = opened(as_logo(picture(kind)))
    assert (made.format, made.size) == ("PNG", (480, 120))


def test_a_small_one_keeps_its_size() -> None:
    assert opened(as_logo(picture("PNG", (30, 20)))).size == (30, 20)


@pytest.mark.parametrize(
    ("kind", "mode"), [("JPEG", "CMYK"), ("PNG", "I;16"), ("PNG", "1"), ("GIF", "P"), ("PNG", "LA")]
)
def test_unusual_colours_are_read(kind: str, mode: str) -> None:
    assert opened(as_logo(picture(kind, (20, 20), mode))).mode == "RGBA"


def test_nothing_but_the_picture_is_kept() -> None:
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    made = as_logo(picture("JPEG", exif=exif, icc_profile=b"a profile", comment=b"a comment"))
    kinds = [made[at + 4 : at + 8] for at in chunks(made)]
    assert set(kinds) == {b"IHDR", b"IDAT", b"IEND"}


def chunks(png: bytes) -> list[int]:
    found, at = [], 8
    while at < len(png):
        found.append(at)
        at += 12 + struct.unpack(">I", png[at : at + 4])[0]
    return found


def test_a_picture_that_lies_on_its_side_is_put_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert opened(as_logo(picture("JPEG", (100, 50), exif=exif))).size == (50, 100)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is huge, and is."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    content = zlib.compress(bytes(10_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", content) + chunk(b"IEND", b"")


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "not a picture"),
    "text": (lambda: b"<html><script>alert(1)</script>", "not a picture"),
    "SVG": (lambda: b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "not a picture"),
    "another kind": (lambda: picture("BMP"), "not a picture"),
    "EPS": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
    "cut off": (lambda: picture("JPEG")[:900], "damaged"),
    "cut off PNG": (lambda: noise("PNG")[:3000], "damaged"),
    "too many bytes": (lambda: picture("PNG") + bytes(logo.LARGEST_FILE), "larger than 2 MB"),
    "many pixels": (lambda: bomb(8000, 8000), "too many pixels"),
    "warned of": (lambda: bomb(10_000, 10_000), "too many pixels"),
    "a bomb": (lambda: bomb(60_000, 60_000), "too many pixels"),
    "no height": (lambda: bomb(10, 0), "not a picture"),
}


def noise(kind: str, size: tuple[int, int] = (400, 400)) -> bytes:
    written = io.BytesIO()
    Image.effect_noise(size, 100).convert("RGB").save(written, kind)
    return written.getvalue()


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_use_is_refused_in_a_sentence(what: str) -> None:
    made, sentence = REFUSED[what]
    with pytest.raises(LogoInvalid, match=sentence):
        as_logo(made())


def test_damage_anywhere_is_a_sentence_or_a_picture() -> None:
    for kind in ("PNG", "JPEG", "GIF", "WEBP"):
        whole = noise(kind, (60, 40))
        for at in range(0, len(whole), max(1, len(whole) // 60)):
            damaged = whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]
            try:
                assert opened(as_logo(damaged)).format == "PNG"
            except LogoInvalid:
                continue


@pytest.mark.parametrize("colour", ["black", "white"])
def test_the_square_one_is_what_entra_takes_and_can_be_seen(colour: str) -> None:
    drawn = Image.new("RGBA", (400, 100))
    drawn.paste(colour, (50, 20, 350, 80))
    written = io.BytesIO()
    drawn.save(written, "PNG")
    square = opened(as_square(as_logo(written.getvalue())))
    assert (square.format, square.size, square.mode) == ("PNG", (215, 215), "RGB")
    grey = square.convert("L").tobytes()
    assert abs(grey[0] - grey[107 * 215 + 107]) > 200  # the corner and the middle


def test_the_square_one_is_small_enough_whatever_is_in_it() -> None:
    assert len(as_square(as_logo(noise("PNG", (480, 480))))) < 100_000
