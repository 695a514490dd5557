"""The reference pages, and how the chapters are tied to them."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from bs4 import BeautifulSoup
from IPython.display import Audio
from order import PUBLIC

import esa4_helpers
from esa4_helpers import (
    GMMDetector,
    anomaly_score,
    auc,
    auc_interval,
    conformal_threshold,
    held_out_scores,
    log_mel_spectrogram,
    make_synthetic_dataset,
    pool_over_time,
)
from esa4_helpers.synthesis import synthesize_clip

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "book" / "reference"

CONFIGURATION = """
project = "small"
extensions = ["myst_parser", "esa4_reference"]
"""
FRONT = """# Small

```{toctree}
:glob:
book/*
book/reference/*
book/reference/api/*
```
"""
CHAPTER_1 = """# The anomaly score in a heading

[an anomaly score in a link](02_two.md) and `anomaly score` in code.

```{container} cell
An anomaly score in an output.
```

> Anomaly
> scores by two *clips*, then an anomaly score, an anomaly and a Clip.

## Another seed

Non-seed, seeds, a seed.
"""

CHAPTER_2 = """# Two

A clip.

```python
from esa4_helpers import Dataset, GMMDetector, auc
```

And later:

```ipython3
detector = GMMDetector(1)
detector.fit(X)
if auc(y, detector.score_samples(X)) < 1:
    %pip install more
```
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> dict[str, BeautifulSoup]:
    """All API pages and the glossary, with two small chapters."""
    source = tmp_path_factory.mktemp("source")
    reference = source / "book" / "reference"
    shutil.copytree(REFERENCE / "api", reference / "api")
    for name in ("api.md", "glossary.md"):
        shutil.copy(REFERENCE / name, reference)
    for name, text in {
        "conf.py": CONFIGURATION,
        "index.md": FRONT,
        "book/01_one.md": CHAPTER_1,
        "book/01_one.py": "from esa4_helpers import auc\n",
        "book/02_two.md": CHAPTER_2,
        "book/02_two.py": "from esa4_helpers import (\n    Dataset, auc,\n    detector_names,\n)\n",
        "book/notes.md": "# No chapter\n\nA clip.\n\n```python\nauc(  # your turn\n```\n",
    }.items():
        (source / name).write_text(text, encoding="utf-8")
    html = source / "_build"
    # Twice: the second time, chapters are made anew only because the glossary is.
    for _ in range(2):
        result = subprocess.run(
            [sys.executable, "-m", "sphinx", "-W", "-n", "--keep-going", source, html],
            env=os.environ | {"PYTHONPATH": str(ROOT / "tools" / "sphinx_ext")},
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stderr
        with (reference / "glossary.md").open("a", encoding="utf-8") as glossary:
            glossary.write("\nMore.\n")
    return {
        str(page.relative_to(html).with_suffix("")): BeautifulSoup(
            page.read_text(encoding="utf-8"), "html.parser"
        )
        for page in html.rglob("*.html")
    }


def entry_of(site: dict[str, BeautifulSoup], name: str) -> BeautifulSoup:
    """The definition of a name on its module's page."""
    full_name = f"{getattr(esa4_helpers, name).__module__}.{name}"
    page = site[f"book/reference/api/{full_name.split('.')[1]}"]
    return page.find("dt", id=full_name).find_next_sibling("dd")


def glossary_links(page: BeautifulSoup) -> dict[str, str]:
    """The linked words, and where each leads."""
    links = page.find_all("a", class_="glossary-term")
    assert len({link.get_text() for link in links}) == len(links)
    return {link.get_text(): link["href"] for link in links}


def test_every_public_module_has_its_page_in_the_order_of_data_flow():
    assert {page.stem for page in REFERENCE.glob("api/*.md")} == {*PUBLIC}
    table = (REFERENCE / "api.md").read_text(encoding="utf-8")
    assert (
        tuple(re.findall(r"^\| \[\w+\]\(api/(\w+)\.md\)", table, re.MULTILINE))
        == PUBLIC
    )


@pytest.mark.parametrize("name", esa4_helpers.__all__)
def test_every_public_name_is_explained(site, name):
    assert len(entry_of(site, name).get_text()) > 100


def test_what_scikit_learn_adds_is_left_out(site):
    assert "set_fit_request" not in "".join(page.get_text() for page in site.values())


def test_names_in_docstrings_lead_to_their_pages(site):
    links = {
        link.get_text(): link["href"]
        for link in entry_of(site, "AutoencoderDetector").find_all("a")
    }
    assert links["build_interpolator"] == (
        "networks.html#esa4_helpers.networks.build_interpolator"
    )


@pytest.mark.parametrize(
    ("name", "chapters"),
    [("auc", ["chapter 1", "chapter 2"]), ("Dataset", ["chapter 2"]), ("level", [])],
)
def test_a_function_names_the_chapters_that_use_it(site, name, chapters):
    links = entry_of(site, name).find_all("a", href=re.compile(r"book|\d\d_"))
    assert [link.get_text() for link in links] == chapters
    assert all(
        (link["href"][:9] == "../../0" + link.get_text()[-1] + "_") for link in links
    )


def test_only_names_outside_of_the_face_say_where_they_come_from(site):
    page = site["book/reference/api/datasets"]
    told = {
        code.find_parent("dd").find_previous_sibling("dt")["id"].split(".")[-1]
        for code in page.find_all("code", string="esa4_helpers.datasets")
        if code.find_parent("dd")
    }
    assert "fetch_archive" in told
    assert told.isdisjoint(esa4_helpers.__all__)


@pytest.mark.parametrize(
    ("code", "target"),
    [
        ("auc", "evaluation.html#esa4_helpers.evaluation.auc"),
        ("Dataset", "datasets.html#esa4_helpers.datasets.Dataset"),
        ("GMMDetector", "detectors.html#esa4_helpers.detectors.GMMDetector"),
        ("detector.fit", "detectors.html#esa4_helpers.detectors.GMMDetector.fit"),
    ],
)
def test_a_name_in_a_chapters_code_leads_to_its_page(site, code, target):
    links = site["book/02_two"].find_all("a", class_="sphinx-codeautolink-a")
    found = {link["href"] for link in links if link.get_text() == code}
    assert found == {f"../book/reference/api/{target}"}


def test_a_name_leads_to_its_page_in_the_cell_that_imports_it_and_in_later_ones(site):
    links = site["book/02_two"].find_all("a", string="auc")
    assert len({link.find_parent("pre") for link in links}) == 2


def test_code_that_is_not_whole_is_shown_as_it_is(site):
    (code,) = site["book/notes"].find_all("pre")
    assert code.get_text() == "auc(  # your turn\n"
    assert not code.find_all("a")


def test_only_the_first_use_of_a_term_leads_to_the_glossary(site):
    links = glossary_links(site["book/01_one"])
    # A term may go on in the next line, the longest counts, and plurals count too.
    assert list(links) == ["Anomaly\nscores", "clips", "anomaly", "seeds"]
    for address in links.values():
        page, _, anchor = address.partition("#")
        assert page == "reference/glossary.html"
        assert site["book/reference/glossary"].find("dt", id=anchor)


def test_a_linked_term_tells_the_first_sentence_of_its_definition(site):
    link = site["book/02_two"].find("a", class_="glossary-term")
    assert link["title"] == "A short recording of fixed length, here 2.5 s of a valve."


def test_each_chapter_has_links_of_its_own_and_other_pages_have_none(site):
    assert list(glossary_links(site["book/02_two"])) == ["clip"]
    assert glossary_links(site["book/notes"]) == {}


def test_the_glossary_has_every_technical_term_of_the_course(site):
    terms = {
        dt.find(string=True).strip()
        for dt in site["book/reference/glossary"].find_all("dt")
    }
    assert terms >= set(
        """anomaly, anomaly map, anomaly score, AUC, autoencoder, baseline, bottleneck,
        clip, code of an autoencoder, confidence interval, conformal threshold,
        covariance, crest factor, dB, DCASE, epoch, error profile, F1, false alarm,
        frame, Gaussian mixture model, GWRP, held-out, hop, interpolation autoencoder,
        log-mel spectrogram, loss, Mahalanobis distance, mel band, MIMII,
        nearest neighbour, normal, overfitting, pAUC, permutation p-value,
        pooling over time, precision, principal component, recall,
        reconstruction error, RMS level, ROC curve, seed, shrinkage,
        signal-to-noise ratio, standardisation, STFT, threshold, update,
        whitening""".replace("\n        ", " ").split(", ")
    )


# ---------------------------------------------------------------- the lecture's slips

SLIPS = {
    part.split("\n")[0]: part
    for part in re.split(
        r"^### ", (REFERENCE / "lecture.md").read_text("utf-8"), flags=re.MULTILINE
    )[1:]
}
SR = 16000
RNG = np.random.default_rng(0)
NOISE = RNG.normal(0, 0.05, SR)
FAULT, HEALTHY = synthesize_clip(
    "missing click", sr=SR, random_state=0, return_healthy=True
)
NORMAL = make_synthetic_dataset(20, 1, 1, sr=SR).train.audio
POINTS = RNG.normal(size=(60, 2))
DETECTOR = GMMDetector(1)
HELD_OUT = held_out_scores(DETECTOR, POINTS)
MANY = [0] * 30 + [1] * 30


def spectrogram(clips, sr=SR, **options):
    return log_mel_spectrogram(np.atleast_2d(clips), sr, **options)


def network(*sizes):
    return SimpleNamespace(
        layers=[SimpleNamespace(output=SimpleNamespace(shape=(None, n))) for n in sizes]
    )


def scaled_by_test_clips(X):
    return (X[:, 0] - X[:, 0].min()) / np.ptp(X[:, 0])


def info_of_44100(file):
    return SimpleNamespace(samplerate=44100)


# For each slip: what all share, how the check meets the slip, and how it is mended.
CASES = {
    "The download has no fingerprint": (
        {"hashlib": hashlib, "noted": hashlib.sha256(b"all of it").hexdigest()},
        {"Path": lambda name: SimpleNamespace(read_bytes=lambda: b"all of")},
        {"Path": lambda name: SimpleNamespace(read_bytes=lambda: b"all of it")},
    ),
    "The order of the files is left to chance": (
        {},
        {"fn_wav_list": ["b.wav", "a.wav"]},
        {"fn_wav_list": ["a.wav", "b.wav"]},
    ),
    "Labels are looked for in the whole path": (
        {"class_id": [0, 0, 1]},
        {"is_train": [1, 1, 1]},
        {"is_train": [1, 0, 0]},
    ),
    "Listening changes the sample rate": (
        {"fn_wav_list": ["a.wav"], "soundfile": SimpleNamespace(info=info_of_44100)},
        {"fs": 22050},
        {"fs": 44100},
    ),
    "The player makes all clips equally loud": (
        {"x": NOISE},
        {"play": partial(Audio, rate=SR)},
        {"play": partial(Audio, rate=SR, normalize=False)},
    ),
    "The reference level throws a clip's level away": (
        {"x": NOISE},
        {"features": partial(spectrogram, ref=np.max, top_db=80)},
        {"features": spectrogram},
    ),
    "Empty bands are taken for features": (
        {},
        # As quick as resampling: silence the upper half of the frequencies.
        {
            "S": np.pad(
                spectrogram(NOISE), ((0, 0), (0, 40), (0, 0)), constant_values=-90
            )
        },
        {"S": spectrogram(NOISE)},
    ),
    "The mean over time hides the click": (
        {"with_fault": FAULT, "without": HEALTHY, "normal": NORMAL},
        {"features": lambda x: pool_over_time(spectrogram(x), "mean")},
        {"features": lambda x: pool_over_time(spectrogram(x), "max")},
    ),
    "The mixture has more unknowns than data": (
        {},
        {"X_train": RNG.normal(size=(20, 128))},
        {"X_train": RNG.normal(size=(200, 12))},
    ),
    "The bottleneck is wider than the input": (
        {"X_train": np.zeros((2, 100))},
        {"ae_model": network(100, 400, 100)},
        {"ae_model": network(100, 16, 100)},
    ),
    "A high error is taken for a fault": (
        {"x": NOISE},
        {"score": lambda x: np.mean(x**2)},
        {"score": lambda x: abs(np.mean(x**2) - np.mean(NOISE**2))},
    ),
    "The network has no seed": (
        {"y_test": MANY},
        {"train": lambda seed: RNG.normal(size=60)},
        {"train": lambda seed: np.random.default_rng(seed).normal(size=60)},
    ),
    "Settings are set and not used": (
        {"history": SimpleNamespace(params={"epochs": 100})},
        {"n_epochs": 50},
        {"n_epochs": 100},
    ),
    "Scores are scaled by test clips": (
        {"X_test": POINTS},
        {"score": scaled_by_test_clips},
        {"score": lambda X: X[:, 0]},
    ),
    "There is no threshold": (
        {"detector": DETECTOR, "X_train": POINTS},
        {"threshold": np.median(anomaly_score(DETECTOR.fit(POINTS), POINTS))},
        {"threshold": conformal_threshold(HELD_OUT, 0.1)},
    ),
    "There is no baseline": (
        {"y_test": MANY, "baseline": np.arange(60.0)},
        {"scores": np.arange(60.0)[::-1]},
        {"scores": np.arange(60.0)},
    ),
    "An AUC of ten clips is printed without an interval": (
        {},
        {
            "y_test": [0, 0, 0, 0, 0, 1, 1, 1, 1, 1],
            "scores": [1, 2, 3, 6, 7, 4, 5, 8, 9, 10],
        },
        {"y_test": MANY, "scores": np.arange(60.0)},
    ),
}


def test_every_slip_has_a_case_that_proves_its_check():
    assert list(SLIPS) == list(CASES)


@pytest.mark.parametrize("slip", CASES)
def test_a_check_fails_on_the_slip_and_passes_once_it_is_mended(slip):
    (check,) = re.findall(r"```python\n(.*?)```", SLIPS[slip], re.DOTALL)
    shared, wrong, mended = CASES[slip]
    given = {
        "np": np,
        "auc": auc,
        "auc_interval": auc_interval,
        "held_out_scores": held_out_scores,
        **shared,
    }
    with pytest.raises(AssertionError):
        exec(check, given | wrong)
    exec(check, given | mended)


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_told_in_four_steps(slip):
    steps = re.findall(r"^\*\*(.*?)\.\*\*", SLIPS[slip], re.MULTILINE)
    assert steps == [
        "What happened",
        "How it showed",
        "How to notice it",
        "Where it is handled",
    ]


@pytest.mark.parametrize("slip", SLIPS)
def test_the_section_that_handles_a_slip_exists(slip):
    where = SLIPS[slip].partition("**Where it is handled.**")[2].split("\n## ")[0]
    chapters = re.findall(r"\.\./(\w+)\.ipynb", where)
    headings = re.findall(
        r"^# ##+ (.*)",
        "\n".join(
            (ROOT / "book" / f"{name}.py").read_text("utf-8") for name in chapters
        ),
        re.MULTILINE,
    )
    for section in re.findall(r'"([^"]+)"', where):
        title = " ".join(section.split())
        assert any(heading.startswith(title) for heading in headings), title
