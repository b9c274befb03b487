"""The dense model that a pre-quantised Qwen2 on the hub was made from. Knows names only.

Adapters are often trained over a 4-bit copy and name it as their base, but a merge needs the weights that the copy was
made from. Names after unsloth's own table (unslothai/unsloth, unsloth/models/mapper.py: `unsloth/Qwen2-0.5B-Instruct-
bnb-4bit` is `Qwen/Qwen2-0.5B-Instruct`), in which case does not count, and after the GPTQ and AWQ uploads of Qwen
itself (https://huggingface.co/Qwen).
"""

import re

QUANTISED = re.compile(
    r"(?:unsloth/(?P<copy>qwen[\w.-]+?)(?:-unsloth)?-bnb-4bit|qwen/(?P<own>qwen[\w.-]+?)-(?:gptq-int[48]|awq))", re.I
)
MODEL = re.compile(
    r"qwen(?P<version>2(?:\.5)?)(?P<kind>-coder|-math)?-(?P<size>\d+(?:\.\d+)?)b(?P<instruct>-instruct)?", re.I
)


def dense_twin(hub_id: str) -> str | None:
    """The hub id of the full-precision model behind a quantised one; None when `hub_id` is not known as quantised."""
    copy = QUANTISED.fullmatch(hub_id)
    found = MODEL.fullmatch(copy["copy"] or copy["own"]) if copy is not None else None
    if found is None:
        return None
    kind, instruct = (found["kind"] or "").title(), (found["instruct"] or "").title()
    return f"Qwen/Qwen{found['version']}{kind}-{found['size']}B{instruct}"
