"""What the workflows may do, and whose code they run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

FOLDER = Path(__file__).resolve().parents[2] / ".github"
WORKFLOWS = sorted((FOLDER / "workflows").glob("*.yml"))
# Beyond reading the repository, each for one step.
MORE_RIGHTS = {
    ("site", "deploy"): {"pages": "write", "id-token": "write"},
    ("nightly", "report"): {"issues": "write"},
}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
class TestWorkflow:
    def test_runs_code_of_others_at_one_commit_only(self, path):
        used = re.findall(r"uses: *(.*)", path.read_text("utf-8"))
        for action in used:
            assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)

    def test_has_the_least_rights(self, path):
        workflow = yaml.safe_load(path.read_text("utf-8"))
        assert workflow["permissions"] == {"contents": "read"}
        for name, job in workflow["jobs"].items():
            assert job.get("permissions") == MORE_RIGHTS.get((path.stem, name))
            assert job["timeout-minutes"] <= 60
            for step in job["steps"]:
                if step.get("uses", "").startswith("actions/checkout@"):
                    assert step["with"]["persist-credentials"] is False

    def test_puts_no_text_of_others_into_a_command(self, path):
        workflow = yaml.safe_load(path.read_text("utf-8"))
        commands = [
            s.get("run", "") for j in workflow["jobs"].values() for s in j["steps"]
        ]
        for inserted in re.findall(r"\$\{\{ *(.*?) *\}\}", "\n".join(commands)):
            assert inserted.startswith("matrix.")


def test_each_action_is_the_same_everywhere():
    used = {
        line
        for path in WORKFLOWS
        for line in re.findall(r"uses: *(.*)", path.read_text("utf-8"))
    }
    assert used
    assert len({line.partition("@")[0] for line in used}) == len(used)


def test_actions_and_packages_are_kept_up_to_date():
    updates = yaml.safe_load((FOLDER / "dependabot.yml").read_text("utf-8"))["updates"]
    assert {u["package-ecosystem"] for u in updates} == {"github-actions", "pip"}
