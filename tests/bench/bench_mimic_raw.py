"""Rows a second and peak memory of the reader of raw MIMIC-III tables, on the open demo repeated with new ids.

Not a test: ``python tests/bench/bench_mimic_raw.py [--times 20] [--gzip] [--threads 2] [--folder FOLDER]``. Needs the
demo (FAIRLIB_SHARED, or ``../shared`` beside the repository) and, plain, 85 MB of disk for each repetition. The
reference (mimic3-benchmarks, one process) reads 63,000 rows of CHARTEVENTS a second.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from fairlib.readers import mimic_raw, mimic_tables

ROOT = Path(__file__).parents[2]
DEMO = Path(os.environ.get("FAIRLIB_SHARED", ROOT.parent / "shared")) / "data" / "mimic-iii-demo"
#: Added to every id, once for each repetition; larger than any id of the demo.
STEP = 1_000_000


def repeat(folder: Path, times: int, packed: bool) -> int:
    """Write the tables ``times`` over, with new people, admissions and stays each time; returns rows of CHARTEVENTS."""
    rows = 0
    with duckdb.connect() as base:
        for name in mimic_raw.TABLES:
            demo = f"read_csv('{DEMO / name}.csv.gz', all_varchar = true, header = true, delim = ',', quote = '\"')"
            base.execute(f"CREATE OR REPLACE TEMP TABLE demo AS SELECT * FROM {demo}")
            found = {row[0] for row in base.execute("DESCRIBE demo").fetchall()}
            ids = sorted(found & {"subject_id", "hadm_id", "icustay_id"})
            renewed = ", ".join(f"{column}::BIGINT + {STEP} * n AS {column}" for column in ids)
            target = folder / f"{name}.csv{'.gz' if packed else ''}"
            base.execute(
                f"COPY (SELECT demo.* REPLACE ({renewed}) FROM range({times}) copies(n), demo) TO '{target}'"
                f" (HEADER, COMPRESSION {'gzip' if packed else 'none'})"
            )
            if name == "CHARTEVENTS":
                rows = times * base.execute("SELECT count(*) FROM demo").fetchone()[0]
    return rows


def measure(folder: Path, threads: int) -> None:
    """Read once and print seconds and peak memory; a process of its own, so that the peak is the reader's."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    start = time.perf_counter()
    cohort = mimic_raw.read(folder, [folder])
    seconds = time.perf_counter() - start
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024**2  # not ru_maxrss, which remembers the parent's memory
    print(f"{seconds:.2f} {time.process_time():.2f} {peak:.2f} {len(cohort)} {int(cohort.y.sum())}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--gzip", action="store_true", help="write .csv.gz")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where the repeated tables go; kept, and reused if there")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        return measure(options.read, options.threads)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        if mimic_tables.find_table("LABEVENTS", [folder]) is None:  # the last one to be written
            rows = repeat(folder, options.times, options.gzip)
        else:
            rows = options.times * 758_355
        command = [sys.executable, __file__, "--read", str(folder), "--threads", str(options.threads)]
        answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        seconds, busy, peak, stays, deaths = map(float, answer.split())
    kind = ".csv.gz" if options.gzip else ".csv"
    print(
        f"demo x {options.times}, {kind}: {rows:,} rows of CHARTEVENTS in {seconds:.1f} s ="
        f" {rows / seconds:,.0f} rows/s on {options.threads} cores, which were busy with it for {busy:.0f} s;"
        f" peak {peak:.2f} GiB;"
        f" {stays:,.0f} stays, {deaths:,.0f} deaths"
    )


if __name__ == "__main__":
    main()
