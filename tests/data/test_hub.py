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

REPOSITORY = "google-research-datasets/google_wellformed_query"
COMMIT = "a" * 40
LOAD = """
from loratory.data.load import load_dataset
from loratory.recipe.schema import DataSection

dataset = load_dataset(DataSection(name="query_wellformedness"))
print(len(dataset.rows("train")), dataset.rows("test")[0], dataset.sources["train"].digest)
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


FILES = {
    f"default/{split}/0000.parquet": split_file(split) for split in ("train", "validation", "test")
}


class Hub(BaseHTTPRequestHandler):
    """As much of the hub as a data set of Parquet files needs."""

    def __getattr__(self, name):
        if name in ("do_GET", "do_HEAD"):
            return self.respond
        raise AttributeError(name)

    def respond(self):
        path = unquote(self.path.split("?")[0])
        api = path.removeprefix(f"/api/datasets/{REPOSITORY}")
        if path == "/":
            self.answer(b"")
        elif re.fullmatch(r"/revision/.*", api):
            self.answer(json.dumps({"id": REPOSITORY, "sha": COMMIT, "siblings": []}).encode())
        elif tree := re.fullmatch(rf"/tree/{COMMIT}/?(.*)", api):
            self.answer(self.listing(tree[1]))
        elif (name := path.split(f"/{COMMIT}/")[-1]) in FILES:
            self.answer(FILES[name])
        else:
            self.answer(b"{}", 404)

    def listing(self, folder):
        files = [name for name in FILES if name.startswith(folder)]
        entries = [{"type": "file", "path": f, "size": len(FILES[f]), "oid": f} for f in files]
        entries += [{"type": "directory", "path": "default", "oid": "x"}] * (not folder)
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
