"""What holds for every question of every sheet, and for the checks themselves."""

from __future__ import annotations

import copy
import re
import runpy
import tomllib
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from functools import cache
from importlib import import_module
from io import StringIO
from itertools import chain, combinations
from math import log10
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

from esa4_helpers import (
    conformal_threshold,
    exercises,
    features,
    make_synthetic_machine,
)
from esa4_helpers.exercises import (
    SHEETS,
    Question,
    Wrong,
    _choices,
    as_numbers,
    call,
    check,
    compare,
    exercise_clips,
    exercise_seed,
    explain,
    question,
    questions,
    where_it_failed,
)
from esa4_helpers.exercises._choices import KINDS, choose, one_number, repaired
from esa4_helpers.pipelines import DetectorPipeline

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
def _detectors_are_fitted_once() -> Iterator[None]:
    """Another third of the time, as most answers begin with the same fit."""
    fit, known = DetectorPipeline.fit, {}

    def look_up(
        detector: DetectorPipeline, *arguments: Any, **options: Any
    ) -> DetectorPipeline:
        key = joblib.hash((detector, arguments, options))
        if key not in known:
            known[key] = copy.deepcopy(fit(detector, *arguments, **options))
        vars(detector).update(vars(copy.deepcopy(known[key])))
        return detector

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DetectorPipeline, "fit", look_up)
        yield


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
        n = len(asked.seeds(seed))
        on = f" on {n} of {n}" if n > 1 else ""
        assert said == f"right{on}! {asked.points} point" + "s" * (asked.points > 1)

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
        assert not any(told.startswith("right") for told in said.values())

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
    """The end of sheet 6, run again in a folder with recordings."""

    @pytest.fixture
    def say(self, tmp_path, monkeypatch) -> Callable[[], str]:
        """What the last check says of the recordings that are in the folder by then."""
        monkeypatch.chdir(tmp_path)
        source = jupytext.read(source_of(6))
        code = [cell.source for cell in source.cells if cell.cell_type == "code"]
        first = next(i for i, cell in enumerate(code) if 'Path("my_machine")' in cell)

        def run_again(solved: dict[str, Any]) -> str:
            names = dict(solved)
            with redirect_stdout(StringIO()) as out:
                for cell in code[first:]:
                    exec(cell, names)
            return out.getvalue()

        return run_again

    @staticmethod
    def recordings(n: int, place: Path, first: int = 0) -> None:
        made = make_synthetic_machine(first + n, 0, duration=4.0, random_state=9)
        place.mkdir(parents=True, exist_ok=True)
        for i, sound in enumerate(made.audio[first:]):
            soundfile.write(place / f"day {i}.wav", sound, made.sr)

    def test_are_used_where_there_are_some(self, say, solved, tmp_path):
        self.recordings(9, tmp_path / "my_machine" / "normal")
        self.recordings(3, tmp_path / "my_machine" / "new", first=9)
        (tmp_path / "my_machine" / "normal" / "damaged.wav").write_bytes(b"RIFF")
        said = say(solved(6, 0).names)
        assert "simulated" not in said
        assert "18 clips from 9 recordings" in said
        assert said.count("damaged.wav") == 2
        assert "6.8: right! 1 point" in said
        assert (tmp_path / "my_machine" / "report.html").is_file()

    def test_without_any_a_machine_made_from_the_number_stands_in(
        self, solved, monkeypatch
    ):
        names = solved(6, 0).names
        assert names["is_simulated"]
        assert explain("6.8", names["own_report"]) is None
        _, given = names["own_report"]
        assert "your number makes" in explain("6.8", [OWN_NUMBER + 1, given])

    def test_levels_of_other_recordings_are_noticed(self, solved):
        _, given = solved(6, 0).names["own_report"]
        others = {"levels": [x + 3 for x in given["levels"]], "simulated": False}
        assert "from other recordings" in explain("6.8", [0, given | others])


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
        assert said == [
            "1.1: right on 8 of 8! 1 point",
            "1.2: right on 8 of 8! 2 points",
        ]

    def test_shows_an_example_where_an_answer_is_wrong(self, capsys):
        check("1.4", lambda train, test: np.abs(test - np.sort(train)[len(train) // 2]))
        said, example = capsys.readouterr().out.splitlines()
        assert said.startswith("1.4: of an even number of training clips")
        called, gives, expected = re.fullmatch(
            r" +For example, level_score\((.+)\) gives (.+) at \[0\], and (.+) is "
            r"expected there",
            example,
        ).groups()
        train, test = eval(called)
        assert len(train) % 2 == 0
        assert float(gives) == pytest.approx(
            abs(test[0] - sorted(train)[len(train) // 2]), abs=1e-3
        )
        assert float(expected) == pytest.approx(
            abs(test[0] - np.median(train)), abs=1e-3
        )

    def test_says_only_what_holds_on_all_data_sets(self):
        """The first wrong number counts samples, but not all do."""

        def sometimes(audio: np.ndarray, sr: int) -> float:
            return audio.shape[1] if len(audio) > 1 else sr / audio.shape[1]

        assert explain("1.1", sometimes).startswith("the duration is too high")

    def test_an_answer_that_stops_is_not_called_again(self):
        calls = []

        def stops(audio: np.ndarray, sr: int) -> float:
            calls.append(sr)
            raise TimeoutError("too slow")

        assert "TimeoutError" in explain("1.1", stops)
        assert len(calls) == 1

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


class TestWhereItFailed:
    CELL = "def f(x):\n    return g(x)\n\n\ndef g(x):\n    y = 2 * x\n    return np.sqrt(y, 3, 4)"

    @pytest.fixture
    def theirs(self, tmp_path) -> dict[str, Any]:
        file = tmp_path / "answer.py"
        file.write_text(self.CELL)
        names = {"np": np, "__name__": "__main__"}
        exec(compile(self.CELL, str(file), "exec"), names)
        return names

    def test_is_the_last_line_of_the_students_own(self, theirs):
        with pytest.raises(Wrong, match=r"\(in line 7: `return np.sqrt\(y, 3, 4\)`\)$"):
            call(theirs["f"], np.ones(3))

    def test_is_no_line_of_a_library(self, theirs):
        theirs["g"] = lambda x: np.linalg.inv(x)
        with pytest.raises(
            Wrong, match=r"LinAlgError: .* \(in line \d+: `.*linalg.inv"
        ):
            call(theirs["f"], np.ones((2, 2)))

    def test_is_none_where_the_call_itself_fails(self):
        with pytest.raises(
            Wrong, match=r"takes \d positional arguments? but 2 were given$"
        ):
            call(_one_argument, 1, 2)

    def test_leaves_out_files_that_are_named(self):
        with pytest.raises(KeyError) as caught:
            {}["nothing"]
        assert where_it_failed(caught.value, __file__) == ""
        assert '{}["nothing"]' in where_it_failed(caught.value)


def _one_argument(x: float) -> float:
    return x


@pytest.fixture
def new_session(monkeypatch) -> None:
    monkeypatch.setattr(exercises, "_SESSION", {})


@pytest.mark.usefixtures("new_session")
class TestProgress:
    def told(self, capsys) -> list[str]:
        capsys.readouterr()
        check.progress()
        return capsys.readouterr().out.splitlines()

    def test_begins_with_nothing(self, capsys):
        *sheets, total = self.told(capsys)
        points = {s: sum(of.points for of in questions(s).values()) for s in SHEETS}
        assert [line.split(",")[0] for line in sheets] == [
            f"Sheet {s}: 0 of {n} points" for s, n in points.items()
        ]
        assert total == f"All sheets: 0 of {sum(points.values())} points"

    def test_counts_what_was_right_last(self, capsys, solved):
        right = solved(1, 0).names
        check("1.1", right["duration"])
        check("1.2", right["rms_level"])
        check("1.1", ...)
        n = len(questions(1))
        assert self.told(capsys)[0].startswith(
            f"Sheet 1: 2 of {self.points(1)} points, 1 of {n} questions right, 2 tried"
        )

    def test_says_what_to_repeat_and_how_hard_it_is(self, capsys):
        check("1.4", ...)
        told = "\n".join(self.told(capsys))
        assert (
            "1.4 again (practice, 2 points): two-sided anomaly scores, learnt from "
            "training clips only" in told
        )
        assert "1.1 not tried yet (first steps, 1 point)" in told

    def test_the_last_question_ends_with_the_total(self, capsys, solved):
        for id, of in questions(1).items():
            check(id, solved(1, 0).names[of.name])
        *_, total = capsys.readouterr().out.splitlines()
        n = len(questions(1))
        all_points = self.points(1)
        assert total == (
            f"Sheet 1: {all_points} of {all_points} points, {n} of {n} questions right, "
            f"{n} tried."
        )

    def points(self, sheet: int) -> int:
        return sum(of.points for of in questions(sheet).values())


def by_hand(audio: np.ndarray) -> list[float]:
    return [10 * log10(sum(x * x for x in clip) / len(clip)) for clip in audio.tolist()]


RIGHT = [
    ("1.1", lambda audio, sr: np.float32(len(audio[0]) / sr)),
    ("1.2", by_hand),
    ("1.2", lambda audio, unused=None: Column(by_hand(audio))),
    ("1.3", lambda x, train, faulty: x[np.flatnonzero(~train & ~faulty)].tolist()),
    ("1.4", lambda train, test: [abs(x - np.percentile(train, 50)) for x in test]),
    ("2.3", lambda S, k: np.partition(S, -k)[..., -k:].mean(-1)),
    ("3.1", lambda K, d: float(K - 1 + K * d + K * (d * d + d) / 2)),
    ("3.4", lambda train, test, s: Column(test > np.percentile(train, 100 - 100 * s))),
    ("4.4", lambda x, y, sr, hop: np.linalg.norm(y - x, axis=1).argmax(1) * (hop / sr)),
    ("5.3", conformal_threshold),
    (
        "6.2",
        lambda x, n: [r[i : i + n] for r in x for i in range(0, len(r) - n + 1, n)],
    ),
]


@pytest.mark.parametrize(("id", "answer"), RIGHT)
def test_right_answers_of_another_style_are_right(id, answer):
    assert explain(id, answer, 5) is None


class TestRelations:
    """What is said of wrong numbers where no mistake is known."""

    RIGHT = np.array([1.25, -2.5, 4.125, 3.0])

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            (lambda x: np.round(x, 1), "is rounded"),
            (lambda x: x[::-1], "not in the right places"),
            (np.abs, "not the right signs"),
            (lambda x: 0 * x + 2, "the same number everywhere"),
            (lambda x: 60 * x, "is 60 times what it should be"),
            (lambda x: x + 3, "is off by 3"),
            (lambda x: x + [1, 2, 3, 4], "too high everywhere"),
            (lambda x: x - [1, 2, 3, 4], "too low everywhere"),
            (lambda x: x + [0, 0, 0, 1], "right in some places only"),
            (lambda x: x > 0, "True and False, where numbers"),
        ],
    )
    def test_of_numbers(self, change, told):
        with pytest.raises(Wrong, match=told):
            compare(change(self.RIGHT), self.RIGHT)

    @pytest.mark.parametrize(
        ("answer", "told"),
        [
            ([False, False, True], "changed places"),
            ([True, False, False], "False in some places where it should be True"),
            ([True, True, True], "True in some places where it should be False"),
            ([False, True, True], "reverse in others"),
        ],
    )
    def test_of_truth_values(self, answer, told):
        with pytest.raises(Wrong, match=told):
            compare(answer, np.array([True, True, False]))

    def test_of_one_number_only_usual_factors_are_told(self):
        with pytest.raises(Wrong, match="is 60 times what"):
            compare(150, 2.5)
        with pytest.raises(Wrong, match=r"^your result is too high\.$"):
            compare(3.1, 2.5)

    def test_of_few_numbers_the_place_is_named(self):
        with pytest.raises(Wrong, match="only its first and third number right"):
            compare((0.5, 0.7, 0.9), (0.5, 0.6, 0.9))


class Column:
    """What pandas and TensorFlow have in common."""

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.values if dtype is None else self.values.astype(dtype)

    def __float__(self) -> float:
        return float(self.values)


class TestCompare:
    @pytest.mark.parametrize(
        "style",
        [
            list,
            tuple,
            np.float32,
            Column,
            lambda x: np.array(x, dtype=object),
            lambda x: [np.array(value) for value in x],
            lambda x: [Column(value) for value in x],
        ],
    )
    def test_takes_whatever_numpy_makes_numbers_of(self, style):
        compare(style([1.0, 2.0]), [1.0, 2.0])
        with pytest.raises(Wrong):
            compare(style([1.0, 2.5]), [1.0, 2.0])

    @pytest.mark.parametrize(
        "one", [np.int64(3), np.array(3), 3.0, Column(3), True + 2]
    )
    def test_takes_one_number_in_any_form(self, one):
        compare(one, 3)

    def test_infinity_agrees_with_itself_only(self):
        compare(np.inf, np.inf)
        for wrong in (1e9, -np.inf, np.nan):
            with pytest.raises(Wrong):
                compare(wrong, np.inf)

    def test_truth_values_may_come_in_any_form(self):
        as_numbers(np.array([True, False], dtype=object), truth=True)
        with pytest.raises(Wrong, match="True or False"):
            as_numbers(np.array([1, 0], dtype=object), truth=True)

    def test_right_is_right_within_the_tolerance(self):
        compare(np.float32([1, 2]), [1.00001, 2.0])
        compare(2, 2.0)
        compare([True, False], np.array([True, False]))
        with pytest.raises(Wrong, match="only its second number right"):
            compare([1.02, 2.0], [1.01, 2.0])

    @pytest.mark.parametrize(
        ("answer", "told"),
        [
            ([1.0, 2.0, 3.0], r"shape \(2,\), and has \(3,\)"),
            ([1.0, np.nan], "finite"),
            (["a", "b"], "array of numbers"),
            ([[1], [1, 2]], "one array of numbers"),
            ([1.0, 3.0], "only its first number right. Look again"),
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
