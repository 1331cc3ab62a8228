"""The search page in a real browser."""

from __future__ import annotations

import pytest

from tests.server.pages.conftest import Browser, Site, until
from tests.server.pages.titles import MARKUP, POSTER

DOWN, UP, ENTER, ESCAPE = "\ue015", "\ue013", "\ue007", "\ue00c"


def asked(site: Site, path: str) -> list[str]:
    """Return the addresses that were asked for below a path."""
    return [seen for seen, _ in site.seen if seen.startswith(path)]


# -- suggestions ----------------------------------------------------------------------------


def test_suggestions_are_chosen_by_keyboard(browser: Browser, site: Site) -> None:
    browser.open(site.url)
    box = browser.one("#q")
    box.send_keys("zorb")
    until(lambda: browser.texts("#suggestions [role=option]"))
    assert box.get_attribute("aria-expanded") == "true"
    browser.keys(DOWN)
    option = browser.one("#suggestions [aria-selected=true]")
    assert box.get_attribute("aria-activedescendant") == option.get_attribute("id")
    assert browser.run("return document.activeElement.id") == "q"
    browser.keys(DOWN)  # past the last: back in the field
    assert not box.get_attribute("aria-activedescendant")
    browser.keys(UP, ENTER)
    until(lambda: "Zorblax" in browser.text("dialog[open] h2"))
    assert "q=Zorblax" in browser.query
    assert box.get_attribute("aria-expanded") == "false"


def test_escape_closes_suggestions_and_keeps_the_text(browser: Browser, site: Site) -> None:
    browser.open(site.url)
    browser.one("#q").send_keys("nosf")
    until(lambda: browser.texts("#suggestions [role=option]"))
    browser.keys(ESCAPE)
    assert browser.texts("#suggestions [role=option]") == []
    assert browser.one("#q").get_attribute("value") == "nosf"


def test_a_stale_suggestion_never_shows(browser: Browser, site: Site) -> None:
    site.delays["nos"] = 0.6
    browser.open(site.url)
    browser.one("#q").send_keys("nos")
    until(lambda: asked(site, "/v1/suggest?q=nos&"))
    browser.one("#q").clear()
    browser.one("#q").send_keys("wibb")
    until(lambda: any("Wibblefrotz" in one for one in browser.texts("#suggestions [role=option]")))
    browser.run("return new Promise(done => setTimeout(done, 700))")
    assert all("Nosferatu" not in one for one in browser.texts("#suggestions [role=option]"))


def test_keys_in_a_row_ask_once(browser: Browser, site: Site) -> None:
    browser.open(site.url)
    browser.run(
        """const q = document.getElementById("q"); q.focus();
        for (const text of ["n", "no", "nos", "nosf"]) {
          q.value = text; q.dispatchEvent(new InputEvent("input", {bubbles: true}));
        }"""
    )
    until(lambda: browser.texts("#suggestions [role=option]"))
    assert asked(site, "/v1/suggest") == ["/v1/suggest?q=nosf&k=8"]


# -- results --------------------------------------------------------------------------------


def test_a_search_is_in_the_address_and_back_goes_back(browser: Browser, site: Site) -> None:
    browser.open(site.url)
    browser.one("#q").send_keys("nosferatu", ENTER)
    browser.settled("Nosferatu")
    assert browser.query == "?q=nosferatu"
    browser.one("#q").clear()
    browser.one("#q").send_keys("jaws", ENTER)
    browser.settled("Jaws")
    browser.driver.back()
    browser.settled("Nosferatu")
    until(lambda: browser.one("#q").get_attribute("value") == "nosferatu")
    browser.driver.refresh()
    browser.settled("Nosferatu")


def test_values_of_facets_are_chosen_together(browser: Browser, site: Site) -> None:
    browser.open(site.url)
    until(lambda: browser.texts(".choice"))
    everything = browser.text("#summary")
    browser.click('[data-value="genre:Drama"] input')
    until(lambda: browser.texts(".chip") != [])
    dramas = browser.text("#summary")
    browser.click('[data-value="genre:Comedy"] input')
    until(lambda: len(browser.texts(".chip")) == 2 and browser.text("#summary") != dramas)
    assert browser.query == "?genre=Drama&genre=Comedy"
    assert _number(dramas) < _number(browser.text("#summary")) < _number(everything)
    # The place in the list is kept.
    focused = "return document.activeElement.closest('[data-value]')?.dataset.value"
    assert browser.run(focused) == "genre:Comedy"
    browser.click_text(".chip", "Drama")
    until(lambda: browser.query == "?genre=Comedy")
    browser.driver.back()
    until(lambda: len(browser.texts(".chip")) == 2)
    browser.click_text("#filters .plain", "Remove all")
    until(lambda: browser.query == "")


def _number(text: str) -> int:
    return int("".join(one for one in text if one.isdigit()))


def test_decades_are_filters(browser: Browser, site: Site) -> None:
    browser.open(f"{site.url}/?decade=1950&decade=1960&kind=movie")
    until(lambda: len(browser.texts(".chip")) == 3)
    until(browser.names)
    years = [int(one[:4]) for one in browser.texts("#results .facts")]
    assert years
    assert all(1950 <= year < 1970 for year in years)


def test_what_was_read_is_shown_changed_and_switched_off(browser: Browser, site: Site) -> None:
    browser.open(f"{site.url}/?q=westerns+from+the+60s")
    until(lambda: "Read as filters" in browser.text("#reading"))
    checked = browser.one('[data-value="decade:1960"] input')
    assert checked.is_selected()
    browser.click('[data-value="decade:1950"] input')  # in place of the words
    until(lambda: browser.query == "?q=westerns&decade=1960&decade=1950")
    until(lambda: browser.texts(".chip") == ["1960s \u00d7", "1950s \u00d7"])
    browser.driver.back()
    browser.click_text("#reading button", "Search for the words instead")
    until(lambda: "as it is" in browser.text("#reading"))
    assert browser.query.endswith("&literal=1")


def test_a_misspelt_text_is_corrected_and_says_so(browser: Browser, site: Site) -> None:
    browser.open(f"{site.url}/?q=nosferatoo")
    until(lambda: "Showing titles for nosferatu" in browser.text("#corrected"))
    browser.settled("Nosferatu")
    browser.click_text("#corrected button", "what I typed")
    until(lambda: browser.query == '?q="nosferatoo"')
    until(lambda: "No titles" in browser.text("#summary"))


def test_more_titles_are_added(browser: Browser, site: Site) -> None:
    browser.open(f"{site.url}/?kind=movie&sort=title")
    first = until(browser.names)
    browser.click("#more")
    until(lambda: len(browser.names()) > len(first))
    names = browser.names()
    assert names[: len(first)] == first
    assert len(
        set(browser.run("return [...document.querySelectorAll('.card')].map(c=>c.dataset.id)"))
    ) == len(names)
    assert browser.run("return document.activeElement.innerText") == names[len(first)]


def test_nothing_found_says_what_to_do(browser: Browser, site: Site) -> None:
    browser.open(f"{site.url}/?q=xqzvkjw&genre=Western")
    until(lambda: "No titles were found" in browser.text("#empty"))
    browser.click_text("#empty button", "Remove the filters")
    until(lambda: browser.query == "?q=xqzvkjw")
    until(lambda: "No word of this is known" in browser.text("#empty"))
    browser.click("#empty a")
    until(browser.names)


# -- trouble --------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "said"), [(429, "Too many requests"), (503, "is busy")])
def test_it_comes_back_when_it_was_told_to(
    browser: Browser, site: Site, status: int, said: str
) -> None:
    site.trouble.append((status, {"Retry-After": "1"}))
    browser.open(f"{site.url}/?q=nosferatu")
    until(lambda: said in browser.text("#notice"))
    assert "Trying again in" in browser.text("#notice")
    browser.settled("Nosferatu")
    assert browser.text("#notice") == ""


def test_a_wrong_filter_is_explained(browser: Browser, site: Site) -> None:
    browser.open(f"{site.url}/?q=year:abc")
    until(lambda: "expected a number for year" in browser.text("#notice"))


def test_a_gateway_that_is_gone_is_tried_again(browser: Browser, site: Site) -> None:
    browser.open(f"{site.url}/?q=nosferatu")
    browser.settled("Nosferatu")
    browser.driver.execute_cdp_cmd("Network.enable", {})
    offline = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    try:
        browser.one("#q").clear()
        browser.one("#q").send_keys("jaws", ENTER)
        until(lambda: "cannot be reached" in browser.text("#notice"))
    finally:
        online = {**offline, "offline": False}
        browser.driver.execute_cdp_cmd("Network.emulateNetworkConditions", online)
    browser.settled("Jaws")


# -- one title ------------------------------------------------------------------------------


def test_a_title_says_where_to_watch_what_is_similar_and_why(browser: Browser, site: Site) -> None:
    browser.open(f"{site.url}/?q=wibblefrotz")
    browser.settled("Wibblefrotz")
    browser.click("#results h3 a")
    until(lambda: browser.text("dialog h2") == "Wibblefrotz")
    assert browser.query == "?q=wibblefrotz&title=x:poster"
    offers = browser.texts("dialog .offers dd")
    assert offers == ["Netflix HD", "Example $3.50"]
    links = browser.run(
        "return [...document.querySelectorAll('.offers a')].map(a => [a.href, a.rel])"
    )
    assert links[0] == ["https://example.com/us", "noopener noreferrer"]
    browser.click("dialog summary")
    until(lambda: "Its name is exactly this" in browser.text("dialog .why"))
    until(lambda: browser.texts("dialog .similar li"))
    browser.run(
        """const s = document.querySelector('dialog select'); s.value = 'DE';
        s.dispatchEvent(new Event('change'))"""
    )
    until(lambda: browser.texts("dialog .offers dd") == ["Netflix"])
    browser.keys(ESCAPE)
    until(lambda: browser.query == "?q=wibblefrotz")
    assert browser.run("return document.querySelector('dialog').open") is False
    browser.driver.forward()
    until(lambda: browser.text("dialog h2") == "Wibblefrotz")


def test_an_address_of_a_title_opens_it(browser: Browser, site: Site) -> None:
    browser.open(f"{site.url}/?title=x:poster")
    until(lambda: browser.text("dialog h2") == "Wibblefrotz")
    browser.click("dialog .close")
    until(lambda: browser.query == "")
    browser.open(f"{site.url}/?title=x:nothing")
    until(lambda: "no such title" in browser.text("dialog"))


def test_posters_are_loaded_without_saying_what_was_searched(browser: Browser, site: Site) -> None:
    browser.open(f"{site.url}/?q=wibblefrotz")
    loaded = "return document.querySelector('#results img')?.naturalWidth > 0"
    until(lambda: browser.run(loaded))
    assert (POSTER, None) in site.seen
    browser.open(f"{site.url}/?q=flimflamtoo")
    browser.settled("Flimflamtoo")
    assert browser.run("return document.querySelector('#results img')") is None
    assert browser.text("#results .poster") == "F"


def test_what_titles_say_is_text(browser: Browser, site: Site) -> None:
    browser.open(f"{site.url}/?q=zorblax")
    until(lambda: browser.names()[:1] and MARKUP in browser.names()[0])
    browser.click("#results h3 a")
    until(lambda: MARKUP in browser.text("dialog h2"))
    for part in (".overview", ".tagline", ".tags", ".people", ".offers"):
        assert MARKUP in browser.text(f"dialog {part}").replace("\n", " ") or part == ".offers"
    until(lambda: browser.text("dialog .similar"))
    browser.click("dialog summary")
    until(lambda: browser.text("dialog .why"))
    assert browser.run("return window.harmed ?? null") is None
    assert (
        browser.run("return document.querySelectorAll('main script, dialog script, svg').length")
        == 0
    )
    links = browser.run("return [...document.querySelectorAll('a')].map(a => a.protocol)")
    assert set(links) <= {"http:", "https:"}
    genre = browser.one("dialog .tags a")
    genre.click()  # its quotation marks and backslashes stay a value
    until(lambda: len(browser.texts(".chip")) == 1)
    until(lambda: len(browser.names()) == 1)
    assert MARKUP in browser.names()[0]


# -- for everybody --------------------------------------------------------------------------


def test_everything_that_can_be_used_has_a_name(browser: Browser, site: Site) -> None:
    browser.open(f"{site.url}/?q=wibblefrotz&title=x:poster")
    until(lambda: browser.texts("dialog .similar li"))
    nameless = browser.run(
        """return [...document.querySelectorAll('button, a, input, select, dialog')].filter(e =>
          !(e.innerText || e.getAttribute('aria-label') || e.labels?.length
            || document.getElementById(e.getAttribute('aria-labelledby')))).map(e => e.outerHTML)"""
    )
    assert nameless == []
    assert browser.run("return document.documentElement.lang") == "en"
    marks = browser.run(
        "return ['header','main','footer','nav','form[role=search]'].map("
        "s => document.querySelectorAll(s).length)"
    )
    assert marks == [1, 1, 1, 1, 1]
    assert browser.run("return document.querySelectorAll('h1').length") == 1


def test_a_phone_shows_it_without_scrolling_sideways(browser: Browser, site: Site) -> None:
    size = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        for query in ("", "?q=zorblax", "?q=zorblax&title=x:poster", "?q=westerns+from+the+60s"):
            browser.open(f"{site.url}/{query}")
            until(browser.names)
            assert browser.run("return document.documentElement.scrollWidth") <= 390
    finally:
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
