//! A day of a small team, as its colony's stream tells it: three bees, 2,000 webhooks, people with laptops, deploys, mistakes. The webhooks
//! themselves make no event; what goes wrong around them does. The same seed gives the same day.

use apiary_bees::security::{Fact, Source};

pub(crate) const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Webhooks of a day.
const WEBHOOKS: u64 = 2000;

/// A generator of small numbers: xorshift64*.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Returns a number below `sides`.
    pub(crate) fn below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    }

    /// Returns a time of the working day: from 8 to 18 o'clock.
    fn at_work(&mut self) -> i64 {
        8 * HOUR_MS + i64::try_from(self.below(10 * 3600)).unwrap() * 1000
    }
}

/// The events of a day.
pub(crate) struct Day {
    start_ms: i64,
    position: i64,
    dice: Dice,
    pub(crate) facts: Vec<Fact>,
}

impl Day {
    /// Returns a day, by its number.
    pub(crate) fn new(number: u64) -> Self {
        let start_ms = 1_795_000_000_000 + i64::try_from(number).unwrap() * DAY_MS;
        let mut day = Self { start_ms, position: 0, dice: Dice::new(number + 1), facts: Vec::new() };
        day.deploys();
        day.laptops();
        day.mistakes();
        day.customers();
        day.operation();
        day
    }

    /// Adds an event at a time of the day.
    pub(crate) fn add(&mut self, at_ms: i64, kind: &str, fact: Fact) {
        self.position += 1;
        let source = Source::Stream(self.position);
        self.facts.push(Fact { time_ms: self.start_ms + at_ms, kind: kind.to_owned(), source, ..fact });
    }

    /// Adds two to four deploys: every part starts anew, its calls find a full or draining broker for some seconds, and a load balancer repeats
    /// a request or two.
    fn deploys(&mut self) {
        for _ in 0..2 + self.dice.below(3) {
            let at_ms = self.dice.at_work();
            for (bee, address) in [("finance", "10.0.0.11"), ("finance", "10.0.0.12"), ("mail", "10.0.0.13")] {
                self.add(at_ms, "executor.drained", by("operator", "10.0.0.5"));
                let count = 1 + self.dice.below(20);
                self.add(at_ms + 20_000, "refused.rate", Fact { count, ..by(bee, address) });
                self.add(at_ms + 40_000, "executor.undrained", by("operator", "10.0.0.5"));
            }
            let count = 1 + self.dice.below(30);
            self.add(at_ms + 25_000, "refused.rate", Fact { count, ..by("stripe-adapter", "10.0.0.10") });
            // Behind a proxy that is not trusted, all of them together exceed the places of an address.
            if self.position % 11 == 0 {
                let one = Fact { key: String::new(), count: 2, ..by("", "") };
                self.add(at_ms + 50_000, "refused.rate", one);
            }
            if self.dice.below(2) == 0 {
                self.add(at_ms + 26_000, "refused.replay", Fact { count: 1, ..by("stripe-adapter", "10.0.0.10") });
            }
        }
        // Every few weeks a machine moves to another network, and its key with it.
        if self.dice.below(10) == 0 {
            let at_ms = self.dice.at_work();
            self.add(at_ms, "key.new_address", by("mail", "10.7.0.13"));
            self.add(at_ms, "state.executor_moved", by("mail", "10.7.0.13"));
        }
    }

    /// Adds laptops that go from home to the train, the office, a café and back, and wake up with a wrong clock.
    fn laptops(&mut self) {
        for (name, number) in [("ada", 1), ("grace", 2), ("operator", 3)] {
            let mut at_ms = 8 * HOUR_MS + i64::try_from(self.dice.below(3600)).unwrap() * 1000;
            for network in 0..1 + self.dice.below(3) {
                self.add(at_ms, "key.new_address", by(name, &format!("198.51.{number}{network}.7")));
                at_ms += 45 * MINUTE_MS + i64::try_from(self.dice.below(180)).unwrap() * MINUTE_MS;
            }
            if self.dice.below(3) == 0 {
                let count = 1 + self.dice.below(3);
                self.add(at_ms, "refused.time", Fact { count, ..by(name, "198.51.100.7") });
            }
        }
    }

    /// Adds a key with a typing mistake, a spec signed by hand, calls that a grant does not cover, arguments that the guard forbids.
    fn mistakes(&mut self) {
        let at_ms = self.dice.at_work();
        for minute in 0..4 {
            let count = 1 + self.dice.below(5);
            self.add(at_ms + minute * MINUTE_MS, "refused.unknown_key", Fact { count, ..by("", "198.51.100.7") });
        }
        let at_ms = self.dice.at_work();
        for attempt in 0..i64::try_from(self.dice.below(5)).unwrap() {
            self.add(at_ms + attempt * 70_000, "refused.signature", by("", "198.51.100.9"));
        }
        let at_ms = self.dice.at_work();
        for method in ["ListProcesses", "Pause", "Cancel"].iter().take(1 + usize::try_from(self.dice.below(3)).unwrap())
        {
            self.add(at_ms, "refused.scope", Fact { method: (*method).to_owned(), ..by("grace", "198.51.100.7") });
        }
        // A dashboard without the right asks every half minute, until somebody sees it.
        let at_ms = self.dice.at_work();
        for minute in 0..i64::try_from(5 + self.dice.below(20)).unwrap() {
            let one = Fact { count: 2, method: "GetHealth".to_owned(), ..by("board", "10.0.0.20") };
            self.add(at_ms + minute * MINUTE_MS, "refused.scope", one);
        }
        let at_ms = self.dice.at_work();
        for attempt in 0..i64::try_from(self.dice.below(3)).unwrap() {
            let one = Fact { function: "report".to_owned(), ..by("mail", "10.0.0.13") };
            self.add(at_ms + attempt * MINUTE_MS, "refused.work", one);
        }
        let count = 1 + self.dice.below(4);
        let at_ms = self.dice.at_work();
        self.add(at_ms, "refused.size", Fact { count, ..by("ada", "198.51.100.7") });
        // A new bee asks for approval, is started again, and is approved.
        if self.dice.below(4) == 0 {
            let at_ms = self.dice.at_work();
            self.add(at_ms, "executor.asked", by("wasp", "10.0.0.14"));
            self.add(at_ms + MINUTE_MS, "executor.asked", by("wasp", "10.0.0.14"));
            self.add(at_ms + 2 * MINUTE_MS, "grant.added", by("colony", "198.51.100.7"));
        }
    }

    /// Adds webhooks that cannot be applied, payments that are declined, and a customer who tries four times.
    fn customers(&mut self) {
        let mut failed = 0;
        for _ in 0..WEBHOOKS {
            failed += u64::from(self.dice.below(1000) == 0);
            if self.dice.below(60) == 0 {
                let address = format!("192.0.2.{}", self.dice.below(200));
                let at_ms = i64::try_from(self.dice.below(86_400)).unwrap() * 1000;
                self.add(at_ms, "payment.declined", by("", &address));
            }
        }
        let at_ms = self.dice.at_work();
        for attempt in 0..4 {
            self.add(at_ms + attempt * 2 * MINUTE_MS, "payment.declined", by("", "192.0.2.201"));
        }
        if failed > 0 {
            let one = Fact { function: "stripe.event".to_owned(), count: failed, ..by("", "") };
            self.add(23 * HOUR_MS, "payment.failed", one);
        }
    }

    /// Adds an operator who redrives, cancels and pauses; keys are rotated, and the old ones are still tried for a moment.
    fn operation(&mut self) {
        let at_ms = self.dice.at_work();
        for number in 0..i64::try_from(self.dice.below(25)).unwrap() {
            self.add(at_ms + number * 5000, "process.cancelled", by("operator", "10.0.0.5"));
        }
        self.add(at_ms, "pause.added", by("operator", "10.0.0.5"));
        self.add(at_ms + MINUTE_MS, "pause.removed", by("operator", "10.0.0.5"));
        self.add(at_ms + HOUR_MS, "bulk.started", by("operator", "10.0.0.5"));
        if self.dice.below(5) == 0 {
            let at_ms = self.dice.at_work();
            for number in 0..6 {
                self.add(at_ms + number * MINUTE_MS, "grant.added", by("colony", "198.51.100.7"));
                self.add(at_ms + number * MINUTE_MS + 30_000, "grant.revoked", by("colony", "198.51.100.7"));
            }
            let count = 1 + self.dice.below(2);
            self.add(at_ms + 31_000, "refused.revoked", Fact { count, ..by("mail", "10.0.0.13") });
            self.add(at_ms + 32_000, "refused.expired", Fact { count, ..by("board", "10.0.0.20") });
        }
    }
}

/// Returns a fact by the key of this name, from this address.
pub(crate) fn by(name: &str, address: &str) -> Fact {
    let key = if name.is_empty() { "key-with-a-typo".to_owned() } else { format!("key-of-{name}") };
    Fact { key, name: name.to_owned(), address: address.to_owned(), ..Fact::new("", 0, Source::State) }
}
