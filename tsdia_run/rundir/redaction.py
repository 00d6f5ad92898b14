"""Secrets, by name and by value (pure): what tsdia-run composes itself is redacted before it is written.

Shapes of tokens are those that their makers document: Hugging Face, OpenAI, GitHub, GitLab, AWS, Slack, JSON Web Tokens
(RFC 7519), PEM private keys (RFC 7468).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

REDACTED = "[redacted]"

# Shorter values are words such as "1" or "true", which stand everywhere.
_MIN_VALUE_CHARACTERS = 6
_SECRET_WORDS = frozenset(
    {"secret", "secrets", "password", "passwd", "passphrase", "credential", "credentials", "apikey"}
)
_KEY_OWNERS = frozenset({"api", "access", "private", "secret", "encryption", "signing", "account", "license", "auth"})
# `pad_token` and the like are text of a tokenizer.
_TOKENIZER_WORDS = frozenset(
    {
        "pad",
        "eos",
        "bos",
        "sep",
        "unk",
        "cls",
        "mask",
        "special",
        "placeholder",
        "initializer",
        "instance",
        "per",
        "next",
    }
    | {"image", "audio", "start", "end", "stop", "prefix", "suffix", "decoder", "first", "last", "forced", "word"}
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

_SHAPES = (
    ("a Hugging Face token", re.compile(r"\bhf_[A-Za-z0-9]{20,}\b")),
    ("an API key", re.compile(r"\bsk-[A-Za-z0-9_-]{20,}")),
    ("a GitHub token", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{20,})\b")),
    ("a GitLab token", re.compile(r"\bglpat-[\w-]{16,}")),
    ("an AWS access key", re.compile(r"\bA(?:KIA|SIA)[0-9A-Z]{16}\b")),
    ("a Slack token", re.compile(r"\bxox[abeoprs]-[\w-]{10,}")),
    ("a JSON Web Token", re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}")),
    (
        "a private key",
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:.*?-----END [A-Z ]*PRIVATE KEY-----)?", re.DOTALL),
    ),
)
_USERINFO = re.compile(r"(?<=://)(?!\[redacted\]@)[^/\s@:]+:[^/\s@]+(?=@)")
# Over http, a name without a password is a token.
_HTTP_USERINFO = re.compile(r"(?<=://)(?!\[redacted\]@)[^/\s@]+(?=@)")


def is_secret_name(name: str) -> bool:
    """Whether a variable, flag or key of this name holds a secret."""
    words = [word.lower() for word in _WORD.findall(name)]
    if not words:
        return False
    before = words[-2] if len(words) > 1 else ""
    if words[-1] == "token":
        return before not in _TOKENIZER_WORDS
    if words[-1] == "pass":
        return True
    keys = any(owner in _KEY_OWNERS and word == "key" for owner, word in itertools.pairwise(words))
    return keys or not _SECRET_WORDS.isdisjoint(words)


def secret_kind(text: str) -> str | None:
    """What kind of secret a text has in it, by its shape; None where none is recognized."""
    kind = next((kind for kind, shape in _SHAPES if shape.search(text)), None)
    return kind or ("a password in an address" if _USERINFO.search(text) else None)


@dataclass(frozen=True)
class Redactor:
    """Takes secrets out of texts.

    Attributes:
        values: The secrets that are known, the longest first.
    """

    values: tuple[str, ...]

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Redactor:
        """Learn the secrets of an environment: the values of variables that are named like one."""
        values = {value for name, value in environ.items() if is_secret_name(name)}
        known = {value for value in values if len(value) >= _MIN_VALUE_CHARACTERS and value not in REDACTED}
        return cls(tuple(sorted(known, key=lambda value: (-len(value), value))))

    def text(self, text: str) -> str:
        """The text without secrets; the same text where it has none."""
        for value in self.values:
            text = text.replace(value, REDACTED)
        for _, shape in _SHAPES:
            text = shape.sub(REDACTED, text)
        return _USERINFO.sub(REDACTED, text)

    def data(self, data: bytes) -> bytes:
        """As ``text``, for bytes in any encoding that has ASCII in it."""
        values = tuple(value.encode("utf-8", "surrogateescape").decode("latin-1") for value in self.values)
        return Redactor(values).text(data.decode("latin-1")).encode("latin-1")

    def url(self, url: str) -> str:
        """An address without user name and password; the name alone stays where it is no token (``git@host``)."""
        url = self.text(url)
        return _HTTP_USERINFO.sub(REDACTED, url) if url.startswith(("http://", "https://")) else url

    def argv(self, argv: Sequence[str]) -> list[str]:
        """A command line without secrets: ``--api-key X``, ``--api-key=X``, ``API_KEY=X``, and known values."""
        found, is_value = [], False
        for word in argv:
            name, equals, _ = word.partition("=")
            if is_value and not word.startswith("--"):
                found.append(REDACTED)
            elif equals and is_secret_name(name):
                found.append(f"{name}={REDACTED}")
            else:
                found.append(self.text(word))
            is_value = word.startswith("-") and not equals and is_secret_name(word)
        return found

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Variables without secrets."""
        return {
            name: REDACTED if is_secret_name(name) and value else self.text(value) for name, value in environ.items()
        }
