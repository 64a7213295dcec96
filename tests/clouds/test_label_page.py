"""The page that patches are labelled on, in a real browser: keys, pictures, what it keeps, what it does not load."""

import json
from pathlib import Path

import pytest

from seasonet_build.sources.scenes import Scene
from tests.clouds.browser import BACKSPACE, CONTROL, DELETE, ENTER, LEFT, RIGHT, Browser, wait_for
from tests.clouds.label_pages import Start, at, counts, write

pytestmark = pytest.mark.xdist_group("browser")


def test_keys_label_and_go_on_to_the_next_unlabelled_patch(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert at(browser) == ("1", "not labelled")
    browser.press("ck")
    assert at(browser) == ("3", "not labelled")
    browser.press(RIGHT)
    browser.press("U")
    assert at(browser) == ("5", "not labelled")
    browser.press(LEFT)
    assert at(browser) == ("4", "unsure")
    browser.press(BACKSPACE * 2)
    assert at(browser) == ("2", "clear")
    # Another label in place of the old one, and on past those that have one.
    browser.press("c")
    assert at(browser) == ("3", "not labelled")
    assert counts(browser) == "3 of 6 labelled: 2 cloudy, 0 clear, 1 unsure"
    browser.press("n")
    assert at(browser) == ("5", "not labelled")
    browser.press("cc")
    assert at(browser) == ("3", "not labelled")
    browser.press("k")
    assert "All patches are labelled" in browser.text("#message")
    assert counts(browser) == "6 of 6 labelled: 4 cloudy, 1 clear, 1 unsure"
    browser.press(LEFT * 9 + DELETE)
    assert at(browser) == ("1", "not labelled")
    assert counts(browser).startswith("5 of 6")
    assert not browser.complaints()


def test_a_key_held_down_or_with_control_labels_nothing(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.press("cku", held=CONTROL)
    browser.run("document.dispatchEvent(new KeyboardEvent('keydown', { key: 'c', repeat: true }))")
    assert at(browser) == ("1", "not labelled")
    assert counts(browser).startswith("0 of 6")


def test_buttons_do_what_keys_do(browser: Browser, page: Path) -> None:
    browser.open(page)
    for label in ("cloudy", "clear", "unsure"):
        browser.click(f"[data-label={label}]")
    assert counts(browser) == "3 of 6 labelled: 1 cloudy, 1 clear, 1 unsure"
    browser.click("#back")
    assert at(browser) == ("3", "unsure")
    assert browser.run("return document.querySelector('[aria-pressed=true]').dataset.label") == "unsure"
    browser.click("#forward")
    browser.click("#forward")
    browser.click("#next")
    assert at(browser) == ("6", "not labelled")
    # Keys work whatever has the focus, and Enter presses the button that has it.
    browser.press("k" + ENTER)
    assert at(browser) == ("5", "not labelled")


def test_both_pictures_of_a_patch_are_shown_large_and_named(browser: Browser, page: Path) -> None:
    browser.open(page)
    sources = set()
    for _number in range(6):
        for name in ("colour", "infrared"):
            picture = f"document.getElementById('{name}')"
            wait_for(lambda p=picture: browser.run(f"return {p}.complete"), "a picture")  # type: ignore[misc]
            assert browser.run(f"return [{picture}.naturalWidth, {picture}.naturalHeight]") == [120, 120]
            assert browser.run(f"return {picture}.clientWidth % 120 + {picture}.clientHeight % 120") == 0
            assert browser.run(f"return {picture}.clientWidth") >= 360
            assert browser.run(f"return getComputedStyle({picture}).imageRendering") == "pixelated"
            assert browser.run(f"return {picture}.alt").endswith(browser.text("#id"))
            sources.add(browser.run(f"return {picture}.src"))
        browser.press(RIGHT)
    # There are four places in the product.
    assert len(sources) == 8


def test_nothing_on_the_page_tells_part_or_score(browser: Browser, page: Path) -> None:
    browser.open(page)
    text = browser.text("body").lower()
    for word in ("near", "uniform", "score", "threshold"):
        assert word not in text


def test_labels_are_kept_when_the_page_is_loaded_again(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.press("ck")
    browser.reload()
    assert at(browser) == ("3", "not labelled")
    browser.press("u" + LEFT + LEFT)
    assert at(browser) == ("2", "clear")
    browser.open(page)
    assert counts(browser) == "3 of 6 labelled: 1 cloudy, 1 clear, 1 unsure"


def test_the_same_patches_elsewhere_have_their_labels_and_other_patches_have_not(
    browser: Browser, page: Path, scene: Scene, tmp_path: Path
) -> None:
    browser.open(page)
    browser.press("cc")
    other = write(tmp_path / "snow.html", scene, ["p/4", "p/2", "p/7"])
    browser.open(other)
    assert counts(browser).startswith("0 of 3")
    browser.press("kkk")
    browser.open(write(tmp_path / "moved.html", scene, [f"p/{i}" for i in (6, 3, 4, 2, 5, 1)]))
    assert counts(browser) == "2 of 6 labelled: 2 cloudy, 0 clear, 0 unsure"


def test_two_tabs_do_not_lose_each_others_labels(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.press("c")
    before = browser.open_tab()
    browser.open(page)
    browser.press("k")
    browser.go_to_tab(before)
    wait_for(lambda: counts(browser).startswith("2 of 6"), "the label of the other tab")
    browser.press("n" + "u")
    assert counts(browser) == "3 of 6 labelled: 1 cloudy, 1 clear, 1 unsure"


def test_what_makes_no_sense_in_the_store_is_left_out(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.press("c")
    mixed = '[["p/4", "maybe"], ["p/9", "clear"], 5, null, ["p/2", "clear"]]'
    for stored in ("{", "7", "null", '{"p/4": "cloudy"}', mixed):
        browser.run(f"localStorage.setItem(Object.keys(localStorage)[0], {json.dumps(stored)})")
        browser.reload()
        assert counts(browser).startswith("1 of 6" if stored == mixed else "0 of 6")
    assert not browser.complaints()


def test_where_nothing_can_be_kept_the_page_says_so_and_goes_on(browser: Browser, start: Start, page: Path) -> None:
    browser.open(page)
    assert browser.text("#unkept") == ""
    browser = start(keeps=False)
    browser.open(page)
    assert "does not keep the labels" in browser.text("#unkept")
    browser.press("ck")
    assert at(browser) == ("3", "not labelled")
    browser.click("#download")
    assert browser.downloaded("snow.csv").read_text().count("\n") == 3


def test_the_page_loads_nothing_from_anywhere(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.press("c" + RIGHT)
    loaded = browser.run("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert all(name.startswith("data:") for name in loaded)
    # And it could not if it wanted to.
    refused = browser.run(
        """return new Promise((resolve) => {
             const kinds = [];
             document.addEventListener("securitypolicyviolation", (event) => {
               if (kinds.push(event.effectiveDirective) === 2) resolve(kinds.sort());
             });
             document.getElementById("colour").src = "http://127.0.0.1:9/picture.png";
             fetch("http://127.0.0.1:9/labels").catch(() => {});
           })"""
    )
    assert refused == ["connect-src", "img-src"]


def test_the_same_patches_give_the_same_files(scene: Scene, tmp_path: Path) -> None:
    one, other = (write(tmp_path / name / "page.html", scene, ["a", "b", "c"]) for name in ("one", "other"))
    assert one.read_bytes() == other.read_bytes()
    assert one.with_suffix(".parquet").read_bytes() == other.with_suffix(".parquet").read_bytes()
    assert sorted(path.name for path in one.parent.iterdir()) == ["page.html", "page.parquet"]
