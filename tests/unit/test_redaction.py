from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdia_run.files.redaction import REDACTED, Redactor, is_secret_name, secret_kind

NAMES = (
    "WANDB_API_KEY HF_TOKEN MY_SECRET DB_PASSWORD AWS_SECRET_ACCESS_KEY AWS_ACCESS_KEY_ID OPENAI_API_KEY apiKey"
    " --api-key --hf_token token password GH_TOKEN SLACK_BOT_TOKEN NEPTUNE_API_TOKEN client_secret credentials DB_PASS"
    " PGPASSWORD SSHPASS MYSQL_PWD GITHUB_PAT OPENAI_KEY AZURE_STORAGE_KEY refresh_token wandb.api_key"
)
NO_NAMES = (
    "TOKENIZERS_PARALLELISM MAX_TOKENS num_tokens max_token_length KEYBOARD SSH_AUTH_SOCK PATH PWD OLDPWD monkey author"
    " --key-frames pad_token eos_token placeholder_token TSDIA_RUN_NAME bypass compass passes lr run_dir_key resume_key"
    " HF_TOKEN_PATH AWS_SHARED_CREDENTIALS_FILE path pattern"
)

SHAPES = [
    "hf_abcdefghijklmnopqrstuvwxyz0123",
    "sk-proj-abcdefghijklmnop0123456",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "github_pat_11ABCDEFG0123456789_abcdef",
    "glpat-abcdefghijklmnopqrst",
    "AKIAABCDEFGHIJKLMNOP",
    "xoxb-123456789012-abcdefghijkl",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    "AIzaabcdefghijklmnopqrstuvwxyz012345678",
    "-----BEGIN RSA PRIVATE KEY-----MIIEow-----END RSA PRIVATE KEY-----",
]
NO_SECRETS = [
    "sk-learn-contrib-imbalanced-things",
    'f"https://{user}:{password}@{host}"',
    "https://${USER}:${PASSWORD}@host",
    '"https://" + user + ":" + password + "@"',
    "wandb @ git+https://host/wandb@0123456789012345678901234567890123456789",
    "index 0123456789012345678901234567890123456789..0123456789012345678901234567890123456789",
    "git@host:me/repo.git ssh://git@host/repo.git https://medium.com/@me",
]


@pytest.mark.parametrize("name", NAMES.split())
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", NO_NAMES.split())
def test_names_of_other_things(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize("secret", SHAPES)
def test_known_formats_of_secrets_are_recognised_and_removed(secret: str) -> None:
    assert secret_kind(f"x {secret} y")
    assert Redactor(()).text(f"x {secret} y") == f"x {REDACTED} y"


@pytest.mark.parametrize("text", NO_SECRETS)
def test_text_that_only_looks_like_a_secret_is_kept(text: str) -> None:
    assert secret_kind(text) is None
    assert Redactor(()).url(text) == text


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"wandb.login(key='{'0a' * 20}')", f"wandb.login(key='{REDACTED}')"),
        ("-H 'Authorization: Bearer abcdefgh1'", f"-H 'Authorization: {REDACTED}'"),
    ],
)
def test_some_secrets_are_recognised_by_the_text_before_them(text: str, clean: str) -> None:
    assert secret_kind(text)
    assert Redactor(()).text(text) == clean
    assert Redactor(()).text(clean) == clean


def test_a_private_key_in_a_patch_keeps_its_lines_and_their_signs() -> None:
    lines = ["+-----BEGIN PRIVATE KEY-----", "+MIIEowabcdefghijkl", "+-----END PRIVATE KEY-----", " next", ""]
    clean = [f"+{REDACTED}"] * 3 + [" next", ""]
    assert Redactor(()).data("\n".join(lines).encode()) == "\n".join(clean).encode()


def test_a_private_key_that_is_cut_off_ends_where_the_patch_continues() -> None:
    lines = ["+-----BEGIN PRIVATE KEY-----", "+MIIEowabcdefghijkl", "@@ -9 +9 @@", "+-----END PRIVATE KEY-----", ""]
    clean = [f"+{REDACTED}", f"+{REDACTED}", *lines[2:]]
    assert Redactor(()).data("\n".join(lines).encode()) == "\n".join(clean).encode()


def test_a_value_of_several_lines_and_its_url_form_are_learned() -> None:
    redactor = Redactor.from_environment({"KEY_SECRET": "first line\nsecond/line"})
    assert redactor.text("+first line\n+second/line\nsecond%2Fline") == f"+{REDACTED}\n+{REDACTED}\n{REDACTED}"


def test_the_path_of_a_secret_is_not_learned() -> None:
    redactor = Redactor.from_environment({"HF_TOKEN_PATH": "/home/me/token", "A_SECRET": "true"})
    assert redactor.values == ()


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://user:pw@host/repo.git", f"https://{REDACTED}@host/repo.git"),
        ("https://glpat@host/repo.git", f"https://{REDACTED}@host/repo.git"),
        ("ssh://git@host/repo.git", "ssh://git@host/repo.git"),
        ("git@host:me/repo.git", "git@host:me/repo.git"),
        ("https://host/repo.git", "https://host/repo.git"),
        ("postgres://me:pw@db:5432/x", f"postgres://{REDACTED}@db:5432/x"),
        ("0.1 @ https://glpat@host/repo.git", f"0.1 @ https://{REDACTED}@host/repo.git"),
    ],
)
def test_urls(url: str, clean: str) -> None:
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
        (
            ["--set=wandb.api_key=abc", "--env=HF_TOKEN=a=b"],
            [f"--set=wandb.api_key={REDACTED}", f"--env=HF_TOKEN={REDACTED}"],
        ),
        (["--prompt=my secret sauce=yes"], ["--prompt=my secret sauce=yes"]),
        (["--url", "https://abc@host"], ["--url", f"https://{REDACTED}@host"]),
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


# Without brackets: next to redacted text, they could look like a secret that never existed.
SECRETS = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FF, blacklist_characters="[]"), min_size=6, max_size=20
)


@given(secrets=st.lists(SECRETS, min_size=1, max_size=3), between=st.text(max_size=20))
def test_a_learned_secret_is_always_removed(secrets: list[str], between: str) -> None:
    redactor = Redactor.from_environment({f"X{at}_TOKEN": secret for at, secret in enumerate(secrets)})
    text = between.join([*secrets, ""])
    redacted, data = redactor.text(text), redactor.data(b"\xff\xfe" + text.encode() + b"\x00")
    for secret in secrets:
        assert secret in REDACTED or (secret not in redacted and secret.encode() not in data)
    assert redactor.text(redacted) == redacted
    assert redactor.data(data) == data
    assert redactor.argv([text]) == redactor.argv(redactor.argv([text]))


_VALUES = st.from_regex(r"[a-z][a-z0-9]{3,12}[0-9][A-Za-z0-9]{2,20}", fullmatch=True)
_SECRET_NAMES = st.sampled_from(NAMES.replace("--", "").split())
_OTHER_NAMES = st.sampled_from(
    [*NO_NAMES.replace("--", "").split(), *"credit pat_tern use_auth token_count n_tokens signal sig cache_key".split()]
)
_FORMS = st.sampled_from(
    [
        '{name}="{value}"', "{name} = '{value}'", '{{"{name}": "{value}", "lr": 1}}', "x['{name}'] = '{value}'",
        "see https://host/a?b=c&{name}={value}&d=e", '\\"{name}\\": \\"{value}\\"', "{name}: {value}",
    ]
)  # fmt: skip
_IN_MESSAGES = st.sampled_from(["failed: {name}={value} at 3", "failed ({name}: {value})", "a={name}, {name}={value}"])


@given(_SECRET_NAMES, _VALUES, st.one_of(_FORMS, _IN_MESSAGES))
def test_the_value_of_a_secret_name_is_removed(name: str, value: str, form: str) -> None:
    text = form.format(name=name, value=value)
    assert Redactor(()).text(text) == form.format(name=name, value=REDACTED)
    assert Redactor(()).text(Redactor(()).text(text)) == Redactor(()).text(text)


@given(_SECRET_NAMES, _VALUES, _FORMS)
def test_the_value_of_a_secret_name_is_removed_from_a_patch(name: str, value: str, form: str) -> None:
    patch = ("+" + form.format(name=name, value=value) + "\n").encode()
    removed = len(value) >= 12 or form != "{name}: {value}"
    assert (value.encode() not in Redactor(()).data(patch)) == removed


@given(_OTHER_NAMES, _VALUES, st.one_of(_FORMS, _IN_MESSAGES))
def test_the_value_of_another_name_is_kept(name: str, value: str, form: str) -> None:
    text = form.format(name=name, value=value)
    if not ("?" in form and name == "sig"):  # in a URL, it is a signature
        assert Redactor(()).text(text) == text
    assert Redactor(()).argv([f"--{name}", value, f"{name}={value}"]) == [f"--{name}", value, f"{name}={value}"]


CODE = """\
+    self.token = token2
+    login(password=args.password2, api_key=os.environ["API_KEY_2"], token=tokens[0])
+    parser.add_argument("--token", default=None)
+def encode(text: str, token: str = "default", secret=config.secret_name_1) -> None:
+    use_auth_token=True, auth="basic", secret_key = "{{ secret }}", token: "<token>"
+    credentials = "~/.aws/credentials"
+    assert token == expected_token_12345
"""


def test_code_that_names_secrets_is_kept() -> None:
    assert Redactor(()).data(CODE.encode()) == CODE.encode()


@pytest.mark.parametrize("value", ["1", "test", "true", "password", "default"])
def test_a_value_that_is_a_common_word_is_not_learned(value: str) -> None:
    text = f"1 test of a {value} is true, by default"
    assert Redactor.from_environment({"A_PASSWORD": value}).text(text) == text


@given(st.text(st.characters(blacklist_characters="@-_.", blacklist_categories=["Cs"]), max_size=60))
def test_a_text_without_secrets_is_unchanged(text: str) -> None:
    redactor = Redactor.from_environment({"X_TOKEN": "\x01never-there\x01"})
    assert redactor.text(text) == text
    assert redactor.data(text.encode()) == text.encode()
    assert redactor.url(text) == text


@given(st.binary(max_size=200))
def test_bytes_of_any_encoding_are_unchanged(data: bytes) -> None:
    assert Redactor(("never-there",)).data(data) == data
