"""Find secrets by name and by value (pure): tsdia-run redacts its own records before it writes them.

A secret is recognised by its name (a variable, a flag, a key, a parameter of a URL), by its format, or because it is
the value of a variable with a secret's name. ``token_formats.py`` has the formats.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from tsdia_run.files import token_formats

REDACTED = "[redacted]"

# Shorter values, and these words, are common in any text: only under their own names are they secrets.
_MIN_VALUE_CHARACTERS = 6
_COMMON = frozenset("password secret default disabled offline online changeme postgres example localhost".split())
_SECRET_WORDS = frozenset(
    "secret secrets passphrase passcode credential credentials cred creds sshpass bearer jwt authtoken accesstoken"
    " apitoken hftoken cookie".split()
)
_SECRET_ENDINGS = ("password", "passwd", "apikey")
_KEY_OWNERS = frozenset(
    "api access private secret encryption signing account license auth master storage openai anthropic service"
    " subscription client consumer app wandb hf huggingface comet neptune aws gcp azure deploy hmac ngc".split()
)
_PAT_OWNERS = frozenset("github gitlab gh azure ado git devops".split())
# `use_auth` is a switch.
_AUTH_SWITCHES = frozenset("use no with require requires skip enable disable need needs is has".split())
# Parameters of a URL that are secrets only there: signatures of Azure, AWS and Google.
_URL_SECRETS = frozenset("sig signature code credential key".split())
# Values that are never a secret, whatever their name.
_PLAIN = frozenset("true false yes no on off none null auto default required optional basic digest bearer".split())
# `pad_token` and similar names belong to a tokenizer.
_TOKENIZER_WORDS = frozenset(
    "pad eos bos sep unk cls mask special placeholder initializer instance per next image audio start end stop prefix"
    " suffix decoder first last forced word".split()
)
# The path of a secret is not a secret.
_PLACE_WORDS = frozenset("file path dir directory".split())
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_NAME = re.compile(r"[\w.:+/-]+")

# Braces, quotes and similar characters appear in code that builds a URL.
_PART = r"[^/\s@:\"'`{}<>$\x00-\x1f]"
_PASSWORD = re.compile(rf"(?P<before>://){_PART}{{0,256}}:(?:{_PART}|:){{1,512}}(?=@)")
_PARAMETER = re.compile(r"(?P<before>[?&;](?P<name>[\w.-]{1,80})=)(?P<value>[^&;\s\"'<>#`]{4,})")
# A string in code, JSON, YAML or TOML.
_STRING = re.compile(
    r"(?P<before>(?<![\w.-])(?P<name>[A-Za-z_][\w.-]{1,80})\\?[\"']?\]?[ \t]{0,8}(?::=|[:=])[ \t]{0,8}"
    r"\\?(?P<quote>[\"']))"
    r"(?P<value>[^\"'\s\\]{6,})(?=\\?(?P=quote))"
)
# Without quotes: the rest of a line, as in YAML and in shell scripts, or a word of a message.
_LINE = re.compile(
    r"(?P<before>^[ +-]?[ \t]*(?:- |export |set |ENV )?(?P<name>[A-Za-z_][\w.-]{1,80})(?:: {0,8}|=))"
    r"(?P<value>[^\s\"'`$<>{}()\[\],;]{12,})(?=[ \t]*\r?$)",
    re.MULTILINE,
)
_MESSAGE = re.compile(
    r"(?P<before>(?<![\w.-])(?P<name>[A-Za-z_][\w.-]{1,80})(?:=|: ?(?![^\s=]*=[^\s=])))"
    r"(?P<value>[^\s\"'`$<>{}()\[\],;&]{6,})"
)
_KEY = re.compile(r"(?P<name>[A-Za-z_][\w.-]{1,80})[\"']?[ \t]{0,8}[:=][ \t]{0,8}")
_CODE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
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
    if last == "pass" or (last == "pwd" and before not in ("", "old")):
        return True
    if (last == "pat" and (not before or before in _PAT_OWNERS)) or (last == "auth" and before not in _AUTH_SWITCHES):
        return True
    has_key = any(owner in _KEY_OWNERS and word == "key" for owner, word in itertools.pairwise(words))
    return has_key or any(word in _SECRET_WORDS or word.endswith(_SECRET_ENDINGS) for word in words)


def is_secret(name: str, value: str) -> bool:
    """Return whether a value is a secret by its name; a switch, a placeholder and a path are not."""
    return is_secret_name(name) and not _is_plain(value)


def _is_plain(value: str) -> bool:
    return value.lower() in _PLAIN or not value or value[0] in "$<{%*[" or value.startswith(("/", "./", "../", "~/"))


def secret_kind(text: str) -> str | None:
    """Return the kind of secret that a text contains, by its format; None if no secret is recognised."""
    kind = next((one.kind for one in token_formats.possible_in(text) if one.shape.search(text)), None)
    return kind or ("a password in a URL" if _PASSWORD.search(text) else None)


@dataclass(frozen=True)
class Redactor:
    """Removes secrets from text.

    Attributes:
        values: The known secrets, longest first.
    """

    values: tuple[str, ...]

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], others: Sequence[str] = ()) -> Redactor:
        """Collect the secrets of an environment: the values of variables with a secret's name; and other known secrets.

        Each line of a multi-line value is a secret too, since a patch contains single lines. The URL-encoded form of
        each value is a secret as well.
        """
        values = {*others, *(value for name, value in environ.items() if is_secret_name(name))}
        values |= {line.strip() for value in values for line in value.splitlines()}
        values |= {quote(value, safe="", errors="surrogateescape") for value in values}
        known = {value for value in values if len(value) >= _MIN_VALUE_CHARACTERS and value not in REDACTED}
        known -= _COMMON
        return cls(tuple(sorted(known, key=lambda value: (-len(value), value))))

    def text(self, text: str) -> str:
        """Return a message or an argument without secrets."""
        return _MESSAGE.sub(_value_in_message, self._file(text))

    def _file(self, text: str) -> str:
        """Return text that may be code without secrets: a name there is often the name of a variable or a parameter."""
        for value in self.values:
            text = text.replace(value, REDACTED)
        for one in token_formats.possible_in(text):
            text = one.shape.sub(_in_place, text)
        text = _PASSWORD.sub(_in_place, text)
        text = _PARAMETER.sub(_value_in_url, text)
        text = _STRING.sub(_value, text)
        return _LINE.sub(_value_of_line, text)

    def quoted(self, text: str) -> str:
        """Redact as ``text`` does, and in indented lines, which quote a config, all after the name of a secret."""
        return "\n".join(_cut(line) if line.startswith("    ") else line for line in self.text(text).split("\n"))

    def data(self, data: bytes) -> bytes:
        """Redact the bytes of files, such as a patch, in any encoding that extends ASCII."""
        values = tuple(value.encode("utf-8", "surrogateescape").decode("latin-1") for value in self.values)
        return Redactor(values)._file(data.decode("latin-1")).encode("latin-1")

    def url(self, text: str) -> str:
        """Redact as ``text`` does, and also the user in HTTP URLs, which is a token; ``ssh://git@host`` is kept."""
        return _HTTP_USER.sub(_in_place, self.text(text))

    def argv(self, argv: Sequence[str]) -> list[str]:
        """Redact a command line: ``--api-key X``, ``--api-key=X``, ``--set=api_key=X``, and known values."""
        found, is_value = [], False
        for word in argv:
            names = word.split("=")[:-1]
            secret = next((at for at, name in enumerate(names) if _NAME.fullmatch(name) and is_secret_name(name)), None)
            if secret is not None and _is_plain(word.split("=", secret + 1)[-1]):
                secret = None
            if is_value and not word.startswith("--") and not _is_plain(word):
                found.append(REDACTED)
            elif secret is not None:
                found.append("=".join([*names[: secret + 1], REDACTED]))
            else:
                found.append(self.url(word))
            is_value = word.startswith("-") and not names and is_secret_name(word)
        return found

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Redact environment variables."""
        return {name: REDACTED if is_secret(name, value) else self.url(value) for name, value in environ.items()}


def _cut(line: str) -> str:
    ends = (match.end() for match in _KEY.finditer(line) if is_secret_name(match["name"]))
    return next((line[:end] + REDACTED for end in ends), line)


def _in_place(match: re.Match[str]) -> str:
    """Keep the number of lines, and the sign of each line in a patch, so that the patch still applies."""
    others = match.group().split("\n")[1:]
    signs = [line[:1] if line[:1] in ("+", "-", " ") else "" for line in others]
    before = match.groupdict().get("before") or ""
    return "\n".join([before + REDACTED, *(sign + REDACTED for sign in signs)])


def _value(match: re.Match[str]) -> str:
    """Replace the value if its name is a secret's."""
    return match["before"] + REDACTED if is_secret(match["name"], match["value"]) else match.group()


def _value_in_url(match: re.Match[str]) -> str:
    last = _WORD.findall(match["name"])[-1:]
    is_known = bool(last) and last[0].lower() in _URL_SECRETS and not _is_plain(match["value"])
    return match["before"] + REDACTED if is_known else _value(match)


def _value_of_line(match: re.Match[str]) -> str:
    is_random = any(one.isdigit() for one in match["value"]) and not _CODE.fullmatch(match["value"])
    return _value(match) if is_random else match.group()


def _value_in_message(match: re.Match[str]) -> str:
    is_word = match["value"].isalpha() and not match["before"].endswith("=")
    return match.group() if is_word or _CODE.fullmatch(match["value"]) else _value(match)
