from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdia_run.rundir.redaction import REDACTED, Redactor, is_secret_name, secret_kind

NAMES = "WANDB_API_KEY HF_TOKEN MY_SECRET DB_PASSWORD AWS_SECRET_ACCESS_KEY AWS_ACCESS_KEY_ID OPENAI_API_KEY apiKey"
NAMES += (
    " --api-key --hf_token token password GH_TOKEN SLACK_BOT_TOKEN NEPTUNE_API_TOKEN client_secret credentials DB_PASS"
)
NO_NAMES = "TOKENIZERS_PARALLELISM MAX_TOKENS num_tokens max_token_length KEYBOARD SSH_AUTH_SOCK PATH PWD monkey author"
NO_NAMES += (
    " --key-frames pad_token eos_token placeholder_token TSDIA_RUN_NAME bypass compass passes lr run_dir_key resume_key"
)

SHAPES = [
    "hf_abcdefghijklmnopqrstuvwxyz0123",
    "sk-proj-abcdefghijklmnopqrstuvwx",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "github_pat_11ABCDEFG0123456789_abcdef",
    "glpat-abcdefghijklmnopqrst",
    "AKIAABCDEFGHIJKLMNOP",
    "xoxb-123456789012-abcdefghijkl",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
]


@pytest.mark.parametrize("name", NAMES.split())
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", NO_NAMES.split())
def test_names_of_other_things(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize("secret", SHAPES)
def test_shapes_are_recognized_and_taken_out(secret: str) -> None:
    assert secret_kind(f"x {secret} y")
    assert Redactor(()).text(f"x {secret} y") == f"x {REDACTED} y"


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://user:pw@host/repo.git", f"https://{REDACTED}@host/repo.git"),
        ("https://glpat@host/repo.git", f"https://{REDACTED}@host/repo.git"),
        ("ssh://git@host/repo.git", "ssh://git@host/repo.git"),
        ("git@host:me/repo.git", "git@host:me/repo.git"),
        ("https://host/repo.git", "https://host/repo.git"),
        ("postgres://me:pw@db:5432/x", f"postgres://{REDACTED}@db:5432/x"),
    ],
)
def test_addresses(url: str, clean: str) -> None:
    redactor = Redactor(())
    assert redactor.url(url) == clean
    assert redactor.url(clean) == clean


@pytest.mark.parametrize(
    ("argv", "clean"),
    [
        (["--api-key", "abc", "--lr", "1"], ["--api-key", REDACTED, "--lr", "1"]),
        (["--api-key=abc", "HF_TOKEN=abc"], [f"--api-key={REDACTED}", f"HF_TOKEN={REDACTED}"]),
        (["--api-key", "--lr", "1"], ["--api-key", "--lr", "1"]),
        (["--max_token_length", "512", "--pad_token", "<pad>"], ["--max_token_length", "512", "--pad_token", "<pad>"]),
        (["password", "x"], ["password", "x"]),
    ],
)
def test_command_lines(argv: list[str], clean: list[str]) -> None:
    assert Redactor(()).argv(argv) == clean


def test_variables_by_name_and_by_value() -> None:
    redactor = Redactor.from_environment({"HF_TOKEN": "s3cr3t-value", "SHORT_SECRET": "1", "LR": "0.1"})
    assert redactor.environment({"HF_TOKEN": "x", "URL": "http://h/?t=s3cr3t-value", "LR": "1", "A_SECRET": ""}) == {
        "HF_TOKEN": REDACTED,
        "URL": f"http://h/?t={REDACTED}",
        "LR": "1",
        "A_SECRET": "",
    }


SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=6, max_size=20)


@given(secret=SECRETS, before=st.text(max_size=20), after=st.text(max_size=20))
def test_a_learned_secret_never_stays(secret: str, before: str, after: str) -> None:
    redactor = Redactor.from_environment({"X_TOKEN": secret})
    text = before + secret + after
    assert secret not in redactor.text(text) or secret in REDACTED
    assert redactor.text(redactor.text(text)) == redactor.text(text) or secret in before + after
    encoded = secret.encode()
    assert encoded not in redactor.data(b"\xff\xfe" + encoded + b"\x00") or secret in REDACTED


@given(st.text(st.characters(blacklist_characters="@-_.", blacklist_categories=["Cs"]), max_size=60))
def test_a_text_without_secrets_is_untouched(text: str) -> None:
    redactor = Redactor.from_environment({"X_TOKEN": "\x01never-there\x01"})
    assert redactor.text(text) == text
    assert redactor.data(text.encode()) == text.encode()
