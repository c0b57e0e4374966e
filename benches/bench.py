#!/usr/bin/env python3
"""Measures idlegap beside the limit program and beside the peers that are installed.

    benches/bench.py [--divide N] [--runs N] [--scratch DIR] [--keep] [--peers N] [--write FILE] [--programs DIR]

Captures are generated into a scratch directory, one workload after the other, and removed again: at most 9 GB at a time
with --divide 1. Every program is run in turn with the limit (A B A B ...); the figures are medians over the runs, the
ratios those of the medians of runs in turn. Time is processor time (user and system) unless said, memory is the
peak. Instructions per packet are counted by callgrind over what a capture of twice the size costs more: they repeat on
any machine. Nothing is judged here: there is no threshold. With --write the tables go into a document, in the place of what
stands there between the two marks.
"""

import argparse
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT_MARKS = ("<!-- what benches/bench.py says -->\n", "<!-- end of what benches/bench.py says -->\n")

# What each workload is measured against, its full size, and sizes for callgrind.
WORKLOADS = {"bulk": ("hash", 1_500_000, 20_000), "small": ("hash", 10_000_000, 100_000), "flood": ("index", 5_000_000, 20_000)}

# Peers by name: the program, and its command for a capture. They do less than idlegap, and most of them something else.
PEERS = {
    "tcpdump -r -w": ("tcpdump", ["tcpdump", "-n", "-r", "{}", "-w", "/dev/null"]),
    "tcpdump, RST filter": ("tcpdump", ["tcpdump", "-S", "-n", "-r", "{}", "tcp[13] & 4 != 0"]),
    "capinfos": ("capinfos", ["capinfos", "-c", "-M", "{}"]),
    "tshark": ("tshark", ["tshark", "-n", "-r", "{}", "-Y", "tcp.analysis.keep_alive"]),
    "tcptrace": ("tcptrace", ["tcptrace", "-n", "{}"]),
    "argus": ("argus", ["argus", "-r", "{}", "-w", "/dev/null"]),
    "nfpcapd": ("nfpcapd", ["nfpcapd", "-r", "{}", "-l", "{scratch}/nfpcapd"]),
}


CORES = len(os.sched_getaffinity(0))


class Run:
    """What one run of a program cost."""

    def __init__(self, wall, cpu, peak_kib, status):
        self.wall, self.cpu, self.peak_mib, self.status = wall, cpu, peak_kib / 1024, status


def run(command, bound):
    """Runs `command` for at most `bound` seconds; None if it had to be stopped."""
    begun = time.monotonic()
    child = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    signal.signal(signal.SIGALRM, lambda *_: child.kill())
    signal.alarm(bound)
    _, status, usage = os.wait4(child.pid, 0)
    signal.alarm(0)
    child.returncode = status
    wall = time.monotonic() - begun
    if os.WIFSIGNALED(status):
        return None
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, os.WEXITSTATUS(status))


def pairs(subject, yardstick, runs, bound):
    """`runs` pairs of runs in turn; None if the subject did not end in time."""
    result = []
    for _ in range(runs):
        one, other = run(subject, bound), run(yardstick, bound)
        if one is None or other is None:
            return None
        result.append((one, other))
    return result


def row(what, taken, packets, note=""):
    """One line of the table."""
    if taken is None:
        return f"| {what} | did not end in its bound | | | | | | {note} |"
    median = lambda values: statistics.median(values)
    cpu = median([one.cpu for one, _ in taken])
    wall = median([one.wall for one, _ in taken])
    peak = median([one.peak_mib for one, _ in taken])
    by_cpu = cpu / max(median([other.cpu for _, other in taken]), 1e-3)
    by_wall = wall / max(median([other.wall for _, other in taken]), 1e-3)
    # A child begins with the memory of this program, which counts as its own.
    floor = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    memory = f"{peak:.0f}" if peak > floor * 1.1 else f"under {floor:.0f}"
    speed = f"{packets / cpu / 1e6:.2f}" if packets else ""
    failed = " (exit status " + str(taken[0][0].status) + ")" if taken[0][0].status else ""
    return f"| {what}{failed} | {cpu:.2f} | {wall:.2f} | {speed} | {memory} | {by_cpu:.2f} | {by_wall:.2f} | {note} |"


HEAD = "| program | cpu s | wall s | Mpackets/s | peak MiB | cpu ratio | wall ratio | against |\n|---|---|---|---|---|---|---|---|"


def instructions(program, captures):
    """Instructions per packet of `program` by callgrind, as the difference between two captures."""
    counts = []
    for capture, packets in captures:
        with tempfile.NamedTemporaryFile() as out:
            command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out.name}", *map(str, program), str(capture)]
            subprocess.run(command, check=True, capture_output=True)
            totals = [line for line in Path(out.name).read_text().splitlines() if line.startswith(("summary:", "totals:"))]
            counts.append((int(totals[0].split()[1]), packets))
    (small, few), (large, many) = counts
    return (large - small) / (many - few)


class Bench:
    def __init__(self, options, scratch):
        self.options, self.scratch, self.lines = options, scratch, []
        self.idlegap, self.limit, self.workload_program = (
            options.programs / name for name in ("idlegap", "examples/limit", "examples/workload")
        )

    def say(self, line=""):
        print(line, flush=True)
        self.lines.append(line)

    def generate(self, name, size, suffix=".pcap", *flags):
        """A capture, and how many packets it holds."""
        path = self.scratch / f"{name}-{size}{suffix}"
        told = subprocess.run([self.workload_program, name, "--size", str(size), *flags, path], check=True, capture_output=True, text=True)
        packets = next(int(line.split()[1]) for line in told.stdout.splitlines() if line.startswith("packets "))
        return path, packets

    def measure(self, what, command, yardstick, packets, against="limit"):
        self.say(row(what, pairs(command, yardstick, self.options.runs, self.options.bound), packets, against))

    def startup(self):
        """What the program takes before and behind its work, beside the least that any program takes."""
        empty = self.scratch / "empty.pcap"
        empty.write_bytes(bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"))
        self.say("| start and exit | cpu ms | wall ms |\n|---|---|---|")
        for what, command in (
            ("`true`", [shutil.which("true")]),
            ("`idlegap --version`", [self.idlegap, "--version"]),
            ("`idlegap`, an empty capture", [self.idlegap, empty]),
        ):
            taken = [run(command, 10) for _ in range(40)]
            cpu, wall = (statistics.median(values) * 1e3 for values in ([one.cpu for one in taken], [one.wall for one in taken]))
            self.say(f"| {what} | {cpu:.1f} | {wall:.1f} |")

    def workload(self, name):
        variant, full, cut = WORKLOADS[name]
        size = max(full // self.options.divide, 1_000)
        pcap, packets = self.generate(name, size)
        self.say(f"\n### {name}: {packets:,} packets, {pcap.stat().st_size / 1e6:,.0f} MB\n\n{HEAD}")
        limit = [self.limit, variant, pcap]
        report = self.scratch / "report"
        idlegap = lambda capture, *flags: [self.idlegap, "--output", report, *flags, capture]
        self.measure("limit", limit, [self.limit, "read", pcap], packets, "reading alone")
        self.measure("idlegap --threads 1", idlegap(pcap, "--threads", "1"), limit, packets)
        self.measure(f"idlegap --threads {CORES}", idlegap(pcap, "--threads", str(CORES)), limit, packets)
        pcapng, _ = self.generate(name, size, ".pcapng", "--pcapng")
        self.measure("idlegap --threads 1, pcapng", idlegap(pcapng, "--threads", "1"), idlegap(pcap, "--threads", "1"), packets, "pcap")
        pcapng.unlink()
        self.compressed(pcap, idlegap, packets)
        if shutil.which("valgrind"):
            cuts = [self.generate(name, cut * factor) for factor in (1, 2)]
            own = instructions([self.idlegap, "--threads", "1"], cuts)
            self.say(f"\nInstructions per packet: idlegap {own:,.0f}, the limit {instructions([self.limit, variant], cuts):,.0f}.")
        if self.options.peers:
            self.peers(name, max(full // self.options.divide // self.options.peers, 1_000))
        if not self.options.keep:
            pcap.unlink(missing_ok=True)

    def compressed(self, pcap, idlegap, packets):
        for program, flag, suffix in (("gzip", "-6", ".gz"), ("zstd", "-3", ".zst")):
            if not shutil.which(program):
                continue
            packed = Path(f"{pcap}{suffix}")
            with packed.open("wb") as out:
                subprocess.run([program, flag, "-c", pcap], check=True, stdout=out, stderr=subprocess.DEVNULL)
            self.measure(f"idlegap --threads {CORES}, {suffix}", idlegap(packed, "--threads", str(CORES)), [program, "-d", "-c", packed], packets, f"{program} -dc")
            packed.unlink()

    def peers(self, name, size):
        """Peers, beside idlegap and the limit, on a capture that they can cope with."""
        pcap, packets = self.generate(name, size)
        self.say(f"\n{name} with {packets:,} packets, the peers:\n\n{HEAD}")
        limit = [self.limit, WORKLOADS[name][0], pcap]
        self.measure("idlegap --threads 1", [self.idlegap, "--output", self.scratch / "report", "--threads", "1", pcap], limit, packets)
        for peer, (program, command) in PEERS.items():
            if not shutil.which(program):
                self.say(f"| {peer} | not installed | | | | | | |")
                continue
            (self.scratch / "nfpcapd").mkdir(exist_ok=True)
            command = [word.format(pcap, scratch=self.scratch) for word in command]
            self.measure(peer, command, limit, packets)
        if not self.options.keep:
            pcap.unlink(missing_ok=True)


def machine():
    """What the figures were measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    load = os.getloadavg()[0]
    return f"{CORES} processors ({names[0] if names else 'of an unknown kind'}) with a load of {load:.0f} by everything that ran on them"


def write(document, lines):
    """Puts `lines` between the marks of `document`."""
    text = document.read_text()
    begin, end = DOCUMENT_MARKS
    if text.count(begin) != 1 or text.count(end) != 1:
        sys.exit(f"{document} does not have each of the marks once: {begin.strip()} {end.strip()}")
    before, rest = text.split(begin)
    document.write_text(before + begin + "\n" + lines + "\n" + end + rest.split(end)[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--divide", type=int, default=1, help="divide the size of every workload by this")
    parser.add_argument("--runs", type=int, default=5, help="runs of each program")
    parser.add_argument("--bound", type=int, default=120, help="seconds that one run may take")
    parser.add_argument("--scratch", type=Path, help="where the captures go (default: a directory of their own under TMPDIR)")
    parser.add_argument("--workload", choices=WORKLOADS, action="append", help="only this one")
    parser.add_argument("--keep", action="store_true", help="keep the captures")
    parser.add_argument("--peers", type=int, default=10, metavar="N", help="measure peers on captures of an N-th of the size (default 10); 0 for none")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables between the marks of this document as well")
    parser.add_argument("--programs", type=Path, default=ROOT / "target" / "release", help="where they are (default: the release)")
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="idlegap-bench-", dir=options.scratch))
    bench = Bench(options, scratch)
    try:
        free = shutil.disk_usage(scratch).free
        needed = 9_000_000_000 // options.divide
        if free < needed:
            sys.exit(f"{scratch} has {free / 1e9:.1f} GB free; {needed / 1e9:.1f} GB are needed, or a greater --divide")
        size = bench.idlegap.stat().st_size
        bench.say(f"{machine()}, {options.runs} runs of each program, sizes divided by {options.divide}.\n")
        bench.say(f"The program takes {size / 1e6:.1f} MB on disk.\n")
        bench.startup()
        for name in options.workload or WORKLOADS:
            bench.workload(name)
    finally:
        if not options.keep:
            shutil.rmtree(scratch)
    if options.write:
        write(options.write, "\n".join(bench.lines) + "\n")


if __name__ == "__main__":
    main()
