"""A DNS server and a stub resolver, of A records only."""

import contextlib
import random
import socket
import struct
import threading

from captures.lab.network import Host

TTL_S = 60
TYPE_A_CLASS_IN = b"\x00\x01\x00\x01"


class NameServer:
    """Answers A questions for the names it was given."""

    def __init__(self, host: Host, names: dict[str, tuple[str, ...]]) -> None:
        self._names = names
        self._socket = host.socket(kind=socket.SOCK_DGRAM)
        self._socket.bind(("", 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                query, asker = self._socket.recvfrom(512)
                if query:
                    self._socket.sendto(self._answer(query), asker)

    def _answer(self, query: bytes) -> bytes:
        question = query[12:]
        addresses = self._names.get(_name(question), ())
        # The answer's name is a pointer to the question's, at offset 12.
        record = b"\xc0\x0c" + TYPE_A_CLASS_IN + struct.pack("!IH", TTL_S, 4)
        records = b"".join(record + socket.inet_aton(address) for address in addresses)
        return query[:2] + struct.pack("!HHHHH", 0x8580, 1, len(addresses), 0, 0) + question + records

    def close(self) -> None:
        self._socket.close()


def _name(question: bytes) -> str:
    labels, offset = [], 0
    while length := question[offset]:
        labels.append(question[offset + 1 : offset + 1 + length].decode())
        offset += 1 + length
    return ".".join(labels)


def resolve(host: Host, server: str, name: str) -> list[str]:
    """The name's addresses, asked from the host."""
    question = (
        b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0" + TYPE_A_CLASS_IN
    )
    query = struct.pack("!HHHHHH", random.randrange(65_536), 0x0100, 1, 0, 0, 0) + question
    with host.socket(kind=socket.SOCK_DGRAM) as sock:
        sock.settimeout(2)
        sock.sendto(query, (server, 53))
        answer = sock.recv(512)
    count, records = struct.unpack("!H", answer[6:8])[0], answer[len(query) :]
    return [socket.inet_ntoa(records[16 * n + 12 : 16 * n + 16]) for n in range(count)]
