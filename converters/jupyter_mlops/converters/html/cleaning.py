"""HTML that somebody else wrote, without anything that acts.

Tables, text and pictures stay, with the styles that pandas gives them; scripts, frames, forms,
event handlers, and links to anything but web pages go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import nh3

#: Deeper HTML, or with more references, takes the parser time in proportion to the square.
MAX_DEPTH = 400
MAX_REFERENCES = 100_000

#: What only a script could bring to life, or what isn't there without one.
_ACTIVE = re.compile(
    r"<\s*(?:script|iframe|object|embed|canvas|video|audio|input|button|form)\b", re.IGNORECASE
)
_TAG = re.compile(r"<(/?)([a-zA-Z][\w-]*)")
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
)
_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp|svg\+xml|bmp);base64,[A-Za-z0-9+/=\s]*")
_SELECTOR = re.compile(r"\s*+(?:#T_[\w-]++|\.dataframe\b)[ \w.:#>()-]*+")
_DECLARATION = re.compile(r"(?P<name>[a-z-]+)\s*+:(?P<value>[\w\s.,%#()'\"!+/-]+)")
#: Longer ones (characters) are not looks but something else.
_MAX_SELECTORS, _MAX_DECLARATION = 100_000, 300

_TAGS = {
    *("a", "abbr", "b", "bdi", "bdo", "blockquote", "br", "caption", "center", "cite", "code"),
    *("col", "colgroup", "dd", "del", "details", "dfn", "div", "dl", "dt", "em", "figcaption"),
    *("figure", "font", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "kbd", "li"),
    *("mark", "ol", "p", "pre", "q", "rp", "rt", "ruby", "s", "samp", "section", "small", "span"),
    *("strike", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead"),
    *("time", "tr", "tt", "u", "ul", "var", "wbr"),
}
_ATTRIBUTES = {
    "*": {"class", "id", "style", "title", "dir", "lang", "align"},
    "a": {"href", "name"},
    "col": {"span", "width"},
    "colgroup": {"span", "width"},
    "details": {"open"},
    "font": {"color", "size"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start", "type"},
    "table": {"border", "cellpadding", "cellspacing", "width"},
    "td": {"colspan", "rowspan", "headers", "valign", "width", "bgcolor"},
    "th": {"colspan", "rowspan", "headers", "scope", "valign", "width", "bgcolor"},
    "time": {"datetime"},
}
_GONE_WITH_CONTENT = {
    *("script", "style", "iframe", "object", "embed", "noscript", "template", "svg", "math"),
    *("head", "title", "textarea", "select", "noembed", "noframes", "xmp", "plaintext"),
}
_PROPERTIES = {
    *("background", "background-color", "border", "border-bottom", "border-bottom-color"),
    *("border-collapse", "border-color", "border-left", "border-radius", "border-right"),
    *("border-spacing", "border-style", "border-top", "border-width", "color", "display"),
    *("empty-cells", "float", "font", "font-family", "font-size", "font-style", "font-variant"),
    *("font-weight", "height", "letter-spacing", "line-height", "list-style-type", "margin"),
    *("margin-bottom", "margin-left", "margin-right", "margin-top", "max-height", "max-width"),
    *("min-height", "min-width", "opacity", "overflow", "overflow-x", "overflow-y", "padding"),
    *("padding-bottom", "padding-left", "padding-right", "padding-top", "text-align"),
    *("text-decoration", "text-indent", "text-transform", "vertical-align", "white-space"),
    *("width", "word-break", "word-wrap"),
}

#: Gives a picture's `data:` URL for a relative path, or None.
Embed = Callable[[str], str | None]


def is_active(html: str) -> bool:
    """Whether the HTML needs scripts, frames or forms to be what it is meant to be."""
    return _ACTIVE.search(html) is not None


def too_costly(html: str) -> bool:
    """Whether cleaning the HTML would take long; it is better shown as text or left out."""
    if html.count("&") > MAX_REFERENCES:
        return True
    if html.count("<") <= MAX_DEPTH:
        return False
    depth = 0
    for match in _TAG.finditer(html):
        closing, name = match.groups()
        if closing:
            depth = max(0, depth - 1)
        elif name.lower() not in _VOID:
            depth += 1
            if depth > MAX_DEPTH:
                return True
    return False


def clean(html: str, embed: Embed | None = None) -> str:
    """`html` with nothing left in it that acts; `embed` brings relative pictures."""
    kept = "".join(_kept_style(css) for css in _stylesheets(html))
    cleaned = nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        clean_content_tags=_GONE_WITH_CONTENT,
        url_schemes={"http", "https", "mailto", "data"},
        filter_style_properties=_PROPERTIES,
        attribute_filter=_attribute_filter(embed) if _has_urls(html) else None,
        link_rel="noopener noreferrer",
        strip_comments=True,
    )
    return f"<style>{kept}</style>{cleaned}" if kept else cleaned


def _has_urls(html: str) -> bool:
    lowered = html.lower()
    return "src" in lowered or "href" in lowered or "url" in lowered


def _attribute_filter(embed: Embed | None) -> Callable[[str, str, str], str | None]:
    def keep(tag: str, attribute: str, value: str) -> str | None:
        if tag == "img" and attribute == "src":
            return _picture(value, embed)
        if attribute == "href":
            return None if re.match(r"\s*data:", value, re.IGNORECASE) else value
        if attribute == "style" and "url" in value.lower():
            return None
        return value

    return keep


def _picture(source: str, embed: Embed | None) -> str | None:
    if source.startswith("data:"):
        return source if _PICTURE.fullmatch(source) else None
    if re.match(r"https://", source):
        return source
    if re.match(r"[\w+.-]*:|//", source):
        return None
    return embed(source) if embed is not None else None


def _stylesheets(html: str) -> Iterator[str]:
    """What stands in `<style>` elements."""
    lowered = html.lower()
    position = 0
    while (start := lowered.find("<style", position)) >= 0:
        opened = lowered.find(">", start)
        closed = lowered.find("</style", opened)
        if opened < 0 or closed < 0:
            return
        yield html[opened + 1 : closed]
        position = closed


def _kept_style(css: str) -> str:
    """The rules of a stylesheet that dress one table: pandas' `Styler` works with these.

    A rule is kept when all of its selectors begin with the id of such a table, and of it the
    declarations that are known to be only about looks.
    """
    first, *others = css.split("/*")
    css = first + "".join(other.partition("*/")[2] for other in others)
    kept = []
    for rule in css.split("}"):
        selectors, _, body = rule.partition("{")
        if len(selectors) > _MAX_SELECTORS or not all(
            _SELECTOR.fullmatch(one) for one in selectors.split(",")
        ):
            continue
        declarations = [one for one in map(_kept_declaration, body.split(";")) if one]
        if declarations:
            kept.append(f"{selectors.strip()}{{{';'.join(declarations)}}}")
    return "".join(kept)


def _kept_declaration(declaration: str) -> str:
    found = _DECLARATION.fullmatch(declaration[:_MAX_DECLARATION].strip())
    if found is None or found["name"] not in _PROPERTIES or len(declaration) > _MAX_DECLARATION:
        return ""
    value = found["value"].strip()
    if re.search(r"url|expression|image|attr", value, re.IGNORECASE):
        return ""
    return f"{found['name']}:{value}"
