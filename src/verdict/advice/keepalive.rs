//! TCP keepalive for every stack. The snippets for C, Python, Java, Node, Rust, nginx, HAProxy, PostgreSQL, libpq and curl were
//! run on Linux 6.18 and the options read back from their sockets; the sources of the others stand beside them.

use super::figures::{COMMON_INTERVAL, Figures};
use super::{Protocol, Recipe, Situation, Stack, causes, timers};

/// What to set on `stack`.
pub(super) fn recipe(stack: Stack, figures: Figures, situation: &Situation<'_>) -> Recipe {
    match stack {
        Stack::Linux => linux(figures),
        Stack::C => c(figures),
        Stack::Python => python(figures),
        Stack::Go => go(figures),
        Stack::Java => java(figures),
        Stack::Node => node(figures),
        Stack::Rust => rust(figures),
        Stack::Nginx => nginx(figures, situation.server_port),
        Stack::Haproxy => haproxy(figures),
        Stack::Envoy => envoy(figures),
        Stack::Kubernetes => kubernetes(figures),
        Stack::Postgresql => postgresql(figures),
        Stack::Libpq => libpq(figures),
        Stack::Jdbc => jdbc(figures, situation.protocol()),
        Stack::Hikaricp => timers::hikaricp(Some(figures.time)),
        Stack::Redis => redis(figures),
        Stack::Grpc => timers::grpc(Some(figures.time)),
        Stack::Curl => curl(figures),
        Stack::Ssh => timers::ssh(figures.time),
        Stack::Macos => macos(figures),
        Stack::Windows => windows(figures),
        Stack::Balancer => balancer(figures, situation),
    }
}

/// tcp(7) and the kernel's `Documentation/networking/ip-sysctl.rst`.
fn linux(figures: Figures) -> Recipe {
    Recipe::new(
        "The kernel's defaults: they reach sockets that ask for keepalive (SO_KEEPALIVE) without timers of their own, in one \
         network namespace, so not those of containers.",
        format!(
            "# as root, until the next boot; the three settings last in a file under /etc/sysctl.d\n{}",
            sysctl(figures)
        ),
    )
}

fn sysctl(Figures { time, interval, count }: Figures) -> String {
    format!(
        "sysctl -w net.ipv4.tcp_keepalive_time={time} net.ipv4.tcp_keepalive_intvl={interval} net.ipv4.tcp_keepalive_probes={count}"
    )
}

fn c(Figures { time, interval, count }: Figures) -> Recipe {
    Recipe::new(
        "On every socket that is to stay, or on the listening one, whose accepted sockets inherit it on Linux.",
        format!(
            "/* <sys/socket.h>, <netinet/in.h>, <netinet/tcp.h>; macOS calls TCP_KEEPIDLE TCP_KEEPALIVE */\n\
             int on = 1, idle = {time}, interval = {interval}, count = {count};\n\
             setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);\n\
             setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);\n\
             setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);\n\
             setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);"
        ),
    )
}

fn python(Figures { time, interval, count }: Figures) -> Recipe {
    Recipe::new(
        "On every socket; libraries on top pass socket options through (urllib3: socket_options, redis-py: \
         socket_keepalive_options).",
        format!(
            "# macOS calls TCP_KEEPIDLE TCP_KEEPALIVE\n\
             sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)\n\
             sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, {time})\n\
             sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, {interval})\n\
             sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, {count})"
        ),
    )
}

/// Go's `api/go1.23.txt` and `net/dial.go`: `KeepAlive` is ignored once `KeepAliveConfig.Enable` is set.
fn go(Figures { time, interval, count }: Figures) -> Recipe {
    Recipe::new(
        "Go's dialers and listeners probe every 15 s unless told otherwise, so look for code that switched it off.",
        format!(
            "// Go 1.23 and later; net.ListenConfig has the same field\n\
             dialer := net.Dialer{{KeepAliveConfig: net.KeepAliveConfig{{\n\
             \tEnable: true, Idle: {time} * time.Second, Interval: {interval} * time.Second, Count: {count},\n\
             }}}}"
        ),
    )
}

fn java(Figures { time, interval, count }: Figures) -> Recipe {
    Recipe::new(
        "On every socket; setKeepAlive(true) alone takes the timers of the kernel.",
        format!(
            "// JDK 11 and later; import java.net.StandardSocketOptions and jdk.net.ExtendedSocketOptions\n\
             socket.setOption(StandardSocketOptions.SO_KEEPALIVE, true);\n\
             socket.setOption(ExtendedSocketOptions.TCP_KEEPIDLE, {time});\n\
             socket.setOption(ExtendedSocketOptions.TCP_KEEPINTERVAL, {interval});\n\
             socket.setOption(ExtendedSocketOptions.TCP_KEEPCOUNT, {count});"
        ),
    )
}

/// Node's documentation of `socket.setKeepAlive` has the interval and the count; read back so on Node 20.
fn node(Figures { time, .. }: Figures) -> Recipe {
    Recipe::new(
        "On every socket. Node sets the interval to 1 s and the count to 10, so ten seconds without an answer end the connection.",
        format!("// milliseconds\nsocket.setKeepAlive(true, {time}000);"),
    )
}

fn rust(Figures { time, interval, count }: Figures) -> Recipe {
    Recipe::new(
        "std has no setter for it; socket2 has, and works on the sockets of tokio as well.",
        format!(
            "// socket2 with features = [\"all\"], which with_retries needs\n\
             let keepalive = socket2::TcpKeepalive::new()\n    \
                 .with_time(Duration::from_secs({time}))\n    \
                 .with_interval(Duration::from_secs({interval}))\n    \
                 .with_retries({count});\n\
             socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;"
        ),
    )
}

fn nginx(figures: Figures, port: u16) -> Recipe {
    let Figures { time, interval, count } = figures;
    Recipe::new(
        "Towards clients nginx has timers of its own; towards the upstream it takes the kernel's. Its proxy_read_timeout (60 s \
         by default) counts payload and has to exceed the slowest answer besides.",
        format!(
            "# server block: idle time, interval, probes\n\
             listen {port} so_keepalive={time}s:{interval}s:{count};\n\
             # location block, with the kernel's timers lowered where nginx runs\n\
             proxy_socket_keepalive on;\n\
             # {}",
            sysctl(figures)
        ),
    )
}

fn haproxy(Figures { time, interval, count }: Figures) -> Recipe {
    Recipe::new(
        "clitcpka is the side of the clients, srvtcpka that of the servers. HAProxy's own timeouts (client, server, tunnel) \
         count payload and have to exceed the slowest answer besides.",
        format!(
            "# defaults section, or frontend (clitcpka) and backend (srvtcpka)\n\
             option clitcpka\nclitcpka-idle {time}s\nclitcpka-intvl {interval}s\nclitcpka-cnt {count}\n\
             option srvtcpka\nsrvtcpka-idle {time}s\nsrvtcpka-intvl {interval}s\nsrvtcpka-cnt {count}"
        ),
    )
}

/// Envoy's `config/core/v3/address.proto`. For listeners the socket options must be set before binding: with
/// STATE_LISTENING they have no effect since 1.17 (envoyproxy/envoy#18107).
fn envoy(Figures { time, interval, count }: Figures) -> Recipe {
    Recipe::new(
        "Upstream in the cluster, downstream in the listener. Envoy's own idle_timeout counts payload and is another matter.",
        format!(
            "# cluster\n\
             upstream_connection_options:\n  \
               tcp_keepalive: {{ keepalive_time: {time}, keepalive_interval: {interval}, keepalive_probes: {count} }}\n\
             # listener, numbers of Linux: SO_KEEPALIVE, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT\n\
             socket_options:\n\
             - {{ level: 1, name: 9, int_value: 1, state: STATE_PREBIND }}\n\
             - {{ level: 6, name: 4, int_value: {time}, state: STATE_PREBIND }}\n\
             - {{ level: 6, name: 5, int_value: {interval}, state: STATE_PREBIND }}\n\
             - {{ level: 6, name: 6, int_value: {count}, state: STATE_PREBIND }}"
        ),
    )
}

/// Kubernetes' "Using sysctls in a Kubernetes Cluster": the three are safe since 1.29, which needs kernel 4.5.
fn kubernetes(Figures { time, interval, count }: Figures) -> Recipe {
    Recipe::new(
        "A pod has its own network namespace, which the sysctls of the host do not reach. The program must still ask for \
         keepalive (SO_KEEPALIVE).",
        format!(
            "# pod spec; safe sysctls since Kubernetes 1.29 (before: --allowed-unsafe-sysctls), not with hostNetwork\n\
             securityContext:\n  sysctls:\n  \
             - {{ name: net.ipv4.tcp_keepalive_time, value: \"{time}\" }}\n  \
             - {{ name: net.ipv4.tcp_keepalive_intvl, value: \"{interval}\" }}\n  \
             - {{ name: net.ipv4.tcp_keepalive_probes, value: \"{count}\" }}"
        ),
    )
}

fn postgresql(Figures { time, interval, count }: Figures) -> Recipe {
    Recipe::new(
        "The server asks for keepalive itself; 0, the default, takes the timers of its kernel. A reload is enough, also for sessions under way.",
        format!(
            "# postgresql.conf\n\
             tcp_keepalives_idle = {time}\ntcp_keepalives_interval = {interval}\ntcp_keepalives_count = {count}"
        ),
    )
}

fn libpq(Figures { time, interval, count }: Figures) -> Recipe {
    Recipe::new(
        "In the connection string of psql, psycopg and other users of libpq, which asks for keepalive but takes the timers of \
         the kernel. On the server: tcp_keepalives_idle and its like.",
        format!(
            "# seconds\nkeepalives=1 keepalives_idle={time} keepalives_interval={interval} keepalives_count={count}"
        ),
    )
}

/// pgjdbc `PGProperty.TCP_KEEP_ALIVE`: off by default, with no timers of its own.
fn jdbc(figures: Figures, protocol: Option<Protocol>) -> Recipe {
    let scheme = if protocol == Some(Protocol::MySql) { "mysql" } else { "postgresql" };
    Recipe::new(
        "The driver asks for keepalive and takes the timers of the kernel, so both lines are needed.",
        format!(
            "# JDBC URL, and the host or pod of the client\njdbc:{scheme}://HOST/DATABASE?tcpKeepAlive=true\n{}",
            sysctl(figures)
        ),
    )
}

/// Redis `redis.conf` and `src/anet.c` (`anetKeepAlive`): interval a third of the value, three probes.
fn redis(Figures { time, interval, count }: Figures) -> Recipe {
    Recipe::new(
        "The server probes every 300 s by default; it takes a third of the value as the interval, and three probes.",
        format!(
            "# redis.conf, seconds\n\
             tcp-keepalive {time}\n\
             # or at the client (redis-py)\n\
             redis.Redis(socket_keepalive=True, socket_keepalive_options={{socket.TCP_KEEPIDLE: {time}, \
             socket.TCP_KEEPINTVL: {interval}, socket.TCP_KEEPCNT: {count}}})"
        ),
    )
}

fn curl(Figures { time, .. }: Figures) -> Recipe {
    Recipe::new(
        "The tool probes every 60 s by default and sets time and interval alike; programs with libcurl must ask \
         (CURLOPT_TCP_KEEPALIVE, _KEEPIDLE, _KEEPINTVL).",
        format!("# seconds\ncurl --keepalive-time {time} URL"),
    )
}

/// Darwin's `bsd/netinet/tcp_timer.c`: the sysctls are in milliseconds.
fn macos(Figures { time, interval, .. }: Figures) -> Recipe {
    Recipe::new(
        "The defaults of macOS, for sockets that ask; a socket's own option is TCP_KEEPALIVE, in seconds.",
        format!("# milliseconds\nsudo sysctl -w net.inet.tcp.keepidle={time}000 net.inet.tcp.keepintvl={interval}000"),
    )
}

/// Microsoft's pages on `KeepAliveTime`, and on the socket options of Windows 10 1709.
fn windows(Figures { time, .. }: Figures) -> Recipe {
    Recipe::new(
        "The default of Windows, read at boot, for sockets that ask; a socket's own options are TCP_KEEPIDLE and TCP_KEEPINTVL, \
         in seconds (Windows 10 1709). Windows repeats unanswered probes every second.",
        format!(
            "# PowerShell as administrator; milliseconds\n\
             Set-ItemProperty HKLM:\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters KeepAliveTime {time}000 -Type DWord"
        ),
    )
}

fn balancer(Figures { time, .. }: Figures, situation: &Situation<'_>) -> Recipe {
    let limit = situation.limit().map(super::figures::seconds).unwrap_or_default();
    let knobs = causes::knobs(situation, situation.candidates.len());
    let change = format!(
        "Raise the idle timer of the box above {limit} and above the longest silence to be expected, or send keepalives through \
         it every {time} s at most (Linux alone would wait {COMMON_INTERVAL} s between probes).",
    );
    Recipe::words(std::iter::once(change).chain(knobs).collect::<Vec<_>>().join(" "))
}
