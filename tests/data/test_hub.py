"""The hub: real `datasets` against a small server on this machine, and with none."""

import json
import os
import re
import socket
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote

import pyarrow
import pytest
from pyarrow import parquet

from loratory.data.hub import HubCopy, hub_tables
from loratory.errors import ResourceError

QUERIES = "google-research-datasets/google_wellformed_query"
COMMIT = "a" * 40
LOAD = """
from loratory.data.load import load_dataset
from loratory.recipe.schema import DataSection

dataset = load_dataset(DataSection(name="query_wellformedness"), "labelled")
print(len(dataset.rows("train")), dataset.rows("test")[0], dataset.sources["train"].digest)
"""
ASK = """
from loratory.data.load import load_dataset
from loratory.recipe.schema import DataSection

for name in ("squad_v2", "squad"):
    dataset = load_dataset(DataSection(name=name), "questions")
    print(list(dataset.splits), len(dataset.rows("train")), dataset.sources["train"].description)
    print(dataset.rows("validation")[0], dataset.rows("validation")[-1].answers)
"""
WAIT = """
import time
import datasets, huggingface_hub
from loratory.data.hub import HubCopy, hub_tables
from loratory.errors import ResourceError

start = time.monotonic()
try:
    hub_tables(HubCopy("nobody/nothing", ("text", "label"), ("train",)))
except ResourceError as error:
    print(error.code, time.monotonic() - start)
"""


def split_file(split):
    """Return a Parquet file as the hub converts it: ratings are 32-bit."""
    sink = pyarrow.BufferOutputStream()
    ratings = pyarrow.array([0.8, 0.6] * 5, pyarrow.float32())
    texts = [f"what is {split} {n} ?" for n in range(10)]
    parquet.write_table(pyarrow.table({"rating": ratings, "content": texts}), sink)
    return sink.getvalue().to_pybytes()


def squad_file(split, unanswerable):
    """Return a Parquet file of questions as the hub has them: a list of each part of an answer."""
    sink = pyarrow.BufferOutputStream()
    context = f"Two foxes sleep in the {split}."
    answers = [{"text": ["foxes", "Two foxes"], "answer_start": [4, 0]}] * 3
    answers += [{"text": [], "answer_start": []}] * unanswerable
    rows = [
        {
            "id": f"{split}-{n}",
            "title": split.title(),
            "context": context,
            "question": f"Who sleeps {n}?",
            "answers": found,
        }
        for n, found in enumerate(answers)
    ]
    parquet.write_table(pyarrow.Table.from_pylist(rows), sink)
    return sink.getvalue().to_pybytes()


FILES = {
    QUERIES: {
        f"default/{split}/0000.parquet": split_file(split)
        for split in ("train", "validation", "test")
    },
    "rajpurkar/squad": {
        f"plain_text/{split}-00000-of-00001.parquet": squad_file(split, unanswerable=0)
        for split in ("train", "validation")
    },
    "rajpurkar/squad_v2": {
        f"squad_v2/{split}-00000-of-00001.parquet": squad_file(split, unanswerable=1)
        for split in ("train", "validation")
    },
}


class Hub(BaseHTTPRequestHandler):
    """As much of the hub as a data set of Parquet files needs."""

    def __getattr__(self, name):
        if name in ("do_GET", "do_HEAD"):
            return self.respond
        raise AttributeError(name)

    def respond(self):
        path = unquote(self.path.split("?")[0])
        named = re.fullmatch(r"(?:/api)?/datasets/([^/]+/[^/]+)(/.*)?", path)
        repository, rest = (named[1], named[2] or "") if named else ("", "")
        files = FILES.get(repository, {})
        if path == "/":
            self.answer(b"")
        elif files and (not rest or rest.startswith("/revision/")):
            self.answer(json.dumps({"id": repository, "sha": COMMIT, "siblings": []}).encode())
        elif files and (tree := re.fullmatch(rf"/tree/{COMMIT}/?(.*)", rest)):
            self.answer(self.listing(files, tree[1]))
        elif (name := rest.split(f"/{COMMIT}/")[-1]) in files:
            self.answer(files[name])
        else:
            self.answer(b"{}", 404)

    def listing(self, files, folder):
        found = [name for name in files if name.startswith(folder)]
        entries = [{"type": "file", "path": f, "size": len(files[f]), "oid": f} for f in found]
        tops = {name.split("/")[0] for name in files} if not folder else ()
        entries += [{"type": "directory", "path": top, "oid": "x"} for top in tops]
        return json.dumps(entries).encode()

    def answer(self, body, status=200):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hash(body)}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("X-Error-Code", "EntryNotFound" if status == 404 else "")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *args):
        """Keep the test's output clean."""


@pytest.fixture
def hub():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.server_close()


def run(code, home, endpoint):
    """Run code in a process of its own: the hub's address is read when its client is imported."""
    chosen = {"HF_HOME": str(home), "HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": "0"}
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **chosen},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_set_comes_from_the_hub_and_then_from_its_cache(hub, tmp_path):
    endpoint = f"http://127.0.0.1:{hub.server_port}"
    online = run(LOAD, tmp_path, endpoint)
    assert online.stdout.startswith("10 Row(id='test/0', text='what is test 0 ?', label=1"), online
    hub.shutdown()
    hub.server_close()
    offline = run(LOAD, tmp_path, endpoint)
    assert offline.stdout == online.stdout, offline


def test_a_hub_that_does_not_answer_is_not_waited_for(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ran = run(WAIT, tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}")
    code, seconds = ran.stdout.split()
    assert code == "RES-NETWORK"
    assert float(seconds) < 5


def test_offline_without_a_cache_is_a_resource_error():
    with pytest.raises(ResourceError, match="cannot be loaded from the Hugging Face hub") as caught:
        hub_tables(HubCopy("nobody/nothing", ("text", "label"), ("train",)))
    assert (caught.value.code, caught.value.exit_code) == ("RES-NETWORK", 5)


def test_questions_come_from_the_hub_with_their_answers(hub, tmp_path):
    ran = run(ASK, tmp_path, f"http://127.0.0.1:{hub.server_port}")
    assert ran.returncode == 0, ran.stderr[-3000:]
    new, first, old, _ = ran.stdout.splitlines()
    assert new == "['train', 'validation'] 4 hub rajpurkar/squad_v2 train", ran
    assert old == "['train', 'validation'] 3 hub rajpurkar/squad train"
    assert first == (
        "QuestionRow(id='validation-0', question='Who sleeps 0?', "
        "context='Two foxes sleep in the validation.', "
        "answers=(Answer(text='foxes', start=4), Answer(text='Two foxes', start=0)), "
        "place='hub rajpurkar/squad_v2 validation:1', article='Validation') ()"
    )
