"""What owners of processes see of all their requests: who holds things up, how long it takes, where it sticks.

work      what is to be counted now: days whose sums are missing or not final, and how things stand
ended     a day's requests → facts of each → `sums.Sums` of each process
standing  what is open now, by process, step and person
models    the sums, as they are kept: pages read these and no table that grows with requests
selection which processes and days a page is about
pages     one module for each report, which makes charts (`charts`) and tables (`tables`) of the sums
"""
