"""Which elements are page furniture, by tag, role and class: navigation, side bars, banners, notices. Knows no output.

Names are compared word by word (`site-footer`, `cookieBanner`), never as parts of words, so that "header" is not found
in "headerless" nor "ad" in "gradient". The lists are after those of Readability (mozilla/readability, Readability.js,
`unlikelyCandidates`, `okMaybeItsACandidate`, `UNLIKELY_ROLES`) without what is content on some kind of page: comments,
replies, banners. Readability's other sign, link density, is left out on evidence: of the lists of links that remain on
real pages, half on news sites and nine tenths in documentation, by size, are the text.
"""

import re
from collections.abc import Mapping

REGIONS = {"navigation": "nav", "banner": "header", "contentinfo": "footer", "complementary": "aside"}
"""ARIA's landmark roles and the elements that have them."""

_ROLES = frozenset({"menu", "menubar", "search", "dialog", "alertdialog", "toolbar"})
_TAGS = frozenset({"nav", "footer", "dialog", "menu", "search"})
_OUTSIDE_CONTENT = frozenset({"header", "aside"})
"""Inside an article, a header is its title, and an aside as often a remark as an advertisement."""
_ROOTS = frozenset({"html", "body", "main"})
_NAMED = frozenset({"div", "section", "ul", "ol", "form", "p", "header"})
# What an element has or which variant it is: class="VPDoc has-sidebar", class="product--nav-strip" (BEM).
_MODIFIER = re.compile(r"(?<!\S)(?:has|with|without|no)-\S*|--\S*")
# Digits inside a name make it a hash: class="rgtx_7ca45506ad".
_NAME = re.compile(r"(?<![A-Za-z0-9])([A-Za-z]+)[0-9]*(?![A-Za-z0-9])")
_CAMEL = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_FURNITURE = frozenset({
    "ad", "ads", "advert", "advertisement", "agegate", "breadcrumb", "breadcrumbs", "consent", "cookie", "cookies",
    "footer", "gdpr", "menu", "modal", "nav", "navbar", "navigation", "newsletter", "pager", "pagination", "popup",
    "promo", "related", "rss", "share", "sidebar", "sidenav", "signup", "skyscraper", "social", "sponsor", "sponsored",
    "subscribe", "topbar",
})  # fmt: skip
_CONTENT = frozenset({
    "article", "body", "column", "container", "content", "entry", "footnote", "footnotes", "grid", "layout", "main",
    "page", "post", "story", "text", "wrap", "wrapper",
})  # fmt: skip
_LONGEST_ID = 2  # words; longer ones are made of a heading: id="sharing-with-a-single-developer"


def furniture(name: str, attributes: Mapping[str, str], inside_content: bool) -> str:
    """What says that element `name` is furniture, such as "<nav>" or "cookie"; "" where nothing does."""
    if name in _ROOTS:
        return ""
    role = attributes.get("role", "").lower()
    tag = REGIONS.get(role, name)
    if tag in _TAGS or (tag in _OUTSIDE_CONTENT and not inside_content):
        return f"<{tag}>"
    if role in _ROLES:
        return role
    if name not in _NAMED:
        return ""
    words = _words(_MODIFIER.sub(" ", attributes.get("class", "")))
    if len(named := _words(attributes.get("id", ""))) <= _LONGEST_ID:
        words |= named
    return "" if words & _CONTENT else min(words & _FURNITURE, default="")


def _words(names: str) -> set[str]:
    return {word.lower() for name in _NAME.findall(names) for word in _CAMEL.findall(name)}
