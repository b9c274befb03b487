"""The part of a card that says how to run an artifact, in edgedoc and in runtimes that know nothing of it."""

from collections.abc import Iterator

from edgedoc.artifact import Artifact
from edgedoc.manifest import Format
from edgedoc.recipes import Task


def running(artifact: Artifact, repo: str) -> Iterator[str]:
    """Markdown blocks; `repo` is where the artifact lies on the hub."""
    name, extra = artifact.recipe.name, artifact.format.value
    use = f"convert page.html -m {name}" if artifact.recipe.task is Task.READER else f"chunk notes.md -m {name}"
    yield "## Run it"
    yield _shell(f"pip install 'edgedoc[{extra}]'", f"edgedoc pull {repo}", f"edgedoc {use}")
    if artifact.manifest.adapters:
        return
    yield "Elsewhere, without edgedoc's windows, checks and drafts:"
    if artifact.format is Format.GGUF:
        yield _shell(f"llama-server --hf-repo {repo} --hf-file {artifact.manifest.model_file}")
        yield "Prompt template and sampling settings are in the file. LM Studio and llama-cpp-python read them too."
        return
    yield (
        "```js\n"
        "import { pipeline } from '@huggingface/transformers';\n"
        f"const model = await pipeline('text-generation', '{repo}');\n"
        "```"
    )
    if "genai_config.json" in artifact.manifest.files:
        yield _shell(f"hf download {repo} --local-dir model")
        yield "```python\nimport onnxruntime_genai\nmodel = onnxruntime_genai.Model('model')\n```"


def _shell(*lines: str) -> str:
    return "\n".join(["```sh", *lines, "```"])
