from __future__ import annotations

from dataclasses import replace
from math import comb

import numpy as np
import pytest
from browser import complaints
from bs4 import BeautifulSoup

from esa4_helpers import Dataset, auc, permutation_p_value
from esa4_helpers.widgets._shared import spectrogram_pictures
from esa4_helpers.widgets.listening import (
    _check_ways,
    _detector,
    _score_text,
    _shift,
)

from .pages import (
    CLIPS,
    FEW,
    SCORES,
    TEST,
    address_of,
    hear_all,
    listening,
    pixels,
    play_fast,
    texts,
)

N, FEW_N = len(TEST), len(FEW.test)


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


def test_a_browser_goes_through_200_000_ways_and_no_more():
    _check_ways(np.arange(200_000) == 0)
    why = (
        "1 of the 200001 test clips can be called abnormal in 200001 ways, more than the "
        "200000 that a browser can go through: use fewer clips"
    )
    with pytest.raises(ValueError, match=f"^{why}$"):
        _check_ways(np.arange(200_001) == 0)


def test_curves_move_away_from_each_other_by_turns():
    shifts = [_shift(number) for number in range(5)]
    assert shifts == pytest.approx([0.0125, -0.0125, 0.025, -0.025, 0.0375])


def test_what_a_detector_says_is_ready_to_be_read():
    scores = np.array([1.0, 2, 3, 3, 0])
    told = [_score_text("a", scores, clip).replace("\xa0", " ") for clip in range(4)]
    assert told == [
        "a: 1 (rank 4)",
        "a: 2 (rank 3)",
        "a: 3 (rank 1)",
        "a: 3 (rank 1)",
    ]
    # A curve's points are those of all thresholds, on a straight line, too.
    assert _detector("a", np.array([False, True, True, False, False]), scores) == {
        "name": "a",
        "auc": "0.75",
        "roc": "0,0 0.3333,0.5 0.3333,1 0.6667,1 1,1",
    }


def test_without_scripts_the_curves_of_the_detectors_are_seen():
    page = BeautifulSoup(listening(FEW).html, "html.parser")
    assert pixels(page.img["src"]).shape == (400, 400, 3)


# All clips, as short as they can be.
BRIEF = replace(CLIPS, audio=CLIPS.audio[:, :4000])
RATINGS = ([90, 10, 50, 80, 50, 50, 20, 80, 0, 0], [50] * 10)
STATUS = "[data-part=status]"


def rate(page, row: int, rating: int) -> None:
    page.locator(f'[data-row="{row + 1}"]').click()
    page.locator("[data-part=rating]").fill(str(rating))


@pytest.fixture(scope="module")
def compared(shared):
    """For each row of ratings, a page where they were compared with the detectors."""
    pages, widget = [], listening(BRIEF)._repr_html_()
    for ratings in RATINGS:
        page = shared(widget)
        hear_all(page)
        for row, rating in enumerate(ratings):
            rate(page, row, rating)
        page.get_by_role("button", name="Compare").click()
        pages.append(page)
    return pages


def order_of(page) -> list[int]:
    return page.eval_on_selector_all(
        "[data-reveal]", "tiles => tiles.map(tile => Number(tile.dataset.clip))"
    )


def reload_until(page, selector: str) -> None:
    """Reload a page, and once more where its last change was stored too late.

    A tab's storage is in another process of the browser: on a busy computer, a page that is
    loaded at once, as no human would, can read it before that change has arrived.
    """
    for _ in range(2):
        page.reload()
        if page.locator(selector).is_visible():
            return
    pytest.fail(f"after two reloads, {selector} is not to be seen")


@pytest.mark.parametrize("i", range(len(RATINGS)))
def test_it_agrees_with_python(compared, i):
    page, ratings = compared[i], RATINGS[i]
    assert texts(page, ".esa4-rated") == list(map(str, ratings))
    order = order_of(page)
    assert sorted(order) == list(range(N))
    is_anomaly = TEST.is_anomaly[order]
    p = permutation_p_value(is_anomaly, ratings)
    sentence = page.locator("[data-part=sentence]").text_content()
    assert f"Your AUC is {auc(is_anomaly, ratings):.2f}. There are 252 ways" in sentence
    assert f"in {round(p * 252)} of 252 ways: p = {p:.3f}." in sentence
    assert texts(page, "#listening td") == [
        f"{auc(is_anomaly, ratings):.2f}",
        *(f"{auc(TEST.is_anomaly, scores):.2f}" for scores in SCORES.values()),
    ]


def test_it_reveals_clip_by_clip(compared):
    page, ratings = compared[0], RATINGS[0]
    pictures = spectrogram_pictures(BRIEF.test.audio, BRIEF.sr)
    for tile, clip, rating in zip(
        page.locator("[data-reveal]").all(), order_of(page), ratings, strict=True
    ):
        truth = "abnormal" if TEST.is_anomaly[clip] else "normal"
        words = tile.locator("[data-truth]:visible").text_content()
        assert words.strip() == f"was {truth}"
        assert tile.locator(f".esa4-{truth}:visible").count() == 1
        image = tile.locator("img")
        assert image.get_attribute("src") == pictures[clip]
        assert image.get_attribute("alt").endswith(f" was {truth}")
        said = tile.locator(".esa4-said li").all_text_contents()
        assert said == [
            f"you: {rating}",
            *(
                f"{name}: {scores[clip]:.4g} (rank\N{NO-BREAK SPACE}{1 + (scores > scores[clip]).sum()})"
                for name, scores in SCORES.items()
            ),
        ]


def test_curves_that_coincide_are_told_apart(fragments):
    page = BeautifulSoup(
        listening(FEW, scores=dict.fromkeys("abcdefghijkl", np.arange(4.0))).html,
        "html.parser",
    )
    curves = page.select(".esa4-roc polyline[points]")
    assert len({curve["points"] for curve in curves}) == 1
    shifts = [curve["transform"] for curve in curves]
    assert len({*shifts, "translate(0 0)"}) == 13
    assert len({tuple(curve["class"]) for curve in curves}) == 12
    keys = page.select("tbody th .esa4-curve[class*=dashes]")
    assert [key["class"] for key in keys] == [curve["class"] for curve in curves]


def played_by(page, selector: str) -> list[str]:
    """Where the sounds are that these buttons play."""
    return page.eval_on_selector_all(
        selector,
        """buttons => buttons.map((button) => {
            button.click();
            return document.querySelector("audio").src;
        })""",
    )


def test_each_button_plays_its_clip(compared):
    page, train = compared[0], BRIEF.train
    expected = [address_of(train, i) for i in range(len(train))]
    assert played_by(page, "[data-train]") == expected
    expected = [address_of(BRIEF.test, i) for i in order_of(page)]
    assert played_by(page, "[data-row]") == expected
    assert played_by(page, "[data-reveal] button") == expected


def test_no_rating_changes_once_the_truth_is_out(compared):
    page = compared[0]
    page.locator('[data-row="3"]').click()
    for part in ("rating", "compare"):
        assert page.locator(f"[data-part={part}]").is_disabled()


def test_a_new_try_is_in_a_new_order(compared):
    page = compared[1]
    before = order_of(page)
    assert before != order_of(compared[0])
    page.get_by_role("button", name="Try again").click()
    assert page.locator("[data-part=results]").is_hidden()
    assert page.locator("[data-reveal][data-clip]").count() == 0
    assert texts(page, STATUS) == [f"Heard 0 of {N} clips."]
    assert texts(page, ".esa4-rated") == ["\N{EN DASH}"] * N
    assert page.get_by_role("button", name="Compare").is_disabled()
    again, first = (
        played_by(page, "[data-row]"),
        [address_of(BRIEF.test, i) for i in before],
    )
    assert sorted(again) == sorted(first)
    assert again != first


def test_only_who_has_heard_a_clip_has_heard_it(show, fragments):
    page = show(fragments["listening"])
    page.evaluate(
        """async () => {
            const pause = (ms) => new Promise((done) => setTimeout(done, ms));
            const [one, two] = document.querySelectorAll("[data-row]");
            for (let i = 0; i < 10; i++) {
                one.click();
                await pause(60);
                two.click();
                await pause(30);
            }
        }"""
    )
    assert texts(page, STATUS) == [f"Heard 0 of {N} clips."]
    first = page.locator('[data-row="1"]')
    assert "not yet heard" in first.get_attribute("aria-label")
    # Half of it, with a pause: the bar says so, and it does not count.
    page.evaluate("document.querySelector('audio').defaultPlaybackRate = 4")
    at = "document.querySelector('audio').currentTime"
    first.click()
    page.wait_for_function(f"{at} > 1")
    first.click()
    assert page.evaluate(at) < 2
    share = page.evaluate(at) / 2.5 / 0.8
    bar = first.locator(".esa4-heard").evaluate("bar => parseFloat(bar.style.width)")
    assert bar == pytest.approx(100 * share, abs=8)
    assert texts(page, STATUS) == [f"Heard 0 of {N} clips."]
    first.click()
    page.locator(STATUS).get_by_text(f"Heard 1 of {N} clips.").wait_for()
    assert page.evaluate(at) >= 1.9
    assert ", heard," in first.get_attribute("aria-label")


@pytest.fixture
def open_file(browser, small, tmp_path):
    """Open the listening test from a file, which a browser can reload."""
    file = tmp_path / "page.html"
    head = '<!doctype html><meta charset="utf-8"><title>Test</title>'
    file.write_text(head + small["listening"], encoding="utf-8")
    contexts, wrong = [], []

    def open_file(script: str = ""):
        contexts.append(browser.new_context())
        contexts[-1].add_init_script(script)
        page = contexts[-1].new_page()
        page.set_default_timeout(10_000)
        wrong.append(complaints(page))
        page.goto(file.as_uri())
        return page

    yield open_file
    for context in contexts:
        context.close()
    assert not any(wrong)


def test_a_reload_keeps_ratings_and_results(open_file):
    page = open_file()
    assert page.locator("[data-part=rating]").is_disabled()
    play_fast(page)
    page.locator("[data-part=next]").click()
    page.locator(STATUS).get_by_text(f"Heard 1 of {FEW_N} clips.").wait_for()
    page.locator("[data-part=rating]").fill("73")
    page.reload()
    assert texts(page, STATUS) == [f"Heard 1 of {FEW_N} clips."]
    assert texts(page, ".esa4-rated") == ["73", *["\N{EN DASH}"] * (FEW_N - 1)]
    hear_rest = page.locator("[data-row]").all()[1:]
    play_fast(page)
    for i, row in enumerate(hear_rest):
        # The next one is the next that was not heard yet.
        page.locator("[data-part=next]").click()
        assert row.get_attribute("aria-current") == "true"
        page.locator(STATUS).get_by_text(f"Heard {i + 2} of {FEW_N} clips.").wait_for()
    page.get_by_role("button", name="Compare").click()
    order, sentence = order_of(page), texts(page, "[data-part=sentence]")
    reload_until(page, "[data-part=results]")
    assert order_of(page) == order
    assert texts(page, "[data-part=sentence]") == sentence


@pytest.mark.parametrize(
    "script",
    [
        "Object.defineProperty(window, 'sessionStorage', {get() { throw Error('no'); }})",
        "sessionStorage.setItem(`esa4:${location.pathname}#listening`, '{\"order\": [7]}')",
    ],
    ids=["no storage", "another test"],
)
def test_it_works_without_anything_stored(open_file, script):
    page = open_file(script)
    play_fast(page)
    page.locator("[data-part=next]").click()
    page.locator(STATUS).get_by_text(f"Heard 1 of {FEW_N} clips.").wait_for()
    page.locator("[data-part=rating]").fill("73")
    assert texts(page, ".esa4-rated")[0] == "73"


def test_it_works_with_the_keyboard_alone(show, small):
    page = show(small["listening"])
    play_fast(page)
    keyboard = page.keyboard

    def focused() -> str:
        return page.evaluate(
            "document.activeElement.ariaLabel ?? document.activeElement.textContent"
        )

    keyboard.press("Tab")
    assert focused() == "Play the next normal clip"
    keyboard.press("Tab")
    for i in range(len(FEW.train)):
        assert focused() == f"Play normal clip {i + 1}"
        keyboard.press("ArrowRight")
    keyboard.press("Tab")
    assert focused() == "Play the next clip"
    for i in range(FEW_N):
        assert page.get_by_role("button", name="Compare").is_disabled()
        keyboard.press("Enter")
        page.locator(STATUS).get_by_text(f"Heard {i + 1} of {FEW_N} clips.").wait_for()
        keyboard.press("Tab")
        keyboard.press("Tab")
        keyboard.press("End")
        keyboard.press("ArrowLeft")
        keyboard.press("Shift+Tab")
        keyboard.press("Shift+Tab")
    assert texts(page, ".esa4-rated") == ["99"] * FEW_N
    # What each clip is can't be found before.
    assert page.locator("[data-reveal][data-clip]").count() == 0
    for _ in range(3):
        keyboard.press("Tab")
    keyboard.press("Enter")
    # Who can't see the result appear is taken to it.
    assert page.evaluate("document.activeElement.dataset.part") == "results"
    assert page.locator("[data-part=results]").is_visible()


def test_it_fits_a_phone(show, fragments):
    page = show(
        fragments["listening"], viewport={"width": 390, "height": 800}, has_touch=True
    )
    top = page.locator("[data-part=nextnormal]").bounding_box()
    last = page.locator("[data-part=compare]").bounding_box()
    assert last["y"] + last["height"] - top["y"] < 800
    play_fast(page)
    page.locator("[data-part=next]").tap()
    page.locator(STATUS).get_by_text(f"Heard 1 of {N} clips.").wait_for()
    slider = page.locator("[data-part=rating]").bounding_box()
    place = slider["x"] + slider["width"] - 9, slider["y"] + slider["height"] / 2
    page.touchscreen.tap(*place)
    assert int(texts(page, ".esa4-rated")[0]) > 95
