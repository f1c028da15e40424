//! The module's side of waPC: three functions, JSON in and out.

use kubewarden_policy_sdk::protocol_version_guest;
use kubewarden_policy_sdk::wapc_guest::{CallResult, register_function};

use crate::evaluate::evaluate;
use crate::registry::{Clock, KubewardenHost, WallClock, log};
use crate::settings::Settings;
use crate::verdict::{Denied, Verdict, event, settings_response, validation_response};
use crate::workload::AdmissionRequest;

/// Called by the host once for each instance.
#[expect(unsafe_code, reason = "waPC finds this function by its name; nothing else in the crate is unsafe")]
#[unsafe(no_mangle)]
pub extern "C" fn wapc_init() {
    register_function("validate", validate);
    register_function("validate_settings", validate_settings);
    register_function("protocol_version", protocol_version_guest);
}

fn validate(payload: &[u8]) -> CallResult {
    let clock = WallClock::start();
    let (request, settings) = match AdmissionRequest::from_payload(payload) {
        Ok(parsed) => parsed,
        Err(error) => return answer(&Verdict::Deny(Denied::object(error)), None),
    };
    let (verdict, notes) = match Settings::parse(&settings) {
        Ok(settings) => {
            (evaluate(&settings, &request, &KubewardenHost, &clock), settings.warnings().to_vec())
        }
        Err(error) => (Verdict::Deny(Denied::object(error)), Vec::new()),
    };
    log(&event(&verdict, &request, clock.elapsed(), &notes));
    answer(&verdict, request.object.as_ref())
}

fn answer(verdict: &Verdict, object: Option<&serde_json::Value>) -> CallResult {
    Ok(serde_json::to_vec(&validation_response(verdict, object))?)
}

fn validate_settings(payload: &[u8]) -> CallResult {
    let parsed = Settings::from_json(payload);
    Ok(serde_json::to_vec(&settings_response(parsed.as_ref().map(|_| ())))?)
}
