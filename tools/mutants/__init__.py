"""Whether the tests would notice: small changes to the code that decisions rest on, one at a time, each against the
tests that run the changed statement. `make mutants`; how to read what it prints stands in CONTRIBUTING.md.

    changes     every change that could be made to a file, and the name by which each is known when lines move
    equivalents the changes that nobody can notice, each with its reason (`equivalents.toml`)
    worker      a plugin of pytest: one process that has imported everything and forks a child for each change
    __main__    the sample, both cores, the figures

The ready programs were looked at first. mutmut 3 leaves out what this is about (decorators such as `atomic`, class
bodies, the words of a query); cosmic-ray starts a process and a database for each change, which takes hours.
"""
