# Each target does all of its set-up by itself: on a fresh Debian machine with cargo nothing else is needed.

.PHONY: bench demo test

# A real capture of the incident that idlegap began with: an LVS director that forgets connections after 90 s.
INCIDENT = fixtures/captures/lvs-fullnat-90s-client/lvs-fullnat-90s-client.pcap

demo:
	scripts/setup.sh build
	cargo build --release --locked
	@echo
	@echo '$$ idlegap $(INCIDENT)'
	@cargo run --release --locked --quiet -- $(INCIDENT)

# All that must hold before a change is good. With CI=true no test may pass over a tool that is missing.
test: export CI = true
test:
	scripts/setup.sh test
	cargo fmt --check
	cargo clippy --locked --all-targets --all-features -- -D warnings
	cargo clippy --locked --no-default-features -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --all-features
	cargo test --locked --all-features
	cargo build --locked --no-default-features

# Speed and memory beside the limit of the machine and beside the peers that are installed: see docs/PERFORMANCE.md. Takes
# an hour and 9 GB of scratch space; BENCH="--divide 20 --runs 3" takes minutes.
BENCH =

bench:
	scripts/setup.sh bench
	cargo build --release --locked --bin idlegap --examples
	benches/bench.py --write docs/PERFORMANCE.md $(BENCH)
