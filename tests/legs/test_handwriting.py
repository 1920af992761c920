"""What tells a load balancer from the backend leg alone, each sign beside what only looks like it.

The heads are those that the programs named send (nginx 1.22, HAProxy 2.6, curl 7.88, Firefox, PHP 8.1's
http:// stream, undici); captures/backend-reset holds recordings of the first two.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import pcapdiag
from pcapdiag import tables as t
from tests.conversation import Conversation, write

OPENER, OTHER, SERVER = "10.0.1.10", "10.0.1.99", "10.0.1.21:8080"

CURL = "Host: shop.example\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n"
FIREFOX = (
    "Host: shop.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Firefox/128.0\r\n"
    "Accept: text/html\r\nAccept-Language: en\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n"
)
PYTHON = (
    "Host: shop.example\r\nUser-Agent: python-requests/2.31.0\r\nAccept-Encoding: gzip, deflate\r\n"
    "Accept: */*\r\nConnection: keep-alive\r\n"
)
UNDICI = "host: shop.example\r\nconnection: keep-alive\r\naccept: */*\r\nuser-agent: Mozilla/5.0\r\n"
NGINX = "Host: app\r\nConnection: close\r\n"


class Scene:
    """Connections to one server, one after another."""

    def __init__(self, server: str = SERVER) -> None:
        self.server = server
        self.conversations: list[Conversation] = []

    def connect(self, at_s: float, client: str = OPENER) -> Conversation:
        port = 40000 + len(self.conversations)
        c = Conversation(client=f"{client}:{port}", server=self.server, start_s=at_s)
        c.handshake()
        self.conversations.append(c)
        return c

    def asks(self, *heads: str, at_s: float = 0.0, client: str = OPENER, version: str = "1.1") -> None:
        """These requests on one connection, of a target each."""
        c = self.connect(at_s, client)
        for n, head in enumerate(heads):
            c.request(f"GET /{len(self.conversations)}/{n} HTTP/{version}\r\n{head}\r\n")
            c.response("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        c.close()

    def knocks(self, at_s: float, *, resets: bool = True) -> None:
        c = self.connect(at_s)
        (c.client.rst if resets else c.close)()

    def checks(self, at_s: float, head: str = "") -> None:
        c = self.connect(at_s)
        c.request(f"GET /up HTTP/1.0\r\n{head}\r\n")
        c.response("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")
        c.close(c.server)

    def browsed(self) -> None:
        """Requests at no pace."""
        for at_s in (0.11, 0.53, 1.9, 2.04, 3.61):
            self.asks(FIREFOX, FIREFOX, at_s=at_s)

    def traffic(self, folder: Path) -> pcapdiag.Traffic:
        return pcapdiag.analyze(write(folder / "c.pcap", *self.conversations)).traffic


def is_told(scene: Scene, folder: Path, reason: str) -> None:
    traffic = scene.traffic(folder)
    assert traffic.alb == (OPENER,)
    assert reason in traffic.alb_reason
    assert set(traffic.leg.tolist()) == {t.LEG_BACKEND}


def is_not_told(scene: Scene, folder: Path) -> None:
    traffic = scene.traffic(folder)
    assert traffic.alb == ()
    assert set(traffic.leg.tolist()) == {t.LEG_FRONTEND}


# Forwarding fields of other names


def test_a_forwarding_field_of_another_name(tmp_path: Path) -> None:
    scene = Scene()
    scene.asks(*["X-Real-IP: 203.0.113.9\r\n" + CURL] * 2)
    is_told(scene, tmp_path, "its requests carry X-Real-IP")


def test_a_few_such_requests_among_many_are_a_test(tmp_path: Path) -> None:
    scene = Scene()
    scene.asks("X-Real-IP: 203.0.113.9\r\n" + CURL, CURL, CURL)
    is_not_told(scene, tmp_path)


# Requests of different programs on one connection


def test_different_programs_on_one_connection(tmp_path: Path) -> None:
    scene = Scene()
    scene.asks(CURL, FIREFOX, CURL, PYTHON, FIREFOX)
    is_told(scene, tmp_path, "requests of different programs; if it is a client")


def test_a_nat_joins_no_two_clients_on_one_connection(tmp_path: Path) -> None:
    scene = Scene()
    for n in range(4):
        for head in (CURL, FIREFOX, PYTHON):
            scene.asks(head, head, at_s=n / 10)
    is_not_told(scene, tmp_path)


def test_a_script_that_takes_another_name_each_time_writes_as_before(tmp_path: Path) -> None:
    scene = Scene()
    scene.asks(*(PYTHON.replace("python-requests/2.31.0", f"Mozilla/5.0 ({n})") for n in range(9)))
    is_not_told(scene, tmp_path)


def test_where_others_ask_the_same_server_it_is_a_frontend(tmp_path: Path) -> None:
    """A proxy of some clients in front of the load balancer."""
    scene = Scene()
    scene.asks(CURL, FIREFOX, CURL, PYTHON, FIREFOX)
    scene.asks(FIREFOX, client=OTHER, at_s=1)
    is_not_told(scene, tmp_path)


# Small letters


def test_a_program_that_writes_capitals_in_small_letters(tmp_path: Path) -> None:
    scene = Scene()
    small = CURL.replace("Host", "host").replace("User-Agent", "user-agent").replace("Accept", "accept")
    scene.asks(small, small, small)
    is_told(scene, tmp_path, "small letters")


def test_one_that_writes_small_letters_itself(tmp_path: Path) -> None:
    scene = Scene()
    scene.asks(*[UNDICI] * 6)
    is_not_told(scene, tmp_path)


# nginx's own request


def test_nginx_names_its_upstream_and_not_the_port_it_asks(tmp_path: Path) -> None:
    scene = Scene()
    for n in range(3):
        scene.asks(NGINX + "User-Agent: curl/7.88.1\r\nAccept: */*\r\n", at_s=n, version="1.0")
    is_told(scene, tmp_path, "its requests begin as nginx's own do")


def test_nginx_on_the_usual_port_with_several_clients(tmp_path: Path) -> None:
    scene = Scene("10.0.1.21:80")
    for n, head in enumerate((CURL, FIREFOX, CURL)):
        rest = head.partition("\r\n")[2].replace("Connection: keep-alive\r\n", "")
        scene.asks(NGINX + rest, at_s=n, version="1.0")
    is_told(scene, tmp_path, "its requests begin as nginx's own do")


@pytest.mark.parametrize(
    ("server", "head"),
    [
        (SERVER, "Host: shop.example:8080\r\nConnection: close\r\nUser-Agent: shop/1.0\r\n"),
        ("10.0.1.21:80", "Host: shop.example\r\nConnection: close\r\n"),
        ("[2001:db8::21]:8080", "Host: [2001:db8::21]:8080\r\nConnection: close\r\n"),
        (SERVER, CURL + "Connection: close\r\n"),
    ],
    ids=["php", "php-usual-port", "php-ipv6", "curl-0"],
)
def test_other_programs_of_that_version(server: str, head: str, tmp_path: Path) -> None:
    scene = Scene(server)
    opener = "2001:db8::10" if server.startswith("[") else OPENER
    for n in range(6):
        scene.asks(head, at_s=n, client=f"[{opener}]" if ":" in opener else opener, version="1.0")
    is_not_told(scene, tmp_path)


# Health checks


def test_steady_knocks_beside_requests(tmp_path: Path) -> None:
    scene = Scene()
    scene.browsed()
    for n in range(5):
        scene.knocks(0.3 + 0.7 * n)
    is_told(scene, tmp_path, "at a steady pace")


def test_knocks_of_two_pools_between_each_other(tmp_path: Path) -> None:
    scene = Scene()
    scene.browsed()
    for n in range(4):
        scene.knocks(0.3 + 0.7 * n)
        scene.knocks(0.54 + 0.7 * n)
    is_told(scene, tmp_path, "at a steady pace")


def test_steady_requests_for_nobody_beside_others(tmp_path: Path) -> None:
    scene = Scene()
    scene.browsed()
    for n in range(5):
        scene.checks(0.3 + 0.7 * n)
    is_told(scene, tmp_path, "health checks")


@pytest.mark.parametrize("head", ["User-Agent: check_http/v2.3\r\n", "Host: shop.example\r\n"])
def test_a_monitor_names_itself_or_whom_it_asks(head: str, tmp_path: Path) -> None:
    scene = Scene()
    scene.browsed()
    for n in range(5):
        scene.checks(0.3 + 0.7 * n, head)
    is_not_told(scene, tmp_path)


def test_a_port_tried_by_hand_ends_with_fin(tmp_path: Path) -> None:
    scene = Scene()
    scene.browsed()
    for n in range(9):
        scene.knocks(0.3 + 0.7 * n, resets=False)
    is_not_told(scene, tmp_path)


def test_a_browser_that_drops_spare_connections_keeps_no_pace(tmp_path: Path) -> None:
    scene = Scene()
    scene.browsed()
    for at_s in (0.1, 0.52, 0.9, 1.95, 2.2, 3.4, 3.6):
        scene.knocks(at_s)
    is_not_told(scene, tmp_path)


def test_a_monitor_that_also_asks_for_pages_asks_at_its_pace(tmp_path: Path) -> None:
    scene = Scene()
    for n in range(5):
        scene.knocks(0.3 + 0.7 * n)
        for page in ("a", "b", "c"):
            c = scene.connect(0.4 + 0.7 * n)
            c.request(f"GET /{page} HTTP/1.1\r\n{CURL}\r\n")
            c.response("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            c.close()
    is_not_told(scene, tmp_path)
