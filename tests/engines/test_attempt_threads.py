"""Calls in threads of heliograph's own."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref

from heliograph.engines.attempts.threads import MOST, in_thread
from tests.conditions import until


def test_no_more_calls_than_there_is_room_for_run_at_once() -> None:
    lock, go_on = threading.Lock(), threading.Event()
    running: list[int] = []
    most = 0

    def call() -> int:
        nonlocal most
        with lock:
            running.append(1)
            most = max(most, len(running))
        go_on.wait()
        with lock:
            running.pop()
        return 1

    async def all_of_them() -> list[int]:
        return await asyncio.gather(*[in_thread(call) for _ in range(3 * MOST)])

    def let_go() -> None:
        try:
            until(lambda: len(running) >= MOST, what="as many calls as there is room for")
        finally:
            go_on.set()

    letting = threading.Thread(target=let_go)
    letting.start()
    assert asyncio.run(all_of_them()) == [1] * 3 * MOST
    letting.join()
    assert most == MOST


def test_an_event_loop_is_not_kept_by_calls_that_had_to_wait_for_room() -> None:
    async def wait() -> weakref.ref[asyncio.AbstractEventLoop]:
        await asyncio.gather(*[in_thread(lambda: time.sleep(0.001)) for _ in range(2 * MOST)])
        return weakref.ref(asyncio.get_running_loop())

    def is_gone() -> bool:
        gc.collect()
        return loop() is None

    loop = asyncio.run(wait())
    until(is_gone, what="the loop to be forgotten")  # by the last thread: it may not have ended yet
