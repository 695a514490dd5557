"""Measure all detectors on MIMII's machines: python -m benchmarks.mimii

Each machine at each noise level is measured twice: as it was recorded, and with its level
taken away (all clips at the same RMS). What is measured is kept at once, machine by machine,
so that an interrupted run goes on where it was. With the environment variable
DASK_SCHEDULER, the machines are shared out over a Dask cluster; else over this computer's
cores. Each process holds one machine at a time.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache, partial
from itertools import product
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline
from tabulate import tabulate
from tqdm import tqdm

import esa4_helpers
from benchmarks.run import is_network, positive
from benchmarks.run import machine as computer
from esa4_helpers import (
    Dataset,
    GMMDetector,
    LogMelSpectrogram,
    PoolOverTime,
    anomaly_score,
    auc,
    detector_names,
    load_mimii,
    make_detector,
    score_in_folds,
)
from esa4_helpers.datasets import DatasetError
from esa4_helpers.evaluation import partial_auc
from esa4_helpers.mimii import MACHINES, MODELS, SAMPLE_RATE, SNRS_DB

ROWS = Path(__file__).with_name("mimii-rows.csv")
TABLE = Path(__file__).with_name("mimii.md")
SEEDS = 3
# With fewer training clips than these, all normal clips are dealt into folds instead.
FEW = 20
LEVELS = ("as recorded", "same RMS")
# One Gaussian with diagonal covariance on one statistic: what simple pooling can do.
POOLINGS = ("mean", "max", "std")

# AUC by machine, model and SNR in dB: the baseline of MIMII's authors, run anew by a third
# party (github.com/yachuchi/mimii).
RERUN = {
    ("fan", "id_00"): (0.766, 0.590, 0.563),
    ("fan", "id_02"): (0.984, 0.872, 0.692),
    ("fan", "id_04"): (0.932, 0.771, 0.595),
    ("fan", "id_06"): (0.998, 0.987, 0.873),
    ("pump", "id_00"): (0.797, 0.614, 0.604),
    ("pump", "id_02"): (0.485, 0.493, 0.561),
    ("pump", "id_04"): (0.977, 0.946, 0.916),
    ("pump", "id_06"): (0.936, 0.885, 0.599),
    ("slider", "id_00"): (0.995, 0.984, 0.949),
    ("slider", "id_02"): (0.822, 0.824, 0.768),
    ("slider", "id_04"): (0.924, 0.796, 0.674),
    ("slider", "id_06"): (0.687, 0.527, 0.541),
    ("valve", "id_00"): (0.778, 0.566, 0.674),
    ("valve", "id_02"): (0.666, 0.556, 0.567),
    ("valve", "id_04"): (0.642, 0.628, 0.454),
    ("valve", "id_06"): (0.630, 0.651, 0.538),
}
RERUN_SNRS_DB = (6, 0, -6)
# AUC by machine, in the order of MODELS: the baseline of the DCASE challenge 2020, task 2,
# on that challenge's own mixture of these machines' clips
# (github.com/y-kawagu/dcase2020_task2_baseline).
DCASE_2020 = {
    "fan": (0.540, 0.722, 0.622, 0.723),
    "pump": (0.671, 0.609, 0.889, 0.735),
    "slider": (0.963, 0.788, 0.946, 0.702),
    "valve": (0.687, 0.674, 0.744, 0.553),
}


class Machine(NamedTuple):
    """One machine at one noise level."""

    machine: str
    model: str
    snr_db: int

    def __str__(self) -> str:
        return f"{self.machine} {self.model} {self.snr_db} dB"


@dataclass(frozen=True)
class Row:
    """What came of one detector with one seed on one machine."""

    machine: str
    model: str
    snr_db: int
    level: str
    detector: str
    seed: int
    code: str
    # How many clips were asked for; 0 for all.
    of_normal: int
    of_abnormal: int
    n_train: int
    n_normal: int
    n_abnormal: int
    auc: float
    pauc: float


class Task(NamedTuple):
    """What is to be measured of one machine."""

    machine: Machine
    # Detectors, and the seed of each.
    wanted: tuple[tuple[str, int], ...]


class Unavailable(NamedTuple):
    """A machine whose clips can't be had, and why."""

    machine: Machine
    reason: str


def all_detectors() -> tuple[str, ...]:
    """Those of `make_detector`, after single statistics over time."""
    return (*(f"{statistic} over time" for statistic in POOLINGS), *detector_names())


def make(name: str, seed: int) -> BaseEstimator:
    """A detector by its name in the table."""
    statistic = name.removesuffix(" over time")
    if statistic == name:
        return make_detector(name, sr=SAMPLE_RATE, random_state=seed)
    return make_pipeline(
        LogMelSpectrogram(SAMPLE_RATE), PoolOverTime(statistic), GMMDetector(1)
    )


def seeds_of(name: str, n_seeds: int) -> range:
    """Several for what depends on them; the others say the same each time."""
    luck = name == "gmm" or (name in detector_names() and is_network(name))
    return range(n_seeds if luck else 1)


def measure(
    task: Task, n_normal: int | None = None, n_abnormal: int | None = None
) -> list[Row] | Unavailable:
    """Run detectors on one machine, as recorded and with the level taken away."""
    machine, wanted = task
    try:
        clips = load_mimii(*machine, n_normal=n_normal, n_abnormal=n_abnormal)
    except (DatasetError, ValueError) as error:
        return Unavailable(machine, str(error).partition("\n")[0])
    rows = []
    for level in LEVELS:
        audio = clips.audio if level == LEVELS[0] else same_rms(clips.audio)
        for name, seed in wanted:
            n_train, is_anomaly, scores = run(make(name, seed), clips, audio)
            rows.append(
                Row(
                    *machine,
                    level=level,
                    detector=name,
                    seed=seed,
                    code=code(),
                    of_normal=n_normal or 0,
                    of_abnormal=n_abnormal or 0,
                    n_train=n_train,
                    n_normal=int((~is_anomaly).sum()),
                    n_abnormal=int(is_anomaly.sum()),
                    auc=auc(is_anomaly, scores),
                    pauc=partial_auc(is_anomaly, scores),
                )
            )
    return rows


def same_rms(audio: np.ndarray) -> np.ndarray:
    """All clips at the same RMS, as loud as none distorts."""
    level = np.sqrt(np.mean(audio**2, axis=1, keepdims=True, dtype=np.float64))
    audio = audio / level
    return (audio / np.abs(audio).max()).astype(np.float32)


@cache
def code() -> str:
    """Name the state of the package, on which all results depend."""
    digest = hashlib.sha256()
    for file in sorted(Path(esa4_helpers.__file__).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def run(
    detector: BaseEstimator, clips: Dataset, audio: np.ndarray
) -> tuple[int, np.ndarray, np.ndarray]:
    """Number of training clips, labels and scores: MIMII's own split, or five folds."""
    if clips.is_train.sum() >= FEW:
        scores = anomaly_score(
            detector.fit(audio[clips.is_train]), audio[~clips.is_train]
        )
        return int(clips.is_train.sum()), clips.test.is_anomaly, scores
    normal, abnormal = audio[~clips.is_anomaly], audio[clips.is_anomaly]
    is_anomaly, scores = score_in_folds(detector, normal, abnormal)
    return len(normal) * 4 // 5, is_anomaly, scores


def run_all(function: Callable[[Any], Any], tasks: Iterable[Any]) -> Iterator[Any]:
    """Call a function with each task, on a cluster or on all cores, in any order."""
    scheduler = os.environ.get("DASK_SCHEDULER")
    if not scheduler:
        yield from Parallel(n_jobs=-1, return_as="generator_unordered")(
            delayed(function)(task) for task in tasks
        )
        return
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise SystemExit(
            f"DASK_SCHEDULER names {scheduler}, and Dask is not installed: "
            "pip install --group cluster"
        ) from error
    with Client(scheduler) as client:
        # What a worker had in hand when it died is given to another.
        futures = client.map(function, list(tasks), pure=False, retries=2)
        for future in as_completed(futures):
            yield future.result()


def read_rows(file: Path) -> list[Row]:
    """What earlier runs have measured with the package as it is now."""
    if not file.exists():
        return []
    kinds = {"int": int, "float": float, "str": str}
    with file.open(newline="", encoding="utf-8") as stream:
        rows = [
            # As this module delays annotations, a field's type is its name.
            Row(**{f.name: kinds[f.type](line[f.name]) for f in fields(Row)})
            for line in csv.DictReader(stream)
        ]
    return [row for row in rows if row.code == code()]


def write_rows(rows: list[Row], file: Path) -> None:
    """Keep all rows: in another file first, so that an end at any moment loses none."""
    part = file.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, [field.name for field in fields(Row)])
        writer.writeheader()
        writer.writerows(map(asdict, rows))
    part.replace(file)


def still_wanted(
    machine: Machine, rows: list[Row], names: Iterable[str], n_seeds: int
) -> Task:
    """What of one machine has not been measured yet."""
    done = {
        (row.detector, row.seed)
        for row in rows
        if (row.machine, row.model, row.snr_db) == tuple(machine)
    }
    wanted = ((name, seed) for name in names for seed in seeds_of(name, n_seeds))
    return Task(machine, tuple(one for one in wanted if one not in done))


def means(rows: list[Row], what: str) -> dict[tuple[Machine, str], dict[str, float]]:
    """Mean over the seeds, for each machine and way to treat its level."""
    found: dict[tuple[Machine, str], dict[str, list[float]]] = {}
    for row in rows:
        key = Machine(row.machine, row.model, row.snr_db), row.level
        of = found.setdefault(key, {}).setdefault(row.detector, [])
        of.append(getattr(row, what))
    return {
        key: {name: fmean(values) for name, values in of.items()}
        for key, of in sorted(found.items())
    }


def published() -> str:
    """What others have reported for these machines, in Markdown."""
    lines = [
        (
            *machine,
            *(f"{value:.3f}" for value in aucs),
            f"{DCASE_2020[machine[0]][MODELS.index(machine[1])]:.3f}",
        )
        for machine, aucs in RERUN.items()
    ]
    head = ("machine", "model", *(f"{snr} dB" for snr in RERUN_SNRS_DB), "DCASE 2020")
    return tabulate(lines, head, tablefmt="pipe", disable_numparse=True)


def table(rows: list[Row], what: str = "auc") -> str:
    """AUC or pAUC by machine, as recorded and at the same RMS, in Markdown."""
    names = [name for name in all_detectors() if any(r.detector == name for r in rows)]
    lines, found = [], means(rows, what)
    for (machine, level), of in found.items():
        lines.append((*machine, level, *(number(of.get(name)) for name in names)))
    for level in LEVELS:
        of_level = [of for (_, treated), of in found.items() if treated == level]
        cells = [
            number(fmean(of[name] for of in of_level if name in of)) for name in names
        ]
        lines.append((f"mean of {len(of_level)}", "", "", level, *cells))
    head = ("machine", "model", "SNR (dB)", "level", *names)
    return tabulate(lines, head, tablefmt="pipe", disable_numparse=True)


def number(value: float | None) -> str:
    """An AUC in two digits; nothing where there is none."""
    return "" if value is None else f"{value:.2f}"


def notes(rows: list[Row], missing: list[Unavailable]) -> str:
    """What must be known to read the table."""
    sizes = sorted({(r.n_train, r.n_normal, r.n_abnormal) for r in rows})
    clips = "; ".join(
        f"{train} to train on, {normal} normal and {abnormal} abnormal ones to test"
        for train, normal, abnormal in sizes
    )
    texts = [
        f"Clips of each machine: {clips}. With fewer than {FEW} training clips, normal "
        "clips are dealt into five folds, and each is scored by a detector that has not "
        "heard it.",
        f"The AUC is the mean over the seeds. {luck(rows)}",
        f"Measured on: {computer()}.",
    ]
    if missing:
        names = ", ".join(str(one.machine) for one in sorted(missing))
        texts.append(f"Not measured, as their clips could not be had: {names}.")
    return "\n\n".join(texts)


def luck(rows: list[Row]) -> str:
    """How many seeds there were, and how much they matter."""
    aucs: dict[str, dict[tuple, list[float]]] = {}
    for row in rows:
        case = row.machine, row.model, row.snr_db, row.level
        aucs.setdefault(row.detector, {}).setdefault(case, []).append(row.auc)
    said = []
    for name in (name for name in all_detectors() if name in aucs):
        n_seeds = max(map(len, aucs[name].values()))
        if n_seeds > 1:
            spread = fmean(stdev(of) for of in aucs[name].values() if len(of) > 1)
            said.append(f"{name} had {n_seeds} (standard deviation {spread:.3f})")
    return f"Of these, {', '.join(said)}; all others had one." if said else ""


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Which machines, detectors and clips."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mimii",
        description="Measure all detectors on MIMII's machines.",
    )
    add = parser.add_argument
    add("--machines", nargs="+", choices=MACHINES, default=MACHINES)
    add("--models", nargs="+", choices=MODELS, default=MODELS)
    add("--snrs", nargs="+", type=int, choices=SNRS_DB, default=SNRS_DB)
    add("--detectors", nargs="+", choices=all_detectors(), default=all_detectors())
    add("--seeds", type=positive, default=SEEDS, metavar="N")
    add("--normal", type=positive, metavar="N", help="clips of each machine (all)")
    add("--abnormal", type=positive, metavar="N", help="clips of each machine (all)")
    add("--rows", type=Path, default=ROWS, help="where results are kept on the way")
    add("--output", type=Path, default=TABLE, help="where the table is written")
    return parser.parse_args(arguments)


def demand_known_noise(snrs_db: Sequence[int]) -> None:
    """End where a folder would be taken for several noise levels in turn."""
    given = os.environ.get("ESA4_MIMII")
    if given and len(snrs_db) > 1 and not any(Path(given).expanduser().glob("*_dB_*")):
        sys.exit(
            f"ESA4_MIMII names {given}, whose folders don't say how much noise was mixed "
            f"in: name the one noise level that it has, such as --snrs {snrs_db[0]}"
        )


def main(arguments: list[str] | None = None) -> None:
    """Measure what is missing, keep it, and write the table."""
    options = parse(arguments)
    demand_known_noise(options.snrs)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    rows, missing = read_rows(options.rows), []
    # Rows of other numbers of clips are kept, and not mixed with these.
    counts = options.normal or 0, options.abnormal or 0
    others = [row for row in rows if (row.of_normal, row.of_abnormal) != counts]
    rows = [row for row in rows if row not in others]
    asked = map(Machine._make, product(options.machines, options.models, options.snrs))
    tasks = [still_wanted(one, rows, options.detectors, options.seeds) for one in asked]
    to_do = [task for task in tasks if task.wanted]
    job = partial(measure, n_normal=options.normal, n_abnormal=options.abnormal)
    for result in tqdm(run_all(job, to_do), total=len(to_do), unit="machine"):
        if isinstance(result, Unavailable):
            missing.append(result)
            tqdm.write(f"{result.machine}: {result.reason}", file=sys.stderr)
        else:
            rows += result
            write_rows(others + rows, options.rows)
    if not rows:
        sys.exit("no machine could be measured")
    text = (
        f"{table(rows)}\n\n{notes(rows, missing)}\n\n"
        f"The same rows by their pAUC, up to 10 % of false alarms:\n\n"
        f"{table(rows, 'pauc')}\n\n"
        "What others have published, measured on all clips of each machine: AUC of the "
        "baseline of MIMII's authors at three noise levels, run anew by a third party "
        "([yachuchi/mimii](https://github.com/yachuchi/mimii)), and of the "
        "[baseline of DCASE 2020](https://github.com/y-kawagu/dcase2020_task2_baseline), "
        f"on that challenge's own mixture.\n\n{published()}\n"
    )
    print(text)
    options.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
