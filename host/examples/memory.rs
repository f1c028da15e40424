//! How much memory the module takes for an SBOM of so many components:
//!
//!     cargo run -p sigwarden-host --example memory -- [MODULE] [COMPONENTS]
//!
//! waPC's engine keeps the instance to itself, so its few functions are written out here.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a tool for developers"
)]
#![expect(clippy::as_conversions, reason = "addresses of a module we built")]

use serde_json::{Value, json};
use sigwarden_testkit::FakeRegistry;
use sigwarden_testkit::objects::pod;
use wasmtime::{Caller, Config, Engine, Linker, Memory, Module, Store};

#[path = "support/sbom.rs"]
mod sbom;

const WASI: &str = "wasi_snapshot_preview1";

/// What a call of the guest needs, and leaves behind.
struct Call {
    payload: Vec<u8>,
    registry: FakeRegistry,
    answer: Vec<u8>,
    response: Result<Vec<u8>, String>,
}

type Guest<'c> = Caller<'c, Call>;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let module = arguments.next().unwrap_or_else(|| "policy.wasm".to_owned());
    let components = arguments.next().map_or(10_000, |number| number.parse().unwrap());
    let (settings, registry, statement) = sbom::scene(components);
    let payload = json!({"request": pod(sbom::APP), "settings": settings}).to_string().into_bytes();

    let engine = Engine::new(&Config::new()).unwrap();
    let module = Module::from_file(&engine, module).unwrap();
    let call = Call { payload, registry, answer: Vec::new(), response: Ok(Vec::new()) };
    let mut store = Store::new(&engine, call);
    let linker = linker(&engine);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let memory = instance.get_memory(&mut store, "memory").unwrap();
    let run = |store: &mut Store<Call>, name: &str| {
        if let Ok(function) = instance.get_typed_func::<(), ()>(&mut *store, name) {
            function.call(store, ()).unwrap();
        }
    };
    run(&mut store, "_initialize");
    run(&mut store, "wapc_init");
    let before = memory.data_size(&store);
    let length = i32::try_from(store.data().payload.len()).unwrap();
    let guest_call = instance.get_typed_func::<(i32, i32), i32>(&mut store, "__guest_call").unwrap();
    guest_call.call(&mut store, (OPERATION.len() as i32, length)).unwrap();
    let answer: Value = serde_json::from_slice(&store.data().answer).unwrap();
    assert_eq!(answer["accepted"], json!(true), "{answer}");
    let after = memory.data_size(&store);
    let mib = |bytes: usize| bytes as f64 / (1024.0 * 1024.0);
    println!("an SBOM of {components} components, a statement of {:.1} MiB: accepted", mib(statement));
    println!("memory of the module: {:.1} MiB at the start, {:.1} MiB at the end", mib(before), mib(after));
}

const OPERATION: &[u8] = b"validate";

fn linker(engine: &Engine) -> Linker<Call> {
    let mut linker = Linker::new(engine);
    let wapc = "wapc";
    linker
        .func_wrap(wapc, "__guest_request", |mut guest: Guest<'_>, operation: i32, payload: i32| {
            let bytes = guest.data().payload.clone();
            write(&mut guest, operation, OPERATION);
            write(&mut guest, payload, &bytes);
        })
        .unwrap()
        .func_wrap(wapc, "__guest_response", |mut guest: Guest<'_>, at: i32, length: i32| {
            guest.data_mut().answer = read(&mut guest, at, length);
        })
        .unwrap()
        .func_wrap(wapc, "__guest_error", |mut guest: Guest<'_>, at: i32, length: i32| {
            let error = read(&mut guest, at, length);
            eprintln!("{}", String::from_utf8_lossy(&error));
        })
        .unwrap()
        .func_wrap(wapc, "__host_call", host_call)
        .unwrap()
        .func_wrap(wapc, "__host_response", |mut guest: Guest<'_>, at: i32| {
            let bytes = guest.data().response.clone().unwrap_or_default();
            write(&mut guest, at, &bytes);
        })
        .unwrap()
        .func_wrap(wapc, "__host_response_len", |guest: Guest<'_>| {
            guest.data().response.as_ref().map_or(0, Vec::len) as i32
        })
        .unwrap()
        .func_wrap(wapc, "__host_error", |mut guest: Guest<'_>, at: i32| {
            let text = guest.data().response.clone().err().unwrap_or_default();
            write(&mut guest, at, text.as_bytes());
        })
        .unwrap()
        .func_wrap(wapc, "__host_error_len", |guest: Guest<'_>| {
            guest.data().response.as_ref().err().map_or(0, String::len) as i32
        })
        .unwrap()
        .func_wrap(wapc, "__console_log", |_: Guest<'_>, _: i32, _: i32| {})
        .unwrap()
        .func_wrap(WASI, "clock_time_get", |mut guest: Guest<'_>, _: i32, _: i64, at: i32| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
            write(&mut guest, at, &(now.as_nanos() as u64).to_le_bytes());
            0
        })
        .unwrap()
        .func_wrap(WASI, "environ_get", |_: Guest<'_>, _: i32, _: i32| 0)
        .unwrap()
        .func_wrap(WASI, "environ_sizes_get", |mut guest: Guest<'_>, count: i32, size: i32| {
            write(&mut guest, count, &[0; 4]);
            write(&mut guest, size, &[0; 4]);
            0
        })
        .unwrap()
        .func_wrap(WASI, "fd_write", |_: Guest<'_>, _: i32, _: i32, _: i32, _: i32| 8)
        .unwrap()
        .func_wrap(WASI, "proc_exit", |_: Guest<'_>, _: i32| {})
        .unwrap()
        .func_wrap(WASI, "random_get", |mut guest: Guest<'_>, at: i32, length: i32| {
            write(&mut guest, at, &vec![4; length as usize]);
            0
        })
        .unwrap();
    linker
}

#[expect(clippy::too_many_arguments, reason = "waPC's own")]
fn host_call(
    mut guest: Guest<'_>,
    _binding: i32,
    _binding_length: i32,
    _namespace: i32,
    _namespace_length: i32,
    operation: i32,
    operation_length: i32,
    payload: i32,
    payload_length: i32,
) -> i32 {
    let operation = String::from_utf8(read(&mut guest, operation, operation_length)).unwrap();
    let payload = read(&mut guest, payload, payload_length);
    let name = match operation.as_str() {
        "v1/manifest_digest" => "digest",
        "v1/oci_manifest" => "manifest",
        "v1/oci_manifest_config" => "config",
        _ => return 1,
    };
    let image: String = serde_json::from_slice(&payload).expect("a call about an image");
    let response = guest.data().registry.ask(name, &image);
    let is_answered = i32::from(response.is_ok());
    guest.data_mut().response = response;
    is_answered
}

fn memory(guest: &mut Guest<'_>) -> Memory {
    guest.get_export("memory").and_then(wasmtime::Extern::into_memory).unwrap()
}

fn read(guest: &mut Guest<'_>, at: i32, length: i32) -> Vec<u8> {
    memory(guest).data(guest)[at as usize..][..length as usize].to_vec()
}

fn write(guest: &mut Guest<'_>, at: i32, bytes: &[u8]) {
    memory(guest).write(guest, at as usize, bytes).unwrap();
}
