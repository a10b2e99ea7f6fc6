"""Timing variants in turns, so that a noisy machine is noisy to all of them alike."""

import time
from collections.abc import Callable

import numpy as np
import torch


def in_turns(variants: dict[str, Callable], rounds: int, warm: bool = True) -> dict[str, list[float]]:
    """Seconds of each call, variant by variant; a first round warms up and does not count, unless not ``warm``."""
    seconds = {name: [] for name in variants}
    for turn in range(rounds + warm):
        for name, call in variants.items():
            start = time.perf_counter()
            call()
            if turn or not warm:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def rows(topic: str, case: str, seconds: dict[str, list[float]], threads: int, **facts) -> list[dict]:
    """A record a variant: best and median seconds. facts: what else is known of the case, such as its ``flop``."""
    return [
        {"topic": topic, "case": case, "variant": name, "threads": threads, "best": min(spent)}
        | {"median": float(np.median(spent)), "rounds": len(spent)}
        | facts
        for name, spent in seconds.items()
    ]


def gemm(threads: int) -> float:
    """FLOP a second of a float32 matrix product at this minute, the best of five."""
    torch.set_num_threads(threads)
    a, best = torch.randn(2048, 2048), np.inf
    for _ in range(5):
        start = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - start)
    return 2 * 2048**3 / best
