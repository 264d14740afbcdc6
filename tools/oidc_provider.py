"""`python -m tools.oidc_provider`: the OAuth server that tests/servers runs, put below the virtual environment
(`tools.npm`). In CI a failure is one; elsewhere it is a line.
"""

import os
import sys
from pathlib import Path

from tools import npm
from tools.npm import NODE, NotInstalled

__all__ = ["NODE", "NotInstalled", "install"]
ASKED = Path(__file__).resolve().parent.parent / "tests" / "servers"
FOLDER = Path(sys.prefix) / "oidc-provider"


def install() -> Path:
    """The folder that it is in."""
    return npm.install(ASKED, FOLDER)


def main() -> int:
    try:
        install()
    except NotInstalled as error:
        sys.stderr.write(f"The tests against oidc-provider are left out, npm could not get it: {error}\n")
        return 1 if os.environ.get("CI") else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
