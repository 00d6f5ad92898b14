"""Which rank is missing, for every order in which ranks begin and seal."""

from __future__ import annotations

import itertools
import json
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import checkpoints as made
from tsdia_run.checkpoints import Soundness, judge, manifest, marks
from tsdia_run.checkpoints.marks import Mark, SavePhase, missing
from tsdia_run.checkpoints.sealing import Save, begin, seal
from tsdia_run.errors import DamagedRunError
from tsdia_run.rundir.checkpoint_layout import CheckpointLayout

SAVING = SavePhase.SAVING
TWO_RANKS = sorted(set(itertools.permutations((0, 0, 1, 1))))
mark = made.mark


@pytest.mark.parametrize(
    ("there", "why"),
    [
        ((mark(),), None),
        ((mark(), mark(1)), None),
        ((), "rank 0 has not saved"),
        ((mark(1),), "rank 0 has not saved"),
        ((mark(phase=SAVING),), "rank 0 began to save but did not finish"),
        ((mark(), mark(1, phase=SAVING)), "rank 1 began to save but did not finish"),
        ((mark(needs_all=True),), "rank 1 has not saved its part"),
        ((mark(needs_all=True), mark(1, needs_all=True)), None),
        # Overwritten by the same attempt.
        ((mark(count=2), mark(1)), "rank 1 has not saved its part again"),
        ((mark(), mark(1, count=2)), "rank 0 has not saved its part again"),
        # Markers of an earlier attempt, or of another run.
        ((mark(attempt=1), mark(1, phase=SAVING)), None),
        ((mark(run_id="other"), mark(1, count=7)), None),
        ((mark(attempt=1, needs_all=True), mark(1)), "rank 1 has not saved its part"),
    ],
)
def test_which_rank_is_missing(there: tuple[Mark, ...], why: str | None) -> None:
    assert missing(there) == why
    assert missing(there[::-1]) == why


@pytest.mark.parametrize(
    ("there", "ready"),
    [
        ((mark(), mark(1, phase=SAVING)), {0}),
        ((mark(), mark(1)), {0, 1}),
        ((mark(), mark(1, count=2)), {0}),
        ((mark(count=2), mark(1)), {0, 1}),
        ((mark(phase=SAVING), mark(1)), set()),
        ((mark(attempt=0), mark(1, attempt=1)), {0}),
        ((mark(needs_all=True), mark(1, needs_all=True)), set()),
        ((mark(1),), set()),
        ((mark(),), {0, 1}),
    ],
)
def test_which_ranks_may_load_while_others_still_save(there: tuple[Mark, ...], ready: set[int]) -> None:
    assert {rank for rank in (0, 1) if marks.has_all_for(rank, there)} == ready


class Ranks:
    """Ranks that save into one directory; each begins and seals at its own time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        made.safetensors(path / "model.safetensors")
        self._saves: dict[int, Save] = {}
        self._counts: Counter[int] = Counter()

    def act(self, rank: int) -> None:
        """Begin a save, or seal the one that began."""
        save = self._saves.pop(rank, None)
        if save:
            seal(save)
            return
        self._counts[rank] += 1
        count = self._counts[rank]
        begun = mark(rank, save=f"{rank}-{count}", count=count, phase=SAVING, world_size=3)
        self._saves[rank] = begin(self.path, begun)

    def are_all_done(self) -> bool:
        """Whether rank 0 has sealed, and every rank that began has sealed."""
        return not self._saves and self._counts[0] > 0


@pytest.mark.parametrize("order", sorted(set(itertools.permutations((0, 0, 1, 1, 2, 2)))))
def test_in_every_order_of_three_ranks_a_rank_that_has_not_sealed_makes_it_incomplete(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    ranks = Ranks(tmp_path)
    for rank in order:
        ranks.act(rank)
        assert (judge(tmp_path).state is Soundness.COMPLETE) == ranks.are_all_done()


@pytest.mark.parametrize(("order", "again"), list(itertools.product(TWO_RANKS, repeat=2)))
def test_an_overwritten_checkpoint_is_complete_again_after_all_its_ranks_sealed_again(
    tmp_path: Path, order: tuple[int, ...], again: tuple[int, ...]
) -> None:
    ranks = Ranks(tmp_path)
    for rank in order:
        ranks.act(rank)
    assert judge(tmp_path).state is Soundness.COMPLETE
    for position, rank in enumerate(again):
        ranks.act(rank)
        assert (judge(tmp_path).state is Soundness.COMPLETE) == (position == 3)


def test_the_next_attempt_completes_an_unfinished_save(tmp_path: Path) -> None:
    path = made.state(tmp_path / "c", ranks=2)
    begin(path, mark(1, phase=SAVING))
    begin(path, mark(phase=SAVING))
    assert judge(path).state is Soundness.INCOMPLETE
    sealed = seal(begin(path, mark(phase=SAVING, attempt=1, world_size=1)), step=7)
    assert sealed
    assert (sealed.ranks, sealed.step, judge(path).state) == ((0,), 7, Soundness.COMPLETE)


def test_a_manifest_that_was_written_while_a_rank_began_does_not_count(tmp_path: Path) -> None:
    made.seal(made.state(tmp_path / "c"))
    marks.write(tmp_path / "c", mark(1, phase=SAVING))
    verdict = judge(tmp_path / "c")
    assert (verdict.state, verdict.reason) == (
        Soundness.INCOMPLETE,
        "the last save was not finished: rank 1 began to save but did not finish",
    )


def test_killed_between_the_last_seal_and_the_manifest(tmp_path: Path) -> None:
    made.seal(made.state(tmp_path / "c"))
    CheckpointLayout(tmp_path / "c").manifest.unlink()
    assert judge(tmp_path / "c").reason == "the last save was not finished: the manifest was not written"


def test_markers_and_manifest_are_read_as_they_were_written(tmp_path: Path) -> None:
    one = mark(3, step=5, epoch=1, metrics={"val_loss": 0.25}, files=("a", "sub/\udcff"), phase=SAVING, needs_all=True)
    marks.write(tmp_path, one)
    assert marks.read(tmp_path) == (one,)
    sealed = replace(made.seal(made.state(tmp_path / "c")), step=3, metrics={"a": 1.0}, files={"sub/\udcff": 3})
    manifest.write(tmp_path / "c", sealed)
    assert manifest.read(tmp_path / "c") == sealed


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@pytest.mark.parametrize("name", ["tsdia-checkpoint.json", ".tsdia-rank0.json"])
@given(key=st.sampled_from(["schema", "files", "saves", "ranks", "metrics", "phase", "count", "saved_at"]), value=JSON)
def test_wrong_types_give_a_verdict(
    tmp_path_factory: pytest.TempPathFactory, name: str, key: str, value: object
) -> None:
    path = made.state(tmp_path_factory.mktemp("checkpoint"))
    made.seal(path)
    (path / name).write_text(json.dumps(json.loads((path / name).read_text()) | {key: value}))
    judge(path, hashed=True)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b"3", b'{"schema": 2}', b'{"schema": 1, "id": "x"}']
)
def test_a_damaged_manifest_is_reported(tmp_path: Path, content: bytes) -> None:
    path = made.state(tmp_path / "c")
    made.seal(path)
    CheckpointLayout(path).manifest.write_bytes(content)
    verdict = judge(path)
    assert verdict.state is Soundness.DAMAGED
    assert "tsdia-checkpoint.json can't be used" in verdict.reason


def test_a_huge_manifest_or_a_pipe_in_its_place_is_not_read(tmp_path: Path) -> None:
    path = made.state(tmp_path / "c")
    with CheckpointLayout(path).manifest.open("wb") as file:
        file.truncate(manifest.MAX_BYTES + 1)
    with pytest.raises(DamagedRunError, match="too large"):
        manifest.read(path)
    CheckpointLayout(path).manifest.unlink()
    os.mkfifo(CheckpointLayout(path).manifest)
    with pytest.raises(DamagedRunError, match="not a regular file"):
        manifest.read(path)
