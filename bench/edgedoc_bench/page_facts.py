"""What a page holds before anybody converts it: its words and its links. What is not here, a reader made up."""

from dataclasses import dataclass
from urllib.parse import urljoin

from edgedoc.errors import MissingPackageError
from edgedoc_bench.markdown_tree import lines_of
from edgedoc_bench.text_scores import words

ATTRIBUTES = ("href", "src", "alt", "title", "value", "placeholder", "content", "label", "cite", "datetime")
"""What may become text or a target: an image's description is text of the page."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Words of a page, furniture, scripts and attributes included, and every target of a link or image in it."""

    words: frozenset[str]
    targets: frozenset[str]


def facts(html: str) -> Facts:
    """Words and targets of a page; those that its <base> makes absolute are targets too.

    Scripts count: a page may keep its text in one, and what comes from there is not invented. Raises
    MissingPackageError.
    """
    try:
        import lxml.etree
        import lxml.html
    except ImportError as error:
        raise MissingPackageError("lxml", "bench") from error
    # As bytes: lxml refuses a str that declares a charset. Null characters end its parse.
    data = html.replace("\0", "").encode("utf-8", "replace")
    try:
        root = lxml.html.document_fromstring(data, parser=lxml.html.HTMLParser(encoding="utf-8", huge_tree=True))
    except lxml.etree.ParserError:
        return Facts(frozenset(), frozenset())
    elements = [element for element in root.iter() if isinstance(element.tag, str)]
    attributes = [value for element in elements for name in ATTRIBUTES if (value := element.get(name))]
    targets = {value.strip() for element in elements for name in ("href", "src") if (value := element.get(name))}
    base = next((element.get("href") for element in elements if element.tag == "base" and element.get("href")), None)
    if base is not None:
        targets |= {_joined(base, target) for target in targets}
    # With and without a blank between elements: "H<sub>2</sub>O" is a word, and a converter may still write "H 2 O".
    text = "\n".join([lines_of(root), *root.itertext(), *attributes])
    return Facts(frozenset(words(text)), frozenset(targets))


def _joined(base: str, target: str) -> str:
    try:
        return urljoin(base, target)
    except ValueError:
        # An address such as http://[x is none.
        return target
