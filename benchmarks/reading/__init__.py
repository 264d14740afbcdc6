"""How well replies are read, measured on mail corpora. `python -m benchmarks.reading --help`"""
