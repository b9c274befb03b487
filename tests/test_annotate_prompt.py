"""What is read out of a model's reply to the annotation prompt, and that no reply makes it fail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedoc_bench.annotate_prompt import Label, parse, prompt

LABEL = Label(topic="How apples grow in spring", summary="Apples grow when it rains.")


@pytest.mark.parametrize(
    "reply",
    [
        "# Topic: How apples grow in spring Summary: Apples grow when it rains. #",
        "Topic: How apples grow in spring\nSummary: Apples grow when it rains.",
        "**Topic:** How apples grow in spring\n\n**Summary:** Apples grow when it rains.",
        "**Topic**: How apples grow in spring\n**Summary**: Apples grow when it rains.\n",
        "topic：How apples grow in spring\r\nsummary： Apples grow when it rains.",
        "# Summary: Apples grow when it rains. # Topic: How apples grow in spring #",
        '```\nTopic: "How apples grow in spring"\nSummary: `Apples grow when it rains.`\n```',
        '{"topic": "How apples grow in spring", "summary": "Apples grow when it rains."}',
        '```json\n{"Topic": "How apples grow in spring",\n "Summary": "Apples grow when it rains."}\n```',
        "<think>Topic: no. Summary: no.</think>\nTopic: How apples grow in spring Summary: Apples grow when it rains.",
        "Format: # Topic: ... Summary: ... #\nTopic: How apples grow in spring\nSummary: Apples grow when it rains.",
        "Sure! Here it is:\n\nTopic: How apples\n grow in spring\nSummary: Apples grow\nwhen it rains.\n\nAnything?",
        "- **Topic:** How apples grow in spring\n- **Summary:** Apples grow when it rains.",
    ],
)
def test_what_models_make_of_the_format(reply: str) -> None:
    assert parse(reply) == LABEL


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "I cannot.",
        "Topic: only",
        "Summary: only",
        "# Topic: ... Summary: ... #",
        "Topic:\nSummary:",
        '{"topic": 1, "summary": null}',
        '{"topic": "x"',
        "<think>Topic: a Summary: b",
        "{" * 30_000,
        "*" * 30_000,
        "# " * 10_000,
    ],
)
def test_replies_without_a_label(reply: str) -> None:
    assert parse(reply) is None


def test_words_that_only_contain_the_names_are_no_names() -> None:
    found = parse("Topic: subtopic: a (nice) one Summary: It stays with one topic: apples (red).")

    assert found == Label(topic="subtopic: a (nice) one", summary="It stays with one topic: apples (red).")


@given(
    st.text()
    | st.lists(st.sampled_from(["Topic:", "Summary:", "#", "\n", "{", '"', "}", "word", ":", "*"])).map("".join)
)
def test_no_reply_makes_it_fail(reply: str) -> None:
    found = parse(reply)

    assert found is None or (found.topic and found.summary and "\n" not in found.topic + found.summary)


def test_the_prompt_takes_any_text() -> None:
    asked = prompt("a {text} {} %s \\1")

    assert asked.splitlines()[1] == "# a {text} {} %s \\1 #"
    assert asked.endswith("do not surround your response with quotes, backticks or other separators.")
