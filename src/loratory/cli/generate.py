"""`loratory generate`: write on after a prompt, with a run or a base."""

import inspect
import json
import re
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError
from rich.progress import Progress

from loratory.cli.output import AsJson, console, out_of_range, print_json, standard_input
from loratory.errors import ConfigError
from loratory.recipe.known_keys import keys_of_schema
from loratory.recipe.schema import Decoding, Recipe

if TYPE_CHECKING:
    from loratory.inference.generate_text import Writer

_SHORTER = {"num_beams": "--beams"}
_DRAWS = ("temperature", "top_k", "top_p")


def _flag(field: str) -> str:
    return _SHORTER.get(field, f"--{field.replace('_', '-')}")


def _takes_decoding(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` an option for each setting of how to decode, in the place of `options`."""
    own = list(inspect.signature(command).parameters.values())
    options = []
    for name, field in Decoding.model_fields.items():
        if name == "kind":
            continue
        # The kinds of decoding are for recipes; here they follow from the options.
        words = re.sub(r" \(kind: \w+\)", "", field.description or "")
        # What belongs to a kind has no default here: giving it chooses the kind.
        default = str(field.default) if words == field.description else False
        kind = type(field.default)
        given = typer.Option(_flag(name), help=words, show_default=default)
        option = Annotated[kind | None, given]  # type: ignore[valid-type]
        options.append(
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=option)
        )
    places = [parameter for parameter in own if parameter.kind != inspect.Parameter.VAR_KEYWORD]
    vars(command)["__signature__"] = inspect.Signature([*places, *options])
    return command


@_takes_decoding
def generate(
    run_or_base: Annotated[
        str, typer.Argument(help="Folder of a finished run, or a base: hub id, folder or alias.")
    ],
    prompt: Annotated[str, typer.Argument(help="What to go on from; - reads standard input.")],
    *,
    seed: Annotated[int, typer.Option(help="Seed of what is drawn.")] = 0,
    samples: Annotated[
        int | None,
        typer.Option(help="Draw so many texts; each is printed as a line of JSON, prompt and all."),
    ] = None,
    as_json: AsJson = False,
    **options: Any,
) -> None:
    """Write on after a prompt, the likeliest token each time.

    With --temperature, --top-k or --top-p tokens are drawn, with --beams the likeliest of several
    texts is written. An empty prompt is a text from its beginning, if a run learned where texts
    begin (task.bos).
    """
    _check_numbers(seed, samples)
    if samples is not None and as_json:
        raise ConfigError(
            "CFG-USAGE",
            "both --samples and --json are given",
            at="command line",
            fix="leave out --json: each sample is a line of JSON",
        )
    decoding = _decoding(options, draws=samples is not None)
    if prompt == "-":
        # The last line break ends the line, as `echo` wrote it, and is no part of the prompt.
        prompt = re.sub(r"\r?\n\Z", "", standard_input("the prompt").read())

    from loratory.inference.generate_text import load_writer

    writer = load_writer(run_or_base)
    if samples is not None:
        _print_samples(writer, prompt, decoding, seed=seed, samples=samples)
        return
    if as_json:
        print_json(_as_object(writer, prompt, decoding, seed=seed))
        return
    for piece in writer.stream(prompt, decoding, seed=seed):
        sys.stdout.write(piece)
        sys.stdout.flush()
    sys.stdout.write("\n")


def _as_object(writer: "Writer", prompt: str, decoding: Decoding, *, seed: int) -> dict[str, Any]:
    started = time.perf_counter()
    written = writer.write(prompt, decoding, seed=seed)
    seconds = time.perf_counter() - started
    return {
        "prompt": prompt,
        "text": written.text,
        "tokens": written.tokens,
        "cut": written.cut,
        "seconds": round(seconds, 3),
        "tokens_per_second": round(written.tokens / seconds, 2),
    }


def _print_samples(
    writer: "Writer", prompt: str, decoding: Decoding, *, seed: int, samples: int
) -> None:
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("writing", total=samples)
        written = writer.write_many(
            prompt,
            decoding,
            seed=seed,
            texts=samples,
            watch=lambda done: bar.advance(task, done),
        )
    for each in written:
        line = {"text": prompt + each.text, "cut": each.cut}
        sys.stdout.write(f"{json.dumps(line, ensure_ascii=False)}\n")


def _decoding(options: dict[str, Any], *, draws: bool) -> Decoding:
    """Return the decoding that the options given describe; `draws` says that it is to draw."""
    given = {name: value for name, value in options.items() if value is not None}
    drawn = ["--samples"] * draws + [_flag(name) for name in _DRAWS if name in given]
    if drawn and "num_beams" in given:
        raise ConfigError(
            "CFG-USAGE",
            f"both --beams and {drawn[0]} are given",
            at="command line",
            fix="draw tokens, or search the likeliest text with beams",
        )
    given["kind"] = "sample" if drawn else "beam" if "num_beams" in given else "greedy"
    try:
        return Decoding.model_validate(given)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        name = str(fault["loc"][0])
        known = keys_of_schema(Decoding.model_json_schema())[name,][0]
        raise out_of_range(_flag(name), fault["input"], known.expected) from None


def _check_numbers(seed: int, samples: int | None) -> None:
    if samples is not None and samples < 1:
        raise out_of_range("--samples", samples, "a whole number >= 1")
    known = keys_of_schema(Recipe.model_json_schema())["seed",][0]
    if not 0 <= seed < 2**32:
        raise out_of_range("--seed", seed, known.expected)
