//! A fuzzer over the whole API: whatever it sends, nothing fails here and every answer is as described.

use std::process::Command;

use super::*;
use crate::world::program::python;

/// What is asked of every answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,negative_data_rejection,unsupported_method,missing_required_header";

#[tokio::test(flavor = "multi_thread")]
async fn a_fuzzer_finds_no_failure_and_no_answer_that_is_not_described() {
    let desk = Desk::open().await;
    let token = desk.token("root", Role::Admin, &Grant::ALL).await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(python());
    command
        .args(["-m", "schemathesis.cli", "run", &format!("{}/api/v1/openapi.json", desk.base)])
        .args(["--header", &format!("Authorization: Bearer {token}"), "--checks", CHECKS, "--seed", "7"])
        .args(["--max-examples", "20", "--phases", "examples,coverage,fuzzing", "--mode", "all"])
        .args(["--rate-limit", "45/s", "--continue-on-failure", "--no-color", "--generation-database", "none"])
        .current_dir(folder.path())
        .env_remove("PYTHONPATH")
        .env("NO_PROXY", "127.0.0.1");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let tested = format!("Tested: {}", operations().len());
    assert!(text.contains(&tested), "not every operation was tried ({tested}): {text}");
}
