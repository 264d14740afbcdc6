"""Libraries without others that they load where those are installed, and that Placet has no use for:

structlog   without `rich`, which colours stack traces on a terminal: a hundred modules and 8 MB. Lines of Placet's log
            are JSON. And without `greenlet`, which some other library may bring.
requests    without `charset_normalizer`, which guesses how bytes are encoded that nobody said it of: 2.5 MB, and long
            to guess at a large answer. Without it they are UTF-8.
"""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


def load_libraries() -> None:
    """Before anything else loads them; what is loaded already stays as it is."""
    with _without("rich", "greenlet"):
        import structlog  # noqa: F401 - loaded, for whoever imports it later
    with _without("charset_normalizer", "chardet"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that it will not guess
        import requests  # noqa: F401 - the same


@contextmanager
def _without(*names: str) -> Iterator[None]:
    """What is imported in this block meets none of these modules, but for those that are loaded already."""
    hidden = [name for name in names if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # by which Python says that there is none
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
