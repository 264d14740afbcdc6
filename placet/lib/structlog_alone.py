"""structlog without `rich`, which it loads where that is installed, as a library of ours has it: a hundred modules and
8 MB of every process, to colour stack traces on a terminal. Lines of Placet's log are JSON."""

import sys


def load_structlog() -> None:
    """Before anything else loads it; later this changes nothing."""
    if "structlog" in sys.modules or "rich" in sys.modules:
        return
    sys.modules["rich"] = None  # type: ignore[assignment]  # by which Python says that there is none
    try:
        import structlog  # noqa: F401
    finally:
        del sys.modules["rich"]
