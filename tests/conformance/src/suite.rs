//! All cases, and how verdicts compare with what the suite wants.

use std::env;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::Case;

/// How many there are, so that none is lost on the way.
const CASES: usize = 70;

/// The cases, which are not part of this repository: `SIGWARDEN_TESTDATA` says where they are. None where there is no
/// such directory, which is said.
///
/// # Panics
/// If there are others than expected, or one cannot be read.
#[must_use]
#[expect(clippy::unwrap_used, reason = "a test that cannot read its cases has nothing to go on with")]
pub fn cases() -> Option<Vec<Case>> {
    let directory = match env::var_os("SIGWARDEN_TESTDATA") {
        Some(directory) => PathBuf::from(directory),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/testdata"),
    }
    .join("sigstore-conformance/test/assets/bundle-verify");
    if !directory.is_dir() {
        println!("skipped: there is no {}; set SIGWARDEN_TESTDATA", directory.display());
        return None;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let cases = Case::read_all(&directory, now).unwrap();
    assert_eq!(cases.len(), CASES);
    Some(cases)
}

/// Compares each verdict with what the suite wants. A judge that fails to answer, the outer error, differs whatever is
/// wanted.
///
/// # Panics
/// If there is any difference.
pub fn compare(cases: &[Case], judge: impl Fn(&Case) -> Result<Result<(), String>, String>) {
    let (mut wrongly_accepted, mut wrongly_refused) = (Vec::new(), Vec::new());
    let mut table = String::new();
    for case in cases {
        let (said, difference) = match judge(case) {
            Err(failure) => (format!("FAILED: {failure}"), Some(&mut wrongly_refused)),
            Ok(Err(reason)) => {
                (format!("refused: {reason}"), Some(&mut wrongly_refused).filter(|_| case.is_good()))
            }
            Ok(Ok(())) => ("accepted".to_owned(), Some(&mut wrongly_accepted).filter(|_| !case.is_good())),
        };
        let _ = writeln!(table, "{:60} {said}", case.name);
        difference.into_iter().for_each(|list| list.push(format!("{}: {said}", case.name)));
    }
    println!(
        "{table}{} cases; wrongly accepted: {wrongly_accepted:?}; wrongly refused: {wrongly_refused:?}",
        cases.len()
    );
    assert_eq!((wrongly_accepted, wrongly_refused), (Vec::new(), Vec::new()));
}
