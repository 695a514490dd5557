"""Measure the course's detectors next to the lecture's: python -m benchmarks.run

Each detector runs with each seed in a process of its own, one after the other. The table
is printed, and stored in results.md if it is the complete one, on the recordings.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import resource
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import packages_distributions, version
from math import floor, log10
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean, median, stdev
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from sklearn.pipeline import Pipeline
from tabulate import tabulate
from tqdm import tqdm

from benchmarks import lecture
from benchmarks.features import N_CLIPS, SECONDS, ratio_to_bare_transforms
from esa4_helpers import (
    Dataset,
    auc,
    detector_names,
    load_dataset,
    make_detector,
)
from esa4_helpers.datasets import DatasetError

RESULTS = Path(__file__).with_name("results.md")
SEEDS = 10
SAMPLE_RATE = 16000
LECTURE_GMM, LECTURE_AUTOENCODER = "lecture-gmm", "lecture-autoencoder"
COLUMNS = (
    "detector",
    "AUC",
    "minimum",
    "deviation",
    "AUC difference",
    "features (s)",
    "training (s)",
    "training ratio",
    "scoring (ms)",
    "memory (MiB)",
)


class Method(NamedTuple):
    """A way from clips to scores, cut in two so that each half can be timed."""

    features: Callable[[Dataset], tuple[Any, Any]]
    detector: Any


class BesideLevel:
    """The second half of a pipeline that hears the level: it takes features and audio."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.parts = pipeline[-1], pipeline.level

    def fit(self, X: tuple[np.ndarray, np.ndarray]) -> BesideLevel:
        """Fit the last step to the features, and the detector of the level to the audio."""
        for part, of in zip(self.parts, X, strict=True):
            part.fit(of)
        return self

    def score_samples(self, X: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """The more surprised decides."""
        scores = [p.score_samples(of) for p, of in zip(self.parts, X, strict=True)]
        return np.minimum(*scores)


@dataclass(frozen=True)
class Result:
    """What came of one detector with one seed."""

    name: str
    auc: float
    features_s: float
    training_s: float
    scoring_ms: float
    memory_mib: float
    fails_in_32_bits: bool | None


def is_network(name: str) -> bool:
    """Whether a detector is to be compared with the lecture's autoencoder."""
    if name in (LECTURE_GMM, LECTURE_AUTOENCODER):
        return name == LECTURE_AUTOENCODER
    return "n_updates" in make_detector(name)[-1].get_params()


def all_names() -> list[str]:
    """The detectors in the order of the table, the lecture's first in each family."""
    names = (LECTURE_GMM, LECTURE_AUTOENCODER, *detector_names())
    return sorted(names, key=is_network)


def make_method(name: str, seed: int, epochs: int) -> Method:
    """One of the lecture's methods, or of the course's."""
    if name == LECTURE_GMM:
        return Method(
            lambda dataset: split(dataset, lecture.mean_over_time),
            lecture.make_mixture(seed),
        )
    if name == LECTURE_AUTOENCODER:
        return Method(
            lambda dataset: split(dataset, lecture.log_mel),
            lecture.Autoencoder(seed, epochs),
        )
    pipeline = make_detector(name, sr=SAMPLE_RATE, random_state=seed)
    steps, detector = pipeline[:-1], pipeline[-1]
    if is_network(name):
        n_updates = detector.n_updates * epochs // lecture.EPOCHS
        detector.set_params(n_updates=max(1, n_updates))
    if "level" in pipeline.get_params(deep=False):
        return Method(
            lambda dataset: course_features(dataset, steps, with_audio=True),
            BesideLevel(pipeline),
        )
    return Method(lambda dataset: course_features(dataset, steps), detector)


def split(
    dataset: Dataset, features: Callable[[np.ndarray, int], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Features of the training clips, and of the test clips."""
    train, test = dataset.train, dataset.test
    return features(train.audio, train.sr), features(test.audio, test.sr)


def course_features(
    dataset: Dataset, steps: Pipeline, with_audio: bool = False
) -> tuple[Any, Any]:
    """What a pipeline makes of the training clips, and of the test clips."""
    clips = dataset.resampled(SAMPLE_RATE)
    train, test = clips.train.audio, clips.test.audio
    X_train, X_test = steps.fit_transform(train), steps.transform(test)
    return ((X_train, train), (X_test, test)) if with_audio else (X_train, X_test)


def warm_up(name: str, dataset: Dataset) -> None:
    """Do what takes longer the first time, and what a course does only once."""
    dataset.resampled(SAMPLE_RATE)
    # numba compiles parts of librosa when they are first called.
    lecture.log_mel(dataset.audio[:1], dataset.sr)
    if is_network(name):
        import keras  # noqa: F401


def measure(name: str, seed: int, epochs: int = lecture.EPOCHS) -> Result:
    """Run one detector with one seed; the memory is that of the whole process."""
    dataset = load_dataset()
    warm_up(name, dataset)
    features, detector = make_method(name, seed, epochs)
    (X_train, X_test), features_s = timed(lambda: features(dataset))
    _, training_s = timed(lambda: detector.fit(X_train))
    # Keras prepares itself for a shape when it first meets it.
    detector.score_samples(X_test)
    scores, scoring_s = timed(lambda: detector.score_samples(X_test))
    memory_mib = peak_memory_mib()
    fails = lecture.fails_in_32_bits(X_train, seed) if name == LECTURE_GMM else None
    return Result(
        name=name,
        auc=auc(dataset.test.is_anomaly, -scores),
        features_s=features_s,
        training_s=training_s,
        scoring_ms=1000 * scoring_s / len(scores),
        memory_mib=memory_mib,
        fails_in_32_bits=fails,
    )


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
    """What a function returns, and how many seconds it took."""
    start = perf_counter()
    result = function()
    return result, perf_counter() - start


def peak_memory_mib() -> float:
    """The most memory that this process has held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Bytes on macOS, KiB elsewhere.
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def measure_alone(name: str, seed: int, epochs: int) -> Result:
    """Measure in a new process, so that nothing is left over from earlier ones."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        return executor.submit(measure, name, seed, epochs).result()


def measure_all(names: Sequence[str], n_seeds: int, epochs: int) -> list[Result]:
    """Measure one after the other; a slow minute of the computer hits all alike."""
    tasks = [(name, seed, epochs) for seed in range(n_seeds) for name in names]
    return [measure_alone(*task) for task in tqdm(tasks, unit="run")]


def table(results: Sequence[Result]) -> str:
    """The table in Markdown, aligned so that it can be read in a terminal too."""
    by_name: dict[str, list[Result]] = {}
    for result in results:
        by_name.setdefault(result.name, []).append(result)
    rows = []
    for name, runs in by_name.items():
        reference = LECTURE_AUTOENCODER if is_network(name) else LECTURE_GMM
        rows.append(row(runs, by_name.get(reference)))
    alignment = ["left", *["right"] * (len(COLUMNS) - 1)]
    # As they come: taken for numbers, they would lose zeros that count.
    return tabulate(
        rows, COLUMNS, tablefmt="pipe", colalign=alignment, disable_numparse=True
    )


def row(runs: Sequence[Result], reference: Sequence[Result] | None) -> tuple[str, ...]:
    """The cells of one detector, in the order of COLUMNS."""
    aucs = [run.auc for run in runs]
    training_s = median(run.training_s for run in runs)
    return (
        runs[0].name,
        f"{fmean(aucs):.3f}",
        f"{min(aucs):.3f}",
        f"{stdev(aucs):.3f}" if len(aucs) > 1 else "-",
        difference(fmean(aucs), reference and fmean(run.auc for run in reference)),
        digits(median(run.features_s for run in runs)),
        digits(training_s),
        ratio(training_s, reference and median(run.training_s for run in reference)),
        digits(median(run.scoring_ms for run in runs)),
        f"{max(run.memory_mib for run in runs):.0f}",
    )


def ratio(value: float, reference: float | None) -> str:
    """How many times the reference it is; a hyphen if there is none to compare with."""
    return digits(value / reference, 3) if reference else "-"


def difference(value: float, reference: float | None) -> str:
    """By how much it is above the reference; a hyphen if there is none."""
    return "-" if reference is None else f"{value - reference:+z.3f}"


def digits(value: float, n_digits: int = 2) -> str:
    """So many digits that count, however small the number, and all before the point."""
    before_point = floor(log10(value)) + 1 if value > 0 else 1
    return f"{value:.{max(0, n_digits - before_point)}f}"


def notes(results: Sequence[Result], title: str, n_seeds: int, epochs: int) -> str:
    """What must be known to read the table: clips, seeds, computer, precision."""
    seeds = "Seed: 0" if n_seeds == 1 else f"Seeds: 0 to {n_seeds - 1}"
    texts = [
        f"Clips: {title}. {seeds}. Date: {datetime.now(UTC):%Y-%m-%d}.",
        f"Measured on: {machine()}. {arithmetic()}",
    ]
    texts.append(
        f"Log-mel spectrograms of {N_CLIPS} clips of {SECONDS} s took "
        f"{ratio_to_bare_transforms():.1f} times the processor time of bare Fourier "
        "transforms of the same frames in single precision, measured in one run."
    )
    failed = [r.fails_in_32_bits for r in results if r.fails_in_32_bits is not None]
    if any(failed):
        texts.append(
            "The lecture computes in 32-bit numbers. With these, scikit-learn refused to "
            f"fit its mixture for {sum(failed)} of {len(failed)} seeds, so "
            f"`{LECTURE_GMM}` fits it in 64-bit numbers."
        )
    if epochs != lecture.EPOCHS:
        texts.append(
            f"For a quick trial: all networks had {epochs} in {lecture.EPOCHS} parts of "
            "their training."
        )
    return "\n\n".join(texts)


def machine() -> str:
    """The computer and the versions, as far as they bear on the numbers."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    installed = packages_distributions()
    modules = ("numpy", "sklearn", "librosa", "tensorflow", "keras")
    packages = [installed[module][0].replace("_", "-") for module in modules]
    return ", ".join(
        [
            processor(),
            f"{os.cpu_count()} cores",
            f"{memory / 2**30:.0f} GiB of memory",
            operating_system(),
            f"Python {platform.python_version()}",
            *(f"{package} {version(package)}" for package in packages),
        ]
    )


def arithmetic() -> str:
    """What decides about the last digits of a network, and about its times."""
    threads = (
        os.environ.get("OMP_NUM_THREADS") or f"as many as cores ({os.cpu_count()})"
    )
    onednn = os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1") != "0"
    return f"Threads: {threads}. oneDNN in TensorFlow: {'on' if onednn else 'off'}."


def processor() -> str:
    """The processor's model, where the system tells it."""
    file = Path("/proc/cpuinfo")
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    match = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    return match[1] if match else platform.processor() or platform.machine()


def operating_system() -> str:
    """The system's name and version, without the kernel's, which names its maker."""
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return f"{platform.system()} {platform.release()}"


def positive(text: str) -> int:
    """A whole number above zero, for argparse."""
    if (number := int(text)) < 1:
        raise ValueError
    return number


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The options, all of which are for quick trials."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run",
        description="Measure the course's detectors next to the lecture's.",
    )
    parser.add_argument("--seeds", type=positive, default=SEEDS, metavar="N")
    parser.add_argument("--names", nargs="+", choices=all_names(), default=all_names())
    parser.add_argument(
        "--epochs",
        type=positive,
        default=lecture.EPOCHS,
        metavar="N",
        help="of the lecture's autoencoder; other networks are cut in proportion",
    )
    parser.add_argument(
        "--output",
        type=Path,
        help="write the table there, complete or not",
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Measure, print the table, and store it if it is comparable with the stored one."""
    options = parse(arguments)
    # Else TensorFlow says even more in between.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        title = load_dataset().title
    except DatasetError as error:
        sys.exit(str(error))
    names = [name for name in all_names() if name in options.names]
    results = measure_all(names, options.seeds, options.epochs)
    text = (
        f"{table(results)}\n\n{notes(results, title, options.seeds, options.epochs)}\n"
    )
    print(text)
    complete = (title, names, options.seeds, options.epochs) == (
        "anomaly_mini",
        all_names(),
        SEEDS,
        lecture.EPOCHS,
    )
    output = options.output or (RESULTS if complete else None)
    if output:
        output.write_text(text, encoding="utf-8")
        print(f"Written to {output}")
    else:
        print(f"Not written to {RESULTS.name}: not all detectors, seeds or clips.")


if __name__ == "__main__":
    main()
