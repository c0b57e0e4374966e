#!/usr/bin/env python3
"""Lays out the fuzzer's corpora, and packs what they became.

    python3 fuzz/seed.py                    unpacks fuzz/corpus/TARGET.b64 to fuzz/corpus/TARGET/, with seeds from the fixtures beside it
    python3 fuzz/seed.py pack TARGET DIR    packs a minimised corpus, one input a line in Base64, sorted

`tests/fuzzing.rs` replays the packed files.
"""

import base64
import gzip
import hashlib
import pathlib
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORPUS = ROOT / "fuzz" / "corpus"
# A longer seed slows the fuzzer down more than it teaches it.
MOST = 2_500


def seed(target: str, name: str, data: bytes) -> None:
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.seed").write_bytes(data)


def captures():
    for path in sorted((ROOT / "fixtures" / "captures").glob("*/*.pcap*")):
        data = path.read_bytes()
        if len(data) <= MOST:
            yield path, data


def frames_of(data: bytes):
    """Link type and frames of a little-endian classic pcap; nothing of other files."""
    if data[:4] not in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1"):
        return None, []
    link = struct.unpack_from("<I", data, 20)[0] & 0xFFFF
    frames, at = [], 24
    while at + 16 <= len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        frames.append(data[at + 16 : at + 16 + length])
        at += 16 + length
    return link, frames


# As the target numbers them.
LINKS = [1, 0, 12, 9, 50, 51, 100, 101, 105, 107, 108, 109, 113, 117, 119, 127, 163, 228, 229, 239, 253, 276, 283, 65000]

HEADS = {
    "http": b"GET /report/annual HTTP/1.1\r\nHost: shop.example\r\n\r\n",
    "http-response": b"HTTP/1.1 504 Gateway Time-out\r\nContent-Length: 0\r\n\r\n",
    "http2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0\0\0\3\1\5\0\0\0\1\x82\x86\x84",
    "http2-goaway": b"\0\0\x16\7\0\0\0\0\0\0\0\0\0\0\0\0\x0btoo_many_pings",
    "postgres": b"Q\0\0\0\x0eSELECT 1;\0",
    "postgres-startup": b"\0\0\0\x10\0\3\0\0user\0a\0\0",
    "mysql": b"\x0a\0\0\0\3\0\1SELECT 1",
    "redis": b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
    "proxy-v1": b"PROXY TCP4 192.0.2.1 198.51.100.2 40000 443\r\nGET / HTTP/1.1\r\n",
    "proxy-v2": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\2\x9c\x40\1\xbb",
    "tls": b"\x16\3\1\0\x43\1\0\0\x3f\3\3" + bytes(32) + b"\0\0\2\x13\1\1\0\0\x14\0\0\0\x10\0\x0e\0\0\x0bshop.exampl",
}

TABLE = """[[timeout]]
id = "own-balancer"
vendor = "Own"
product = "balancer in room 3"
layer = "l4"
idle_seconds = 75
on_expiry = "rst-both"
resets_on_keepalive = true
source = "measured"
"""

# Acts of the target `conversation`: setting, numbers, cut, then pairs of act and value.
CONVERSATIONS = {
    "idle-reset-both": bytes([0, 9, 9, 128, 2, 50, 130, 90, 0, 10, 8, 0]),
    "probes-answered": bytes([4, 0, 0, 90, 2, 50, 0, 9, 5, 0, 132, 0, 0, 9, 5, 0, 132, 0]),
    "probes-unanswered": bytes([4, 0, 0, 90, 2, 50, 0, 9, 5, 0, 0, 9, 5, 0, 0, 9, 5, 0, 7, 0]),
    "midstream-drop": bytes([8, 77, 3, 60, 3, 50, 0, 11, 3, 50, 0, 3, 11, 0, 206, 0]),
    "zero-window": bytes([2, 1, 1, 20, 2, 200, 140, 0, 0, 7, 5, 1, 132, 0, 0, 8, 5, 1, 132, 0]),
    "close": bytes([1, 1, 1, 200, 2, 9, 130, 9, 9, 0, 132, 0, 137, 0, 4, 0]),
    "reuse": bytes([0, 5, 5, 99, 2, 9, 9, 0, 137, 0, 4, 0, 0, 9, 13, 7, 2, 9]),
    "broken": bytes([0, 5, 5, 99, 2, 9, 14, 0, 47, 2, 2, 9, 14, 1, 20, 0, 10, 0, 15, 90]),
    "copies": bytes([4, 5, 5, 99, 2, 9, 10, 0, 0, 6, 130, 9, 10, 0, 7, 0]),
    "too-late": bytes([0, 5, 5, 99, 2, 99, 0, 8, 0x92, 90, 0x89, 0, 9, 0, 0x84, 0]),
    "proxied": bytes([0, 5, 5, 99, 0x62, 99, 0x82, 90, 0, 8, 9, 0, 0x89, 0, 4, 0]),
    "half-closed": bytes([0, 5, 5, 70, 2, 9, 9, 0, 132, 0, 0, 8, 130, 80, 6, 0]),
}


def unpack() -> None:
    for packed in sorted(CORPUS.glob("*.b64")):
        folder = CORPUS / packed.stem
        folder.mkdir(parents=True, exist_ok=True)
        for line in packed.read_text().split():
            data = base64.b64decode(line)
            (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


def pack(target: str, folder: pathlib.Path) -> None:
    lines = sorted(base64.b64encode(path.read_bytes()).decode() for path in folder.iterdir() if path.is_file())
    (CORPUS / f"{target}.b64").write_text("".join(line + "\n" for line in lines))


def main() -> None:
    if len(sys.argv) == 4 and sys.argv[1] == "pack":
        return pack(sys.argv[2], pathlib.Path(sys.argv[3]))
    unpack()
    for path, data in captures():
        seed("containers", path.stem, data)
        seed("pipeline", path.stem, data)
        seed("evidence", path.stem, bytes([7]) + data)
        link, frames = frames_of(data)
        if frames and link in LINKS:
            laid = b"".join(bytes([min(len(frame), 255), 0]) + frame[:255] for frame in frames[:12])
            seed("frames", path.stem, bytes([LINKS.index(link)]) + laid)
    smallest = min((data for _, data in captures()), key=len)
    seed("containers", "gzip", gzip.compress(smallest, mtime=0))
    for path in sorted((ROOT / "fixtures" / "scripts").glob("*.pkt")):
        data = path.read_bytes()
        if len(data) <= MOST:
            seed("script", path.stem, data)
    for name, head in HEADS.items():
        seed("heads", name, head)
    for name, acts in CONVERSATIONS.items():
        seed("conversation", name, acts)
        for setting in range(4):
            seed("evidence", f"{name}-{setting}", bytes([setting]) + acts[:3] + acts[4:])
    acts = [acts[:3] + acts[4:] for acts in CONVERSATIONS.values()]
    longest = max(map(len, acts))
    for number, (one, other) in enumerate(zip(acts, acts[1:])):
        # Both parts are of one length; an act of no silence changes little.
        both = one.ljust(longest, b"\0") + other.ljust(longest, b"\0")
        seed("evidence", f"pair-{number}", bytes([16 | number & 3]) + both)
    seed("table", "own", TABLE.encode())
    for number, block in enumerate((ROOT / "src/timeouts/table.toml").read_text().split("\n\n")):
        if "[[" in block and number % 12 == 0:
            seed("table", f"row-{number}", block.encode())


if __name__ == "__main__":
    main()
