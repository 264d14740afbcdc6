"""Attacks on the path of a reply: one module for each class, each with a generator of its whole family.

`arena.py` judges what they forge on the real path; `tally.py` counts. `make soak` runs the long form.
"""
