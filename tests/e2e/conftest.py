"""The command line from outside: refusals that must leave nothing, and processes to end.

Also what whole experiments need: a tiny base with room for a page of text, and a few rows of every
named set in its authors' form.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

# Has imported what a run needs, and then becomes `loratory ARGUMENTS` once for every line it reads:
# a process of its own, from the first argument to its exit, without five seconds of imports.
SERVER = """
import json, os, sys, traceback
import loratory.pipeline, loratory.cli.main, loratory.cli.predict
import matplotlib.backends.backend_agg, sklearn.linear_model

for line in sys.stdin:
    job = json.loads(line)
    child = os.fork()
    if child:
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    code = 1
    try:
        for number, name in enumerate(job["files"]):
            os.dup2(os.open(name, os.O_RDWR | os.O_CREAT, 0o600), number)
        sys.argv = ["loratory", *job["arguments"]]
        loratory.cli.main.main()
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)
"""


class Ended(NamedTuple):
    """How a process ended (minus the signal's number, if one ended it) and what it had said."""

    code: int
    out: str
    err: str
    seconds: float


class ForkedProcess:
    """`loratory ARGUMENTS`, begun by the server."""

    def __init__(self, server: subprocess.Popen, folder: Path, arguments: list[str]) -> None:
        self.server, self.start = server, time.monotonic()
        self.out, self.err = folder / "out", folder / "err"
        for path in (self.out, self.err):
            path.write_text("")
        job = {"arguments": arguments, "files": ["/dev/null", str(self.out), str(self.err)]}
        server.stdin.write(json.dumps(job) + "\n")
        server.stdin.flush()
        self.pid = int(server.stdout.readline())

    def send(self, number: int) -> None:
        """Send a signal; signal 0 only asks whether the process is there."""
        os.kill(self.pid, number)

    def wait(self) -> Ended:
        code = int(self.server.stdout.readline())
        seconds = time.monotonic() - self.start
        return Ended(code, self.out.read_text(), self.err.read_text(), seconds)


class FreshProcess:
    """`python -m loratory ARGUMENTS`, begun from nothing."""

    def __init__(self, arguments: list[str]) -> None:
        pipe, command = subprocess.PIPE, [sys.executable, "-m", "loratory", *arguments]
        self.start = time.monotonic()
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True
        )

    def send(self, number: int) -> None:
        """Send a signal; signal 0 only asks whether the process is there."""
        if self.process.poll() is not None:
            raise ProcessLookupError
        self.process.send_signal(number)

    def wait(self) -> Ended:
        out, err = self.process.communicate()
        return Ended(self.process.returncode, out, err, time.monotonic() - self.start)


@pytest.fixture(scope="session")
def server():
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        yield process
        process.stdin.close()


@pytest.fixture
def begin(server, tmp_path):
    """Return a function that begins `loratory ARGUMENTS` as a process, and returns it."""
    return lambda *arguments: ForkedProcess(server, tmp_path, [*map(str, arguments)])


@pytest.fixture
def begin_fresh():
    """Return what `begin` returns, with every import made anew."""
    return lambda *arguments: FreshProcess([*map(str, arguments)])


@pytest.fixture
def signalled():
    """Return a function that sends a signal once a condition holds, and waits for the end."""

    def send(process, number, when):
        with suppress(ProcessLookupError):
            while not when():
                process.send(0)
                time.sleep(0.002)
            process.send(number)
        return process.wait()

    return send


@pytest.fixture
def killed(signalled):
    """Return a function that kills a process, once a condition holds, before it can do a thing."""
    return lambda process, when: signalled(process, signal.SIGKILL, when)


class Refusal(NamedTuple):
    """What a person reads: the two lines, and the code between the brackets."""

    exit_code: int
    code: str
    headline: str
    fix: str


@pytest.fixture
def refused(loratory, tmp_path, monkeypatch):
    """Return a function that runs a command that must refuse, and must leave no trace."""
    monkeypatch.chdir(tmp_path)

    def refuse(*arguments):
        before = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")}
        ran = loratory(*arguments)
        assert {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")} == before
        assert ran.out == ""
        headline, fix = ran.err.splitlines()
        found = re.fullmatch(r"error\[([A-Z]+-[A-Z]+)\]: .+, at .+", headline)
        assert found, headline
        assert re.fullmatch("fix: .+", fix), fix
        return Refusal(ran.code, found[1], headline, fix)

    return refuse


@pytest.fixture(scope="session")
def roomy_folder(llama_folder, tmp_path_factory):
    """Return a folder with a random Llama, 2 layers of 64, that reads 2,048 tokens."""
    from transformers import LlamaConfig, LlamaForCausalLM, set_seed

    folder = tmp_path_factory.mktemp("roomy")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(llama_folder / name, folder / name)
    set_seed(0)
    config = LlamaConfig(
        vocab_size=320,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        bos_token_id=0,
        eos_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


# By the name of a file of the authors': how many of its lines, or paragraphs of questions.
FEW = {
    "rotten_tomatoes/train.jsonl": 40,
    "rotten_tomatoes/validation.jsonl": 12,
    "cola/in_domain_train.tsv": 40,
    "cola/in_domain_dev.tsv": 12,
    "query_wellformedness/train.tsv": 40,
    "query_wellformedness/dev.tsv": 12,
    "squad_v1.1/train.json": 6,
    "squad_v1.1/validation.json": 2,
    "squad_v2.0/train.json": 6,
    "squad_v2.0/validation.json": 2,
}


@pytest.fixture(scope="session")
def few_rows(request, tmp_path_factory):
    """Return a folder with a few rows of every named set, and `texts.txt`.

    They are real ones where there are any, otherwise of their form.
    """
    try:
        source = request.getfixturevalue("shared_data")
    except pytest.skip.Exception:
        source = None
    folder = tmp_path_factory.mktemp("rows")
    for name, wanted in FEW.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        is_real = source is not None and (source / name).is_file()
        if path.suffix == ".json":
            articles = (
                json.loads((source / name).read_text())["data"] if is_real else _articles(name)
            )
            path.write_text(json.dumps({"data": _few_articles(articles, wanted)}))
        else:
            lines = (source / name).read_text().splitlines() if is_real else _lines(name)
            path.write_text("\n".join(lines[:: max(1, len(lines) // wanted)][:wanted]) + "\n")
    reviews = (folder / "rotten_tomatoes" / "train.jsonl").read_text().splitlines()
    texts = [json.loads(line)["text"] for line in reviews]
    (folder / "texts.txt").write_text("\n\n".join(texts) + "\n")
    return folder


def _few_articles(articles, paragraphs):
    """Return one short paragraph of each of so many articles, with three of its questions."""
    few = []
    for article in articles[:paragraphs]:
        shortest = min(article["paragraphs"], key=lambda paragraph: len(paragraph["context"]))
        qas = sorted(shortest["qas"], key=lambda asked: asked.get("is_impossible", False))
        ends = qas if len(qas) < 3 else [qas[0], qas[1], qas[-1]]
        few.append({"title": article["title"], "paragraphs": [shortest | {"qas": ends}]})
    return few


def _articles(name):
    """Return made-up articles; in version 2.0 every third question has no answer."""
    return [_article(name, number) for number in range(8)]


def _article(name, number):
    context = f"The {name} bridge {number} was built in {1900 + number}. It is {number} miles long."
    year = str(1900 + number)
    answers = [{"text": year, "answer_start": context.index(year)}]
    questions = [f"When was bridge {number} built?", f"What year is bridge {number} of?"]
    qas = [
        {"id": f"{name}-{number}-{at}", "question": question, "answers": answers}
        for at, question in enumerate(questions)
    ]
    none = {"id": f"{name}-{number}-2", "question": "Who built it?", "answers": []}
    if "v2.0" in name:
        qas = [asked | {"is_impossible": False} for asked in qas]
        qas.append(none | {"is_impossible": True})
    return {"title": f"{name} {number}", "paragraphs": [{"context": context, "qas": qas}]}


def _lines(name):
    """Return made-up rows in the form of a file of texts with a class."""
    texts = [(f"{name} sentence {number}", number % 2) for number in range(40)]
    if name.startswith("rotten_tomatoes"):
        return [json.dumps({"text": text, "label": label}) for text, label in texts]
    if name.startswith("cola"):
        return [f"made\t{label}\t\t{text}" for text, label in texts]
    return [f"{text}\t{float(label)}" for text, label in texts]
