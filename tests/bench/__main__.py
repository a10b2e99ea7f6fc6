"""``make bench``: every step beside a plain, careful implementation, in turns, on a machine that should be quiet.

``python -m tests.bench [TOPIC …]`` measures some topics only and keeps the others' rows. Writes ``bench.csv``,
``growth.csv``, ``bf16.csv`` and ``machine.json`` in ``book/quality/bench``, which the page on costs shows. All takes
about half an hour. The whole book is timed on its own: ``python -m tests.bench.book``.
"""

import argparse
import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import numpy
import pandas as pd
import torch
from tqdm import tqdm

from fairlib.study.results import code_hash

from . import auc_bootstrap, cka, finetuning, growth, half_precision, mesa_windows, pretraining, together

EVIDENCE = Path(__file__).parents[2] / "book" / "quality" / "bench"
TOPICS = {
    "pre-training": pretraining,
    "fine-tuning": finetuning,
    "models at once": together,
    "CKA": cka,
    "MESA windows": mesa_windows,
    "AUC": auc_bootstrap,
}
#: Topics with a table of their own.
TABLES = {"growth": growth, "bf16": half_precision}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("topics", nargs="*", help=f"of {', '.join((*TOPICS, *TABLES))}; none: all")
    parser.add_argument("--out", type=Path, default=EVIDENCE)
    options = parser.parse_args()
    known = (*TOPICS, *TABLES)
    if unknown := set(options.topics) - set(known):
        parser.error(f"unknown topic {unknown.pop()!r}: there are {', '.join(known)}")
    for name in tqdm(options.topics or known, desc="benchmarks"):
        if name in TABLES:
            pd.DataFrame(TABLES[name].measure()).to_csv(options.out / f"{name}.csv", index=False, float_format="%.6g")
        else:
            torch.set_num_threads(os.cpu_count())
            _keep(options.out / "bench.csv", name, pd.DataFrame(TOPICS[name].measure()))
        (options.out / "machine.json").write_text(json.dumps(machine(), indent=1) + "\n", encoding="utf-8")


def _keep(path: Path, name: str, rows: pd.DataFrame) -> None:
    """Put the rows of one topic in the place of those that are there."""
    rows.insert(0, "group", name)
    if path.exists():
        before = pd.read_csv(path)
        rows = pd.concat([before[before["group"] != name], rows], ignore_index=True)
    order = rows["group"].map(list(TOPICS).index)
    rows.loc[order.sort_values(kind="stable").index].to_csv(path, index=False, float_format="%.6g")


def machine() -> dict[str, str]:
    """What the numbers were measured on, and with."""
    facts = torch.cpu.get_capabilities()
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "processor": f"{facts.get('cpu_name', platform.processor())}, {os.cpu_count()} cores"
        + ", AMX" * bool(facts.get("amx_bf16")),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "code": code_hash()[:8],
    }


if __name__ == "__main__":
    main()
