"""edgedoc as a contender of the draft bench: reader answers windows and pages as users get it. Knows no report.

Run as `python -m edgedoc_bench.draft_ours` by `child.Child`; it is given `artifact` (a folder), `threads`, `in_flight`
(windows) and `drafts`, one of "off", "on", "off, --exact", "on, --exact", "wrong".
"""

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, cast

from edgedoc.artifact import Artifact
from edgedoc.decoding.drafts import Trail
from edgedoc.decoding.pace import Drafter, Pace
from edgedoc.documents import rules
from edgedoc.errors import EngineError
from edgedoc.tasks.opening import open_engine
from edgedoc.tasks.profile import profile_of
from edgedoc.tasks.reader import Conversion, Fallback, Reader
from edgedoc.tasks.speculation import SURE, Speculation
from edgedoc_bench.child import Answer, Work, serve


class WrongTrail(Trail):
    """Proposes, wherever the text goes on, another token than it goes on with, and agrees as long as the text does.

    The worst a draft source can be: nothing tells it from a good one but that it is never right.
    """

    def propose(self, most: int) -> list[int]:
        """See Trail."""
        return [token + 1 if token == 0 else token - 1 for token in super().propose(most)]

    def add(self, token: int) -> bool | None:
        """See Trail; what it learns is that the guess was wrong."""
        return None if super().add(token) is None else False


class Misled(Speculation):
    """Drafts with nothing but wrong trails."""

    def drafter(self, copied: Sequence[int], version: Sequence[int] = ()) -> Drafter | None:
        """See Speculation."""
        assert self.pace is not None
        return Drafter((WrongTrail(version, agreed=SURE), WrongTrail(copied)), self.pace)


def open_reader(folder: Path, drafts: str, threads: int, in_flight: int) -> Reader:
    """The reader whose drafts are `drafts`; see above. Raises what `Reader.open` raises."""
    if drafts != "wrong":
        return Reader.open(
            folder,
            fallback=Fallback.NONE,
            threads=threads,
            drafts=drafts.startswith("on"),
            exact=drafts.endswith("exact"),
            in_flight=in_flight,
        )
    artifact = Artifact.open(folder)
    tokenizer, engine = open_engine(artifact, threads=threads, provider=None, memory_limit=None)
    misled = Misled(pace=Pace(profile_of(artifact, engine, threads=threads).costs))
    return Reader(artifact.recipe, tokenizer, engine, fallback=Fallback.NONE, speculation=misled)


def answer(reader: Reader, passage: dict[str, Any], drafts: str) -> Answer:
    """A window's answer and its bill. Raises EngineError when the reader would ask the model something else."""
    begin = perf_counter()
    found = list(reader.answers(passage["html"]))
    seconds = perf_counter() - begin
    if [prompt for prompt, _ in found] != [passage["tokens"]]:
        raise EngineError("The reader cleans or cuts this window another way; choose the windows again.")
    generation = found[0][1]
    drafting = 0.0 if drafts.startswith("off") else _seconds_of_drafting(reader, passage)
    return {
        "tokens": generation.tokens,
        "text": reader.tokenizer.decode(generation.tokens),
        "output_tokens": len(generation.tokens),
        "finish": generation.finish,
        "steps": generation.steps,
        "drafted": generation.drafted,
        "accepted": generation.accepted,
        "prefill_seconds": generation.prefill_seconds,
        # What the drafts cost before the first step is decoding, too; the reader does it outside its own stopwatch.
        "decode_seconds": generation.decode_seconds + drafting,
        "seconds": seconds,
    }


def load(given: dict[str, Any]) -> tuple[Answer, Work]:
    """See `child.serve`. A question is a passage, HTML to `convert`, or `costs`: what steps of this artifact cost."""
    folder, drafts, threads = Path(given["artifact"]), given["drafts"], given["threads"]
    reader = open_reader(folder, drafts, threads, given["in_flight"])

    def work(asked: dict[str, Any]) -> Answer:
        if "costs" in asked:
            found = profile_of(Artifact.open(folder), reader.engine, threads=threads, unit=True)
            plan = cast(Any, reader.engine).plan
            kept = plan.kv_cache / plan.context_length
            return {"seconds": found.seconds, "unit": found.unit, "weights": plan.weights, "position_bytes": kept}
        if "convert" in asked:
            return _bill(reader, [asked["convert"]])
        if "pages" in asked:
            return _bill(reader, asked["pages"])
        return answer(reader, asked, drafts)

    return {}, work


def _bill(reader: Reader, pages: Sequence[str]) -> Answer:
    begin = perf_counter()
    conversions = list(reader.convert_many(pages))
    seconds = perf_counter() - begin
    windows = [window for one in conversions if isinstance(one, Conversion) for window in one.windows]
    return {
        "seconds": seconds,
        "windows": len(windows),
        "output_tokens": sum(window.output_tokens for window in windows),
        "prompt_tokens": sum(window.prompt_tokens for window in windows),
        "prefill_seconds": sum(window.prefill_seconds for window in windows),
        "decode_seconds": sum(window.decode_seconds for window in windows),
    }


def _seconds_of_drafting(reader: Reader, passage: dict[str, Any]) -> float:
    begin = perf_counter()
    Trail(reader.tokenizer.encode_text(rules.convert(passage["html"])))
    Trail(passage["tokens"])
    return perf_counter() - begin


if __name__ == "__main__":
    serve(load)
