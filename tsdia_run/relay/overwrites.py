"""A bar that was redrawn a thousand times in one read -> the few drawings that are still to be seen (pure)."""

from __future__ import annotations

from tsdia_run.relay import cells

_FEW = 4
# ASCII and the bytes of the blocks that bars are drawn with (U+2500 to U+2596): none of the characters that these can
# form is wide.
_SURELY_NARROW = bytes((*range(0x80), 0xE2, *range(0x80, 0x97)))


def visible(drawn: bytes) -> tuple[list[bytes], bool]:
    """Leave out each drawing that a later one covers.

    Args:
        drawn: Texts with a carriage return between them, written one over the other from the first column of one line.

    Returns:
        Those of them that make up what is to be seen, in the same order; and whether others showed something before.
    """
    ends = drawn.rsplit(b"\r", _FEW)
    if len(ends) <= _FEW or b"\t" in drawn:  # a tab covers nothing
        return drawn.split(b"\r"), False
    # The last one may be cut by the end of the read, the one before it is whole.
    kept = ends[-2:]
    covered = max(map(_cells, kept))
    prefix = _common_prefix(drawn, ends[-2])
    if _most_cells(drawn[: -1 - len(ends[-1])], prefix) <= covered:
        hidden = drawn[: -2 - len(kept[0]) - len(kept[1])]
        return kept, bool(hidden.strip(b"\r"))
    kept.reverse()
    text = drawn.decode("utf-8", "replace")
    # A character takes two cells at most.
    factor = 1 if not drawn.translate(None, _SURELY_NARROW) or cells.is_even(text) else 2
    sizes = [factor * size for size in map(len, text.split("\r"))]
    for drawing, bound in zip(drawn.split(b"\r")[-3::-1], sizes[-3::-1], strict=True):
        if bound > covered and _cells(drawing) > covered:
            kept.append(drawing)
            covered = _cells(drawing)
    kept.reverse()
    return kept, sum(map(len, kept)) < len(drawn) - drawn.count(b"\r")


def _common_prefix(one: bytes, other: bytes) -> bytes:
    size = next((at for at, (mine, its) in enumerate(zip(one, other, strict=False)) if mine != its), len(other))
    return one[:size].decode("utf-8", "ignore").encode()


def _most_cells(drawn: bytes, prefix: bytes) -> int:
    """No drawing takes more cells than this; exact for those that differ in ASCII only.

    What bars are drawn with takes three bytes for a cell, but it is nearly always the same in all drawings of one read.
    """
    rests = (b"\r" + drawn).split(b"\r" + prefix)
    return _cells(prefix) + max(map(len, rests))


def _cells(drawing: bytes) -> int:
    return cells.count(drawing.decode("utf-8", "replace"))
