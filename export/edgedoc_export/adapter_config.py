"""What `adapter_config.json` says of a LoRA: which modules it changes, with what rank and scale. Reads no weights.

Field meanings and matching rules: huggingface/peft 0.21.2, src/peft/tuners/lora/config.py, tuners_utils.py
(check_target_module_exists) and utils/other.py (get_pattern_key). Scale: Hu et al., LoRA (arXiv 2106.09685), alpha / r;
Kalajdzievski, rsLoRA (arXiv 2312.03732), alpha / sqrt(r).
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgedoc.errors import CheckpointError

OTHER_ARITHMETIC = (
    *("alora_invocation_tokens", "arrow_config", "kasa_config", "layer_replication", "lora_bias"),
    *("monteclora_config", "target_parameters", "trainable_token_indices", "use_bdlora", "use_qalora", "velora_config"),
)
"""Options that make an adapter something else than a low-rank product beside each matrix."""

KEEPS_BASE = (True, False, None, "gaussian", "orthogonal", "eva")
"""`init_lora_weights` under which the base stays what it was; pissa, olora, corda, lora_ga and loftq alter it."""

LARGEST_RANK = 1 << 14
LONGEST_PATTERN = 2_000
"""Characters: the patterns are regular expressions out of a downloaded file."""


@dataclass(frozen=True, kw_only=True)
class LoraConfig:
    """The part of the configuration that bears on the weights. `targets` None: PEFT's default for the model."""

    origin: str
    base: str
    base_revision: str | None
    rank: int
    alpha: float
    rank_stabilised: bool
    dora: bool
    ranks: Mapping[str, int]
    alphas: Mapping[str, float]
    targets: str | tuple[str, ...] | None
    excluded: str | tuple[str, ...]
    saved: tuple[str, ...]
    layers: tuple[int, ...]
    layer_lists: tuple[str, ...]

    def rank_of(self, module: str) -> int:
        """The rank of a module, named as in the model: `model.layers.0.self_attn.q_proj`."""
        return self.ranks.get(_pattern_of(self.ranks, module), self.rank)

    def scale_of(self, module: str) -> float:
        """What the product of the two thin matrices is multiplied with."""
        rank, alpha = self.rank_of(module), self.alphas.get(_pattern_of(self.alphas, module), self.alpha)
        return alpha / (math.sqrt(rank) if self.rank_stabilised else rank)

    def expects(self, module: str) -> bool:
        """Whether PEFT puts an adapter on the module; False for all when the file does not say."""
        if self.targets is None or _names(self.excluded, module):
            return False
        if any(re.match(rf"(^|.*\.){name}($|\..*)", module) for name in self.saved):
            return False
        if self.targets == "all-linear":
            return not module.endswith(("embed_tokens", "lm_head"))
        return _names(self.targets, module) and (isinstance(self.targets, str) or self._in_layers(module))

    def _in_layers(self, module: str) -> bool:
        if not self.layers:
            return True
        patterns = [rf"(?:^|.*?\.){name}\.(\d+)\." for name in self.layer_lists] or [r".*?\.[^.]*\.(\d+)\."]
        found = next((match for pattern in patterns if (match := re.match(pattern, module))), None)
        return found is not None and int(found[1]) in self.layers


def parse_adapter_config(data: Mapping[str, object], origin: str) -> LoraConfig:
    """Check `data`, the content of `adapter_config.json`. Raises CheckpointError for another kind of adapter."""
    if data.get("peft_type") != "LORA":
        raise CheckpointError(f"{origin}: its peft_type is {data.get('peft_type')!r}; edgedoc merges LORA only")
    # {} and [] are how PEFT writes "not used".
    used = [name for name in OTHER_ARITHMETIC if data.get(name)]
    if used:
        raise CheckpointError(
            f"{origin} uses {', '.join(used)}, which edgedoc does not merge; merge it with PEFT (merge_and_unload) "
            "and export the result"
        )
    if data.get("init_lora_weights") not in KEEPS_BASE:
        raise CheckpointError(
            f"{origin}: init_lora_weights is {data['init_lora_weights']!r}, which alters the base as well; save the "
            "adapter again with PEFT's path_initial_model_for_weight_conversion, which makes a plain LoRA of it"
        )
    config = LoraConfig(
        origin=origin,
        base=str(data.get("base_model_name_or_path") or ""),
        base_revision=str(data["revision"]) if data.get("revision") else None,
        rank=_rank(data.get("r"), "r", origin),
        alpha=_alpha(data.get("lora_alpha"), "lora_alpha", origin),
        rank_stabilised=bool(data.get("use_rslora")),
        dora=bool(data.get("use_dora")),
        ranks={key: _rank(value, key, origin) for key, value in _table(data, "rank_pattern", origin).items()},
        alphas={key: _alpha(value, key, origin) for key, value in _table(data, "alpha_pattern", origin).items()},
        targets=_modules(data, "target_modules", origin),
        excluded=_modules(data, "exclude_modules", origin) or (),
        saved=_strings(data, "modules_to_save", origin),
        layers=_layers(data.get("layers_to_transform"), origin),
        layer_lists=_strings(data, "layers_pattern", origin),
    )
    _check_patterns(config)
    return config


def _pattern_of(patterns: Mapping[str, object], module: str) -> str:
    return next((key for key in patterns if re.match(rf"(.*\.)?({key})$", module)), module)


def _names(modules: str | Sequence[str], module: str) -> bool:
    if isinstance(modules, str):
        return re.fullmatch(modules, module) is not None
    return any(module == name or module.endswith(f".{name}") for name in modules)


def _check_patterns(config: LoraConfig) -> None:
    expressions = [*config.ranks, *config.alphas, *config.saved, *config.layer_lists]
    expressions += [value for value in (config.targets, config.excluded) if isinstance(value, str)]
    for expression in expressions:
        try:
            if len(expression) > LONGEST_PATTERN:
                raise CheckpointError(f"{config.origin}: a pattern of {len(expression)} characters names no module")
            re.compile(expression)
        except re.error as error:
            raise CheckpointError(f"{config.origin}: {expression!r} is no regular expression: {error}") from error


def _rank(value: object, key: str, origin: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= LARGEST_RANK:
        raise CheckpointError(
            f"{origin}: the rank {key} must be a whole number from 1 to {LARGEST_RANK}, not {value!r}"
        )
    return value


def _alpha(value: object, key: str, origin: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value) or value == 0:
        raise CheckpointError(f"{origin}: {key} must be a number other than 0, found {value!r}")
    return float(value)


def _table(data: Mapping[str, object], key: str, origin: str) -> dict[str, object]:
    value = data.get(key) or {}
    if not isinstance(value, dict):
        raise CheckpointError(f"{origin}: {key} must be a table of module names")
    return value


def _strings(data: Mapping[str, object], key: str, origin: str) -> tuple[str, ...]:
    value = data.get(key) or []
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise CheckpointError(f"{origin}: {key} must be a list of names")
    return tuple(items)


def _modules(data: Mapping[str, object], key: str, origin: str) -> str | tuple[str, ...] | None:
    value = data.get(key)
    return value if isinstance(value, str) or value is None else _strings(data, key, origin)


def _layers(value: object, origin: str) -> tuple[int, ...]:
    items = [value] if isinstance(value, int) else value or []
    if not isinstance(items, list) or not all(isinstance(item, int) for item in items):
        raise CheckpointError(f"{origin}: layers_to_transform must be layer numbers")
    return tuple(items)
