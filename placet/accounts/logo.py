"""The organisation's logo: whatever was uploaded becomes a small PNG of our own making, or a sentence that says why
not. Files of strangers' making are decoded with bounds: kind, size of the file and number of pixels, before any pixel.
"""

import io
import struct
import zlib

from django.utils.translation import gettext as _
from PIL import Image, ImageOps, ImageStat, UnidentifiedImageError

LARGEST_FILE = 2 * 1024 * 1024
MOST_PIXELS = 16_000_000
KINDS = ("PNG", "JPEG", "GIF", "WEBP")
LARGEST = (480, 160)  # as it is kept: twice as large as pages show it
#: What Pillow raises on files that are cut off, damaged or made to harm.
BROKEN = (
    OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError, TypeError, OverflowError, MemoryError,
    struct.error, zlib.error,
)  # fmt: skip

SQUARE = 215  # pixels; Entra's pages for an application's logo ask for exactly this
LARGEST_SQUARE = 100 * 1000  # bytes
_MARGIN = 14
_LIGHT, _DARK = (255, 255, 255), (28, 31, 30)  # grounds


class LogoInvalid(Exception):
    """Why this file cannot be the logo; one sentence that says what to do."""


def as_logo(uploaded: bytes) -> bytes:
    """A PNG of at most 480 × 160 pixels, without anything of the file but its (first) picture."""
    if len(uploaded) > LARGEST_FILE:
        raise LogoInvalid(_("This file is larger than 2 MB. Choose a smaller picture."))
    try:
        with Image.open(io.BytesIO(uploaded), formats=KINDS) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise LogoInvalid(_too_many_pixels())
            return _png(_small(picture))
    except UnidentifiedImageError as error:
        raise LogoInvalid(
            _("This file is not a picture that Placet can use. Choose a PNG, JPEG, GIF or WebP file.")
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise LogoInvalid(_too_many_pixels()) from error
    except BROKEN as error:
        raise LogoInvalid(
            _("This picture is damaged or not whole. Save it anew as PNG, and choose that file.")
        ) from error


def _too_many_pixels() -> str:
    return _("This picture has too many pixels. Choose one of at most 4000 × 4000.")


def _small(picture: Image.Image) -> Image.Image:
    picture.draft("RGB", (LARGEST[0] * 2, LARGEST[1] * 2))  # a large JPEG is not unpacked whole
    picture.load()
    upright = ImageOps.exif_transpose(picture).convert("RGBA")
    upright.thumbnail(LARGEST, Image.Resampling.LANCZOS)
    return upright


def _png(picture: Image.Image) -> bytes:
    """Only the pixels: what else the file said (where it was taken, colour profiles, texts) is left out."""
    bare = picture.copy()
    bare.info = {}
    written = io.BytesIO()
    bare.save(written, "PNG", optimize=True)
    return written.getvalue()


def as_square(logo: bytes) -> bytes:
    """The logo as Entra takes it: a PNG of 215 × 215 pixels and less than 100 kB, on a ground of one colour."""
    with Image.open(io.BytesIO(logo), formats=("PNG",)) as kept:
        picture = kept.convert("RGBA")
    inside = SQUARE - 2 * _MARGIN
    fitted = ImageOps.contain(picture, (inside, inside), Image.Resampling.LANCZOS)
    square = Image.new("RGB", (SQUARE, SQUARE), _DARK if _is_light(picture) else _LIGHT)
    square.paste(fitted, ((SQUARE - fitted.width) // 2, (SQUARE - fitted.height) // 2), fitted)
    png = _png(square)
    return png if len(png) < LARGEST_SQUARE else _png(square.quantize(256))


def _is_light(picture: Image.Image) -> bool:
    """Whether what can be seen of it would vanish on white."""
    seen = picture.getchannel("A")
    if seen.getextrema()[0] == 255:  # it brings its own ground
        return False
    brightness = ImageStat.Stat(
        picture.convert("L"), mask=seen.point(lambda alpha: 255 if alpha > 127 else 0)
    )
    return bool(brightness.count[0]) and brightness.mean[0] > 200
