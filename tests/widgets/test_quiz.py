from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from browser import barriers, overflow
from bs4 import BeautifulSoup

from esa4_helpers import ClipQuiz, Dataset
from esa4_helpers.widgets._shared import spectrogram_pictures

from .pages import CLIPS, FEW, Reader, address_of, heads
from .test_shared import NASTY, THEMES


def quiz(dataset: Dataset = FEW, **changes: object) -> ClipQuiz:
    arguments = {"dataset": dataset, "question": "Which?", "answer": "The others."}
    return ClipQuiz(**arguments | changes)


def parsed(**changes: object) -> BeautifulSoup:
    return BeautifulSoup(quiz(**changes)._repr_html_(), "html.parser")


def test_clips_are_letters_and_only_the_fold_tells_what_they_are():
    page = parsed()
    fold = page.details.extract()
    assert fold.summary.text == "Show the answer"
    kinds = [item.text for item in fold.find_all("li")]
    assert kinds == [
        f"{letter}: {kind}" for letter, kind in zip("ABCDE", FEW.kinds, strict=True)
    ]
    assert "The others." in fold.text
    for embedded in page.find_all(["style", "script"]):
        embedded.extract()
    for told in ("normal", "The others.", *FEW.names):
        assert told not in str(page)


def test_each_letter_has_its_sound_and_its_picture():
    page = parsed(dataset=CLIPS.test)
    for i, figure in enumerate(page.find_all("figure")):
        letter = "ABCDEFGHIJ"[i]
        assert figure.figcaption.text == letter
        assert figure.audio["src"] == address_of(CLIPS.test, i)
        assert figure.audio["aria-label"] == f"clip {letter}"
        assert figure.img["alt"] == f"Log-mel spectrogram of clip {letter}"
    # Twice as fine in both directions as in other widgets.
    assert [
        image["src"] for image in page.select("figure img")
    ] == spectrogram_pictures(CLIPS.test.audio, CLIPS.sr, n_mels=128, hop_length=256)
    # Where a click in a picture is in time.
    [data] = page.select("script[type='application/json']")
    assert json.loads(data.string) == {"duration": 2.5}


def test_clips_are_chosen_and_put_in_order():
    page = parsed(clips=[3, 0])
    items = [item.text for item in page.find_all("li")]
    assert items == ["A: abnormal", "B: normal"]
    sounds = [audio["src"] for audio in page.find_all("audio")]
    assert sounds == [address_of(FEW, 3), address_of(FEW, 0)]


@pytest.mark.parametrize("n_clips", [1, 26])
def test_there_is_a_letter_for_each_of_up_to_26_clips(n_clips):
    assert len(parsed(clips=[4] * n_clips).find_all("figure")) == n_clips


def test_what_is_chosen_lasts_600_s_at_most():
    long = Dataset(np.full((1, 30_000), 0.1), 1000, ["a"], [False], [True])
    with pytest.raises(ValueError, match="^21 clips of 30 s would .* 600 s at most"):
        quiz(long, clips=[0] * 21)


def test_texts_are_text_and_never_html():
    kinds = [NASTY if abnormal else "normal" for abnormal in FEW.is_anomaly]
    page = quiz(replace(FEW, kinds=kinds), question=NASTY, answer=NASTY)
    page = Reader(page._repr_html_())
    assert page.tags == Reader(quiz()._repr_html_()).tags
    assert sum(NASTY in text for text in page.texts) == 5


def test_it_is_the_same_each_time_and_leads_nowhere_else():
    assert quiz()._repr_html_() == quiz()._repr_html_()
    assert "://" not in quiz()._repr_html_()


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"dataset": 3}, TypeError, "dataset must be a Dataset"),
        ({"question": None}, TypeError, "question must be a text"),
        ({"answer": 3}, TypeError, "answer must be a text"),
        ({"clips": []}, ValueError, "clips must be 1 to 26, a letter for each, got 0"),
        ({"clips": [0] * 27}, ValueError, "a letter for each, got 27"),
        ({"clips": [0, 5]}, ValueError, "clips names 5, of 5 clips"),
        ({"clips": [-1]}, ValueError, "each of clips must be at least 0"),
        ({"clips": [0.5]}, TypeError, "each of clips must be a whole number"),
        ({"id": "a b"}, ValueError, "id must start with a letter"),
        ({"gain_db": 60.0}, ValueError, "at a gain of 60 dB, beyond"),
    ],
)
def test_bad_input_is_named(changes, error, message):
    with pytest.raises(error, match=message):
        quiz(**changes)


# What a browser makes of it.


@pytest.fixture(scope="module")
def phone(shared):
    size = {"width": 390, "height": 800}
    return shared(quiz(CLIPS.test)._repr_html_(), viewport=size)


def wait_until_only_one_plays(page, clip: int) -> None:
    page.wait_for_function(
        """clip => {
            const sounds = [...document.querySelectorAll("audio")];
            return sounds[clip].currentTime > 0.05
                && sounds.every((sound, i) => sound.paused === (i !== clip));
        }""",
        arg=clip,
    )


def test_a_line_follows_the_one_clip_that_is_heard(phone):
    phone.evaluate("document.querySelectorAll('audio')[1].play()")
    wait_until_only_one_plays(phone, 1)
    phone.evaluate("document.querySelectorAll('audio')[0].play()")
    wait_until_only_one_plays(phone, 0)
    # Stopped, and not at its end.
    assert phone.evaluate("document.querySelectorAll('audio')[1].currentTime") < 2
    phone.wait_for_function(
        """() => parseFloat(document.querySelector(".esa4-head").style.left) > 5"""
    )
    phone.evaluate("document.querySelectorAll('audio')[0].currentTime = 2.4")
    phone.wait_for_function("document.querySelectorAll('audio')[0].ended")
    phone.wait_for_selector('[data-clip="0"] .esa4-head', state="hidden")


def test_a_click_in_a_picture_plays_from_there(phone):
    picture = phone.locator('[data-clip="2"] .esa4-picture')
    width = picture.bounding_box()["width"]
    picture.click(position={"x": 0.5 * width, "y": 20})
    phone.wait_for_function("!document.querySelectorAll('audio')[2].paused")
    assert phone.evaluate("document.querySelectorAll('audio')[2].currentTime") > 1.2
    assert len(heads(phone, "quiz")) >= 1


@pytest.mark.parametrize("theme", THEMES)
def test_everyone_can_read_it_by_day_and_by_night(phone, theme):
    attributes, ground = THEMES[theme]
    phone.locator("details").evaluate("details => details.open = true")
    phone.evaluate(
        """([attributes, ground]) => {
            const root = document.documentElement;
            for (const name of ["data-theme", "theme"]) root.removeAttribute(name);
            for (const [name, value] of Object.entries(attributes)) {
                root.setAttribute(name, value);
            }
            document.body.style.background = ground;
        }""",
        [attributes, ground],
    )
    assert barriers(phone) == []
    assert overflow(phone) <= 0


def test_without_scripts_one_hears_guesses_and_sees_the_answer(show):
    page = show(quiz()._repr_html_(), java_script_enabled=False)
    assert page.locator("audio:visible").count() == 5
    assert not page.get_by_text("The others.").is_visible()
    page.locator("summary").press("Enter")
    assert page.get_by_text("The others.").is_visible()
