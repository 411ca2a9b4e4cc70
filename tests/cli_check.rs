//! `pgflow check --calibrate`: how long a run will take, from a rehearsal.

#![allow(clippy::unwrap_used, clippy::panic)] // Helpers of tests are not recognised as tests.

mod common;

use common::*;
use serde_json::Value;

fn time(scratch: &Scratch, arguments: &[&str]) -> Value {
    let output = scratch.pgflow(&[&["check", "tiny.toml", "--json", "--calibrate"], arguments].concat());
    expect_code(&output, 0);
    let json: Value = serde_json::from_str(&stdout(&output)).unwrap();
    json["time"].clone()
}

#[test]
fn a_rehearsal_tells_the_time_and_writes_nothing() {
    let scratch = Scratch::new();
    scratch.write("tiny.toml", TINY);
    let whole = time(&scratch, &["--threads", "1"]);
    assert_eq!((whole["threads"].as_u64(), whole["left_out"].as_u64()), (Some(1), Some(0)));
    let part = |name: &str| whole[name].as_f64().unwrap();
    assert!(["drawing", "rounds", "recording", "application", "round"].iter().all(|name| part(name) > 0.0), "{whole:#}");
    assert!((part("seconds") - part("drawing") - part("rounds") - part("recording")).abs() < 1e-9, "{whole:#}");
    let text = stdout(&scratch.pgflow(&["check", "tiny.toml", "--calibrate", "--threads", "1"]));
    assert!(text.contains("# time on 1 threads: about "), "{text}");
    assert_eq!(scratch.names(), set(&["tiny.toml"]));
}

/// What is printed is still a configuration: the run it tells is the same.
#[test]
fn the_output_stays_a_configuration() {
    let scratch = Scratch::new();
    scratch.write("tiny.toml", TINY);
    let output = scratch.pgflow(&["check", "tiny.toml", "--calibrate"]);
    expect_code(&scratch.pgflow_with_input(&["check", "-"], &output.stdout), 0);
}

#[test]
fn steps_on_data_of_their_own_are_left_out_loudly() {
    let scratch = Scratch::new();
    let own = "[[trajectory]]\nname = \"sgd\"\n[trajectory.stochastic_gradient_descent]\nstep = 0.05\nbatch = 10\n";
    scratch.write("tiny.toml", &format!("{TINY}\n{own}"));
    assert_eq!(time(&scratch, &[])["left_out"].as_u64(), Some(1));
    let text = stdout(&scratch.pgflow(&["check", "tiny.toml", "--calibrate"]));
    assert!(text.contains("# 1 trajectories whose steps look at data of their own are not counted in it"), "{text}");
}

#[test]
fn without_a_rehearsal_nothing_is_timed() {
    let scratch = Scratch::new();
    scratch.write("tiny.toml", TINY);
    let json: Value = serde_json::from_str(&stdout(&scratch.pgflow(&["check", "tiny.toml", "--json"]))).unwrap();
    assert!(json["time"].is_null());
    let output = scratch.pgflow(&["check", "tiny.toml", "--threads", "2"]);
    expect_code(&output, 2);
    assert!(stderr(&output).contains("--calibrate"), "{}", stderr(&output));
}
