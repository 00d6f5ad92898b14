"""The messages in which the command line names a flag."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.hints import message_of
from tsdia_run.cli.wording import in_words
from tsdia_run.errors import TsdiaRunError, launching, lookups, placing, resuming
from tsdia_run.errors.launching import AssignmentFault, SectionReplaced
from tsdia_run.errors.placing import PlaceFault


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (placing.UnsetVariable("X", "$X/a"), "--run-dir $X/a: the environment variable X is not set"),
        (placing.UnusablePlace("s3://b is a URL", PlaceFault.URL), "--run-dir s3://b is a URL"),
        (placing.UnusablePlace("the disk is full", PlaceFault.DISK_FULL), "the disk is full"),
        (launching.InvalidAssignment("a", AssignmentFault.NOT_KEY_VALUE), "--set a: not KEY=VALUE"),
        (resuming.CheckpointMissing("k", "p", None), "--set k names a checkpoint that does not exist: p"),
        (resuming.CheckpointMissing("k", "p", "c.yml:1:2"), "c.yml:1:2: `k` names a checkpoint that does not exist: p"),
        (resuming.UnknownChange("x", ""), "--allow x: unknown kind of change"),
        (lookups.UnknownState("x: no such state"), "--state x: no such state"),
        (resuming.TwoCheckpointsNamed("c-1", "best"), "c-1 and --from best both name a checkpoint"),
        (
            resuming.NoCompleteCheckpoint("exp has none: w", Path("exp"), has_record=True, exports=("w",)),
            "exp has none: w (to start from weights: --from NAME --allow weights)",
        ),
    ],
)
def test_a_message_names_its_flag(error: TsdiaRunError, message: str) -> None:
    assert message_of(error) == message


def test_a_warning_has_the_flag_that_it_is_about() -> None:
    shown = in_words(SectionReplaced("model", "2 keys", "size"))
    assert shown == "--set model: replaces the section of 2 keys; to set one of them: --set model.size=VALUE"
