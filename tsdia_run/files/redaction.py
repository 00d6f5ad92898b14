"""Find secrets by name and by value (pure): tsdia-run redacts its own records before it writes them.

The token formats are those that the vendors document: Hugging Face, OpenAI, GitHub, GitLab, AWS, Google, Slack, Weights
& Biases, JSON Web Tokens (RFC 7519), PEM private keys (RFC 7468).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

REDACTED = "[redacted]"

# Shorter values are words such as "1" or "true", which are common in any text.
_MIN_VALUE_CHARACTERS = 6
_SECRET_WORDS = frozenset(
    "secret secrets passphrase credential credentials sshpass bearer authtoken accesstoken apitoken hftoken".split()
)
_SECRET_ENDINGS = ("password", "passwd", "apikey")
_KEY_OWNERS = frozenset(
    "api access private secret encryption signing account license auth master storage openai anthropic".split()
)
_PAT_OWNERS = frozenset("github gitlab gh azure ado".split())
# `pad_token` and similar names belong to a tokenizer.
_TOKENIZER_WORDS = frozenset(
    "pad eos bos sep unk cls mask special placeholder initializer instance per next image audio start end stop prefix"
    " suffix decoder first last forced word".split()
)
# The path of a secret is not a secret.
_PLACE_WORDS = frozenset("file path dir directory".split())
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_NAME = re.compile(r"[\w.:+/-]+")

_PEM_BEGIN = r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
_SHAPES = (
    ("a Hugging Face token", re.compile(r"\bhf_[A-Za-z0-9]{20,}\b")),
    ("an API key", re.compile(r"\bsk-(?=[\w-]*\d)[A-Za-z0-9_-]{20,}")),
    ("a Google API key", re.compile(r"\bAIza[\w-]{35}")),
    ("a GitHub token", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{20,})\b")),
    ("a GitLab token", re.compile(r"\bglpat-[\w-]{16,}")),
    ("an AWS access key", re.compile(r"\bA(?:KIA|SIA)[0-9A-Z]{16}\b")),
    ("a Slack token", re.compile(r"\bxox[abeoprs]-[\w-]{10,}")),
    # The old format is 40 hexadecimal digits, like a commit id: only redacted if it follows the name on the same line.
    ("a W&B API key", re.compile(r"\bwandb_v1_\w{20,}|(?i:(?P<before>\bwandb[^\n@]{0,40}?\b)[0-9a-f]{40}\b)")),
    ("a JSON Web Token", re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}")),
    (
        "an authorization header",
        re.compile(r"(?i:(?P<before>authorization['\"]?[:=] ?['\"]?)(?:bearer|basic) [\w.~+/=-]{8,})"),
    ),
    # Up to its end marker, or, if that is missing, to the last line of base64.
    (
        "a private key",
        re.compile(
            rf"{_PEM_BEGIN}(?:[A-Za-z0-9+/=\s\\:,.-]{{0,16384}}?-----END [A-Z ]*PRIVATE KEY-----"
            r"|(?:\r?\n[+ -]?[A-Za-z0-9+/=]{16,})*)"
        ),
    ),
)
# Braces, quotes and similar characters appear in code that builds a URL.
_PART = r"[^/\s@:\"'`{}<>$\x00-\x1f]"
_PASSWORD = re.compile(rf"(?P<before>://){_PART}{{0,256}}:(?:{_PART}|:){{1,512}}(?=@)")
# In an HTTP URL, a user name without a password is a token.
_HTTP_USER = re.compile(rf"(?P<before>\bhttps?://)(?!\[redacted\]@){_PART}{{1,512}}(?=@)")


def is_secret_name(name: str) -> bool:
    """Return whether a variable, flag or key of this name holds a secret."""
    words = [word.lower() for word in _WORD.findall(name)]
    if not words or words[-1] in _PLACE_WORDS:
        return False
    before, last = words[-2] if len(words) > 1 else "", words[-1]
    if last == "token":
        return before not in _TOKENIZER_WORDS
    if last == "pass" or (last == "pwd" and before not in ("", "old")) or (last == "pat" and before in _PAT_OWNERS):
        return True
    has_key = any(owner in _KEY_OWNERS and word == "key" for owner, word in itertools.pairwise(words))
    return has_key or any(word in _SECRET_WORDS or word.endswith(_SECRET_ENDINGS) for word in words)


def secret_kind(text: str) -> str | None:
    """Return the kind of secret that a text contains, by its format; None if no secret is recognised."""
    kind = next((kind for kind, shape in _SHAPES if shape.search(text)), None)
    return kind or ("a password in a URL" if _PASSWORD.search(text) else None)


@dataclass(frozen=True)
class Redactor:
    """Removes secrets from text.

    Attributes:
        values: The known secrets, longest first.
    """

    values: tuple[str, ...]

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Redactor:
        """Collect the secrets of an environment: the values of variables with a secret's name.

        Each line of a multi-line value is a secret too, since a patch contains single lines. The URL-encoded form of
        each value is a secret as well.
        """
        values = {value for name, value in environ.items() if is_secret_name(name)}
        values |= {line.strip() for value in values for line in value.splitlines()}
        values |= {quote(value, safe="", errors="surrogateescape") for value in values}
        known = {value for value in values if len(value) >= _MIN_VALUE_CHARACTERS and value not in REDACTED}
        return cls(tuple(sorted(known, key=lambda value: (-len(value), value))))

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        for value in self.values:
            text = text.replace(value, REDACTED)
        for shape in (*(shape for _, shape in _SHAPES), _PASSWORD):
            text = shape.sub(_in_place, text)
        return text

    def data(self, data: bytes) -> bytes:
        """Redact bytes as ``text`` does, in any encoding that extends ASCII."""
        values = tuple(value.encode("utf-8", "surrogateescape").decode("latin-1") for value in self.values)
        return Redactor(values).text(data.decode("latin-1")).encode("latin-1")

    def url(self, text: str) -> str:
        """Redact as ``text`` does, and also the user in HTTP URLs, which is a token; ``ssh://git@host`` is kept."""
        return _HTTP_USER.sub(_in_place, self.text(text))

    def argv(self, argv: Sequence[str]) -> list[str]:
        """Redact a command line: ``--api-key X``, ``--api-key=X``, ``--set=api_key=X``, and known values."""
        found, is_value = [], False
        for word in argv:
            names = word.split("=")[:-1]
            secret = next((at for at, name in enumerate(names) if _NAME.fullmatch(name) and is_secret_name(name)), None)
            if is_value and not word.startswith("--"):
                found.append(REDACTED)
            elif secret is not None:
                found.append("=".join([*names[: secret + 1], REDACTED]))
            else:
                found.append(self.url(word))
            is_value = word.startswith("-") and not names and is_secret_name(word)
        return found

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Redact environment variables."""
        return {
            name: REDACTED if is_secret_name(name) and value else self.url(value) for name, value in environ.items()
        }


def _in_place(match: re.Match[str]) -> str:
    """Keep the number of lines, and the sign of each line in a patch, so that the patch still applies."""
    others = match.group().split("\n")[1:]
    signs = [line[:1] if line[:1] in ("+", "-", " ") else "" for line in others]
    before = match.groupdict().get("before") or ""
    return "\n".join([before + REDACTED, *(sign + REDACTED for sign in signs)])
