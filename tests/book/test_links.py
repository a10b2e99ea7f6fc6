"""The link check finds what leads nowhere, and nothing else."""

import pytest

from tests.book.links import broken


@pytest.fixture
def site(tmp_path):
    """Two pages, a picture and a folder with an index."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "index.html").write_text("<p>inside</p>")
    (tmp_path / "picture.png").write_bytes(b"")
    (tmp_path / "other.html").write_text("<h1 id='top'>Other</h1><a name='old'></a><span id='é'></span>")

    def page(body: str) -> list[str]:
        (tmp_path / "page.html").write_text(f"<main id='here'>{body}</main>")
        return broken(tmp_path)

    return page


@pytest.mark.parametrize(
    "link",
    [
        *(
            "other.html",
            "other.html#top",
            "other.html#old",
            "other.html#%C3%A9",
            "#here",
            "#",
            "sub/",
            "sub",
            "picture.png",
        ),
        *("https://doi.org/10.1145/3637528.3671991", "https://example.org", "http://localhost.test:8000/a?b=c#d"),
        *("mailto:a.b@example.org", "data:image/png;base64,AAAA"),
    ],
)
def test_links_that_lead_somewhere(site, link):
    assert site(f"<a href='{link}'>x</a>") == []


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("gone.html", "leads to no file"),
        ("other.html#gone", "leads to no place 'gone' in other.html"),
        ("#gone", "leads to no place 'gone' in page.html"),
        ("../other.html", "leads to no file"),
        ("https://", "is no well-formed address"),
        ("https://exa mple.org", "is no well-formed address"),
        ("htp://example.org", "is no well-formed address"),
        ("mailto:nobody", "is no well-formed address"),
    ],
)
def test_links_that_lead_nowhere(site, link, reason):
    assert site(f"<a href='{link}'>x</a>") == [f"page.html: {link!r} {reason}"]


def test_pictures_and_scripts_count_too(site):
    found = site("<img src='gone.png'><script src='gone.js?v=1'></script><link href='gone.css'>")
    assert len(found) == 3


def test_a_folder_without_pages_is_no_success(tmp_path):
    with pytest.raises(ValueError, match="build the book first"):
        broken(tmp_path)
