"""Lazy MESA windows: build and gather time, and memory, for 50 to 1,800 participants; prints a table.

    python tests/bench/bench_mesa_windows.py

The reference (PERFORMANCE.md, section 6) needs 19.8 s and 0.48 GiB for 50 participants, 100.3 s and 1.88 GiB for 200;
its time grows with their square.
"""

import time
import tracemalloc

import numpy as np

from fairlib.readers.mesa import CHANNELS, ORDERS, PADDING, TIMESTEPS
from fairlib.windows import LazyWindows

EPOCHS, BATCH = 1246, 1024
REFERENCE = {50: 19.8, 100: 40.2, 200: 100.3}


def main() -> None:
    draw = np.random.default_rng(0)
    print(
        "participants    windows   build ms  memory/raw  peak/raw  batch ms (best, median)  released ms  select ms"
        "  digest ms  all windows s  reference s"
    )
    for people in (50, 100, 200, 400, 900, 1800):
        nights = [draw.random((EPOCHS, len(CHANNELS)), dtype=np.float32) for _ in range(people)]
        raw = sum(night.nbytes for night in nights)
        build = best(lambda nights=nights: LazyWindows.centred(nights, TIMESTEPS, PADDING), 5)[0]
        tracemalloc.start()
        x = LazyWindows.centred(nights, TIMESTEPS, PADDING)
        held, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        released = LazyWindows(x._epochs, x._first, np.diff(x._bounds), TIMESTEPS, ORDERS["released"])
        rows = iter(draw.integers(0, len(x), (400, BATCH)))
        gather = best(lambda x=x, rows=rows: x[next(rows)], 100)
        reordered = best(lambda x=released, rows=rows: x[next(rows)], 100)
        train = np.arange(int(0.64 * people) * EPOCHS)
        select, digest = best(lambda x=x, train=train: x.select(train), 3), best(x.digest, 3)
        start = time.perf_counter()
        for first in range(0, len(x), BATCH):
            x[first : first + BATCH]
        every = time.perf_counter() - start
        print(
            f"{people:12,} {len(x):10,} {1e3 * build:10.1f} {held / raw:11.3f} {peak / raw:9.3f}"
            f"      {1e3 * gather[0]:8.2f} {1e3 * gather[1]:8.2f} {1e3 * reordered[1]:12.2f} {1e3 * select[0]:10.1f}"
            f" {1e3 * digest[0]:10.1f} {every:14.2f} {REFERENCE.get(people, '-'):>12}"
        )


def best(call, times: int) -> tuple[float, float]:
    """Best and median seconds."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds), float(np.median(seconds))


if __name__ == "__main__":
    main()
