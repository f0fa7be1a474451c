import subprocess
import sys
import types

import pytest

import qkan
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
    "error", [UsageError("expected this, got that"), OSError(28, "No space left on device")]
)
def test_a_users_mistake_is_a_message_and_code_2(fails, capsys, error):
    fails(error)
    assert main(["reproduce", "quanvolution"]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"Error: {error}\n")


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
