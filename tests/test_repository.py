"""What stands around the code: dependencies and their locks, the README's tree, links, words."""

import ast
import re
import shlex
import socket
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from loratory.data.named import NAMED_SETS
from loratory.data.named_questions import QUESTION_SETS
from loratory.data.word_problems import SIZES
from loratory.recipe.load import load_recipe
from loratory.recipe.schema import TASKS
from loratory.recipe.shipped import shipped_recipes

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "loratory"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = [
    line
    for name, lines in PROJECT["optional-dependencies"].items()
    if name != "dev"
    for line in lines
]
WRITTEN_BY_HAND = {
    ".cfg",
    ".css",
    ".html",
    ".ipynb",
    ".jinja",
    ".js",
    ".lock",
    ".md",
    ".py",
    ".toml",
    ".yaml",
}
FOLDERS = (".ci", "benchmarks", "docs", "examples", "recipes", "src", "tests")

# Dependencies that no file of ours imports, and who does.
USED_THROUGH = {"accelerate": "transformers asks for it before it reads a GGUF file"}
# Packages that belong to a dependency, which pins them.
PART_OF = {"mlflow-skinny": "mlflow", "mlflow-tracing": "mlflow", "pydantic-core": "pydantic"}


def texts():
    """Yield every text file of the repository with what it says."""
    tops = [path for path in ROOT.iterdir() if path.is_file()]
    inner = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
    for path in sorted(tops + inner):
        if path.suffix in WRITTEN_BY_HAND or path.name == "Makefile" or path.parent.name == ".ci":
            yield path, path.read_text(encoding="utf-8")


def declared(names):
    return {canonicalize_name(Requirement(line).name): Requirement(line) for line in names}


def pinned(name):
    """Return the versions that a lock file pins, by package; anything but a pin is an error."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith(("#", "-r requirements.lock"))]
    unlike = [pin for pin in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9a-z.]*", pin)]
    assert not unlike, "not an exact version that every platform has"
    return {canonicalize_name(pin.split("==")[0]): pin.split("==")[1] for pin in pins}


def imported_packages():
    """Return the distributions whose modules our source imports."""
    owners, found = packages_distributions(), set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or "loratory"] if isinstance(node, ast.ImportFrom) else []
            found |= {name.split(".")[0] for name in names}
    ours = {"loratory", *sys.stdlib_module_names}
    imported = found - ours
    return {canonicalize_name(name) for module in imported for name in owners.get(module, [module])}


def test_dependencies_are_what_the_source_imports():
    needed = declared(PROJECT["dependencies"]).keys()
    used = {PART_OF.get(package, package) for package in imported_packages()}
    assert not used - needed - declared(EXTRAS).keys(), "imported, but not in pyproject.toml"
    assert needed - used == USED_THROUGH.keys()


def test_the_lock_files_pin_every_dependency_within_its_range():
    runtime, dev = pinned("requirements.lock"), pinned("requirements-dev.lock")
    for requirement in declared(PROJECT["dependencies"]).values():
        assert requirement.specifier.contains(runtime[canonicalize_name(requirement.name)])
    for requirement in declared(EXTRAS + PROJECT["optional-dependencies"]["dev"]).values():
        pins = runtime | dev  # another needs it too, of those that a run needs
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)])
    assert not runtime.keys() & dev.keys()


def test_the_lock_files_hold_no_library_of_one_platform():
    names = pinned("requirements.lock") | pinned("requirements-dev.lock")
    assert not [name for name in names if name.startswith(("cuda", "nvidia", "triton", "pywin"))]


def test_every_dependency_says_why_it_is_there():
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \|", page, flags=re.MULTILINE)
    every = PROJECT["dependencies"] + EXTRAS + PROJECT["optional-dependencies"]["dev"]
    assert sorted(rows) == sorted(Requirement(line).name for line in every)


def readme_tree():
    """Return {path below src/loratory: phrase} as the README's tree shows it."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"^```\w*\nsrc/loratory/?[^\n]*\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    assert block, "the README has no fenced block headed by src/loratory"
    tree, folders = [], []
    for line in block[1].splitlines():
        entry = re.fullmatch(r"((?:│   |    )*)[├└]── (\S+) *(.*)", line)
        assert entry, f"not a line of the tree: {line!r}"
        del folders[len(entry[1]) // 4 :]
        if entry[2].endswith("/"):
            folders.append(entry[2])
        else:
            tree.append(("".join(folders) + entry[2], entry[3]))
    return tree


def test_the_readme_shows_every_source_file_once_with_a_phrase():
    files = [path for path in PACKAGE.rglob("*") if path.is_file()]
    shown = [
        path.relative_to(PACKAGE).as_posix()
        for path in files
        if path.suffix != ".pyc" and path.name not in ("__init__.py", "py.typed")
    ]
    tree = readme_tree()
    # A folder's __init__.py holds one sentence; the package's own offers the Python interface.
    assert sorted(path for path, _ in tree) == sorted([*shown, "__init__.py"])
    assert not [path for path, phrase in tree if not phrase]


def without_code(page):
    return re.sub(r"^```.*?^```", "", page, flags=re.DOTALL | re.MULTILINE)


def test_links_between_pages_lead_somewhere():
    pages = [(path, text) for path, text in texts() if path.suffix == ".md"]
    assert pages
    links = [
        (path, target)
        for path, text in pages
        for target in re.findall(r"\]\(([^)\s#]+)[^)]*\)", without_code(text))
        if not re.match(r"[a-z]+:", target)
    ]
    assert not [link for link in links if not (link[0].parent / link[1]).exists()]


def anchors(page):
    """Return what a link can name of a page's headings, by GitHub's rule."""
    headings = re.findall(r"^#+ +(.+)", without_code(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_links_into_a_page_lead_to_one_of_its_headings():
    pages = {path.resolve(): text for path, text in texts() if path.suffix == ".md"}
    links = [
        ((path.parent / target).resolve() if target else path, anchor)
        for path, text in pages.items()
        for target, anchor in re.findall(r"\]\(([^)\s#:]*)#([^)\s]+)\)", without_code(text))
    ]
    assert links
    assert not [(path, name) for path, name in links if name not in anchors(pages[path])]


def code_of(kind):
    """Return each code block of the pages in a language, with the page's name."""
    pages = [(path, text) for path, text in texts() if path.suffix == ".md"]
    return [
        (path.name, code)
        for path, text in pages
        for code in re.findall(rf"^```{kind}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    ]


def test_commands_in_the_pages_name_recipes_that_load():
    shown = [line for _, code in code_of("bash") for line in code.splitlines()]
    pages = [text for path, text in texts() if path.suffix == ".md"]
    shown += [line for text in pages for line in re.findall(r"`(loratory train [^`]+)`", text)]
    commands = [shlex.split(line, comments=True)[2:] for line in shown if "loratory train " in line]
    recipes = [words for words in commands if words[0] in shipped_recipes()]
    assert {words[0] for words in recipes} >= {"quickstart", "squad", "squad_v2", "text"}
    for name, *overrides in recipes:
        load_recipe(name, [word for word in overrides if "=" in word])


@pytest.fixture
def recipes_in_the_pages(tmp_path):
    """Return each whole recipe that a page shows, loaded."""
    found = [(page, code) for page, code in code_of("yaml") if "base:" in code]
    assert len(found) > 5
    paths = [tmp_path / f"{number}-{page}.yaml" for number, (page, _) in enumerate(found)]
    for path, (_, code) in zip(paths, found, strict=True):
        path.write_text(code)
    return [load_recipe(path) for path in paths]


def splits_without_a_folder(name):
    """Return the splits that a named set has where `data.dir` is not given."""
    if name == "word_problems":
        return {*SIZES}
    if name in QUESTION_SETS:
        return {*QUESTION_SETS[name].hub.splits}
    # Pairs are made of the film reviews, whose wheel has the hub's training rows.
    return {*NAMED_SETS.get(name, NAMED_SETS["rotten_tomatoes"]).hub.splits}


def test_no_recipe_limits_a_split_that_there_is_only_with_a_folder(recipes_in_the_pages):
    shipped = [load_recipe(name) for name in shipped_recipes()]
    named = [one for one in (*shipped, *recipes_in_the_pages) if one.data.name]
    for recipe in named:
        data = recipe.data
        limited = {split for split, most in data.limit if most is not None}
        held_out = {split for split, rows in data.holdout if rows is not None}
        assert limited <= held_out | splits_without_a_folder(data.name), recipe.name


def test_every_task_has_a_page_that_the_readme_names():
    kinds = TASKS.keys()
    pages = {path.stem for path in (ROOT / "docs" / "tasks").glob("*.md")}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert pages == kinds
    assert all(f"(docs/tasks/{kind}.md)" in readme for kind in kinds)


def test_no_file_names_one_machine_or_one_registry():
    unwanted = re.compile(
        r"/(work|root|home|tmp)/[a-z.]|\b(pypi|npmjs|pythonhosted|debian)\.(org|net)\b"
    )
    assert not [
        f"{path.relative_to(ROOT)}:{number}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), start=1)
        if unwanted.search(line)
    ]


def test_git_ignores_nothing_that_was_written():
    paths = "\n".join(str(path.relative_to(ROOT)) for path, _ in texts())
    command = ["git", "check-ignore", "--no-index", "--stdin"]
    ran = subprocess.run(
        command, cwd=ROOT, input=paths, capture_output=True, text=True, check=False
    )
    if ran.returncode not in {0, 1}:
        pytest.skip("not a git checkout")
    assert ran.stdout.splitlines() == []


def test_tests_cannot_leave_this_machine():
    with pytest.raises(pytest.fail.Exception, match=r"192\.0\.2\.1"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)


@pytest.mark.network
def test_the_wheel_carries_the_recipes_and_the_type_marker(tmp_path):
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, ROOT]
    subprocess.run(build, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    held = zipfile.ZipFile(wheel).namelist()
    recipes = [path.relative_to(ROOT / "recipes") for path in (ROOT / "recipes").rglob("*.yaml")]
    assert recipes
    assert {f"loratory/recipes_shipped/{path.as_posix()}" for path in recipes} <= {*held}
    assert "loratory/py.typed" in held
