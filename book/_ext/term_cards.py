"""Words of the glossary show their meaning where they are linked.

The text travels in the link's title; ``_static/term_cards.js`` shows it as a card, and nothing is fetched.
"""

from docutils import nodes
from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict:
    app.connect("env-before-read-docs", read_all_after_glossary)
    app.connect("doctree-resolved", mark_terms)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def definitions(app: Sphinx) -> dict[str, str]:
    """Anchor of each term → its definition as plain text."""
    if not hasattr(app, "fairlib_definitions"):
        glossary = app.env.get_doctree("glossary")
        app.env.apply_post_transforms(glossary, "glossary")  # numbers of equations
        app.fairlib_definitions = {
            name: " ".join(item[-1].astext().split()).replace("\\", "")  # \log r reads well without its backslash
            for item in glossary.findall(nodes.definition_list_item)
            for term in item.findall(nodes.term)
            for name in term["ids"]
        }
    return app.fairlib_definitions


def mark_terms(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Give each link to a term its definition."""
    if app.builder.format != "html":
        return
    for link in doctree.findall(nodes.reference):
        anchor = link.get("refuri", "").partition("#")[2] or link.get("refid", "")
        if anchor.startswith("term-") and anchor in definitions(app):
            link["classes"].append("fairlib-term")
            link["reftitle"] = definitions(app)[anchor]


def read_all_after_glossary(app: Sphinx, env, docnames: list[str]) -> None:
    """A change of the glossary is a change of every page that links to it."""
    if "glossary" in docnames:
        docnames[:] = sorted(env.found_docs)
