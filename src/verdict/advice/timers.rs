//! What helps where TCP keepalive does not: payload sent in time, timers raised, connections renewed.

use super::figures::{Lifetime, PayloadFigures};
use super::{Recipe, Situation, Stack, causes};

/// Least `keepaliveTime` and `maxLifetime` that HikariCP takes (its README), in seconds.
const HIKARI_LEAST: i64 = 30;
/// A `keepaliveTime` that stays below HikariCP's default `maxLifetime` of 1800 s, as it must (its README), in seconds.
const HIKARI_MOST: i64 = 900;
/// Time between PINGs that gRPC clients raise shorter values to (gRPC proposal A8), in seconds.
const GRPC_LEAST: i64 = 10;
/// Least time between PINGs that gRPC servers take unless told otherwise (gRPC proposal A8), in seconds.
const GRPC_ENFORCED: i64 = 300;

/// What to set on `stack` against a timer of payload.
pub(super) fn payload(stack: Stack, figures: PayloadFigures, situation: &Situation<'_>) -> Recipe {
    let PayloadFigures { heartbeat, raised } = figures;
    match stack {
        Stack::Nginx => nginx(raised),
        Stack::Haproxy => haproxy(raised),
        Stack::Envoy => envoy(raised),
        Stack::Kubernetes => ingress(raised),
        Stack::Node => node(raised),
        Stack::Postgresql => postgresql(raised),
        Stack::Redis => redis(raised),
        Stack::Hikaricp => hikaricp(heartbeat),
        Stack::Grpc => grpc(heartbeat),
        Stack::Ssh if heartbeat.is_some() => ssh(heartbeat.unwrap_or_default()),
        Stack::Balancer => balancer(raised, situation),
        _ => Recipe::words(
            "Nothing to set in this stack: the application has to send something in time, or the timer has to go up.",
        ),
    }
}

/// What to set on `stack` where connections end at an age.
pub(super) fn lifetime(stack: Stack, Lifetime { renew, .. }: Lifetime) -> Recipe {
    match stack {
        Stack::Hikaricp | Stack::Jdbc if renew >= HIKARI_LEAST => Recipe::new(
            "The pool replaces older connections once they are idle; one in use stays.",
            format!("# HikariCP, milliseconds\nmaxLifetime={renew}000"),
        ),
        Stack::Go => Recipe::new(
            "database/sql replaces older connections once they are idle.",
            format!("// database/sql\ndb.SetConnMaxLifetime({renew} * time.Second)"),
        ),
        Stack::Grpc => Recipe::new(
            "The server asks its clients to go elsewhere in good order (GOAWAY) and lets calls finish.",
            format!(
                "// Go, server; import google.golang.org/grpc/keepalive\n\
                 grpc.KeepaliveParams(keepalive.ServerParameters{{MaxConnectionAge: {renew} * time.Second}})"
            ),
        ),
        Stack::Nginx => Recipe::new(
            "nginx closes older connections to the upstream after the request in hand (1.19.10 and later).",
            format!("# upstream block, beside keepalive\nkeepalive_time {renew}s;"),
        ),
        _ => {
            Recipe::words(format!("Nothing to set in this stack: open a new connection before {renew} s have passed."))
        }
    }
}

/// The nginx documentation of `proxy_read_timeout` (60 s by default) and `keepalive_timeout` (75 s).
fn nginx(raised: i64) -> Recipe {
    Recipe::new(
        "Between two reads from the upstream, and for clients that are idle between requests.",
        format!("# location block\nproxy_read_timeout {raised}s;\n# server block\nkeepalive_timeout {raised}s;"),
    )
}

fn haproxy(raised: i64) -> Recipe {
    Recipe::new(
        "client and server count payload of either side; tunnel takes their place after an upgrade or in TCP mode.",
        format!(
            "# defaults section, or frontend and backend\n\
             timeout client {raised}s\ntimeout server {raised}s\ntimeout tunnel {raised}s"
        ),
    )
}

/// Envoy's "How do I configure timeouts?".
fn envoy(raised: i64) -> Recipe {
    Recipe::new(
        "TCP proxies end silent connections after 1 h, HTTP streams after 5 min, unless told otherwise; a route's own timeout \
         (15 s) bounds the whole answer.",
        format!(
            "# tcp_proxy filter\nidle_timeout: {raised}s\n# http_connection_manager filter\nstream_idle_timeout: {raised}s"
        ),
    )
}

fn ingress(raised: i64) -> Recipe {
    Recipe::new(
        "The ingress controller's own timers; this is the annotation of ingress-nginx.",
        format!(
            "# metadata of the Ingress, seconds\nannotations:\n  nginx.ingress.kubernetes.io/proxy-read-timeout: \"{raised}\""
        ),
    )
}

/// Node's documentation of `server.keepAliveTimeout`: 5 s by default.
fn node(raised: i64) -> Recipe {
    Recipe::new(
        "The HTTP server closes idle connections after 5 s by default; behind a proxy it must wait longer than the proxy does.",
        format!("// milliseconds\nserver.keepAliveTimeout = {raised}000;"),
    )
}

fn postgresql(raised: i64) -> Recipe {
    Recipe::new(
        "Both are off by default (0); the first ends idle sessions, the second sessions idle in a transaction.",
        format!(
            "# postgresql.conf\n\
             idle_session_timeout = '{raised}s'\nidle_in_transaction_session_timeout = '{raised}s'"
        ),
    )
}

fn redis(raised: i64) -> Recipe {
    Recipe::new(
        "The server closes idle clients after this; 0, the default, never.",
        format!("# redis.conf, seconds\ntimeout {raised}"),
    )
}

/// HikariCP's README.
pub(super) fn hikaricp(every: Option<i64>) -> Recipe {
    const SCOPE: &str = "HikariCP asks the database on idle connections, which counts as payload too; it does nothing for a query \
                         in flight.";
    match every {
        Some(every) if every >= HIKARI_LEAST => Recipe::new(
            SCOPE,
            format!("# milliseconds, below maxLifetime\nkeepaliveTime={}000", every.min(HIKARI_MOST)),
        ),
        Some(every) => {
            Recipe::words(format!("{SCOPE} It refuses less than {HIKARI_LEAST} s, and {every} s are needed."))
        }
        None => Recipe::words(format!("{SCOPE} It refuses less than {HIKARI_LEAST} s, more than this timer allows.")),
    }
}

/// gRPC proposals A8 and A9, and grpc-go's `keepalive` package.
pub(super) fn grpc(every: Option<i64>) -> Recipe {
    let Some(every) = every else {
        return Recipe::words("gRPC's own PINGs do not come often enough for this timer.");
    };
    let raised = if every < GRPC_LEAST {
        format!(" Clients raise {every} s to {GRPC_LEAST} s, which may be too seldom here: use TCP keepalive.")
    } else {
        String::new()
    };
    let text = format!(
        "PINGs of HTTP/2 count as payload too. A server ends connections that ping more often than it allows, {GRPC_ENFORCED} s \
         by default, so change both ends.{raised}"
    );
    Recipe::new(
        text,
        format!(
            "// Go, client; import google.golang.org/grpc/keepalive\n\
             grpc.WithKeepaliveParams(keepalive.ClientParameters{{Time: {every} * time.Second, PermitWithoutStream: true}})\n\
             // Go, server\n\
             grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{{MinTime: {} * time.Second, PermitWithoutStream: true}})",
            (every / 2).max(1)
        ),
    )
}

/// Where the server complained of too many PINGs: gRPC proposal A8, and grpc-go's `keepalive` package. A tenth above the
/// least that servers take, since what is sent late makes the next one early.
pub(super) fn grpc_pings() -> Recipe {
    let (every, enforced) = (GRPC_ENFORCED / 10 * 11, GRPC_ENFORCED);
    Recipe::new(
        format!(
            "Either is enough: a client that pings less often, or a server that takes more. A server counts the PINGs that come \
             earlier than its MinTime ({enforced} s by default; 2 hours while no call is open, unless it permits them), and the \
             third ends the connection."
        ),
        format!(
            "// Go, client; import google.golang.org/grpc/keepalive\n\
             grpc.WithKeepaliveParams(keepalive.ClientParameters{{Time: {every} * time.Second}})\n\
             // Go, server; below the Time of its clients\n\
             grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{{MinTime: 10 * time.Second, PermitWithoutStream: true}})"
        ),
    )
}

/// ssh_config(5) and sshd_config(5): the messages go through the encrypted channel.
pub(super) fn ssh(every: i64) -> Recipe {
    Recipe::new(
        "Sent inside the encrypted connection, so as payload; on the server ClientAliveInterval does the same. TCPKeepAlive, \
         which is on, takes the timers of the kernel.",
        format!("# ~/.ssh/config, seconds\nServerAliveInterval {every}"),
    )
}

fn balancer(raised: i64, situation: &Situation<'_>) -> Recipe {
    let change = format!("Raise the timer of the box, for a start to {raised} s.");
    let knobs = causes::knobs(situation, situation.candidates.len());
    Recipe::words(std::iter::once(change).chain(knobs).collect::<Vec<_>>().join(" "))
}
