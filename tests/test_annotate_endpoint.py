"""What a server that labels may do wrong: trouble that passes is waited out, trouble that stays is named."""

from typing import Any

import pytest

from chat_server import GOOD, Answer, Server, completion
from edgedoc.errors import DocumentError, EngineError, MissingModelError, UsageError
from edgedoc_bench.annotate_endpoint import Endpoint


def _endpoint(chat_server: Server, waits: list[float], **options: Any) -> Endpoint:
    return Endpoint(chat_server.url, "large", sleep=waits.append, **options)


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://h:1", "http://h:1/v1/chat/completions"),
        ("http://h/v1/", "http://h/v1/chat/completions"),
        ("https://h/api/v1/chat/completions", "https://h/api/v1/chat/completions"),
        ("https://h/api/v3?x=1", "https://h/api/v3/chat/completions?x=1"),
    ],
)
def test_addresses(url: str, asked: str) -> None:
    assert Endpoint(url, "m").url == asked


@pytest.mark.parametrize("url", ["", "h/v1", "file:///etc/passwd", "ftp://h", "http://"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="no http or https address"):
        Endpoint(url, "m")


def test_trouble_that_passes_is_waited_out(chat_server: Server) -> None:
    waits: list[float] = []
    chat_server.script = [(429, {"Retry-After": "7"}, b"slow down"), (503, {}, b""), (500, {}, b"{}"), completion(GOOD)]

    assert _endpoint(chat_server, waits).ask("x") == GOOD
    assert waits[0] == 7.0
    assert 1 <= waits[1] <= 3 <= 2 * waits[2] <= 12


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [("0", 0, 0), ("9999", 120, 120), ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0), ("soon", 0.5, 1.5), ("-1", 0.5, 1.5)],
)
def test_what_a_server_asks_for(chat_server: Server, header: str, least: float, most: float) -> None:
    waits: list[float] = []
    chat_server.script = [(429, {"Retry-After": header}, b""), completion(GOOD)]

    assert _endpoint(chat_server, waits).ask("x") == GOOD
    assert least <= waits[0] <= most


def test_a_server_that_hangs_up_or_takes_too_long_is_asked_again(chat_server: Server) -> None:
    waits: list[float] = []
    chat_server.script = [(0, {}, b""), completion(GOOD)]
    assert _endpoint(chat_server, waits).ask("x") == GOOD

    chat_server.delay = 0.5
    with pytest.raises(EngineError, match="cannot be reached .*timed out.* 2 times in a row"):
        _endpoint(chat_server, waits, timeout=0.05, retries=1).ask("x")


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        ((401, {}, b'{"error": {"message": "bad key"}}'), UsageError, "refuses the key .401: bad key"),
        ((404, {}, b'{"error": "no model large"}'), MissingModelError, "no model large"),
        ((302, {"Location": "http://127.0.0.1:9/x"}, b""), UsageError, "redirects elsewhere"),
        ((400, {}, b'{"error": {"message": "too\\nlong"}}'), DocumentError, "400: too long"),
        ((200, {}, b"<html>"), DocumentError, "no chat completion"),
        ((200, {}, b'{"choices": []}'), DocumentError, "no chat completion"),
        ((200, {}, b"[" * 100_000), DocumentError, "no chat completion"),
        (completion(None), DocumentError, "reply is empty"),
        (completion(" "), DocumentError, "reply is empty"),
    ],
)
def test_trouble_that_stays(chat_server: Server, answer: Answer, error: type[Exception], message: str) -> None:
    chat_server.script = [answer]
    waits: list[float] = []

    with pytest.raises(error, match=message):
        _endpoint(chat_server, waits).ask("x")
    assert waits == [] and len(chat_server.asked) == 1


def test_replies_in_parts_are_joined(chat_server: Server) -> None:
    chat_server.script = [completion([{"type": "text", "text": "Topic: a"}, {"type": "text", "text": " Summary: b"}])]

    assert _endpoint(chat_server, []).ask("x") == "Topic: a Summary: b"
