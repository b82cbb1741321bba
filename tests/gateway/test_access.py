"""Browsers: the gateway's own page, and no other."""

from __future__ import annotations

import pytest

from kraken_async.gateway.access import Access

LOCAL = ["127.0.0.1:8810", "localhost:8810", "localhost", "[::1]:8810", "127.0.0.1", "LOCALHOST:1"]
FOREIGN = [
    "evil.example",
    "evil.example:8810",
    "127.0.0.1.evil.example",
    "evil.localhost",
    "",
    "10.0.0.5:8810",
    ":80",
]


@pytest.mark.parametrize("host", LOCAL)
def test_its_own_names_come_in(host: str) -> None:
    assert not Access().refusal({"Host": host})


@pytest.mark.parametrize("host", FOREIGN)
def test_a_foreign_host_does_not(host: str) -> None:
    assert "Host" in Access().refusal({"Host": host})


@pytest.mark.parametrize("host", ["localhost", "gateway", "kraken"])
def test_any_word_that_is_no_domain_comes_in_by_a_socket(host: str) -> None:
    assert not Access(unix=True).refusal({"Host": host})


def test_a_domain_does_not_by_a_socket_either() -> None:
    assert Access(unix=True).refusal({"Host": "evil.example"})


def test_a_proxy_s_name_comes_in_where_the_configuration_names_it() -> None:
    access = Access(("desk.example",))
    assert not access.refusal({"Host": "desk.example", "Origin": "https://desk.example"})
    assert access.refusal({"Host": "other.example"})


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "http://127.0.0.1:88100"]
)
def test_a_foreign_origin_does_not(origin: str) -> None:
    assert "Origin" in Access().refusal({"Host": "127.0.0.1:8810", "Origin": origin})


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_request_of_another_site_does_not(site: str) -> None:
    assert "another site" in Access().refusal({"Host": "127.0.0.1:8810", "Sec-Fetch-Site": site})


def test_its_own_page_comes_in() -> None:
    headers = {"Host": "127.0.0.1:8810", "Origin": "http://127.0.0.1:8810", "Sec-Fetch-Site": "same-origin"}
    assert not Access().refusal(headers)
