"""What a submission may do in its process, and what it may not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import hostile
import numpy as np
import pytest
from marking import sandbox
from marking.marks import Terms, judge
from marking.sandbox import (
    Ended,
    Limits,
    Submission,
    disk_used,
    missing_protection,
)
from submissions import ROOT, SEED, SOURCES

from esa4_helpers.exercises import questions

ATTACKS = hostile.FILES | hostile.OTHERS
VALUES = {
    "whole": ("3", 3),
    "nested": ("[1, (2.5, 'x'), None, True]", [1, [2.5, "x"], None, True]),
    "table": ("{'a': 1, 'b': {'c': [2]}}", {"a": 1, "b": {"c": [2]}}),
    "dots": ("...", ...),
    "scalar": ("np.float32(0.5)", 0.5),
    "read": ("open('mine').read()", "x"),
    "compiled": ("add(3)", 4),
    "drawn": ("os.path.exists('plot.png')", True),
    "of_colab": ("files", []),
    "in_turn": ("sorted(pool.map(abs, [1, -2]))", [1, 2]),
    "spawned": ("spawned", [1, 2]),
    "queued": ("queued", 3),
    "with_a_bar": ("with_a_bar", [1, 2]),
    "awaited": ("waited", 3),
    "imported": ("helper.a", 3),
    "loaded_before": ("'tabnanny' in __import__('sys').modules", True),
}
# As honest notebooks do.
HARMLESS = (
    "%matplotlib inline\n%config InlineBackend.figure_format = 'retina'\n"
    "%pip install librosa\nfiles = !ls\nfrom google.colab import drive\n"
    "drive.mount('/content/drive')\nopen('mine', 'w').write('x')",
    "import matplotlib\nmatplotlib.use('TkAgg')\nimport matplotlib.pyplot as plt\n"
    "plt.plot([1, 2]); plt.show(); plt.savefig('plot.png')",
    "import numba\n@numba.njit(cache=True)\ndef add(x): return x + 1\nadd(2)",
    "import librosa\nlibrosa.effects.hpss(np.ones(4000))",
    "from multiprocessing import Pool\npool = Pool(2)",
    "import multiprocessing as mp\nwith mp.get_context('spawn').Pool(2) as several:\n"
    "    spawned = several.map(abs, [1, -2])\nqueue = mp.Queue()\n"
    "one = mp.Process(target=queue.put, args=(3,))\none.start(); queued = queue.get()",
    "from tqdm.contrib.concurrent import process_map\n"
    "with_a_bar = process_map(abs, [1, -2], max_workers=2)",
    "import asyncio\nasync def three(): return 3\nwaited = await three()",
    "%%writefile helper.py\na = 3\n",
    "%%time\nimport helper, shutil; shutil.copy('mine', 'copy')",
    "from IPython.display import Audio, display\ndisplay(Audio([0.0, 0.1], rate=8000))",
    "from sklearn.cluster import KMeans\nKMeans(2, n_init=1).fit([[0.0], [1.0], [2.0]])",
)
FUNCTIONS = """
def twice(x, n): return {'y': x * n, 'z': -x}
def stops(*_): raise KeyError('no such key')
thing = object()
strange = {'a': [None, lambda: 3]}
"""
NAMES = {
    name: name for name in [*VALUES, "twice", "stops", "thing", "strange", "missing"]
}


class TestASubmission:
    @pytest.fixture(scope="class")
    @classmethod
    def ran(cls, zygote, tmp_path_factory) -> dict[str, Any]:
        """One that attacks first, and goes on as sheets do."""
        folder = tmp_path_factory.mktemp("hidden")
        secret = folder / "secret.txt"
        secret.write_text("42")
        before = state_of(secret)
        known = {"secret": str(secret), "folder": str(folder), "grader": os.getpid()}
        attacks = [*ATTACKS.values(), *hostile.WITHOUT_EFFECT.values()]
        cells = [hostile.FENCE, *(attack.format(**known) for attack in attacks)]
        cells += HARMLESS
        cells.append("\n".join(f"{k} = {code}" for k, (code, _) in VALUES.items()))
        with Submission(zygote, Limits(300.0)) as one:
            answers, problems = one.run([*cells, FUNCTIONS], NAMES)
            returned = answers["twice"](np.arange(3.0), 2)
            with pytest.raises(Exception, match="no such key") as caught:
                answers["stops"]()
        assert secret.read_text() == "42"
        assert state_of(secret) == before
        assert list(folder.iterdir()) == [secret]
        return {
            "answers": answers,
            "problems": dict(p.split(" stops with ") for p in problems),
            "returned": returned,
            "error": caught.value,
            "folder": one.folder,
        }

    @pytest.mark.parametrize("attack", ATTACKS)
    def test_meets_a_fence(self, ran, attack):
        problem = ran["problems"][f"code cell {list(ATTACKS).index(attack) + 2}"]
        assert problem.startswith(
            (
                "PermissionError",
                "OSError: [Errno 18]",
                "OSError: [Errno 38]",
                "ModuleNotFoundError: No module named 'esa4_helpers.e",
            )
            + (
                "OperationalError: unable to open",
                "LibsndfileError",
                "AttributeError",
                "gaierror",
                "ValueError: not allowed",
            )
        )

    def test_may_do_what_sheets_need(self, ran):
        assert list(ran["problems"].values())[len(ATTACKS) :] == []

    def test_sends_values(self, ran):
        assert {name: ran["answers"][name] for name in VALUES} == {
            name: value for name, (_, value) in VALUES.items()
        }
        assert ran["answers"]["missing"] is ...

    def test_is_called_from_outside(self, ran):
        np.testing.assert_array_equal(ran["returned"]["y"], [0, 2, 4])
        np.testing.assert_array_equal(ran["returned"]["z"], [0, -1, -2])
        assert type(ran["error"]).__name__ == "KeyError"

    def test_may_send_what_is_no_answer(self, ran):
        asked = questions(1)["1.5"]
        assert "type object" in judge(asked, ran["answers"]["thing"], Terms(SEED))
        assert "type dict" in judge(asked, ran["answers"]["strange"], Terms(SEED))

    def test_is_gone_at_the_end_with_its_folder(self, ran):
        assert not ran["folder"].exists()


@pytest.mark.parametrize("name", hostile.DEADLY)
def test_what_takes_too_much_is_ended(zygote, name):
    code, told = hostile.DEADLY[name]
    limits = Limits(1.0 if name in ("spins", "sleeps") else 60.0, disk=2**27)
    with Submission(zygote, limits) as one, pytest.raises(Ended, match=told):
        one.run([code], {})
    assert not one.folder.exists()


def test_what_was_written_counts_wherever_it_is_moved(tmp_path):
    (tmp_path / "seen").mkdir()
    code = "open('unseen', 'wb').write(bytes(2**22)); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdin=-1, stdout=-1
    ) as one:
        one.stdout.readline()
        assert disk_used(one.pid, tmp_path / "seen") >= 2**22
        one.kill()


def test_memory_is_limited(zygote):
    cell = "import numpy as np\nkept = []\nwhile True: kept.append(np.ones(2**24))"
    with Submission(zygote, Limits(60.0, memory=2**30)) as one:
        _, problems = one.run([cell], {})
    assert "MemoryError" in problems[0]


def test_what_stands_ready_for_a_check_can_be_read_and_not_changed(zygote):
    with Submission(zygote, Limits(60.0)) as one:
        (one.given / "a.txt").write_text("given")
        answers, _ = one.run(
            [
                "def read(path): return open(path).read()\n"
                "def write(path): open(path, 'w')"
            ],
            {"read": "read", "write": "write"},
        )
        assert answers["read"](str(one.given / "a.txt")) == "given"
        with pytest.raises(Exception, match="own folder only"):
            answers["write"](str(one.given / "a.txt"))


def test_no_seed_and_no_check_is_in_its_process(zygote):
    cell = (
        "import gc, os, sys\nfrom esa4_helpers.exercises import exercise_seed\n"
        "seen = [exercise_seed(), 'ESA4_EXERCISE_SEED' in os.environ,\n"
        "    any(m.startswith('esa4_helpers.exercises.') for m in sys.modules),\n"
        "    any(type(o).__name__ == 'Question' for o in gc.get_objects())]"
    )
    with Submission(zygote, Limits(60.0)) as one:
        answers, problems = one.run([cell], {"seen": "seen"})
    assert answers["seen"] == [0, False, False, False], problems


def test_what_a_computer_lacks_is_named(monkeypatch):
    assert missing_protection([ROOT, ROOT / "exercises", SOURCES[1]]) == []
    (exposed,) = missing_protection([Path(np.__file__), ROOT])
    assert f"{np.__file__} lies in a folder" in exposed
    monkeypatch.setattr(sandbox.landlock, "version", lambda: 0)
    monkeypatch.setattr(sandbox.seccomp, "available", lambda: False)
    files, calls = missing_protection([])
    assert "no Landlock" in files
    assert "seccomp" in calls


def state_of(file: Path) -> tuple[int, ...]:
    status = file.stat()
    return status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns
