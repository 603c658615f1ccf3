"""The house rules for code, read off the source: sizes, names, imports and what is never called."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "loratory"

MOST_LINES_OF_A_FILE = 300
MOST_LINES_OF_A_FUNCTION = 50
MOST_PARAMETERS = 6
MOST_LEVELS_OF_CLASSES = 2  # nn.Module is one of them

# The only imports inside functions, by file: what is too slow to load for a run, or a command, that
# does not need it.
LATE_IMPORTS = {
    "data/hub.py": {"datasets", "huggingface_hub"},  # a second, and only sets from the hub need it
    "data/parquet.py": {"pyarrow"},  # only Parquet files need it
    "experiments/on_ray.py": {"ray"},  # an extra
    "export/executorch_graph.py": {"executorch"},  # an extra
    "export/onnx_graph.py": {"onnx"},  # an extra
    "export/onnx_int8.py": {"onnx", "onnxruntime"},  # an extra
    "export/onnx_run.py": {"onnx", "onnxruntime"},  # an extra
    "export/recurrent_graph.py": {"onnx"},  # an extra
    "models/whole_numbers.py": {"torchao"},  # an extra, and three seconds
    "export/peft_run.py": {"peft"},  # an extra
    "metrics/baselines.py": {"sklearn"},  # over a second, and only the baselines need it
    "pipeline.py": {"loratory"},  # the report: training goes on without its plots in memory
    "tasks/examples.py": {"sklearn"},  # only examples chosen by likeness need it
    "models/executorch_file.py": {"executorch"},  # an extra
    "models/onnx_file.py": {"onnx", "onnxruntime"},  # an extra
    "track/mlflow_run.py": {"mlflow"},  # an extra
    "track/tensorboard_files.py": {"torch"},  # its part for an extra, tensorboard
    "track/wandb_run.py": {"wandb"},  # an extra
}
# The command line and the package's root start without torch: they load rooms when called.
LATE_ROOMS = ("__init__.py", "cli")

# Signatures that are not ours to choose.
FIXED_BY_OTHERS = {
    "predict.py predict": "typer makes an option of each parameter",
    "quantize.py quantize": "typer makes an option of each parameter",
    "search.py search": "typer makes an option of each parameter",
    "sweep.py sweep": "typer makes an option of each parameter",
    "lora_product.py forward": "torch passes an autograd function its inputs one by one",
    "attention.py flat_attention": "transformers calls an attention function with these",
}

# Tests of the whole: everything else is the test of one file.
OF_NO_FILE = {"e2e", "test_architecture.py", "test_repository.py"}

HEAVY = ("datasets", "matplotlib", "sklearn", "torch", "transformers")
LIGHT = ("loratory", "loratory.recipe.load", "loratory.cli.main")

PICKLES = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve", "yaml"}
RUNS_CODE = {"eval", "exec", "compile", "__import__"}
PICKLING_CALLS = {"torch.load", "torch.save", "pandas.read_pickle", "pd.read_pickle"}
UNSAFE_KEYWORDS = {"trust_remote_code", "allow_pickle", "shell"}
VAGUE = {"common", "core", "handler", "helpers", "manager", "misc", "registry", "utils"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Source(NamedTuple):
    path: Path
    lines: int
    tree: ast.Module

    def at(self, node: ast.AST) -> str:
        return f"{self.path.relative_to(ROOT)}:{node.lineno}"

    @property
    def functions(self) -> list[Function]:
        return [node for node in ast.walk(self.tree) if isinstance(node, Function)]

    @property
    def classes(self) -> list[ast.ClassDef]:
        return [node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef)]


def sources(*folders: str) -> list[Source]:
    """Return the parsed Python files under `folders` of the repository."""
    found = []
    for path in sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        found.append(Source(path, len(text.splitlines()), ast.parse(text)))
    return found


SHIPPED = sources("src")
WRITTEN = SHIPPED + sources("tests", "benchmarks")


def imported(node: ast.AST) -> list[str]:
    """Return the modules that an import statement names."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module == "loratory":
        return [f"loratory.{alias.name}" for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


def is_of_the_root(module: str) -> bool:
    """Tell whether this names the package itself, or something in it that is no room."""
    package, _, inner = module.partition(".")
    room = PACKAGE / inner.split(".")[0]
    known = inner and (room.is_dir() or room.with_suffix(".py").is_file())
    return package == "loratory" and not known


def parameters(function: Function) -> list[str]:
    spec = function.args
    rest = [arg for arg in (spec.vararg, spec.kwarg) if arg]
    names = [arg.arg for arg in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs, *rest)]
    return [name for name in names if name not in ("self", "cls", "ctx")]


def test_there_is_source_to_check():
    assert len(SHIPPED) > 20
    assert any(source.path == Path(__file__).resolve() for source in WRITTEN)


def test_files_are_short():
    sizes = [(s.path.relative_to(ROOT).as_posix(), s.lines) for s in WRITTEN]
    assert not [size for size in sizes if size[1] > MOST_LINES_OF_A_FILE]


def test_functions_are_short():
    sizes = [(s.at(f), f.name, f.end_lineno - f.lineno + 1) for s in WRITTEN for f in s.functions]
    assert not [size for size in sizes if size[2] > MOST_LINES_OF_A_FUNCTION]


def test_functions_take_few_parameters():
    many = {
        f"{source.path.name} {function.name}"
        for source in WRITTEN
        for function in source.functions
        if len(parameters(function)) > MOST_PARAMETERS
    }
    assert many == FIXED_BY_OTHERS.keys()


def test_classes_are_not_deep():
    classes = [(s, node) for s in SHIPPED for node in s.classes]
    bases = {
        node.name: [ast.unparse(base).split("[")[0] for base in node.bases] for _, node in classes
    }

    def levels(name: str) -> int:
        if name not in bases:
            return int(name in ("Module", "nn.Module"))
        return 1 + max(map(levels, bases[name]), default=0)

    depths = [(s.at(node), node.name, levels(node.name)) for s, node in classes]
    assert not [depth for depth in depths if depth[2] > MOST_LEVELS_OF_CLASSES]


def test_names_say_what_things_are():
    paths = [s.path.relative_to(ROOT) for s in WRITTEN]
    files = [str(path) for path in paths if VAGUE & {*path.with_suffix("").parts}]
    classes = [
        f"{s.at(node)} {node.name}"
        for s in WRITTEN
        for node in s.classes
        if VAGUE & {word.lower() for word in re.findall("[A-Z][a-z]+", node.name)}
    ]
    assert not files + classes


def test_imports_are_absolute_and_never_of_the_package_root():
    faults = [
        s.at(node)
        for s in SHIPPED
        for node in ast.walk(s.tree)
        if (isinstance(node, ast.ImportFrom) and node.level)
        or any(map(is_of_the_root, imported(node)))
    ]
    assert not faults


def late_imports(source: Source) -> set[tuple[str, str]]:
    """Return (file, module) for each import inside a function, but for rooms that may load late."""
    within = source.path.relative_to(PACKAGE)
    names = [
        name
        for function in source.functions
        for node in ast.walk(function)
        for name in imported(node)
        if not (name.startswith("loratory.") and within.parts[0] in LATE_ROOMS)
    ]
    return {(within.as_posix(), name.split(".")[0]) for name in names}


def test_imports_stand_at_the_top_unless_they_are_slow():
    late = set().union(*map(late_imports, SHIPPED))
    allowed = {(path, name) for path, names in LATE_IMPORTS.items() for name in names}
    assert not late - allowed
    assert not allowed - late, "LATE_IMPORTS allows what nothing imports"


def runs_code(node: ast.AST) -> bool:
    """Tell whether this is a way to run code that comes out of a file."""
    if {name.split(".")[0] for name in imported(node)} & PICKLES:
        return True
    if not isinstance(node, ast.Call):
        return False
    called = ast.unparse(node.func)
    unsafe = any(
        keyword.arg in UNSAFE_KEYWORDS and ast.unparse(keyword.value) != "False"
        for keyword in node.keywords
    )
    return unsafe or called in RUNS_CODE or called in PICKLING_CALLS


def test_nothing_runs_code_out_of_a_file():
    assert not [s.at(node) for s in SHIPPED for node in ast.walk(s.tree) if runs_code(node)]


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from yaml import load",
        "eval(text)",
        "torch.load(path)",
        "np.load(path, allow_pickle=True)",
        "AutoModel.from_pretrained(path, trust_remote_code=flag)",
    ],
)
def test_the_check_for_code_out_of_files_sees(code):
    assert any(runs_code(node) for node in ast.walk(ast.parse(code)))


def test_the_check_for_code_out_of_files_lets_a_model_go_to_evaluation():
    assert not any(runs_code(node) for node in ast.walk(ast.parse("model.eval()")))


def public(node: ast.AST, inside: str) -> Iterator[tuple[str, ast.AST]]:
    """Yield the public functions, classes and methods of a module or a class."""
    for child in node.body:
        if isinstance(child, Function | ast.ClassDef) and not child.name.startswith("_"):
            yield f"{inside}.{child.name}", child
            if isinstance(child, ast.ClassDef):
                yield from public(child, f"{inside}.{child.name}")


def test_everything_public_says_what_it_is():
    silent = []
    for source in SHIPPED:
        name = str(source.path.relative_to(PACKAGE))
        things = [(name, source.tree), *public(source.tree, name)]
        silent += [place for place, node in things if not ast.get_docstring(node)]
    assert not silent


def test_tests_mirror_the_package():
    tests = [path.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")]
    mirrors = [path for path in tests if path.parts[0] not in OF_NO_FILE]
    assert mirrors
    # Those of benchmarks/ mirror that folder, which is no room of the package.
    tops = [ROOT if path.parts[0] == "benchmarks" else PACKAGE for path in mirrors]
    missing = [
        path
        for top, path in zip(tops, mirrors, strict=True)
        if not (top / path.parent / path.name.removeprefix("test_")).is_file()
    ]
    assert not missing


@pytest.mark.parametrize("module", LIGHT)
def test_starting_loads_nothing_heavy(module):
    code = f"import sys, {module}; print(*sorted(set({HEAVY}) & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr, ran.stdout.strip()) == (0, "", "")
