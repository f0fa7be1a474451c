import os
import subprocess
import sys
import types
import warnings
from pathlib import Path

import pytest

import qkan
from circuits import EDGES, FILTERS
from circuits.errors import UsageError
from qkan.cli import main
from qkan.experiments import quanvolution


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["reproduce", "--help"],
        ["cache", "--help"],
    ],
)
def test_help_imports_nothing_heavy(arguments):
    code = (
        "import sys; from qkan.cli import main\n"
        f"code = main({arguments})\n"
        "heavy = {'torch', 'pennylane', 'matplotlib', 'scipy', 'numpy'} & set(sys.modules)\n"
        "assert code == 0 and not heavy, (code, heavy)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


def test_the_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"hybrid-qkan {qkan.__version__}\n"


@pytest.mark.slow
def test_a_module_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "qkan.cli", "reproduce", "nothing"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "nothing" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def fails(monkeypatch):
    def make(error):
        def run(config, places):
            raise error

        monkeypatch.setattr(quanvolution, "run", run)

    return make


@pytest.mark.parametrize(
    "error",
    [
        UsageError("expected this, got that"),
        OSError(28, "No space left on device"),
        MemoryError(" "),
    ],
)
def test_a_users_mistake_is_a_message_and_code_2(fails, capsys, error):
    fails(error)
    assert main(["reproduce", "quanvolution"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"Error: {error}")


@pytest.mark.parametrize("place", [0, 2])
def test_debug_gives_the_traceback(fails, place):
    fails(UsageError("expected this"))
    arguments = ["reproduce", "quanvolution"]
    arguments.insert(place, "--debug")
    with pytest.raises(UsageError, match="expected this"):
        main(arguments)


def test_our_own_mistakes_are_not_hidden(fails):
    fails(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        main(["reproduce", "quanvolution"])


def test_an_interrupt_says_how_to_go_on(fails, capsys):
    stop = KeyboardInterrupt()
    stop.add_note("Continue with: qkan reproduce quanvolution --resume runs/x")
    fails(stop)
    assert main(["reproduce", "quanvolution"]) == 130
    assert capsys.readouterr().err.splitlines()[1].endswith("--resume runs/x")


@pytest.mark.parametrize(
    "arguments", [["reproduce", "quanvolution", "--sead", "3"], ["nonsense"], ["draw"]]
)
def test_a_mistyped_command_is_code_2(arguments, capsys):
    assert main(arguments) == 2
    assert "Error" in capsys.readouterr().err


def test_bench_prints_and_writes_what_was_measured(tmp_path, monkeypatch):
    done = []
    report = types.SimpleNamespace(print=lambda: done.append("print"), write_json=done.append)
    module = types.ModuleType("qkan.benchmarks.quanvolution")
    module.run = lambda: report
    monkeypatch.setitem(sys.modules, "qkan.benchmarks.quanvolution", module)
    file = tmp_path / "rows.json"
    assert main(["bench", "quanvolution", "--json", str(file)]) == 0
    assert done == ["print", file]
    assert main(["bench", "quanvolutoin"]) == 2
    assert main(["bench", "quanvolution", "--json", str(tmp_path / "no" / "rows.json")]) == 2
    assert len(done) == 2


@pytest.mark.slow
@pytest.mark.parametrize("command", ["circuits | head -1", "circuits >&-"])
def test_a_closed_output_is_no_error(command):
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m qkan.cli {command}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_same_warning_is_told_once(fails, monkeypatch, capsys):
    def run(config, places):
        for _ in range(3):
            warnings.warn("this", stacklevel=1)
            warnings.warn("that", stacklevel=1)
        raise UsageError("enough")

    monkeypatch.setattr(quanvolution, "run", run)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert main(["reproduce", "quanvolution"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "Warning: this",
        "Warning: that",
        "Error: enough",
    ]


@pytest.mark.parametrize("word", ["~/a.png", "--out=~/a.png"])
def test_a_tilde_is_ones_home(monkeypatch, tmp_path, capsys, word):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main(["draw", "pz(depth=1)", *(["--out"] if word[0] == "~" else []), word]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'a.png'}\n"
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


def test_a_table_in_a_pipe_has_a_line_a_row(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["circuits"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert len(lines) == 2 + len(EDGES) + len(FILTERS)


@pytest.fixture
def odd(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("fifo")
    for name, text in {
        "bad": "a = [",
        "empty": "",
        "other": "epochs = 'x'",
        "long": "a" * 300,
    }.items():
        (tmp_path / f"{name}.toml").write_text(text)
    (tmp_path / "latin.toml").write_bytes(b"a = '\xe9'")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.toml").write_text("a = [")


ODD = (
    "/dev/zero",
    "fifo",
    ".",
    "bad.toml",
    "empty.toml",
    "other.toml",
    "long.toml",
    "latin.toml",
    "no.toml",
)
HUGE = ("1e400", "-1", "nan", "99999999999999999999", "", "{{}}", "[1]", "one", "\x00")
COMMANDS = [
    *(["sweep", name] for name in ODD),
    *(["reproduce", "quanvolution", "--config", name] for name in ODD if name != "empty.toml"),
    *([command, name] for name in (*ODD, "run") for command in ("export", "inspect", "draw")),
    *(["cost", name] for name in (*ODD, "run", *HUGE)),
    *(["export", "pz", "--weights", name] for name in (*ODD, "run")),
    *(["export", "pz", "--inputs", text] for text in HUGE[4:]),
    *(["export", "pz", "--format", text] for text in HUGE),
    *([command, f"pz(depth={text})"] for text in HUGE for command in ("draw", "export", "cost")),
    *(
        ["draw", text]
        for text in (
            "(",
            "pz(",
            "pz(depth=3",
            "pz(3)",
            "pz(x=1)",
            "pz(depth=1, depth=2)",
            "a" * 5000,
        )
    ),
    *(["draw", "pz", "--out", name] for name in ("a.gif", "fifo", "run", "/dev/null/a.png")),
    *(["sweep", "--resume", name] for name in (*ODD, "run")),
    *(["reproduce", "quanvolution", "--resume", name] for name in (*ODD, "run")),
    *(["reproduce", "quanvolution", "--seeds", text] for text in HUGE),
    *(
        ["reproduce", "quanvolution", "--out", name]
        for name in ("fifo", "run", "bad.toml", "/dev/null")
    ),
    *(["reproduce", "mnist", "--rates", text] for text in HUGE if text[:2] != "99"),
    *(["jets", "generate", "--events", text] for text in HUGE),
    *(["bench", text] for text in HUGE),
    *(["cache", "show", text, "--cache-dir", "."] for text in HUGE),
    ["cache", "clear", "--older-than", "inf", "--cache-dir", "fifo"],
]


@pytest.mark.slow
@pytest.mark.usefixtures("odd")
def test_odd_command_lines_are_a_line_and_code_2(capsys, monkeypatch):
    """None ends in a traceback (main would raise), hangs, or writes what it was not asked for."""
    monkeypatch.setattr(sys, "argv", ["qkan"])
    assert len(COMMANDS) > 190
    before = sorted(Path().rglob("*"))
    for words in COMMANDS:
        assert main(words) == 2, words
        err = capsys.readouterr().err
        assert "Error" in err, words
        assert "Traceback" not in err, words
    assert sorted(Path().rglob("*")) == before
