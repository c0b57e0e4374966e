//! Once the interface is open the process gives up what it does not need: its user, its capabilities, the file system.

use std::path::PathBuf;

use crate::commands::Error;

/// Becomes `user`, if one is named, and gives up all capabilities; `writes` keeps root's right to write where others own.
///
/// # Errors
/// If there is no such user, or if the system refuses.
pub(super) fn drop_privileges(user: Option<&str>, writes: bool) -> Result<(), Error> {
    if let Some(user) = user {
        become_user(user).map_err(|reason| Error::User { user: user.to_owned(), reason })?;
    }
    drop_capabilities(writes && user.is_none());
    Ok(())
}

#[cfg(unix)]
fn become_user(name: &str) -> Result<(), String> {
    use nix::unistd::{Uid, User, setgid, setgroups, setuid};
    let user = User::from_name(name).map_err(|error| error.to_string())?;
    let user = user.ok_or_else(|| "there is no such user".to_owned())?;
    if Uid::effective() == user.uid {
        return Ok(());
    }
    let steps = [setgroups(&[user.gid]), setgid(user.gid), setuid(user.uid)];
    steps.into_iter().collect::<Result<Vec<()>, _>>().map_err(|error| error.to_string())?;
    Ok(())
}

#[cfg(not(unix))]
fn become_user(_name: &str) -> Result<(), String> {
    Err("this system has no users that a process could become".to_owned())
}

/// Gives up every capability, of this thread and of those that it starts; there is none before.
#[cfg(target_os = "linux")]
fn drop_capabilities(writes: bool) {
    use caps::{CapSet, Capability, CapsHashSet};
    let kept: CapsHashSet =
        if writes && caps::has_cap(None, CapSet::Effective, Capability::CAP_DAC_OVERRIDE).unwrap_or(false) {
            [Capability::CAP_DAC_OVERRIDE].into_iter().collect()
        } else {
            CapsHashSet::new()
        };
    // Less than nothing cannot be given up: a failure leaves what an unprivileged process has.
    for set in [CapSet::Ambient, CapSet::Inheritable] {
        let _ = caps::clear(None, set);
    }
    for set in [CapSet::Effective, CapSet::Permitted] {
        let _ = caps::set(None, set, &kept);
    }
}

#[cfg(not(target_os = "linux"))]
fn drop_capabilities(_writes: bool) {}

/// What libpcap and the words of the report read while the watch goes on: counts of interfaces, time zones.
#[cfg(target_os = "linux")]
const READ: [&str; 6] =
    ["/sys/class/net", "/sys/devices", "/etc/localtime", "/usr/share/zoneinfo", "/proc/net", "/proc/self"];

/// Lets the process write below `places` only, read little, and open no TCP connection, where the kernel has Landlock.
///
/// # Errors
/// If the kernel has Landlock and refuses, in words.
#[cfg(target_os = "linux")]
pub(super) fn confine(places: &[PathBuf]) -> Result<(), String> {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr,
        path_beneath_rules,
    };
    let abi = ABI::V4;
    let restrict = || -> Result<(), landlock::RulesetError> {
        Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(abi))?
            .handle_access(AccessNet::from_all(abi))?
            .create()?
            .add_rules(path_beneath_rules(places, AccessFs::from_all(abi)))?
            .add_rules(path_beneath_rules(["/dev/tty", "/dev/null", "/dev/full"], AccessFs::from_file(abi)))?
            .add_rules(path_beneath_rules(READ, AccessFs::from_read(abi)))?
            .restrict_self()?;
        Ok(())
    };
    restrict().map_err(|error| error.to_string())
}

/// There is no such means here.
///
/// # Errors
/// Never.
#[cfg(not(target_os = "linux"))]
pub(super) fn confine(_places: &[PathBuf]) -> Result<(), String> {
    Ok(())
}
