#!/usr/bin/env bash
#
# Installs what the machine lacks to build idlegap, to test it, or to measure it:
#
#     scripts/setup.sh build
#     scripts/setup.sh test
#     scripts/setup.sh bench
#
# Nothing is installed that is there already, and nothing is asked. On systems without apt-get it says what is missing.

set -euo pipefail

missing=()

# needs TOOL PACKAGE: the package, unless the tool is there.
needs() {
    command -v "$1" >/dev/null || missing+=("$2")
}

# Whether a program can be linked against libpcap.
links_libpcap() {
    local program
    program=$(mktemp)
    local status=0
    echo 'int main(void) { return 0; }' | cc -x c - -lpcap -o "$program" 2>/dev/null || status=$?
    rm -f "$program"
    return "$status"
}

needs_for_build() {
    needs make make
    command -v cc >/dev/null || missing+=(gcc libc6-dev)
    links_libpcap || missing+=(libpcap-dev)
}

# The tests hold idlegap against tshark, read what the common compressors write, run the examples of the
# README, have shells and man read what is generated for them, and look at the HTML report in a browser.
needs_for_tests() {
    needs_for_build
    needs tshark tshark
    needs capinfos wireshark-common
    needs tcpdump tcpdump
    needs gzip gzip
    needs zstd zstd
    needs lz4 lz4
    needs xz xz-utils
    needs jq jq
    needs man man-db
    needs groff groff
    needs zsh zsh
    needs fish fish
    needs pdftotext poppler-utils
    # The tests of live capture play in network namespaces.
    needs ip iproute2
    needs nft nftables
    needs ethtool ethtool
    needs sysctl procps
    needs python3 python3
    has_browser || missing+=(chromium)
}

# Any of the names under which Chromium comes: the tests look at the HTML report in it.
has_browser() {
    command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null
}

# Peers are measured where they are installed, and not installed for it.
needs_for_bench() {
    needs_for_build
    needs python3 python3
    needs valgrind valgrind
    needs gzip gzip
    needs zstd zstd
}

install() {
    local root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "run as root, or install with root's help: apt-get install ${missing[*]}"
        root=(sudo)
    fi
    echo "setup: installing ${missing[*]}" >&2
    # Without a terminal wireshark-common must not ask who may capture: nobody but root, its default.
    local apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
    "${apt[@]}" update </dev/null >&2
    "${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null >&2
}

# Cargo older than the edition fails with words that nobody understands.
check_rust() {
    command -v cargo >/dev/null || fail "cargo is missing: see https://rustup.rs"
    local least found
    least=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    found=$(rustc --version | cut -d ' ' -f 2)
    if [ "$(printf '%s\n' "$least" "$found" | sort -V | head -n 1)" != "$least" ]; then
        fail "Rust $least or later is needed, this is $found: see https://rustup.rs"
    fi
}

# rustup's minimal profile leaves these out.
add_component() {
    cargo "$1" --version >/dev/null 2>&1 && return
    command -v rustup >/dev/null || fail "cargo $1 is missing: install it with what installed cargo"
    echo "setup: adding $2 to the toolchain" >&2
    rustup component add "$2" </dev/null >&2
}

fail() {
    echo "setup: $*" >&2
    exit 1
}

cd "$(dirname "$0")/.."
case "${1-}" in
build) needs_for_build ;;
test) needs_for_tests ;;
bench) needs_for_bench ;;
*) fail "say what for: build, test or bench" ;;
esac
check_rust
if [ ${#missing[@]} -gt 0 ]; then
    command -v apt-get >/dev/null ||
        fail "missing, by the names of Debian's packages: ${missing[*]}. Please install them with your system's own tools."
    install
fi
if [ "$1" = test ]; then
    add_component fmt rustfmt
    add_component clippy clippy
fi
