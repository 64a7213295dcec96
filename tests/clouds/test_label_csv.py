"""The CSV of the labelling page, in a real browser: downloaded, read by training, loaded again."""

from pathlib import Path

import pytest

from seasonet_build.clouds.examples import read_examples
from seasonet_build.sources.scenes import Scene
from tests.clouds.browser import RIGHT, Browser, wait_for
from tests.clouds.label_pages import Start, counts, wait_for_message, write

pytestmark = pytest.mark.xdist_group("browser")

HOSTILE = [
    "</script><script>document.title = 'taken'</script>",
    "<img src=x onerror=\"document.title = 'taken'\">",
    '--><!--"\'`${document.title = "taken"}',
    'commas, "quotes"\nand lines',
    "__proto__",
    "constructor",
    "@DATA@\u2028&lt;b&gt;\\",
]


def test_the_csv_is_what_training_reads(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.press("cku" + RIGHT + "c")
    browser.click("#download")
    labels = browser.downloaded("snow.csv")
    content = labels.read_bytes()
    assert content == b"id,part,label\np/2,uniform,clear\np/4,near,cloudy\np/5,near,cloudy\np/6,near,unsure\n"
    examples = read_examples(page.with_suffix(".parquet"), labels)
    said = dict(zip(examples.ids, zip(examples.cloudy, examples.uniform, strict=True), strict=True))
    assert said == {"p/2": (False, True), "p/4": (True, False), "p/5": (True, False)}
    assert {*examples.dates} == {"2019-01-20"}


def test_a_csv_can_be_loaded_to_go_on_elsewhere(browser: Browser, start: Start, page: Path, tmp_path: Path) -> None:
    first, second = browser, start()
    first.open(page)
    first.press("cku")
    first.click("#download")
    labels = first.downloaded("snow.csv")
    second.open(page)
    second.choose_file("#load", labels)
    wait_for_message(second, "3 labels loaded")
    assert counts(second) == "3 of 6 labelled: 1 cloudy, 1 clear, 1 unsure"
    second.press("n" + "c")
    second.reload()
    assert counts(second) == "4 of 6 labelled: 2 cloudy, 1 clear, 1 unsure"
    # As a spreadsheet may save it, with rows of another page.
    saved = tmp_path / "saved.csv"
    rows = ['"id","part","label"', '"p/3","uniform","clear"', "p/1,near,clear", "p/9,near,clear", ""]
    saved.write_text("\ufeff" + "\r\n".join(rows), encoding="utf-8", newline="")
    second.choose_file("#load", saved)
    wait_for_message(second, "1 labels loaded")
    assert "2 of patches that are not on this page" in second.text("#message")
    assert counts(second) == "5 of 6 labelled: 2 cloudy, 2 clear, 1 unsure"


def test_other_labels_are_replaced_only_if_that_is_wanted(browser: Browser, page: Path, tmp_path: Path) -> None:
    browser.open(page)
    browser.press("cc")
    labels = tmp_path / "other.csv"
    labels.write_text("id,part,label\np/4,near,clear\np/2,uniform,cloudy\np/6,near,unsure\n")
    browser.choose_file("#load", labels)
    assert "other labels for 1 patches" in browser.answer_question(yes=False)
    wait_for_message(browser, "Nothing was loaded.")
    assert counts(browser) == "2 of 6 labelled: 2 cloudy, 0 clear, 0 unsure"
    browser.choose_file("#load", labels)
    browser.answer_question(yes=True)
    wait_for(lambda: counts(browser) == "3 of 6 labelled: 1 cloudy, 1 clear, 1 unsure", "the labels")


def test_a_file_that_is_no_csv_of_labels_changes_nothing(browser: Browser, page: Path, tmp_path: Path) -> None:
    browser.open(page)
    browser.press("k")
    header = "id,part,label\n"
    contents = ("", "id,label\np/4,cloudy\n", header + "p/4,near,maybe\n", header + "p/4,near\n", "\x89PNG\r\n\0")
    for i, content in enumerate(contents):
        foreign = tmp_path / f"foreign{i}.csv"
        foreign.write_text(content)
        browser.choose_file("#load", foreign)
        wait_for_message(browser, f"{foreign.name} is not a CSV of labels")
        assert counts(browser) == "1 of 6 labelled: 0 cloudy, 1 clear, 0 unsure"
    assert not browser.complaints()


def test_hostile_names_are_shown_as_they_are_and_come_back_in_the_csv(
    browser: Browser, scene: Scene, tmp_path: Path
) -> None:
    page = write(tmp_path / "h.html", scene, HOSTILE, dataset="</title><script>document.title = 'taken'</script>")
    browser.open(page)
    shown = []
    for _ in HOSTILE:
        shown.append(browser.run("return document.getElementById('id').textContent"))
        browser.press("c")
    assert shown == HOSTILE
    assert browser.run("return document.querySelectorAll('script').length") == 2
    assert browser.run("return document.title").startswith("</title>")
    browser.reload()
    assert counts(browser).startswith(f"{len(HOSTILE)} of")
    browser.click("#download")
    examples = read_examples(page.with_suffix(".parquet"), browser.downloaded("h.csv"))
    assert sorted(examples.ids) == sorted(HOSTILE)
    assert not browser.complaints()
