"""A base without its weights: the same shapes by the same names, or the same error."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from loratory.errors import ModelError, SecurityError
from loratory.models.load import load_base
from loratory.models.outline import outline_base


def shapes(base):
    tensors = {**dict(base.network.named_parameters()), **dict(base.network.named_buffers())}
    return {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}


@pytest.mark.parametrize("language_head", [False, True])
def test_names_and_shapes_are_those_of_the_loaded_base(base_folder, language_head):
    outline = outline_base(str(base_folder), language_head=language_head)
    loaded = load_base(str(base_folder), language_head=language_head)
    assert shapes(outline) == shapes(loaded)
    for attribute in ("transposed", "language_head", "prefix", "positions"):
        assert getattr(outline.network, attribute) == getattr(loaded.network, attribute)
    assert outline.source == loaded.source
    assert outline.tokenizer("lovely")["input_ids"] == loaded.tokenizer("lovely")["input_ids"]


@pytest.mark.parametrize(
    "kind", ["bloom", "electra", "falcon", "gemma2", "gpt_neo", "mamba", "mpt", "opt", "qwen2"]
)
def test_bases_of_many_kinds_have_their_shapes(folder_of, kind):
    assert shapes(outline_base(str(folder_of(kind)))) == shapes(load_base(str(folder_of(kind))))


def test_a_tied_output_matrix_stays_tied(gpt2_folder):
    network = outline_base(str(gpt2_folder), language_head=True).network
    assert network.lm_head.weight is network.transformer.wte.weight


def test_no_number_is_held_nothing_trains_and_no_weights_need_be_there(copied):
    (copied / "model.safetensors").unlink()
    network = outline_base(str(copied), language_head=True).network
    assert {parameter.device.type for parameter in network.parameters()} == {"meta"}
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_damaged_weights_are_not_even_opened(copied):
    (copied / "model.safetensors").write_bytes(b"no weights")
    assert outline_base(str(copied)).network.device.type == "meta"


def refused(folder):
    with pytest.raises((ModelError, SecurityError)) as caught:
        outline_base(str(folder))
    return caught.value


def test_without_a_configuration_there_is_no_outline(copied):
    (copied / "config.json").unlink()
    error = refused(copied)
    assert (error.code, error.exit_code, error.at) == ("MODEL-FORMAT", 8, str(copied))
    assert error.problem == "config.json is missing"


def test_what_training_refuses_is_refused(copied, set_field):
    kept = (copied / "config.json").read_text()
    set_field(copied / "config.json", auto_map={"AutoModel": "theirs.Model"})
    assert (refused(copied).code, refused(copied).exit_code) == ("SEC-CODE", 6)
    (copied / "config.json").write_text(kept)
    for settings, code in (
        ({"model_type": "t5"}, "MODEL-ARCH"),
        ({"num_attention_heads": 0, "n_head": 0}, "MODEL-FORMAT"),
        ({"vocab_size": 300}, "MODEL-VOCAB"),
    ):
        set_field(copied / "config.json", **settings)
        assert refused(copied).code == code
        (copied / "config.json").write_text(kept)
    for path in copied.glob("token*"):
        path.unlink()
    assert refused(copied).code == "MODEL-TOKENIZER"


SHA = "1" * 40
OUTLINE = """
import sys
from loratory.models.outline import outline_base
print(sum(p.numel() for p in outline_base("somebody/tiny").network.parameters()))
"""


class Hub(BaseHTTPRequestHandler):
    """Answers as the hub's public interface does: a model's list of files, and each of them."""

    files, asked = {}, []

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = self.path.partition("?")[0]
        name = path.rpartition("/")[2]
        if "/tree/" in path:
            sizes = {name: len(body) for name, body in self.files.items()}
            listed = [
                {"type": "file", "path": name, "size": sizes[name], "oid": SHA} for name in sizes
            ]
            self.answer(json.dumps(listed).encode())
        elif path.startswith("/api/models/"):
            siblings = [{"rfilename": name} for name in self.files]
            about = {"id": "somebody/tiny", "sha": SHA, "siblings": siblings}
            self.answer(json.dumps(about).encode())
        elif name in self.files:
            self.asked.append(name)
            self.answer(self.files[name])
        else:
            self.send_error(404)

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{len(body)}"')
        self.send_header("X-Repo-Commit", SHA)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def hub(gpt2_folder, monkeypatch):
    """Return the address of a hub that has the tiny GPT-2, and the files it is asked for."""
    files = {path.name: path.read_bytes() for path in gpt2_folder.iterdir()}
    monkeypatch.setattr(Hub, "files", files)
    monkeypatch.setattr(Hub, "asked", [])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", Hub.asked
    server.shutdown()
    server.server_close()


def test_of_a_hub_model_only_the_settings_are_fetched(hub, gpt2_folder, tmp_path):
    address, asked = hub
    elsewhere = {"HF_ENDPOINT": address, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path)}
    elsewhere |= {"NO_PROXY": "127.0.0.1"}
    ran = subprocess.run(
        [sys.executable, "-c", OUTLINE],
        env=os.environ | elsewhere,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    own = sum(p.numel() for p in load_base(str(gpt2_folder)).network.parameters())
    assert int(ran.stdout) == own
    assert {"config.json", "tokenizer.json"} <= set(asked)
    assert not [name for name in asked if name.endswith(".safetensors")]
