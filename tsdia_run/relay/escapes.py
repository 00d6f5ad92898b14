"""Clean terminal output: keep text and the few sequences that change the screen (pure).

This module removes colours, titles, modes, bells and other invisible bytes. It keeps text, newline, tab, carriage
return, backspace, and the *active* sequences: cursor moves, erasures, and the switch to the alternate screen, where
full-screen displays are drawn. The grammar is that of ECMA-48. A sequence that is interrupted by a byte that can't be
part of it is dropped.
"""

from __future__ import annotations

import re

# A sequence that never ends must not swallow the output: longer ones count as broken.
_STRING = rb"[^\x00-\x1f]{0,2048}"
ACTIVE = rb"\x1b(?:\[([0-9;]{0,16})([@A-HJKPXf])|([DEM])|\[\?(?:1049|1047|47)([hl]))"
_HARMLESS = re.compile(
    rb"\x1b(?!\[[0-9;]{0,16}[@A-HJKPXf]|[DEM]|\[\?(?:1049|1047|47)[hl])"
    rb"(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]?"
    rb"|[\]PX^_]" + _STRING + rb"(?:\x07|\x1b\\)?"
    rb"|[ -/]{1,2}[0-~]?"
    rb"|[0-~]?)"
)
_PARTIAL = re.compile(rb"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}|[\]PX^_]" + _STRING + rb"\x1b?|[ -/]{1,2})?\Z")
_LONGEST_PARTIAL = 2051

_INVISIBLE = bytes(code for code in (*range(0x20), 0x7F) if code not in b"\t\n\r\b\x0b\x0c\x1b")
_CODES = tuple(_INVISIBLE)


def split_partial(data: bytes) -> tuple[bytes, bytes]:
    """Split off a sequence at the end that the next bytes may complete.

    Returns:
        The data to process now, and the data to put before the next bytes.
    """
    found = _PARTIAL.search(data, max(0, len(data) - _LONGEST_PARTIAL))
    return (data[: found.start()], found.group()) if found else (data, b"")


def clean(data: bytes) -> bytes:
    """Remove bytes that don't show on the screen. Vertical tab and form feed become newlines, as on a terminal.

    Args:
        data: Output that does not end with a partial sequence.
    """
    if b"\x1b" in data:
        data = _HARMLESS.sub(b"", data)
    # One search per code is three times faster than a table or a pattern, since plain output has none of them.
    if any(map(data.__contains__, _CODES)):
        data = data.translate(None, _INVISIBLE)
    if b"\x0b" in data or b"\x0c" in data:
        data = data.replace(b"\x0b", b"\n").replace(b"\x0c", b"\n")
    if b"\r" in data and b"\n" in data:
        data = data.replace(b"\r\n", b"\n")
    return data
