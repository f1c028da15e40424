//! The verdict as one structured event for the host's log.

use core::time::Duration;

use serde_json::{Value, json};

use super::message::line;
use super::{Denial, Denied, Verdict, denial};
use crate::workload::AdmissionRequest;

/// One event for a decision: its level, a fixed message, and what a search would look for.
#[must_use]
pub fn event(verdict: &Verdict, request: &AdmissionRequest, took: Duration, notes: &[String]) -> Value {
    let (level, message, code, reasons) = match verdict {
        Verdict::Accept(accepted) => {
            let would_deny: Vec<String> = accepted
                .images()
                .iter()
                .flat_map(|(site, image)| image.would_deny.iter().map(|failure| line(site, failure)))
                .collect();
            if would_deny.is_empty() {
                ("info", "accepted", 200, would_deny)
            } else {
                ("warning", "accepted, would deny", 200, would_deny)
            }
        }
        Verdict::Deny(denied) => {
            let message = match denied.denial() {
                Denial::Rejected => "rejected",
                Denial::Undecided => "could not decide",
            };
            ("warning", message, denied.denial().code(), vec![denial(denied)])
        }
    };
    let images = match verdict {
        Verdict::Accept(accepted) => accepted.images().len(),
        Verdict::Deny(Denied::Images { failures, passed }) => failures.len().saturating_add(*passed),
        Verdict::Deny(Denied::Object(_)) => 0,
    };
    json!({
        "level": level,
        "message": message,
        "code": code,
        "operation": request.operation,
        "kind": request.kind.kind,
        "namespace": request.namespace,
        "images": images,
        "reasons": reasons,
        "settings_notes": notes,
        "duration_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    })
}
