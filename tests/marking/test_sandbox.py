"""What a submission may do in its process, and what it may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from marking.marks import judge
from marking.sandbox import Limits, Submission
from submissions import SEED

from esa4_helpers.exercises import questions

# Each of these would harm another submission, or show what is hidden.
ATTACKS = (
    "open({secret!r}).read()",
    "import os; os.open({secret!r}, os.O_RDONLY)",
    "import os; os.listdir({folder!r})",
    "import pathlib; list(pathlib.Path({folder!r}).iterdir())",
    "import os; os.remove({secret!r})",
    "import os; os.rename({secret!r}, 'here')",
    "import shutil; shutil.rmtree({folder!r})",
    "open({folder!r} + '/new', 'w')",
    "open('/tmp/from_a_submission', 'a')",
    "import numpy as np; np.save({folder!r} + '/new', [1])",
    "import os; os.system('true')",
    "import subprocess; subprocess.run(['true'])",
    "import os; os.kill(os.getppid(), 9)",
    "import os; os.fork()",
    "import socket; socket.create_connection(('127.0.0.1', 9))",
    "import ctypes; ctypes.CDLL(None)",
    "import resource; resource.setrlimit(resource.RLIMIT_DATA, (-1, -1))",
    "import os; open(f'/proc/{{os.getppid()}}/environ').read()",
    "import esa4_helpers.exercises as e; open(e.__path__[0] + '/sheet1.py').read()",
    "import esa4_helpers.exercises as e, os; os.listdir(e.__path__[0] + '/__pycache__')",
)
HARMLESS = """
open('mine', 'w').write('x')
import numpy as np
from esa4_helpers import make_detector
clips = np.random.default_rng(0).normal(0, 0.1, (6, 20000))
detector = make_detector('autoencoder').set_params(detector__n_updates=2)
"""
VALUES = {
    "whole": ("3", 3),
    "nested": ("[1, (2.5, 'x'), None, True]", [1, [2.5, "x"], None, True]),
    "table": ("{'a': 1, 'b': {'c': [2]}}", {"a": 1, "b": {"c": [2]}}),
    "dots": ("...", ...),
    "scalar": ("np.float32(0.5)", 0.5),
    "read": ("open('mine').read()", "x"),
    "network": ("detector.fit(clips).score_samples(clips).shape", [6]),
}
FUNCTIONS = """
def twice(x, n): return {'y': x * n, 'z': -x}
def stops(*_): raise KeyError('no such key')
thing = object()
strange = {'a': [None, lambda: 3]}
"""


class TestASubmission:
    @pytest.fixture(scope="class")
    @classmethod
    def ran(cls, tmp_path_factory) -> dict[str, Any]:
        """One that attacks first, and goes on as sheets do."""
        folder = tmp_path_factory.mktemp("hidden")
        secret = folder / "secret.txt"
        secret.write_text("42")
        paths = {"secret": str(secret), "folder": str(folder)}
        cells = [attack.format(**paths) for attack in ATTACKS]
        cells += [
            HARMLESS,
            "\n".join(f"{k} = {code}" for k, (code, _) in VALUES.items()),
        ]
        names = [*VALUES, "twice", "stops", "thing", "strange", "missing"]
        limits = Limits(300.0)
        with Submission([*cells, FUNCTIONS], names, SEED, limits, [folder]) as one:
            answers, problems = one.run()
            returned = answers["twice"](np.arange(3.0), 2)
            with pytest.raises(Exception, match="no such key") as caught:
                answers["stops"]()
            own_folder = Path(one.folder.name)
        assert secret.read_text() == "42"
        assert list(folder.iterdir()) == [secret]
        return {
            "answers": answers,
            "problems": problems,
            "returned": returned,
            "error": caught.value,
            "process": one.process,
            "folder": own_folder,
        }

    @pytest.mark.parametrize("attack", ATTACKS)
    def test_meets_a_fence(self, ran, attack):
        problem = ran["problems"][ATTACKS.index(attack)]
        assert problem.startswith(f"code cell {ATTACKS.index(attack) + 1} stops with")
        assert "PermissionError: a submission may not" in problem

    def test_may_do_what_sheets_need(self, ran):
        assert ran["problems"][len(ATTACKS) :] == []

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
        assert "type Other" in judge(asked, ran["answers"]["thing"], 0)
        assert "type dict" in judge(asked, ran["answers"]["strange"], 0)

    def test_is_gone_at_the_end_with_its_folder(self, ran):
        assert ran["process"].poll() is not None
        assert not ran["folder"].exists()
