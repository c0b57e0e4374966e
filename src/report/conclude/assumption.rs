//! An assumption about the path, and what the capture says of it, in words.

use crate::flow::Flow;
use crate::flow::FrameId;
use crate::report::conclude::{Gathered, services};
use crate::report::judged::{Judged, frame};
use crate::report::model::{self, Frame};
use crate::report::numbers::FlowNumbers;
use crate::report::units::{duration, plural};
use crate::report::words;
use crate::time::Span;
use crate::timeouts::{Counts, Entry, Layer, Origin, Refresh, State, lateness};
use crate::verdict::assume::{Assumption, Obstacle, Sighting, Standing, Subject, Tally, Trial, assume};

/// Services spoken of one by one per standing.
const SERVICES: usize = 5;
/// Services behind one box that are named.
const MEMBERS: usize = 3;

/// Tests whether the path goes through the box of `entry`.
pub(super) fn test(
    entry: &Entry,
    timelines: &[Judged],
    numbers: &FlowNumbers,
    several_files: bool,
) -> model::Assumption {
    let flows = timelines.iter().enumerate().flat_map(|(timeline, judged)| {
        (0..).zip(&judged.timeline.analysis.flows).map(move |(index, flow)| {
            let number = numbers.number(timeline, index).unwrap_or(index);
            (subject(timeline, judged, flow), number, flow, judged.verdict(flow))
        })
    });
    let assumption = assume(entry, flows);
    model::Assumption {
        id: entry.id.clone(),
        vendor: entry.vendor.clone(),
        product: entry.product.clone(),
        idle_s: entry.idle.span().as_secs_f64(),
        verdict: assumption.standing().name(),
        reasons: Words { entry, timelines, several_files }.reasons(&assumption),
    }
}

/// What `flow` speaks for.
fn subject(timeline: usize, judged: &Judged, flow: &Flow) -> Subject {
    let server = flow.server();
    match (judged.services.split(server), judged.groups.with(server)) {
        (Some(split), _) if !split.kills(flow) => Subject::OtherPaths(server),
        (_, Some(group)) => Subject::Group(timeline, group),
        _ => Subject::Service(server),
    }
}

struct Words<'a> {
    entry: &'a Entry,
    timelines: &'a [Judged],
    several_files: bool,
}

impl Words<'_> {
    fn reasons(&self, assumption: &Assumption) -> Vec<String> {
        if let Some(obstacle) = assumption.obstacle {
            return vec![self.obstacle(obstacle)];
        }
        let mut reasons = Vec::new();
        for standing in [Standing::Holds, Standing::Contradicted, Standing::Untested] {
            let of_it = assumption.trials.iter().filter(|(_, trial)| trial.standing() == standing);
            // That the other services test nothing is of no interest where one does.
            let told = if standing == Standing::Untested && !reasons.is_empty() { 0 } else { SERVICES };
            let (mut shown, mut more) = (0, 0);
            for (subject, trial) in of_it {
                if shown == told {
                    more += 1;
                    continue;
                }
                shown += 1;
                self.subject(*subject, trial, &mut reasons);
            }
            reasons.extend((more > 0).then(|| format!("{}: {}.", plural(more, "other service"), standing.name())));
        }
        if reasons.is_empty() {
            reasons.push(self.nothing_seen());
        }
        reasons.extend(self.caveats(assumption));
        reasons
    }

    fn obstacle(&self, obstacle: Obstacle) -> String {
        match obstacle {
            Obstacle::State(State::Udp) => "It is a timer for UDP, which this report does not follow.".to_owned(),
            Obstacle::State(State::Handshake) => {
                "It is a timer for handshakes; silence is measured on established connections.".to_owned()
            }
            Obstacle::State(_) => {
                "It is a timer for data that stays unacknowledged; silence with data in flight is not measured."
                    .to_owned()
            }
            Obstacle::Exchange => "It counts a whole request with its answer; only silence can be tested.".to_owned(),
            Obstacle::EndsNothing => "Its expiry ends no connection, so that no capture can show it.".to_owned(),
        }
    }

    fn nothing_seen(&self) -> String {
        match self.entry.counts {
            Counts::Lifetime => "No established connection was seen: nothing tests a limit of age.".to_owned(),
            _ => format!(
                "No {} connection was seen to survive a silence of a second or more, nor to die of one: nothing tests a timer.",
                self.entry.state
            ),
        }
    }

    /// What the flows of one subject say.
    fn subject(&self, subject: Subject, trial: &Trial, reasons: &mut Vec<String>) {
        let name = self.name(subject);
        let mut say = |text: Option<String>| reasons.extend(text.map(|text| format!("{name}: {text}.")));
        say(self.outlived(&trial.outlived));
        say(self.died(&trial.early, "less than its timer, so that was not its doing"));
        say(self.died(&trial.restarted, "though packets went on, each of which restarts its timer"));
        let latest = self.entry.idle.span().plus(lateness(self.entry.idle.span(), self.entry.layer));
        say(self
            .died(&trial.late, &format!("later than the {} after which it would have killed them", duration(latest))));
        say(self.otherwise(&trial.otherwise, "which is not how it kills"));
        say(self.fitting(trial));
        say(self.otherwise(&trial.odd, "which should not be how it kills, but that is not documented: not counted"));
        if trial.standing() == Standing::Untested {
            say(Some(self.too_short(&trial.survived)));
            say(self.died(&trial.closed, "closed in good order by an end, which is not the box's doing: not counted"));
            say(self.died(&trial.doubtful, "but whether of silence is too uncertain: not counted"));
        }
    }

    fn name(&self, subject: Subject) -> String {
        match subject {
            Subject::Service(server) => server.to_string(),
            Subject::OtherPaths(server) => format!("{server}, clients on whose path nothing died"),
            Subject::Group(timeline, index) => {
                let group = Gathered::group_of(self.timelines, (timeline, index));
                let members = group.map(|group| services::names(&group.members, MEMBERS)).unwrap_or_default();
                format!("{members}, behind what looks like one box")
            }
        }
    }

    fn outlived(&self, tally: &Tally) -> Option<String> {
        let most = tally.most?;
        let and = match tally.count.saturating_sub(1) {
            0 => String::new(),
            more => format!(", and so did {}", plural(more, "other flow")),
        };
        let what = match self.entry.counts {
            Counts::Lifetime => format!("a connection lived for {}", duration(most.length)),
            _ => format!("{} without {} survived", duration(most.length), self.counted()),
        };
        Some(format!("{what} ({}){and}, longer than its timer, however late", self.place(&most)))
    }

    fn died(&self, tally: &Tally, how: &str) -> Option<String> {
        let first = tally.least?;
        let such_as = if tally.count > 1 { "such as " } else { "" };
        let (flows, place) = (plural(tally.count, "flow"), self.place(&first));
        Some(format!("{flows} died after {} ({such_as}{place}), {how}", lengths(tally)))
    }

    fn otherwise(&self, tally: &Tally, how: &str) -> Option<String> {
        let first = tally.least?;
        let manner = first.manner.map_or("an unknown way", words::manner);
        self.died(tally, &format!("by {manner}, {how}"))
    }

    fn fitting(&self, trial: &Trial) -> Option<String> {
        let first = trial.fitting.least?;
        let manner = first.manner.filter(|manner| self.entry.on_expiry.contains(manner));
        let as_it_kills =
            manner.map(|manner| format!("by {}, as it kills, ", words::manner(manner))).unwrap_or_default();
        let timer = duration(self.entry.idle.span());
        let died = self.died(&trial.fitting, &format!("{as_it_kills}when its timer of {timer} had expired"))?;
        let survived = match trial.survived.most {
            Some(most) => {
                format!("; {} survived ({}), which its timer allows", duration(most.length), self.place(&most))
            }
            None => String::new(),
        };
        Some(format!("{died}{survived}"))
    }

    fn too_short(&self, survived: &Tally) -> String {
        match survived.most {
            Some(most) => {
                let (longest, place) = (duration(most.length), self.place(&most));
                match self.entry.counts {
                    Counts::Lifetime => format!("no connection was seen for long enough, {longest} at most ({place})"),
                    _ => format!(
                        "no silence was long enough: the longest without {} that survived is {longest} ({place})",
                        self.counted()
                    ),
                }
            }
            None => "no silence was seen to survive".to_owned(),
        }
    }

    /// What limits a contradiction: defaults are changed, and programs time one part of a conversation only.
    fn caveats(&self, assumption: &Assumption) -> Vec<String> {
        let entry = self.entry;
        let any = |tally: fn(&Trial) -> Tally| assumption.trials.values().any(|trial| tally(trial).count > 0);
        let mut caveats = Vec::new();
        let by_length = any(|trial| trial.outlived) || any(|trial| trial.early) || any(|trial| trial.late);
        if by_length && entry.origin == Origin::BuiltIn && !entry.is_fixed() {
            caveats.push(format!(
                "This is about its default of {}, which operators change{}: a row with the value in use can be tested with \
                 --timeouts.",
                duration(entry.idle.span()),
                self.range()
            ));
        }
        if any(|trial| trial.outlived) && entry.layer == Layer::L7 && !entry.scope.is_empty() {
            caveats.push(format!("Its timer applies to: {}. Silence elsewhere says nothing about it.", entry.scope));
        }
        caveats
    }

    fn range(&self) -> String {
        match (self.entry.min, self.entry.max) {
            (Some(min), Some(max)) => format!(" ({} s to {} s)", min.0, max.0),
            (Some(min), None) => format!(" ({} s at least)", min.0),
            (None, Some(max)) => format!(" ({} s at most)", max.0),
            (None, None) => String::new(),
        }
    }

    fn counted(&self) -> &'static str {
        if self.entry.refresh == Refresh::NotRefreshed { "payload" } else { "packets" }
    }

    /// Where to look: flow and frames.
    fn place(&self, seen: &Sighting) -> String {
        let (start, end) = seen.frames;
        format!("flow {}, frames {} and {}", seen.flow, self.frame(start), self.frame(end))
    }

    fn frame(&self, id: FrameId) -> String {
        match frame(id, self.several_files) {
            Frame::Only(number) => number.to_string(),
            Frame::InFile { file, frame } => format!("{}:{frame}", file.saturating_add(1)),
        }
    }
}

/// One length, or the shortest and the longest.
fn lengths(tally: &Tally) -> String {
    let length = |seen: Option<Sighting>| duration(seen.map_or(Span::ZERO, |seen| seen.length));
    match (length(tally.least), length(tally.most)) {
        (least, most) if least == most => least,
        (least, most) => format!("{least} to {most}"),
    }
}
