//! Every snippet that a tool on this machine can check is checked by it: a typing error in an incident costs an hour.

use std::path::Path;
use std::process::Command;

use idlegap::flow::gaps::Clock;
use idlegap::time::Span;
use idlegap::verdict::VerdictId;
use idlegap::verdict::advice::{Side, Situation, Stack, advise};

fn snippet(stack: Stack, verdict: VerdictId, clock: Clock) -> String {
    let situation = Situation {
        verdict,
        clock,
        survived_max: None,
        died_min: Some(Span::from_secs(90)),
        timeout: Some(Span::from_secs(90)),
        silence: Some(Span::from_secs(90)),
        client: Side::default(),
        server: Side::default(),
        server_port: 8099,
        request_in_flight: true,
        candidates: Vec::new(),
        protocol: None,
        too_many_pings: false,
    };
    let advice = advise(&situation, Some(stack));
    advice.into_iter().find(|advice| advice.stack == stack.name()).expect("advice for the stack").snippet
}

fn keepalive(stack: Stack) -> String {
    snippet(stack, VerdictId::IdleReset, Clock::Packet)
}

fn payload(stack: Stack) -> String {
    snippet(stack, VerdictId::IdleClose, Clock::Payload)
}

/// Hands `text` as a file of that name to `tool`, whose arguments say FILE where it stands; a missing tool skips the check.
#[expect(clippy::print_stdout, reason = "a test says that it was skipped")]
fn check(tool: &str, arguments: &[&str], name: &str, text: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join(name);
    std::fs::write(&file, text).expect("a writable file");
    let argument = |word: &&str| word.replace("FILE", &file.to_string_lossy());
    match Command::new(tool).args(arguments.iter().map(argument)).current_dir(folder.path()).output() {
        Err(_) => println!("skipped: {tool} is not installed"),
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            assert!(output.status.success(), "{tool}: {}\n{text}", String::from_utf8_lossy(&said));
        }
    }
}

#[test]
fn c_compiles() {
    let includes = "#include <sys/socket.h>\n#include <netinet/in.h>\n#include <netinet/tcp.h>\n";
    let text = format!("{includes}void keep(int fd) {{\n{}\n}}\n", keepalive(Stack::C));
    check("gcc", &["-Wall", "-Wextra", "-Werror", "-fsyntax-only", "FILE"], "keep.c", &text);
}

/// Run, not only compiled: the options exist and take their values.
#[test]
fn python_runs() {
    let text = format!("import socket\nsock = socket.socket()\n{}\n", keepalive(Stack::Python));
    check("python3", &["FILE"], "keep.py", &text);
}

#[test]
fn node_is_well_formed() {
    let text = format!("const socket = new (require('net').Socket)();\n{}\n", keepalive(Stack::Node));
    check("node", &["--check", "FILE"], "keep.js", &text);
    check("node", &["--check", "FILE"], "serve.js", &format!("const server = {{}};\n{}\n", payload(Stack::Node)));
}

#[test]
fn java_compiles() {
    let text = format!(
        "import java.net.*;\nimport jdk.net.ExtendedSocketOptions;\nclass Keep {{\nvoid keep(Socket socket) throws Exception \
         {{\n{}\n}}\n}}\n",
        keepalive(Stack::Java)
    );
    check("javac", &["FILE"], "Keep.java", &text);
}

#[test]
fn go_compiles() {
    let text = format!(
        "package main\n\nimport (\n\t\"net\"\n\t\"time\"\n)\n\nfunc main() {{\n{}\n_ = dialer\n}}\n",
        keepalive(Stack::Go)
    );
    check("go", &["vet", "FILE"], "keep.go", &text);
}

/// As the configuration of a whole server, which nginx tests without listening.
#[test]
fn nginx_takes_it() {
    let whole = |server: &str, location: &str| {
        format!(
            "pid nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{ access_log off; server {{\n{server}\nlocation / \
             {{\n{location}\nproxy_pass http://127.0.0.1:9;\n}} }} }}\n"
        )
    };
    let text = keepalive(Stack::Nginx);
    let (server, location) = text.split_once("# location block").expect("two parts");
    let arguments = ["-t", "-e", "stderr", "-p", ".", "-c", "FILE"];
    if Path::new("/usr/sbin/nginx").exists() {
        check("/usr/sbin/nginx", &arguments, "nginx.conf", &whole(server, &format!("#{location}")));
        let text = payload(Stack::Nginx);
        let (location, server) = text.split_once("# server block").expect("two parts");
        check("/usr/sbin/nginx", &arguments, "nginx.conf", &whole(&format!("listen 8099;\n#{server}"), location));
    }
}

#[test]
fn haproxy_takes_it() {
    if !Path::new("/usr/sbin/haproxy").exists() {
        return println!("skipped: haproxy is not installed");
    }
    for text in [keepalive(Stack::Haproxy), payload(Stack::Haproxy)] {
        let timeouts = "timeout connect 5s\ntimeout client 5s\ntimeout server 5s\n";
        let rest = "frontend in\nbind 127.0.0.1:8099\ndefault_backend out\nbackend out\nserver one 127.0.0.1:9\n";
        let whole = format!("defaults\nmode tcp\n{timeouts}{text}\n{rest}");
        check("/usr/sbin/haproxy", &["-c", "-f", "FILE"], "haproxy.cfg", &whole);
    }
}

/// Commands for a shell are taken apart as one would.
#[test]
fn shell_lines_are_well_formed() {
    for stack in [Stack::Linux, Stack::Curl, Stack::Macos] {
        check("sh", &["-n", "FILE"], "keep.sh", &keepalive(stack));
    }
}

#[test]
fn yaml_is_well_formed() {
    let program =
        "import sys\ntry:\n    import yaml\nexcept ImportError:\n    sys.exit(0)\nyaml.safe_load(open(sys.argv[1]))\n";
    for stack in [Stack::Envoy, Stack::Kubernetes] {
        check("python3", &["-c", program, "FILE"], "keep.yaml", &keepalive(stack));
        check("python3", &["-c", program, "FILE"], "raise.yaml", &payload(stack));
    }
}
