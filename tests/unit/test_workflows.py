"""The workflows (CI, release, pre-commit) match the package and the Makefile."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def parsed(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


def jobs(name: str) -> dict[str, Any]:
    found: dict[str, Any] = parsed(ROOT / ".github" / "workflows" / name)["jobs"]
    return found


def versions(texts: list[str]) -> list[tuple[int, ...]]:
    return [tuple(map(int, text.split("."))) for text in texts]


def lower_bounds() -> dict[str, str]:
    """Return the lower bounds of the package and of the packages for the training."""
    lines = (*project()["dependencies"], *project()["optional-dependencies"]["train"])
    bounds = (re.match(r"([\w-]+)>=([\d.]+)", line) for line in lines)
    return {bound[1]: bound[2] for bound in bounds if bound}


def pins(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return {found[1]: found[2] for line in lines if (found := re.match(r"([\w-]+)==(\S+)", line))}


def is_same(one: str, other: str) -> bool:
    """Return whether two versions are equal except for zeros at the end."""
    return re.sub(r"(\.0)+$", "", one) == re.sub(r"(\.0)+$", "", other)


def commands(workflow: Path) -> list[str]:
    """Return every command that a workflow runs."""
    steps = (step for job in parsed(workflow)["jobs"].values() for step in job.get("steps", []))
    return [step["run"] for step in steps if "run" in step]


def test_the_matrix_has_every_python_of_the_package() -> None:
    matrix = versions(jobs("check.yml")["check"]["strategy"]["matrix"]["python"])
    named = [found[1] for line in project()["classifiers"] if (found := re.search(r":: Python :: (3\.\d+)$", line))]
    assert versions(named) == matrix
    assert project()["requires-python"] == f">={named[0]}"
    assert [minor for _, minor in matrix] == list(range(matrix[0][1], matrix[-1][1] + 1))


def test_the_matrix_has_the_oldest_and_the_newest_accelerate() -> None:
    bound = lower_bounds()["accelerate"]
    oldest, newest = jobs("check.yml")["check"]["strategy"]["matrix"]["accelerate"]
    assert oldest.startswith("==")
    assert is_same(oldest.removeprefix("=="), bound)
    assert newest == f">={bound}"


def test_the_oldest_dependencies_are_the_lower_bounds() -> None:
    bounds, oldest = lower_bounds(), pins("constraints-oldest.txt")
    assert set(oldest) == set(bounds)
    for name, version in oldest.items():
        assert is_same(version, bounds[name]), name


def test_the_oldest_python_is_the_lowest_that_the_package_allows() -> None:
    lowest = project()["requires-python"].removeprefix(">=")
    assert f"python{lowest})" in (ROOT / "Makefile").read_text(encoding="utf-8")
    setup = next(step for step in jobs("check.yml")["oldest"]["steps"] if "setup-python" in step.get("uses", ""))
    assert setup["with"]["python-version"] == lowest


def test_the_package_needs_only_what_it_imports() -> None:
    named = {re.split(r"[>;\[]", line)[0] for line in project()["dependencies"]}
    assert named == {"typer", "rich", "pyyaml", "tomli"}


def test_the_tests_and_the_wild_scripts_have_the_packages_of_a_training() -> None:
    extras = project()["optional-dependencies"]
    # One that names this package, and no extra twice.
    assert {name for name, lines in extras.items() if "tsdia-run[train]" in lines} == {"dev", "wild"}


def test_the_decision_note_has_the_lower_bounds() -> None:
    note = (ROOT / "docs" / "decisions" / "0002-dependencies.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([\w-]+) \| >= ([\d.]+)", note, re.MULTILINE))
    assert rows == lower_bounds()


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_every_make_target_exists(workflow: Path) -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    used = {found for line in commands(workflow) for found in re.findall(r"\bmake ([\w-]+)", line)}
    assert used <= targets
    assert used or workflow.name == "release.yml"


def test_a_release_is_checked_first_and_published_without_a_token() -> None:
    release = jobs("release.yml")
    assert release["check"]["uses"] == "./.github/workflows/check.yml"
    assert (release["build"]["needs"], release["publish"]["needs"]) == ("check", "build")
    assert release["publish"]["permissions"] == {"id-token": "write"}
    assert "secrets." not in (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_has_only_the_permissions_that_it_lists(workflow: Path) -> None:
    assert parsed(workflow)["permissions"] == {"contents": "read"}


def test_pre_commit_runs_what_make_test_runs() -> None:
    (repo,) = parsed(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repo["repo"] == "local"
    tools = {" ".join(hook["entry"].split()[:2]) for hook in repo["hooks"]}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert tools == {".venv/bin/ruff check", ".venv/bin/ruff format", ".venv/bin/mypy"}
    for tool in tools:
        assert tool.replace(".venv/bin", "$(BIN)") in makefile


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.name)
def test_an_issue_form_has_the_fields_that_github_requires(form: Path) -> None:
    data = parsed(form)
    if form.name != "config.yml":
        assert {"name", "description", "body"} <= set(data)
        assert all({"type", "attributes"} <= set(item) for item in data["body"])
        ids = [item["id"] for item in data["body"]]
        assert len(ids) == len(set(ids))


def test_the_changelog_keeps_its_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    heads = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert heads[0] == "[Unreleased]"
    for head in heads[1:]:
        assert re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}", head)
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= kinds
