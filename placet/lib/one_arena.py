"""glibc's allocator, in a process of some fifty threads: by itself it gives each of the first sixteen or so a heap of
its own, and each keeps what it once took: 7 MB of an idle `placet serve`. Threads of Python seldom allocate at the same
time, so one heap serves them all.

https://www.gnu.org/software/libc/manual/html_node/Malloc-Tunable-Parameters.html
"""

import ctypes

_M_ARENA_MAX = -8  # <malloc.h>


def share_one_arena() -> None:
    """From now on. Where the C library has no such setting (musl), nothing changes."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
