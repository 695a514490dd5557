from __future__ import annotations

from dataclasses import replace
from math import comb

import numpy as np
import pytest

from esa4_helpers import Dataset, auc, permutation_p_value

from .pages import CLIPS, FEW, SCORES, TEST, address_of, hear_all, listening, texts

N = len(TEST)


def test_what_is_rated_has_no_name(fragments):
    assert not [name for name in CLIPS.names if name in fragments["listening"]]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"dataset": FEW.test}, ValueError, "has no training clips"),
        ({"dataset": FEW.train}, ValueError, "has no test clips"),
        (
            {"dataset": replace(FEW, is_anomaly=[0, 1, 0, 1, 1], kinds=None)},
            ValueError,
            "'clip e' is abnormal",
        ),
        (
            {"dataset": replace(FEW, is_anomaly=np.zeros(5), kinds=None)},
            ValueError,
            "normal and abnormal",
        ),
        ({"scores": {}}, ValueError, "scores must hold at least one"),
        ({"scores": {"a": np.zeros(5)}}, ValueError, r"scores\['a'\] must have one"),
        ({"scores": {1: [0]}}, TypeError, "scores must map a text"),
    ],
)
def test_bad_input_is_named(changes, error, message):
    with pytest.raises(error, match=message):
        listening(FEW, **changes)


def test_no_listening_test_that_a_browser_could_not_count():
    number = np.arange(23)
    clips = Dataset(
        audio=np.zeros((23, 16)),
        sr=16000,
        names=[f"{i:02d}" for i in number],
        is_train=number == 0,
        is_anomaly=number % 2,
    )
    with pytest.raises(ValueError, match=f"{comb(22, 11)} ways, more than"):
        listening(clips, scores={"a": np.arange(22)})


RATINGS = ([90, 10, 50, 80, 50, 50, 20, 80, 0, 0], [50] * 10)


@pytest.fixture(scope="module")
def compared(shared, fragments):
    """For each row of ratings, a page where they were compared with the detectors."""
    pages = []
    for ratings in RATINGS:
        page = shared(fragments["listening"])
        hear_all(page)
        for row, rating in zip(page.locator("[data-row]").all(), ratings, strict=True):
            row.get_by_role("slider").fill(str(rating))
        page.get_by_role("button", name="Compare").click()
        pages.append(page)
    return pages


def order_of(page) -> list[int]:
    return page.eval_on_selector_all(
        "[data-row]", "rows => rows.map(row => Number(row.dataset.clip))"
    )


@pytest.mark.parametrize("i", [0, 1])
def test_it_agrees_with_python(compared, i):
    page, ratings = compared[i], RATINGS[i]
    assert texts(page, "[data-row] output") == list(map(str, ratings))
    order = order_of(page)
    assert sorted(order) == list(range(N))
    is_anomaly = TEST.is_anomaly[order]
    p = permutation_p_value(is_anomaly, ratings)
    sentence = page.locator("[data-part=sentence]").text_content()
    assert f"Your AUC is {auc(is_anomaly, ratings):.2f}. There are 252 ways" in sentence
    assert f"in {round(p * 252)} of 252 ways: p = {p:.3f}." in sentence
    truths = [text.endswith("was abnormal") for text in texts(page, ".esa4-truth")]
    assert truths == list(is_anomaly)
    assert texts(page, "#listening td") == [
        f"{auc(is_anomaly, ratings):.2f}",
        *(f"{auc(TEST.is_anomaly, scores):.2f}" for scores in SCORES.values()),
    ]


def test_each_button_plays_its_clip(compared):
    page = compared[0]

    def played_by(selector: str) -> list[str]:
        return page.eval_on_selector_all(
            selector,
            """buttons => buttons.map((button) => {
                button.click();
                return document.querySelector("audio").src;
            })""",
        )

    train = CLIPS.train
    expected = [address_of(train, i) for i in range(len(train))]
    assert played_by("[data-train]") == expected
    expected = [address_of(TEST, i) for i in order_of(page)]
    assert played_by("[data-row] button") == expected


def test_it_comes_in_another_order_each_time(compared):
    first, second = map(order_of, compared)
    assert first != second


def test_no_rating_changes_once_the_truth_is_out(compared):
    controls = compared[0].locator("[data-row] input, [data-part=compare]")
    assert controls.count() == N + 1
    assert all(control.is_disabled() for control in controls.all())


def test_it_works_with_the_keyboard_alone(show, fragments):
    page = show(fragments["listening"])
    compare = page.get_by_role("button", name="Compare")
    for i in range(len(CLIPS.train)):
        page.keyboard.press("Tab")
        focused = page.evaluate("document.activeElement.textContent")
        assert focused == f"Play normal clip {i + 1}"
    status = page.locator("[data-part=status]")
    for i in range(N):
        assert compare.is_disabled()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        status.get_by_text(f"Heard {i + 1} of {N} clips.").wait_for()
        page.keyboard.press("Tab")
        page.keyboard.press("End")
        page.keyboard.press("ArrowLeft")
    assert texts(page, "[data-row] output") == ["99"] * N
    # What each clip is can't be found before.
    assert page.locator("[data-row][data-clip]").count() == 0
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    # Who can't see the result appear is taken to it.
    assert page.evaluate("document.activeElement.dataset.part") == "results"
    assert page.locator("[data-part=results]").is_visible()
