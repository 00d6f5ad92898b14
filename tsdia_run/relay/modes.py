"""Remember what a program changed in a terminal, to undo it when the program has ended (pure)."""

from __future__ import annotations

import re

# Colours are left out, since there may be many of them and only the last one counts.
_SEQUENCE = re.compile(
    rb"\x1b(?:\[([<>?!])([0-9;]{0,32})([hlmup])|\[([0-9;]{0,16})(r| q)"
    rb"|([=>c])|\(([0-~])|\]8;[^;\x07\x1b]*;([^\x07\x1b]*)(?:\x07|\x1b\\))"
)
_COLOUR = re.compile(rb"\x1b\[([0-9;:]{0,64})m")
# Private modes that are set in a new terminal: lines wrap, and the cursor is visible. All others are not set.
_USUALLY_SET = frozenset((b"7", b"25"))
_ALTERNATE = (b"1049", b"1047", b"47")
_PARTIAL = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x18\x1a\x1b]*\x1b?|[ -/]{1,2})?\Z")
# Of a longer string, only its start is kept.
_LONGEST_PARTIAL = 4096


class Modes:
    """The modes of a terminal, as a stream of output has set them."""

    def __init__(self) -> None:
        self._changed: dict[bytes, bool] = {}
        self._is_coloured = self._is_keypad = self._is_graphic = self._is_region = self._is_shaped = False
        self._is_linked = self._are_keys_modified = False
        self._keyboards = 0
        self._partial = b""

    def feed(self, data: bytes) -> None:
        """Follow output."""
        if b"\x1b" not in data and not self._partial:
            return
        data = self._partial + data
        end = reset = 0
        for found in _SEQUENCE.finditer(data):
            prefix, parameters, final, numbers, plain, escape, charset, link = found.groups()
            end = found.end()
            if final:
                self._private(prefix, parameters, final)
            elif plain == b"r":
                self._is_region = numbers != b""
            elif plain:
                self._is_shaped = numbers.strip(b"0") != b""
            elif escape == b"c":
                self.__init__()  # type: ignore[misc]
                reset = end
            elif escape:
                self._is_keypad = escape == b"="
            elif charset:
                self._is_graphic = charset != b"B"
            else:
                self._is_linked = bool(link)
        self._follow_colours(data, reset)
        partial = _PARTIAL.search(data, end)
        self._partial = partial.group()[:_LONGEST_PARTIAL] if partial else b""

    def _follow_colours(self, data: bytes, start: int) -> None:
        at = len(data)
        while (at := data.rfind(b"\x1b[", start, at)) >= 0:
            if found := _COLOUR.match(data, at):
                self._is_coloured = found.group(1).strip(b"0") != b""
                return

    def _private(self, prefix: bytes, parameters: bytes, final: bytes) -> None:
        if final in b"hl" and prefix == b"?":
            for number in parameters.split(b";"):
                self._set(number, is_set=final == b"h")
        elif final == b"m" and prefix == b">":
            self._are_keys_modified = parameters.startswith(b"4;") and not parameters.endswith(b";0")
        elif final == b"u" and prefix == b">":
            self._keyboards += 1
        elif final == b"u" and prefix == b"<":
            self._keyboards = max(0, self._keyboards - int(parameters.partition(b";")[0] or 1))
        elif final == b"p" and prefix == b"!":  # a soft reset
            self._is_keypad = self._is_graphic = self._is_region = False
            self._set(b"25", is_set=True)

    def _set(self, number: bytes, *, is_set: bool) -> None:
        if is_set == (number in _USUALLY_SET):
            self._changed.pop(number, None)
        else:
            self._changed[number] = is_set

    @property
    def is_alternate(self) -> bool:
        """Whether the alternate screen is shown."""
        return any(number in self._changed for number in _ALTERNATE)

    def undo(self) -> bytes:
        """Return the output that undoes every change; empty if there is none."""
        parts = [b"\x1b\\"] if self._partial else []  # ends a sequence that the program did not complete
        if self._is_linked:
            parts.append(b"\x1b]8;;\x1b\\")
        if self._is_region:
            parts.append(b"\x1b7\x1b[r\x1b8")  # the middle one moves the cursor
        parts += [b"\x1b[?%s%s" % (number, b"l" if is_set else b"h") for number, is_set in self._changed.items()]
        parts += [b"\x1b[<%du" % self._keyboards] * bool(self._keyboards)
        parts += [b"\x1b[>4;0m"] * self._are_keys_modified + [b"\x1b[0 q"] * self._is_shaped
        parts += [b"\x1b>"] * self._is_keypad + [b"\x1b(B"] * self._is_graphic + [b"\x1b[0m"] * self._is_coloured
        self.__init__()  # type: ignore[misc]
        return b"".join(parts)
