#[test]
fn sizes() {
    use idlegap::flow::*;
    println!("Flow {} Endpoint {} Counters {} Baseline {} Silence {}", size_of::<Flow>(), size_of::<endpoint::Endpoint>(), size_of::<endpoint::Counters>(), size_of::<endpoint::Baseline>(), size_of::<endpoint::Silence>());
    println!("Gaps {} Gap {} Undecided {} Probes {} Pending {} Held {} KaStats {} Dating {}", size_of::<gaps::Gaps>(), size_of::<gaps::Gap>(), size_of::<gaps::Undecided>(), size_of::<probes::Probes>(), size_of::<probes::Pending>(), size_of::<probes::Held>(), size_of::<probes::KeepaliveStats>(), size_of::<probes::dating::Dating>());
    println!("Extras {} Reset {} Heads {} Turn {} Icmp {} Mark {} OptMark {}", size_of::<Extras>(), size_of::<resets::Reset>(), size_of::<turns::Heads>(), size_of::<Turn>(), size_of::<IcmpEvent>(), size_of::<Mark>(), size_of::<Option<Mark>>());
    println!("Segment {} Options {} Key {} Socket {} LinkInfo {}", size_of::<idlegap::wire::Segment>(), size_of::<idlegap::wire::Options>(), size_of::<FlowKey>(), size_of::<Socket>(), size_of::<idlegap::wire::LinkInfo>());
}
