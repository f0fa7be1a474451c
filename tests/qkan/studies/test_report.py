from html.parser import HTMLParser

import pytest
from matplotlib.figure import Figure

from qkan.studies.report import Picture, Report, Section, Table, render_report
from qkan.studies.run import RunFolder
from qkan.training import TrainingConfig


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self.open = [], []

    def handle_starttag(self, tag, attributes):
        self.found += [value for name, value in attributes if name in {"src", "href"}]
        if tag not in {"meta", "img"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder.create("test", TrainingConfig(), tmp_path / "run")
    picture = Picture.save(folder, "plot", "A plot.", Figure())
    sections = [
        Section("Arms", ["All."], Table(["arm", "loss"], [["<quantum>", "1 ± 2"]]), [picture]),
        Section("Empty"),
    ]
    report = Report("Title", ["One.", "Two."], sections, {"versions": "<3>"})
    for kind in ("html", "md"):
        folder.write(f"report.{kind}", render_report(report, kind))
    return folder


def test_the_html_needs_nothing_else(folder):
    html = (folder.path / "report.html").read_text()
    links = Links()
    links.feed(html)
    assert links.open == []
    assert len(links.found) == 1
    assert links.found[0].startswith("data:image/png;base64,")
    assert "http" not in html
    assert "<script" not in html


def test_text_is_escaped_in_html(folder):
    html = (folder.path / "report.html").read_text()
    assert "&lt;quantum&gt;" in html
    assert "<quantum>" not in html


def test_the_markdown_has_the_same_table_and_figure(folder):
    text = (folder.path / "report.md").read_text()
    assert "| arm | loss |\n|---|---|\n| &lt;quantum> | 1 ± 2 |\n" in text
    assert "![A plot.](figures/plot.png)" in text
    for suffix in ("png", "pdf"):
        assert (folder.path / f"figures/plot.{suffix}").stat().st_size > 0


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script>alert(1)&lt;/script>"),
        ("a | b", "a \\| b"),
        ("`rm`", "\\`rm\\`"),
        ("[x](javascript:1)", "[x]\\(javascript:1)"),
        ("two\nlines", "two lines"),
        ("p < 0.05, [0, 1]", "p < 0.05, [0, 1]"),
    ],
)
def test_a_users_names_are_text_in_both(name, shown):
    table = Table([name, "b"], [[name, "1"]])
    report = Report(name, [name], [Section(name, [name], table)], {name: name})
    lines = render_report(report, "md").splitlines()
    assert f"# {shown}" in lines
    assert f"| {shown} | b |" in lines
    assert lines.count(f"| {shown} | 1 |") == lines.count(f"| {shown} | {shown} |") == 1
    assert "<script" not in render_report(report, "html")


def test_a_report_without_images_has_its_words(folder):
    folder.images = False
    picture = Picture.save(folder, "other", "A plot.", None)
    assert not (folder.path / "figures" / "other.png").exists()
    report = Report("Title", ["One."], [Section("Arms", pictures=[picture])], {})
    for kind in ("html", "md"):
        assert "A plot" not in render_report(report, kind)
