"""A worker of another form, for `benchmarks.workers`: `python -m benchmarks.workers_otherwise "bare loop"`."""

import asyncio
import logging
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import django

from benchmarks.workers import ROW, TURN


def main() -> None:
    django.setup()
    logging.getLogger("procrastinate").setLevel(logging.ERROR)  # it warns of where this one's task is made
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    print("ready", flush=True)
    if sys.argv[1] == "bare loop":
        _loop(stop)
    else:
        asyncio.run(_jobs(stop))


def _loop(stop: threading.Event) -> None:
    """As many threads as `placet work` has for it, each on its own."""
    from django.conf import settings

    from placet import work

    (kind,) = [kind for kind in work.kinds() if kind.name == "take_in"]
    assert kind.reserve is not None
    reserve = kind.reserve

    def turn() -> None:
        while not stop.is_set():
            if not work.one_after_the_other(kind, reserve(TURN), stop.is_set):
                stop.wait(0.05)

    threads = [threading.Thread(target=turn) for _ in range(settings.PLACET.workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


async def _jobs(stop: threading.Event) -> None:
    import procrastinate
    from django.conf import settings
    from procrastinate.contrib.django.utils import connector_params
    from procrastinate.psycopg_connector import PsycopgConnector

    from placet import work

    (kind,) = [kind for kind in work.kinds() if kind.name == "take_in"]
    app = procrastinate.App(connector=PsycopgConnector(kwargs=connector_params()))
    threads = ThreadPoolExecutor(settings.PLACET.workers)

    @app.task(name=ROW)
    async def take_in(row: int) -> None:
        await asyncio.get_running_loop().run_in_executor(threads, work.work, kind, row)

    async with app.open_async():
        worker = asyncio.ensure_future(
            app.run_worker_async(
                queues=[ROW],
                concurrency=settings.PLACET.workers,
                delete_jobs="always",
                install_signal_handlers=False,
            )
        )
        await asyncio.to_thread(stop.wait)
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)


if __name__ == "__main__":
    main()
