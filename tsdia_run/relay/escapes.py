"""Clean terminal output: keep text and the sequences that change the screen (pure).

This module removes colours, titles, images, modes, bells and other invisible bytes. It keeps text, newline, tab,
carriage return, backspace, and the *active* sequences: cursor moves, erasures, scrolling, and the switch to the
alternate screen, where full-screen displays are drawn. The grammar is that of ECMA-48. A sequence that is interrupted
by a byte that can't be part of it is dropped.
"""

from __future__ import annotations

import re

_CSI = rb"\[([0-9;]{0,16})([@A-HJ-MPSTXZ`a-fr-su])"
_MODE = rb"\[\?((?:[0-9]{1,5};){0,8}(?:1049|1047|47|[67])(?:;[0-9]{1,5}){0,8})([hl])"
ACTIVE = rb"\x1b(?:" + _CSI + rb"|([78cDEM])|" + _MODE + rb")"
_HARMLESS = re.compile(
    rb"\x1b(?!" + re.sub(rb"\((?!\?)", rb"(?:", _CSI + rb"|[78cDEM]|" + _MODE) + rb")"
    rb"(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]?"
    rb"|P[^\x18\x1a\x1b]*"
    rb"|[\]X^_][^\x07\x18\x1a\x1b\n]*\x07?"
    rb"|[ -/]{1,2}[0-~]?"
    rb"|[0-~]?)"
)
# The first bytes of a sequence that the next bytes may complete.
_PARTIAL = re.compile(rb"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}|[ -/]{1,2})?\Z")
# A string (title, image, clipboard) hides everything up to its end, of any length. Programs send images as DCS with
# newlines. In any other string, a newline means that the string is broken, and that output follows.
_STRINGS = b"P]X^_"
_END_OF_IMAGE = re.compile(rb"[\x18\x1a\x1b]")
_END_OF_STRING = re.compile(rb"[\x07\x18\x1a\x1b\n]")
# A C1 control in UTF-8 is ESC and a letter in one character.
_C1 = re.compile(rb"\xc2([\x80-\x9f])")

_INVISIBLE = bytes(code for code in (*range(0x20), 0x7F) if code not in b"\t\n\r\b\x0b\x0c\x1b")
_CODES = tuple(_INVISIBLE)


class Cleaner:
    """Cleans one stream, in pieces of any size."""

    def __init__(self) -> None:
        self._partial = b""
        self._string = 0  # the second byte of the string that the stream is in

    def feed(self, data: bytes) -> bytes:
        """Return the text and the complete active sequences of a piece of the stream."""
        if self._partial:
            data = self._partial + data
            self._partial = b""
        if b"\xc2" in data:
            if data[-1] == 0xC2:
                data, self._partial = data[:-1], data[-1:]
            data = _C1.sub(_in_two_bytes, data)
        if self._string:
            data = self._after_string(data)
        at = data.rfind(b"\x1b")
        if at >= 0:
            data, rest = self._without_start(data, at)
            self._partial = rest + self._partial
            data = _HARMLESS.sub(b"", data)
        return _visible(data)

    def finish(self) -> bytes:
        """Return what is left at the end of the stream: a partial sequence is dropped, a partial character is not."""
        partial, self._partial = self._partial, b""
        return b"" if partial.startswith(b"\x1b") else partial

    def _after_string(self, data: bytes) -> bytes:
        found = (_END_OF_IMAGE if self._string == _STRINGS[0] else _END_OF_STRING).search(data)
        if found is None:
            return b""
        self._string = 0
        return data[found.start() if found.group() in b"\x1b\n" else found.end() :]

    def _without_start(self, data: bytes, at: int) -> tuple[bytes, bytes]:
        """Split off a sequence or string that starts at the last escape character and is not complete."""
        kind = data[at + 1 : at + 2]
        if kind and kind in _STRINGS:
            end = _END_OF_IMAGE if kind == b"P" else _END_OF_STRING
            if end.search(data, at + 1) is None:
                self._string = kind[0]
                return data[:at], b""
        elif _PARTIAL.match(data, at):
            return data[:at], data[at:]
        return data, b""


def _in_two_bytes(control: re.Match[bytes]) -> bytes:
    return bytes((0x1B, control.group(1)[0] - 0x40))


def _visible(data: bytes) -> bytes:
    """Remove bytes that don't show on the screen. Vertical tab and form feed become newlines, as on a terminal."""
    # One search per code is three times faster than a table or a pattern, since plain output has none of them.
    if any(map(data.__contains__, _CODES)):
        data = data.translate(None, _INVISIBLE)
    if b"\x0b" in data or b"\x0c" in data:
        data = data.replace(b"\x0b", b"\n").replace(b"\x0c", b"\n")
    if b"\r" in data and b"\n" in data:
        data = data.replace(b"\r\n", b"\n")
    return data
