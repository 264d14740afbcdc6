"""The folders of servers that `tools.unpacked` has got."""

import os
from pathlib import Path

import pytest

from tools.unpacked import NotUnpacked, unpack


def unpacked(server: str) -> Path:
    """Where its `usr` is. Skips the test where apt could not get it, and fails it in CI."""
    try:
        return unpack(server)
    except NotUnpacked as error:
        told = f"apt could not get {server}: {error}"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)
