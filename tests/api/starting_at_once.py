"""A program beside another one, with the same key and the same calls, in a process of its own:

python -m tests.api.starting_at_once KEY MOMENT NUMBER     starts NUMBER requests from MOMENT on (seconds since 1970)

It says for each the status and the id of the request.
"""

import json
import os
import sys
import time

import django


def main(key: str, moment: float, number: int) -> None:
    from tests.api.conftest import Caller

    caller = Caller(key)
    caller.get("/processes", Host="127.0.0.1")  # loads all of it
    _wait_until(moment)
    for at in range(number):
        body = {"process": "one-step", "data": {"item": f"Desk {at}", "amount": 900}}
        answer = caller.post("/requests", body, Idempotency_Key=f"desk-{at}", Host="127.0.0.1")
        print(json.dumps([answer.status, answer.json.get("id")]), flush=True)


def _wait_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.time()))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "placet.settings")
    django.setup()
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
