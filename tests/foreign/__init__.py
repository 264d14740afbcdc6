"""Heavy programs that others wrote, each run for real with what we made for it: `make acceptance-full`.

What each needs comes from npm, locked by hash beside its test, and is kept below the virtual environment.
"""
