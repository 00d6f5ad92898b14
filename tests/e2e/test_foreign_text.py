"""Untrusted text from a script, a file name or a config is clean wherever it is shown, and makes no record unusable."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.command import environment, log_of, record_of, tsdia_run
from tests.support.suggestions import paste, the
from tests.support.zygote import Ended, Zygote

# An escape sequence in 7 and 8 bits, NUL, half a character, half a byte, a bidirectional override, a line separator.
ODD = "\x1b[31mred\x9b0m \0 \ud800 \udce9 \u202e \u2028end"
CLEAN = r"red \x00 \ud800 \xe9 \u202e \u2028end"
SCRIPT = f"""\
import os, pathlib
attempt = os.environ["TSDIA_RUN_ATTEMPT"]
name = os.fsdecode(b"checkpoint-\\xe9\\x1b[31m-5")
checkpoint = pathlib.Path(os.environ["TSDIA_RUN_DIR"], name)
checkpoint.mkdir(exist_ok=True)
[path.read_bytes() for path in checkpoint.iterdir()]
(checkpoint / os.fsdecode(b"st\\xe9\\n.json")).write_text("{{}}")
(checkpoint / "random_states_0.pkl").write_bytes(bytes((128, 4, 78, 46)))
class Odd(Exception):
    pass
Odd.__qualname__ = "Odd\\x1b[1m\\ud800"
if attempt == "0":
    raise Odd({ODD!r})
"""
NAME = os.fsdecode(b"ex\xe9\xe2\x80\xae")


def is_clean(text: str) -> bool:
    return all(line.isprintable() for line in text.splitlines())


def ours(ended: Ended) -> str:
    return "\n".join(line for line in ended.err.splitlines() if "tsdia-run" in line or line.startswith("  why"))


@pytest.fixture
def odd(project: Path) -> Path:
    (project / os.fsdecode(b"tr\xe9\x1b[1m.py")).write_text(SCRIPT, encoding="utf-8", errors="surrogatepass")
    return project


def test_a_script_with_odd_strings_and_names_from_start_to_end(odd: Path, zygote: Zygote) -> None:
    script, run = os.fsdecode(b"tr\xe9\x1b[1m.py"), os.path.join("runs", NAME)
    first = zygote.run(
        "new", "config.yml", "--entrypoint", script, "--name", NAME, "--set", "+a.b=\udce9\u202e", "--", "--x\udce9",
        cwd=odd,
    )  # fmt: skip
    assert first.code == 1, first
    assert "Traceback" not in ours(first)
    assert is_clean(ours(first)), first
    run_dir = odd / run
    text = (run_dir / "run.json").read_text(encoding="utf-8")
    assert is_clean(text)
    reason = record_of(run_dir)["attempts"][0]["outcome"]["reason"]
    assert reason.startswith(f"Odd\\ud800: {CLEAN} (tr\\xe9.py:")
    marks = [line for line in log_of(run_dir).splitlines() if line.startswith("[tsdia-run: ")]
    assert [len(marks), all(map(str.isprintable, marks))] == [2, True]
    assert CLEAN in marks[1]
    exit_record = json.loads((run_dir / "attempts/0/exit-rank0.json").read_bytes())
    assert exit_record["exception"]["message"] == CLEAN
    for words in (("info", run), ("list",), ("list", "--csv"), ("compare", run, run, "--json")):
        shown = zygote.run(*words, cwd=odd)
        assert is_clean(shown.out + shown.err), words
    again = zygote.run("resume", run, cwd=odd)
    assert again.code == 0, again
    assert is_clean(ours(again))
    assert record_of(run_dir)["attempts"][1]["checkpoint"] == os.fsdecode(b"checkpoint-\xe9\x1b[31m-5")


WORDS = (("resume", "runs/exp"), ("ensure", "config.yml"), ("stop", "runs/exp"), ("info", "exp"), ("list",))


@pytest.mark.parametrize("words", WORDS, ids=lambda words: words[0])
@pytest.mark.parametrize("text", ["\ud800", "\0", "\x1b[31m"])
def test_records_that_were_written_with_odd_strings_are_usable(
    odd: Path, zygote: Zygote, words: tuple[str, ...], text: str
) -> None:
    os.rename(odd / os.fsdecode(b"tr\xe9\x1b[1m.py"), odd / "train.py")
    assert zygote.run("new", "config.yml", cwd=odd).code == 1
    run_dir = odd / "runs/exp"
    data = record_of(run_dir)
    data["name"] = data["wandb_name"] = data["attempts"][0]["host"] = f"x{text}"
    data["attempts"][0]["outcome"]["reason"] = f"ValueError: {text} (train.py:3)"
    (run_dir / "run.json").write_text(json.dumps(data))
    ended = zygote.run(*words, cwd=odd)
    assert (ended.code, "Traceback" in ended.err) == (0, False), ended
    assert is_clean(ended.out)


@pytest.mark.parametrize("text", ["\ud800", "\0", "\x1b[31m"])
def test_an_ending_that_only_the_ranks_recorded(odd: Path, zygote: Zygote, text: str) -> None:
    os.rename(odd / os.fsdecode(b"tr\xe9\x1b[1m.py"), odd / "train.py")
    assert zygote.run("new", "config.yml", cwd=odd).code == 1
    run_dir = odd / "runs/exp"
    data = record_of(run_dir)
    data["state"] = data["attempts"][0]["state"] = "running"
    data["attempts"][0]["outcome"] = data["attempts"][0]["ended_at"] = None
    (run_dir / "run.json").write_text(json.dumps(data))
    exit_record = run_dir / "attempts/0/exit-rank0.json"
    said = json.loads(exit_record.read_bytes())
    said["exception"] |= {"message": text, "type": text, "at": {"file": text, "line": text}}
    exit_record.write_text(json.dumps(said))
    assert zygote.run("resume", "runs/exp", cwd=odd).code == 0
    assert record_of(run_dir)["attempts"][0]["state"] == "failed"
    assert is_clean((run_dir / "run.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "section",
    [
        'args: ["a\\0b"]',
        'args: ["\\uD800"]',
        'env: {A: "x\\0"}',
        'env: {"A\\0": x}',
        'env: {"A=B": x}',
        'roots: ["\\0"]',
    ],
)
def test_a_setting_that_cannot_be_an_argument_is_reported_with_its_position(
    project: Path, zygote: Zygote, section: str
) -> None:
    (project / "train.py").write_text("")
    (project / "odd.yml").write_text(f"tsdia_run:\n  {section}\n")
    ended = zygote.run("new", "odd.yml", cwd=project)
    assert (ended.code, "odd.yml:2:" in ended.err) == (78, True), ended


@pytest.mark.parametrize("name", ["\\uD800", "a\\0b"])
def test_an_impossible_run_directory_is_refused(project: Path, zygote: Zygote, name: str) -> None:
    (project / "train.py").write_text("")
    (project / "odd.yml").write_text(f'checkpoint: {{save_dir: "runs/{name}"}}\n')
    ended = zygote.run("new", "odd.yml", cwd=project, env=environment())
    assert ended.code == 73, ended


@pytest.mark.parametrize("utf8", ["0", "1"])
def test_a_locale_other_than_utf8(project: Path, utf8: str) -> None:
    """Every process reads paths in the same encoding, whatever the locale and PYTHONUTF8 say."""
    name = "en_US.ISO-8859-1"
    if shutil.which("localedef") is None or not Path("/usr/share/i18n/locales/en_US").exists():
        pytest.skip("needs localedef and the sources of the locales (apt-get install locales)")
    subprocess.run(["localedef", "-i", "en_US", "-f", "ISO-8859-1", str(project / name)], check=True)
    (project / "train.py").write_text("print('trained')\n")
    env = {"LOCPATH": str(project), "LC_ALL": name, "PYTHONUTF8": utf8}
    run_dir = os.fsdecode("runs/caf\u00e9\u65e5".encode() + b"\xe9")
    done = tsdia_run("new", "config.yml", "--run-dir", run_dir, "--", run_dir, cwd=project, env=env, encoding="latin-1")
    assert done.returncode == 0
    assert "relay" not in done.stderr
    assert "trained" in log_of(project / run_dir)
    again = paste(the(done.stderr, "new"), project, env)
    assert again.returncode == 0
