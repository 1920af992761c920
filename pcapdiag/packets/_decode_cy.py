# cython: language_level=3, boundscheck=True, wraparound=False, initializedcheck=False
"""Records -> rows of tables.Packet: one pass over the headers of each record, from the link layer to TCP.

Each record is walked by iteration, never by recursion: a method of `Walk` reads one header, moves past it
and returns what comes next, until that is an outcome. What comes next is one number:

    below 0x100           an outcome: the record is done and is counted as COUNTERS[outcome]
    0x600 to 0xffff       an EtherType (IEEE 802), the language Ethernet, SLL, GRE and GENEVE share
    IP | protocol         an IP protocol number or IPv6 extension header
    LINK | link type      a LINKTYPE number (tcpdump.org/linktypes.html)
    LLC                   an IEEE 802.2 header

Every method compares the bytes left with the bytes it needs before it reads. The captured end and the end
on the wire travel apart: a snaplen may cut the one, only a length that lies can cut the other.

Arrays: data, uint8, the batch's bytes; rows, tables.Record, read; out, tables.Packet, at least as long as
rows, written; counters, int64, one for each of COUNTERS, added to.
"""

from __future__ import annotations

import cython
from cython.cimports.pcapdiag.tables import KIND_DNS, KIND_ICMP, KIND_TCP, Packet, Record

COUNTERS = (
    "tcp",  # these three write a row
    "icmp_errors",  # about TCP packets
    "dns",  # answers
    "other_ip",  # IP that carries something else
    "not_ip",
    "fragments",  # fragments after the first: they have no TCP header
    "malformed",  # a length or version that cannot be
    "truncated",  # the snaplen cut a header that was needed
    "protected",  # encrypted 802.11
    "unknown_link",
    "too_deep",  # more tunnels or headers than MAX_TUNNELS, MAX_HEADERS
)
TCP_ROW = cython.declare(cython.int, 0)
ICMP_ROW = cython.declare(cython.int, 1)
DNS_ROW = cython.declare(cython.int, 2)
OTHER_IP = cython.declare(cython.int, 3)
NOT_IP = cython.declare(cython.int, 4)
LATER_FRAGMENT = cython.declare(cython.int, 5)
MALFORMED = cython.declare(cython.int, 6)
TRUNCATED = cython.declare(cython.int, 7)
PROTECTED = cython.declare(cython.int, 8)
UNKNOWN_LINK = cython.declare(cython.int, 9)
TOO_DEEP = cython.declare(cython.int, 10)

MAX_TUNNELS = cython.declare(cython.int, 8)
MAX_HEADERS = cython.declare(cython.int, 64)

FIRST_ETHERTYPE = cython.declare(cython.int, 0x600)  # below, the field is an IEEE 802.3 length
ETHERNET = cython.declare(cython.int, 0x6558)  # as GRE and GENEVE name an Ethernet frame inside
IPV4 = cython.declare(cython.int, 0x0800)
IPV6 = cython.declare(cython.int, 0x86DD)
MPLS = cython.declare(cython.int, 0x8847)

IP = cython.declare(cython.int, 0x10000)
IP_TCP = cython.declare(cython.int, 0x10000 | 6)
IP_UDP = cython.declare(cython.int, 0x10000 | 17)
IP_ICMP = cython.declare(cython.int, 0x10000 | 1)
IP_ICMPV6 = cython.declare(cython.int, 0x10000 | 58)
IP_FRAGMENT = cython.declare(cython.int, 0x10000 | 44)
IP_AH = cython.declare(cython.int, 0x10000 | 51)
IP_HOP_BY_HOP = cython.declare(cython.int, 0x10000 | 0)
IP_ROUTING = cython.declare(cython.int, 0x10000 | 43)
IP_DESTINATION = cython.declare(cython.int, 0x10000 | 60)
IP_IN_IP = cython.declare(cython.int, 0x10000 | 4)
IP_IPV6 = cython.declare(cython.int, 0x10000 | 41)
IP_GRE = cython.declare(cython.int, 0x10000 | 47)
IP_MPLS = cython.declare(cython.int, 0x10000 | 137)

LINK = cython.declare(cython.int, 0x20000)
LINK_ETHERNET = cython.declare(cython.int, 1)
LINK_PPP = cython.declare(cython.int, 0x20000 | 9)
LINK_RAW = cython.declare(cython.int, 0x20000 | 101)
LINK_WIFI = cython.declare(cython.int, 0x20000 | 105)
LLC = cython.declare(cython.int, 0x30000)


@cython.final
@cython.cclass
class Walk:
    """The walk through one record: where it stands, and a method for each header."""

    data: cython.const[cython.uchar][::1]
    out: Packet[::1]
    pos: cython.longlong  # where the next header begins
    end: cython.longlong  # where the captured bytes of the current layer end
    wire_end: cython.longlong  # where they ended on the wire
    row: cython.Py_ssize_t  # the row of `out` being filled
    vlan: cython.int
    vni: cython.longlong
    tunnels: cython.int
    quoting: cython.bint  # inside the packet that an ICMP error quotes

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def be16(self, at: cython.longlong) -> cython.longlong:
        return (self.data[at] << 8) | self.data[at + 1]

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def be32(self, at: cython.longlong) -> cython.longlong:
        high: cython.longlong = (self.data[at] << 8) | self.data[at + 1]
        return (high << 16) | (self.data[at + 2] << 8) | self.data[at + 3]

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1, check=True)  # half an address may be all ones
    def be64(self, at: cython.longlong) -> cython.ulonglong:
        high: cython.ulonglong = cython.cast(cython.ulonglong, self.be32(at))
        return (high << 32) | cython.cast(cython.ulonglong, self.be32(at + 4))

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def le16(self, at: cython.longlong) -> cython.longlong:
        return (self.data[at + 1] << 8) | self.data[at]

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def lacks(self, size: cython.longlong) -> cython.int:
        """The outcome when a header of `size` bytes is not there: cut by the snaplen, or never sent."""
        return TRUNCATED if self.pos + size <= self.wire_end else MALFORMED

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def ends_at(self, wire_end: cython.longlong) -> cython.int:
        """A header says where its content ends on the wire; captured bytes after that are not content."""
        self.wire_end = wire_end
        if self.end > wire_end:
            self.end = wire_end
        return 0

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def tunnel(self, inner: cython.int) -> cython.int:
        self.tunnels += 1
        return inner if self.tunnels <= MAX_TUNNELS else TOO_DEEP

    # --- link layers ---------------------------------------------------------------------------------

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def ethernet(self) -> cython.int:
        if self.end - self.pos < 14:
            return self.lacks(14)
        kind: cython.int = self.be16(self.pos + 12)
        self.pos += 14
        return kind if kind >= FIRST_ETHERTYPE else LLC

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def vlan_tag(self) -> cython.int:
        """An 802.1Q or 802.1ad tag; the outermost names the VLAN."""
        if self.end - self.pos < 4:
            return self.lacks(4)
        if self.vlan == 0:
            self.vlan = self.be16(self.pos) & 0xFFF
        kind: cython.int = self.be16(self.pos + 2)
        self.pos += 4
        return kind if kind >= FIRST_ETHERTYPE else LLC

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def tagged(self, size: cython.int) -> cython.int:
        """A bridge's tag before a whole Ethernet frame."""
        if self.end - self.pos < size:
            return self.lacks(size)
        self.pos += size
        return ETHERNET

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def llc(self) -> cython.int:
        """802.2: SNAP (RFC 1042) carries an EtherType, SAP 6 is IP itself."""
        if self.end - self.pos < 3:
            return self.lacks(3)
        sap: cython.int = self.be16(self.pos)
        if self.data[self.pos + 2] != 3:
            return NOT_IP
        if sap == 0x0606:
            self.pos += 3
            return IPV4
        if sap != 0xAAAA:
            return NOT_IP
        if self.end - self.pos < 8:
            return self.lacks(8)
        kind: cython.int = self.be16(self.pos + 6)
        self.pos += 8
        return kind if kind >= FIRST_ETHERTYPE else NOT_IP

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def mpls(self) -> cython.int:
        """One label (RFC 3032). Nothing says what lies under the last one but its first nibble (RFC 4928)."""
        if self.end - self.pos < 5:
            return self.lacks(5)
        last: cython.int = self.data[self.pos + 2] & 1
        nibble: cython.int = self.data[self.pos + 4] >> 4
        self.pos += 4
        if not last:
            return MPLS
        if nibble == 4:
            return IPV4
        if nibble == 6:
            return IPV6
        if nibble == 1:
            return NOT_IP  # an associated channel (RFC 4385)
        if nibble == 0:
            self.pos += 4  # pseudowire control word (RFC 4448)
        return ETHERNET

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def pppoe(self) -> cython.int:
        """A PPPoE session packet (RFC 2516); discovery (code not 0) carries no IP."""
        if self.end - self.pos < 6:
            return self.lacks(6)
        code: cython.int = self.data[self.pos + 1]
        self.pos += 6
        return LINK_PPP if code == 0 else NOT_IP

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def ppp(self) -> cython.int:
        """PPP (RFC 1661), with or without HDLC's address and control (RFC 1662); or Cisco HDLC."""
        if self.end - self.pos < 4:
            return self.lacks(4)
        protocol: cython.int = self.be16(self.pos)
        if protocol == 0xFF03:
            self.pos += 2
            protocol = self.be16(self.pos)
        elif protocol == 0x0F00 or protocol == 0x8F00:
            protocol = self.be16(self.pos + 2)
            self.pos += 4
            return protocol if protocol >= FIRST_ETHERTYPE else NOT_IP
        if protocol & 0x100:  # compressed to its low byte
            protocol >>= 8
            self.pos += 1
        else:
            self.pos += 2
        if protocol == 0x21:
            return IPV4
        if protocol == 0x57:
            return IPV6
        return MPLS if protocol == 0x281 else NOT_IP

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def raw(self) -> cython.int:
        """IP with nothing before it: the version is all there is."""
        if self.end - self.pos < 1:
            return self.lacks(1)
        version: cython.int = self.data[self.pos] >> 4
        if version == 4:
            return IPV4
        return IPV6 if version == 6 else NOT_IP

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def loopback(self) -> cython.int:
        """BSD loopback: the address family, in the byte order of the machine that wrote the file."""
        if self.end - self.pos < 4:
            return self.lacks(4)
        family: cython.longlong = self.be32(self.pos)
        if family > 0xFFFF:
            family = (self.le16(self.pos + 2) << 16) | self.le16(self.pos)
        self.pos += 4
        if family == 2:
            return IPV4
        if family == 10 or family == 24 or family == 28 or family == 30:
            return IPV6
        return NOT_IP

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def wifi(self) -> cython.int:
        """An IEEE 802.11 data frame in clear; one with an aggregate of frames (A-MSDU) is not opened."""
        if self.end - self.pos < 24:
            return self.lacks(24)
        control: cython.int = self.data[self.pos]
        flags: cython.int = self.data[self.pos + 1]
        if control & 0x4C != 0x08:  # not data, or data without a body
            return NOT_IP
        if flags & 0x40:
            return PROTECTED
        size: cython.int = 30 if flags & 3 == 3 else 24  # a fourth address between access points
        if control & 0x80:
            if self.end - self.pos < size + 2:
                return self.lacks(size + 2)
            if self.data[self.pos + size] & 0x80:
                return NOT_IP
            size += 6 if flags & 0x80 else 2  # QoS control, HT control
        self.pos += size
        return LLC

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def nflog(self) -> cython.int:
        """Linux netfilter log: attributes in host byte order, of which number 9 is the packet."""
        self.pos += 4
        _: cython.int
        for _ in range(64):
            if self.end - self.pos < 4:
                return self.lacks(4)
            size: cython.longlong = self.le16(self.pos)
            kind: cython.int = self.le16(self.pos + 2)
            if kind > 0xFF:
                size = self.be16(self.pos)
                kind = self.be16(self.pos + 2)
            if size < 4:
                return MALFORMED
            if kind == 9:
                self.pos += 4
                return LINK_RAW
            self.pos += (size + 3) & ~3
        return TOO_DEEP

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def cooked(self, at: cython.int, size: cython.int) -> cython.int:
        """Linux cooked capture (`-i any`): the EtherType `at` bytes into a header; 4 is 802.2."""
        if self.end - self.pos < size:
            return self.lacks(size)
        kind: cython.int = self.be16(self.pos + at)
        self.pos += size
        if kind == 4:
            return LLC
        return kind if kind >= FIRST_ETHERTYPE else NOT_IP

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def link_layer(self, link: cython.int) -> cython.int:
        kind: cython.int
        size: cython.longlong
        if link == 1:
            return ETHERNET
        if link == 12 or link == 14 or link == 101:
            return self.raw()
        if link == 113:  # Linux cooked capture
            return self.cooked(14, 16)
        if link == 276:  # Linux cooked capture, version 2
            return self.cooked(0, 20)
        if link == 0 or link == 108:
            return self.loopback()
        if link == 9 or link == 50 or link == 104:
            return self.ppp()
        if link == 204:  # PPP behind a byte that tells the direction
            self.pos += 1
            return LINK_PPP
        if link == 242:  # IP over InfiniBand: the address, the EtherType, two bytes unused (RFC 4391)
            return self.cooked(40, 44)
        if link == 51:
            return self.pppoe()
        if link == 228:
            return IPV4
        if link == 229:
            return IPV6
        if link == 105:
            return self.wifi()
        if link == 127:  # radiotap: its length, little-endian, then 802.11
            if self.end - self.pos < 8:
                return self.lacks(8)
            kind = self.le16(self.pos + 2)
            self.pos += kind
            return LINK_WIFI if kind >= 8 else MALFORMED
        if link == 117:  # OpenBSD's pf log: its length, padded to 4 bytes
            if self.end - self.pos < 4:
                return self.lacks(4)
            self.pos += (self.data[self.pos] + 3) & ~3
            return LINK_RAW
        if link == 192:  # PPI: its length and the link type inside, little-endian
            if self.end - self.pos < 8:
                return self.lacks(8)
            kind = self.le16(self.pos + 4)
            size = self.le16(self.pos + 2)
            self.pos += size
            return LINK | kind if size >= 8 else MALFORMED
        if link == 239:
            return self.nflog()
        if link == 258:  # Apple PKTAP: header length, record type, link type
            if self.end - self.pos < 12:
                return self.lacks(12)
            size = (self.le16(self.pos + 2) << 16) | self.le16(self.pos)
            kind = self.le16(self.pos + 8)
            self.pos += size
            return LINK | kind if size >= 12 else MALFORMED
        return UNKNOWN_LINK

    # --- IP ------------------------------------------------------------------------------------------

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def ipv4(self) -> cython.int:
        """RFC 791. After the total length comes Ethernet padding; 0 is a segment the card has yet to cut."""
        if self.end - self.pos < 20:
            return self.lacks(20)
        at: cython.longlong = self.pos
        first: cython.int = self.data[at]
        size: cython.int = (first & 15) * 4
        length: cython.longlong = self.be16(at + 2)
        if first >> 4 != 4 or size < 20:
            return MALFORMED
        if length >= size:
            self.ends_at(at + length)
        elif length != 0 and not self.quoting:
            return MALFORMED
        if self.end - at < size:
            return self.lacks(size)
        fragment: cython.int = self.be16(at + 6)
        if fragment & 0x1FFF:
            return LATER_FRAGMENT
        mapped: cython.longlong = 0xFFFF00000000
        n: cython.Py_ssize_t = self.row
        self.out[n].src_hi = 0
        self.out[n].src_lo = mapped | self.be32(at + 12)
        self.out[n].dst_hi = 0
        self.out[n].dst_lo = mapped | self.be32(at + 16)
        self.out[n].ip_id = self.be16(at + 4)
        self.out[n].df = (fragment >> 14) & 1
        self.out[n].fragment = (fragment >> 13) & 1
        self.out[n].ttl = self.data[at + 8]
        self.out[n].ip_version = 4
        self.pos = at + size
        return IP | self.data[at + 9]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def ipv6(self) -> cython.int:
        """RFC 8200. Payload length 0 is a jumbogram (RFC 2675): the record's own length holds."""
        if self.end - self.pos < 40:
            return self.lacks(40)
        at: cython.longlong = self.pos
        if self.data[at] >> 4 != 6:
            return MALFORMED
        length: cython.longlong = self.be16(at + 4)
        if length != 0:
            self.ends_at(at + 40 + length)
        n: cython.Py_ssize_t = self.row
        self.out[n].src_hi = self.be64(at + 8)
        self.out[n].src_lo = self.be64(at + 16)
        self.out[n].dst_hi = self.be64(at + 24)
        self.out[n].dst_lo = self.be64(at + 32)
        self.out[n].ip_id = 0
        self.out[n].df = 0
        self.out[n].fragment = 0
        self.out[n].ttl = self.data[at + 7]
        self.out[n].ip_version = 6
        self.pos = at + 40
        return IP | self.data[at + 6]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def extension(self, header: cython.int) -> cython.int:
        """An IPv6 extension header (RFC 8200 section 4), or AH under either IP version (RFC 4302)."""
        if self.end - self.pos < 8:
            return self.lacks(8)
        following: cython.int = self.data[self.pos]
        if header == IP_FRAGMENT:
            fragment: cython.int = self.be16(self.pos + 2)
            if fragment & 0xFFF8:
                return LATER_FRAGMENT
            self.out[self.row].fragment = fragment & 1
            self.pos += 8
        elif header == IP_AH:
            self.pos += (self.data[self.pos + 1] + 2) * 4
        else:
            self.pos += (self.data[self.pos + 1] + 1) * 8
        return IP | following

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def icmp(self, protocol: cython.int) -> cython.int:
        """An ICMP error (RFC 792, RFC 4443) quotes the packet it is about: the walk goes on in there."""
        if self.end - self.pos < 8:
            return self.lacks(8)
        kind: cython.int = self.data[self.pos]
        code: cython.int = self.data[self.pos + 1]
        mtu: cython.longlong = 0
        if protocol == IP_ICMP:
            if kind != 3 and kind != 11 and kind != 12:
                return OTHER_IP
            if kind == 3 and code == 4:
                mtu = self.be16(self.pos + 6)  # RFC 1191
        else:
            if kind < 1 or kind > 4:
                return OTHER_IP
            if kind == 2:
                mtu = self.be32(self.pos + 4)
        n: cython.Py_ssize_t = self.row
        self.out[n].icmp_from_hi = self.out[n].src_hi
        self.out[n].icmp_from_lo = self.out[n].src_lo
        self.out[n].icmp_mtu = mtu
        self.out[n].icmp_type = kind
        self.out[n].icmp_code = code
        self.quoting = True
        self.pos += 8
        return IPV4 if protocol == IP_ICMP else IPV6

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def quoted(self) -> cython.int:
        """The TCP header in an ICMP error: its first 8 bytes are all that RFC 792 promises."""
        if self.end - self.pos < 8:
            return self.lacks(8)
        n: cython.Py_ssize_t = self.row
        self.out[n].src_port = self.be16(self.pos)
        self.out[n].dst_port = self.be16(self.pos + 2)
        self.out[n].seq = self.be32(self.pos + 4)
        self.out[n].payload_off = self.pos
        self.out[n].kind = KIND_ICMP
        return ICMP_ROW

    # --- tunnels -------------------------------------------------------------------------------------

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def gre(self) -> cython.int:
        """GRE (RFC 2784, 2890; version 1 RFC 2637), and the ERSPAN headers of mirroring switches on it."""
        if self.end - self.pos < 4:
            return self.lacks(4)
        flags: cython.int = self.be16(self.pos)
        kind: cython.int = self.be16(self.pos + 2)
        if flags & 0x4000 or flags & 7 > 1:  # source routes, or a version nobody wrote
            return OTHER_IP
        self.pos += 4
        if flags & 0x8000:
            self.pos += 4
        if flags & 0x2000:
            self.pos += 4
        if flags & 0x1000:
            self.pos += 4
        if flags & 0x0087 == 0x0081:
            self.pos += 4
        if kind == 0x880B:
            return self.tunnel(LINK_PPP)
        if kind == 0x88BE:
            if flags & 0x1000:  # type II; type I has no header of its own
                self.pos += 8
            return self.tunnel(ETHERNET)
        if kind == 0x22EB:  # type III, with an optional platform subheader
            if self.end - self.pos < 12:
                return self.lacks(12)
            self.pos += 20 if self.data[self.pos + 11] & 1 else 12
            return self.tunnel(ETHERNET)
        return self.tunnel(kind) if kind >= FIRST_ETHERTYPE else OTHER_IP

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def udp(self) -> cython.int:
        """Keeps DNS answers; opens VXLAN (RFC 7348) and GENEVE (RFC 8926), the clouds' traffic mirrors,
        and what else tshark opens by port."""
        if self.end - self.pos < 8:
            return self.lacks(8)
        src_port: cython.int = self.be16(self.pos)
        dst_port: cython.int = self.be16(self.pos + 2)
        length: cython.longlong = self.be16(self.pos + 4)
        kind: cython.int = ETHERNET
        size: cython.int = 8
        if src_port == 53:
            if 0 < length < 8:
                return MALFORMED
            if length != 0 and self.pos + length < self.wire_end:
                self.ends_at(self.pos + length)
            n: cython.Py_ssize_t = self.row
            self.out[n].src_port = src_port
            self.out[n].dst_port = dst_port
            self.pos += 8
            self.payload()
            self.out[n].kind = KIND_DNS
            return DNS_ROW
        if dst_port == 2152 or src_port == 2152:
            return self.gtp()
        if dst_port == 3544 or src_port == 3544:
            return self.teredo()
        if dst_port == 1701 or src_port == 1701:
            return self.l2tp()
        if dst_port != 4789 and dst_port != 8472 and dst_port != 6081:
            return OTHER_IP
        self.pos += 8
        if self.end - self.pos < 8:
            return self.lacks(8)
        if dst_port == 6081:
            if self.data[self.pos] >> 6 != 0:
                return OTHER_IP
            size += (self.data[self.pos] & 63) * 4
            kind = self.be16(self.pos + 2)
            if kind < FIRST_ETHERTYPE:
                return OTHER_IP
        elif not self.data[self.pos] & 8:
            return OTHER_IP
        if self.tunnels == 0:
            self.vni = self.be32(self.pos + 4) >> 8
        self.pos += size
        return self.tunnel(kind)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def gtp(self) -> cython.int:
        """GTP-U (3GPP TS 29.281), the tunnel of mobile networks: message 255 carries IP."""
        self.pos += 8
        if self.end - self.pos < 8:
            return self.lacks(8)
        flags: cython.int = self.data[self.pos]
        if flags >> 4 != 3 or self.data[self.pos + 1] != 255:
            return OTHER_IP
        self.pos += 8
        if flags & 7:
            if self.end - self.pos < 4:
                return self.lacks(4)
            following: cython.int = self.data[self.pos + 3] if flags & 4 else 0
            self.pos += 4
            _: cython.int
            for _ in range(16):
                if following == 0:
                    break
                if self.end - self.pos < 4:
                    return self.lacks(4)
                size: cython.longlong = self.data[self.pos] * 4
                if size == 0 or self.end - self.pos < size:
                    return self.lacks(size) if size else MALFORMED
                following = self.data[self.pos + size - 1]
                self.pos += size
            if following:
                return TOO_DEEP
        return self.tunnel(LINK_RAW)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def teredo(self) -> cython.int:
        """Teredo (RFC 4380) behind its UDP header: IPv6, with indications of who sent it before it."""
        self.pos += 8
        if self.end - self.pos < 4:
            return self.lacks(4)
        if self.be16(self.pos) == 1:
            self.pos += 13 + self.data[self.pos + 2] + self.data[self.pos + 3]
            if self.end - self.pos < 4:
                return self.lacks(4)
        if self.be16(self.pos) == 0:
            self.pos += 8
            if self.end - self.pos < 1:
                return self.lacks(1)
        return self.tunnel(IPV6) if self.data[self.pos] >> 4 == 6 else OTHER_IP

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def l2tp(self) -> cython.int:
        """L2TP (RFC 2661) behind its UDP header: a data message carries PPP."""
        self.pos += 8
        if self.end - self.pos < 6:
            return self.lacks(6)
        flags: cython.int = self.be16(self.pos)
        if flags & 0x8000 or flags & 15 != 2:
            return OTHER_IP
        self.pos += 8 if flags & 0x4000 else 6
        if flags & 0x0800:
            self.pos += 4
        if flags & 0x0200:
            if self.end - self.pos < 2:
                return self.lacks(2)
            self.pos += 2 + self.be16(self.pos)
        return self.tunnel(LINK_PPP)

    # --- TCP -----------------------------------------------------------------------------------------

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def payload(self) -> cython.int:
        """From here to the end: on the wire by the IP length, captured as far as the bytes go."""
        n: cython.Py_ssize_t = self.row
        captured: cython.longlong = self.end - self.pos
        self.out[n].payload_len = self.wire_end - self.pos
        self.out[n].captured_len = captured if captured > 0 else 0
        self.out[n].payload_off = self.pos if captured > 0 else self.end
        return 0

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def tcp(self) -> cython.int:
        """RFC 9293. The first 16 bytes, up to the window, are enough where a snaplen cuts the header."""
        at: cython.longlong = self.pos
        if self.wire_end - at < 20:
            return MALFORMED
        if self.end - at < 16:
            return TRUNCATED
        size: cython.int = (self.data[at + 12] >> 4) * 4
        if size < 20 or at + size > self.wire_end:
            return MALFORMED
        n: cython.Py_ssize_t = self.row
        self.out[n].kind = KIND_TCP
        self.out[n].src_port = self.be16(at)
        self.out[n].dst_port = self.be16(at + 2)
        self.out[n].seq = self.be32(at + 4)
        self.out[n].ack = self.be32(at + 8)
        self.out[n].flags = self.be16(at + 12) & 0x1FF
        self.out[n].window = self.be16(at + 14)
        self.pos = at + size
        self.payload()
        if size > 20:
            self.options(n, at + 20, at + size if at + size < self.end else self.end)
        return TCP_ROW

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def options(self, n: cython.Py_ssize_t, at: cython.longlong, end: cython.longlong) -> cython.int:
        """Walks the options until their end or a length that lies; one of the wrong length is passed over."""
        while at < end:
            kind: cython.int = self.data[at]
            if kind == 1:
                at += 1
                continue
            if kind == 0 or end - at < 2:
                return 0
            size: cython.int = self.data[at + 1]
            if size < 2 or size > end - at:
                return 0
            if kind == 8 and size == 10:
                self.out[n].has_ts = 1
                self.out[n].ts_val = self.be32(at + 2)
                self.out[n].ts_ecr = self.be32(at + 6)
            elif kind == 5:
                self.sack(n, at + 2, (size - 2) // 8)
            elif kind == 2 and size == 4:
                self.out[n].mss = self.be16(at + 2)
            elif kind == 3 and size == 3:
                shift: cython.int = self.data[at + 2]
                self.out[n].wscale = shift if shift < 14 else 14  # RFC 7323 section 2.3
            elif kind == 4 and size == 2:
                self.out[n].sack_ok = 1
            at += size
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def sack(self, n: cython.Py_ssize_t, at: cython.longlong, blocks: cython.int) -> cython.int:
        """RFC 2018: at most four blocks fit into the option space."""
        self.out[n].sack_count = blocks
        if blocks > 0:
            self.out[n].sack0_left = self.be32(at)
            self.out[n].sack0_right = self.be32(at + 4)
        if blocks > 1:
            self.out[n].sack1_left = self.be32(at + 8)
            self.out[n].sack1_right = self.be32(at + 12)
        if blocks > 2:
            self.out[n].sack2_left = self.be32(at + 16)
            self.out[n].sack2_right = self.be32(at + 20)
        if blocks > 3:
            self.out[n].sack3_left = self.be32(at + 24)
            self.out[n].sack3_right = self.be32(at + 28)
        return 0

    # --- the walk --------------------------------------------------------------------------------

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def record(self, link: cython.int) -> cython.int:
        """From the link layer to an outcome; a row is filled when that is one of the first three."""
        self.vlan = 0
        self.vni = 0
        self.tunnels = 0
        self.quoting = False
        self.blank()
        what: cython.int = ETHERNET if link == LINK_ETHERNET else LINK | link
        headers: cython.int = 0
        while what > 0xFF:
            headers += 1
            if headers > MAX_HEADERS:
                return TOO_DEEP
            if what == ETHERNET:
                what = self.ethernet()
            elif what == IPV4:
                what = self.ipv4()
            elif what == IP_TCP:
                what = self.quoted() if self.quoting else self.tcp()
            else:
                what = self.unusual(what)
        self.out[self.row].vlan = self.vlan
        self.out[self.row].vni = self.vni
        self.out[self.row].tunnels = self.tunnels
        return what

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def unusual(self, what: cython.int) -> cython.int:
        """One step that is none of Ethernet, IPv4 and TCP."""
        if what == IPV6:
            return self.ipv6()
        if what == 0x8100 or what == 0x88A8 or what == 0x9100:
            return self.vlan_tag()
        if what == LLC:
            return self.llc()
        if what == MPLS or what == 0x8848:
            return self.mpls()
        if what == 0x8864:
            return self.pppoe()
        if what >= LINK:
            return self.link_layer(what & 0xFFFF)
        if what == 0x8903:  # Cisco FabricPath: a tag, then the Ethernet frame
            return self.tagged(2)
        if what == 0x88E7:  # provider backbone bridging, 802.1ah: a tag, then the Ethernet frame
            return self.tagged(4)
        if what == 0x8926:  # VN-Tag, 802.1Qbh
            return self.cooked(4, 6)
        if what < IP:
            return NOT_IP
        if what in (IP_FRAGMENT, IP_AH, IP_HOP_BY_HOP, IP_ROUTING, IP_DESTINATION):
            return self.extension(what)
        if self.quoting:
            return OTHER_IP
        if what == IP_UDP:
            return self.udp()
        if what in (IP_ICMP, IP_ICMPV6):
            return self.icmp(what)
        if what == IP_IN_IP:
            return self.tunnel(IPV4)
        if what == IP_IPV6:
            return self.tunnel(IPV6)
        if what == IP_GRE:
            return self.gre()
        return self.tunnel(MPLS) if what == IP_MPLS else OTHER_IP

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def blank(self) -> cython.int:
        """Clears what not every row sets: rows are reused, and a record given up half-way leaves traces."""
        n: cython.Py_ssize_t = self.row
        self.out[n].icmp_from_hi = 0
        self.out[n].icmp_from_lo = 0
        self.out[n].seq = 0
        self.out[n].ack = 0
        self.out[n].payload_len = 0
        self.out[n].captured_len = 0
        self.out[n].ts_val = 0
        self.out[n].ts_ecr = 0
        self.out[n].icmp_mtu = 0
        self.out[n].sack0_left = 0
        self.out[n].sack0_right = 0
        self.out[n].sack1_left = 0
        self.out[n].sack1_right = 0
        self.out[n].sack2_left = 0
        self.out[n].sack2_right = 0
        self.out[n].sack3_left = 0
        self.out[n].sack3_right = 0
        self.out[n].window = 0
        self.out[n].flags = 0
        self.out[n].mss = 0
        self.out[n].wscale = -1
        self.out[n].sack_ok = 0
        self.out[n].has_ts = 0
        self.out[n].sack_count = 0
        self.out[n].icmp_type = 0
        self.out[n].icmp_code = 0
        return 0


def decode(
    data: cython.const[cython.uchar][::1],
    rows: Record[::1],
    out: Packet[::1],
    counters: cython.longlong[::1],
    first_frame: cython.longlong,
) -> int:
    """Rows written; or, when record i does not lie within `data`, -1 - i."""
    walk: Walk = Walk()
    walk.data = data
    walk.out = out
    size: cython.longlong = data.shape[0]
    total: cython.Py_ssize_t = rows.shape[0]
    n: cython.Py_ssize_t = 0
    i: cython.Py_ssize_t
    with cython.nogil:
        for i in range(total):
            off: cython.longlong = rows[i].off
            caplen: cython.longlong = rows[i].caplen
            wirelen: cython.longlong = rows[i].wirelen
            if off < 0 or off > size or caplen > size - off:
                n = -1 - i
                break
            walk.row = n
            walk.pos = off
            walk.end = off + caplen
            walk.wire_end = off + (wirelen if wirelen > caplen else caplen)
            outcome: cython.int = walk.record(cython.cast(cython.int, rows[i].link))
            counters[outcome] += 1
            if outcome <= DNS_ROW:
                out[n].time_ns = rows[i].time_ns
                out[n].frame = first_frame + i
                out[n].wirelen = wirelen
                out[n].interface = rows[i].interface
                n += 1
    return n
