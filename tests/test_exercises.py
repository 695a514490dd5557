"""What holds for every question of every sheet, and for the checks themselves."""

from __future__ import annotations

import re
import runpy
import tomllib
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from functools import cache
from importlib import import_module
from io import StringIO
from itertools import chain, combinations
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

import joblib
import jupytext
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import soundfile
import student_sheets as tool

from esa4_helpers import exercises, features
from esa4_helpers.exercises import (
    SHEETS,
    Question,
    Wrong,
    _choices,
    call,
    check,
    compare,
    exercise_clips,
    exercise_seed,
    explain,
    question,
    questions,
)
from esa4_helpers.exercises._choices import KINDS, choose, one_number, repaired

ROOT = Path(__file__).resolve().parent.parent
QUESTIONS = {id: q for sheet in SHEETS for id, q in questions(sheet).items()}
MISTAKES = {
    id: wrong
    for sheet in SHEETS
    for id, wrong in runpy.run_path(str(ROOT / f"exercises/mistakes/sheet{sheet}.py"))[
        "MISTAKES"
    ].items()
}

# The number that the solutions of typed answers are for.
OWN_NUMBER = 1234


def source_of(sheet: int) -> Path:
    return next(
        path for path in tool.sources() if path.stem.startswith(f"sheet{sheet}")
    )


def notebook_of(sheet: int) -> nbformat.NotebookNode:
    path = tool.NOTEBOOKS / f"{source_of(sheet).stem}.ipynb"
    return nbformat.read(path, as_version=4)


@pytest.fixture(scope="module", autouse=True)
def _spectrograms_are_computed_once() -> Iterator[None]:
    """Many answers look at the same few clips, and a third of the time would go there."""
    compute, known = features.log_mel_spectrogram, {}

    def look_up(*arguments: Any, **options: Any) -> np.ndarray:
        key = joblib.hash((arguments, options))
        if key not in known:
            known[key] = compute(*arguments, **options)
        return known[key].copy()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features, "log_mel_spectrogram", look_up)
        yield


class Ran(NamedTuple):
    """What the cells of a sheet leave behind, and what its checks have said."""

    names: dict[str, Any]
    said: dict[str, str]


def run(notebook: nbformat.NotebookNode, seed: int) -> Ran:
    """Run the cells of a sheet with the clips of a seed."""
    names: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as out:
        patch.setenv("ESA4_EXERCISE_SEED", str(seed))
        for cell in notebook.cells:
            if cell.cell_type == "code" and "google.colab" not in cell.source:
                exec(cell.source, names)
    plt.close("all")
    said = re.findall(r"^(\d\.\d): (.+)$", out.getvalue(), re.MULTILINE)
    assert len(dict(said)) == len(said)
    return Ran(names, dict(said))


@pytest.fixture(scope="module")
def solved() -> Callable[[int, int], Ran]:
    """The sheets with their solutions, run once for each seed."""
    return cache(lambda sheet, seed: run(jupytext.read(source_of(sheet)), seed))


@pytest.fixture(params=QUESTIONS)
def asked(request: pytest.FixtureRequest) -> Question:
    return QUESTIONS[request.param]


def sheet_of(asked: Question) -> int:
    return int(asked.id.split(".")[0])


def is_typed(answer: Any) -> bool:
    """Whether it was typed in and so belongs to a student's number, not to a seed."""
    return isinstance(answer, list) and answer[0] == OWN_NUMBER


class TestEveryQuestion:
    @pytest.mark.parametrize("seed", [0, 1, 2026])
    def test_takes_the_solution(self, asked, solved, seed):
        said = solved(sheet_of(asked), seed).said[asked.id]
        assert said == f"right! {asked.points} point" + "s" * (asked.points > 1)

    def test_knows_at_least_two_mistakes_by_sentences_of_their_own(self, asked):
        assert len(MISTAKES[asked.id]) >= 2
        sentences = [part for _, part in MISTAKES[asked.id]]
        assert len(set(sentences)) == len(sentences)

    @pytest.mark.parametrize("seed", [0, 7])
    def test_answers_each_mistake_with_its_sentence(self, asked, seed):
        for wrong, part in MISTAKES[asked.id]:
            if not asked.is_function:
                wrong = wrong(exercise_clips(sheet_of(asked), seed))
            told = explain(asked.id, wrong, seed)
            assert told is not None
            assert part in told

    def test_refuses_what_another_seed_made_right(self, asked, solved):
        answer = solved(sheet_of(asked), 0).names[asked.name]
        if is_typed(answer):
            number, given = answer
            others = [[number + more, given] for more in range(1, 5)]
            assert any(explain(asked.id, other, 0) for other in others)
            return
        if not asked.is_function:
            assert explain(asked.id, answer, 1) is not None
            return
        returned = []

        def remembering(*arguments: Any) -> Any:
            returned.append(answer(*arguments))
            return returned[-1]

        assert explain(asked.id, remembering, 0) is None
        for constant in returned:
            assert explain(asked.id, lambda *_, c=constant: c, 1) is not None
        again = iter([*returned, *returned])
        assert explain(asked.id, lambda *_: next(again), 1) is not None

    @pytest.mark.parametrize("nothing", [..., None, "text", [], np.nan, {}])
    def test_answers_nonsense_in_a_sentence(self, asked, nothing):
        told = explain(asked.id, (lambda *_: nothing), 0)
        assert told is not None
        assert explain(asked.id, nothing, 0) is not None

    def test_answers_a_function_that_stops(self, asked):
        def stops(*_: Any) -> None:
            raise KeyError("oops")

        told = explain(asked.id, stops, 0)
        assert "KeyError" in told if asked.is_function else "asks for a value" in told


class TestEverySheet:
    @pytest.fixture(params=SHEETS)
    def sheet(self, request: pytest.FixtureRequest) -> int:
        return request.param

    def test_notebook_is_made_from_its_source(self, sheet):
        """After a change of a source: make exercises."""
        made = tool.student_notebook(source_of(sheet))
        assert nbformat.writes(made) == nbformat.writes(notebook_of(sheet))

    def test_untouched_it_reaches_every_check_and_passes_none(self, sheet):
        said = run(notebook_of(sheet), 0).said
        assert list(said) == list(questions(sheet))
        assert all("right!" not in told for told in said.values())

    def test_says_of_each_question_what_it_is_worth_and_trains(self, sheet):
        text = "\n".join(c.source for c in notebook_of(sheet).cells)
        for id, of in questions(sheet).items():
            points = f"{of.points} point" + "s" * (of.points > 1)
            assert re.search(
                rf"^## {re.escape(id)} .+\n\n\*{points} · {of.level} · "
                rf"(?:(?:{'|'.join(map(re.escape, KINDS))}) · )?"
                rf"trains: {re.escape(of.trains)}\*$",
                text,
                re.MULTILINE,
            ), id
            assert f'check("{id}", {of.name})' in text
        total = sum(of.points for of in questions(sheet).values())
        assert f"**Points**: {total}." in text

    def test_solution_is_in_nothing_that_students_get(self, sheet):
        given = "\n".join(
            path.read_text(encoding="utf-8")
            for folder, pattern in (("esa4_helpers", "*.py"), ("book", "*.py"))
            for path in (ROOT / folder).rglob(pattern)
        ) + "\n".join(
            cell.source
            for path in (ROOT / "book").rglob("*.ipynb")
            for cell in nbformat.read(path, as_version=4).cells
        )
        lines = solution_lines(source_of(sheet))
        assert len(lines) >= len(questions(sheet))
        assert [line for line in lines if line in given] == []


def solution_lines(source: Path) -> list[str]:
    """The lines of code that are cut out of a source."""
    lines, inside = [], False
    for line in source.read_text(encoding="utf-8").splitlines():
        if line.strip().startswith("# BEGIN SOLUTION"):
            inside = True
        elif line.strip() == "# END SOLUTION":
            inside = False
        elif line.endswith("# SOLUTION"):
            lines.append(line.removesuffix("# SOLUTION").strip())
        elif inside and line.strip() and not line.strip().startswith("#"):
            lines.append(line.strip())
    return [line for line in lines if re.search(r"\w", line)]


class TestQuestionsOfOtherKinds:
    def test_each_sheet_has_some_and_each_kind_occurs(self):
        named = rf"^# \*\d points? · .+ · ({'|'.join(map(re.escape, KINDS))}) · trains"
        kinds = [
            re.findall(named, path.read_text("utf-8"), re.MULTILINE)
            for path in tool.sources()
        ]
        assert all(kinds)
        assert set(chain(*kinds)) == set(KINDS)

    def test_typed_answers_are_as_right_in_marking_as_before(self, solved):
        """Marking brings another seed, and nobody can type an answer for that."""
        for id, asked in QUESTIONS.items():
            answer = solved(sheet_of(asked), 0).names[asked.name]
            if is_typed(answer):
                assert [explain(id, answer, seed) for seed in (0, 1, 5)] == [None] * 3

    @pytest.mark.parametrize("id", ["1.6", "3.6", "4.6", "5.7", "6.5", "6.6"])
    def test_one_choice_is_right_for_each_number(self, id):
        for number in (0, 1, 8):
            ways = [
                "".join(way)
                for n in range(1, 6)
                for way in combinations("abcdef", n)
                if explain(id, [number, "".join(way)]) is None
            ]
            assert len(ways) == 1
            for same in (ways[0].upper(), set(ways[0]), f"({') and ('.join(ways[0])})"):
                assert explain(id, [number, same]) is None

    @pytest.mark.parametrize("id", ["1.6", "3.6", "4.6", "5.7", "6.5", "6.6"])
    def test_each_wrong_option_has_a_sentence_that_names_no_letter_but_its_own(
        self, id
    ):
        single = {letter: explain(id, [0, letter]) for letter in "abcdef"}
        wrong = [told for told in single.values() if told and "letters" not in told]
        assert len(set(wrong)) >= len(wrong) - 1
        for told in wrong:
            assert not re.search(r"\b[b-f]\b", told[1:])

    def test_the_options_of_a_sheet_are_as_many_as_the_check_knows(self, solved):
        for id in ("1.6", "3.6", "4.6", "5.7", "6.5", "6.6"):
            cells = jupytext.read(source_of(int(id[0]))).cells
            checks = [i for i, c in enumerate(cells) if f'check("{id}"' in c.source]
            shown = next(
                cell.source
                for cell in cells[checks[0] :: -1]
                if cell.source.startswith("options =")
            )
            names = {"np": np, "my_number": 0}
            with redirect_stdout(StringIO()) as out:
                exec(shown, names)
            assert len(out.getvalue().splitlines()) == len(names["options"])
            last = "abcdef"[len(names["options"]) - 1]
            assert f"letters a to {last}" in explain(id, [0, "z"])

    @pytest.mark.parametrize(
        ("answer", "told"),
        [
            ("b", "a list of two"),
            ([3, ...], "not answered yet"),
            ([3], "a list of two"),
            (np.array(3), "a list of two"),
            ([0, np.array("d")], "letters a to c"),
            (["b", 3], "first in the list"),
            ([True, "b"], "first in the list"),
            ([0.5, "b"], "first in the list"),
            ([np.nan, "b"], "first in the list"),
            ([-1, "b"], "first in the list"),
            ([10**9, "b"], "first in the list"),
            ([[3], "b"], "first in the list"),
            ([0, ""], "letters a to c"),
            ([0, "d"], "letters a to c"),
            ([0, "a or b"], "letters a to c"),
            ([0, 2], "between quotation marks"),
            ([0, []], "between quotation marks"),
            ([0, [["a"]]], "between quotation marks"),
            ([0, "abc"], "decided nothing"),
            ([0, "ab"], "choose one letter"),
            ([1, "b"], "b: the first"),
            ([0, "c"], "c: the third"),
        ],
    )
    def test_wrong_choices_are_answered(self, answer, told):
        with pytest.raises(Wrong, match=told):
            choose(answer, {1}, ["the first", "", "the third"])
        with pytest.raises(Wrong):
            choose(answer, {1, 2}, ["the first", "a hint", "a hint"])

    @pytest.mark.parametrize("wrong", [None, "1", True, np.nan, [1], 1j, np.inf])
    def test_what_is_no_number_is_answered(self, wrong):
        with pytest.raises(Wrong, match="the rate should be one finite number"):
            one_number(wrong, "the rate")
        with pytest.raises(Wrong):
            repaired((wrong, 3), 1, {2: ""})


class TestRecordingsOfOnesOwn:
    @pytest.fixture
    def clips_of(self, solved) -> Callable[[Path], np.ndarray]:
        return solved(6, 0).names["clips_of"]

    @pytest.fixture
    def record(self, tmp_path) -> Callable[..., None]:
        rng = np.random.default_rng(0)

        def record(name: str, seconds: float, rate: int = 16000, channels: int = 1):
            shape = (round(seconds * rate), channels)
            audio = 0.1 * rng.standard_normal(shape)
            soundfile.write(tmp_path / name, audio, rate, subtype="FLOAT")
            return audio

        return record

    def test_each_is_cut_by_itself_and_nothing_is_lost(
        self, clips_of, record, tmp_path
    ):
        record("long.wav", 60)
        audio = record("brief.wav", 7)
        record("stereo.WAV", 5.1, rate=44100, channels=2)
        clips = clips_of(tmp_path)
        assert clips.shape == (2 + 24 + 2, 40000)
        assert clips[:2].ravel() == pytest.approx(audio[:80000, 0], abs=1e-6)

    def test_files_that_give_no_clip_are_named_with_a_reason(
        self, clips_of, record, tmp_path, capsys
    ):
        record("good.wav", 6)
        record("short.wav", 1.2)
        record("empty.wav", 0)
        soundfile.write(tmp_path / "silent.wav", np.zeros(50000), 16000)
        holed = 0.1 * np.random.default_rng(1).standard_normal(50000)
        holed[7] = np.nan
        soundfile.write(tmp_path / "holed.wav", holed, 16000, subtype="FLOAT")
        (tmp_path / "damaged.wav").write_bytes(b"RIFF nothing more")
        (tmp_path / "notes.txt").write_text("in the hall")
        (tmp_path / "bare.raw").write_bytes(bytes(99))
        (tmp_path / "folder.wav").mkdir()
        (tmp_path / "gone.wav").symlink_to("nowhere")
        (tmp_path / ".hidden").write_text("by the system")
        assert clips_of(tmp_path).shape == (2, 40000)
        said = capsys.readouterr().out.splitlines()
        assert [line.split(".")[0] for line in said] == [
            *("bare", "damaged", "empty", "gone", "holed", "notes", "short", "silent")
        ]
        assert "lasts 1.2 s and a clip takes 2.5 s" in said[6]
        assert "no numbers" in said[4]
        assert "1 of 1 clips are left out, silent" in said[7]

    def test_a_folder_without_any_gives_none(self, clips_of, tmp_path):
        assert clips_of(tmp_path).shape == (0, 40000)


class TestHowASheetIsMade:
    """exercises/README.md says it; it must be true."""

    TEXT = (ROOT / "exercises" / "README.md").read_text(encoding="utf-8")
    SOURCE, CHECK, WRONG, CHOICE, CHOOSES, CHOSEN, READS, REPAIRS = (
        dedent(code)
        for code in re.findall(
            r"^ *```python\n(.*?)^ *```", TEXT, re.DOTALL | re.MULTILINE
        )
    )

    @pytest.fixture
    def example(self, monkeypatch) -> Question:
        """The question that is added there, in its place."""
        module = import_module("esa4_helpers.exercises.sheet1")
        names = {**vars(module)}
        exec(self.CHECK, names)
        monkeypatch.setattr(module, "how_many", names["how_many"], raising=False)
        return questions(1)["1.8"]

    def test_its_example_takes_the_solution_and_knows_the_mistakes(
        self, example, capsys
    ):
        for seed in (0, 1, 2026):
            names: dict[str, Any] = {"check": lambda id, a, s=seed: explain(id, a, s)}
            exec(self.SOURCE.replace("check(", "told = check("), names)
            assert names["told"] is None
            for wrong, part in eval("{" + self.WRONG + "}")[example.id]:
                assert part in explain(example.id, wrong, seed)

    def test_its_example_says_what_the_question_is_worth(self, example):
        worth = f"{example.points} point · {example.level} · trains: {example.trains}"
        assert f"# *{worth}*\n" in self.SOURCE

    def test_its_example_loses_its_solution(self, tmp_path):
        source = tmp_path / source_of(1).name
        source.write_text(source_of(1).read_text("utf-8") + "\n" + self.SOURCE, "utf-8")
        *_, answer, check = tool.student_notebook(source).cells
        assert re.fullmatch(r"def how_many\(audio\):\n *\.\.\.", answer.source)
        assert check.source == 'check("1.8", how_many)'

    def test_its_examples_of_other_kinds_do_what_it_says(self):
        names = {**vars(_choices), **vars(exercises)}
        for code in (self.CHOOSES, self.READS, self.REPAIRS):
            exec(code, names)
        interval, highest = names["interval"].examine, names["highest"].examine
        sheet = {"np": np, "my_number": OWN_NUMBER, "check": lambda id, a: None}
        with redirect_stdout(StringIO()) as out:
            exec(self.CHOICE, sheet)
        interval(sheet["interval"], 0)
        assert f"{sheet['interval'][1]}: half as wide\n" in out.getvalue()
        for wrong, part in eval("{" + self.CHOSEN + "}")["1.8"]:
            with pytest.raises(Wrong, match=part):
                interval(wrong(None), 0)
        highest([3, np.random.default_rng(3).uniform(1, 9, 20).max() + 0.1], 0)
        for wrong in ([3, 5], [3, "9"]):
            with pytest.raises(Wrong, match="highest"):
                highest(wrong, 0)
        mean_repaired = names["mean_repaired"].examine
        mean_repaired(lambda rows: (2, rows.mean(axis=1)), 0)
        for line, axis, part in ((2, 0, "still there"), (1, 1, "line 1 is right")):
            with pytest.raises(Wrong, match=part):
                mean_repaired(lambda rows, n=line, a=axis: (n, rows.mean(axis=a)), 0)

    def test_the_files_that_it_names_exist(self):
        named = re.findall(r"`((?:\w+/)*\w+\.(?:py|ipynb|md|yml|toml))`", self.TEXT)
        assert len(set(named)) >= 8
        assert [name for name in named if not (ROOT / name).is_file()] == []

    @pytest.mark.parametrize("sheet", SHEETS)
    def test_a_sheet_is_in_every_place_that_it_names(self, sheet):
        stem = source_of(sheet).stem
        for page, part in {
            "_toc.yml": f"file: book/exercises/{stem}\n",
            "book/exercises/index.md": f"]({stem}.ipynb)",
            "book/exercises/solutions.md": f"```{{solutions}} {stem}\n",
        }.items():
            assert part in (ROOT / page).read_text(encoding="utf-8"), page


def test_there_are_enough_questions_from_first_steps_to_design():
    assert len(QUESTIONS) >= 24
    levels = [asked.level for asked in QUESTIONS.values()]
    assert min(map(levels.count, exercises.LEVELS)) >= 4
    assert [len(questions(sheet)) >= 3 for sheet in SHEETS] == [True] * len(SHEETS)


def test_neither_readers_nor_the_site_get_the_tools_for_making_sheets():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = settings["dependency-groups"]

    def needs(group: str) -> set[str]:
        found = set()
        for entry in groups[group]:
            if isinstance(entry, dict):
                found |= needs(entry["include-group"])
            else:
                found.add(re.match(r"[\w-]+", entry)[0])
        return found

    optional = settings["project"]["optional-dependencies"]
    installed = [
        *settings["project"]["dependencies"],
        *chain.from_iterable(optional.values()),
    ]
    assert "otter-grader" in needs("exercises")
    assert "otter-grader" not in needs("site")
    assert not any("otter" in name for name in installed)


class TestClips:
    def test_come_from_the_seed_of_the_environment(self, monkeypatch):
        monkeypatch.setenv("ESA4_EXERCISE_SEED", "5")
        assert exercise_seed() == 5
        np.testing.assert_array_equal(
            exercise_clips(1).audio, exercise_clips(1, 5).audio
        )
        assert not np.array_equal(
            exercise_clips(1, 4).audio[0, :100], exercise_clips(1, 5).audio[0, :100]
        )

    def test_each_sheet_has_its_own(self):
        assert not np.array_equal(
            exercise_clips(1, 0).audio[0, :100], exercise_clips(2, 0).audio[0, :100]
        )

    @pytest.mark.parametrize("text", ["-1", "1.5", "seven"])
    def test_an_impossible_seed_is_refused(self, monkeypatch, text):
        monkeypatch.setenv("ESA4_EXERCISE_SEED", text)
        with pytest.raises(ValueError, match=f"ESA4_EXERCISE_SEED.*{text}"):
            exercise_seed()

    def test_what_is_not_there_is_refused(self):
        for wrong in (0, 99):
            with pytest.raises(ValueError, match=f"no sheet {wrong}"):
                exercise_clips(wrong)
        for wrong in ("1.99", "0.1", "one", "9.1"):
            with pytest.raises(ValueError, match=f"no question '{wrong}'"):
                check(wrong, 3)
        with pytest.raises(ValueError, match="level must be one of"):
            question("1.1", points=1, level="hard", trains="")


class TestCheck:
    def test_says_right_and_how_many_points(self, solved, capsys):
        check("1.1", solved(1, 0).names["duration"])
        check("1.2", solved(1, 0).names["rms_level"])
        said = capsys.readouterr().out.splitlines()
        assert said == ["1.1: right! 1 point", "1.2: right! 2 points"]

    def test_tells_a_function_from_a_value(self):
        assert "without brackets" in explain("1.1", 2.5)
        assert "asks for a value" in explain("1.5", lambda: 3)

    def test_spoils_no_input(self):
        def spoils(x: np.ndarray) -> float:
            x[:] = 0
            return 1.0

        x = np.ones(3)
        assert call(spoils, x) == 1
        assert x.sum() == 3


class TestCompare:
    def test_right_is_right_within_the_tolerance(self):
        compare(np.float32([1, 2]), [1.00001, 2.0])
        compare(2, 2.0)
        compare([True, False], np.array([True, False]))
        with pytest.raises(Wrong, match="right form but not the right value"):
            compare([1.0, 2.0], [1.01, 2.0])

    @pytest.mark.parametrize(
        ("answer", "told"),
        [
            ([1.0, 2.0, 3.0], r"shape \(2,\), and has \(3,\)"),
            ([1.0, np.nan], "finite"),
            (["a", "b"], "array of numbers"),
            ([[1], [1, 2]], "one array of numbers"),
            ([1.0, 3.0], "not the right value. Look again"),
            ([2.0, 1.0], "sort them"),
            (None, "is of the type NoneType"),
        ],
    )
    def test_wrong_is_answered(self, answer, told):
        with pytest.raises(Wrong, match=told):
            compare(answer, [1.0, 2.0], {"sort them": [2.0, 1.0]}, hint="Look again")

    def test_numbers_are_no_truth_values(self):
        with pytest.raises(Wrong, match="True or False, and is int64"):
            compare([1, 0], np.array([True, False]))
