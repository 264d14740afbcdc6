"""How well replies are read, measured on mail corpora. `python -m benchmarks.reading --help`"""

import os

from django.conf import settings

if not settings.configured and "DJANGO_SETTINGS_MODULE" not in os.environ:
    settings.configure(USE_I18N=False)  # sentences are shown in English: no installation is needed here
