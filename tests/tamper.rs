//! Every leaf of a good request, of its settings and of the registry's answers, changed in every way that its
//! type allows, against a committed table.
//!
//! `tamper.table.tsv` has one line for each leaf and outcome: part, pointer, the changes that have this outcome,
//! the outcome, and for whatever is not refused, why not. A change that is not in the table fails, a line whose
//! outcome no longer occurs fails, and so does one that is not refused and has no reason.
//!
//! `SIGWARDEN_REWRITE_TAMPER_TABLE=1 cargo test -p sigwarden --test tamper` writes the table anew, keeping the
//! reasons. Review the difference line by line: each `same` and `accepted` in it is a change that goes through.

#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use sigwarden_testkit::tamper::{Scene, outcome};

const HEADER: &str = "part\tpointer\tchanges\toutcome\twhy\n";
const NO_REASON: &str = "?";

/// Part, pointer and outcome; and the changes.
type Table = BTreeMap<(String, String, String), (Vec<String>, String)>;

fn read(text: &str) -> Table {
    let row = |line: &str| {
        let [part, pointer, changes, outcome, why] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("a line of the table has five columns: {line}")
        };
        let changes = changes.split(", ").map(str::to_owned).collect();
        ((part.to_owned(), pointer.to_owned(), outcome.to_owned()), (changes, why.to_owned()))
    };
    let lines: Vec<&str> = text.strip_prefix(HEADER).unwrap().lines().collect();
    let table: Table = lines.iter().map(|line| row(line)).collect();
    assert_eq!(table.len(), lines.len(), "a line occurs twice");
    table
}

fn write(table: &Table) -> String {
    table.iter().fold(HEADER.to_owned(), |mut text, ((part, pointer, outcome), (changes, why))| {
        writeln!(text, "{part}\t{pointer}\t{}\t{outcome}\t{why}", changes.join(", ")).unwrap();
        text
    })
}

#[test]
fn every_change_of_every_leaf_has_the_outcome_of_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tamper.table.tsv");
    let committed = fs::read_to_string(&path).map_or_else(|_| Table::new(), |text| read(&text));
    let scene = Scene::good();
    let good = scene.decide();
    assert!(good.accepted, "{}", good.message);

    let mut found = Table::new();
    for change in scene.changes() {
        let outcome = outcome(&good, &change.scene.decide(), &change.scene);
        let key = (change.part.to_owned(), change.pointer, outcome);
        let why = committed.get(&key).map(|(_, why)| why.clone());
        let why =
            why.unwrap_or_else(|| if key.2.starts_with("refused ") { "" } else { NO_REASON }.to_owned());
        let row = found.entry(key).or_insert_with(|| (Vec::new(), why));
        row.0.push(change.mutation.to_owned());
    }
    if env::var_os("SIGWARDEN_REWRITE_TAMPER_TABLE").is_some() {
        fs::write(&path, write(&found)).unwrap();
    }
    let unexplained = |((.., outcome), (_, why)): &(&(_, _, String), &(_, String))| {
        !outcome.starts_with("refused ") && why.len() < 8
    };
    let unexplained: Vec<_> = found.iter().filter(unexplained).map(|(key, _)| key).collect();
    assert!(unexplained.is_empty(), "changes that go through, for no reason given: {unexplained:#?}");
    let differences: Vec<String> = found
        .iter()
        .filter(|row| committed.get(row.0) != Some(row.1))
        .map(|row| format!("found     {row:?}"))
        .chain(
            committed
                .iter()
                .filter(|row| found.get(row.0) != Some(row.1))
                .map(|row| format!("committed {row:?}")),
        )
        .collect();
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}
