"""`placet serve`, which asks at an address on loopback what it would ask Google.

`python -m tests.soak.serve_at_google http://127.0.0.1:12345`
"""

import sys

import django

from placet import cli


def main() -> int:
    django.setup()
    from tests.journeys.at_google import asked_at

    with asked_at(sys.argv[1]):
        return cli.main(["serve"])


if __name__ == "__main__":
    sys.exit(main())
