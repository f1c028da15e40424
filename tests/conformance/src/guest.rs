//! The module's side of waPC: one function, a case in and its verdict out.

use kubewarden_policy_sdk::wapc_guest::{CallResult, register_function};

use crate::Case;

/// Called by the host once for each instance. waPC knows two such functions; the policy's own is the other, and it
/// is in this module as well.
#[expect(unsafe_code, reason = "waPC finds this function by its name")]
#[unsafe(no_mangle)]
pub extern "C" fn _start() {
    register_function("judge", judge);
}

fn judge(payload: &[u8]) -> CallResult {
    let case: Case = serde_json::from_slice(payload)?;
    Ok(serde_json::to_vec(&case.judge())?)
}
