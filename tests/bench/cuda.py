"""``python -m tests.bench.cuda``: training steps on a CUDA card, and several models at once on it; a few minutes.

Writes ``cuda.csv`` and ``cuda.json`` (which card) in ``book/quality/bench``, or in the folder named. Unless a topic
says otherwise, times are of the loops of the study, ``pretrain`` and ``fit``: one thread prepares batches and views,
the card computes.
"""

import json
import statistics
import sys
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from subprocess import PIPE, Popen

import numpy as np
import pandas as pd
import torch

from fairlib.encoder import Encoder
from fairlib.finetuning import fit
from fairlib.pretraining import pretrain
from fairlib.recipes import RECIPES, Recipe, replace
from fairlib.strategies import STRATEGIES
from fairlib.study.results import code_hash

from . import finetuning, pretraining

EVIDENCE = Path(__file__).parents[2] / "book" / "quality" / "bench"
WINDOWS, EPOCHS, MIMIC = 4096, 3, 14_681


def row(topic: str, case: str, variant: str, seconds: list[float], **facts) -> dict:
    best, median = min(seconds), statistics.median(seconds)
    return {"topic": topic, "case": case, "variant": variant, "best": best, "median": median} | facts


def recipe(precision: str = "float32", epochs: int = EPOCHS) -> Recipe:
    """``paper_text``, for so many epochs of pre-training and fine-tuning."""
    short = finetuning.recipe(epochs=epochs)
    schedule = replace(short.pretraining.schedule, epochs=epochs, minimum_steps=0, decay_steps=None)
    return replace(short, pretraining=replace(short.pretraining, schedule=schedule), precision=precision)


def timed(call) -> float:
    torch.cuda.synchronize()
    start = time.perf_counter()
    call()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def steps(rounds: int = 3) -> list[dict]:
    """Seconds of one step of pre-training, and of one window shown in fine-tuning, by shape."""
    found = []
    for shape in pretraining.SHAPES:
        train, held = (finetuning.some_windows(n, seed, shape) for n, seed in ((WINDOWS, 1), (WINDOWS // 4, 2)))
        for precision in ("float32", "bf16"):
            plan = recipe(precision)
            call = partial(pretrain, train.x, plan, 1, "cuda")
            call()  # the first call also sets the card up
            spent = [timed(call) / plan.pretraining.schedule.steps(WINDOWS) for _ in range(rounds)]
            found.append(row("pre-training step", str(shape), precision, spent))
        for name, strategy in STRATEGIES.items():
            call = partial(
                fit, train, held, name, recipe(), 1, Encoder(shape[1]) if strategy.pretrained else None, "cuda"
            )
            spent = [timed(call) / (EPOCHS * WINDOWS) for _ in range(rounds)]
            found.append(row("fine-tuning, a window", str(shape), name, spent))
    return found


TOGETHER = """
import sys, time
from tests.bench.cuda import recipe
from tests.bench.finetuning import some_windows
from fairlib.pretraining import pretrain
import torch
torch.set_num_threads(1)
x, plan = some_windows(4096, 1, (48, 76)).x, recipe(epochs=10)
pretrain(x[:256], plan, 1, "cuda")
print("ready", flush=True)
sys.stdin.readline()
pretrain(x, plan, 1, "cuda")
"""


def processes(counts=(1, 2, 4, 8)) -> list[dict]:
    """Seconds a model, pre-trained by so many processes at once on the one card, as Snakemake's jobs are."""
    found = []
    for count in counts:
        start = partial(Popen, [sys.executable, "-c", TOGETHER], stdin=PIPE, stdout=PIPE, text=True)
        started = [start() for _ in range(count)]
        for process in started:
            process.stdout.readline()
        begun = time.perf_counter()
        for process in started:
            process.stdin.write("\n")
            process.stdin.flush()
        if any(process.wait() for process in started):
            raise RuntimeError(f"one of {count} processes failed")
        seconds = (time.perf_counter() - begun) / count
        found.append(row("models at once on a card", "(48, 76)", f"{count} process{'es' * (count > 1)}", [seconds]))
    return found


def batched(models: int = 5, rounds: int = 30) -> list[dict]:
    """Seconds a model of one step of pre-training: one after the other, and seeds stacked in one call (torch.func)."""
    found = []
    for shape in pretraining.SHAPES:
        draw = np.random.default_rng(0)
        views = torch.from_numpy(draw.standard_normal((models, 256, *shape), dtype=np.float32)).cuda()
        networks = [Network(shape[1], seed).cuda() for seed in range(models)]
        weights, _ = torch.func.stack_module_state(networks)
        weights = {name: weight.detach() for name, weight in weights.items()}

        def loss(weight, x, network=networks[0]):
            return pretraining.nt_xent(*torch.func.functional_call(network, weight, (x,)).chunk(2))

        gradient = torch.func.vmap(torch.func.grad(loss))

        def stacked(weights=weights, views=views, gradient=gradient):
            slopes = gradient(weights, views)
            for name, weight in weights.items():
                weight.sub_(slopes[name], alpha=0.01)

        optimisers = [torch.optim.SGD(network.parameters(), lr=0.01) for network in networks]

        def in_turn(networks=networks, optimisers=optimisers, views=views):
            for network, optimiser, x in zip(networks, optimisers, views, strict=True):
                optimiser.zero_grad(set_to_none=True)
                pretraining.nt_xent(*network(x).chunk(2)).backward()
                optimiser.step()

        for name, call in (("one after the other", in_turn), ("stacked", stacked)):
            for _ in range(5):
                call()
            spent = [timed(call) / models for _ in range(rounds)]
            found.append(row(f"step of {models} models on a card", str(shape), name, spent))
    return found


class Network(torch.nn.Module):
    """Encoder and head as one module, on the direct path that torch.func can stack."""

    def __init__(self, channels: int, seed: int):
        super().__init__()
        draw = np.random.default_rng(seed)
        self.encoder, self.head = Encoder(channels, dropout=0.0, generator=draw), pretraining.ProjectionHead(draw)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(x))


def whole() -> list[dict]:
    """Seconds of all of ``paper_text`` at the size of MIMIC, one seed: pre-training and the seven models, in a row."""
    train, held, plan = finetuning.some_windows(MIMIC, 1), finetuning.some_windows(MIMIC // 8, 2), RECIPES["paper_text"]
    encoders: list[Encoder] = []
    seconds = timed(lambda: encoders.append(pretrain(train.x, plan, 1, "cuda")[0]))
    for name, strategy in STRATEGIES.items():
        seconds += timed(partial(fit, train, held, name, plan, 1, encoders[0] if strategy.pretrained else None, "cuda"))
    return [row("the paper's size, one seed", "mimic", "paper_text", [seconds])]


def main() -> None:
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else EVIDENCE
    torch.set_num_threads(1)
    card = torch.cuda.get_device_properties(0)
    facts = {"card": card.name, "memory": f"{card.total_memory / 2**30:.0f} GiB", "torch": torch.__version__}
    facts |= {"date": datetime.now(UTC).strftime("%Y-%m-%d"), "code": code_hash()[:8]}
    (out / "cuda.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    found = []
    for part in (steps, processes, batched, whole):
        found += part()
        table = pd.DataFrame(found)
        table.to_csv(out / "cuda.csv", index=False, float_format="%.6g")
        print(table.to_string(), flush=True)


if __name__ == "__main__":
    main()
