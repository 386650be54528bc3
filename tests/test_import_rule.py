"""One direction of imports, torch below one line, one MIDI library in one file, heavy things only when used.

The rule is read out of the source by its syntax, so it holds for code that no test runs, and then tried.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "affetti"

ABOVE_THE_LINE = (
    "errors",
    "files",
    "emotion",
    "piece",
    "midi",
    "analysis",
    "tokens",
    "notation",
    "scores",
    "audio",
    "formats",
    "corpora",
    "runtime",
)
BELOW_THE_LINE = ("layers", "training", "emoreg", "muser", "recogniser", "evaluation", "cli")
LAYERS = (*ABOVE_THE_LINE, *BELOW_THE_LINE)

TORCH = {"torch", "tensorboard"}
TORCH_LAYERS = {"layers", "training", "emoreg", "muser", "recogniser"}  # and cli.train, inside its function
TORCH_BACKEND = "affetti.muser.torch_backend"  # which affetti.load(…, backend="torch") may ask for
RUN_NETWORK = "affetti.muser.latent_network"  # by which affetti evaluate --disentanglement reads a run
HEAVY = {
    *TORCH,
    "onnx",
    "onnxruntime",
    "matplotlib",
    "music21",
    "verovio",
    "pooch",
    "muspy",
    "pandas",
    "scipy",
    "sklearn",
    "fluidsynth",
}


class Import(NamedTuple):
    """One import statement: where it stands and what it names ("affetti.midi", "torch.nn")."""

    file: Path
    line: int
    target: str
    at_module_level: bool

    @property
    def layer(self) -> str:
        """The layer of the file it stands in; "" for the package's own __init__ and __main__."""
        first = self.file.relative_to(PACKAGE).parts[0]
        return "" if first.startswith("__") else first.removesuffix(".py")

    @property
    def library(self) -> str:
        return self.target.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.file.relative_to(PACKAGE)}:{self.line} imports {self.target}"


def _imports(file: Path, source: str) -> Iterator[Import]:
    """All imports of a file's source; at module level are those that run when the file is imported."""

    def visit(node: ast.AST, at_module_level: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(file, child.lineno, alias.name, at_module_level)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{file}:{child.lineno}: relative imports hide their layer"
                for alias in child.names:
                    yield Import(file, child.lineno, f"{child.module}.{alias.name}", at_module_level)
            later = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            never = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
            yield from visit(child, at_module_level and not later and not never)

    yield from visit(ast.parse(source), True)


IMPORTS = [found for file in sorted(PACKAGE.rglob("*.py")) for found in _imports(file, file.read_text("utf-8"))]


def _needs_torch(found: Import) -> bool:
    """Whether an import is of torch, or of a layer that imports torch."""
    return found.library in TORCH or found.target.split(".")[:2] in [["affetti", layer] for layer in TORCH_LAYERS]


def _crosses_the_line(found: Import) -> bool:
    """Whether an import brings torch where it may not be: `affetti train`, once it runs, may call for it, and so may
    `affetti.load`, for the backend of that name, and `affetti evaluate --disentanglement`, for a run.
    """
    trains = found.file == PACKAGE / "cli" / "train.py" and not found.at_module_level
    is_backend = found.file == PACKAGE / "__init__.py" and found.target == f"{TORCH_BACKEND}.TorchSteps"
    is_run = found.file == PACKAGE / "cli" / "reports.py" and found.target == f"{RUN_NETWORK}.RunNetwork"
    asked_for = trains or ((is_backend or is_run) and not found.at_module_level)
    return _needs_torch(found) and found.layer not in TORCH_LAYERS and not asked_for


def test_every_module_belongs_to_a_layer() -> None:
    layers = {path.name.removesuffix(".py") for path in PACKAGE.iterdir() if path.is_dir() or path.suffix == ".py"}
    assert {layer for layer in layers if not layer.startswith("__")} - {"weights"} <= set(LAYERS)
    assert len(IMPORTS) > 100  # the rule below is checked on something


def test_torch_stays_below_the_line() -> None:
    assert [str(found) for found in IMPORTS if _crosses_the_line(found)] == []
    assert any(_needs_torch(found) for found in IMPORTS)


@pytest.mark.parametrize(
    ("file", "source", "crosses"),
    [
        ("runtime/replay.py", "def f():\n    from affetti.emoreg.train import train", True),
        ("runtime/replay.py", "def f():\n    from affetti import emoreg", True),
        ("runtime/replay.py", "class C:\n    def f(self):\n        import affetti.training.recipe", True),
        ("evaluation/report.py", "def f():\n    import torch.nn", True),
        ("cli/reports.py", "def f():\n    from affetti.layers.gru import Gru", True),
        ("cli/reports.py", "def f():\n    from affetti.muser.latent_network import RunNetwork", False),
        ("cli/reports.py", "from affetti.muser.latent_network import RunNetwork", True),
        ("__init__.py", "def f():\n    from affetti.emoreg.train import train", True),
        ("__init__.py", "def f():\n    from affetti.muser.torch_backend import TorchSteps", False),
        ("__init__.py", "from affetti.muser.torch_backend import TorchSteps", True),
        ("runtime/piano_model.py", "def f():\n    from affetti.muser.torch_backend import TorchSteps", True),
        ("cli/train.py", "from affetti.emoreg.train import train", True),
        ("cli/train.py", "def f():\n    from affetti.emoreg.train import train", False),
        ("emoreg/train.py", "import torch", False),
        ("runtime/replay.py", "from affetti.emotion import Emotion", False),
    ],
)
def test_what_crosses_the_line(file: str, source: str, crosses: bool) -> None:
    assert [_crosses_the_line(found) for found in _imports(PACKAGE / file, source)] == [crosses]


def test_only_midi_imports_symusic() -> None:
    assert [str(found) for found in IMPORTS if found.library == "symusic" and found.layer != "midi"] == []


def test_heavy_libraries_are_imported_where_they_are_used() -> None:
    wrong = [
        str(found)
        for found in IMPORTS
        if found.library in HEAVY and found.at_module_level and found.layer not in TORCH_LAYERS
    ]
    assert not wrong


def test_layers_import_upwards_only() -> None:
    """A module imports from its own layer or one above it (the package's __init__ belongs to no layer)."""
    wrong = []
    for found in IMPORTS:
        if found.layer and found.at_module_level and found.target.startswith("affetti."):
            target = found.target.split(".")[1]
            if target in LAYERS and LAYERS.index(target) > LAYERS.index(found.layer):
                wrong.append(str(found))
    assert not wrong


COMPOSE_AND_READ = """
from affetti.cli import run
assert run(["compose", "--emotion", "happy", "--seed", "1", "--out", "happy.mid"]) == 0
assert run(["read", "happy.mid"]) == 0
assert run(["replay", "happy.mid"]) == 0
"""


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        (
            "import affetti, affetti.midi, affetti.runtime",
            ["torch", "onnx", "onnxruntime", "matplotlib", "music21"],
        ),
        (
            "from affetti.cli import run; assert run(['compose', '--help']) == 0",
            [
                "torch",
                "onnx",
                "onnxruntime",
                "matplotlib",
                "music21",
                "symusic",
                "numpy",
                "rich",
                "affetti.cli.train",
            ],
        ),
        (
            "from affetti.cli import run; assert run(['--help']) == 0",
            ["numpy", "rich", "affetti.cli.compose", "affetti.cli.read", "affetti.cli.evaluate"],
        ),
        (
            COMPOSE_AND_READ,
            ["torch", "onnx", "tensorboard", "matplotlib", "music21", "verovio", "pooch", "rich"],
        ),
    ],
    ids=["api", "compose --help", "--help", "compose, read and replay"],
)
def test_a_new_process_loads_only_what_it_uses(code: str, absent: list[str], tmp_path: Path) -> None:
    check = f"{code}\nimport sys\nprint('LOADED', [name for name in {absent} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED []"
