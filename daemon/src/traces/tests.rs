//! Tests of places in a trace.

use super::TraceContext;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn a_traceparent_is_read_and_written_as_the_standard_says() {
    let read = TraceContext::parse(PARENT).unwrap();
    assert_eq!(read.to_string(), PARENT);
    assert!(read.is_sampled);
    let unsampled = PARENT.replace("b7-01", "b7-00");
    assert!(!TraceContext::parse(&unsampled).unwrap().is_sampled);
    for later in [PARENT.replacen("00", "01", 1), PARENT.replacen("00", "cc", 1) + "-what-comes"] {
        assert_eq!(TraceContext::parse(&later).unwrap().to_string(), PARENT, "{later}");
    }
}

#[test]
fn anything_else_is_no_traceparent() {
    let wrong = [
        String::new(),
        "00".to_owned(),
        "é".repeat(40),
        PARENT.to_uppercase(),
        PARENT.replacen("00", "ff", 1),
        PARENT.replacen("4bf", "4bg", 1),
        PARENT.replacen('-', "_", 1),
        format!("{PARENT}-more"),
        format!("{PARENT} "),
        PARENT.replacen("00", "01", 1) + "x",
        format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
        format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{}-01", "0".repeat(16)),
    ];
    for text in wrong {
        assert_eq!(TraceContext::parse(&text), None, "{text}");
    }
}

#[test]
fn a_child_is_in_the_trace_of_its_parent_under_an_id_of_its_own() {
    let parent = TraceContext::parse(PARENT).unwrap();
    let (one, other) = (parent.child(), parent.child());
    assert_eq!((one.trace_id, one.is_sampled), (parent.trace_id, true));
    assert!(one.span_id != parent.span_id && one.span_id != other.span_id);
    assert_ne!(TraceContext::root().trace_id, TraceContext::root().trace_id);
    assert_eq!(TraceContext::parse(&TraceContext::root().to_string()).map(|read| read.is_sampled), Some(true));
}
