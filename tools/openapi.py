"""The description of the API as a file, for whoever has no Placet to ask: `python -m tools.openapi` writes it anew."""

import json
import os
import sys
from pathlib import Path

FILE = Path(__file__).resolve().parent.parent / "docs" / "openapi.json"


def described() -> str:
    """As the file has it."""
    from placet.api import v1

    return json.dumps(v1.description(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def main() -> int:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "placet.settings")
    django.setup()
    FILE.write_text(described())
    return 0


if __name__ == "__main__":
    sys.exit(main())
