"""The process of `tests.soak.timers` that is killed: it reads the mailbox and works what is due, by the clock that it
is given."""

import os
import time
from datetime import datetime


def main() -> None:
    import django
    import time_machine

    django.setup()
    from placet import work

    kinds = [one for one in work.kinds() if one.name in ("poll", "timer")]
    with time_machine.travel(datetime.fromisoformat(os.environ["TEST_CLOCK"])):
        print("works", flush=True)
        while True:
            if not sum(work.run_once(kind) for kind in kinds):
                time.sleep(0.05)


if __name__ == "__main__":
    main()
