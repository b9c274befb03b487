"""The key-value part of a GGUF file: who the model is, its sizes, how to decode it, its tokenizer. Knows no tensors.

Keys: ggml, docs/gguf.md. The decoding recipe travels as `general.sampling.*`, which llama.cpp takes as its defaults.
"""

from typing import TYPE_CHECKING, Literal

from edgedoc.recipes import Recipe
from edgedoc_export.qwen2 import Qwen2Config
from edgedoc_export.vocabulary import Vocabulary

if TYPE_CHECKING:
    import gguf

WHOLE_CONTEXT = -1
"""`penalty_last_n`: the repetition penalty looks at every token so far, as Hugging Face's does."""


def add_metadata(
    writer: "gguf.GGUFWriter",
    config: Qwen2Config,
    recipe: Recipe,
    vocabulary: Vocabulary,
    dtype: Literal["f32", "f16", "bf16"],
) -> None:
    """Add every key; `dtype` is the type of the matrices that follow."""
    import gguf

    file_types = {
        "f32": gguf.LlamaFileType.ALL_F32,
        "f16": gguf.LlamaFileType.MOSTLY_F16,
        "bf16": gguf.LlamaFileType.MOSTLY_BF16,
    }
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_file_type(file_types[dtype])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    _add_identity(writer, recipe)
    _add_decoding(writer, recipe)
    _add_sizes(writer, config)
    _add_vocabulary(writer, vocabulary)


def _add_identity(writer: "gguf.GGUFWriter", recipe: Recipe) -> None:
    identity, source, licence = recipe.identity, recipe.source, recipe.licence
    writer.add_name(recipe.title)
    writer.add_basename(identity.basename)
    writer.add_size_label(identity.size_label)
    writer.add_version(identity.version)
    if identity.finetune:
        writer.add_finetune(identity.finetune)
    if licence.id:
        writer.add_license(licence.id)
    if licence.link:
        writer.add_license_link(licence.link)
    writer.add_languages(recipe.languages)
    writer.add_tags(["edgedoc", recipe.task.value, "text-generation"])
    writer.add_quantized_by("edgedoc")
    if source.hub_id:
        writer.add_source_repo_url(_hub_url(source.hub_id))
    base = source.base or source.hub_id
    if base:
        organization, _, name = base.rpartition("/")
        writer.add_base_model_count(1)
        writer.add_base_model_name(0, name)
        # A bundled base has no organization and no page.
        if organization:
            writer.add_base_model_organization(0, organization)
            writer.add_base_model_repo_url(0, _hub_url(base))


def _hub_url(hub_id: str) -> str:
    return f"https://huggingface.co/{hub_id}"


def _add_decoding(writer: "gguf.GGUFWriter", recipe: Recipe) -> None:
    """Greedy, always: the checkpoints' own generation_config.json samples."""
    writer.add_sampling_temp(0.0)
    writer.add_sampling_top_k(1)
    writer.add_sampling_penalty_repeat(recipe.decoding.repetition_penalty)
    writer.add_sampling_penalty_last_n(WHOLE_CONTEXT)


def _add_sizes(writer: "gguf.GGUFWriter", config: Qwen2Config) -> None:
    writer.add_block_count(config.layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.heads)
    writer.add_head_count_kv(config.kv_heads)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)


def _add_vocabulary(writer: "gguf.GGUFWriter", vocabulary: Vocabulary) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(vocabulary.pre)
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    writer.add_token_merges(vocabulary.merges)
    writer.add_eos_token_id(vocabulary.eos)
    # End of turn and end of text are the same token in ChatML; without the key llama.cpp guesses and logs about it.
    writer.add_eot_token_id(vocabulary.eos)
    if vocabulary.bos is not None:
        writer.add_bos_token_id(vocabulary.bos)
    if vocabulary.pad is not None:
        writer.add_pad_token_id(vocabulary.pad)
    # Qwen2 was trained without one, and llama.cpp adds it unless told.
    writer.add_add_bos_token(False)
    writer.add_chat_template(vocabulary.chat_template)
