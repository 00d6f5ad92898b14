from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from tsdia_run.rundir.run_names import MAX_NAME_BYTES, fault, usable

NAMES = st.one_of(
    st.sampled_from(["latest", "-rf", ".x", "~me", ".", "..", "", "-", "/", "-latest", "x" * 300, "\udcff", "a\0b"]),
    st.text(max_size=20),
    st.binary(max_size=20).map(os.fsdecode),
)


@given(NAMES)
def test_a_usable_name_has_no_fault(name: str) -> None:
    found = usable(name)
    assert fault(found) is None
    assert len(found.encode()) <= MAX_NAME_BYTES - 4


@given(st.from_regex(r"[A-Za-z0-9_][\w .+=@-]{0,30}", fullmatch=True).filter(lambda name: name != "latest"))
def test_an_ordinary_name_is_usable_as_it_is(name: str) -> None:
    assert fault(name) is None
    assert usable(name) == (name if name.isprintable() else usable(name))
